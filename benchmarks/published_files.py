"""Density mechanisms in folders of .mod files: which there are, without repetitions, and what each is made of."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PARTS = re.compile(  # what is no code, and VERBATIM, which has its own comments
    r"(?P<title>^[ \t]*TITLE[^\r\n]*)|(?P<comment>\bCOMMENT\b.*?(?:\bENDCOMMENT\b|\Z)|[:?][^\r\n]*)"
    r"|(?P<verbatim>\bVERBATIM\b.*?(?:\bENDVERBATIM\b|\Z))",
    re.DOTALL | re.MULTILINE,
)
SUFFIX = re.compile(r"(\bSUFFIX\s+)([A-Za-z_]\w*)")


@dataclass(frozen=True)
class ModFile:
    """A density mechanism's file: its text, what of it is code, and the digest of that without its spaces."""

    path: Path
    text: str
    code: str  # comments and title replaced by spaces, so that places stay
    digest: str

    @property
    def suffix(self) -> str:
        """The mechanism's name."""
        found = SUFFIX.search(self.code)
        return found[2] if found else ""

    def renamed(self, suffix: str) -> str:
        """The text with another SUFFIX."""
        found = SUFFIX.search(self.code)
        return self.text if found is None else self.text[: found.start(2)] + suffix + self.text[found.end(2) :]


def read(path: Path) -> ModFile:
    """A .mod file, byte for byte (latin-1)."""
    path = path.resolve()
    text = path.read_bytes().decode("latin-1").replace("\x1a", " ")
    code = blanked(text)
    return ModFile(path, text, code, structure(code))


def blanked(text: str) -> str:
    """The text with comments and title as spaces."""
    return PARTS.sub(lambda m: m[0] if m["verbatim"] else re.sub(r"[^\r\n]", " ", m[0]), text)


def structure(code: str) -> str:
    """A digest that does not depend on comments, spaces and the mechanism's name."""
    without = SUFFIX.sub(r"\1x", code, count=1)
    tokens = re.findall(r"\w+|[^\w\s]", without)
    return hashlib.sha256(" ".join(tokens).encode()).hexdigest()[:24]


def is_density(file: ModFile) -> bool:
    """Whether the file has a density mechanism."""
    code = re.sub(r"VERBATIM.*?ENDVERBATIM", " ", file.code, flags=re.DOTALL)
    other = re.search(r"\b(POINT_PROCESS|ARTIFICIAL_CELL)\s+\w", code)
    return other is None and file.suffix not in ("", "nothing") and re.search(r"\bNEURON\b\s*\{", code) is not None


def density_mechanisms(paths: Iterable[Path]) -> list[ModFile]:
    """The density mechanisms among files and in folders (and theirs), each structure once, in the order of names."""
    found: dict[str, ModFile] = {}
    for path in paths:
        for name in sorted(path.rglob("*.mod")) if path.is_dir() else [path]:
            file = read(name)
            if is_density(file):
                found.setdefault(file.digest, file)
    return list(found.values())


def sample(files: list[ModFile], count: int | None, seed: int) -> list[ModFile]:
    """The first `count` files of a shuffling that depends on the seed; all of them without a count."""
    order = sorted(files, key=lambda file: file.digest)
    random.Random(seed).shuffle(order)
    return order[:count]


def features(file: ModFile) -> list[str]:
    """Words for what the file uses; the first says how its states are solved."""
    code = file.code
    verbatim = re.findall(r"\bVERBATIM\b(.*?)\bENDVERBATIM\b", code, flags=re.DOTALL)
    code = re.sub(r"\bVERBATIM\b.*?\bENDVERBATIM\b", " ", code, flags=re.DOTALL)
    words = [_solution(code)]
    tests = {
        "TABLE": r"\bTABLE\b",
        "INCLUDE": r"\bINCLUDE\b",
        "arrays or FROM": r"\bFROM\s+\w+\s*=|\b\w+\s*\[\s*\w+\s*\]",
        "IF": r"\b(IF|if)\b",
        "POINTER": r"\bPOINTER\b|\bBBCOREPOINTER\b",
        "FUNCTION_TABLE": r"\bFUNCTION_TABLE\b",
        "LONGITUDINAL_DIFFUSION": r"\bLONGITUDINAL_DIFFUSION\b",
        "BEFORE or AFTER": r"\b(BEFORE|AFTER)\s+(BREAKPOINT|STEP|INITIAL)\b",
        "NET_RECEIVE": r"\bNET_RECEIVE\b",
        "LINEAR": r"\b(LINEAR|NONLINEAR)\s+\w+\s*\{",
        "DISCRETE": r"\bDISCRETE\b",
    }
    words += [word for word, pattern in tests.items() if re.search(pattern, code)]
    reads, writes = _ions(code)
    words += ["reads concentrations"] if any(name[-1] in "io" and name != name[:1] for name in reads) else []
    words += ["writes concentrations"] if any(name[-1] in "io" for name in writes) else []
    if verbatim:
        trivial = all(not re.sub(r"return\s*\(?\s*0?\s*\)?\s*;|\s", "", _c(text)) for text in verbatim)
        words.append("VERBATIM (return)" if trivial else "VERBATIM (C)")
    return words


def _c(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def _solution(code: str) -> str:
    solved = re.findall(r"\bSOLVE\s+(\w+)(?:\s+(?:METHOD|STEADYSTATE)\s+(\w+))?", code)
    if not solved:
        return "no SOLVE"
    methods = sorted({method for _, method in solved if method})
    if re.search(r"\bKINETIC\s+\w+", code):
        return "KINETIC"
    if methods:
        return " + ".join(methods)
    procedures = set(re.findall(r"\bPROCEDURE\s+(\w+)", code))
    return "PROCEDURE" if any(name in procedures for name, _ in solved) else "DERIVATIVE without METHOD"


def _ions(code: str) -> tuple[list[str], list[str]]:
    uses = re.findall(r"\bUSEION\s+(\w+)(?:\s+READ\s+([\w\s,]*?))?(?:\s+WRITE\s+([\w\s,]*?))?"
                      r"(?=\s+(?:VALENCE|CHARGE|USEION|NONSPECIFIC_CURRENT|RANGE|GLOBAL|SUFFIX|POINTER|THREADSAFE|"
                      r"ELECTRODE_CURRENT|EXTERNAL|REPRESENTS)\b|\s*\})", code)  # fmt: skip
    reads, writes = [], []
    for ion, read, written in uses:
        for names, into in ((read, reads), (written, writes)):
            into += [n for n in re.split(r"[\s,]+", names) if n in (f"{ion}i", f"{ion}o")]
    return reads, writes
