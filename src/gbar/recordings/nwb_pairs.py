"""Which current belongs to which response in an NWB 2 file.

In order of authority: the icephys table of intracellular recordings; the sweep number (of the series or of the
SweepTable) and electrode; and only where a file has neither, starting times or the order of the names, with a warning.
Descriptions are never consulted: in published files they run one sweep ahead.

The current is a stimulus, which is what was commanded unless it shows otherwise; or it was acquired beside the voltage,
which makes it a measured one. Where a sweep has both, the stimulus is the command.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gbar.recordings.nwb_series import begin

_NEITHER = ": the file has neither icephys tables nor sweep numbers"
_CURRENT_UNIT = re.compile(r"\s*((?i:(milli|micro|nano|pico)?amp)|([mµμunp]?A|a|na|NA|pa|PA)\s*$)")  # Pa is a pressure
_SAYS_CURRENT = re.compile(r"current|monitor|inject", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A response, its current (None for I = 0) and the parts of both that make one sweep (None: the whole).

    `monitor` is the measured current beside the commanded one; `acquired`, that `stimulus` itself was measured.
    """

    name: str
    response: Any
    stimulus: Any | None
    response_range: slice | None = None
    stimulus_range: slice | None = None
    warnings: tuple[str, ...] = ()
    monitor: Any | None = None
    acquired: bool = False
    row: int | None = None  # of the table of intracellular recordings
    number: int | None = None  # of the sweep

    @property
    def sliced(self) -> bool:
        """Whether a table cuts the sweep out of longer series, which then are in step already."""
        return self.response_range is not None or self.stimulus_range is not None

    @property
    def known_start(self) -> bool:
        """Whether the file says when the sweep began."""
        return begin(self.response) is not None


class Pairing:
    """The series of one electrode in a pynwb file, and the numbers of the sweeps that they belong to."""

    def __init__(self, file: Any, responses: list[Any], electrodes: set[str]) -> None:
        self.file, self.responses = file, responses
        self.numbers = _table_numbers(file)
        given = self._of(electrodes, (s for s in file.stimulus.values() if _is_current(s)))
        templates = file.stimulus_template.values()
        self.commands = given or self._of(electrodes, (s for s in templates if _is_current(s)))
        self.acquired = self._of(electrodes, (s for s in file.acquisition.values() if _is_acquired_current(s)))

    def _of(self, electrodes: set[str], series: Iterable[Any]) -> list[Any]:
        return [s for s in series if electrode_of(s) in electrodes | {""}]

    def number(self, series: Any) -> int | None:
        """The sweep's number: the series' own, else that of the SweepTable."""
        own = getattr(series, "sweep_number", None)
        return self.numbers.get(id(series)) if own is None else int(own)

    def pairs(self) -> tuple[list[Pair], list[str]]:
        """The sweeps in order of number and name, and what was refused and why."""
        found, left = self._from_table()
        used = {id(pair.stimulus) for pair in found}
        commands = [s for s in self.commands if id(s) not in used]
        acquired = [s for s in self.acquired if id(s) not in used]
        resting, left = self._resting(left)
        commanded, left, clashes = self._by_number(left, commands)
        measured, left, _ = self._by_number(left, acquired)
        taken = {id(pair.stimulus) for pair in (*commanded, *measured)}
        guessed, left = self._by_time_or_order(left, [s for s in commands if id(s) not in taken])
        heard, left = self._by_time_or_order(left, [s for s in acquired if id(s) not in taken])
        measured += heard
        whole = [*found, *resting, *commanded, *guessed, *(replace(pair, acquired=True) for pair in measured)]
        spare = [s for s in acquired if id(s) not in {id(pair.stimulus) for pair in measured}]
        whole = self._with_monitors(whole, spare)
        refused = [clashes.get(id(r)) or _missing(r) for r in left]
        return _distinct(sorted((replace(p, number=self.number(p.response)) for p in whole), key=_order)), refused

    def _resting(self, responses: list[Any]) -> tuple[list[Pair], list[Any]]:
        """I = 0 has no current by definition."""
        resting = [r for r in responses if is_resting(r)]
        return [Pair(r.name, r, None) for r in resting], [r for r in responses if not is_resting(r)]

    def _from_table(self) -> tuple[list[Pair], list[Any]]:
        """The pairs that the table of intracellular recordings names, and the responses that it does not."""
        table = getattr(self.file, "intracellular_recordings", None)
        if table is None or "responses" not in table.category_tables or "stimuli" not in table.category_tables:
            return [], self.responses
        known = {id(r) for r in self.responses}
        acquired = {id(s) for s in self.file.acquisition.values()}
        answered, stimuli = table.get_category("responses")["response"], table.get_category("stimuli")
        columns = [name for name in ("stimulus", "stimulus_template") if name in stimuli.colnames]
        found, mentioned = [], set()
        for row in range(len(table)):
            answer = answered[row]
            response = answer.timeseries
            if id(response) not in known or answer.count <= 0:
                continue
            given = next((g for g in (stimuli[c][row] for c in columns) if g.count > 0), None)
            if is_resting(response):
                source, cut = None, None
            elif given is not None and _is_current(given.timeseries):
                source, cut = given.timeseries, _range(given)
            else:
                continue
            mentioned.add(id(response))
            pair = Pair(response.name, response, source, _range(answer), cut, acquired=id(source) in acquired, row=row)
            found.append(pair)
        return found, [r for r in self.responses if id(r) not in mentioned]

    def _by_number(self, responses: list[Any], stimuli: list[Any]) -> tuple[list[Pair], list[Any], dict[int, str]]:
        """Pairs of one sweep number, where that (with the starting time, if need be) names one of each.

        Also the responses that are left, and the reasons why a number does not tell.
        """
        found, clashes = [], {}
        mine, theirs = defaultdict(list), defaultdict(list)
        for response in responses:
            mine[self.number(response), electrode_of(response)].append(response)
        for stimulus in stimuli:
            theirs[self._numbered(stimulus)].append(stimulus)
        for (number, _), group in mine.items():
            given = [s for s in theirs[number] if _same_electrode(s, group[0])]
            if number is None or not given:
                continue
            starts = Counter(_start(r) for r in group)
            for response in group:
                fitting = (
                    given if len(group) == len(given) == 1 else [s for s in given if _start(s) == _start(response)]
                )
                if len(fitting) != 1 or starts[_start(response)] > 1:
                    why = f"sweep number {number} belongs to {len(group)} responses and {len(given)} stimuli"
                    clashes[id(response)] = f"{response.name}: {why}: which belongs to which is not said"
                    continue
                (stimulus,) = fitting
                named = f"paired with {stimulus.name} by the number in its name"
                notes = () if self.number(stimulus) is not None else (named,)
                found.append(Pair(response.name, response, stimulus, warnings=notes))
        done = {id(pair.response) for pair in found}
        return found, [r for r in responses if id(r) not in done], clashes

    def _numbered(self, series: Any) -> int | None:
        """The number of a current's sweep; a series of a type that has none may carry it at the end of its name."""
        number = self.number(series)
        if number is None and not hasattr(series, "sweep_number"):
            ending = re.search(r"(\d+)\D*$", series.name)
            return int(ending[1]) if ending else None
        return number

    def _by_time_or_order(self, responses: list[Any], stimuli: list[Any]) -> tuple[list[Pair], list[Any]]:
        """Pairs of what states no sweep number: equal, distinct starting times, else equal counts in the names' order.

        Anything that states a number belongs to that sweep alone and is not guessed at.
        """
        missing = [r for r in responses if self.number(r) is not None]
        responses = [r for r in responses if self.number(r) is None]
        stimuli = [s for s in stimuli if self.number(s) is None]
        found: list[Pair] = []
        for electrode in sorted({electrode_of(r) for r in responses}):
            mine = [r for r in responses if electrode_of(r) == electrode]
            theirs = sorted((s for s in stimuli if _same_electrode(s, mine[0])), key=lambda s: natural(s.name))
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

    def _with_monitors(self, pairs: list[Pair], acquired: list[Any]) -> list[Pair]:
        """The pairs with the measured current beside the commanded one, where one number names one of each."""
        times = Counter(self._numbered(s) for s in acquired)
        by_number = {self._numbered(s): s for s in acquired if times[self._numbered(s)] == 1}
        of = Counter(self.number(pair.response) for pair in pairs)
        result = []
        for pair in pairs:
            number = self.number(pair.response)
            alone = number is not None and of[number] == 1 and not pair.sliced and not pair.acquired
            monitor = by_number.get(number) if alone and pair.stimulus is not None else None
            result.append(replace(pair, monitor=monitor))
        return result


def responses_of(file: Any) -> tuple[list[Any], list[str]]:
    """The current-clamp series of a file in the order of their names, and what was refused and why."""
    from pynwb.icephys import CurrentClampSeries, PatchClampSeries, VoltageClampSeries

    kept, refused = [], []
    for series in file.acquisition.values():
        if isinstance(series, CurrentClampSeries):
            kept.append(series)
        elif isinstance(series, VoltageClampSeries) and not _is_acquired_current(series):
            refused.append(f"{series.name}: voltage clamp (a VoltageClampSeries); gbar reads current clamp")
        elif type(series) is PatchClampSeries and not _is_current(series):
            refused.append(f"{series.name}: a PatchClampSeries, which does not say what was clamped")
    return sorted(kept, key=lambda s: natural(s.name)), sorted(refused, key=natural)


def electrode_of(series: Any) -> str:
    """The name of the electrode; empty for a series without one."""
    return str(getattr(getattr(series, "electrode", None), "name", ""))


def is_resting(series: Any) -> bool:
    """Whether nothing was injected (I = 0)."""
    from pynwb.icephys import IZeroClampSeries

    return isinstance(series, IZeroClampSeries)


def _is_current(series: Any) -> bool:
    """Whether a series is the current of a current clamp: by its type, or a series of no such type by its unit."""
    from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries, VoltageClampStimulusSeries

    if isinstance(series, CurrentClampStimulusSeries):
        return True
    if isinstance(series, CurrentClampSeries | VoltageClampStimulusSeries):
        return False
    return bool(_CURRENT_UNIT.match(str(getattr(series, "unit", ""))))


def _is_acquired_current(series: Any) -> bool:
    """Whether an acquired series is the measured current of a current clamp.

    A VoltageClampSeries is one only where its name or description says so: else it is what it is called.
    """
    from pynwb.icephys import VoltageClampSeries

    if not _is_current(series):
        return False
    texts = f"{series.name} {series.description} {series.comments}"
    told = re.search(r"current[\s_-]*clamp", texts, re.IGNORECASE) and _SAYS_CURRENT.search(series.name)
    return not isinstance(series, VoltageClampSeries) or bool(told)


def _same_electrode(series: Any, response: Any) -> bool:
    return electrode_of(series) in (electrode_of(response), "")


def _missing(response: Any) -> str:
    return f"{response.name}: no stimulus; the current that was injected is not in the file"


def _table_numbers(file: Any) -> dict[int, int]:
    """The sweep numbers that the SweepTable gives to series, by their id."""
    table = getattr(file, "sweep_table", None)
    if table is None or not {"series", "sweep_number"} <= set(table.colnames):
        return {}
    numbers = table["sweep_number"]
    return {id(series): int(numbers[row]) for row in range(len(table)) for series in table["series"][row]}


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sorting key under which Step__10 follows Step__2."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p.lower()) for p in re.split(r"(\d+)", name) if p]


def _order(pair: Pair) -> tuple[Any, ...]:
    first = pair.response_range.start if pair.response_range else 0
    return (pair.number is None, pair.number or 0, natural(pair.response.name), first)


def _range(reference: Any) -> slice | None:
    """The samples that a reference of the table covers; None where they are the whole series."""
    start, count = int(reference.idx_start), int(reference.count)
    if start <= 0 and count >= len(reference.timeseries.data):
        return None
    return slice(start, start + count)


def _start(series: Any) -> float:
    return round(begin(series) or 0.0, 6)


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
