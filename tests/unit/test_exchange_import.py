"""BluePyOpt's and the Allen Institute's files as cells: what is taken over, what is told, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gbar.cell import Along, At, Cell, Profile, SegmentRule, read_cell
from gbar.errors import CellError, NmodlError, ParameterError, UserError
from gbar.exchange.bluepyopt_export import export_bluepyopt, rewritten
from gbar.exchange.importing import Choices, import_cell
from gbar.exchange.recipe import Imported
from gbar.mechanism import shipped_file
from gbar.protocol import Step
from gbar.workflows.exchange import export_to, import_from, read_theta

SWC = """1 1 0 0 0 8 -1
2 1 0 8 0 8 1
3 1 0 -8 0 8 1
4 2 0 -10 0 1.0 1
5 2 0 -90 0 0.8 4
6 3 10 0 0 1.0 1
7 3 110 0 0 0.5 6
8 4 0 12 0 1.5 1
9 4 0 300 0 1.0 8
"""
RELEASED = {"gImbar_Im.apical": 0.000143, "gamma_CaDynamics_E2.somatic": 0.000609}


def section(name: str, where: str, **more: Any) -> dict[str, Any]:
    return {"param_name": name, "sectionlist": where, "type": "section", "dist_type": "uniform", **more}


def ranged(mech: str, name: str, where: str, **more: Any) -> dict[str, Any]:
    entry = {"param_name": f"{name}_{mech}", "mech": mech, "mech_param": name, "sectionlist": where, "type": "range"}
    return {**entry, "dist_type": "uniform", **more}


PARAMETERS = [
    section("g_pas", "all", value=3e-5), section("e_pas", "all", value=-75), section("cm", "all", value=1),
    section("Ra", "all", value=100), section("cm", "basal", value=2), section("ena", "somatic", value=50),
    section("ek", "somatic", value=-85), section("ek", "apical", value=-84),
    {"param_name": "v_init", "type": "global", "value": -67}, {"param_name": "celsius", "type": "global", "value": 33},
    ranged("Ih", "gIhbar", "apical", value=8e-5, dist="(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}",
           dist_type="exp"),
    ranged("Im", "gImbar", "apical", bounds=[0, 1e-3]),
    ranged("NaTs2_t", "gNaTs2_tbar", "somatic", bounds=[0, 1]),
    ranged("SKv3_1", "gSKv3_1bar", "somatic", value=0.3),
    ranged("CaDynamics_E2", "gamma", "somatic", bounds=[5e-4, 5e-2]),
    ranged("Ca_HVA", "gCa_HVAbar", "somatic", value=1e-4),
]  # fmt: skip
MECHANISMS = {
    "all": ["pas"],
    "apical": ["Ih", "Im"],
    "somatic": ["NaTs2_t", "SKv3_1", "CaDynamics_E2", "Ca_HVA"],
}
PROTOCOLS = {
    "bAP": {
        "stimuli": [{"delay": 295, "amp": 1.9, "duration": 5, "totduration": 600}],
        "extra_recordings": [
            {"var": "v", "somadistance": 200, "type": "somadistance", "name": "dend1", "seclist_name": "apical"},
            {"var": "v", "somadistance": 2000, "type": "somadistance", "name": "far", "seclist_name": "apical"},
            {"var": "cai", "somadistance": 50, "type": "somadistance", "name": "ca", "seclist_name": "basal"},
        ],
    },
    "Step": {
        "stimuli": [
            {"delay": 700, "amp": 0.458, "duration": 2000, "totduration": 3000},
            {"delay": 0, "amp": -0.126, "duration": 3000, "totduration": 3000},
        ]
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    write(source, parameters=PARAMETERS, mechanisms=MECHANISMS, protocols=PROTOCOLS)
    (source / "cell.swc").write_text(SWC)
    return source


def write(folder: Path, **files: Any) -> None:
    for name, data in files.items():
        (folder / f"{name}.json").write_text(json.dumps(data))


def made(source: Path, out: str = "out", **choices: Any) -> Imported:
    mods = choices.pop("mod_files", None)
    swc = (source if source.is_dir() else source.parent) / "cell.swc"
    return import_cell(source, swc, swc.parent.parent / out, mod_files=mods, choices=Choices(**choices))


def painted(cell: Cell, region: str) -> dict[str, Any]:
    return {p.mechanism.name: dict(p.values) for p in cell.region(region).mechanisms}


# --- BluePyOpt's example layout ----------------------------------------------------------------------------------


def test_settings_stand_where_the_files_put_them(folder: Path) -> None:
    cell = made(folder).cell
    soma, basal, apical, axon = (cell.region(name) for name in ("soma", "basal", "apical", "axon"))
    assert (cell.temperature, soma.cm, basal.cm, apical.Ra) == (33.0, 1.0, 2.0, 100.0)
    assert painted(cell, "soma")["SKv3_1"] == {"gSKv3_1bar": 0.3} and painted(cell, "axon") == {
        "pas": {"g": 3e-5, "e": -75.0}
    }
    assert dict(soma.reversals) == {"ena": 50.0, "ek": -85.0} and dict(apical.reversals) == {"ek": -84.0}
    assert dict(soma.concentrations) == {"cai": 5e-5, "cao": 2.0} and not axon.concentrations
    profile = painted(cell, "apical")["Ih"]["gIhbar"]
    assert isinstance(profile, Profile)
    assert float(profile.at(100.0, 1.0)) == pytest.approx((-0.8696 + 2.087 * np.exp(0.31)) * 8e-5, rel=1e-12)
    files = {p.mechanism.name: p.mechanism.file for r in cell.regions for p in r.mechanisms}
    assert files["Im"] == shipped_file("hay/Im") and files["pas"] == shipped_file("pas")


def test_bounds_become_free_parameters(folder: Path) -> None:
    cell = made(folder).cell
    assert cell.space.names == ("gImbar_Im.apical", "gNaTs2_tbar_NaTs2_t.soma", "gamma_CaDynamics_E2.soma")
    assert [p.scale for p in cell.space.parameters] == ["linear", "linear", "log"]
    assert cell.space.low.tolist() == [0, 0, 5e-4] and cell.space.high.tolist() == [1e-3, 1, 5e-2]
    assert cell.theta[0] == pytest.approx([5e-4, 0.5, 5e-3])  # the middles


def test_values_of_a_file_are_the_cells_own(folder: Path) -> None:
    write(folder, best=[{"gImbar_Im.apical": 1.0}, {**RELEASED, "gNaTs2_tbar_NaTs2_t.somatic": 0.9, "odd.all": 1}])
    result = made(folder, values=folder / "best.json", row=1)
    assert result.cell.theta[0] == pytest.approx([0.000143, 0.9, 0.000609])
    assert any("odd.all is not used" in note for note in result.notes)
    assert made(folder, "other", row=0).cell.theta[0][0] == 1.0  # found by what is in it
    with pytest.raises(CellError, match="none numbered 2"):
        made(folder, values=folder / "best.json", row=2)


def test_shape_and_protocol(folder: Path) -> None:
    result = made(folder)
    cell = result.cell
    assert [s.name for s in cell.morphology.sections] == ["soma[0]", "dend[0]", "apic[0]", "axon[0]", "axon[1]"]
    assert [s.L for s in cell.morphology.sections[3:]] == [30, 30] and cell.segments == SegmentRule("every", 40.0)
    assert dict(zip((s.name for s in cell.morphology.sections), cell.counts, strict=True))["apic[0]"] == 15
    assert [s.name for s in cell.sites] == ["soma", "dend1"]
    assert cell.sites[0].place == At("soma[0]", 0.5) and cell.sites[1].place == Along("apical", 200.0)
    assert any("far" in note and "not recorded" in note for note in result.notes)
    assert any("no cai; ca is not recorded" in note for note in result.notes)
    names = [s.name for s in cell.protocol.stimuli]
    assert names == ["bAP", "Step"] and cell.protocol.stimuli[0].waveform == Step(295, 5, 1.9)
    step = cell.protocol.stimuli[1]
    assert (step.v_init, step.duration) == (-67, 3000)
    assert step.injected()[[0, 40000]].tolist() == pytest.approx([-0.126, 0.458 - 0.126])


def test_the_folder_holds_a_cell(folder: Path, tmp_path: Path) -> None:
    result = made(folder)
    again = read_cell(tmp_path / "out" / "cell.yaml")
    assert again == result.cell and again.digest == result.cell.digest
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["cell.swc", "cell.yaml"]
    kept = made(folder, "kept", axon="keep").cell
    assert [s.L for s in kept.morphology.sections if s.region == "axon"] == pytest.approx([80.0], rel=0.2)


def test_mechanisms_of_a_folder(folder: Path, tmp_path: Path) -> None:
    mods = tmp_path / "mods"
    mods.mkdir()
    text = shipped_file("hay/Im").read_text() + "\n: mine\n"
    (mods / "M.mod").write_text(text)
    cell = made(folder, mod_files=mods).cell
    files = {p.mechanism.name: p.mechanism for r in cell.regions for p in r.mechanisms}
    assert files["Im"].file.read_text() == text and files["Ih"].file == shipped_file("hay/Ih")
    (mods / "again.mod").write_text(text)
    with pytest.raises(CellError, match="two files have the SUFFIX Im"):
        made(folder, mod_files=mods)
    with pytest.raises(CellError, match=r"no folder with \.mod files"):
        made(folder, mod_files=tmp_path / "none")


# --- the layout of the SSCx models -------------------------------------------------------------------------------

NEW = {
    "mechanisms": {"all": {"mech": ["pas"]}, "somadend": {"mech": ["Ih"]}, "apical": {"mech": ["NaTg"]}},
    "distributions": {
        "exp": {"fun": "(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}"},
        "decay": {"fun": "math.exp({distance}*{constant})*{value}", "parameters": ["constant"]},
    },
    "parameters": {
        "__comment": "text",
        "global": [{"name": "v_init", "val": -80}, {"name": "celsius", "val": 34}],
        "distribution_decay": [{"name": "constant", "val": [-0.1, 0.0]}],
        "myelinated": [{"name": "cm", "val": 0.02}],
        "all": [{"name": "Ra", "val": 100}, {"name": "g_pas", "val": [1e-5, 6e-5]}, {"name": "cm", "val": 1}],
        "axonal": [{"name": "g_pas", "val": 1e-4}],
        "somadend": [{"name": "gIhbar_Ih", "val": [0, 2e-4], "dist": "exp"}],
        "apical": [{"name": "ena", "val": 50}, {"name": "gNaTgbar_NaTg", "val": [0, 0.1], "dist": "decay"}],
    },
}
NEW_PROTOCOLS = {
    "Main": {"type": "Main", "other_protocols": []},
    "Step_150": {
        "type": "StepThresholdProtocol",
        "stimuli": {"step": {"delay": 700, "amp": None, "thresh_perc": 150, "duration": 2000, "totduration": 3000}},
    },
    "Rin": {
        "type": "StepProtocol",
        "stimuli": {"step": {"delay": 700, "amp": -0.06, "duration": 100, "totduration": 900}},
        "extra_recordings": [
            {"var": "v", "somadistance": 100, "type": "somadistanceapic", "name": "dend1", "seclist_name": "apical"},
            {
                "var": "v",
                "comp_x": 0.2,
                "type": "nrnseclistcomp",
                "name": "ais",
                "seclist_name": "axon",
                "sec_index": 1,
            },
        ],
    },
}


@pytest.fixture
def new(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    write(source, pyr=NEW, protocols_x=NEW_PROTOCOLS, features={"Step_150": {"soma.v": [{"feature": "x"}]}})
    (source / "cell.swc").write_text(SWC)
    return source


def test_tied_and_overridden(new: Path) -> None:
    cell = made(new, axon="bluepyopt").cell
    free = {p.name: p.targets for p in cell.space.parameters}
    assert free == {
        "gNaTgbar_NaTg.apical.constant": ("gNaTgbar_NaTg.apical.constant",),
        "g_pas.all": ("g_pas.soma", "g_pas.basal", "g_pas.apical"),
        "gIhbar_Ih.somadend": ("gIhbar_Ih.apical", "gIhbar_Ih.basal", "gIhbar_Ih.soma"),
        "gNaTgbar_NaTg.apical": ("gNaTgbar_NaTg.apical",),
    }
    assert painted(cell, "axon")["pas"]["g"] == 1e-4
    assert cell.at(np.array([-0.01, 2e-5, 1e-4, 0.05])).region("apical").mechanisms[-1].values["gNaTgbar"] == Profile(
        "math.exp({distance}*{constant})*{value}", {"value": 0.05, "constant": -0.01}
    )


def test_relative_amplitudes_need_a_threshold(new: Path) -> None:
    result = made(new, axon="bluepyopt")
    assert [s.name for s in result.cell.protocol.stimuli] == ["Rin"]
    assert any("Step_150 needs a current" in note for note in result.notes)
    assert any("Main is computed from other protocols" in note for note in result.notes)
    cell = made(new, "told", axon="bluepyopt", threshold=0.2, holding=-0.05, apical_point=0).cell
    step = {s.name: s for s in cell.protocol.stimuli}["Step_150"]
    assert step.injected()[[0, 40000]].tolist() == pytest.approx([-0.05, 0.3 - 0.05])
    sites = {s.name: s.place for s in cell.sites}
    assert sites["dend1"] == Along("apical", 100.0, "apic[0]") and sites["ais"] == At("axon[1]", 0.2)


def test_tapered_axon_with_myelin(new: Path) -> None:
    cell = made(new).cell
    sections = {s.name: n for s, n in zip(cell.morphology.sections, cell.counts, strict=True)}
    assert (sections["axon[0]"], sections["axon[1]"], sections["myelin[0]"]) == (5, 5, 5)
    assert cell.region("myelin").cm == 1.0  # `all` is set after `myelinated` in this file


# --- Allen -------------------------------------------------------------------------------------------------------

FIT = {
    "passive": [{"ra": 32.0, "cm": [{"section": s, "cm": c} for s, c in (("soma", 1.0), ("axon", 1.0), ("dend", 3.7),
                                                                        ("apic", 3.7))], "e_pas": -84.7}],
    "fitting": [{"junction_potential": -14.0, "sweeps": [46]}],
    "conditions": [{"celsius": 34.0, "erev": [{"ena": 53.0, "section": "soma", "ek": -107.0}], "v_init": -84.7}],
    "genome": [
        {"section": "soma", "name": "gbar_NaTs", "value": 1.1, "mechanism": "NaTs"},
        {"section": "soma", "name": "gbar_Kv3_1", "value": "0.33", "mechanism": "Kv3_1"},
        {"section": "soma", "name": "gbar_Ih", "value": 1e-4, "mechanism": "Ih"},
        {"section": "soma", "name": "g_pas", "value": 9e-4, "mechanism": ""},
        {"section": "dend", "name": "g_pas", "value": 1e-4, "mechanism": ""},
        {"section": "axon", "name": "g_pas", "value": 7e-4, "mechanism": ""},
        {"section": "apic", "name": "g_pas", "value": 4e-5, "mechanism": ""},
    ],
}  # fmt: skip


def allen(tmp_path: Path, data: Any) -> Imported:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    write(source, fit=data)
    (source / "cell.swc").write_text(SWC)
    return made(source / "fit.json")


def test_perisomatic_fit(tmp_path: Path) -> None:
    result = allen(tmp_path, FIT)
    cell = result.cell
    assert cell.temperature == 34 and cell.region("basal").cm == 3.7 and cell.region("apical").Ra == 32.0
    assert painted(cell, "soma") == {
        "pas": {"e": -84.7, "g": 9e-4}, "NaTs": {"gbar": 1.1}, "Kv3_1": {"gbar": 0.33}, "Ih": {"gbar": 1e-4},
    }  # fmt: skip
    assert dict(cell.region("soma").reversals) == {"ena": 53.0, "ek": -107.0}
    axon = [s for s in cell.morphology.sections if s.region == "axon"]
    assert [(s.L, s.diam, s.parent_x) for s in axon] == [(30, 1, 0.5), (30, 1, 1.0)]
    assert cell.protocol.stimuli[0].v_init == -84.7 and not len(cell.space)
    assert "-14 mV" in cell.description and "sweep 46" in cell.description
    assert cell.region("soma").mechanisms[-1].mechanism.file == shipped_file("allen/Ih")
    assert any("no stimulus" in note for note in result.notes)


def test_all_active_fit(tmp_path: Path) -> None:
    data = json.loads(json.dumps(FIT))
    data["passive"] = [{"ra": 100}]
    data["genome"] += [{"section": s, "name": n, "value": v, "mechanism": ""} for s in ("soma", "axon", "dend", "apic")
                       for n, v in (("e_pas", "-80"), ("cm", "2.5"), ("Ra", "120"))]  # fmt: skip
    cell = allen(tmp_path, data).cell
    assert {(r.cm, r.Ra) for r in cell.regions} == {(2.5, 120.0)} and painted(cell, "basal")["pas"]["e"] == -80
    axon = [s for s in cell.morphology.sections if s.region == "axon"]
    assert axon[0].parent_x == 1.0 and axon[0].diam == pytest.approx(1.8, rel=0.05)


# --- what is refused ---------------------------------------------------------------------------------------------


def spoiled(**changes: Any) -> dict[str, Any]:
    entry = ranged("Im", "gImbar", "apical", bounds=[0, 1e-3])
    return {k: v for k, v in (entry | changes).items() if v is not ...}


BAD = [
    (spoiled(bounds=[1, 0]), "lower and a higher bound"),
    (spoiled(bounds=[0]), "lower and a higher bound"),
    (spoiled(bounds=..., value="x"), "expected a number"),
    (spoiled(bounds=...), "neither a value nor bounds"),
    (spoiled(sectionlist="tuft"), "unknown list of sections 'tuft'"),
    (spoiled(type="odd"), "unknown value 'odd'"),
    (spoiled(dist="{value}*open('x')"), "formula"),
    (spoiled(dist="{value}*__import__('os')"), "formula"),
    (spoiled(dist="{value}*{other}"), "other"),
    ({"param_name": "x"}, "'type' is missing"),
]


@pytest.mark.parametrize(("entry", "message"), BAD)
def test_bad_settings_name_their_place(folder: Path, entry: dict[str, Any], message: str) -> None:
    write(folder, parameters=[*PARAMETERS, entry])
    with pytest.raises(UserError, match=message) as raised:
        made(folder)
    assert "parameters.json" in str(raised.value) or "formula" in message


def test_bad_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CellError, match="no such file"):
        made(tmp_path / "missing.json")
    (folder / "parameters.json").write_text("[1, 2")
    with pytest.raises(CellError, match=r"parameters.json:1:\d+: is not JSON"):
        made(folder)
    (folder / "parameters.json").write_text("[" * 100_000)
    with pytest.raises(CellError, match=r"nested|not JSON"):
        made(folder)
    (folder / "parameters.json").unlink()
    with pytest.raises(CellError, match="no parameter file"):
        made(folder)
    write(folder, parameters=PARAMETERS, mechanisms={"all": ["pas", "Nonsense"]})
    with pytest.raises((CellError, NmodlError), match=r"mechanisms\.json: all\[1\]: no mechanism named 'Nonsense'"):
        made(folder)
    with pytest.raises(CellError, match="unknown axon 'x'"):
        made(folder, axon="x")


def test_a_profile_without_its_variable_is_told(folder: Path) -> None:
    write(folder, parameters=[*PARAMETERS, section("gother_Other", "basal", value=1.0)])
    assert any("gother_Other of basal is not used" in note for note in made(folder).notes)


# --- back to BluePyOpt -------------------------------------------------------------------------------------------


def effective(cell: Cell) -> dict[str, Any]:
    values = {name: quantity.value for name, quantity in cell.quantities().items()}
    profiles = {
        (r.name, p.mechanism.name, n): float(v.at(123.0, 1.0))
        for r in cell.regions
        for p in r.mechanisms
        for n in p.parameters
        if isinstance(v := p.value(n), Profile)
    }
    return values | {str(key): value for key, value in profiles.items()}


def test_there_and_back(folder: Path, tmp_path: Path) -> None:
    before = made(folder).cell.at(np.array([3e-4, 0.7, 0.01]))
    notes = export_bluepyopt(before, tmp_path / "bpo")
    assert any("do_replace_axon" in note for note in notes)
    after = import_cell(tmp_path / "bpo", tmp_path / "bpo" / "cell.swc", tmp_path / "back").cell
    assert effective(after) == pytest.approx(effective(before), rel=1e-12)
    assert sorted(after.space.names) == sorted(before.space.names) and after.protocol == before.protocol
    assert (after.morphology, after.counts, after.sites) == (before.morphology, before.counts, before.sites)
    assert dict(zip(after.space.names, after.theta[0], strict=True))["gNaTs2_tbar_NaTs2_t.soma"] == 0.7


def test_formulas_are_rewritten() -> None:
    names = {"distance": "{distance}", "value": "{value}", "k": "(0.5)"}
    assert rewritten("{value}*1e-3*math.exp({distance}*k)", names) == "{value}*1e-3*math.exp({distance}*(0.5))"
    assert (
        rewritten("value if distance < 2e2 else fabs(k)", names) == "{value} if {distance} < 2e2 else math.fabs((0.5))"
    )


# --- the commands ------------------------------------------------------------------------------------------------


def test_commands(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    said = import_from(folder, out, morphology=folder / "cell.swc", threshold="0.2 nA")
    assert "3 free parameters" in said and "note: " in said and str(out / "cell.yaml") in said
    with pytest.raises(UserError, match="exists already"):
        import_from(folder, out, morphology=folder / "cell.swc")
    theta = tmp_path / "theta.csv"
    theta.write_text(
        "gImbar_Im.apical [S/cm2],gNaTs2_tbar_NaTs2_t.soma,gamma_CaDynamics_E2.soma\n1e-4,0.2,0.01\n2e-4,0.3,0.02\n"
    )
    for to, mark in (("neuron", "cell.py"), ("bluepyopt", "values.json"), ("swc", "morphology.swc")):
        export_to(out / "cell.yaml", to, tmp_path / to, theta=theta, row=1)  # type: ignore[arg-type]
        assert (tmp_path / to / mark).is_file() and (tmp_path / to / "mechanisms" / "Im.mod").is_file()
    assert json.loads((tmp_path / "bluepyopt" / "values.json").read_text())["gImbar_Im.apical"] == 2e-4
    with pytest.raises(CellError, match="unknown format"):
        export_to(out / "cell.yaml", "nml", tmp_path / "x")  # type: ignore[arg-type]


def test_parameter_sets_from_files(folder: Path, tmp_path: Path) -> None:
    cell = made(folder).cell
    file = tmp_path / "theta.json"
    file.write_text(json.dumps([dict(zip(cell.space.names, (1e-4, 0.2, 0.01), strict=True))]))
    assert read_theta(file, cell, 0).tolist() == [1e-4, 0.2, 0.01]
    with pytest.raises(ParameterError, match="none numbered 1"):
        read_theta(file, cell, 1)
    file.write_text(json.dumps({"gImbar_Im.apical": 1}))
    with pytest.raises(ParameterError, match="no value of gNaTs2"):
        read_theta(file, cell, 0)
    table = tmp_path / "theta.csv"
    table.write_text("a,b\n1,x\n")
    with pytest.raises(ParameterError, match=r"theta.csv:2: expected 2 numbers"):
        read_theta(table, cell, 0)


# --- the published files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "morphology", "free", "stimuli"),
    [
        ("bluepyopt_l5pc", "bbp/C060114A5.asc", 20, 4),
        ("sscx_l5pc", "bbp/C060114A5.asc", 31, 10),
        ("allen_fit/468193142_fit_perisomatic.json", "swc/morph_allen_485574832.swc", 0, 1),
        ("allen_fit/468193142_fit_allactive.json", "swc/morph_allen_485574832.swc", 0, 1),
        ("allen_fit/allen_l5_template_fit.json", "swc/morph_allen_485574832.swc", 0, 1),
    ],
)
def test_published(shared: Path, tmp_path: Path, source: str, morphology: str, free: int, stimuli: int) -> None:
    choices = Choices(threshold=0.3, holding=-0.05)
    result = import_cell(
        shared / "parameters" / source, shared / "morphologies" / morphology, tmp_path, choices=choices
    )
    cell = result.cell
    assert (len(cell.space), len(cell.protocol.stimuli)) == (free, stimuli)
    assert read_cell(tmp_path / "cell.yaml") == cell
    assert cell.space.inside(cell.theta).all()
