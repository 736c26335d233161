"""Ending the process where Python itself would end it late, or otherwise."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading

__all__ = ["leave", "let_go"]


def leave(code: int) -> None:
    """Ends the process with this exit code, now. What was registered to be done at its end is
    done; other threads are not waited for."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def let_go() -> None:
    """Ends the process if threads are left that Python would wait for: a server's answer that
    nobody reads may take minutes."""
    here = threading.current_thread()
    if any(thread is not here and not thread.daemon for thread in threading.enumerate()):
        leave(0)
