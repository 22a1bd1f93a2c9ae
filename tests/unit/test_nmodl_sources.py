import pytest

from gbar import mechanism
from gbar.errors import NmodlError

MAIN = """NEURON { SUFFIX x NONSPECIFIC_CURRENT i }
INCLUDE "rates.inc"
ASSIGNED { v i }
BREAKPOINT { i = f(v)*n }
"""
RATES = "DEFINE n 3\r\nFUNCTION f(x) {\r\n f = x\r\n}\r\n"


def written(folder, main=MAIN, **others):
    (folder / "x.mod").write_text(main)
    for name, text in others.items():
        (folder / f"{name}.inc").write_text(text)
    return folder / "x.mod"


def test_an_included_file_is_read_in_its_place(tmp_path):
    built = mechanism.read(written(tmp_path, rates=RATES))
    plain = mechanism.parse(MAIN.replace('INCLUDE "rates.inc"', RATES))
    assert built.breakpoint == plain.breakpoint
    assert built.name == "x"


def test_the_digest_covers_what_is_included(tmp_path):
    first = mechanism.read(written(tmp_path, rates=RATES)).digest
    assert mechanism.read(written(tmp_path, rates=RATES)).digest == first
    assert mechanism.read(written(tmp_path, rates=RATES + ": changed")).digest != first
    assert mechanism.read(written(tmp_path, rates=RATES, other="")).digest == first


def test_files_include_files_from_their_folder_and_those_above(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "more.inc").write_text(RATES)
    (inner / "rates.inc").write_text('INCLUDE "more.inc"')
    (inner / "x.mod").write_text(MAIN)
    assert mechanism.read(inner / "x.mod").name == "x"


def test_a_place_in_an_included_file_is_named(tmp_path):
    path = written(tmp_path, rates="DEFINE n 3 FUNCTION f(x) {\n f = y\n}")
    with pytest.raises(NmodlError, match=r"rates\.inc:2:6: y is not declared"):
        mechanism.read(path)
    path = written(tmp_path, rates="DEFINE n 3 FUNCTION f(x) {\n f = \n}")
    with pytest.raises(NmodlError, match=r"rates\.inc:3:1: unexpected '}'"):
        mechanism.read(path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r'x\.mod:2:9: INCLUDE "rates\.inc": there is no such file; put it into the folder'),
        ({"rates": 'INCLUDE "x.mod"'}, r"rates\.inc:1:9: x\.mod includes itself; remove this INCLUDE"),
        ({"rates": 'INCLUDE "rates.inc"'}, r"rates\.inc:1:9: rates\.inc includes itself"),
        ({"rates": 'INCLUDE "b.inc"', "b": 'INCLUDE "rates.inc"'}, r"b\.inc:1:9: rates\.inc includes itself"),
        ({"rates": 'INCLUDE "b.inc" ' * 40, "b": ""}, r"more than 30 files or 1000000 bytes are included"),
        ({"rates": 'INCLUDE "b.inc" ' * 3, "b": ":" * 400_000}, r"more than 30 files or 1000000 bytes are included"),
        ({"rates": ":" * 1_000_001}, r"rates\.inc: the file has 1000001 bytes"),
        ({"rates": "INCLUDE rates"}, r"rates\.inc:1:1: INCLUDE without a file; write it like INCLUDE"),
        ({"rates": 'INCLUDE "/etc/passwd"'}, r'rates\.inc:1:9: INCLUDE "/etc/passwd": there is no such file'),
        ({"rates": "DEFINE n"}, r"rates\.inc:1:1: DEFINE without a name and a whole number; write it like DEFINE n 4"),
        ({"rates": "DEFINE n 3.5"}, r"rates\.inc:1:10: 3\.5 is no whole number"),
    ],
)
def test_refusals(tmp_path, files, message):
    with pytest.raises(NmodlError, match=message) as error:
        mechanism.read(written(tmp_path, **files))
    assert "\n" not in str(error.value)


def test_a_file_that_includes_itself(tmp_path):
    with pytest.raises(NmodlError, match=r"x\.mod:1:9: x\.mod includes itself"):
        mechanism.read(written(tmp_path, main='INCLUDE "x.mod"'))


def test_a_text_has_no_folder():
    with pytest.raises(NmodlError, match=r'<text>:2:9: INCLUDE "rates\.inc" in a text; read it from a file'):
        mechanism.parse(MAIN)
