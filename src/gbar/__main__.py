"""The entry point: as little as possible before the user can interrupt it cleanly."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
COLLECT = 50_000  # new objects between two searches for garbage: what is imported lives on, and is not searched for it
_SHOW_CURSOR = b"\x1b[?25h"


def main() -> None:
    """Runs the command line; exit codes 0 (done), 2 (the user's mistake), 130 (interrupted)."""
    signal.signal(signal.SIGINT, interrupted)
    gc.set_threshold(COLLECT)
    from gbar.cli import run

    sys.exit(run())


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    """Ctrl-C: says so and leaves at once.

    A KeyboardInterrupt would be lost inside a compiler's callback or a library's `except:`. Leaving so abruptly is safe
    because every file is written beside its place and moved there whole, and every long job goes on from its last part.
    """
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os.write(2, b"\ninterrupted; the same command goes on where it stopped, if it had begun to write\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
