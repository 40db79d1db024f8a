"""`scorescope`: the window, or one of the engine's commands."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Open the window; with arguments, do what `engine.cli` does with them. Returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv:
        from engine.cli import main as command

        return command(argv)
    from desktop_app.display import HINT, problem

    why = problem()
    if why:
        print(f"scorescope: {why} {HINT}", file=sys.stderr)
        return 2
    from desktop_app.application import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
