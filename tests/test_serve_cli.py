"""``curator serve`` as a program: where it listens, what it says, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import served
from commands import curator

CURATOR = [sys.executable, "-m", "curator"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.make_home(tmp_path_factory.mktemp("served") / "home")


@contextmanager
def serving(
    home: Path, *options: str, **environ: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The program at any free port; its address, and it."""
    with subprocess.Popen(
        [*CURATOR, "--home", str(home), "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
        # A job in the background (CI) is started with Ctrl-C ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"at (http://\S+)", line)
            assert found, line
            yield found[1], process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended(home: Path, number: signal.Signals) -> None:
    with serving(home) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert httpx.get(address + "/chat").status_code == 200
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
        assert said.strip().endswith("Ended.") and "Traceback" not in said
        with pytest.raises(httpx.ConnectError):
            httpx.get(address + "/chat")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux says where it listens")
def test_it_listens_at_this_machine_only(home: Path) -> None:
    with serving(home) as (address, _):
        port = f"{int(address.rpartition(':')[2]):04X}"
        rows = [
            line.split()
            for file in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(file).read_text().splitlines()[1:]
        ]
        listening = "0A"
        assert [row[1] for row in rows if row[1].endswith(f":{port}") and row[3] == listening] == [
            f"0100007F:{port}"  # 127.0.0.1, the last byte first
        ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "papers.lab.example"])
def test_beyond_this_machine_it_needs_a_token(home: Path, host: str) -> None:
    done = curator("--home", home, "serve", "--host", host, "--port", "0")
    assert done.code == 2 and "CURATOR_TOKEN" in done.err and "openssl" in done.err


def test_a_short_token_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_TOKEN", "secret123")
    done = curator("--home", home, "serve", "--port", "0")
    assert done.code == 2 and "16 characters" in done.err and "secret123" not in done.err


def test_with_a_token_nobody_comes_without(home: Path) -> None:
    token = "a-long-token-of-the-lab"
    with serving(home, CURATOR_TOKEN=token) as (address, _):
        assert httpx.get(address + "/v1/models").status_code == 401
        right = {"Authorization": f"Bearer {token}"}
        assert httpx.get(address + "/v1/models", headers=right).status_code == 200


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = curator("--home", home, "serve", "--port", port)
    assert done.code == 2 and port in done.err and "--port" in done.err
    assert "Traceback" not in done.err


def test_other_names_are_refused_unless_they_are_allowed(home: Path) -> None:
    name = {"Host": "papers.lab.example"}
    with serving(home) as (address, _):
        assert httpx.get(address + "/chat", headers=name).status_code == 421
    with serving(home, "--allow-host", "papers.lab.example") as (address, _):
        assert httpx.get(address + "/chat", headers=name).status_code == 200


def test_a_name_that_can_be_none(home: Path) -> None:
    done = curator("--home", home, "serve", "--port", "0", "--allow-host", "a b/c")
    assert done.code == 2 and "a b/c" in done.err and "Traceback" not in done.err


def test_what_a_client_says_of_its_address_is_not_believed(home: Path) -> None:
    with serving(home, CURATOR_TOKEN="a-long-token-of-the-lab") as (address, _):
        codes = [
            httpx.get(
                address + "/v1/models",
                headers={"Authorization": "Bearer no", "X-Forwarded-For": f"192.0.2.{n}"},
            ).status_code
            for n in range(7)
        ]
    assert codes[0] == 401 and codes[-1] == 429


def test_an_answer_that_nobody_reads_does_not_hold_the_end_up() -> None:
    code = (
        "import threading, time\n"
        "from curator.cli.leaving import let_go\n"
        "import atexit; atexit.register(print, 'registered', flush=True)\n"
        "threading.Thread(target=time.sleep, args=(120,)).start()\n"
        "print('said')\n"
        "let_go()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "said\nregistered\n")


def test_a_request_that_is_cut_off_at_the_end_is_no_traceback(home: Path) -> None:
    with serving(home) as (address, process):
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
            )
            assert httpx.get(address + "/chat").status_code == 200  # the other one has come in
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and said.strip().endswith("Ended.")
    assert "Traceback" not in said
