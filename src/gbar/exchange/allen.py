"""The Allen Institute's fit.json as a recipe: perisomatic and all-active models of the Cell Types Database.

Sections are called soma, axon, dend and apic there, and a genome's lines insert mechanisms and set variables in them.
How the originals are built: allensdk/model/biophysical/utils.py in github.com/AllenInstitute/AllenSDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gbar.cell import SegmentRule
from gbar.document import Node
from gbar.exchange.json_file import number, where
from gbar.exchange.recipe import Recipe, Setting
from gbar.protocol import Protocol, Step, Stimulus

REGIONS = {"soma": "soma", "axon": "axon", "dend": "basal", "apic": "apical"}
EVERY = 40.0  # um: nseg = 1 + 2 int(L / 40)
AMPLITUDE = 0.5  # nA


@dataclass(frozen=True)
class Fit:
    """A fit.json: the recipe, v_init in mV, the axon that the model's kind has, and notes."""

    recipe: Recipe
    v_init: float
    axon: Literal["stub", "truncated"]
    notes: tuple[str, ...]


def is_allen(node: Node) -> bool:
    """Whether a JSON document is a fit of the Allen Institute."""
    return isinstance(node.value, Mapping) and {"genome", "conditions", "passive"} <= set(node.value)


def read_fit(node: Node, name: str) -> Fit:
    """The recipe of a fit.json; perisomatic models state their membrane under `passive`, others in the genome."""
    fields = node.mapping(required=("passive", "conditions", "genome"), optional=None)
    passive, conditions = (_single(fields[key]) for key in ("passive", "conditions"))
    notes: list[str] = []
    settings = _passive(passive)
    pas = passive.get("ra") or fields["passive"]
    inserted: list[tuple[str, tuple[str, ...], Node]] = [("pas", tuple(REGIONS.values()), pas)]
    for gene in fields["genome"].items():
        parts = gene.mapping(required=("section", "name", "value", "mechanism"), optional=None)
        section, suffix = parts["section"].text(), parts["mechanism"].text()
        if section == "glob":
            notes.append(f"{where(gene)}: {parts['name'].text()} is global, and not taken over")
            continue
        regions = _regions(parts["section"])
        if suffix:
            inserted.append((suffix, regions, gene))
        variable = parts["name"].text()
        settings.append(Setting(variable, f"{variable}.{section}", regions, number(parts["value"]), None, gene))
    for entry in conditions["erev"].items() if "erev" in conditions else ():
        parts = entry.mapping(required=("section",), optional=None)
        for variable in (key for key in parts if key != "section"):
            value = number(parts[variable])
            settings.append(Setting(variable, variable, _regions(parts["section"]), value, None, entry))
    perisomatic = "cm" in passive
    known = {key for key in conditions if key not in ("celsius", "erev", "v_init")}
    notes += [f"{where(conditions[key])}: not used" for key in sorted(known)]
    if "celsius" not in conditions:
        notes.append(f"{where(fields['conditions'])}: celsius is not stated: 34 degC is taken")
    v_init = conditions["v_init"] if "v_init" in conditions else passive.get("e_pas")
    recipe = Recipe(
        name, tuple(inserted), tuple(settings), number(conditions["celsius"]) if "celsius" in conditions else 34.0,
        ("allen",), SegmentRule("every", EVERY), description=_description(fields, perisomatic),
    )  # fmt: skip
    return Fit(recipe, -70.0 if v_init is None else number(v_init), _axon(fields, perisomatic), tuple(notes))


def _single(node: Node) -> dict[str, Node]:
    entry = node.items()[0] if isinstance(node.value, tuple) and node.value else node
    return entry.mapping(optional=None)


def _regions(section: Node) -> tuple[str, ...]:
    return (REGIONS[section.text(tuple(REGIONS))],)


def _passive(passive: Mapping[str, Node]) -> list[Setting]:
    """Ra, e_pas and cm: of the whole cell, and of sections by name."""
    everywhere = tuple(REGIONS.values())
    found = [
        Setting(variable, variable, everywhere, number(passive[key]), None, passive[key])
        for key, variable in (("ra", "Ra"), ("e_pas", "e_pas"))
        if key in passive
    ]
    for entry in passive["cm"].items() if "cm" in passive else ():
        parts = entry.mapping(required=("section", "cm"), optional=None)
        found.append(Setting("cm", "cm", _regions(parts["section"]), number(parts["cm"]), None, entry))
    return found


def _description(fields: Mapping[str, Node], perisomatic: bool) -> str:
    kind = "perisomatic" if perisomatic else "all-active"
    text = f"A {kind} model of the Allen Cell Types Database."
    fitting = _single(fields["fitting"]) if "fitting" in fields else {}
    if "junction_potential" in fitting:
        junction = number(fitting["junction_potential"])
        text += (
            f" A recording of it shows v - ({junction:g} mV), since its liquid junction potential was not taken off."
        )
    if "sweeps" in fitting:
        sweeps = ", ".join(f"{number(sweep):g}" for sweep in fitting["sweeps"].items())
        text += f" It was fitted to sweep {sweeps}."
    return text


def _axon(fields: Mapping[str, Node], perisomatic: bool) -> Literal["stub", "truncated"]:
    if "axon_type" in fields:
        return "stub" if fields["axon_type"].text() == "stub" else "truncated"
    return "stub" if perisomatic else "truncated"


def protocol(v_init: float) -> Protocol:
    """A second of current, since a fit says no stimulus."""
    return Protocol((Stimulus("long_square", Step(200.0, 1000.0, AMPLITUDE), 1400.0, 0.025, 0.1, v_init),))
