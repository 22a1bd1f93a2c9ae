"""A module imports only from the layers above its own, a heavy library has one home, and the public names stay."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import gbar

SOURCE = Path(gbar.__file__).parent

LAYERS = [
    {"errors"},
    {"units", "files", "draws", "compiled"},
    {"document"},
    {"nmodl"},
    {"mechanism", "morphology", "prior"},
    {"parameters", "protocol", "criteria"},
    {"design"},
    {"cell"},
    {"exchange"},
    {"compartments"},
    {"kernel"},
    {"traces"},
    {"observation"},
    {"recordings"},
    {"features"},
    {"estimate"},
    {"sweep", "vetting"},
    {"simulate"},
    {"dataset"},
    {"cluster"},
    {"learn", "diagnose"},
    {"report"},
    {"workflows"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

HOMES = {
    "numba": {"kernel/build.py", "compiled.py"},
    "efel": {"features/others.py"},
    "torch": {"learn"},
    "sbi": {"learn"},
    "safetensors": {"learn"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "pynwb": {"recordings"},
    "h5py": {"recordings"},
    "zarr": {"dataset"},
    "xarray": {"dataset"},
    "numcodecs": {"dataset"},
    "google_crc32c": {"dataset"},
    "dask": {"cluster"},
    "distributed": {"cluster"},
    "dask_jobqueue": {"cluster"},
    "lark": {"nmodl"},
    "typer": {"cli"},
    "rich": {"workflows/progress.py"},
}


def imports(file: Path) -> list[str]:
    """Every module that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def modules() -> list[Path]:
    files = [f for f in SOURCE.rglob("*.py") if f != SOURCE / "__init__.py"]
    assert len(files) > 20
    return files


def layer(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_every_module_imports_only_from_above():
    for file in modules():
        own = layer(file)
        assert own in RANK, f"{file.relative_to(SOURCE)} has no layer"
        for name in imports(file):
            head, _, rest = name.partition(".")
            if head != "gbar" or rest.startswith("__version__"):
                continue
            other = rest.split(".")[0]
            assert other in RANK, f"{file}: imports gbar.{rest}"
            assert other == own or RANK[other] < RANK[own], f"{file.relative_to(SOURCE)} imports gbar.{rest} from below"


def test_a_library_has_one_home():
    for file in modules():
        place = str(file.relative_to(SOURCE))
        for name in imports(file):
            for home in HOMES.get(name.split(".")[0], {place}):
                if place == home or place.startswith(home.rstrip("/") + "/"):
                    break
            else:
                raise AssertionError(f"{place} imports {name}, whose home is {HOMES[name.split('.')[0]]}")


def test_nothing_is_evaluated_or_unpickled():
    forbidden = {"eval", "exec", "pickle", "dill", "joblib", "marshal"}
    for file in modules():
        tree = ast.parse(file.read_text())
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not called & forbidden, file
        assert not {n.split(".")[0] for n in imports(file)} & forbidden, file


def test_public_names():
    assert gbar.__all__ == [
        "Cell",
        "Dataset",
        "Estimate",
        "FreeParameter",
        "GbarError",
        "Kernel",
        "Mechanism",
        "Morphology",
        "ParameterSpace",
        "Protocol",
        "Recording",
        "Status",
        "Stimulus",
        "Traces",
        "UserError",
        "__version__",
        "build",
        "open_dataset",
        "read_cell",
        "read_recording",
    ]
    for name in gbar.__all__:
        assert getattr(gbar, name) is not None


def test_help_is_instant():
    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "gbar", "--help"], check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(once() for _ in range(5)) < 0.5  # of processor time: the wall clock is what else the machine does
