"""The protocols of BluePyOpt's folders: steps of current on a holding current, and places to record."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gbar.cell import Along, At, Site
from gbar.document import Node
from gbar.exchange.bluepyopt import SECTION_LISTS
from gbar.exchange.json_file import number, where
from gbar.morphology import Morphology
from gbar.protocol import Protocol, Step, Stimulus, Sum

DT = 0.025  # ms
SAMPLING = 0.1  # ms
_STEMS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical", "myelin": "myelin"}


@dataclass(frozen=True)
class Experiment:
    """Protocol and sites as far as gbar takes them over."""

    protocol: Protocol
    sites: tuple[Site, ...]
    notes: tuple[str, ...]


def read_protocols(
    node: Node | None,
    morphology: Morphology,
    v_init: float,
    *,
    threshold: float | None = None,
    holding: float | None = None,
    apical_point: int | None = None,
) -> Experiment:
    """The stimuli of a protocol file; without one, a step.

    `threshold` (nA) is the current of which `thresh_perc` is a percentage, `holding` (nA) what is injected all the
    time beside it; protocols that need them are left out where they are not given. `apical_point` is the number of the
    section on the way to which distances along the apical dendrite lie; else it is the one that ends farthest up.
    """
    notes: list[str] = []
    stimuli: list[Stimulus] = []
    sites: dict[str, Site] = {"soma": Site("soma", At(_soma(morphology), 0.5))}
    given = {"threshold": threshold, "holding": holding}
    for name, entry in (node.mapping(optional=None) if node else {}).items():
        if not isinstance(entry.value, Mapping) or "stimuli" not in entry.value:
            if not name.startswith("__"):
                notes.append(f"{where(entry)}: {name} is computed from other protocols, and not taken over")
            continue
        fields = entry.mapping(required=("stimuli",), optional=None)
        with entry.blamed():
            stimulus = _stimulus(name, fields["stimuli"], v_init, given, notes)
        if stimulus is not None:
            stimuli.append(stimulus)
        for record in fields["extra_recordings"].items() if "extra_recordings" in fields else ():
            with record.blamed():
                _add(sites, _site(record, morphology, apical_point, notes))
    if not stimuli:
        notes.append("no stimulus could be taken over: a step of 0.2 nA stands in for them")
        stimuli = [Stimulus("step", Step(100.0, 500.0, 0.2), 700.0, DT, SAMPLING, v_init)]
    return Experiment(Protocol(tuple(stimuli)), tuple(sites.values()), tuple(notes))


def _soma(morphology: Morphology) -> str:
    return next((s.name for s in morphology.sections if s.region == "soma"), morphology.sections[0].name)


def _stimulus(
    name: str, node: Node, v_init: float, given: Mapping[str, float | None], notes: list[str]
) -> Stimulus | None:
    """The sum of a protocol's steps; None where an amplitude is not stated."""
    groups = node.mapping(optional=None) if isinstance(node.value, Mapping) else {"step": node}
    steps: list[Step] = []
    whole = 0.0
    relative = False
    for group, entry in groups.items():
        for step in entry.items() if isinstance(entry.value, tuple) else (entry,):
            fields = step.mapping(required=("delay", "duration", "totduration"), optional=None)
            amplitude = _amplitude(group, fields, given)
            if amplitude is None:
                notes.append(f"{where(step)}: {name} needs a current that the cell's threshold tells, and is left out")
                return None
            relative |= fields.get("amp") is None or fields["amp"].value is None
            steps.append(Step(number(fields["delay"]), number(fields["duration"]), amplitude))
            whole = max(whole, number(fields["totduration"]))
    if relative and "holding" not in groups and (current := given["holding"]):
        steps.append(Step(0.0, whole, current))
    duration = math.ceil(whole / SAMPLING - 1e-9) * SAMPLING
    return Stimulus(name, Sum(tuple(steps)) if len(steps) != 1 else steps[0], round(duration, 6), DT, SAMPLING, v_init)


def _amplitude(group: str, fields: Mapping[str, Node], given: Mapping[str, float | None]) -> float | None:
    stated = fields.get("amp")
    if stated is not None and stated.value is not None:
        return number(stated)
    if group == "holding":
        return given["holding"]
    threshold = given["threshold"]
    return number(fields["thresh_perc"]) / 100 * threshold if "thresh_perc" in fields and threshold else None


def _add(sites: dict[str, Site], site: Site | None) -> None:
    if site is None or site in sites.values():
        return
    name = site.name
    for k in range(2, 100):
        if name not in sites:
            sites[name] = Site(name, site.place, site.variable)
            return
        name = f"{site.name}_{k}"


def _site(record: Node, morphology: Morphology, apical_point: int | None, notes: list[str]) -> Site | None:
    fields = record.mapping(required=("type", "name", "var", "seclist_name"), optional=None)
    kind, listed = fields["type"].text(), fields["seclist_name"].text()
    name, variable = re.sub(r"\W", "_", fields["name"].text(), flags=re.ASCII), fields["var"].text()
    region = _STEMS.get(listed) or SECTION_LISTS.get(listed, (listed,))[0]
    if region not in morphology.regions:
        notes.append(f"{where(record)}: the morphology has no {region}, so {name} is not recorded")
        return None
    if kind == "nrnseclistcomp":
        sections = [s.name for s in morphology.sections if s.region == region]
        index = int(number(record.mapping(required=("sec_index",), optional=None)["sec_index"]))
        if not 0 <= index < len(sections):
            notes.append(f"{where(record)}: {listed} has no section {index}, so {name} is not recorded")
            return None
        return Site(name, At(sections[index], number(fields["comp_x"]) if "comp_x" in fields else 0.5), variable)
    if kind not in ("somadistance", "somadistanceapic"):
        notes.append(f"{where(record)}: recordings of the type {kind} are not taken over")
        return None
    distance = number(record.mapping(required=("somadistance",), optional=None)["somadistance"])
    towards = ""
    if kind == "somadistanceapic":
        towards = "y" if apical_point is None else f"apic[{apical_point}]"
        if apical_point is None:
            notes.append(f"{where(record)}: no apical point is stated; {name} lies towards the section farthest up")
    return Site(name, Along(region, distance, towards), variable)
