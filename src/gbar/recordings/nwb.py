"""Neurodata Without Borders, version 2: current-clamp sweeps of one cell.

What is read: CurrentClampSeries and IZeroClampSeries, each with the current that belongs to it, one sweep at a time.
Format: https://nwb-schema.readthedocs.io (icephys); Rübel et al. 2022, doi 10.7554/eLife.78362.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError, TooLarge
from gbar.recordings.nwb_file import opened
from gbar.recordings.nwb_pairs import Pair, Pairing, electrode_of, responses_of
from gbar.recordings.nwb_series import Unusable, length, samples, timing
from gbar.recordings.nwb_set_up import amplifier_of, conditions_of, device_of, junction_of, said, subject_of
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import MAX_CURRENT, complaint, doubts
from gbar.recordings.stimulus import noise_level

_NO_CURRENT: tuple[str, ...] = ("an I = 0 sweep: no current was injected",)
_BYTES = 8  # of a sample
_MOST_BYTES = 2_000_000_000  # of all sweeps in memory
_SAYS_MEASURED = re.compile(r"monitor|measured|recorded current|current (?:was )?recorded|read-?out", re.IGNORECASE)
_SAYS_COMMAND = re.compile(r"\bcommand", re.IGNORECASE)
_INCLUDED = re.compile(r"holding current of (\S+) nA included")


def read_nwb(
    path: Path, *, electrode: str | None = None, sweeps: Sequence[str] | None = None, allow_large: bool = False
) -> dict[str, Any]:
    """The parts of a `Recording` that an NWB 2 file holds.

    `electrode` is the name (or a pattern, as in elec*) of the one to read where a file has several, `sweeps` the names
    of those to read. Voltage-clamp sweeps, sweeps without a stimulus and damaged ones are listed in `refused`, each
    with its reason. Raises RecordingError if the file is not NWB 2, or no sweep of it can be used.
    """
    with opened(path) as file:
        return _contents(file, path, electrode, sweeps, allow_large)


def _contents(
    file: Any, path: Path, electrode: str | None, wanted: Sequence[str] | None, allow_large: bool
) -> dict[str, Any]:
    responses, refused = responses_of(file)
    responses = _of_one_cell(responses, electrode, path)
    found, unpaired = Pairing(file, responses, {electrode_of(r) for r in responses}).pairs()
    refused += unpaired
    if wanted is not None:
        found = _wanted(found, wanted, path)
    _check_size(found, path)
    conditions, bath = conditions_of(file), said(file.pharmacology)
    sweeps, used = [], []
    for index, pair in enumerate(found):
        condition = conditions.get(pair.row, bath) if pair.row is not None else bath
        try:
            sweeps.append(_sweep(pair, index, condition, allow_large))
            used.append(pair)
        except Unusable as reason:
            refused.append(str(reason))
        except OSError as error:  # what h5py raises where the data themselves are damaged
            refused.append(f"sweep {pair.name}: its data are damaged ({str(error).splitlines()[0][:100]})")
    if not sweeps:
        raise _nothing(file, path, refused)
    potential, corrected = junction_of(file)
    return {
        "sweeps": _in_order(sweeps, used),
        "refused": tuple(refused),
        "description": said(file.session_description),
        "device": device_of(file),
        "junction_potential": potential,
        "junction_corrected": corrected,
        "started": file.session_start_time,
        "subject": subject_of(file),
    }


def _of_one_cell(responses: list[Any], electrode: str | None, path: Path) -> list[Any]:
    """The responses of the electrode that was named; without a name, of the only one. Raises RecordingError."""
    counts = Counter(electrode_of(r) for r in responses)
    holds = ", ".join(f"{name!r} ({n} sweeps)" for name, n in sorted(counts.items()))
    if electrode is None:
        if len(counts) > 1:
            choose = f"name one: electrode={min(counts)!r} (--electrode), or '*' where they are one place in one cell"
            raise RecordingError(f"holds current clamp of {len(counts)} electrodes: {holds}", file=path, remedy=choose)
        return responses
    exact = electrode in counts
    kept = [
        r for r in responses if (electrode_of(r) == electrode if exact else fnmatchcase(electrode_of(r), electrode))
    ]
    if not kept:
        raise RecordingError(
            f"no current clamp of an electrode {electrode!r}", file=path, remedy=f"it has {holds or 'none'}"
        )
    return kept


def _wanted(found: list[Pair], names: Sequence[str], path: Path) -> list[Pair]:
    """The sweeps of these names."""
    known = [pair.name for pair in found]
    for name in names:
        if name not in known:
            some = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
            raise RecordingError(f"no sweep {name!r}", file=path, remedy=f"the sweeps are {some}")
    return [pair for pair in found if pair.name in names]


def _check_size(found: list[Pair], path: Path) -> None:
    """Refuses what would not fit in memory, before any of it is read. A sweep too long by itself is refused alone."""
    sizes = [length(pair.response, pair.response_range) * _BYTES * (3 if pair.monitor else 2) for pair in found]
    total = sum(size for size in sizes if size <= _MOST_BYTES)
    if total > _MOST_BYTES:
        what = f"its {len(found)} sweeps take {total / 1e9:.3g} GB in memory, more than {_MOST_BYTES / 1e9:g} GB"
        some = ", ".join(pair.name for pair in found[:3])
        raise TooLarge(what, file=path, remedy=f"name those to read with --sweeps (they are {some}, ...)")


def _nothing(file: Any, path: Path, refused: list[str]) -> RecordingError:
    clamped = sum(": voltage clamp" in reason for reason in refused)
    if clamped and clamped == len(refused):
        what = f"holds only voltage clamp ({clamped} sweeps); gbar reads current clamp"
        return RecordingError(what, file=path, remedy="give the cell's current-clamp recording")
    if refused:
        more = f" (and {len(refused) - 1} more sweeps were refused)" if len(refused) > 1 else ""
        return RecordingError(f"no usable sweep: {refused[0]}{more}", file=path)
    holds = ", ".join(f"{type(s).__name__} {name}" for name, s in list(file.acquisition.items())[:3]) or "nothing"
    return RecordingError(
        f"no current-clamp sweep; its acquisition holds {holds}",
        file=path,
        remedy="give a recording whose voltages are CurrentClampSeries",
    )


def _sweep(pair: Pair, index: int, condition: str, allow_large: bool) -> Sweep:
    """One sweep in mV, nA and ms on one grid; raises Unusable with the reason."""
    name = pair.name
    v, notes = samples(pair.response, "mV", name, pair.response_range)
    dt, start = timing(pair.response, name, pair.response_range)
    notes = pair.warnings + notes
    measured = None
    if pair.stimulus is None:  # I = 0: no current by definition
        current, notes = np.zeros_like(v), notes + _NO_CURRENT
    else:
        v, current, more = _beside(pair, v, dt, start, pair.stimulus, pair.stimulus_range)
        notes += more
        if pair.monitor is not None:
            measured = _monitor(pair, v, dt, start)
    heard = pair.stimulus is not None and measured is None and _is_measured(pair, current)
    current, holding, more = _with_holding(pair, current, heard)
    notes += more
    reason = complaint(name, v, current, dt, allow_large)
    if reason:
        raise Unusable(reason)
    if heard:
        measured = current
    amplifier, more = amplifier_of(pair.response)
    return Sweep(
        name,
        v,
        current,
        dt,
        start if pair.known_start else float(index),
        notes + more + doubts(v, current, dt),
        holding,
        stimulus=said(getattr(pair.stimulus or pair.response, "stimulus_description", "")),
        condition=condition,
        monitored=measured,
        amplifier=amplifier,
        place=str(getattr(pair.response.data, "name", "")).removesuffix("/data"),
    )


def _beside(
    pair: Pair, v: Float[np.ndarray, " time"], dt: float, start: float, series: Any, cut: slice | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The voltage and a current on the voltage's grid, and warnings."""
    current, found = samples(series, "nA", pair.name, cut)
    step, onset = timing(series, pair.name, cut)
    offset, unclear = _offset(pair, start, onset, dt)
    v, current, more = _aligned(pair.name, v, dt, current, step, offset)
    return v, current, found + unclear + more


def _monitor(pair: Pair, v: Float[np.ndarray, " time"], dt: float, start: float) -> np.ndarray | None:
    """The measured current beside the commanded one; None where it does not cover the sweep."""
    try:
        _, measured, _ = _beside(pair, v, dt, start, pair.monitor, None)
    except Unusable:
        return None
    return measured if len(measured) == len(v) and np.isfinite(measured).all() else None


def _is_measured(pair: Pair, current: Float[np.ndarray, " time"]) -> bool:
    """Whether a current was measured: acquired, said to be so, or noisy from the start, as no command is."""
    if pair.acquired:
        return True
    given: Any = pair.stimulus
    texts = f"{given.name} {given.description} {given.comments}"
    if _SAYS_MEASURED.search(texts):
        return True
    return not _SAYS_COMMAND.search(texts) and noise_level(current) > 0.0


def _offset(pair: Pair, start: float, onset: float, dt: float) -> tuple[float, tuple[str, ...]]:
    """How long after the stimulus (at `onset`, s) the response (at `start`, s) begins, in ms, and warnings.

    Many writers leave the stimulus's start at 0 and give the response's alone: such a pair is taken as simultaneous.
    """
    offset = (start - onset) * 1e3
    if pair.sliced or round(offset / dt) == 0:
        return 0.0, ()
    if onset == 0.0:
        return 0.0, (f"the response begins at {start:g} s, the stimulus at 0 s: taken as simultaneous",)
    return offset, ()


def _aligned(
    name: str,
    v: Float[np.ndarray, " time"],
    dt: float,
    current: Float[np.ndarray, " stimulus"],
    step: float,
    offset: float,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Voltage and current on the voltage's grid; `offset` is how long after the stimulus the response begins, ms.

    Raises Unusable if they do not overlap.
    """
    notes = []
    if abs(step - dt) > 1e-6 * dt:
        count = int(np.floor((len(current) - 1) * step / dt + 1e-6)) + 1
        held = np.minimum((np.arange(count) * dt / step + 1e-6).astype(int), len(current) - 1)
        current = current[held]
        notes.append(f"stimulus sampled every {step:g} ms, voltage every {dt:g} ms: held between its samples")
    shift = round(offset / dt)
    if shift:
        begins = f"the response begins {abs(offset):g} ms {'after' if shift > 0 else 'before'} the stimulus"
        if shift >= len(current) or -shift >= len(v):
            raise Unusable(f"sweep {name}: {begins}: they do not overlap")
        v, current = (v, current[shift:]) if shift > 0 else (v[-shift:], current)
        notes.append(f"{begins}: the overlap is used")
    length = min(len(v), len(current))
    if len(v) != len(current):
        notes.append(f"{len(v)} samples of voltage, {len(current)} of current: the first {length} of both are used")
    return v[:length], current[:length], tuple(notes)


def _with_holding(
    pair: Pair, current: Float[np.ndarray, " time"], measured: bool
) -> tuple[Float[np.ndarray, " time"], float | None, tuple[str, ...]]:
    """The current with the amplifier's bias current added, unless the stimulus already begins with it.

    A measured current that begins nearer to it than to 0 has it in it, as a command that begins within 10 % of it.
    """
    included = _INCLUDED.search(str(getattr(pair.stimulus, "comments", "")))
    if included:
        return current, float(included[1]), ()
    bias = getattr(pair.response, "bias_current", None)
    if bias is None or not np.isfinite(bias) or not len(current):
        return current, None, ()
    holding = float(bias) * 1e9
    if holding == 0.0:
        return current, 0.0, ()
    if abs(holding) > MAX_CURRENT:
        return current, None, (f"bias current of {holding:g} nA disregarded: is it in pA?",)
    begin = float(np.median(current[: max(1, min(50, len(current)))]))
    near = abs(begin) if measured else max(0.1 * abs(holding), 5e-4)
    if abs(begin - holding) <= near:
        return current, holding, (f"holding current {holding * 1e3:.4g} pA, already part of the stimulus",)
    return current + holding, holding, (f"holding current {holding * 1e3:.4g} pA added to the stimulus",)


def _in_order(sweeps: list[Sweep], found: list[Pair]) -> tuple[Sweep, ...]:
    """Sweeps by their start where every one has its own; `pairs` has put them in the order of number and name."""
    distinct = len({s.start for s in sweeps}) == len(sweeps)
    if not all(pair.known_start for pair in found) or not distinct:
        return tuple(replace(s, start=float(k)) for k, s in enumerate(sweeps))
    ordered = sorted(sweeps, key=lambda s: s.start)
    zero = ordered[0].start
    return tuple(replace(s, start=s.start - zero) for s in ordered)
