"""What a training leaves at every epoch's end, so that it goes on where it was killed: one safetensors file with a JSON
header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gbar.errors import EstimatorError
from gbar.files import make_folder, write_whole

_ANEW = "delete it and train again"


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors and a JSON dictionary of one moment of a training; `identity` tells whose training it was."""

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]
    identity: Mapping[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Puts a checkpoint in the place of the last one, whole or not at all; raises OutputError if it cannot be
    written."""
    from safetensors.torch import save

    header = {
        "state": json.dumps(dict(checkpoint.state)),
        "identity": json.dumps(dict(checkpoint.identity), sort_keys=True),
    }
    data = save({name: tensor.detach().contiguous() for name, tensor in checkpoint.tensors.items()}, header)
    make_folder(path.parent)
    write_whole(path, data)


def read_checkpoint(path: Path, identity: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint at `path`, or None if there is none; raises EstimatorError if it is damaged or of another
    training."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            found, state = json.loads(header["identity"]), json.loads(header["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        what = f"the training cannot be resumed ({type(error).__name__})"
        raise EstimatorError(what, file=path, remedy=_ANEW) from None
    if found != json.loads(json.dumps(dict(identity))):
        raise EstimatorError("this is the checkpoint of another training", file=path, remedy=_ANEW)
    return Checkpoint(tensors, state, found)
