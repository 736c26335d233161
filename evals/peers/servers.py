"""The two loopback servers that every system of the comparison uses, started and stopped.

Each gets a process group of its own, which is ended whole: nothing may go on holding memory
and cores after a run, however the run ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from curator.errors import ServerUnavailable, UsageError
from curator.settings import Settings, load_settings
from curator.weights import DEFAULTS, Resolved, resolve

__all__ = [
    "CONTEXT",
    "answers",
    "embedding_server",
    "free_port",
    "group",
    "model_server",
    "model_weights",
    "running",
]

# paper-qa's longest prompts have some 1,500 tokens, its answers no bound; five whole abstracts
# are as long. More than that serves only a model that loops.
CONTEXT = 8192
ROOT = Path(__file__).parents[2]
START_SECONDS = 180.0
# A model on busy cores needs this long to end its request and leave by itself.
STOP_SECONDS = 15.0


def model_weights(name: str | None = None, settings: Settings | None = None) -> Resolved:
    """The GGUF file of a model in the cache (by default that of ``CURATOR_MODEL=local``).

    Raises:
        WeightsMissing, WeightsCorrupt: it was never pulled, or is not the pinned one.
    """
    found = resolve(name or DEFAULTS["generate"], (settings or load_settings()).models_dir)
    if found.entry.purpose != "generate":
        raise UsageError(
            f"{found.name!r} does not write text.", remedy="See `curator models list`."
        )
    return found


@contextmanager
def model_server(weights: Path, alias: str, log: Path) -> Iterator[str]:
    """llama-cpp-python's own server with these weights; its address (ending in ``/v1``)."""
    port = free_port()
    threads = load_settings().threads or os.cpu_count() or 1
    command = [
        *(sys.executable, "-m", "llama_cpp.server", "--model", str(weights)),
        *("--model_alias", alias, "--n_ctx", str(CONTEXT), "--n_threads", str(threads)),
        *("--n_threads_batch", str(threads), "--host", "127.0.0.1", "--port", str(port)),
    ]
    with running(command, f"http://127.0.0.1:{port}/v1", log, "the model server") as address:
        yield address


@contextmanager
def embedding_server(log: Path) -> Iterator[tuple[str, str]]:
    """`evals.peers.serve_embeddings`: its address and the name of its model."""
    port = free_port()
    command = [sys.executable, "-m", "evals.peers.serve_embeddings", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/v1", log, "the embedding server") as address:
        with urllib.request.urlopen(f"{address}/models", timeout=10) as answer:
            names = [model["id"] for model in json.load(answer)["data"]]
        yield address, names[0]


@contextmanager
def running(
    command: Sequence[str], address: str, log: Path, what: str, patience: float = START_SECONDS
) -> Iterator[str]:
    """Runs a server and waits until ``ADDRESS/models`` answers; ends its group afterwards.

    Raises:
        ServerUnavailable: it ended, or did not answer in time.
    """
    with log.open("wb") as out, group(command, out, out) as process:
        _wait(process, address, log, what, patience)
        yield address


@contextmanager
def group(
    command: Sequence[str], out: IO[Any], log: IO[Any], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program in a process group of its own, and ends all of that afterwards."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=log,
        cwd=ROOT,
        # Without a bound, threads that wait for work hold the cores.
        env={**(os.environ if env is None else env), "GOMP_SPINCOUNT": "1000"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str, timeout: float = 5.0) -> bool:
    """Whether a server is there. One that is busy accepts the connection all the same."""
    try:
        urllib.request.urlopen(f"{address}/models", timeout=timeout).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _wait(
    process: subprocess.Popen[bytes], address: str, log: Path, what: str, patience: float
) -> None:
    until = time.monotonic() + patience
    while not answers(address):
        if process.poll() is not None:
            reason = f"ended with code {process.returncode}"
        elif time.monotonic() > until:
            reason = f"did not answer within {patience:.0f} s"
        else:
            time.sleep(0.2)
            continue
        lines = log.read_text("utf-8", "replace").strip().splitlines()
        raise ServerUnavailable(
            f"{what.capitalize()} {reason} ({lines[-1][:200] if lines else 'it said nothing'}).",
            remedy=f"Its output is in {log}; `make setup` installs what it needs.",
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole group, politely first."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
