"""Every block done, although workers die, join and leave.

A block that is lost with its worker, or fails, is given to another one; so a block may be done twice, even at the same
time, which is why work has to be such that this does not matter.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from uuid import uuid4

from distributed import Future, KilledWorker

from gbar.cluster.connect import Cluster
from gbar.cluster.work import Block, Task, Work, Workplace, do_task
from gbar.errors import ClusterError

AHEAD = 4  # tasks per thread that are with the scheduler
TRIES = 3  # of a task, each of which may end four workers
MOST = 16  # blocks of a task
SHARES = 50  # tasks that each thread finds at least, if there are so many blocks


def spread(cluster: Cluster, work: Work, blocks: Sequence[Block]) -> Iterator[Block]:
    """Has the workers do every block, and yields each when it is done.

    Raises ClusterError if the scheduler or all workers are lost, if a worker cannot help, or if a block ends every
    worker that tries; else what a block raised when it was last tried.
    """
    if not blocks:
        return
    cluster.wait()
    name = f"gbar-{uuid4().hex}"
    cluster.client.register_plugin(Workplace(name, work), name=name)
    try:
        yield from _Tasks(cluster, name, tasks(blocks, cluster.threads())).run()
    finally:
        with suppress(Exception):  # the scheduler may be gone
            cluster.client.unregister_worker_plugin(name)


def tasks(blocks: Sequence[Block], threads: int) -> list[Task]:
    """Blocks as they are handed out: one by one, or several where each thread has many before it.

    >>> tasks([(0, 64), (64, 128), (128, 160)], threads=8)
    [((0, 64),), ((64, 128),), ((128, 160),)]
    """
    size = min(max(len(blocks) // (SHARES * max(threads, 1)), 1), MOST)
    return [tuple(blocks[i : i + size]) for i in range(0, len(blocks), size)]


class _Tasks:
    """Tasks that wait, run and end.

    That a block is done is all that is asked of a task; its result, None, stays where it is.
    """

    def __init__(self, cluster: Cluster, name: str, tasks: Sequence[Task]) -> None:
        self._cluster, self._name = cluster, name
        self._waiting = deque(tasks)
        self._running: dict[str, tuple[Task, Future]] = {}
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._tries: Counter[Task] = Counter()

    def run(self) -> Iterator[Block]:
        """Keeps the workers busy until no task is left; yields the blocks that are done."""
        while self._waiting or self._running:
            room = AHEAD * max(self._cluster.threads(), 1)
            while self._waiting and len(self._running) < room:
                self._submit(self._waiting.popleft())
            try:
                future = self._ended.get(timeout=1.0)
            except Empty:
                continue
            task, _ = self._running.pop(future.key)
            if future.status == "finished":
                yield from task
            else:
                self._try_again(future, task)

    def _submit(self, task: Task) -> None:
        key = f"{self._name}-{task[0][0]}-{uuid4().hex}"
        future = self._cluster.client.submit(do_task, self._name, task, key=key, pure=False)
        self._running[key] = (task, future)
        future.add_done_callback(self._ended.put)

    def _try_again(self, future: Future, task: Task) -> None:
        """Puts back a task that was not done; raises what was in its way if that is sure to stay there."""
        self._cluster.threads()
        self._waiting.appendleft(task)
        if future.status != "error":
            return
        error, self._tries[task] = future.exception(), self._tries[task] + 1
        if isinstance(error, ClusterError):
            raise error
        if self._tries[task] < TRIES:
            return
        if isinstance(error, KilledWorker):
            what = f"rows {task[0][0]} to {task[-1][1]} ended every worker that tried them"
            raise ClusterError(what, remedy="give the workers more memory, or fewer threads each")
        raise error
