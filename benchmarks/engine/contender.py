"""A simulator in a process of its own, spoken to by pipes and suspended while another one runs."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NEURON_MODULE_OPTIONS": "-nogui",
}


class Trouble(Exception):
    """A contender could not do what it was asked; the message is its own."""


class Contender:
    """A process that answers as peers/worker.py does, on one core."""

    def __init__(self, python: Path, script: Path, core: int, variables: dict[str, str] | None = None) -> None:
        self.errors = tempfile.NamedTemporaryFile(prefix="gbar-bench-", suffix=".log")  # noqa: SIM115 (closed in close)
        self.process = subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, **ONE_THREAD, **(variables or {})},
            start_new_session=True,
        )
        os.sched_setaffinity(self.process.pid, {core})
        self.buffer = b""
        self.suspended = False

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self, work: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """Builds and compiles. Raises Trouble."""
        return self.ask({"do": "prepare", "work": str(work), "settings": settings}, 1200.0)

    def run(self, seconds: float = 0.0) -> dict[str, Any]:
        """Does the work, and again until that many seconds of the processor are used. Raises Trouble."""
        return self.ask({"do": "run", "seconds": seconds}, 1200.0)

    def ask(self, what: dict[str, Any], limit: float) -> dict[str, Any]:
        """Wakes the process up, asks, waits for the answer and suspends it again. Raises Trouble."""
        self._signal(signal.SIGCONT)
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(what).encode() + b"\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._line(limit))
        except (BrokenPipeError, json.JSONDecodeError):
            raise Trouble(f"stopped: {self._last_words()}") from None
        self._signal(signal.SIGSTOP)
        if "trouble" in answer:
            raise Trouble(answer["trouble"])
        return answer

    def close(self) -> None:
        """Ends the process and its children."""
        self._signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.errors.close()

    def _line(self, limit: float) -> bytes:
        assert self.process.stdout is not None
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], limit)
            if not ready:
                raise Trouble(f"no answer in {limit:g} s")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                break
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def _signal(self, number: int) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _last_words(self) -> str:
        lines = Path(self.errors.name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit status {self.process.wait()}"
