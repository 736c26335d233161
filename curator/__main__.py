"""The program ``curator`` (also ``python -m curator``)."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line. Ctrl-C while it is still being loaded ends it in peace, too."""
    try:
        from curator.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
