"""A quick start for the real program: a process forked from one that has loaded the libraries.

Most of what a command of ``curator`` costs in a test is the loading of SQLAlchemy, Chroma and
LangGraph. A server (this file, run as a script) loads them once and forks for each start; the
child then loads our own code anew and runs it as ``python -m curator`` would, in a process of
its own, with its own arguments, environment, folder and files. What differs from a cold start:
what those libraries read from the environment when they are loaded, and the seed of hashes,
which all children share. Tests of those take ``cold=True`` or start an interpreter themselves.

Preloaded are only other people's libraries, so that an import which our code forgets is missed
in the child too; not onnxruntime, which starts threads that no fork survives.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Started", "Warm"]

LIGHT = ("sqlalchemy.dialects.sqlite", "pydantic_settings", "numpy", "platformdirs", "tantivy")
HEAVY = (
    *("chromadb", "chromadb.api.rust", "langgraph.graph", "langgraph.checkpoint.sqlite"),
    *("openai", "llama_cpp", "tokenizers", "jinja2", "yaml"),
)
# These need no more than the light ones; all other commands may.
LIGHT_COMMANDS = {"add", "status", "export", "show", "--help", "--version", "sync", "models"}


class Started:
    """A process that was started; as ``subprocess.Popen``, as far as tests need it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._said = b""
        self.pid = self._line(None)
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; minus the signal that ended it.

        Raises:
            TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            self.returncode = self._line(timeout)
            self._connection.close()
        return self.returncode

    def _line(self, timeout: float | None) -> int:
        """What the server tells next."""
        self._connection.settimeout(timeout)
        while b"\n" not in self._said:
            try:
                got = self._connection.recv(64)
            except TimeoutError:
                raise subprocess.TimeoutExpired("curator", timeout or 0.0) from None
            if not got:
                raise RuntimeError("the server that starts processes has ended")
            self._said += got
        line, _, self._said = self._said.partition(b"\n")
        return int(line)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.001)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The server, from the side of the tests; it starts with the first process asked for."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None

    def start(
        self,
        args: Sequence[str],
        *,
        files: tuple[int, int, int],
        env: Mapping[str, str],
        code: str | None = None,
        new_session: bool = False,
    ) -> Started:
        """Runs ``curator ARGS``, or Python code with these arguments; ``files`` are what it
        has as standard input, output and errors."""
        heavy = code is not None or not LIGHT_COMMANDS & set(args)
        request = {
            **{"args": list(args), "env": dict(env), "cwd": str(Path.cwd()), "code": code},
            **{"heavy": heavy, "new_session": new_session},
        }
        data = json.dumps(request).encode()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._listening())
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))
        connection.sendmsg([len(data).to_bytes(4, "big")], [rights])
        connection.sendall(data)
        return Started(connection)

    def run(
        self, args: Sequence[str], *, env: Mapping[str, str], stdin: bytes, timeout: float
    ) -> tuple[int, str, str]:
        """Runs ``curator ARGS`` to its end: exit code, output, errors.

        Raises:
            TimeoutExpired: it was killed.
        """
        ends, begins = os.pipe()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                started = self.start(args, files=(ends, out.fileno(), err.fileno()), env=env)
            finally:
                os.close(ends)
            with os.fdopen(begins, "wb") as pipe, contextlib.suppress(BrokenPipeError):
                pipe.write(stdin)
            try:
                code = started.wait(timeout)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
                raise
            out.seek(0)
            err.seek(0)
            return code, out.read().decode(), err.read().decode()

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
            self._folder.cleanup()

    def _listening(self) -> str:
        """The address of the server."""
        if self._server is None or self._server.poll() is not None:
            # Short, and not below the tests' own folder: addresses of sockets have 107 bytes.
            self._folder = tempfile.TemporaryDirectory(prefix="warm-")
            self._server = subprocess.Popen(
                [sys.executable, __file__, f"{self._folder.name}/s"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            assert self._server.stdout is not None
            self._server.stdout.readline()
            self._server.stdout.close()
        return f"{self._folder.name}/s"


# ------------------------------------------------------------------------- the server


def _serve(address: str) -> dict[str, Any]:
    """Gives a request, in the child that it is for; in the server it never returns."""
    # As curator.__main__ does before anything loads pydantic.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    todo = {False: LIGHT, True: HEAVY}
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    parent = os.getppid()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, not for this
    server.settimeout(1.0)
    while True:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            if os.getppid() != parent:  # the tests were killed
                raise SystemExit(0) from None
            continue
        connection.setblocking(True)
        first, files, _, _ = socket.recv_fds(connection, 4, 3)
        reader = connection.makefile("rb")
        request: dict[str, Any] = json.loads(reader.read(int.from_bytes(first, "big")))
        for needed in {False, bool(request["heavy"])}:
            for name in todo.pop(needed, ()):
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
        gc.freeze()  # else each child's collections would copy all of this memory
        keeper = os.fork()
        if keeper:
            os.waitpid(keeper, 0)  # it forks once more and is gone
            for file in files:
                os.close(file)
            reader.close()
            connection.close()
            continue
        if os.fork():
            os._exit(0)
        server.close()
        child = os.fork()
        if child:  # waits for the process and tells its end
            for file in files:
                os.close(file)
            connection.sendall(f"{child}\n".encode())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            with contextlib.suppress(OSError):
                connection.sendall(f"{status}\n".encode())
            os._exit(0)
        reader.close()
        connection.close()
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        return request


def _become(request: dict[str, Any]) -> None:
    """Makes this process what the request asks for, but for the code that it runs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["new_session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv[:] = ["curator", *request["args"]]
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]


if __name__ == "__main__":
    asked = _serve(sys.argv[1])
    _become(asked)
    if asked["code"] is None:
        runpy.run_module("curator", run_name="__main__", alter_sys=True)
    else:
        exec(compile(asked["code"], "<string>", "exec"), {"__name__": "__main__"})
