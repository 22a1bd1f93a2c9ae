"""What a long job tells the person who waits: the stage it is in, how far it is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gbar.document import counted

Report = Callable[[int, int], None]  # (done, total)
EVERY = 30.0  # s between two lines where there is no terminal


class Progress(Protocol):
    """Where a workflow tells of its progress."""

    def stage(self, title: str, unit: str) -> AbstractContextManager[Report]:
        """Opens a stage: `with progress.stage("simulating", "rows") as report: ... report(done, total)`."""
        ...

    def say(self, text: str) -> None:
        """One line for the user."""
        ...


def begin(report: Report, done: int, total: int) -> None:
    """Tells a stage what was there before it began: it is not counted among what was done."""
    getattr(report, "begin", report)(done, total)


class Silent:
    """Tells nothing: for use from Python."""

    @contextmanager
    def stage(self, title: str, unit: str) -> Iterator[Report]:
        """A stage nobody watches."""
        yield lambda done, total: None

    def say(self, text: str) -> None:
        """Nothing."""


class Pace:
    """How fast a stage goes: what was done before it began (by a run that was interrupted) does not count."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.done, self.total = 0, 0
        self._now, self._began = now, now()
        self._before: int | None = None
        self.there: int | None = None  # when the stage began, if it was told
        self._told = self._began

    def reached(self, done: int, total: int) -> None:
        """So far it has come."""
        if self._before is None:
            self._before, self._began = (done if done < total else 0), self._now()
        self.done, self.total = done, total

    def begin(self, done: int, total: int) -> None:
        """So much is there, of which the stage does nothing; what is said first counts."""
        self.there = done if self.there is None else self.there
        self.reached(done, total)

    def summary(self, unit: str, seconds: float) -> str:
        """As in "9,344 rows in 1.0 s; 10,656 were there"."""
        there = self.there or 0
        rest = f"; {there:,} {'was' if there == 1 else 'were'} there" if there else ""
        return f"{counted(self.done - there, unit)} in {seconds:.1f} s{rest}"

    def rate(self, unit: str) -> str:
        """As in "1,234 rows/s", "0.12 rows/s"; "" while it is not known."""
        per_second = self._per_second()
        digits = 0 if per_second >= 10 else 2
        return f"{per_second:,.{digits}f} {unit}/s" if per_second else ""

    def left(self) -> str:
        """The time that is left, as in "1:02:03"."""
        per_second = self._per_second()
        return str(timedelta(seconds=round((self.total - self.done) / per_second))) if per_second else "?"

    def due(self) -> bool:
        """Whether the last line is so long ago that another one is due; not again then for as long."""
        now = self._now()
        if now - self._told < EVERY or self.done >= self.total:
            return False
        self._told = now
        return True

    def _per_second(self) -> float:
        elapsed = self._now() - self._began
        return (self.done - (self._before or 0)) / elapsed if elapsed > 0 else 0.0


@dataclass(frozen=True)
class Watched:
    """A stage that is shown: the `Report` of those who do it."""

    pace: Pace
    show: Callable[[], None]

    def __call__(self, done: int, total: int) -> None:
        """So far it has come."""
        self.pace.reached(done, total)
        self.show()

    def begin(self, done: int, total: int) -> None:
        """See `begin`."""
        self.pace.begin(done, total)
        self.show()


class Terminal:
    """Progress bars and lines on standard error."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, title: str, unit: str) -> Iterator[Report]:
        """A bar with rate and time left, or a line every half minute where nobody looks; then the wall time."""
        from rich import progress as bars

        start, pace = time.perf_counter(), Pace()
        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn(unit),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(compact=True),
        )
        with bars.Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        ) as shown:
            task = shown.add_task(title, total=None, rate="")

            def show() -> None:
                shown.update(task, completed=pace.done, total=pace.total, rate=pace.rate(unit))
                if not self.console.is_terminal and pace.due():
                    of = counted(pace.total, unit)
                    self.say(f"{title}: {pace.done:,} of {of}, {pace.rate(unit)}, {pace.left()} left")

            yield Watched(pace, show)
        self.say(f"{title}: {pace.summary(unit, time.perf_counter() - start)}")

    def say(self, text: str) -> None:
        """Prints one line; nothing in it is taken for markup."""
        self.console.print(text, markup=False, soft_wrap=True)
