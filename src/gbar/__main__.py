"""The entry point: as little as possible before the user can interrupt it cleanly."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; exit codes 0 (done), 2 (the user's mistake), 130 (interrupted)."""
    try:
        from gbar.cli import run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
