"""Where the workers are: `local:4`, `tcp://host:8786`, `slurm:partition,jobs=16,cores=4`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from gbar.document import nearest
from gbar.errors import ClusterError

_EXPECTED = "use local:N, tcp://HOST:PORT or slurm:PARTITION[,key=value...]"
_TCP = re.compile(r"tcp://(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_NAME = r"[A-Za-z0-9][\w.@+-]*"
_SHAPES = {
    "jobs": (r"[1-9]\d{0,4}", "a number of 1 or more"),
    "cores": (r"[1-9]\d{0,3}", "a number of 1 or more"),
    "memory": (r"[1-9]\d*(\.\d+)?[MGT]i?B", "a number and MB, GB or TB"),
    "time": (r"(\d+-)?\d+(:\d\d){0,2}", "minutes, hours:minutes:seconds or days-hours"),
    "account": (_NAME, "a name"),
    "qos": (_NAME, "a name"),
    "constraint": (r"[\w.@+&|*()\[\]-]+", "features of nodes"),
    "interface": (_NAME, "a network interface"),
}


@dataclass(frozen=True)
class Local:
    """So many worker processes on this machine."""

    workers: int

    def __str__(self) -> str:
        return f"local:{self.workers}"


@dataclass(frozen=True)
class Remote:
    """The workers of a Dask scheduler that runs already."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Slurm:
    """So many Slurm jobs of one worker each; what is empty is left to Slurm."""

    partition: str
    jobs: int = 1
    cores: int = 1  # of each job
    memory: str = "4GB"  # of each job
    time: str = "1:00:00"  # that each job may take; a job that ends is followed by another
    account: str = ""
    qos: str = ""
    constraint: str = ""
    interface: str = ""  # by which the workers reach this machine, as ib0

    def __str__(self) -> str:
        stated = [f"{f.name}={getattr(self, f.name)}" for f in fields(self)[1:] if getattr(self, f.name) != f.default]
        return ",".join([f"slurm:{self.partition}", *stated])


Address = Local | Remote | Slurm


def read_address(text: str) -> Address:
    """What `--cluster` says. Raises ClusterError for anything else.

    >>> read_address("slurm:short,jobs=4").jobs
    4
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "local":
        return _local(text, rest)
    if kind == "tcp":
        return _remote(text)
    if kind == "slurm":
        return _slurm(text, rest)
    raise _wrong(text, "it names no kind of cluster that is known", _EXPECTED)


def _local(text: str, number: str) -> Local:
    if not re.fullmatch(r"[1-9]\d{0,3}", number):
        raise _wrong(text, "a number of worker processes is expected", "use local:2, for example")
    return Local(int(number))


def _remote(text: str) -> Remote:
    found = _TCP.fullmatch(text.strip())
    if not found or not 1 <= int(found[2]) <= 65535:
        raise _wrong(text, "a host and a port are expected", "use tcp://HOST:PORT, as dask scheduler prints it")
    return Remote(found[0])


def _slurm(text: str, rest: str) -> Slurm:
    partition, *options = rest.split(",")
    if not re.fullmatch(_NAME, partition):
        raise _wrong(text, "a partition is expected", "use slurm:PARTITION; sinfo lists them")
    stated: dict[str, Any] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in _SHAPES:
            raise _wrong(text, f"unknown key {key!r}", f"{nearest(key, _SHAPES)}the keys are {', '.join(_SHAPES)}")
        if key in stated:
            raise _wrong(text, f"{key} is given twice", "give it once")
        shape, expected = _SHAPES[key]
        if not re.fullmatch(shape, value):
            raise _wrong(text, f"{key} is {value!r}", f"give {expected}")
        stated[key] = int(value) if key in ("jobs", "cores") else value
    return Slurm(partition, **stated)


def _wrong(text: str, what: str, remedy: str) -> ClusterError:
    return ClusterError(f"--cluster {text[:100]}: {what}", remedy=remedy)
