"""What an ion's reversal potential follows from, and what a cell must state of it: NEURON's ion styles."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gbar import mechanism
from gbar.cell import Painted, Region
from gbar.cell.ions import ion_uses
from gbar.errors import CellError

USES = {  # what a mechanism does with calcium
    "reads_e": ("READ eca", "WRITE ica", "BREAKPOINT { ica = 1e-4 * (v - eca) }"),
    "reads_ci": ("READ cai", "", "INITIAL { x = cai }"),
    "reads_co": ("READ cao", "", "INITIAL { x = cao }"),
    "writes_ci": ("", "WRITE cai", "INITIAL { cai = 1e-4 }"),
    "writes_co": ("", "WRITE cao", "INITIAL { cao = 3 }"),
    "writes_e": ("", "WRITE eca", "INITIAL { eca = 100 }"),
}


def text(name):
    reads, writes, code = USES[name]
    declared = "ASSIGNED { v (mV) eca (mV) cai (mM) cao (mM) ica (mA/cm2) x (mM) }"
    return f"NEURON {{ SUFFIX {name} USEION ca {reads} {writes} }}\n{declared}\n{code}\n"


MECHANISMS = {name: mechanism.parse(text(name), file=f"{name}.mod") for name in USES}
EVERY = [c for k in (1, 2, 3) for c in itertools.permutations(USES, k)]

SCRIPT = """
import json, sys
from neuron import h
h.nrn_load_dll(sys.argv[1])
styles = []
for names in json.loads(sys.stdin.read()):
    section = h.Section()
    for name in names:
        section.insert(name)
    styles.append(int(h.ion_style("ca_ion", sec=section)))
print(json.dumps(styles))
"""


def test_every_combination_has_neuron_s_style(nrn, tmp_path):
    for name in USES:
        (tmp_path / f"{name}.mod").write_text(text(name))
    program = Path(sys.executable).with_name("nrnivmodl")
    command = [str(program) if program.exists() else str(shutil.which("nrnivmodl")), "."]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (library,) = [*tmp_path.glob("*/libnrnmech.*"), *tmp_path.glob("*/.libs/libnrnmech.*")][:1]
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(library)],
        input=json.dumps(EVERY),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    styles = json.loads(run.stdout.strip().splitlines()[-1])
    for names, style in zip(EVERY, styles, strict=True):
        expected = "always" if style & 0o100 else "at start" if style & 0o40 else "never"
        assert ion_uses(MECHANISMS[name] for name in names)["ca"].nernst == expected, names


def region(*names, reversals=None, concentrations=None, fixed=()):
    painted = tuple(Painted(MECHANISMS[name]) for name in names)
    return Region("soma", 1.0, painted, reversals or {}, None, concentrations or {}, frozenset(fixed))


BOTH = {"cai": 5e-5, "cao": 2.0}


@pytest.mark.parametrize(
    ("names", "reversals", "concentrations", "fixed"),
    [
        (["reads_e"], {"eca": 140}, {}, ()),
        (["reads_ci"], {}, {"cai": 1e-4}, ()),
        (["writes_ci"], {}, {"cai": 1e-4}, ()),
        (["reads_e", "reads_ci"], {}, BOTH, ()),
        (["reads_e", "writes_ci"], {}, BOTH, ()),
        (["reads_e", "writes_ci"], {"eca": 140}, {"cai": 1e-4}, ("eca",)),
        (["reads_e", "writes_e"], {"eca": 140}, {}, ()),
        (["reads_e", "reads_ci", "writes_e"], {"eca": 140}, {"cai": 1e-4}, ()),
    ],
)
def test_what_is_needed_is_enough(names, reversals, concentrations, fixed):
    whole = region(*names, reversals=reversals, concentrations=concentrations, fixed=fixed)
    assert whole.reversals == reversals and whole.concentrations == concentrations
    for name in concentrations:
        less = {n: x for n, x in concentrations.items() if n != name}
        with pytest.raises(
            CellError, match=rf"add `{name}: (5e-05|2) mM` \(NEURON's default\) under regions.soma.conc"
        ):
            region(*names, reversals=reversals, concentrations=less, fixed=fixed)
    if reversals:
        with pytest.raises(CellError, match="eca, which the cell does not state; add `eca: 140 mV` under"):
            region(*names, concentrations=concentrations, fixed=fixed)
    with pytest.raises(CellError, match="nothing of soma needs ki; take it out"):
        region(*names, reversals=reversals, concentrations=concentrations | {"ki": 1.0}, fixed=fixed)


def test_a_reversal_potential_that_follows_is_not_stated_unless_it_is_fixed():
    with pytest.raises(CellError) as caught:
        region("reads_e", "writes_ci", reversals={"eca": 140}, concentrations=BOTH)
    assert (
        "eca of soma follows from cai and cao, since writes_ci uses them; take eca out, or write `eca: {fixed: 140 mV}`"
        in str(caught.value)
    )
    with pytest.raises(CellError, match=r"cai\.soma is -1\.0 mM; give a concentration above 0"):
        region("reads_ci", concentrations={"cai": -1})


def ion(name, valence, reads="READ eq"):
    declared = "ASSIGNED { v eq iq qi qo }"
    said = f"VALENCE {valence}" if valence is not None else ""
    source = f"NEURON {{ SUFFIX {name} USEION q {reads} WRITE iq {said} }}\n{declared}\nBREAKPOINT {{ iq = v - eq }}"
    return mechanism.parse(source, file=f"{name}.mod")


def test_valences():
    assert ion_uses([MECHANISMS["reads_e"]])["ca"].valence == 2.0
    assert ion_uses([ion("one", -2)])["q"].valence == -2.0
    assert ion_uses([ion("one", None), ion("two", 3)])["q"].valence == 3.0
    with pytest.raises(CellError, match=r"two\.mod: two gives q the valence 2, one 1; state one VALENCE"):
        ion_uses([ion("one", 1), ion("two", 2)])
    assert ion_uses([ion("one", None)])["q"].valence == 0.0  # which nothing reads
    with pytest.raises(CellError, match="eq follows from qi and qo, and no mechanism says the valence of q"):
        ion_uses([ion("one", None, "READ eq, qi")])
