"""The program ``curator`` (also ``python -m curator``)."""

from __future__ import annotations

import os
import sys

# Pydantic would look through the metadata of all installed packages for plugins at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

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
