"""The rig: everything that lies between the cell's voltage and the numbers in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from gbar.errors import ParameterError
from gbar.observation.adc import Adc
from gbar.observation.electrode import Electrode
from gbar.observation.filters import RC, Bessel
from gbar.observation.noise import Broadband, Drift, Generators, Hum
from gbar.observation.rig_json import part_from_json, part_to_json
from gbar.observation.value import Value, checked, column, value_from_json, value_to_json
from gbar.traces import Traces

_ROWS = 128  # done together: their samples stay in the cache
_OBSERVED = 0x52494753  # keeps these draws apart from others made with the same seed


@dataclass(frozen=True)
class Rig:
    """Electrode, amplifier and digitiser of one experiment, in the order in which they act.

    The cell's voltage; plus the drop that the injected current leaves over the `electrode`; plus the
    `junction_potential` in mV (recorded = cell + junction potential, so that correcting subtracts it); plus every
    `noise`; through the `filter`; digitised by the `adc`. Every number is fixed, or a range from which each row
    draws its own, once for all of its sweeps.
    """

    electrode: Electrode | None = None
    junction_potential: Value = 0.0  # mV
    noise: tuple[Broadband | Drift | Hum, ...] = ()
    filter: Bessel | RC | None = None
    adc: Adc | None = None

    def __post_init__(self) -> None:
        junction = checked(self.junction_potential, "a junction potential in mV")
        object.__setattr__(self, "junction_potential", junction)
        object.__setattr__(self, "noise", tuple(self.noise))

    def apply(
        self,
        traces: Traces,
        seed: int,
        *,
        rows: Int[np.ndarray, " row"] | None = None,
        currents: Sequence[Float[np.ndarray, " time"]] | None = None,
        sites: Sequence[int] | None = None,
    ) -> Traces:
        """The traces as this rig would have recorded them; status and sampling stay.

        `rows` are their places in the data set (from 0 unless stated): what happens to row i depends on (`seed`, i)
        alone. `currents` (nA, one for each stimulus, at the samples of its traces, see `delivered`) are needed for
        an electrode that leaves a drop, which is on the first site. `sites` are those recorded (all unless stated);
        any other stays as it is, as one that records no voltage must.

        >>> rig = Rig(junction_potential=14.0, noise=(Broadband(0.1),), filter=Bessel(3.0), adc=Adc(0.03))
        >>> v = np.full((2, 1, 4001), -70.0, dtype=np.float32)
        >>> seen = rig.apply(Traces((v,), (0.025,), np.zeros(2, dtype=np.uint8)), seed=1)
        >>> abs(float(seen.v[0].mean()) + 56.0) < 0.01
        True
        """
        places = np.arange(len(traces)) if rows is None else np.asarray(rows)
        self._check(traces, seed, places, currents)
        out = tuple(np.array(v, dtype=np.float64 if v.dtype == np.float64 else np.float32) for v in traces.v)
        chosen = [[s for s in range(v.shape[1]) if sites is None or s in sites] for v in out]
        for first in range(0, len(places), _ROWS):
            here = slice(first, first + _ROWS)
            chain = _Chain(self, [_generator(seed, int(place)) for place in places[here]])
            for k, (v, dt) in enumerate(zip(out, traces.sampling, strict=True)):
                for site in chosen[k]:
                    current = currents[k] if currents is not None and site == 0 else None
                    v[here, site] = chain.recorded(v[here, site], dt, current)
        return Traces(out, traces.sampling, traces.status)

    def to_json(self) -> dict[str, Any]:
        """The rig as plain numbers in mV, ms, kHz, MOhm (mains and 1/f corner in Hz), ranges with their ends."""
        return {
            "electrode": part_to_json(self.electrode) if self.electrode else None,
            "junction_potential": value_to_json(self.junction_potential),
            "noise": [part_to_json(part) for part in self.noise],
            "filter": part_to_json(self.filter) if self.filter else None,
            "adc": part_to_json(self.adc) if self.adc else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Rig:
        """The inverse of `to_json`; raises ParameterError for anything else."""
        try:
            return cls(
                None if stored["electrode"] is None else part_from_json(stored["electrode"], Electrode),
                value_from_json(stored["junction_potential"]),
                tuple(part_from_json(part, Broadband, Drift, Hum) for part in stored["noise"]),
                None if stored["filter"] is None else part_from_json(stored["filter"], Bessel, RC),
                None if stored["adc"] is None else part_from_json(stored["adc"], Adc),
            )
        except (KeyError, TypeError, OverflowError) as error:
            raise ParameterError(
                f"{stored!r} does not describe a rig",
                remedy="give electrode, junction_potential, noise, filter and adc",
            ) from error

    def _check(
        self, traces: Traces, seed: int, places: Int[np.ndarray, " row"], currents: Sequence[np.ndarray] | None
    ) -> None:
        if len(places) != len(traces) or seed < 0 or (len(places) and int(places.min()) < 0):
            raise ParameterError(
                f"seed {seed} and {len(places)} places for {len(traces)} rows",
                remedy="give a seed and places from 0 up, one for each row",
            )
        if currents is None:
            if self.electrode:
                raise ParameterError(
                    "an electrode that leaves a drop needs the currents", remedy="pass delivered(protocol)"
                )
        elif [len(current) for current in currents] != [v.shape[2] for v in traces.v]:
            raise ParameterError(
                f"currents of {[len(c) for c in currents]} samples for sweeps of {[v.shape[2] for v in traces.v]}",
                remedy="give each sweep's current at the samples of its traces",
            )


class _Chain:
    """A rig whose ranges are drawn for some rows; their generators go on to their noise, sweep by sweep."""

    def __init__(self, rig: Rig, rngs: Generators) -> None:
        self._drop = rig.electrode.drawn(rngs) if rig.electrode else None
        self._junction = column(rig.junction_potential, rngs)
        self._noise = [part.drawn(rngs) for part in rig.noise]
        self._filter = rig.filter.drawn(rngs) if rig.filter else None
        self._settling = rig.filter.settling() if rig.filter else 0.0
        self._digitised = rig.adc.drawn(rngs) if rig.adc else None

    def recorded(
        self, v: Float[np.ndarray, "row time"], dt: float, current: Float[np.ndarray, " time"] | None
    ) -> Float[np.ndarray, "row time"]:
        """One sweep of those rows; it begins as if the first voltage and current had been there for ever."""
        lead = math.ceil(self._settling / dt)
        x = np.concatenate([np.broadcast_to(v[:, :1], (len(v), lead)), v], axis=1)
        x += self._junction.astype(x.dtype)
        if self._drop and current is not None:
            drop = self._drop(current, dt)
            x[:, lead:] += drop
            x[:, :lead] += drop[:, :1]
        with np.errstate(invalid="ignore", over="ignore"):  # a failed simulation stays so, in its own row
            for draw in self._noise:
                x += draw(x.shape[1], dt)
            if self._filter:
                x = self._filter(x, dt)
            x = x[:, lead:]
            return self._digitised(x) if self._digitised else x


def _generator(seed: int, row: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_OBSERVED, row)))
