"""`gbar channels`: what was understood of .mod files, as text and as pictures of their gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from gbar import mechanism as mechanisms
from gbar.errors import UserError
from gbar.files import make_folder, refuse_existing, write_whole
from gbar.kernel.gating import Response, response, surroundings
from gbar.mechanism import Mechanism
from gbar.workflows.channel_checks import check_mechanism

if TYPE_CHECKING:
    from gbar.report.channels import Line, Panel

MARK = "channels.txt"  # the text, in the folder of pictures
VOLTAGES = np.linspace(-100.0, 60.0, 641)  # mV
CONCENTRATIONS = np.logspace(-5, 0, 301)  # mM
HELD_CONCENTRATIONS = (1e-4, 1e-3, 1e-2)  # mM
HELD_VOLTAGES = (-65.0, -20.0, 20.0)  # mV


@dataclass(frozen=True)
class Understood:
    """A mechanism under a name, what there is to say of it, and what it does under a held voltage."""

    name: str
    mechanism: Mechanism
    warnings: tuple[str, ...]
    celsius: float
    known: Mapping[str, float]
    by_voltage: Mapping[str, Response]  # by what is held, as in "cai 0.001 mM"; "" where nothing is
    by_concentration: Mapping[str, Mapping[str, Response]]  # concentration -> the voltage held -> response

    def moving(self, responses: Mapping[str, Response]) -> tuple[str, ...]:
        """The states whose steady state or time constant changes along the points of these responses."""
        return tuple(
            state
            for state in self.mechanism.states
            if any(_changes(r.steady[state]) or _changes(r.tau[state]) for r in responses.values())
        )


def channels(
    files: Sequence[str | Path], output: Path | None = None, *, celsius: float = 34.0, overwrite: bool = False
) -> str:
    """The text about mechanisms; with `output`, that text and one picture a mechanism are put into this folder.

    `files`: .mod files, or names of mechanisms that ship. `celsius`: the temperature (degC) of rates that depend on it.
    Raises NmodlError for the first file that gbar does not accept, OutputError if the folder cannot be written.

    >>> print(channels(["pas"]).splitlines()[0])
    pas: Passive leak
    """
    if output is not None:
        refuse_existing(output, overwrite, MARK)
    if not -50.0 <= celsius <= 100.0:
        raise UserError(f"the temperature {celsius:g} degC is none of a neuron", remedy="give --celsius in degC")
    understood = [understand(name, one, celsius) for name, one in _named(files)]
    text = "\n".join(described(one) for one in understood)
    if output is None:
        return text
    pictures = [(f"{one.name.replace('/', '_')}.png", one) for one in understood if _panels(one)]
    make_folder(output)
    for name, one in pictures:
        _draw(one, output / name)
    write_whole(output / MARK, text)
    return f"{text}\n{len(pictures)} picture(s) in {output}\n"


def understand(name: str, mechanism: Mechanism, celsius: float) -> Understood:
    """Runs a mechanism's blocks at held voltages and, where it reads concentrations that matter, at held voltages."""
    known = surroundings(mechanism, celsius)
    inside = [n for n in known if n in {f"{ion.name}i" for ion in mechanism.ions} and not _written(mechanism, n)]
    along = {n: _along(mechanism, known, n) for n in inside}
    one = Understood(name, mechanism, check_mechanism(mechanism), celsius, known, {}, {})
    along = {n: responses for n, responses in along.items() if one.moving(responses)}
    plain = {"": response(mechanism, VOLTAGES, known)}
    by_voltage = plain
    if len(along) == 1:
        (ion,) = along
        by_voltage = {_held(ion, c, "mM"): response(mechanism, VOLTAGES, known | {ion: c}) for c in HELD_CONCENTRATIONS}
    return Understood(name, mechanism, one.warnings, celsius, known, by_voltage, along)


def described(one: Understood) -> str:
    """What was understood of a mechanism, in lines."""
    from gbar.report.tables import text_table, unit_text

    m = one.mechanism
    lines = [f"{one.name}: {m.title}" if m.title else one.name, f"  file        {m.file}"]
    if one.name.rpartition("/")[2] != m.name:
        lines.append(f"  SUFFIX      {m.name}")
    currents = ", ".join(f"{c.name} ({c.ion or 'nonspecific'})" for c in m.currents)
    lines.append(f"  currents    {currents or 'none'}")
    lines += [f"  ion {ion.name:<7} {_ion(ion)}" for ion in m.ions]
    lines.append(f"  states      {', '.join(m.states) or 'none'}")
    if m.assigned:
        lines.append(f"  kept        {', '.join(m.assigned)}")
    if m.parameters:
        table = text_table(
            ("parameter", "default", "unit", "scope", "bounds"),
            [(p.name, f"{p.value:g}", unit_text(p.unit) or "1", p.scope, _bounds(p)) for p in m.parameters],
        )
        lines += ["", *(f"  {line}" for line in table.splitlines())]
    lines += ["", *(f"  {line}" for line in _gates(one).splitlines())] if m.states else []
    lines += [f"  warning: {warning}" for warning in one.warnings] or ["  no warnings"]
    return "\n".join(lines) + "\n"


def _named(files: Sequence[str | Path]) -> list[tuple[str, Mechanism]]:
    """The mechanisms under their names in a shipped set, or their SUFFIX; a number where that is taken."""
    if not files:
        raise UserError("no mechanism is named", remedy="give .mod files, or names of mechanisms that ship")
    found, seen = [], Counter[str]()
    for file in files:
        one = mechanisms.read(_file(str(file)))
        name = mechanisms.shipped_name(one) or one.name
        seen[name] += 1
        found.append((name if seen[name] == 1 else f"{name}-{seen[name]}", one))
    return found


def _file(named: str) -> Path:
    """The .mod file that an argument names: a path, or a mechanism that ships."""
    if Path(named).is_dir():
        raise UserError("is a folder", file=named, remedy=f"give its files: {Path(named) / '*.mod'}")
    if named.lower().endswith(".mod") or Path(named).is_file():
        return Path(named)
    return mechanisms.shipped_file(named)


def _written(mechanism: Mechanism, variable: str) -> bool:
    return any(variable in ion.writes for ion in mechanism.ions)


def _along(mechanism: Mechanism, known: Mapping[str, float], variable: str) -> dict[str, Response]:
    v = np.ones_like(CONCENTRATIONS)
    return {
        _held("v", at, "mV"): response(mechanism, at * v, {**known, variable: CONCENTRATIONS}) for at in HELD_VOLTAGES
    }


def _held(name: str, value: float, unit: str) -> str:
    from gbar.report.channels import condition

    return condition(name, value, unit)


def _changes(values: Float[np.ndarray, " point"]) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and float(np.ptp(finite)) > 1e-9 * float(np.abs(finite).max())


def _ion(ion: mechanisms.Ion) -> str:
    parts = [f"reads {', '.join(ion.reads)}"] if ion.reads else []
    parts += [f"writes {', '.join(ion.writes)}"] if ion.writes else []
    parts += [f"valence {ion.valence:g}"] if ion.valence is not None else []
    return "; ".join(parts) or "neither read nor written"


def _bounds(parameter: mechanisms.MechanismParameter) -> str:
    if parameter.low is None or parameter.high is None:
        return ""
    return f"{parameter.low:g} to {parameter.high:g}"


def _gates(one: Understood) -> str:
    """A table of the states: their range over voltage, where they are half, and their time constants."""
    from gbar.report.tables import number, span, text_table

    found = next(iter(one.by_voltage.values()))
    rows = []
    for state in one.mechanism.states:
        steady, tau = found.steady[state], found.tau[state]
        fine, timed = steady[np.isfinite(steady)], tau[np.isfinite(tau)]
        what = "not found" if not len(fine) else span(fine.min(), fine.max()) if _changes(fine) else number(fine[0])
        time = "" if not len(timed) else span(timed.min(), timed.max()) if _changes(timed) else number(timed[0])
        rows.append((state, what, _half(steady), time or "none of its own"))
    held = next(iter(one.by_voltage))
    header = ("state", f"steady at {VOLTAGES[0]:g} to {VOLTAGES[-1]:g} mV", "half at mV", "time constant ms")
    return text_table(header, rows) + f"\n{_conditions(one)}{', ' * bool(held)}{held}"


def _half(steady: Float[np.ndarray, " point"]) -> str:
    """Where a state passes the middle of 0 and 1, once."""
    from gbar.report.tables import number

    above = steady > 0.5
    (at,) = np.nonzero(above[1:] != above[:-1])
    if len(at) != 1 or not np.isfinite(steady).all() or steady.max() > 1.0 + 1e-9 or steady.min() < -1e-9:
        return ""
    k = int(at[0])
    share = (0.5 - steady[k]) / (steady[k + 1] - steady[k])
    return number(float(VOLTAGES[k] + share * (VOLTAGES[k + 1] - VOLTAGES[k])))


def _conditions(one: Understood) -> str:
    """Under which conditions tables and pictures hold."""
    from gbar.report.tables import number, quantity

    own = {p.name for p in one.mechanism.parameters}
    units = {"celsius": "degC", "area": "um2", "diam": "um"}
    held = []
    for name, value in one.known.items():
        if name == "celsius":
            held.append(quantity(value, "degC"))
        elif name not in own and name not in one.by_concentration:
            unit = units.get(name) or _ion_unit(one.mechanism, name)
            held.append(f"{name} {number(value, 4)} {unit}".replace("um2", "µm²").replace("um", "µm").strip())
    return "at " + ", ".join([*held, "default parameters"])


def _ion_unit(mechanism: Mechanism, name: str) -> str:
    for ion in mechanism.ions:
        if name in (f"{ion.name}i", f"{ion.name}o"):
            return "mM"
        if name == f"i{ion.name}":
            return "mA/cm2"
    return "mV"


def _panels(one: Understood) -> list[list[Panel]]:
    """The rows of panels: against voltage, then against each concentration that matters."""
    rows = [_row(one, one.by_voltage, "voltage", "mV", VOLTAGES)]
    rows += [_row(one, r, n, "mM", CONCENTRATIONS) for n, r in one.by_concentration.items()]
    if one.by_concentration and not any(panel.label != "steady current" for panel in rows[0]):
        rows = [[*rows[1][:2], *rows[0]], *rows[2:]]  # gates of calcium alone: one row
    return [row for row in rows if row]


def _row(
    one: Understood, responses: Mapping[str, Response], axis: str, unit: str, x: Float[np.ndarray, " point"]
) -> list[Panel]:
    from gbar.report.channels import Panel

    gates = one.moving(responses)
    if len(responses) > 1 and axis != "voltage" and not one.moving(one.by_voltage):
        responses = {"": next(iter(responses.values()))}  # the same at every voltage

    def panel(label: str, of: str, kind: str, names: Sequence[str], log_y: bool = False) -> Panel | None:
        lines = [
            line for n in names for line in _lines(n, {held: getattr(r, kind)[n] for held, r in responses.items()})
        ]
        lines = [line for line in lines if np.isfinite(line.y).any()]
        if kind == "current":
            of, lines = _readable(lines)
        return Panel(label, of, axis, unit, x, tuple(lines), axis != "voltage", log_y) if lines else None

    currents = [c.name for c in one.mechanism.currents] if axis == "voltage" else []
    row: list[Any] = [
        panel("steady state", "", "steady", gates),
        panel("time constant", "ms", "tau", gates, log_y=True),
        panel("steady current", "mA/cm2", "current", currents),
    ]
    return [found for found in row if found is not None]


def _lines(name: str, values: Mapping[str, Float[np.ndarray, " point"]]) -> list[Line]:
    """A line for each of the things held; one for all if they do not matter."""
    from gbar.report.channels import Line

    first = next(iter(values.values()))
    if all(np.allclose(first, y, rtol=1e-9, atol=0.0, equal_nan=True) for y in values.values()):
        return [Line(name, first)]
    return [Line(name, y, held) for held, y in values.items()]


def _readable(currents: Sequence[Line]) -> tuple[str, list[Line]]:
    """Current densities in the unit of mA, uA, nA and pA that gives numbers from 1 on."""
    largest = max((float(np.nanmax(np.abs(line.y))) for line in currents), default=0.0)
    steps = (("mA/cm2", 1.0), ("uA/cm2", 1e3), ("nA/cm2", 1e6), ("pA/cm2", 1e9))
    unit, scale = next((step for step in steps if largest * step[1] >= 1.0), steps[0])
    return unit, [replace(line, y=line.y * scale) for line in currents]


def _draw(one: Understood, file: Path) -> None:
    from gbar.report.channels import channel_figure
    from gbar.report.output import write_figure

    title = f"{one.name}: {one.mechanism.title}" if one.mechanism.title else one.name
    write_figure(channel_figure(title, _conditions(one), _panels(one)), file)
