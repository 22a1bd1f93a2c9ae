"""`gbar data vet` and `gbar data plot`: the classes of stored rows, counted with any limits, and drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt16

from gbar.cell import Cell, read_cell
from gbar.criteria import UNITS, Criteria, Window
from gbar.dataset import Dataset, open_dataset
from gbar.errors import DatasetError
from gbar.features import VITALS
from gbar.files import refuse_existing
from gbar.protocol import Protocol
from gbar.report.output import picture_format, write_figure
from gbar.report.tables import number, percent, text_table
from gbar.report.vetting import EXAMPLES, ClassOfRows, Example, vetting_figure
from gbar.vetting import ABOVE, BELOW, Finding, Vetting, apart, classify, measure, worded
from gbar.workflows.progress import Progress, Silent

FINE = "in order"
TOLD = 3  # parameters that the table names
_BY = {"rest", "peak", "ahp"}  # features whose limits a line in a trace shows


@dataclass(frozen=True)
class Recount:
    """The classes of a data set's rows by some criteria, and the features that they came from."""

    data: Dataset
    protocol: Protocol
    vetting: Vetting
    features: Float32[np.ndarray, "row stimulus vital"]
    classes: UInt16[np.ndarray, " row"]

    def members(self) -> dict[Finding, Bool[np.ndarray, " row"]]:
        """The rows of the classes that have any, those in order first (`Finding(0)`)."""
        found = {Finding(0): self.classes == 0} | {f: (self.classes & np.uint16(f)) != 0 for f in Finding}
        return {finding: inside for finding, inside in found.items() if inside.any()}


def recount(
    store: Path,
    settings: Sequence[str] = (),
    *,
    cell: str | Path | Cell | None = None,
    progress: Progress | None = None,
) -> Recount:
    """Sorts the rows of the data set at `store` into classes; nothing in it is changed.

    The criteria are those that it was made with, those of `cell` if one is given, with `settings` changed ("rest.high=
    -50 mV"). The traces are only read if their features are not stored, or a plateau is to be another. Raises
    DatasetError for reduced traces, ParameterError for settings that are none.
    """
    data, progress = open_dataset(store), progress or Silent()
    about = data.manifest
    protocol = Protocol.from_json(about.protocol)
    if tuple(layout.samples for layout in about.layouts) != protocol.samples or about.rig is not None:
        what = "it holds reduced or filtered traces, which cannot be vetted"
        raise DatasetError(what, file=store, remedy="vet simulations")
    names = [stimulus.name for stimulus in protocol.stimuli]
    stored = about.vetting or Vetting(Criteria(), about.sites[0])
    criteria = stored.criteria
    if cell is not None:
        criteria = (cell if isinstance(cell, Cell) else read_cell(cell)).vetting.under(names)
    vetting = Vetting(criteria.changed(settings, names), stored.site)
    if about.vetting is not None and vetting.criteria.level == stored.criteria.level:
        features = np.asarray(data.column("features"), np.float32)
    else:
        features = _measured(data, protocol, vetting, progress)
    return Recount(data, protocol, vetting, features, classify(features, data.status, protocol, vetting.criteria))


def _measured(
    data: Dataset, protocol: Protocol, vetting: Vetting, progress: Progress
) -> Float32[np.ndarray, "row stimulus vital"]:
    """The features of the stored traces, a block at a time."""
    found, site = [], data.manifest.sites.index(vetting.site)
    with progress.stage("measured", "rows") as report:
        for start, stop in data.blocks:
            found.append(measure(data.read(slice(start, stop)), protocol, vetting.criteria.level, site=site))
            report(stop, len(data))
    return np.concatenate(found)


def vet_dataset(
    store: Path,
    settings: Sequence[str] = (),
    *,
    cell: str | Path | Cell | None = None,
    progress: Progress | None = None,
) -> str:
    """A table of the classes: how many rows, by which limits, and the parameters in which they lie apart."""
    counted = recount(store, settings, cell=cell, progress=progress)
    data, unit = counted.data, counted.data.unit
    lines, members = [], counted.members()
    for (finding, inside), far in zip(members.items(), apart(unit, list(members.values())), strict=True):
        count = int(inside.sum())
        told = [_told(data, unit, inside, int(k)) for k in np.argsort(-far, kind="stable")[:TOLD] if far[k] > 0]
        lines.append([_name(finding), f"{count:,}", percent(count / len(data)), why(finding, counted), ", ".join(told)])
    header = ["class", "rows", "share", "limits", "where (median, -1 low to 1 high)"]
    title = f"{store}: {len(data):,} rows of {data.manifest.cell}, vetted at {counted.vetting.site}"
    origin = "" if data.manifest.vetting is not None else " (measured in the stored traces; not vetted when made)"
    return f"{title}{origin}\n\n{text_table(header, lines)}\n\nA row may be in several classes; none is left out.\n"


def plot_dataset(
    store: Path,
    output: Path,
    settings: Sequence[str] = (),
    *,
    cell: str | Path | Cell | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Draws examples of every class, and where in parameter space each lies, into a picture."""
    picture_format(output)
    refuse_existing(output, overwrite, "")
    counted = recount(store, settings, cell=cell, progress=progress)
    unit = counted.data.unit
    members = counted.members()
    far = apart(unit, list(members.values()))
    classes = [_drawn(counted, *member, of) for member, of in zip(members.items(), far, strict=True)]
    return write_figure(vetting_figure(classes, unit, counted.data.manifest.space), output)


def why(finding: Finding, counted: Recount) -> str:
    """What puts a row into a class, in words, with the limits: "width 0.1 to 5 ms"."""
    if not finding:
        return ""
    if finding is Finding.SILENT:
        return "no spike under any stimulus"
    if finding in (Finding.NON_FINITE, Finding.OUT_OF_RANGE):
        return "the simulation failed"
    criteria, features = counted.vetting.criteria, _features(finding)
    told = [_limit(name, "", criteria, finding) for name in features]
    for stimulus, own in criteria.stimuli.items():
        limits = [_limit(name, stimulus, criteria, finding) for name in features if name in own]
        told += [f"{stimulus}: {limit}" for limit in limits if limit]
    return "; ".join(limit for limit in told if limit)


def _features(finding: Finding) -> list[str]:
    """The features that can put a row into a class."""
    return [name for name in UNITS if finding in (BELOW.get(name), ABOVE.get(name))]


def _limit(name: str, stimulus: str, criteria: Criteria, finding: Finding) -> str:
    """The limits of a feature that keep rows out of a class, in words: "rest -100 to -40 mV"; "" if there are none."""
    window, unit = criteria.window(name, stimulus), "" if UNITS[name] == "1" else f" {UNITS[name]}"
    above = f" above {number(criteria.level)} mV" if name == "plateau" else ""
    low = BELOW.get(name) is finding and window.low > _LEAST.get(name, -math.inf)
    high = ABOVE[name] is finding and math.isfinite(window.high)
    if low and high:
        return f"{name} {number(window.low)} to {number(window.high)}{unit}"
    if low:
        return f"{name} {number(window.low)}{unit} or more"
    return f"{name} up to {number(window.high)}{unit}{above}" if high else ""


_LEAST = {"spikes": 0.0, "rate": 0.0}  # what cannot be less has no lower limit


def _name(finding: Finding) -> str:
    return worded(finding) if finding else FINE


def _told(data: Dataset, unit: np.ndarray, inside: Bool[np.ndarray, " row"], k: int) -> str:
    return f"{data.manifest.space.names[k]} {float(np.median(unit[inside, k])):+.2f}".replace("-", "\N{MINUS SIGN}")


def _drawn(
    counted: Recount, finding: Finding, inside: Bool[np.ndarray, " row"], far: Float[np.ndarray, " parameter"]
) -> ClassOfRows:
    """A class with its examples, spread evenly over its rows, each under a stimulus that puts it there."""
    rows = np.flatnonzero(inside)
    chosen = rows[np.unique(((np.arange(EXAMPLES) + 0.5) / EXAMPLES * len(rows)).astype(int))]
    criteria = counted.vetting.criteria
    windows = [criteria.window(name) for name in _features(finding) if name in _BY]
    limits = [end for window in windows for end in (window.low, window.high) if math.isfinite(end)]
    limits += [criteria.level] if finding is Finding.DEPOLARISATION_BLOCK else []
    examples = tuple(_example(counted, finding, int(row)) for row in chosen)
    return ClassOfRows(_name(finding), inside, why(finding, counted), examples, tuple(limits), far)


def _example(counted: Recount, finding: Finding, row: int) -> Example:
    traces = counted.data.read([row])
    i = _guilty(counted, finding, row)
    site = counted.data.manifest.sites.index(counted.vetting.site)
    stimulus = counted.protocol.stimuli[i].name
    title = f"row {row:,}" + (f", {stimulus}" if len(counted.protocol.stimuli) > 1 else "")
    return Example(title, traces.v[i][0, site], traces.sampling[i])


def _guilty(counted: Recount, finding: Finding, row: int) -> int:
    """The first stimulus that puts a row into a class; the one with the most spikes where none of them does alone."""
    for i, stimulus in enumerate(counted.protocol.stimuli):
        for name in _features(finding):
            window: Window = counted.vetting.criteria.window(name, stimulus.name)
            value = counted.features[row, i, list(VITALS).index(name)]
            if (value < window.low and BELOW.get(name) is finding) or (value > window.high and ABOVE[name] is finding):
                return i
    spikes = np.nan_to_num(counted.features[:, :, list(VITALS).index("spikes")])
    return int(spikes.mean(axis=0).argmax())
