"""Which stimulus belongs to which response in an NWB 2 file.

In order of authority: the icephys table of intracellular recordings; the sweep number (SweepTable) and electrode; and
only where a file has neither, starting times or the order of the names, with a warning. Descriptions are never
consulted: in published files they run one sweep ahead.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

_NEITHER = ": the file has neither icephys tables nor sweep numbers"


@dataclass(frozen=True)
class Pair:
    """A response, its stimulus (None for I = 0) and the parts of both that make one sweep (None: the whole)."""

    name: str
    response: Any
    stimulus: Any | None
    response_range: slice | None = None
    stimulus_range: slice | None = None
    warnings: tuple[str, ...] = ()

    @property
    def sliced(self) -> bool:
        """Whether a table cuts the sweep out of longer series, which then are in step already."""
        return self.response_range is not None or self.stimulus_range is not None

    @property
    def known_start(self) -> bool:
        """Whether the file says when the sweep began."""
        return self.response.starting_time is not None or self.response.timestamps is not None


def pairs(file: Any) -> tuple[list[Pair], list[str]]:
    """The current-clamp sweeps of a pynwb file in order of number and name, and what was refused and why."""
    responses, refused = _responses(file)
    found, left = _from_table(file, responses)
    stimuli = [s for s in file.stimulus.values() if type(s).__name__ == "CurrentClampStimulusSeries"]
    used = {id(pair.stimulus) for pair in found}
    stimuli = [s for s in stimuli if id(s) not in used]
    numbered, left, stimuli = _by_number(left, stimuli)
    rest, missing = _by_time_or_order(left, stimuli)
    refused += [f"{r.name}: no stimulus; the current that was injected is not in the file" for r in missing]
    return _distinct(sorted(found + numbered + rest, key=_order)), refused


def _responses(file: Any) -> tuple[list[Any], list[str]]:
    kept, refused = [], []
    for series in file.acquisition.values():
        kind = type(series).__name__
        if kind in ("CurrentClampSeries", "IZeroClampSeries"):
            kept.append(series)
        elif kind == "VoltageClampSeries":
            refused.append(f"{series.name}: voltage clamp (a VoltageClampSeries); gbar reads current clamp")
        elif kind == "PatchClampSeries":
            refused.append(f"{series.name}: a PatchClampSeries, which does not say what was clamped")
    return sorted(kept, key=lambda s: natural(s.name)), sorted(refused, key=natural)


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sorting key under which Step__10 follows Step__2."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p.lower()) for p in re.split(r"(\d+)", name) if p]


def _order(pair: Pair) -> tuple[Any, ...]:
    number = getattr(pair.response, "sweep_number", None)
    return (
        number is None,
        int(number or 0),
        natural(pair.response.name),
        pair.response_range.start if pair.response_range else 0,
    )


def _from_table(file: Any, responses: list[Any]) -> tuple[list[Pair], list[Any]]:
    """The pairs that the table of intracellular recordings names, and the responses that it does not."""
    table = getattr(file, "intracellular_recordings", None)
    if table is None or "responses" not in table.category_tables or "stimuli" not in table.category_tables:
        return [], responses
    known = {id(r) for r in responses}
    answered, given = table["responses"]["response"], table["stimuli"]["stimulus"]
    found, mentioned = [], set()
    for row in range(len(table)):
        answer, stimulus = answered[row], given[row]
        response = answer.timeseries
        if id(response) not in known or answer.count <= 0:
            continue
        if type(response).__name__ == "IZeroClampSeries":
            source, cut = None, None
        elif stimulus.count > 0 and type(stimulus.timeseries).__name__ == "CurrentClampStimulusSeries":
            source, cut = stimulus.timeseries, _range(stimulus)
        else:
            continue
        mentioned.add(id(response))
        found.append(Pair(response.name, response, source, _range(answer), cut))
    return found, [r for r in responses if id(r) not in mentioned]


def _range(reference: Any) -> slice | None:
    """The samples that a reference of the table covers; None where they are the whole series."""
    start, count = int(reference.idx_start), int(reference.count)
    if start <= 0 and count >= len(reference.timeseries.data):
        return None
    return slice(start, start + count)


def _electrode(series: Any) -> str:
    return str(getattr(getattr(series, "electrode", None), "name", ""))


def _by_number(responses: list[Any], stimuli: list[Any]) -> tuple[list[Pair], list[Any], list[Any]]:
    """Pairs of one sweep number and electrode, where that names one response and one stimulus."""

    def key(series: Any) -> tuple[int, str] | None:
        number = getattr(series, "sweep_number", None)
        return None if number is None else (int(number), _electrode(series))

    times = Counter(key(r) for r in responses), Counter(key(s) for s in stimuli)
    by_key = {key(s): s for s in stimuli}
    found, left, used = [], [], set()
    for response in responses:
        name = key(response)
        if type(response).__name__ == "IZeroClampSeries":
            found.append(Pair(response.name, response, None))
        elif name is not None and times[0][name] == 1 and times[1][name] == 1:
            found.append(Pair(response.name, response, by_key[name]))
            used.add(id(by_key[name]))
        else:
            left.append(response)
    return found, left, [s for s in stimuli if id(s) not in used]


def _by_time_or_order(responses: list[Any], stimuli: list[Any]) -> tuple[list[Pair], list[Any]]:
    """Pairs of what states no sweep number: equal, distinct starting times, else equal counts in the names' order.

    Anything that states a number belongs to that sweep alone and is not guessed at.
    """
    missing = [r for r in responses if getattr(r, "sweep_number", None) is not None]
    responses = [r for r in responses if getattr(r, "sweep_number", None) is None]
    stimuli = [s for s in stimuli if getattr(s, "sweep_number", None) is None]
    found: list[Pair] = []
    for electrode in sorted({_electrode(r) for r in responses}):
        mine = [r for r in responses if _electrode(r) == electrode]
        theirs = sorted((s for s in stimuli if _electrode(s) == electrode), key=lambda s: natural(s.name))
        begun = {_start(s): s for s in theirs}
        starts = {_start(r) for r in mine}
        if len(begun) == len(theirs) > 1 and len(starts) == len(mine) and starts <= set(begun):
            note = f"paired with its stimulus by starting time{_NEITHER}"
            found += [Pair(r.name, r, begun[_start(r)], warnings=(note,)) for r in mine]
        elif len(mine) == len(theirs):
            note = f"paired with its stimulus by the order of their names{_NEITHER}"
            found += [Pair(r.name, r, s, warnings=(note,)) for r, s in zip(mine, theirs, strict=True)]
        else:
            missing += mine
    return found, missing


def _start(series: Any) -> float:
    first = series.starting_time if series.timestamps is None else series.timestamps[0]
    return round(float(first or 0.0), 6)


def _distinct(found: list[Pair]) -> list[Pair]:
    """The pairs with a name each, where a table makes several sweeps of one series."""
    times = Counter(pair.name for pair in found)
    seen: Counter[str] = Counter()
    result = []
    for pair in found:
        name = pair.name
        if times[name] > 1:
            seen[name] += 1
            name = f"{name}[{seen[name]}]"
        result.append(replace(pair, name=name))
    return result
