"""A density over the prior's box, conditional on traces: gbar's network as embedding, sbi's neural spline flow behind
it.

The density lives in three spaces. *Unit* space is the box [-1, 1] per parameter, on its scale. z = probit((unit + 1) /
2) carries that box onto all of R^n, and a prior that is uniform in it onto a standard normal; nothing drawn in z can
leave the box. A prior of another shape is learned with the rest, from rows that were drawn from it.
The embedding names a centre mu(v) and a spread s(v) for z, so that the flow sees only the residual r = (z - mu) / s, of
order one however narrow the posterior is:

    log p(unit | v) = log p_flow(r | features) - sum log s - sum log 2 phi(z)

where phi is the standard normal density, because d unit / dz = 2 phi(z).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gbar.errors import EstimatorError
from gbar.learn.networks import Architecture, build_network

MOST_PARAMETERS = 256
_EDGE = 1e-12  # how close to the box's faces unit is taken for: there |z| = 7.0
_NARROWEST, _WIDEST = math.log(1e-6), math.log(100.0)  # of the spread in z


@dataclass(frozen=True)
class FlowArchitecture:
    """The embedding network (its `outputs` are the features), the number of parameters, and the flow's size."""

    network: Architecture
    parameters: int
    transforms: int = 3
    hidden: int = 64
    bins: int = 8

    def __post_init__(self) -> None:
        limits = {"parameters": MOST_PARAMETERS, "transforms": 16, "hidden": 512, "bins": 64}
        for name, most in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise EstimatorError(f"a flow's {name} is {value!r}, expected a whole number from 1 to {most}")

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold and `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FlowArchitecture:
        """The inverse of `to_json`; raises EstimatorError for anything else."""
        try:
            return FlowArchitecture(**{**data, "network": Architecture.from_json(data["network"])})
        except (KeyError, TypeError):
            raise EstimatorError("the description of the stored flow is damaged") from None


def to_free(unit: Float[Tensor, "*row parameter"]) -> Float[Tensor, "*row parameter"]:
    """Unit space onto R^n, in float64; what lies on a face of the box is taken for a point just inside."""
    free: Tensor = torch.special.ndtri(((unit.double() + 1) / 2).clamp(_EDGE, 1 - _EDGE))
    return free


def to_unit(free: Float[Tensor, "*row parameter"]) -> Float[Tensor, "*row parameter"]:
    """The inverse of `to_free`; never outside [-1, 1]."""
    unit: Tensor = (2 * torch.special.ndtr(free.double()) - 1).clamp(-1, 1)
    return unit


def log_slope(free: Float[Tensor, "*row parameter"]) -> Float[Tensor, " *row"]:
    """Log |d unit / d free|, summed over parameters."""
    return (-0.5 * free.double().square() - 0.5 * math.log(2 * math.pi) + math.log(2)).sum(dim=-1)


class BoxedFlow(nn.Module):
    """p(unit | v) for traces v [row, channel, time] in mV; see the module's docstring."""

    def __init__(self, architecture: FlowArchitecture, seed: int) -> None:
        from sbi.neural_nets.net_builders import build_zuko_nsf

        super().__init__()
        self.architecture = architecture
        n, features = architecture.parameters, architecture.network.outputs
        self.embedding = build_network(architecture.network, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.place = nn.Linear(features, 2 * n)
            self.flow = build_zuko_nsf(
                torch.zeros(2, n),
                torch.zeros(2, features),
                z_score_x="none",
                z_score_y="none",
                hidden_features=[architecture.hidden] * 2,
                num_transforms=architecture.transforms,
                num_bins=architecture.bins,
            )

    def features(self, v: Float[Tensor, "row channel time"]) -> Float[Tensor, "row feature"]:
        """What the embedding makes of traces in mV."""
        return nn.functional.silu(self.embedding(v))

    def centre_and_spread(
        self, features: Float[Tensor, "row feature"]
    ) -> tuple[Float[Tensor, "row parameter"], Float[Tensor, "row parameter"]]:
        """Mu and log s, in z."""
        mu, log_s = self.place(features).chunk(2, dim=-1)
        log_s = _NARROWEST + nn.functional.softplus(log_s - _NARROWEST)
        return mu, _WIDEST - nn.functional.softplus(_WIDEST - log_s)  # both bounds are soft, the identity far from them

    def log_prob(self, unit: Float[Tensor, "*draw row parameter"], v: Float[Tensor, "row channel time"]) -> Tensor:
        """The log-density in unit space, [*draw, row]; -inf outside the box."""
        return self.log_prob_of(unit, self.features(v))

    def log_prob_of(self, unit: Float[Tensor, "*draw row parameter"], features: Float[Tensor, "row feature"]) -> Tensor:
        """As `log_prob`, from the embedding's features."""
        mu, log_s = self.centre_and_spread(features)
        free = to_free(unit)
        residual = (free.float() - mu) * torch.exp(-log_s)
        draws = residual if residual.ndim == 3 else residual[None]
        inner = self.flow.log_prob(draws, condition=features)
        inner = inner if residual.ndim == 3 else inner[0]
        density = inner.double() - log_s.sum(dim=-1).double() - log_slope(free)
        return torch.where((unit.abs() <= 1 + 1e-9).all(dim=-1), density, -torch.inf)

    def draw(self, draws: int, features: Float[Tensor, "row feature"]) -> tuple[Tensor, Tensor]:
        """Unit [draw, row, parameter] and log-density [draw, row], from torch's global generator; no draw is
        rejected."""
        mu, log_s = self.centre_and_spread(features)
        residual, inner = self.flow.sample_and_log_prob((draws,), condition=features)
        free = mu.double() + residual.double() * torch.exp(log_s.double())
        return to_unit(free), inner.double() - log_s.sum(dim=-1).double() - log_slope(free)


def negative_log_density(network: nn.Module, v: Tensor, unit: Tensor) -> Tensor:
    """The loss of neural posterior estimation, [row]."""
    density: Tensor = -network.log_prob(unit, v)  # type: ignore[operator]
    return density.float()
