"""Random SWC and ASC files, sound and odd: double points, bifurcating somata, types that change, stacks of outlines."""

from __future__ import annotations

import numpy as np


def swc(rng: np.random.Generator) -> str:
    """A tree of up to 24 points whose parents stand before them."""
    n = int(rng.integers(1, 25))
    ids = np.cumsum(rng.integers(1, 3, n)) if rng.random() < 0.3 else np.arange(1, n + 1)
    onward = [0.7, 0.5, 0.9, 0.2][int(rng.integers(0, 4))]
    types, parents = [1 if rng.random() < 0.95 else 3], [-1]
    for i in range(1, n):
        parent = i - 1 if rng.random() < onward else int(rng.integers(0, i))
        kind = types[parent] if rng.random() < 0.8 else int(rng.choice([1, 2, 3, 4, 5, 0]))
        types.append(1 if rng.random() < 0.1 and i < 4 else kind)
        parents.append(parent)
    xyz = np.cumsum(rng.normal(size=(n, 3)) * 3, axis=0).round(int(rng.integers(1, 8)))
    radius = rng.uniform(0.1, 3, n).round(int(rng.integers(1, 9)))
    if rng.random() < 0.2 and n > 2:
        xyz[2] = xyz[1]
    if rng.random() < 0.2 and n > 2:  # the soma of NeuroMorpho.Org
        types[:3], parents[1:3], radius[:3] = [1, 1, 1], [0, 0], radius[0]
        xyz[1], xyz[2] = xyz[0] + [0, radius[0], 0], xyz[0] - [0, radius[0], 0]
    rows = zip(ids, types, xyz.tolist(), radius.tolist(), parents, strict=True)
    return "".join(f"{i} {k} {x!r} {y!r} {z!r} {r!r} {ids[p] if p >= 0 else -1}\n" for i, k, (x, y, z), r, p in rows)


def asc(rng: np.random.Generator) -> str:
    """One to three outlines, one above the other, and up to four trees."""
    digits, blocks, base = int(rng.integers(1, 8)), [], rng.normal()
    count = int(rng.choice([1, 1, 1, 2, 3]))
    for level in range(count):
        n = int(rng.integers(3, 30))
        angle = np.sort(rng.uniform(0, 2 * np.pi, n))
        far = rng.uniform(4, 9, n) if rng.random() < 0.5 else 6 * rng.uniform(0.9, 1.1, n)
        height = np.full(n, base + 2 * level) + (rng.normal(size=n) if rng.random() < 0.3 else 0)
        outline = np.column_stack((far * np.cos(angle) * rng.uniform(0.5, 2), far * np.sin(angle), height))
        points = "\n".join(_point(p, 0.1, digits) for p in outline)
        blocks.append(f'("CellBody" (Color Red) (CellBody)\n{points}\n)')
    for _ in range(int(rng.integers(0, 5))):
        kind = rng.choice(["Axon", "Dendrite", "Apical", "Dendrite", "Other"])
        blocks.append(f"( (Color Blue) ({kind})\n{_branch(rng, rng.normal(size=3) * 8, 3, digits)}\n)")
    if rng.random() < 0.3:
        blocks = blocks[count:] + blocks[:count]
    return "\n".join(blocks) + "\n"


def _point(p: np.ndarray, d: float, digits: int) -> str:
    return f"({p[0]:.{digits}f} {p[1]:.{digits}f} {p[2]:.{digits}f} {d:.3f})"


def _branch(rng: np.random.Generator, start: np.ndarray, depth: int, digits: int) -> str:
    points = start + np.cumsum(rng.normal(size=(int(rng.integers(1, 5)), 3)) * 4, axis=0)
    if rng.random() < 0.3:
        points[0] = start
    text = " ".join(_point(p, rng.uniform(0.2, 2), digits) for p in points)
    if depth > 0 and rng.random() < 0.7:
        children = [_branch(rng, points[-1], depth - 1, digits) for _ in range(int(rng.integers(1, 4)))]
        return f"{text} ( {' | '.join(children)} )"
    return text + (" Normal" if rng.random() < 0.5 else "")
