"""Commands that serve a library: to browsers and chat clients, and to assistants by MCP."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.leaving import let_go
from curator.cli.options import MaxCalls, MaxTokens, ModelName
from curator.cli.terminal import command, note, open_library

if TYPE_CHECKING:
    from curator.library import Library
    from curator.llm.metered import Budget

__all__ = ["mcp", "serve"]

PORT = 8377
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 16


@command
def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any that is free.")] = PORT,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="A name that the server is reached by, as curator.lab.example; "
            "again for several. All others are refused.",
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in your browser.")
    ] = False,
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
) -> None:
    """Serve the library: a web page, an OpenAI-compatible endpoint, MCP.

    Page http://127.0.0.1:8377/ · chat clients http://127.0.0.1:8377/v1 (model: curator) ·
    MCP http://127.0.0.1:8377/mcp. It is for this machine only unless --host says otherwise,
    which needs CURATOR_TOKEN: whoever comes must know it. Ctrl-C ends it.
    """
    with open_library(model=model, budget=_budget(max_calls, max_tokens)) as library:
        token = _token(library, host)
        _serve(library, host, port, token, tuple(allow_host or ()), open_browser)
    let_go()


def _budget(max_calls: int | None, max_tokens: int | None) -> Budget:
    """The budget of all who are served; a server waits for people, so its minutes are no cost."""
    from curator.llm.metered import Budget
    from curator.settings import load_settings

    chosen = load_settings(max_calls=max_calls, max_tokens=max_tokens)
    return Budget(chosen.max_calls, chosen.max_tokens, None)


def _token(library: Library, host: str) -> str | None:
    """What whoever comes must know.

    Raises:
        UsageError: it is needed and not set, or too short to be one.
    """
    from curator.errors import UsageError

    secret = library.settings.token
    token = secret.get_secret_value().strip() if secret else None
    how = 'Set one: export CURATOR_TOKEN="$(openssl rand -hex 24)"'
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UsageError(f"CURATOR_TOKEN has less than {SHORTEST_TOKEN} characters.", remedy=how)
    if token is None and host not in LOOPBACK:
        raise UsageError(
            f"At {host!r} others reach the library, and there is no CURATOR_TOKEN.", remedy=how
        )
    return token


def _serve(
    library: Library,
    host: str,
    port: int,
    token: str | None,
    names: tuple[str, ...],
    open_browser: bool,
) -> None:
    import socket

    import uvicorn

    from curator.errors import UsageError
    from curator.serving import Serving
    from curator.web.addresses import known_names
    from curator.web.app import create_app

    known_names(names)  # one that can be no name is told before anything is opened
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Nothing can listen at {host} port {port}: {error}.",
            remedy="Choose another with --port, or 0 for any.",
        ) from error
    with listening:
        serving = Serving(library, token=token)
        # What others call this machine is not known: who listens wider says so.
        known = ("localhost", "127.0.0.1", "[::1]", *names)
        own = () if host in ("0.0.0.0", "::") else (f"[{host}]" if ":" in host else host,)
        app = create_app(serving, hosts=(*known, *own))
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        note(f"Serving {library.home.root} at {address} (Ctrl-C ends it)")
        threading.Thread(target=serving.warm, name="warm", daemon=True).start()
        if open_browser:
            typer.launch(address)
        config = uvicorn.Config(
            app,
            http="h11",  # which bounds headers: httptools took 20 MB of them
            log_level="warning",
            access_log=False,  # questions stand in addresses
            timeout_graceful_shutdown=3,
            server_header=False,
            # Else whoever connects from this machine could say to be somebody else each time.
            proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
        )
        # Requests that last longer are cut off, which is no error to show.
        logging.getLogger("uvicorn.error").addFilter(_is_no_end)
        # uvicorn ends in order at both signals, and then hands them on.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
        serving.close()
    note("Ended.")


def _is_no_end(record: logging.LogRecord) -> bool:
    import asyncio

    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


@command
def mcp(
    *,
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
) -> None:
    """Serve the library to an assistant by the Model Context Protocol, over stdin and stdout.

    The assistant starts this itself; in its settings say: command "curator", arguments ["mcp"].
    (Over HTTP: `curator serve`, address http://127.0.0.1:8377/mcp.) Its tools search, answer
    with checked sentences, check a text, tag, read digests and add papers.
    """
    from curator.mcp import serve_stdio
    from curator.serving import Serving

    with open_library(model=model, budget=_budget(max_calls, max_tokens)) as library:
        serving = Serving(library)
        threading.Thread(target=serving.warm, name="warm", daemon=True).start()
        try:
            serve_stdio(serving)
        finally:
            serving.close()
    let_go()
