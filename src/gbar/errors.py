"""Every error gbar raises on purpose.

GbarError
├── UserError            the user can mend it: one line, exit code 2
│   ├── NmodlError       a .mod file gbar does not accept
│   ├── CellError        a cell file, or a cell put together in Python
│   ├── UnitError        a number without a unit, or with the wrong one
│   ├── ParameterError   a parameter value or a range
│   ├── ProtocolError    a stimulus or an experiment
│   ├── RecordingError   a recording that is not what it should be
│   ├── DatasetError     simulations on disk
│   ├── EstimatorError   a trained network on disk
│   ├── ClusterError     a cluster that is not there, or a worker that cannot help
│   └── OutputError      a place that cannot be written to
└── InternalError        a bug of ours: shown with its traceback
"""

from __future__ import annotations

from pathlib import Path


class GbarError(Exception):
    """The root of all errors that gbar raises on purpose."""


class UserError(GbarError):
    """Something the user can mend: what is wrong, where, and the remedy, in one line.

    Arguments: `what` was found and what was expected; the `file`, `line` and `column` (both from 1) where it
    stands, as far as known; `remedy`, what to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.file, self.line, self.column, self.remedy = what, file, line, column, remedy
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        text = f"{place}: {what}" if place else what
        super().__init__(" ".join(f"{text}; {remedy}".split()) if remedy else " ".join(text.split()))


class NmodlError(UserError):
    """A .mod file that gbar does not accept."""


class CellError(UserError):
    """A cell file, or a cell put together in Python, that does not describe a cell."""


class UnitError(UserError):
    """A number without a unit, or with a unit of the wrong kind."""


class ParameterError(UserError):
    """A parameter value outside its range, or a range that is none."""


class ProtocolError(UserError):
    """A stimulus or an experiment that cannot be done."""


class RecordingError(UserError):
    """A recording that cannot be read, or is not what it should be."""


class TooLarge(RecordingError):
    """A recording whose sweeps do not fit in memory together."""


class DatasetError(UserError):
    """Simulations on disk that are missing, unfinished, damaged or of another cell."""


class EstimatorError(UserError):
    """A trained network on disk that is missing, damaged or made for another experiment."""


class ClusterError(UserError):
    """A cluster that is not there, or a worker of one that cannot do what is asked."""


class OutputError(UserError):
    """A place that cannot be written to: it exists, is full or is not permitted."""


class InternalError(GbarError):
    """A bug in gbar."""
