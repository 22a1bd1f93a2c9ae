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
from gbar.cluster.work import Work, Workplace, do_block
from gbar.errors import ClusterError

Block = tuple[int, int]  # [start, stop)
AHEAD = 4  # blocks per thread that are with the scheduler
TRIES = 3  # of a block, each of which may end four workers


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
        yield from _Tasks(cluster, name, blocks).run()
    finally:
        with suppress(Exception):  # the scheduler may be gone
            cluster.client.unregister_worker_plugin(name)


class _Tasks:
    """Blocks that wait, run and end.

    That a block is done is all that is asked of a task; its result, None, stays where it is.
    """

    def __init__(self, cluster: Cluster, name: str, blocks: Sequence[Block]) -> None:
        self._cluster, self._name = cluster, name
        self._waiting = deque(blocks)
        self._running: dict[str, tuple[Block, Future]] = {}
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._tries: Counter[Block] = Counter()

    def run(self) -> Iterator[Block]:
        """Keeps the workers busy until no block is left; yields those that are done."""
        while self._waiting or self._running:
            room = AHEAD * max(self._cluster.threads(), 1)
            while self._waiting and len(self._running) < room:
                self._submit(self._waiting.popleft())
            try:
                future = self._ended.get(timeout=1.0)
            except Empty:
                continue
            block, _ = self._running.pop(future.key)
            if future.status == "finished":
                yield block
            else:
                self._try_again(future, block)

    def _submit(self, block: Block) -> None:
        key = f"{self._name}-{block[0]}-{uuid4().hex}"
        future = self._cluster.client.submit(do_block, self._name, *block, key=key, pure=False)
        self._running[key] = (block, future)
        future.add_done_callback(self._ended.put)

    def _try_again(self, future: Future, block: Block) -> None:
        """Puts back a block that was not done; raises what was in its way if that is sure to stay there."""
        self._cluster.threads()
        self._waiting.appendleft(block)
        if future.status != "error":
            return
        error, self._tries[block] = future.exception(), self._tries[block] + 1
        if isinstance(error, ClusterError):
            raise error
        if self._tries[block] < TRIES:
            return
        if isinstance(error, KilledWorker):
            what = f"rows {block[0]} to {block[1]} ended every worker that tried them"
            raise ClusterError(what, remedy="give the workers more memory, or fewer threads each")
        raise error
