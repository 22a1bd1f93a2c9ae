"""From an address to workers: processes of this machine, those of a scheduler that runs, jobs of Slurm."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from dask import config
from distributed import Client, LocalCluster
from distributed.core import rpc

from gbar.cluster.address import Address, Local, Remote, Slurm
from gbar.cluster.workers import asked
from gbar.errors import ClusterError
from gbar.simulate import cores

ANSWER = 10.0  # s that a scheduler has for its answer
PATIENCE = 60.0  # s without any worker, and none to come, before it is given up
Say = Callable[[str], None]
_LOOK = 2.0  # s between two looks at the workers


class Cluster:
    """Workers that are given work through `client`; `connected` makes one.

    Every worker is asked, once, whether it can help; `say` hears what may make its rows differ. `coming` tells whether
    more workers are on their way.
    """

    def __init__(self, address: Address, client: Any, say: Say, coming: Callable[[], bool]) -> None:
        self.address, self.client = address, client
        self._say, self._coming = say, coming
        self._met: set[str] = set()
        self._said: set[str] = set()
        self._seen, self._looked, self._threads = time.monotonic(), 0.0, 0

    def wait(self) -> None:
        """Waits for the first worker; raises as `threads` does."""
        while not self.threads():
            time.sleep(_LOOK / 10)

    def threads(self) -> int:
        """The workers' threads at this time, or some seconds ago.

        Raises ClusterError if the scheduler is gone, if all workers are and none will come, or if one that has come
        cannot help.
        """
        if self.client.status != "running":
            raise self._gone()
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return self._threads
        try:
            threads = self.client.nthreads()
            self._meet(set(threads) - self._met)
        except OSError:
            raise self._gone() from None
        self._threads, self._looked = sum(threads.values()), now
        if threads or self._coming():
            self._seen = now
        elif now - self._seen > PATIENCE:
            what = f"{self.address}: no worker is there, and none has come for {PATIENCE:.0f} s"
            raise ClusterError(what, remedy=_REMEDIES[type(self.address)])
        return self._threads

    def _meet(self, new: set[str]) -> None:
        if not new:
            return
        self._met |= new
        for warning in asked(self.client, new):
            if warning not in self._said:
                self._said.add(warning)
                self._say(f"warning: {warning}")

    def _gone(self) -> ClusterError:
        return ClusterError(f"{self.address}: the scheduler is gone", remedy=_GOES_ON)


_GOES_ON = "what is done is kept: the same command goes on with it"
_REMEDIES = {
    Local: f"look at this machine's memory; {_GOES_ON}",
    Remote: f"start some with dask worker SCHEDULER; {_GOES_ON}",
    Slurm: f"look at the jobs' output in the folder .slurm beside the data set; {_GOES_ON}",
}


@contextmanager
def connected(address: Address, *, say: Say, logs: Path, threads: int | None = None) -> Iterator[Cluster]:
    """The workers at an address, as long as the block lasts; `threads` is how many each has of `local:N`, unless the
    cores shared out; jobs of Slurm write their output into the folder `logs`; `say` hears warnings.

    Raises ClusterError if there is no scheduler, or Slurm does not take such jobs.

    >>> with connected(read_address("local:2"), say=print, logs=Path("logs")) as cluster:  # doctest: +SKIP
    ...     cluster.wait()
    """
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # that workers die and join is told by `spread`
    if isinstance(address, Local):
        with _local(address, say, threads) as found:
            yield found
    elif isinstance(address, Remote):
        with _remote(address, say) as found:
            yield found
    else:
        with _slurm(address, say, logs) as found:
            yield found


@contextmanager
def _local(address: Local, say: Say, threads: int | None) -> Iterator[Cluster]:
    each = threads or max(cores() // address.workers, 1)
    with (
        config.set({"distributed.worker.profile.enabled": False}),  # it takes a tenth of the processor
        LocalCluster(
            n_workers=address.workers, threads_per_worker=each, dashboard_address=":0", silence_logs=logging.CRITICAL
        ) as machine,
        Client(machine) as client,
    ):
        yield Cluster(address, client, say, coming=lambda: False)


@contextmanager
def _remote(address: Remote, say: Say) -> Iterator[Cluster]:
    if not asyncio.run(_is_scheduler(address.url)):
        what = f"no Dask scheduler answers at {address.url}"
        raise ClusterError(what, remedy="start one with dask scheduler, or check host and port")
    client = Client(address.url, timeout=ANSWER, set_as_default=False)
    try:
        yield Cluster(address, client, say, coming=lambda: False)
    finally:
        with suppress(OSError, TimeoutError):
            client.close(timeout=ANSWER)


async def _is_scheduler(url: str) -> bool:
    """Whether a scheduler is there; something else that listens may never answer."""

    async def asked() -> bool:
        async with rpc(url, timeout=ANSWER) as there:
            return bool((await there.identity(n_workers=0))["type"] == "Scheduler")

    try:
        return await asyncio.wait_for(asked(), ANSWER)
    except Exception:  # of the network, or of whatever it was that answered
        return False


@contextmanager
def _slurm(address: Slurm, say: Say, logs: Path) -> Iterator[Cluster]:
    for command in ("sbatch", "squeue", "scancel"):
        if shutil.which(command) is None:
            raise ClusterError(f"{address}: {command} is not found", remedy="use a machine that has Slurm's commands")
    name = f"gbar-{uuid4().hex[:8]}"
    try:
        with slurm_jobs(address, logs, name) as jobs:
            _accepted(address, jobs.job_script())
            jobs.adapt(minimum_jobs=address.jobs, maximum_jobs=address.jobs)  # submits others for those that end
            with Client(jobs) as client:
                yield Cluster(address, client, say, coming=lambda: _queued(name))
    finally:
        with suppress(OSError):
            logs.rmdir()  # if no job has written anything


def slurm_jobs(address: Slurm, logs: Path, name: str) -> Any:
    """A scheduler in this process, for workers in Slurm jobs; none is submitted yet."""
    from dask_jobqueue import SLURMCluster

    stated = {"--qos": address.qos, "--constraint": address.constraint}
    return SLURMCluster(
        queue=address.partition,
        account=address.account or None,
        cores=address.cores,
        memory=address.memory,
        walltime=address.time,
        processes=1,
        interface=address.interface or None,
        job_name=name,
        log_directory=str(logs),
        job_script_prologue=["export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False"],
        job_extra_directives=[f"{option}={value}" for option, value in stated.items() if value],
        scheduler_options={"dashboard_address": ":0"},
        worker_extra_args=["--no-dashboard"],
        silence_logs="critical",
    )


def _accepted(address: Slurm, script: str) -> None:
    """Asks Slurm whether it would take the job; raises ClusterError in its words if not."""
    asked = subprocess.run(["sbatch", "--test-only"], input=script, capture_output=True, text=True)
    if asked.returncode:
        said = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in asked.stderr.splitlines()]
        what = f"{address}: Slurm does not take such a job ({'; '.join(said)})"
        raise ClusterError(what, remedy="sinfo tells its partitions and their limits")


def _queued(name: str) -> bool:
    """Whether jobs of that name wait or run."""
    asked = subprocess.run(["squeue", "--noheader", "--name", name], capture_output=True, text=True)
    return asked.returncode != 0 or bool(asked.stdout.strip())
