"""What a long job tells the person who waits: the stage it is in, how far it is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Report = Callable[[int, int], None]  # (done, total)


class Progress(Protocol):
    """Where a workflow tells of its progress."""

    def stage(self, title: str, unit: str) -> AbstractContextManager[Report]:
        """Opens a stage: `with progress.stage("simulating", "rows") as report: ... report(done, total)`."""
        ...

    def say(self, text: str) -> None:
        """One line for the user."""
        ...


class Silent:
    """Tells nothing: for use from Python."""

    @contextmanager
    def stage(self, title: str, unit: str) -> Iterator[Report]:
        """A stage nobody watches."""
        yield lambda done, total: None

    def say(self, text: str) -> None:
        """Nothing."""


class Terminal:
    """Progress bars and lines on standard error."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str, unit: str) -> Iterator[Report]:
        """A bar with rate and time left; one line with the wall time when the stage is done."""
        from rich import progress as bars

        start, last = time.perf_counter(), [0]
        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn(unit),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        ) as shown:
            task = shown.add_task(title, total=None)

            def report(done: int, total: int) -> None:
                last[0] = done
                shown.update(task, completed=done, total=total)

            yield report
        self.say(f"{title}: {last[0]:,} {unit} in {time.perf_counter() - start:.1f} s")

    def say(self, text: str) -> None:
        """Prints one line; nothing in it is taken for markup."""
        self.console.print(text, markup=False, soft_wrap=True)
