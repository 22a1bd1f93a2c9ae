"""The command line: one command, one workflow; what is more than names and files is in `workflows`."""

from __future__ import annotations

import errno
import logging
import sys

import typer

from gbar.cli import cells, data, recordings, simulations  # noqa: F401 (adds their commands)
from gbar.cli.app import app
from gbar.errors import OutputError, UserError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def _refused(error: OSError) -> UserError | None:
    """An operating system's refusal that the user can mend, as one line; None for any other."""
    if error.errno in _FULL:
        return OutputError("the disk is full", file=error.filename, remedy="free some space; finished parts are kept")
    if error.errno in _CLOSED:
        return OutputError("permission denied", file=error.filename, remedy="choose another place with -o")
    if error.filename is not None:
        return UserError(str(error.strerror), file=str(error.filename)[:200], remedy="check the name and the folder")
    return None


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 0, 2 for the user's mistakes."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # zarr's writers: the first failure is told, the others not
    mistake = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        code = app(args=arguments or ["--help"], standalone_mode=False)
    except UserError as error:
        return _say(str(error))
    except OSError as error:
        refused = _refused(error)
        if refused is None:
            raise
        return _say(str(refused))
    except MemoryError:
        return _say("the memory is full; ask for fewer rows or samples")
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        if not isinstance(error, mistake):
            raise
        return _say(" ".join(error.format_message().split()) + " (gbar COMMAND --help tells more)")  # type: ignore[attr-defined]
    return code if isinstance(code, int) else 0


def _say(line: str) -> int:
    sys.stderr.write(f"gbar: {line}\n")
    return 2
