"""What a simulated cell must do to pass as one: limits on a few features, visible, stated per cell, changed by name.

The features are those of `gbar.features.vitals`. A limit that a row misses under any stimulus puts the row into a class
(`gbar.vetting`); nothing is left out for it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gbar import document, units
from gbar.document import Node, nearest
from gbar.errors import ParameterError

SIDES = ("low", "high")
NONE = "none"


@dataclass(frozen=True)
class Window:
    """What a feature may be, both ends included; an end that is infinite is no limit."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ParameterError(f"nothing lies from {self.low:g} to {self.high:g}", remedy="give low, then high")


UNITS: Mapping[str, str] = MappingProxyType(
    {"rest": "mV", "spikes": "1", "rate": "Hz", "peak": "mV", "width": "ms", "ahp": "mV", "plateau": "ms"}
)


@dataclass(frozen=True)
class Criteria:
    """A window for each feature; `stimuli` has those that are others under one stimulus, by its name.

    >>> Criteria().changed(["rest.high=-50 mV"]).rest
    Window(low=-100.0, high=-50.0)
    """

    rest: Window = Window(-100.0, -40.0)  # mV, before the stimulus
    spikes: Window = Window(0.0)  # in a sweep
    rate: Window = Window(0.0, 300.0)  # Hz, within the stimulus
    peak: Window = Window(-10.0, 70.0)  # mV, the mean over spikes, as the next two
    width: Window = Window(0.1, 5.0)  # ms above -20 mV
    ahp: Window = Window(-100.0, -35.0)  # mV, the lowest behind a spike
    plateau: Window = Window(0.0, 50.0)  # ms above `level` in which no spike begins: depolarisation block
    level: float = -40.0  # mV
    stimuli: Mapping[str, Mapping[str, Window]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stimuli", {name: dict(own) for name, own in self.stimuli.items() if own})
        if not math.isfinite(self.level):
            raise ParameterError(f"the level of a plateau is {self.level:g} mV", remedy="give a finite voltage")

    def window(self, feature: str, stimulus: str = "") -> Window:
        """What a feature may be, under a stimulus if it is named."""
        found: Window = self.stimuli.get(stimulus, {}).get(feature, getattr(self, feature))
        return found

    def under(self, stimuli: Collection[str]) -> Criteria:
        """Without the windows of other stimuli than these."""
        return replace(self, stimuli={name: own for name, own in self.stimuli.items() if name in stimuli})

    def changed(self, settings: Iterable[str], stimuli: Iterable[str] = ()) -> Criteria:
        """With some ends set anew, as in "width.high=3 ms", "level=-35 mV", "strong_step.spikes.low=2".

        Raises ParameterError for what is none, and for a stimulus that is none of `stimuli`.
        """
        changed = self
        for setting in settings:
            path, equals, value = setting.partition("=")
            if not equals:
                raise ParameterError(f"{setting!r} sets nothing", remedy="write for example 'width.high=3 ms'")
            tree: Any = value.strip()
            *stimulus, feature, side = path.strip().rsplit(".", 2) if "." in path else [path.strip(), ""]
            tree = {feature: {side: tree} if side else tree}
            tree = {"stimuli": {stimulus[0]: tree}} if stimulus else tree
            changed = Criteria.from_node(document.of(tree, ParameterError), stimuli, changed)
        return changed

    def to_json(self) -> dict[str, Any]:
        """A dictionary with units beside the numbers, as under `vetting` in a cell's YAML."""
        data: dict[str, Any] = {name: _window_json(getattr(self, name), unit) for name, unit in UNITS.items()}
        data["level"] = units.exact(self.level, "mV")
        own = {
            stimulus: {name: _window_json(window, UNITS[name]) for name, window in windows.items()}
            for stimulus, windows in self.stimuli.items()
        }
        return data | ({"stimuli": own} if own else {})

    @staticmethod
    def from_node(node: Node, stimuli: Iterable[str], base: Criteria | None = None) -> Criteria:
        """The criteria that an entry of a document describes; what it leaves out is as in `base`.

        Its stimuli must be among `stimuli`.
        """
        base = base or Criteria()
        entries = node.mapping(optional=(*UNITS, "level", "stimuli"))
        given: dict[str, Any] = {n: _window(e, n, getattr(base, n)) for n, e in entries.items() if n in UNITS}
        if "level" in entries:
            given["level"] = entries["level"].quantity("mV")
        changed = replace(base, **given)
        if "stimuli" not in entries:
            return changed
        own = {name: dict(windows) for name, windows in base.stimuli.items()}
        for name, entry in entries["stimuli"].mapping(optional=None).items():
            if name not in stimuli:
                hint = f"{nearest(name, stimuli)}there are: {', '.join(stimuli)}"
                raise (entry.key or entry).fail(f"{name!r} is no stimulus", hint)
            windows = entry.mapping(optional=tuple(UNITS))
            own[name] = own.get(name, {}) | {n: _window(e, n, changed.window(n, name)) for n, e in windows.items()}
        return replace(changed, stimuli=own)

    def differences(self, other: Criteria) -> tuple[str, ...]:
        """Where the other criteria are others, as in "rest.high -40 mV, not -50 mV"."""
        mine, theirs = _flat(self.to_json()), _flat(other.to_json())
        missing = "not stated"
        names = [name for name in mine | theirs if mine.get(name) != theirs.get(name)]
        return tuple(f"{name} {mine.get(name, missing)}, not {theirs.get(name, missing)}" for name in names)


def _window_json(window: Window, unit: str) -> dict[str, str]:
    plain = "" if unit == "1" else unit
    return {
        side: units.exact(end, plain) if math.isfinite(end) else NONE
        for side, end in zip(SIDES, (window.low, window.high), strict=True)
    }


def _window(node: Node, feature: str, base: Window) -> Window:
    """A window as a document states it, `{low: -90 mV, high: none}`; an end that it leaves out is that of `base`."""
    entries = node.mapping(optional=SIDES)
    if not entries:
        raise node.fail("states no limit", f"write for example {{high: 5 {UNITS[feature]}}}")
    ends = {"low": base.low, "high": base.high}
    for side, entry in entries.items():
        none = math.inf if side == "high" else -math.inf
        ends[side] = none if entry.value == NONE else entry.quantity(UNITS[feature])
    with node.blamed():
        return Window(**ends)


def _flat(data: Mapping[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in data.items():
        found |= _flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": str(value)}
    return found
