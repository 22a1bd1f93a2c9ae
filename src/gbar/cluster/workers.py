"""Whether a worker can help: the same gbar, a folder that all see; and what else may change the last bits."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from gbar.dataset import cpu_features, versions
from gbar.errors import ClusterError

SAME = "install the same version of gbar on all machines"


def this_worker() -> str:
    """The process that asks, by name.

    >>> this_worker()  # doctest: +SKIP
    'process 4711 on node12'
    """
    return f"process {os.getpid()} on {socket.gethostname()}"


def compared(made: Mapping[str, str], cpu: Mapping[str, Any]) -> str:
    """In what this process differs from the one that has these versions and this processor, as far as the last bits may
    differ: a line, or "". Raises ClusterError where it runs another gbar."""
    mine = versions()
    if mine["gbar"] != made["gbar"]:
        what = f"the worker {this_worker()} runs gbar {mine['gbar']}, not {made['gbar']}"
        raise ClusterError(what, remedy=SAME)
    found = [f"{name} {version}, not {made[name]}" for name, version in mine.items() if made.get(name) != version]
    found += ["another type of processor"] if cpu_features() != dict(cpu) else []
    return f"{socket.gethostname()} has {', '.join(found)}; its rows may differ by rounding" if found else ""


def asked(client: Any, workers: Iterable[str]) -> tuple[str, ...]:
    """Asks the workers at these addresses whether they can help; returns what may make their rows differ.

    Raises ClusterError naming one that runs another gbar, or none.
    """
    replies = client.run(compared, versions(), cpu_features(), workers=list(workers), on_error="return")
    for address, reply in replies.items():
        if isinstance(reply, ClusterError):
            raise reply
        if isinstance(reply, BaseException) and not isinstance(reply, OSError):  # which means that it has left
            what = f"the worker at {address} does not run this gbar ({type(reply).__name__}: {reply})"
            raise ClusterError(what, remedy=SAME)
    return tuple(sorted({reply for reply in replies.values() if isinstance(reply, str) and reply}))
