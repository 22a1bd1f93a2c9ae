"""The tokens of a file with those of the files that it INCLUDEs, and numbers for the names that it DEFINEs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from gbar.errors import NmodlError
from gbar.nmodl import lexer
from gbar.nmodl.lexer import Lexeme
from gbar.nmodl.tree import Position

MAX_FILES = 30
_LEVELS = 4  # folders: that of the file, and those above it


@dataclass
class Source:
    """What a file is read from: itself, and what it includes."""

    file: str
    folder: Path | None  # where an INCLUDEd file is looked for, also in the folders above; None: nowhere
    digests: list[str] = field(default_factory=list)  # sha256 of every included file, in order
    size: int = 0
    numbers: dict[str, list[Lexeme]] = field(default_factory=dict)  # DEFINEd names
    around: list[Path] = field(default_factory=list)  # the files that are being included

    def _error(self, at: Position, what: str, remedy: str) -> NmodlError:
        return NmodlError(what, file=at.file or self.file, line=at.line, column=at.column, remedy=remedy)

    def tokens(self, text: str) -> Iterator[Lexeme]:
        """The tokens of `text`, whose line ends are as `lexer.normalise` leaves them. Raises NmodlError."""
        stream = self._placed(text)
        for lexeme in stream:
            if lexeme.kind == "DEFINE":
                self._define(stream, lexeme)
            elif lexeme.kind == "INCLUDE":
                yield from self._include(next(stream, None), lexeme.at)
            elif lexeme.kind == "NAME" and lexeme.text in self.numbers:
                yield from (replace(number, at=lexeme.at) for number in self.numbers[lexeme.text])
            else:
                yield lexeme

    def _placed(self, text: str) -> Iterator[Lexeme]:
        name = str(self.around[-1]) if self.around else ""
        for lexeme in lexer.tokens(text, name or self.file):
            yield replace(lexeme, at=replace(lexeme.at, file=name)) if name else lexeme

    def _define(self, stream: Iterator[Lexeme], word: Lexeme) -> None:
        name = next(stream, None)
        value = [next(stream, None)]
        if value[0] is not None and value[0].kind == "MINUS":
            value.append(next(stream, None))
        number = [lexeme for lexeme in value if lexeme is not None]
        if name is None or name.kind != "NAME" or not number or number[-1].kind != "NUMBER":
            raise self._error(word.at, "DEFINE without a name and a whole number", "write it like DEFINE n 4")
        if not number[-1].text.isdigit():
            raise self._error(number[-1].at, f"{number[-1].text[:40]} is no whole number", "DEFINE n 4")
        self.numbers[name.text] = number

    def _include(self, name: Lexeme | None, at: Position) -> Iterator[Lexeme]:
        if name is None or name.kind != "STRING":
            raise self._error(at, "INCLUDE without a file", 'write it like INCLUDE "rates.inc"')
        path = self._find(name.text.strip('"'), name.at)
        if path in self.around or self._same(path):
            raise self._error(name.at, f"{path.name} includes itself", "remove this INCLUDE")
        data = self._read(path, name.at)
        self.size += len(data)
        self.digests.append(hashlib.sha256(data).hexdigest())
        if self.size > lexer.MAX_BYTES or len(self.digests) > MAX_FILES:
            raise self._error(
                name.at,
                f"more than {MAX_FILES} files or {lexer.MAX_BYTES} bytes are included",
                "include fewer files",
            )
        self.around.append(path)
        yield from self.tokens(lexer.decode(data, str(path)))
        self.around.pop()

    def _same(self, path: Path) -> bool:
        try:
            return path.samefile(self.file)
        except (OSError, ValueError):
            return False

    def _find(self, name: str, at: Position) -> Path:
        """The included file: beside the one that includes it, or in a folder above."""
        if self.folder is None:
            raise self._error(at, f'INCLUDE "{name[:80]}" in a text', "read it from a file, or paste the included text")
        beside = self.around[-1].parent if self.around else self.folder
        first = beside.absolute()
        for folder in (first, *first.parents[: _LEVELS - 1]):
            path = folder / name
            try:
                if not Path(name).is_absolute() and path.is_file():
                    return path.resolve()
            except (OSError, ValueError):
                break
        raise self._error(at, f'INCLUDE "{name[:80]}": there is no such file', f"put it into the folder {beside}")

    def _read(self, path: Path, at: Position) -> bytes:
        try:
            if path.stat().st_size > lexer.MAX_BYTES:
                raise lexer.too_large(path.stat().st_size, str(path))
            return path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._error(at, f"{path} cannot be read ({reason})", "check the file that is included") from None
