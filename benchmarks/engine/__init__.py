"""How fast gbar is beside the other simulators of the field: the same work, one core each, in turn.

    python -m benchmarks.engine [--only a,b64] [--quick] [--pairs 5]

`works` are the jobs, `peers/` the simulators (each a process in an environment of its own), `race` what runs them in
turn, `scaling` and `bound` what gbar is measured at alone, `targets` what was promised, `report` and `pictures` what is
left behind.
"""
