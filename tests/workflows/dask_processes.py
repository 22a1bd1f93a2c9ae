"""A Dask scheduler and workers as processes of their own, which tests may kill, and work for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gbar.cluster import Remote


class Processes:
    """A scheduler and any number of workers; `stop` ends all that are left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--scheduler-file",
            str(file),
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0",
        )
        self.workers: list[subprocess.Popen[bytes]] = []
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text().endswith("}"):
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        self.address = str(Remote(json.loads(file.read_text())["address"]))

    def worker(self, *before: str, **environment: str) -> subprocess.Popen[bytes]:
        """One more worker of one thread; `before` is what starts it, as unshare."""
        options = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--local-directory", str(self.folder))
        started = self._start("worker", self.address, *options, before=before, **environment)
        self.workers.append(started)
        return started

    def stop(self) -> None:
        """Ends them all."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait(timeout=20)

    def _start(
        self, kind: str, *arguments: str, before: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        command = [*before, sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *arguments]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=os.environ | environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


@dataclass(frozen=True)
class Fickle:
    """Work whose blocks fail so many times before they succeed; a folder remembers."""

    folder: Path
    failures: int

    def prepared(self, threads: int) -> Callable[[int, int], None]:
        """Fails by raising."""

        def do(start: int, stop: int) -> None:
            self.folder.mkdir(exist_ok=True)
            tried = len(list(self.folder.glob(f"tried-{start}-*")))
            if tried < self.failures:
                (self.folder / f"tried-{start}-{tried}").touch()
                raise OSError("not today")

        return do


@dataclass(frozen=True)
class Deadly:
    """Work whose every block but the first ends the process that does it."""

    def prepared(self, threads: int) -> Callable[[int, int], None]:
        """Ends it as the kernel does when memory is short."""
        return lambda start, stop: os._exit(137) if start else None
