from pathlib import Path

import pytest

from gbar import document
from gbar.document import parse_yaml
from gbar.errors import CellError, ProtocolError


def test_values_know_where_they_stand():
    root = parse_yaml("a: 1 mV\nb:\n  - x: 3\n    y: [2 ms, no]\n", CellError)
    entries = root.mapping(required=("a", "b"))
    assert entries["a"].quantity("mV") == 1.0
    element = entries["b"].items()[0].mapping(optional=None)
    assert element["x"].integer() == 3
    last = element["y"].items()[1]
    assert (last.text(), last.line, last.column, last.path) == ("no", 4, 15, "b[0].y[1]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: the key 'a' stands twice, first in line 1"),
        ("a: &x 1\nb: *x\n", "1:4: a: anchors (&) and aliases (*) are not allowed"),
        ("a: *x\n", "anchors (&) and aliases (*) are not allowed"),
        (
            "a: !!python/object/apply:os.system [echo]\n",
            "1:4: a: the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("a: !!binary abcd\n", "the tag"),
        ("a: [1, 2\n", "is not YAML"),
        ("a: b: c\n", "1:5: is not YAML"),
        ("a: 1\n---\nb: 1\n", "2:1: a second document begins"),
        ("? [1, 2]\n: 3\n", "1:3: expected a text, got a list"),
        ("a: \x07\n", "is not YAML"),
        ("[" * 30 + "]" * 30, "nested more than 20 deep"),
        ("# nothing\n", "is empty; write a document"),
    ],
)
def test_refuses_what_is_no_plain_document(text, message):
    with pytest.raises(CellError) as caught:
        parse_yaml(text, CellError)
    assert message in str(caught.value)


def test_refuses_a_bomb_and_a_large_file(tmp_path):
    with pytest.raises(CellError, match="holds more than 50000 values"):
        parse_yaml("[" + "1," * 50_001 + "]", CellError)
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (document.MAX_BYTES + 1))
    with pytest.raises(CellError, match="is larger than 2 MB"):
        document.read_yaml(file, CellError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; check the path"),
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
    ],
)
def test_refuses_a_file_that_is_none(tmp_path, content, message):
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CellError) as caught:
        document.read_yaml(file, CellError)
    assert str(caught.value).startswith(str(file)) and message in str(caught.value)


def test_refuses_a_directory(tmp_path):
    with pytest.raises(CellError, match="is a directory"):
        document.read_yaml(tmp_path, CellError)


@pytest.mark.parametrize("name", ["/dev/zero", "nul\0byte.yaml", "x" * 5000 + ".yaml"])
def test_refuses_a_path_that_leads_to_no_file(name):
    with pytest.raises(CellError, match=r"is no regular file|cannot be read|no such file"):
        document.read_yaml(Path(name), CellError)


def test_wrong_types_are_named():
    root = parse_yaml("a: [1]\nb: {c: 1}\nd: maybe\ne:\n", CellError)
    entries = root.mapping(optional=None)
    for ask, message in (
        (lambda: entries["a"].text(), "1:4: a: expected a text, got a list"),
        (lambda: entries["a"].mapping(), "expected keys with values, got a list"),
        (lambda: entries["b"].items(), "b: expected a list, got keys with values"),
        (lambda: entries["b"].quantity("mV"), "expected a quantity in mV, got keys with values"),
        (lambda: entries["d"].integer(), "expected a whole number, 0 or above, got 'maybe'"),
        (lambda: entries["d"].flag(), "expected true or false, got 'maybe'"),
        (lambda: entries["d"].text(("linear", "log")), "unknown value 'maybe'; expected one of linear, log"),
        (lambda: entries["e"].quantity("mV"), "no number with a unit"),
        (lambda: root.mapping(required=("z",), optional=("a", "b", "d", "e")), "the key 'z' is missing"),
        (lambda: root.mapping(("z",), ("z", "a")), "expected keys: z, a"),
        (
            lambda: root.mapping(optional=("aa", "b", "d", "e")),
            "1:1: unknown key 'a'; did you mean aa? expected keys: aa",
        ),
    ):
        with pytest.raises(CellError) as caught:
            ask()
        assert message in str(caught.value), message


def test_plain_data_is_a_document_too():
    root = document.of({"a": ["1 mV", 3, True, None]}, ProtocolError)
    text, number, flag, nothing = root.mapping(required=("a",))["a"].items()
    assert text.quantity("mV") == 1.0 and number.integer() == 3 and flag.flag() and nothing.value is None
    for bad in (number, text):
        with pytest.raises(ProtocolError):
            bad.flag()
    with pytest.raises(ProtocolError, match="no value of a document"):
        document.of({"a": object()}, ProtocolError)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../up.mod", "a/../../up.mod", "link.mod", "folder/up.mod", "a\\b.mod"]
)
def test_a_named_file_lies_beside_the_document_or_below(tmp_path, name):
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    (tmp_path / "up.mod").write_text("x")
    (home / "link.mod").symlink_to(tmp_path / "up.mod")
    (home / "folder").symlink_to(tmp_path)
    file = home / "c.yaml"
    file.write_text(f"good: a/own.mod\nbad: '{name}'\n")
    entries = document.read_yaml(file, CellError).mapping(optional=None)
    assert entries["good"].beside() == home / "a" / "own.mod"
    with pytest.raises(CellError, match="leads out of the folder of"):
        entries["bad"].beside()


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("L5PC", "did you mean l5pc? "),
        ("ttx", "did you mean TTX? "),
        ("ttx and 4ap", "did you mean TTX and 4-AP? "),
        ("l5pc3", "did you mean l5pc30? "),
        ("L5PC_30", "did you mean l5pc30? "),
        ("genesis", ""),
    ],
)
def test_what_was_meant_in_small_or_capital_letters(word, hint):
    assert document.nearest(word, ("TTX", "TTX and 4-AP", "l5pc", "l5pc30")) == hint
    assert document.nearest(word, ()) == ""


def test_names_as_they_are_come_first():
    assert document.nearest("gbar_Na", ("gbar_nap", "gbar_na", "gbar_Na_2")) == "did you mean gbar_na? "
    assert document.nearest("Ih2", ("IH", "ih", "Ih")) == "did you mean Ih? "
