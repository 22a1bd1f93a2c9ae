"""A trained network on disk: a folder with `estimator.json` and `weights.safetensors`. Nothing in it is ever executed
or unpickled.

Such folders come from strangers: the JSON says what network to build, within limits, and the weights must have exactly
its names, shapes and kinds before they are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

import torch
from torch import Tensor, nn

from gbar import __version__
from gbar.errors import EstimatorError, OutputError, ParameterError
from gbar.files import unwritable
from gbar.learn.networks import MOST_WEIGHTS
from gbar.parameters import ParameterSpace

FORMAT = 1
DESCRIPTION, WEIGHTS = "estimator.json", "weights.safetensors"
_MOST_JSON = 16_000_000  # bytes
_ANEW = "train it again"


@dataclass(frozen=True)
class About:
    """What an estimator was made for and from.

    The parameter `space`; the observation `noise` it assumes, as JSON; `provenance`, as JSON: cell and protocol by
    digest, how sweeps are reduced to what the network sees, the seed, rows used and left out.
    """

    space: ParameterSpace
    noise: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def require(self, **expected: Any) -> None:
        """Raises EstimatorError naming the first of the given provenance entries that differs.

        >>> about.require(cell_digest=cell.digest)  # doctest: +SKIP
        """
        for name, value in expected.items():
            found = self.provenance.get(name)
            if found != json.loads(json.dumps(value)):
                said = name.replace("_", " ")
                what = f"the estimator was trained with another {said} ({_short(found)}, expected {_short(value)})"
                raise EstimatorError(what, remedy="train one for this experiment")


@dataclass(frozen=True)
class Archive:
    """What a folder holds, checked but for the weights: `load_weights` reads those into the network that it
    describes."""

    folder: Path
    kind: str  # "posterior" or "regression"
    architecture: Mapping[str, Any]
    about: About
    training: Mapping[str, Any]
    digest: str  # sha256 of the weights

    def load_weights(self, network: nn.Module) -> None:
        """Reads the weights into `network`; raises EstimatorError unless names, shapes, kinds and the digest agree."""
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import load

        path = self.folder / WEIGHTS
        expected = stored_tensors(network)
        try:
            if path.stat().st_size > 4 * MOST_WEIGHTS + 1_000_000:
                _refuse(path, "it is larger than any network of gbar")
            with safe_open(str(path), framework="pt") as file:
                found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
                shapes = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in found.items()}
            if shapes != {name: (tuple(tensor.shape), "F32") for name, tensor in expected.items()}:
                _refuse(path, f"its weights are not those of the network that {DESCRIPTION} describes")
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != self.digest:
                _refuse(path, f"it is not the file that {DESCRIPTION} was written with")
            tensors = load(data)
        except (SafetensorError, OSError) as error:
            _refuse(path, f"the weights cannot be read ({_reason(error)})")
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
            _refuse(path, "some weights are not finite")
        network.load_state_dict(tensors, strict=False)  # what is not stored is structure
        network.eval()


def stored_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network that are kept: weights and input scale, not masks and orders, which its architecture
    decides."""
    return {name: t.detach().contiguous() for name, t in network.state_dict().items() if t.dtype == torch.float32}


def write_archive(
    folder: Path,
    network: nn.Module,
    *,
    kind: str,
    architecture: Mapping[str, Any],
    about: About,
    training: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Writes an estimator to `folder`, whole or not at all; raises OutputError if it exists or cannot be written."""
    from safetensors.torch import save

    folder = Path(folder)
    if folder.exists() and not (overwrite and (folder / DESCRIPTION).is_file()):
        remedy = "choose another name" if overwrite else "choose another name or ask to overwrite it"
        raise OutputError("it exists already", file=folder, remedy=remedy)
    weights = save(stored_tensors(network))
    description = {
        "format": FORMAT,
        "kind": kind,
        "architecture": dict(architecture),
        "space": about.space.to_json(),
        "noise": dict(about.noise),
        "provenance": dict(about.provenance),
        "training": dict(training),
        "versions": {"gbar": __version__, "torch": version("torch"), "sbi": version("sbi")},
        "weights": hashlib.sha256(weights).hexdigest(),
    }
    text = json.dumps(description, indent=1, allow_nan=False)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / WEIGHTS).write_bytes(weights)
        (partial / DESCRIPTION).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except OSError as error:
        raise unwritable(error, folder) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_archive(folder: Path) -> Archive:
    """Reads and checks all but the weights; raises EstimatorError if the folder holds no estimator, or a damaged
    one."""
    folder = Path(folder)
    path = folder / DESCRIPTION
    if not folder.is_dir():
        _refuse(folder, "there is no such folder with an estimator", "check the name")
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        _refuse(
            folder,
            f"it is no estimator ({DESCRIPTION} and {WEIGHTS} are expected)",
            "give a folder that gbar train has made",
        )
    try:
        if path.stat().st_size > _MOST_JSON:
            _refuse(path, "it is too large")
        data = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=lambda word: _refuse(path, f"{word} is no number")
        )
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, f"it cannot be read ({_reason(error)})")
    parts = ("architecture", "space", "noise", "provenance", "training")
    if not isinstance(data, dict) or not all(isinstance(data.get(part), dict) for part in parts):
        _refuse(path, "it does not describe an estimator")
    if data.get("format") != FORMAT or data.get("kind") not in ("posterior", "regression"):
        _refuse(path, "it was not made by this version of gbar")
    try:
        about = About(ParameterSpace.from_json(data["space"]), data["noise"], data["provenance"])
    except (ParameterError, AttributeError) as error:
        _refuse(path, str(error))
    _check_training(path, data["training"], len(about.space))
    return Archive(folder, data["kind"], data["architecture"], about, data["training"], str(data.get("weights")))


def _check_training(path: Path, training: Mapping[str, Any], parameters: int) -> None:
    """Refuses losses and scores that are not numbers, since reports show them."""
    history = training.get("history")
    if not isinstance(history, dict):
        _refuse(path, "its training has no history")
    loss, validation = history.get("loss"), history.get("validation")
    if not (_numbers(loss) and _numbers(validation) and len(loss) == len(validation)):
        _refuse(path, "its training's losses are not numbers, one an epoch")
    told = training.get("test_coverage", [0.0] * parameters)
    if not (_numbers(told) and len(told) == parameters and type(training.get("test_scored", 0)) is int):
        _refuse(path, "its coverage of test rows is not made of numbers")
    if not (_numbers(training.get("test_error")) and len(training["test_error"]) == parameters):
        _refuse(path, "its training's test errors are not numbers, one a parameter")


def _numbers(values: Any) -> TypeGuard[list[float]]:
    """Whether JSON's `values` are a list of finite numbers; 1e999 is none, and a whole number may exceed any float."""
    kinds = (type(value) in (int, float) for value in values) if isinstance(values, list) else (False,)
    return all(kinds) and all(abs(value) <= sys.float_info.max for value in values)


def _refuse(path: Path, what: str, remedy: str = _ANEW) -> NoReturn:
    raise EstimatorError(what, file=path, remedy=remedy)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _short(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 16 else text[:12] + "..."
