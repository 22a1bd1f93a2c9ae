"""What the workers do, and how it lives in one."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

from distributed import WorkerPlugin, get_worker

Block = tuple[int, int]  # [start, stop)
Task = tuple[Block, ...]
Do = Callable[[int, int], None]


class Work(Protocol):
    """What is done block by block, by anyone, with the same result however often; workers are sent it as it is."""

    def prepared(self, threads: int) -> Do:
        """What does the block [start, stop), made once in each worker process, which has so many threads."""
        ...


class Workplace(WorkerPlugin):
    """The work in one worker process. Dask gives it to every worker, also to those that join later."""

    def __init__(self, name: str, work: Work) -> None:
        self.name, self.work = name, work

    def setup(self, worker: Any) -> None:
        """Remembers the worker's threads; nothing that can fail, which nobody would hear of."""
        self._threads: int = worker.state.nthreads
        self._lock = Lock()
        self._do: Do | None = None

    def do(self, task: Task) -> None:
        """Does the blocks of a task; the first task prepares the work."""
        with self._lock:
            if self._do is None:
                self._do = self.work.prepared(self._threads)
        for start, stop in task:
            self._do(start, stop)


def do_task(name: str, task: Task) -> None:
    """The task: blocks of the work of that name, in the worker that runs it."""
    workplace: Workplace = get_worker().plugins[name]
    workplace.do(task)
