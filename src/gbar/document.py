"""A document read from YAML or JSON whose values know where they stand, so that every complaint names its place.

YAML is read event by event: no tags, no aliases, no objects, limited in size, depth and number of values. Scalars stay
text until someone asks for a quantity, a whole number or a yes; so `no` is a word and `1:30` no number.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gbar import units
from gbar.errors import UnitError, UserError

MAX_BYTES = 2_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 20


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to put before a list: "did you mean x? " if a known word is near, in small or capital letters alike."""
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    alike = [folded[word.casefold()]] if word.casefold() in folded else []
    close = alike or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    close = close or [folded[name] for name in difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)]
    return f"did you mean {close[0]}? " if close else ""


def listed(names: Mapping[str, Any] | tuple[str, ...], most: int = 40) -> str:
    """Names for a message, the first of many."""
    shown = list(names)[:most]
    return ", ".join(shown) + (f", … ({len(names)} in all)" if len(names) > most else "")


def counted(number: int, unit: str) -> str:
    """A number of something, from the word for several.

    >>> counted(1, "rows"), counted(20_000, "rows")
    ('1 row', '20,000 rows')
    """
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


@dataclass(frozen=True)
class Node:
    """A value of a document (text or a number, a list of nodes, a mapping of nodes) with the place where it stands."""

    value: str | int | float | bool | tuple[Node, ...] | Mapping[str, Node] | None
    path: str  # as protocol.stimuli[0].duration
    error: type[UserError]  # what a mistake here raises
    file: Path | None = None
    line: int | None = None
    column: int | None = None
    key: Node | None = None  # the key that leads here

    def fail(self, what: str, remedy: str | None = None) -> UserError:
        """The error to raise about this value: its place, its path, what is wrong and the remedy."""
        path = f"{self.path}: " if self.path else ""
        return self.error(f"{path}{what}", file=self.file, line=self.line, column=self.column, remedy=remedy)

    def mapping(self, required: Sequence[str] = (), optional: Sequence[str] | None = ()) -> dict[str, Node]:
        """The entries of a mapping with these keys (`optional` None: any); refuses missing and unknown ones."""
        known = list(dict.fromkeys((*required, *(optional or ()))))
        listing = f"expected keys: {', '.join(known)}" if known else ""
        if not isinstance(self.value, Mapping):
            raise self.fail(f"expected keys with values, got {self._kind()}", listing or None)
        for key, node in self.value.items():
            if optional is not None and key not in known:
                raise (node.key or node).fail(f"unknown key {key!r}", f"{nearest(key, known)}{listing}")
        for key in required:
            if key not in self.value:
                raise self.fail(f"the key {key!r} is missing", listing)
        return dict(self.value)

    def items(self) -> tuple[Node, ...]:
        """The elements of a list."""
        if not isinstance(self.value, tuple):
            raise self.fail(f"expected a list, got {self._kind()}", "begin each element with -")
        return self.value

    def text(self, choices: Sequence[str] = ()) -> str:
        """A text, one of `choices` if there are any."""
        if not isinstance(self.value, str):
            raise self.fail(f"expected a text, got {self._kind()}")
        if choices and self.value not in choices:
            raise self.fail(
                f"unknown value {self.value!r}", f"{nearest(self.value, choices)}expected one of {', '.join(choices)}"
            )
        return self.value

    def quantity(self, unit: str) -> float:
        """A number in `unit`, from a text such as "20 um"."""
        if not isinstance(self.value, str | int | float):
            raise self.fail(f"expected a quantity in {unit}, got {self._kind()}")
        try:
            return units.quantity(self.value, unit)
        except UnitError as error:
            raise self.fail(error.what, error.remedy) from None

    def integer(self) -> int:
        """A whole number, 0 or above."""
        text = str(self.value).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 20):
            raise self.fail(f"expected a whole number, 0 or above, got {self._kind()}")
        return int(text)

    def flag(self) -> bool:
        """`true` or `false`."""
        if self.value not in ("true", "false", True, False) or (
            isinstance(self.value, int | float) and not isinstance(self.value, bool)
        ):
            raise self.fail(f"expected true or false, got {self._kind()}")
        return self.value in ("true", True)

    def beside(self) -> Path:
        """The file that this text names: in the folder of the document or below it, and nowhere else."""
        name = self.text()
        if self.file is None:
            raise self.fail(f"{name!r} is named by a document that is no file", "write the cell to a file first")
        folder, path = self.file.resolve().parent, Path(name)
        outside = path.is_absolute() or ".." in path.parts or not (folder / path).resolve().is_relative_to(folder)
        if outside or "\\" in name or "\0" in name:
            where = f"{name!r} leads out of the folder of {self.file.name}"
            raise self.fail(where, "put the file next to it or in a folder below, and write the path with /")
        return self.file.parent / path

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """A UserError without a place that is raised inside is raised as one about this value."""
        try:
            yield
        except UserError as error:
            if error.file is not None:
                raise
            raise self.fail(error.what, error.remedy) from None

    def _kind(self) -> str:
        if isinstance(self.value, Mapping):
            return "keys with values"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value in (None, "") else repr(self.value)


def of(data: Any, error: type[UserError], path: str = "") -> Node:
    """A document from plain data (what json.load returns)."""
    if isinstance(data, Mapping):
        entries = {str(k): of(v, error, f"{path}.{k}" if path else str(k)) for k, v in data.items()}
        return Node(entries, path, error)
    if isinstance(data, list | tuple):
        return Node(tuple(of(v, error, f"{path}[{i}]") for i, v in enumerate(data)), path, error)
    if data is None or isinstance(data, str | int | float | bool):
        return Node(data, path, error)
    raise error(
        f"{path}: {type(data).__name__} is no value of a document", remedy="use texts, numbers, lists and mappings"
    )


def read_text(file: Path, error: type[UserError], limit: int = MAX_BYTES) -> str:
    """The UTF-8 text of a file; raises `error` where it is missing, a directory, empty, too large or no text."""
    try:
        if file.is_dir():
            raise error("is a directory, expected a file", file=file, remedy="name the file in it")
        if file.exists() and not file.is_file():
            raise error("is no regular file", file=file, remedy="name a file on disk")
        if file.stat().st_size > limit:
            raise error(f"is larger than {limit / 1e6:g} MB", file=file, remedy="name another file")
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise error("no such file", file=file, remedy="check the path") from None
    except UnicodeDecodeError as damage:
        raise error(f"is no text in UTF-8 (byte {damage.start})", file=file, remedy="name a text file") from None
    except (OSError, ValueError) as trouble:
        raise error(
            f"cannot be read: {getattr(trouble, 'strerror', trouble)}",
            file=file,
            remedy="check the path and its permissions",
        ) from None
    if not text.strip():
        raise error("is empty", file=file, remedy="name another file")
    return text


def read_yaml(file: Path, error: type[UserError]) -> Node:
    """The document in a YAML file; raises `error` with file:line:column for what YAML, or gbar, does not allow."""
    return parse_yaml(read_text(file, error), error, file)


def parse_yaml(text: str, error: type[UserError], file: Path | None = None) -> Node:
    """The document in a YAML text."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(iter(yaml.parse(text, Loader=loader)), error, file).document()
    except yaml.MarkedYAMLError as trouble:
        mark = trouble.problem_mark or trouble.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise error(
            f"is not YAML: {trouble.problem}", file=file, line=line, column=column, remedy="mend the text there"
        ) from None
    except yaml.YAMLError as trouble:
        raise error(
            f"is not YAML: {' '.join(str(trouble).split())[:200]}", file=file, remedy="name a text file"
        ) from None


class _Builder:
    """Builds nodes from YAML's events."""

    def __init__(self, events: Iterator[Any], error: type[UserError], file: Path | None) -> None:
        self.events, self.error, self.file, self.count = events, error, file, 0

    def document(self) -> Node:
        name = type(self.next()).__name__
        while name in ("StreamStartEvent", "DocumentStartEvent"):
            event = self.next()
            name = type(event).__name__
        root = self.build(event, "", 0)
        self.next()  # the document's end
        extra = self.next()
        if type(extra).__name__ != "StreamEndEvent":
            raise self.leaf(extra, "").fail("a second document begins", "keep one document in a file")
        return root

    def next(self) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self.error(
                f"holds more than {MAX_VALUES} values", file=self.file, remedy="keep long tables in CSV files"
            )
        return next(self.events)

    def leaf(self, event: Any, path: str, value: Any = None, key: Node | None = None) -> Node:
        mark = event.start_mark
        return Node(value, path, self.error, self.file, mark.line + 1, mark.column + 1, key)

    def build(self, event: Any, path: str, depth: int, key: Node | None = None) -> Node:
        kind, here = type(event).__name__, self.leaf(event, path)
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise here.fail("anchors (&) and aliases (*) are not allowed", "write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise here.fail(f"the tag {event.tag} is not allowed", "write a plain value")
        if depth > MAX_DEPTH:
            raise here.fail(f"is nested more than {MAX_DEPTH} deep", "write it flatter")
        if kind == "ScalarEvent":
            return self.leaf(event, path, event.value, key)
        if kind == "SequenceStartEvent":
            return self.leaf(event, path, tuple(self.elements(path, depth)), key)
        if kind == "MappingStartEvent":
            return self.leaf(event, path, dict(self.entries(path, depth)), key)
        raise here.fail("is empty", "write a document")

    def elements(self, path: str, depth: int) -> Iterator[Node]:
        i = 0
        while type(event := self.next()).__name__ != "SequenceEndEvent":
            yield self.build(event, f"{path}[{i}]", depth + 1)
            i += 1

    def entries(self, path: str, depth: int) -> Iterator[tuple[str, Node]]:
        seen: dict[str, Node] = {}
        while type(event := self.next()).__name__ != "MappingEndEvent":
            key = self.build(event, path, depth + 1)
            name = key.text()
            if name in seen:
                raise key.fail(f"the key {name!r} stands twice, first in line {seen[name].line}", "keep one")
            seen[name] = key
            yield name, self.build(self.next(), f"{path}.{name}" if path else name, depth + 1, key)
