"""The page: one file, nothing fetched, nothing executed, nothing broken by a name or by a part that is missing."""

from __future__ import annotations

import base64
import dataclasses
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from gbar.diagnose.narrowing import narrowing
from gbar.errors import OutputError
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import Normal
from gbar.recordings.recording import Recording, Sweep
from gbar.report.content import Report, SimulationSummary
from gbar.report.html import conclusions, render, warnings, write_report
from gbar.report.output import write_figure
from gbar.report.sweeps import recording_figure

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = "\"><script>alert('x')</script>&amp;$\\frac{$ {{ 7 * 7 }} \N{CJK UNIFIED IDEOGRAPH-795E}\n-->"


class Page(HTMLParser):
    """The elements of a page; every one that opens must close, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.seen}


def check_self_contained(text: str) -> Page:
    page = Page(text)
    assert not page.tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    for tag, attributes in page.seen:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
    assert "url(" not in text
    assert "@import" not in text
    for source in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", text):
        svg = base64.b64decode(source)
        for element in ElementTree.fromstring(svg).iter():
            assert not element.tag.endswith(("script", "foreignObject"))
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:image/png")), value
    return page


def test_a_full_report_parses_and_asks_nothing_of_the_network(report: Report) -> None:
    text = render(report)
    page = check_self_contained(text)
    assert sum(tag == "img" for tag, _ in page.seen) == 9
    assert all(attributes["alt"] for tag, attributes in page.seen if tag == "img")
    for words in (
        "not calibrated for model mismatch", "Left out of the recording: Step 9: voltage clamp", "gnabar_hh.soma",
        "None of the 60 predicted cells reaches this cell's spike height.", "non-finite", "812", "the talk's CNN",
        "gbar infer sphere cells/neuron_7.nwb", "ab" * 32, "machine, cores",
        "The truth lies in the 90 % interval of 2 of 2 parameters.", "gnabar_hh.soma with gkbar_hh.soma (r = 0.8",
    ):  # fmt: skip
        assert words in page.text, words
    assert text.index("not calibrated") < text.index("<table")


def test_the_same_report_is_the_same_bytes(report: Report) -> None:
    small = dataclasses.replace(report, box=None, networks=(), predicted=None)
    assert render(small) == render(small)


PARTS = ["recording", "estimate", "truth", "predicted", "features", "simulations", "training", "networks", "box"]


@pytest.mark.parametrize("missing", PARTS)
def test_a_part_that_is_missing_is_left_out(report: Report, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gbar.report.html.svg", lambda figure: "data:,")  # drawn elsewhere
    empty = () if missing in ("training", "networks") else None
    check_self_contained(render(dataclasses.replace(report, **{missing: empty})))


def test_a_report_of_nothing_but_a_recording(recording: Recording) -> None:
    page = check_self_contained(render(Report(title="neuron", cell="a recording", recording=recording)))
    assert "Prior range" not in page.text
    assert "Training" not in page.text


def test_total_conductances_have_a_table(report: Report) -> None:
    totals = {"gnabar_hh.soma": np.linspace(100.0, 200.0, 101)}
    page = Page(render(Report(title="t", cell="c", estimate=report.estimate, totals=totals)))
    assert re.search(r"Total conductances.*gnabar_hh\.soma\s*150\s*105 to 195\s*nS", page.text, re.DOTALL)


def test_nothing_is_said_twice(report: Report) -> None:
    assert report.features is not None
    again = dataclasses.replace(report, summary=(report.features.verdict,))
    found = narrowing(report.estimate) if report.estimate is not None else ()
    assert conclusions(again, found, ()).count(report.features.verdict) == 1
    assert len(set(warnings(dataclasses.replace(report, warnings=("a", "a"))))) == 3


def test_a_recorded_cell_has_no_truth(report: Report) -> None:
    page = Page(render(dataclasses.replace(report, truth=None, networks=(), box=None)))
    assert "2 sweeps of neuron_7.nwb" in page.text
    assert "Truth" not in page.text


def test_names_from_files_stay_text(report: Report) -> None:
    rng = np.random.default_rng(0)
    name = "".join(HOSTILE.split())
    space = ParameterSpace((FreeParameter(name, HOSTILE, 1.0, 2.0), FreeParameter("b", "<b>", 1.0, 2.0, "log")))
    estimate = Estimate(space, rng.uniform(1, 2, (100, 2)), np.zeros(100), HOSTILE, {HOSTILE: HOSTILE}, {}, (HOSTILE,))
    sweep = Sweep(HOSTILE, np.full(100, -65.0), np.zeros(100), 0.1, 0.0, (HOSTILE,))
    recording = Recording(Path(HOSTILE.replace("/", "")), HOSTILE, HOSTILE, (sweep,), HOSTILE, refused=(HOSTILE,))
    content = Report(
        title=HOSTILE, cell=HOSTILE, summary=(HOSTILE,), warnings=(HOSTILE,), recording=recording, estimate=estimate,
        features=report.features, simulations=SimulationSummary({HOSTILE: 3}, note=HOSTILE),
        provenance={HOSTILE: [HOSTILE]}, commands=(HOSTILE,), files={HOSTILE: HOSTILE},
    )  # fmt: skip
    text = render(content)
    page = check_self_contained(text)
    assert "<script" not in text
    assert page.text.count("alert('x')") >= 20
    assert page.text.count("{{ 7 * 7 }}") >= 20


def test_a_file_name_that_is_no_unicode_can_be_written(tmp_path: Path, recording: Recording) -> None:
    odd = dataclasses.replace(recording, source=Path("cell\udce9.nwb"))
    assert (
        write_report(Report(title="cell\udce9", cell="c", recording=odd), tmp_path / "r.html").stat().st_size > 10_000
    )


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.html"
    target.write_text("the old one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gbar.files.os.fsync", full)
    with pytest.raises(OutputError, match=r"report\.html.*No space left on device"):
        write_report(Report(title="t", cell="c"), target)
    assert target.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gbar.files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(Report(title="t", cell="c"), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "file/report.html"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(Report(title="t", cell="c"), tmp_path / name)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_picture_of_its_own(tmp_path: Path, recording: Recording, suffix: str, start: bytes) -> None:
    path = write_figure(recording_figure(recording.sweeps), tmp_path / f"sweeps{suffix}")
    assert path.read_bytes().startswith(start)


def test_a_picture_of_no_known_kind_is_refused(tmp_path: Path, recording: Recording) -> None:
    with pytest.raises(OutputError, match=r"end the name in \.png, \.svg, \.pdf"):
        write_figure(recording_figure(recording.sweeps), tmp_path / "sweeps.gif")


def test_a_report_of_eight_parameters_takes_seconds(report: Report, wide_estimate: Estimate) -> None:
    start = time.process_time()
    render(dataclasses.replace(report, estimate=wide_estimate, truth=None))
    assert time.process_time() - start < 15


def test_a_prior_that_is_not_uniform_is_named(estimate: Estimate) -> None:
    first, second = estimate.space.parameters
    space = ParameterSpace((first, dataclasses.replace(second, prior=Normal(0.03, 0.01))))
    page = check_self_contained(
        render(Report("inferred", "sphere", estimate=dataclasses.replace(estimate, space=space)))
    )
    assert "normal, mean 0.03 S/cm2, sd 0.01 S/cm2" in page.text and "the prior's in grey" in page.text
    even = check_self_contained(render(Report("inferred", "sphere", estimate=estimate))).text
    assert "normal" not in even and "Prior range" in even and "relative to the prior's (1 everywhere)" in even
