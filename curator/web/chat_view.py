"""A conversation as the page shows it: each sentence with where it is from, the sources numbered.

The same plain values go to the template (what was said) and to the script (what is being said).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from curator.answers import known_from
from curator.threads import Said
from curator.web.pages import shown

__all__ = ["Numbers", "address_of", "answer_view", "outside", "said_view", "sentence_view"]

LONGEST_ADDRESS = 2_000  # characters; browsers cut longer ones
TITLE = 300  # characters of a title under an answer; the paper's page has all of it

TitleOf = Callable[[str], str]


class Numbers(dict[str, int]):
    """The numbers of papers, from 1, in the order in which they come to be cited."""

    def of(self, paper_id: str) -> int:
        return self.setdefault(paper_id, len(self) + 1)


def sentence_view(sentence: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    """``text`` as people read it, ``label`` and ``origin`` say where it is from, ``group`` is the
    part of an overview; ``citations`` have ``number``, ``paper_id`` and ``quote`` as stored."""
    citations: dict[tuple[str, str], dict[str, Any]] = {}
    for one in sentence["citations"]:
        paper_id, quoted = one["paper_id"], one["quote"]
        number = numbers.of(paper_id)
        citations[paper_id, quoted] = {"number": number, "paper_id": paper_id, "quote": quoted}
    return {
        "text": shown(sentence["text"]),
        "label": known_from(sentence),  # type: ignore[arg-type]
        "origin": sentence["origin"],
        "group": shown(sentence.get("group", "")),
        "citations": sorted(citations.values(), key=lambda one: int(one["number"])),
    }


def answer_view(answer: Mapping[str, Any], title_of: TitleOf = lambda _: "") -> dict[str, Any]:
    """An answer (`curator.answers.Answer`): ``sentences`` as `sentence_view`; ``sources`` with
    ``number``, ``paper_id``, ``title`` and ``url`` (None: no link); ``text`` where there are no
    sentences; ``copy``, all of it as plain text. ``title_of`` gives the title where the answer
    kept none."""
    numbers = Numbers()
    sentences = [sentence_view(sentence, numbers) for sentence in answer["sentences"]]
    known = {source["paper_id"]: source for source in answer["sources"]}
    for paper_id in known:
        numbers.of(paper_id)
    sources = []
    for paper_id, number in numbers.items():
        source = known.get(paper_id, {})
        title = shown(source.get("title") or title_of(paper_id)) or paper_id
        sources.append(
            {
                "number": number,
                "paper_id": paper_id,
                "title": title if len(title) <= TITLE else f"{title[: TITLE - 1]}…",
                "url": outside(source.get("url")),
            }
        )
    view = {
        "abstained": bool(answer["abstained"]),
        "text": "" if sentences else shown(answer["answer"]),
        "reason": shown(answer["reason"]) if answer["abstained"] else "",
        "sentences": sentences,
        "sources": sources,
    }
    return {**view, "copy": _copied(view)}


def said_view(said: Said, title_of: TitleOf) -> dict[str, Any]:
    """One question of a conversation, with ``answer`` as `answer_view`."""
    return {
        "question": shown(said.question),
        "asked": said.question,
        "where": shown(said.where),
        "where_as_is": said.where,
        "said_at": said.said_at.replace("T", " ").replace("+00:00", " UTC"),
        "answer": answer_view(said.answer, title_of),
    }


def _copied(view: Mapping[str, Any]) -> str:
    lines, group = [], ""
    for sentence in view["sentences"]:
        if sentence["group"] != group:
            group = sentence["group"]
            lines += [f"{group}:"] if group else []
        numbers = dict.fromkeys(one["number"] for one in sentence["citations"])
        marks = "".join(f"[{number}]" for number in numbers)
        lines.append(" ".join(p for p in (sentence["text"], marks, f"({sentence['label']})") if p))
    if not lines:
        lines.append(f"{view['text']} ({view['reason']})" if view["reason"] else view["text"])
    if view["sources"]:
        lines += ["", "Nearest papers:" if view["abstained"] else "Sources:"]
    for source in view["sources"]:
        parts = (f"[{source['number']}]", source["title"], source["url"] or source["paper_id"])
        lines.append(" ".join(parts))
    return "\n".join(lines)


def outside(url: str | None) -> str | None:
    """An address of the web that may be a link, else None."""
    if not url or len(url) > LONGEST_ADDRESS or not url.isprintable() or " " in url:
        return None
    return url if url.lower().startswith(("https://", "http://")) else None


def address_of(thread: str, **query: str) -> str:
    """The address of a conversation."""
    given = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    if thread in (".", ".."):  # browsers leave these out of a path, however they are written
        return f"/chat?thread={thread}" + (f"&{given}" if given else "")
    return f"/chat/{quote(thread, safe='')}" + (f"?{given}" if given else "")
