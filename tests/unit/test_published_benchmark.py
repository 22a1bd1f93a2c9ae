"""The coverage benchmark's own logic: which files it takes, what it calls the same, how it judges."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
CHANNEL = """TITLE a channel
NEURON {
    SUFFIX kx : its name
    USEION k READ ek WRITE ik
    RANGE g
}
PARAMETER { g = 0.1 (S/cm2) }
ASSIGNED { v (mV) ek (mV) ik (mA/cm2) }
STATE { n }
BREAKPOINT { SOLVE go METHOD cnexp ik = g*n*(v - ek) }
INITIAL { n = 0.1 }
DERIVATIVE go { n' = (0.5 - n)/10 }
"""


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    """benchmarks/published.py."""
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    module = importlib.import_module("published")
    sys.path[:] = before
    return module


@pytest.fixture(scope="module")
def files(coverage: ModuleType) -> ModuleType:
    return sys.modules["published_files"]


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.mod").write_text(text)
    return folder


def test_one_structure_counts_once(files, tmp_path):
    same = CHANNEL.replace(" : its name", "").replace("kx", "other").replace("TITLE a channel", "TITLE another")
    same = "COMMENT\nanything: {}\nENDCOMMENT\n" + same.replace("    ", "\t").replace("\n", "\r\n")
    folder = written(tmp_path, a=CHANNEL, b=same, c=CHANNEL.replace("0.5 - n", "0.6 - n"))
    assert [file.path.stem for file in files.density_mechanisms([folder])] == ["a", "c"]


def test_what_is_no_density_mechanism_is_left_out(files, tmp_path):
    point = CHANNEL.replace("SUFFIX kx", "POINT_PROCESS kx")
    library = "NEURON { SUFFIX nothing }\n"
    commented = ": POINT_PROCESS x\n" + CHANNEL
    folder = written(tmp_path, a=point, b=library, c=commented, d="just text")
    assert [file.path.stem for file in files.density_mechanisms([folder])] == ["c"]


def test_a_copy_has_another_suffix_and_all_else_as_it_was(files, tmp_path):
    (path := tmp_path / "a.mod").write_text(": SUFFIX old\n" + CHANNEL)
    file = files.read(path)
    assert file.suffix == "kx"
    assert file.renamed("covered") == file.text.replace("SUFFIX kx", "SUFFIX covered")


def test_a_sample_does_not_depend_on_the_order_of_files(files, tmp_path):
    texts = {f"m{k}": CHANNEL.replace("0.5", f"0.{k}1") for k in range(9)}
    found = files.density_mechanisms([written(tmp_path, **texts)])
    drawn = files.sample(found, 4, 0)
    assert drawn == files.sample(found[::-1], 4, 0) and drawn == files.sample(found, 6, 0)[:4]
    assert drawn != files.sample(found, 4, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("METHOD cnexp", "METHOD sparse"), ["sparse"]),
        (("SOLVE go METHOD cnexp", ""), ["no SOLVE"]),
        (("DERIVATIVE go { n' = (0.5 - n)/10 }", "PROCEDURE go() { n = n + dt }"), ["cnexp"]),
        (("INITIAL {", "INITIAL { VERBATIM return 0; ENDVERBATIM"), ["cnexp", "VERBATIM (return)"]),
        (("INITIAL {", "INITIAL { VERBATIM n = 3; ENDVERBATIM"), ["cnexp", "VERBATIM (C)"]),
        (
            ("USEION k", "USEION ca READ cai WRITE cao USEION k"),
            ["cnexp", "reads concentrations", "writes concentrations"],
        ),
    ],
)
def test_words_for_what_a_file_uses(files, tmp_path, change, words):
    (path := tmp_path / "a.mod").write_text(CHANNEL.replace(*change))
    assert files.features(files.read(path)) == words


def test_a_state_is_compared_by_its_own_size(coverage):
    b = np.array([1.0, 1e-3, 0.0, np.nan])

    def difference(*change: float) -> float:
        return coverage.relative_difference(b + np.array(change), b)

    assert difference(0, 0, 0, 0) == 0.0
    assert difference(0, 1e-9, 0, 0) == pytest.approx(1e-6, rel=0.01)
    assert difference(0, 0, 5e-13, 0) == 0.0
    assert difference(0, 0, 1e-3, 0) == np.inf
    assert coverage.relative_difference(np.array([np.nan, 1.0]), np.array([1.0, 1.0])) == np.inf


@pytest.mark.parametrize(
    ("dv", "dn", "verdict"),
    [(0.9e-5, 0.9e-7, "agrees"), (1.1e-5, 0.0, "differs"), (0.0, 1.1e-7, "differs"), (np.nan, 0.0, "differs")],
)
def test_verdict(coverage, dv, dn, verdict):
    v, n = np.full(5, -65.0), np.full(5, 0.5)
    row = coverage.Row("a.mod", "0", "")
    own_v, own_n = v.copy(), n.copy()
    own_v[2] += dv
    own_n[2] *= 1 + dn
    row = coverage.judged(row, v, {"n": n, "m": n}, own_v, {"n": own_n, "m": n})
    assert row.verdict == verdict
    assert row.first == (0.05 if not dv <= 1e-5 else None)


def test_files_that_neuron_does_not_run_do_not_count(coverage):
    row = coverage.Row("a.mod", "0", "agrees", features=["cnexp"])
    rows = [row, replace(row, verdict="refused"), replace(row, verdict="neuron does not compile it")]
    assert coverage.rate(rows) == (1, 2)
    assert "| **all** | 1 | 2 | 50.0 | 1 | 0 | 0 |" in coverage.table(rows)


def test_ion_styles(coverage):
    """As nrn_promote has them: a concentration that is read makes Nernst at start, one that is written always."""
    from gbar.compartments import Reversal
    from gbar.mechanism import Ion

    style = sys.modules["published_gbar"].reversal
    assert style(Ion("k", ("ek",), ("ik",))) is Reversal.STATED
    assert style(Ion("ca", ("ica",), ())) is Reversal.STATED
    assert style(Ion("ca", ("cai", "eca"), ("ica",))) is Reversal.AT_START
    assert style(Ion("ca", ("ica", "cai"), ("cai",))) is Reversal.ALWAYS
    assert style(Ion("ca", ("cai",), ("eca",))) is Reversal.STATED
