"""Mechanisms as .mod files for NEURON: which name each has there, and copies under that name.

NEURON's own mechanisms have names like `hh` and `pas`, and a library with another mechanism of such a name does not
load. gbar's `pas` has NEURON's equation, so NEURON's own takes its place; any other mechanism of a name that NEURON has
gets a SUFFIX of its own in the copy, `hh_gbar`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from gbar.errors import OutputError
from gbar.files import make_folder, write_whole
from gbar.mechanism import Mechanism, read, shipped_file
from gbar.nmodl import lexer

BUILT_IN = frozenset(
    {
        *("morphology", "capacitance", "pas", "extracellular", "fastpas", "na_ion", "k_ion", "ca_ion", "hh"),
        *("IClamp", "AlphaSynapse", "ExpSyn", "Exp2Syn", "SEClamp", "VClamp", "OClamp", "APCount", "NetStim"),
        *("IntFire1", "IntFire2", "IntFire4", "PointProcessMark", "PatternStim"),
    }
)
OWN = "_gbar"

_INCLUDE = re.compile(r'^[ \t]*INCLUDE[ \t]+"([^"\n]+)"', re.MULTILINE)


def neuron_name(mechanism: Mechanism) -> str:
    """The SUFFIX that a mechanism has in NEURON."""
    if is_neurons_own(mechanism) or mechanism.name not in BUILT_IN:
        return mechanism.name
    return mechanism.name + OWN


def is_neurons_own(mechanism: Mechanism) -> bool:
    """Whether NEURON has this very mechanism, so that it needs no .mod file: `pas`."""
    return mechanism.name == "pas" and mechanism.digest == hashlib.sha256(shipped_file("pas").read_bytes()).hexdigest()


def write_mod_files(mechanisms: Iterable[Mechanism], folder: Path, *, neurons_own: bool = True) -> dict[str, Path]:
    """Copies the .mod files into a folder, each under the name it has in NEURON; returns that name and file of each.

    `neurons_own`: those that NEURON has itself are left out. Files that a .mod file INCLUDEs are copied beside it.
    Raises OutputError if a file has changed since it was read.
    """
    make_folder(folder)
    written: dict[str, Path] = {}
    taken: set[str] = set()
    for mechanism in {m.digest: m for m in mechanisms}.values():
        own = is_neurons_own(mechanism)
        if own and neurons_own:
            continue
        name = mechanism.name + OWN if own else neuron_name(mechanism)
        file = folder / f"{name}.mod"
        if file.name.lower() in taken:  # Im and im, on file systems that take them for one
            file = folder / f"{name}_{len(taken)}.mod"
        taken.add(file.name.lower())
        text = _text(mechanism)
        for include in _INCLUDE.findall(text):
            _copy_included(mechanism.file.parent, include, folder)
        written[name] = write_whole(file, _renamed(text, mechanism, name))
    return written


def _text(mechanism: Mechanism) -> str:
    try:
        data = mechanism.file.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot be read ({error.strerror})", file=mechanism.file, remedy="bring it back") from None
    if hashlib.sha256(data).hexdigest() != mechanism.digest and read(mechanism.file).digest != mechanism.digest:
        raise OutputError("the mod file has changed since the cell was read", file=mechanism.file,
                          remedy="read the cell again")  # fmt: skip
    return lexer.decode(data, str(mechanism.file))


def _renamed(text: str, mechanism: Mechanism, name: str) -> str:
    """The text with another SUFFIX, put where the lexer sees the old one."""
    if name == mechanism.name:
        return text
    found = list(lexer.tokens(text, str(mechanism.file)))
    for before, lexeme in pairwise(found):
        if before.text == "SUFFIX" and lexeme.text == mechanism.name:
            lines = text.split("\n")
            line, start = lines[lexeme.at.line - 1], lexeme.at.column - 1
            lines[lexeme.at.line - 1] = line[:start] + name + line[start + len(mechanism.name) :]
            return "\n".join(lines)
    raise OutputError("its SUFFIX is not where it is expected", file=mechanism.file, remedy="write it in NEURON { }")


def _copy_included(source: Path, name: str, folder: Path) -> None:
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        what = f"{name!r} is included from outside its folder"
        raise OutputError(what, file=source, remedy="put it beside the mod file")
    if not target.exists() and (source / name).is_file():
        make_folder(target.parent)
        write_whole(target, (source / name).read_bytes())
