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


def _as_a_module() -> None:
    """Runs it for ``python -m curator``.

    Run so, CPython 3.11 ends itself by SIGINT when a Ctrl-C was raised inside ``exec`` of a text,
    as dataclasses do while they are imported, also after it was handled. The exit code that the
    contract promises would depend on the moment of the Ctrl-C; so 130 is handed over directly.
    """
    try:
        main()
    except SystemExit as end:
        if end.code != 130:
            raise
        from curator.cli.leaving import leave

        leave(130)


if __name__ == "__main__":
    _as_a_module()
