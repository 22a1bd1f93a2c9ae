"""What an NWB 2 file says of the set-up: electrode and amplifier, device, bath, subject, junction potential."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gbar.recordings.junction import stated_junction
from gbar.recordings.recording import Amplifier

_OHM = {"": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3}
_RESISTANCE = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*([kmg]?)(?:eg)?a?\s*(?:ohms?\b|[ΩΩ])", re.IGNORECASE)
_FREQUENCY = re.compile(r"(\d+(?:\.\d+)?)\s*(k?)Hz", re.IGNORECASE)
_SERIES = re.compile(r"(?:series|access) resistance\W{0,3}(?:\w+\s+){0,2}?([\d.]+\s*\S+)", re.IGNORECASE)
_FILTER = re.compile(r"(?:low-?\s?pass|bessel|filter)\w*\W{0,3}(?:\w+[\s-]+){0,4}?([\d.]+\s*k?Hz)", re.IGNORECASE)
_TEXTS = ("notes", "protocol", "session_description", "experiment_description", "data_collection")
_PLAUSIBLE_BRIDGE = (1e4, 1e9)  # ohm
_PLAUSIBLE_CAPACITANCE = (1e-14, 1e-9)  # farad
_UNSAID = {"", "n/a", "na", "none", "unknown", "no description", "no comments", "nan", "not stated"}
_UNNAMED = {"device", "amplifier"}
_SUBJECT = ("subject_id", "species", "sex", "age", "genotype", "strain", "description", "weight")


def said(value: Any) -> str:
    """A text of the file in one line; empty where it says nothing."""
    text = " ".join(str(value if value is not None else "").split())
    return "" if text.lower() in _UNSAID else text


def amplifier_of(series: Any) -> tuple[Amplifier, tuple[str, ...]]:
    """What is said of electrode and amplifier with a response, and warnings about values that make no sense."""
    electrode = getattr(series, "electrode", None)
    own = f"{said(series.comments)}; {said(series.description)}"
    notes: list[str] = []
    bridge = _scaled(series, "bridge_balance", "ohm", 1e-6, _PLAUSIBLE_BRIDGE, notes)
    capacitance = _scaled(series, "capacitance_compensation", "farad", 1e12, _PLAUSIBLE_CAPACITANCE, notes)
    filters = [*_FILTER.findall(own), said(getattr(electrode, "filtering", ""))]
    accesses = [*_SERIES.findall(own), said(getattr(electrode, "initial_access_resistance", ""))]
    return Amplifier(bridge, _megaohm(accesses), _kilohertz(filters), capacitance), tuple(notes)


def _scaled(
    series: Any, name: str, unit: str, factor: float, plausible: tuple[float, float], notes: list[str]
) -> float | None:
    """A number that NWB wants in SI, in gbar's unit; None, with a warning, where it is in no such unit."""
    value = getattr(series, name, None)
    if value is None or value != value:
        return None
    value = float(value)
    if value == 0.0 or plausible[0] <= abs(value) <= plausible[1]:
        return float(f"{value * factor:.12g}")
    notes.append(f"{name} of {value:g} {unit} disregarded: is it in another unit?")
    return None


def _megaohm(texts: list[str]) -> float | None:
    """The first resistance with a unit."""
    for text in texts:
        found = _RESISTANCE.findall(text)
        if len(found) == 1:
            return float(found[0][0]) * _OHM[found[0][1].lower()]
    return None


def _kilohertz(texts: list[str]) -> float | None:
    """The first text with one frequency; where a text has several, which is the low-pass is not known."""
    for text in texts:
        found = _FREQUENCY.findall(text)
        if len(found) == 1:
            return float(found[0][0]) * (1.0 if found[0][1] else 1e-3)
    return None


def device_of(file: Any) -> str:
    """Amplifiers and digitisers: name, description and maker of each device."""
    told = []
    for device in file.devices.values():
        maker, about = said(device.manufacturer), said(device.description)
        name = "" if device.name.lower() in _UNNAMED else device.name
        told.append(": ".join(part for part in (name, about) if part) + (f" ({maker})" if maker else ""))
    return "; ".join(part.strip() for part in told if part.strip())


def subject_of(file: Any) -> dict[str, str]:
    """Species, sex, age and so on, as far as stated."""
    subject = file.subject
    found = {name: said(getattr(subject, name, None)) for name in _SUBJECT} if subject is not None else {}
    return {name: value for name, value in found.items() if value}


def junction_of(file: Any) -> tuple[float | None, bool | None]:
    """The liquid junction potential in mV and whether it is corrected, as far as the file's texts say so."""
    texts = [said(getattr(file, field, "")) for field in _TEXTS]
    texts += [
        f"{said(getattr(s, 'comments', ''))}; {said(getattr(s, 'description', ''))}" for s in file.acquisition.values()
    ]
    texts += [f"{said(e.description)}; {said(e.filtering)}" for e in file.icephys_electrodes.values()]
    return stated_junction(texts)


def conditions_of(file: Any) -> dict[int, str]:
    """The bath of each row of the table of intracellular recordings, where the table of conditions names it."""
    table = file.icephys_experimental_conditions
    if table is None:
        return {}
    named = [name for name in table.colnames if name != "repetitions"]
    found: dict[int, str] = {}
    for k in range(len(table)):
        text = "; ".join(said(table[name][k]) for name in named)
        for row in _rows_of(file, k):
            found[row] = said(text)
    return found


def _rows_of(file: Any, condition: int) -> Iterator[int]:
    """The recordings of a condition: conditions name repetitions, these sequences, these simultaneous recordings."""
    tables = (
        (file.icephys_experimental_conditions, "repetitions"),
        (file.icephys_repetitions, "sequential_recordings"),
        (file.icephys_sequential_recordings, "simultaneous_recordings"),
        (file.icephys_simultaneous_recordings, "recordings"),
    )
    rows = [condition]
    for table, column in tables:
        ends = [0, *(int(end) for end in table[column].data[:])]
        targets = table[column].target.data
        rows = [int(target) for row in rows for target in targets[ends[row] : ends[row + 1]]]
    yield from rows
