"""An answer: parameter values that could have produced a recording, and how likely each is.

On disk: samples as CSV (for people and spreadsheets) or NPZ (exact), and a JSON summary beside them.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float

from gbar.errors import EstimatorError, OutputError, ParameterError
from gbar.files import make_folder, write_whole
from gbar.parameters import ParameterSpace

_DENSITY = "log_prob"
_ABOUT = "about"
_MOST_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Estimate:
    """Samples of a posterior over a cell's free parameters.

    `log_prob` is the density's logarithm in unit space ([-1, 1] per parameter). `kind` says how it was made
    ("network"), `noise` which observation noise it assumed, `provenance` from what, with which version; `warnings` are
    sentences for the user.
    """

    space: ParameterSpace
    samples: Float[np.ndarray, "draw parameter"]  # physical units
    log_prob: Float[np.ndarray, " draw"]
    kind: str
    noise: Mapping[str, Any]
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def unit(self) -> Float[np.ndarray, "draw parameter"]:
        """The samples in unit space."""
        return self.space.to_unit(self.samples)

    @property
    def mean(self) -> Float[np.ndarray, " parameter"]:
        """The mean, taken in unit space (for a log scale, the geometric mean), in physical units."""
        return np.asarray(self.space.to_theta(self.unit.mean(axis=0)[None])[0])

    @property
    def sd(self) -> Float[np.ndarray, " parameter"]:
        """The standard deviation in unit space, where a uniform prior has 0.577."""
        return np.asarray(self.unit.std(axis=0))

    def quantiles(self, shares: Sequence[float] = (0.05, 0.5, 0.95)) -> Float[np.ndarray, "share parameter"]:
        """The marginal quantiles in physical units; the same in either space, because the scales are monotonic."""
        return np.asarray(np.quantile(self.samples, shares, axis=0))

    @property
    def best(self) -> Float[np.ndarray, " parameter"]:
        """The sample with the highest log-density, in physical units."""
        return np.asarray(self.samples[int(np.argmax(self.log_prob))])

    def summary(self) -> dict[str, Any]:
        """Mean, spread, 5/50/95 % quantiles and best sample of every parameter, with its unit and range, as JSON can
        hold it."""
        quantiles, rows = self.quantiles(), []
        for j, p in enumerate(self.space.parameters):
            row = {"name": p.name, "unit": p.unit, "low": p.low, "high": p.high, "scale": p.scale}
            row |= {"prior": p.prior.to_json()}
            row |= {"mean": float(self.mean[j]), "best": float(self.best[j]), "sd_in_unit_space": float(self.sd[j])}
            rows.append(row | {"quantiles": dict(zip(("5", "50", "95"), quantiles[:, j].tolist(), strict=True))})
        return {**self._about(), "samples": len(self), "parameters": rows}

    def to_table(self, path: Path, *, overwrite: bool = False) -> None:
        """Writes the samples, a column per parameter headed `name [unit]` and one for log_prob, as .csv or .npz by the
        path's ending.

        A file of the same name ending in .json holds the summary. Raises OutputError if a file exists or cannot be
        written.
        """
        path = Path(path)
        if path.suffix not in (".csv", ".npz"):
            raise OutputError("a table of samples ends in .csv or .npz", file=path, remedy="change its name")
        beside = path.with_suffix(".json")
        for file in (path, beside):
            if file.exists() and not overwrite:
                raise OutputError("it exists already", file=file, remedy="choose another name or overwrite it")
        data = self._csv() if path.suffix == ".csv" else self._npz()
        make_folder(path.parent)
        write_whole(path, data)
        about = {**self.summary(), "space": self.space.to_json()}
        write_whole(beside, json.dumps(about, indent=1))

    def _about(self) -> dict[str, Any]:
        about = {"kind": self.kind, "noise": dict(self.noise), "provenance": dict(self.provenance)}
        return {**about, "warnings": list(self.warnings)}

    def _csv(self) -> bytes:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*headings(self.space), _DENSITY])
        table.writerows(
            [[repr(float(x)) for x in (*row, p)] for row, p in zip(self.samples, self.log_prob, strict=True)]
        )
        return text.getvalue().encode()

    def _npz(self) -> bytes:
        data = io.BytesIO()
        about = json.dumps({**self._about(), "space": self.space.to_json()})
        np.savez_compressed(
            data, samples=self.samples, log_prob=self.log_prob, about=np.frombuffer(about.encode(), np.uint8)
        )
        return data.getvalue()


def headings(space: ParameterSpace) -> list[str]:
    """The column names of a table of samples: `name [unit]`, or the bare name of a number without a unit."""
    return [f"{p.name} [{p.unit}]" if p.unit else p.name for p in space.parameters]


def from_table(path: Path) -> Estimate:
    """Reads what `Estimate.to_table` has written; raises EstimatorError in one line for anything else."""
    path = Path(path)
    if path.suffix not in (".csv", ".npz") or not path.is_file():
        _refuse(path, "there is no such table of samples", "give a .csv or .npz file that gbar has written")
    if path.stat().st_size > _MOST_BYTES:
        _refuse(path, "it is too large for a table of samples")
    try:
        samples, density, about = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
        space = ParameterSpace.from_json(about["space"])
        noise, provenance = dict(about["noise"]), dict(about["provenance"])
        warnings = tuple(str(w) for w in about["warnings"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError, ParameterError) as error:
        _refuse(path, f"it is damaged ({getattr(error, 'what', None) or type(error).__name__})")
    if samples.ndim != 2 or samples.shape[1] != len(space) or density.shape != samples.shape[:1] or not len(samples):
        _refuse(path, f"its {samples.shape} samples do not fit a space of {len(space)} parameters")
    if not np.isfinite(samples).all():
        _refuse(path, "some samples are not finite")
    return Estimate(space, samples, density, str(about["kind"]), noise, provenance, warnings)


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with path.open(encoding="utf-8", newline="") as file:
        head = next(csv.reader(file), [])
        if head != [*headings(ParameterSpace.from_json(about["space"])), _DENSITY]:
            raise ValueError
        table = np.loadtxt(file, delimiter=",", ndmin=2, comments=None)
    return table[:, :-1], table[:, -1], about


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
            raise ValueError
    with np.load(path, allow_pickle=False) as data:
        about = json.loads(bytes(data[_ABOUT]).decode())
        return data["samples"].astype(np.float64), data[_DENSITY].astype(np.float64), about


def _refuse(path: Path, what: str, remedy: str = "infer again") -> NoReturn:
    raise EstimatorError(what, file=path, remedy=remedy)
