"""Neurodata Without Borders, version 2: current-clamp sweeps of one cell.

The file is opened read-only, links to other files are refused before anything is read, and nothing in it is executed.
Format: https://nwb-schema.readthedocs.io (icephys); Rübel et al. 2022, doi 10.7554/eLife.78362.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from gbar.errors import RecordingError
from gbar.recordings.nwb_pairs import Pair, pairs
from gbar.recordings.nwb_series import Unusable, samples, timing
from gbar.recordings.recording import Sweep
from gbar.recordings.sanity import MAX_CURRENT, complaint, doubts

_ALL = slice(None)
_LONGEST_VERSION = 1000  # bytes
_NO_CURRENT: tuple[str, ...] = ("an I = 0 sweep: no current was injected",)
_JUNCTION = re.compile(r"junction potential\D{0,20}?(-?\d+(?:\.\d+)?)\s*mV", re.IGNORECASE)


def read_nwb(path: Path, *, allow_large: bool = False) -> dict[str, Any]:
    """The parts of a `Recording` that an NWB 2 file holds: sweeps, refused, description, junction_potential.

    Voltage-clamp sweeps, sweeps without a stimulus and damaged ones are listed in `refused`, each with its reason.
    Raises RecordingError if the file is not NWB 2, or no sweep of it can be used.
    """
    try:
        with _opened(path) as h5:
            _check_links(h5, path)
            _check_layout(h5, path)
            with _nwb_file(h5) as file:
                return _contents(file, path, allow_large)
    except (RecordingError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes h5py, hdmf and pynwb raise whatever their parts raise
        first = (str(error).strip().splitlines() or [""])[0][:160]
        what = f"cannot be read as NWB 2: {type(error).__name__}: {first}"
        raise RecordingError(what, file=path, remedy="check it with pynwb-validate, or copy it again") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    try:
        h5 = h5py.File(path, "r")
    except OSError as error:
        reason = "the file is truncated" if "truncated" in str(error) else "it is damaged"
        what = f"not a readable HDF5 file: {reason}"
        raise RecordingError(what, file=path, remedy="copy or download it again") from error
    with h5:
        yield h5


def _check_layout(h5: Any, path: Path) -> None:
    """Refuses NWB 1 (version in a data set of the root) and HDF5 that is not NWB."""
    import h5py

    version, stored = h5.attrs.get("nwb_version"), h5.get("nwb_version")
    if version is None and isinstance(stored, h5py.Dataset) and stored.size == 1 and stored.nbytes < _LONGEST_VERSION:
        version = np.asarray(stored[()]).reshape(-1)[0]
    text = version.decode(errors="replace") if isinstance(version, bytes) else str(version or "")
    old = re.match(r"(?:NWB-)?1\b", text) or (not text and {"epochs", "general", "acquisition"} <= set(h5))
    if old:
        raise RecordingError(
            f"an NWB 1 file ({text or 'by its layout'}), gbar reads NWB 2",
            file=path,
            remedy="convert it (x-to-nwb), get the NWB 2 version (DANDI archive), or export the sweeps as CSV",
        )
    if not re.match(r"(?:NWB-)?2\b", text):
        raise RecordingError(
            f"an HDF5 file, but not NWB 2 (nwb_version is {text or 'missing'})",
            file=path,
            remedy="export the sweeps as NWB 2, CSV or NPZ",
        )


def _check_links(h5: Any, path: Path) -> None:
    """Refuses data that lie in other files, without touching them."""
    import h5py

    seen, groups = set(), [h5]
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name.rstrip('/')}/{name}"
            if isinstance(link, h5py.ExternalLink):
                raise _elsewhere(path, place, link.filename)
            if not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                if item.external:
                    raise _elsewhere(path, place, item.external[0][0])
                if item.is_virtual:
                    raise _elsewhere(path, place, item.virtual_sources()[0].file_name)
            elif isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    groups.append(item)


def _elsewhere(path: Path, place: str, target: Any) -> RecordingError:
    return RecordingError(
        f"{place} lies in another file ({target}); links to other files are not followed",
        file=path,
        remedy="export the recording as one self-contained NWB file",
    )


@contextmanager
def _nwb_file(h5: Any) -> Iterator[Any]:
    """The view of pynwb on the file; its many warnings about old versions are of no use to the reader."""
    from pynwb import NWBHDF5IO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield NWBHDF5IO(file=h5, mode="r", load_namespaces=True).read()


def _contents(file: Any, path: Path, allow_large: bool) -> dict[str, Any]:
    found, refused = pairs(file)
    sweeps = []
    for index, pair in enumerate(found):
        try:
            sweeps.append(_sweep(pair, index, allow_large))
        except Unusable as reason:
            refused.append(str(reason))
    if not sweeps:
        raise _nothing(file, path, refused)
    return {
        "sweeps": _in_order(sweeps, found),
        "refused": tuple(refused),
        "description": " ".join(str(file.session_description or "").split()),
        "junction_potential": _junction(file),
    }


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
        f"no current-clamp sweep; its acquisition holds {holds}", file=path, remedy="give a current-clamp recording"
    )


def _sweep(pair: Pair, index: int, allow_large: bool) -> Sweep:
    """One sweep in mV, nA and ms on one grid; raises Unusable with the reason."""
    name = pair.name
    v, found = samples(pair.response, "mV", name)
    dt, start = timing(pair.response, len(v), name)
    start += (pair.response_range.start if pair.response_range else 0) * dt * 1e-3
    v = v[pair.response_range or _ALL]
    if pair.stimulus is None:  # I = 0: no current by definition
        current, more = np.zeros_like(v), _NO_CURRENT
    else:
        current, other = samples(pair.stimulus, "nA", name)
        step, onset = timing(pair.stimulus, len(current), name)
        current = current[pair.stimulus_range or _ALL]
        offset, unclear = _offset(pair, start, onset, dt)
        v, current, more = _aligned(name, v, dt, current, step, offset)
        more = other + unclear + more
    current, holding, last = _with_holding(pair.response, current)
    reason = complaint(name, v, current, dt, allow_large)
    if reason:
        raise Unusable(reason)
    notes = pair.warnings + found + more + last + doubts(v, current, dt)
    return Sweep(name, v, current, dt, start if pair.known_start else float(index), notes, holding)


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
    response: Any, current: Float[np.ndarray, " time"]
) -> tuple[Float[np.ndarray, " time"], float | None, tuple[str, ...]]:
    """The current with the amplifier's bias current added, unless the stimulus already begins with it."""
    bias = getattr(response, "bias_current", None)
    if bias is None or not np.isfinite(bias) or not len(current):
        return current, None, ()
    holding = float(bias) * 1e9
    if holding == 0.0:
        return current, 0.0, ()
    if abs(holding) > MAX_CURRENT:
        return current, None, (f"bias current of {holding:g} nA disregarded: is it in pA?",)
    begin = float(np.median(current[: max(1, min(50, len(current)))]))
    if abs(begin - holding) <= max(0.1 * abs(holding), 5e-4):
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


def _junction(file: Any) -> float | None:
    """The liquid junction potential in mV, if the file's texts state one and only one."""
    fields = ("notes", "protocol", "session_description", "experiment_description")
    texts = [str(getattr(file, field, "") or "") for field in fields]
    texts += [f"{s.comments} {s.description}" for s in file.acquisition.values()]
    texts += [f"{e.description} {e.filtering}" for e in file.icephys_electrodes.values()]
    values = {float(value) for text in texts for value in _JUNCTION.findall(text)}
    return values.pop() if len(values) == 1 else None
