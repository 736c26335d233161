"""paper-qa's answers, one JSON line for each question. Runs in paper-qa's own environment
(``.venv-peers``), so it imports paper-qa, what that brings, and nothing of ours.

paper-qa is used as its manual mode is meant to be: a `Docs` to which each abstract is added by
hand, then ``Docs.aquery``. Its settings are its defaults. Given besides are only the addresses
and names of the models, and longer timeouts, since its own are for servers that are not two
busy cores. The abstracts come with our vectors (`Docs` makes those that are not there), and
questions are embedded under the server's name for questions: it searches what we search.

Nothing outside this machine is connected to; what is tried is refused and counted.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
import pickle
import re
import socket
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

# The suffix of the server's model name for questions (evals.peers.serve_embeddings.QUERY).
QUERY = "-query"
TIMEOUT = 900.0
KEY = "none"  # servers on loopback take any; litellm wants one

_ID = re.compile(r"\bpqac-[a-zA-Z0-9]{8}\b")
_CITING = re.compile(r"\s*\([^()]*\bpqac-[a-zA-Z0-9]{8}\b[^()]*\)")
_EMPTY = re.compile(r"\s*\([\s,;]*\)")


def stay_here() -> Counter[str]:
    """Refuses every connection and look-up beyond loopback; counts those that were tried."""
    tried: Counter[str] = Counter()
    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def check(host: Any) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in ("localhost", "::1") and not name.startswith("127."):
            tried[str(name)] += 1
            raise OSError(f"no network here: {name} was not connected to")

    def checked(sock: socket.socket, address: Any) -> None:
        if sock.family != getattr(socket, "AF_UNIX", None):
            check(address[0])

    def guarded(sock: socket.socket, address: Any) -> None:
        checked(sock, address)
        connect(sock, address)

    def guarded_ex(sock: socket.socket, address: Any) -> int:
        checked(sock, address)
        return connect_ex(sock, address)

    def guarded_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        check(host)
        return look_up(host, *rest, **named)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = guarded_ex  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = guarded_look_up
    return tried


def make_settings(chosen: argparse.Namespace) -> Any:
    """paper-qa's defaults with our two servers."""
    from paperqa import Settings  # type: ignore[import-not-found]
    from paperqa.settings import make_default_litellm_model_list_settings  # type: ignore[import-not-found]

    name = f"openai/{chosen.model}"
    config = make_default_litellm_model_list_settings(name)
    config["model_list"][0]["litellm_params"] |= {
        "api_base": chosen.llm_base,
        "api_key": KEY,
        "timeout": TIMEOUT,
    }
    return Settings(
        llm=name,
        llm_config=config,
        summary_llm=name,
        summary_llm_config=config,
        embedding=f"openai/{chosen.embedding}",
        embedding_config=embedding_config(chosen),
    )


def embedding_config(chosen: argparse.Namespace) -> dict[str, Any]:
    server = {"api_base": chosen.embedding_base, "api_key": KEY}
    return {"kwargs": {**server, "timeout": TIMEOUT, "encoding_format": "float"}}


async def make_docs(papers: list[dict[str, Any]], settings: Any, work: Path) -> Any:
    """The papers as paper-qa keeps them, with the vectors that come with them. One without a
    vector is embedded by paper-qa, once.

    They are kept as they are before the first search: paper-qa knows the texts of its index by
    their ``hash``, which is another one in every process.
    """
    from paperqa import Doc, Docs, Text, __version__

    digest = hashlib.sha256(json.dumps([papers, settings.embedding]).encode()).hexdigest()
    kept = work / f"docs-{__version__}-{digest[:12]}.pickle"
    if kept.exists():
        return pickle.loads(kept.read_bytes())
    docs = Docs()
    model = settings.get_embedding_model()
    for paper in papers:
        doc = Doc(docname=paper["name"], citation=paper["citation"], dockey=paper["id"])
        vector = paper.get("embedding")
        text = Text(text=paper["text"], name=paper["name"], doc=doc, embedding=vector)
        if not await docs.aadd_texts([text], doc, settings, model):
            raise RuntimeError(f"paper-qa did not take {paper['title']!r}")
    print(f"paper-qa: {len(papers)} papers taken in", flush=True)
    part = kept.with_suffix(".part")
    part.write_bytes(pickle.dumps(docs))
    part.replace(kept)
    return docs


async def answer(
    question: str, docs: Any, settings: Any, query_model: Any, titles: dict[str, str]
) -> dict[str, Any]:
    """One question, and all that it took."""
    calls: list[Any] = []
    writer, summariser = settings.get_llm(), settings.get_summary_llm()
    writer.llm_result_callback = summariser.llm_result_callback = calls.append
    started = time.monotonic()
    session = await docs.aquery(
        question,
        settings=settings,
        llm_model=writer,
        summary_llm_model=summariser,
        embedding_model=query_model,
    )
    seconds = time.monotonic() - started
    said = "".join(call.text or "" for call in calls if call.name == "answer")
    return {
        **told(session, said, titles),
        "seconds": round(seconds, 3),
        "llm_calls": len(calls),
        "prompt_tokens": sum(call.prompt_count or 0 for call in calls),
        "completion_tokens": sum(call.completion_count or 0 for call in calls),
        "error": None,
    }


def told(session: Any, said: str, titles: dict[str, str]) -> dict[str, Any]:
    """What the reader gets, and what the model wrote (``said``). paper-qa takes made-up
    citation keys out and keeps their claims, so such keys stand only in what was written."""
    from paperqa.prompts import CANNOT_ANSWER_PHRASE  # type: ignore[import-not-found]

    by_key = {c.id: titles[c.text.doc.dockey] for c in session.contexts}
    keys = list(dict.fromkeys(_ID.findall(session.raw_answer)))
    bare = _EMPTY.sub("", _ID.sub("", _CITING.sub("", session.raw_answer)))
    return {
        "answer": session.answer,
        "text": bare.strip(),
        "written": said,
        "contexts": [
            {"title": titles[c.text.doc.dockey], "text": c.context, "score": c.score}
            for c in sorted(session.contexts, key=lambda c: -c.score)
        ],
        "cited_titles": list(dict.fromkeys(by_key[key] for key in keys if key in by_key)),
        "invented": sorted({key for key in _ID.findall(said) if key not in by_key}),
        "refused": CANNOT_ANSWER_PHRASE in session.answer,
    }


def nothing_told(error: Exception, seconds: float) -> dict[str, Any]:
    return {
        **{"answer": "", "text": "", "written": "", "contexts": [], "cited_titles": []},
        **{"invented": [], "refused": False, "seconds": round(seconds, 3), "llm_calls": 0},
        **{"prompt_tokens": 0, "completion_tokens": 0},
        "error": f"{type(error).__name__}: {error}"[:500],
    }


async def run(chosen: argparse.Namespace) -> int:
    import litellm  # type: ignore[import-not-found]
    from paperqa import embedding_model_factory

    litellm.suppress_debug_info = True  # it prints addresses of its manual among the progress
    settings = make_settings(chosen)
    papers, questions = read(chosen.papers), read(chosen.questions)
    titles = {paper["id"]: paper["title"] for paper in papers}
    docs = await make_docs(papers, settings, chosen.work)
    query_model = embedding_model_factory(
        f"{settings.embedding}{QUERY}", **embedding_config(chosen)
    )
    with chosen.out.open("a", encoding="utf-8") as out:
        for number, row in enumerate(questions, 1):
            started = time.monotonic()
            try:
                line = await answer(row["question"], docs, settings, query_model, titles)
            except Exception as error:  # noqa: BLE001 - one question must not end the run
                if not alive(chosen.llm_base) or not alive(chosen.embedding_base):
                    print(f"paper-qa: a server is gone ({error})", flush=True)
                    return 1
                line = nothing_told(error, time.monotonic() - started)
            out.write(json.dumps({"id": row["id"], **line}, ensure_ascii=False) + "\n")
            out.flush()
            state = line["error"] or ("refused" if line["refused"] else "answered")
            where = f"{number} of {len(questions)}, {row['id']}"
            print(f"paper-qa: {where}: {state} in {line['seconds']:.1f} s", flush=True)
    return 0


def alive(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/models", timeout=TIMEOUT).close()
    except OSError:
        return False
    return True


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--papers", "--questions", "--out", "--work"):
        parser.add_argument(name, type=Path, required=True)
    for name in ("--llm-base", "--model", "--embedding-base", "--embedding"):
        parser.add_argument(name, required=True)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    # litellm would fetch its price list, tokenizers and a proxy's key; paper-qa would make
    # its folders in the person's home. litellm brings the tokenizer that it needs with it.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["PQA_HOME"] = str(chosen.work.resolve())
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    tried = stay_here()
    code = asyncio.run(run(chosen))
    if tried:
        print(f"paper-qa: connections refused to {dict(tried)}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
