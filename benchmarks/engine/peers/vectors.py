"""How wide the vectors of a compiled kernel are: its packed arithmetic instructions by register."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

PACKED = re.compile(
    r"^\s+v(?:add|sub|mul|div|fn?m(?:add|sub)\d+|max|min|sqrt)p[sd]\b.*?%?(zmm|ymm|xmm)\d", re.MULTILINE
)


def widths() -> dict[str, int]:
    """Of all kernels that this process has compiled: packed arithmetic instructions on zmm, ymm and xmm registers."""
    return counted("\n".join(_assembly()))


def counted(assembly: str) -> dict[str, int]:
    """The packed arithmetic instructions of an assembly text, by register."""
    found = PACKED.findall(assembly)
    return {register: found.count(register) for register in ("zmm", "ymm", "xmm")}


def _assembly() -> Iterator[str]:
    """The assembly of what was compiled here; what came from the cache has none."""
    for name, module in list(sys.modules.items()):
        if name.startswith("gbar_kernel_"):
            for function in vars(module).values():
                if hasattr(function, "inspect_asm"):
                    yield from function.inspect_asm().values()
                elif hasattr(function, "_library"):
                    yield function._library.get_asm_str()
