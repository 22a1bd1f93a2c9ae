"""A reconstruction in the place of a cell's shape, and which of its sites are recorded."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gbar.cell import Cell, read_cell, write_cell
from gbar.compartments import lower
from gbar.errors import CellError, ProtocolError
from gbar.kernel.build import build
from gbar.kernel.interpret import interpret
from gbar.protocol import Protocol
from gbar.simulate import simulate
from gbar.workflows.simulate import simulate_dataset

CELL = """
name: pyramid
temperature: 34 degC
morphology:
  sections:
    soma: {L: 20 um, diam: 20 um}
    trunk: {L: 200 um, diam: 2 um, parent: soma(1), region: apical}
    twig: {L: 100 um, diam: 1 um, parent: soma(0), region: basal}
  axon: {bluepyopt: {length: 60 um, segment: 30 um}}
segments: {every: 40 um}
everywhere:
  cm: 1 uF/cm2
  Ra: 100 ohm cm
  mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}
regions:
  soma:
    reversals: {ena: 50 mV, ek: -77 mV}
    mechanisms: {hh: }
  apical: {cm: 2 uF/cm2}
sites:
  soma: soma(0.5)
  half: {region: basal, distance: 40 um}
  far: {region: basal, distance: 60 um}
parameters:
  gnabar_hh.soma: {low: 0.05 S/cm2, high: 0.2 S/cm2}
  leak: {low: 1e-5 S/cm2, high: 1e-3 S/cm2, scale: log, targets: [g_pas.apical, g_pas.basal]}
protocol:
  sites: [far, soma]
  stimuli:
    - name: step
      duration: 20 ms
      waveform: {step: {delay: 2 ms, duration: 10 ms, amplitude: 0.3 nA}}
      injections: [{site: half, waveform: {step: {delay: 15 ms, duration: 2 ms, amplitude: 0.1 nA}}}]
"""

MEMBRANE = "{cm: 1 uF/cm2, Ra: 100 ohm cm, mechanisms: {pas: {g: 1e-4 S/cm2, e: -70 mV}}}"
SOMA = "1 1 0 0 0 8 -1\n2 1 0 -8 0 8 1\n3 1 0 8 0 8 1\n"
BASAL = "4 3 8 0 0 1 1\n5 3 80 0 0 1 4\n6 3 160 20 0 0.5 5\n"
APICAL = "7 4 0 20 0 1 1\n8 4 0 90 0 1 7\n"
AXON = "9 2 0 -10 0 0.5 1\n10 2 0 -100 0 0.5 9\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "pyramid.yaml").write_text(CELL)
    return tmp_path / "pyramid.yaml"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    swc = tmp_path / "elsewhere" / "cell.swc"
    swc.write_text(SOMA + BASAL + APICAL + AXON)
    return swc


def voltages(cell: Cell) -> np.ndarray:
    return simulate(build(cell, "float64"), cell.theta, cell.protocol).v[0][0]


def test_the_shape_is_the_file_s_and_all_else_the_cell_s(file, whole):
    own, cell = read_cell(file), read_cell(file, morphology=whole)
    assert [s.name for s in cell.morphology.sections] == ["soma[0]", "dend[0]", "apic[0]", "axon[0]", "axon[1]"]
    assert [s.L for s in cell.morphology.sections[-2:]] == [30.0, 30.0]  # the axon that the cell asks for
    assert cell.counts[1] == 1 + 2 * int(cell.morphology.sections[1].L / 40.0)
    assert cell.regions == tuple(replace(r) for r in own.regions) and cell.region("apical").cm == 2.0
    assert cell.space == own.space and cell.sites == own.sites and cell.protocol == own.protocol
    assert cell.digest != own.digest and read_cell(str(file), morphology=str(whole)) == cell


def test_it_comes_back_from_where_it_is_written(file, whole, tmp_path):
    cell = read_cell(file, morphology=whole)
    (tmp_path / "copy").mkdir()
    write_cell(cell, tmp_path / "copy" / "pyramid.yaml")
    again = read_cell(tmp_path / "copy" / "pyramid.yaml")
    assert again == cell and again.digest == cell.digest and (tmp_path / "copy" / "cell.swc").exists()


def test_regions_that_the_file_lacks_are_left_out(file, whole):
    whole.write_text(SOMA + BASAL + AXON)
    cell = read_cell(file, morphology=whole)
    assert [r.name for r in cell.regions] == ["soma", "basal", "axon"]
    assert cell.space.parameters[1].targets == ("g_pas.basal",)
    assert np.isfinite(voltages(cell)).all()


def test_spines_are_on_the_regions_that_there_are(file, whole, tmp_path):
    plain = read_cell(file, morphology=whole)
    file.write_text(CELL.replace("  axon:", "  spines: {regions: [apical, basal]}\n  axon:"))
    both = read_cell(file, morphology=whole)
    assert both.morphology.region_area("apical") > plain.morphology.region_area("apical")
    whole.write_text(SOMA + BASAL + AXON)
    cell = read_cell(file, morphology=whole)
    assert cell.morphology.region_area("basal") == both.morphology.region_area("basal")
    (tmp_path / "copy").mkdir()
    write_cell(cell, tmp_path / "copy" / "pyramid.yaml")
    assert read_cell(tmp_path / "copy" / "pyramid.yaml") == cell
    whole.write_text(SOMA + AXON)
    file.write_text(
        re.sub(r"(?m)^  (half|far): .*\n|^      injections.*\n", "", file.read_text()).replace("[far, ", "[")
    )
    file.write_text(file.read_text().replace("targets: [", "targets: [g_pas.soma, "))
    assert read_cell(file, morphology=whole).morphology.regions == ("soma", "axon")


def test_a_parameter_without_a_target_is_refused(file, whole):
    file.write_text(CELL.replace("[g_pas.apical, g_pas.basal]", "[g_pas.apical]"))
    whole.write_text(SOMA + BASAL + AXON)
    with pytest.raises(CellError, match=r"pyramid.yaml:\d+:3: .*leak sets nothing: the reconstruction has no apical"):
        read_cell(file, morphology=whole)
    file.write_text(CELL.replace("g_pas.apical", "g_pas.tuft"))
    with pytest.raises(CellError, match=r"'g_pas\.tuft' is no quantity of the cell"):
        read_cell(file, morphology=whole)


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.swc", "none.swc: "), ("", "directory|folder|format"), ("pyramid.yaml", "a file of the format .yaml")],
)
def test_what_is_no_reconstruction_is_refused_in_one_line(file, name, said):
    with pytest.raises(CellError, match=said) as caught:
        read_cell(file, morphology=file.parent / name)
    assert "\n" not in str(caught.value)


def test_a_region_that_nothing_describes_is_refused(file, whole):
    file.write_text(re.sub(r"(?s)everywhere:.*?\nregions:", "regions:", CELL).replace("{cm: 2 uF/cm2}", MEMBRANE))
    file.write_text(file.read_text().replace("  soma:\n    reversals", "  soma:\n    cm: 1 uF/cm2\n    reversals"))
    with pytest.raises(CellError, match="2 sections in the region axon, of which the cell says nothing: axon"):
        read_cell(file, morphology=whole)


def test_sections_of_no_region_of_the_cell_are_refused(file, whole, tmp_path):
    whole.write_text(SOMA + BASAL + AXON + "11 6 0 20 0 1 1\n12 6 0 90 0 1 11\n")
    with pytest.raises(CellError, match=r"cell.swc: 1 section in the region custom, .*: \w+\[0\]; .*pyramid.yaml"):
        read_cell(file, morphology=whole)
    file.write_text(CELL.replace("  axon:", "  reconstruction: {regions: {apical: {region: custom}}}\n  axon:"))
    assert read_cell(file).morphology.regions == ("soma", "apical", "basal", "axon")  # its own shape is as it was
    cell = read_cell(file, morphology=whole)
    assert set(cell.morphology.regions) == {"soma", "apical", "basal", "axon"}
    (tmp_path / "copy").mkdir()
    write_cell(cell, tmp_path / "copy" / "pyramid.yaml")
    assert read_cell(tmp_path / "copy" / "pyramid.yaml") == cell
    file.write_text(
        CELL.replace("  apical: {cm: 2 uF/cm2}", "  apical: {cm: 2 uF/cm2}\n  custom: {cm: 3 uF/cm2}").replace(
            "    trunk:", "    odd: {L: 10 um, diam: 1 um, parent: soma(1), region: custom}\n    trunk:"
        )
    )
    assert read_cell(file, morphology=whole).region("custom").cm == 3.0


def test_sites_that_a_reconstruction_lacks_are_left_out_unless_they_are_needed(file, whole):
    far = CELL.replace("  far: {region: basal, distance: 60 um}", "  far: {region: basal, distance: 900 um}")
    file.write_text(
        far.replace("[far, soma]", "[soma]").replace("  half:", "  tuft: {region: tuft, distance: 1 um}\n  half:")
    )
    cell = read_cell(file, morphology=whole)
    assert [site.name for site in cell.sites] == ["soma", "half"]
    assert [note.partition(":")[0] for note in cell.morphology.notes[-2:]] == [
        "the site tuft lies in tuft, which is no region", "the site far"]  # fmt: skip
    assert all(note.endswith("left out") for note in cell.morphology.notes[-2:])
    with pytest.raises(CellError, match=r"pyramid.yaml: the site far.*recorded or acted on; record others \(--sites\)"):
        read_cell(file, morphology=whole, sites=("far",))
    file.write_text(far)  # recorded by its protocol
    with pytest.raises(CellError, match="recorded or acted on"):
        read_cell(file, morphology=whole)
    assert read_cell(file, morphology=whole, sites=("soma",)).protocol.sites == ("soma",)
    file.write_text(CELL.replace("half: {region: basal, distance: 40 um}", "half: {region: basal, distance: 900 um}"))
    with pytest.raises(CellError, match="the site half"):  # a current acts there
        read_cell(file, morphology=whole)


@pytest.mark.parametrize("name", ["sphere", "mainen2", "twodend13", "dopamine"])
def test_a_cell_without_a_rule_of_segments_takes_no_reconstruction(name, whole):
    with pytest.raises(CellError, match=rf"^the cell takes no reconstruction: .*gbar cells {name} --copy mycell"):
        read_cell(name, morphology=whole)


def test_a_shipped_cell_points_to_a_copy(whole):
    whole.write_text(SOMA + BASAL)
    with pytest.raises(CellError, match=r"^the site apical .*gbar cells l5pc --copy mycell"):
        read_cell("l5pc", morphology=whole)
    whole.write_text(SOMA + "4 3 8 0 0 1 1\n5 3 60 0 0 1 4\n")  # too short for mainen's basal site
    cell = read_cell("mainen", morphology=whole)
    assert [site.name for site in cell.sites] == ["soma", "axon"]
    with pytest.raises(CellError, match=r"^the site dend.*gbar cells mainen --copy mycell"):
        read_cell("mainen", morphology=whole, sites=("soma", "dend"))


def test_the_protocol_says_what_is_recorded(file, tmp_path):
    cell = read_cell(file)
    assert [site.name for site in cell.recorded] == ["far", "soma"]
    tables = lower(cell)
    assert [site.name for site in tables.sites] == ["far", "soma"]
    assert [name for name, _ in tables.places] == ["soma", "half", "far"]
    everywhere = voltages(cell.recording(()))
    assert everywhere.shape[0] == 3
    np.testing.assert_array_equal(voltages(cell), everywhere[[2, 0]])  # the current acts where it did
    np.testing.assert_array_equal(voltages(cell.recording(("half",))), everywhere[[1]])
    slow = interpret(lower(cell), cell.theta, cell.protocol.stimuli[0])
    np.testing.assert_allclose(slow[0], everywhere[[2, 0]], atol=1e-9)
    write_cell(cell, tmp_path / "again.yaml")
    assert read_cell(tmp_path / "again.yaml") == cell
    assert Protocol.from_json(cell.protocol.to_json()) == cell.protocol


def test_the_digest_knows_what_is_recorded_and_where_currents_act(file):
    cell = read_cell(file)
    bare = replace(cell, protocol=Protocol(tuple(replace(s, injections=()) for s in cell.protocol.stimuli)))
    soma, half, far = bare.sites
    alone = replace(bare.recording(()), sites=(soma,))
    assert bare.recording(("soma",)).digest == alone.digest == alone.recording(("soma",)).digest
    assert bare.recording(("soma", "half", "far")).digest == bare.digest
    orders = [("soma", "far"), ("far", "soma"), ("far",), ("half",), ("soma",)]
    assert len({bare.digest, *(bare.recording(order).digest for order in orders)}) == 1 + len(orders)
    other = replace(bare, sites=(half, soma, far))  # the current acts elsewhere
    assert other.recording(("far",)).digest != bare.recording(("far",)).digest
    injected = cell.recording(("soma",))
    assert injected.digest != replace(injected, sites=(soma, replace(far, name="half"))).digest


def test_sites_that_there_are_not_are_refused(file):
    with pytest.raises(CellError, match="'tip' is recorded, which is no site of pyramid; there are: soma, half, far"):
        read_cell(file).recording(("tip",))
    with pytest.raises(ProtocolError, match="the site soma is recorded twice"):
        read_cell(file).recording(("soma", "soma"))
    file.write_text(CELL.replace("[far, soma]", "[fat, soma]"))
    with pytest.raises(CellError, match=r"pyramid.yaml:\d+:11: protocol.sites\[0\]: unknown value 'fat'; did you mean"):
        read_cell(file)


def test_a_data_set_has_the_sites_asked_for(file, tmp_path):
    data = simulate_dataset(file, tmp_path / "own.zarr", rows=3, threads=1)
    assert data.manifest.sites == ("far", "soma")
    data = simulate_dataset(file, tmp_path / "soma.zarr", rows=3, threads=1, sites=("soma",))
    assert data.manifest.sites == ("soma",) and data.manifest.protocol["sites"] == ["soma"]
