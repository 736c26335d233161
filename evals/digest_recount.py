"""What a digest counted, counted once more: by SQL in the catalog, without the code that made it.

A counted sentence is taken apart by its wording. One that has a number no recount accounts for is
a fault, so that a new kind of sentence cannot pass unread.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Any

from curator.digest.document import DigestDocument, Trend, every_paper
from curator.phrase_candidates import Token, key_of
from curator.text import fold, title_key

__all__ = ["Catalogued", "Week", "chance_of", "lead_faults", "trend_faults"]

_NUMBER = r"(\d[\d,]*)"
_DIGITS = re.compile(r"(?<![\w.])\d[\d,]*(?![\w])")
_TOPIC = re.compile(
    rf"(?:(?:all|most) of them \({_NUMBER}\)|{_NUMBER}(?: is| are)?) on (.+?)"
    rf"(?=, \d|, most of them| and \d|[.;])"
)
_MOVED = re.compile(
    rf"papers (tagged|that say) “(.+?)” (rose|fell) most clearly, from {_NUMBER} of {_NUMBER} "
    rf"\(([\w. ]+)%\)(?: in the (?:{_NUMBER} )?(?:day|week|days|weeks) before)? "
    rf"to {_NUMBER} of {_NUMBER} \(([\w. ]+)%\)"
)
_WORD = re.compile(r"[^\W_]+(?:\.\d+)*|[^\s\w‐‑–-]|_")
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Week:
    """The papers of some days, by their ids: ``tagged`` those that were tagged."""

    papers: frozenset[str]
    tagged: frozenset[str]


class Catalogued:
    """The catalog of a library, read by plain SQL; ``was`` are former names of tags.

    Raises:
        FileNotFoundError: there is no catalog in ``home``.
    """

    def __init__(self, home: Path, was: dict[str, Sequence[str]] | None = None) -> None:
        file = home / "catalog.sqlite3"
        if not file.is_file():
            raise FileNotFoundError(f"{str(home)!r} has no catalog")
        self._was = was or {}
        self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self._db.row_factory = sqlite3.Row

    @cached_property
    def papers(self) -> dict[str, sqlite3.Row]:
        """Every paper, by its id."""
        return {row["id"]: row for row in self._db.execute("SELECT * FROM papers")}

    def text(self, paper_id: str) -> str:
        """Title and abstract as stored; "" for a paper that is not there."""
        row = self.papers.get(paper_id)
        return f"{row['title']}\n{row['abstract']}" if row else ""

    def week(self, since: str, until: str) -> Week:
        """The papers of inclusive ISO days."""
        asked = self._db.execute("SELECT id FROM papers WHERE day BETWEEN ? AND ?", (since, until))
        ids = frozenset(row[0] for row in asked)
        asked = self._db.execute(
            "SELECT paper_id FROM tags WHERE NOT needs_review "
            "UNION SELECT paper_id FROM work WHERE task = 'tag' AND status = 'done'"
        )
        return Week(ids, ids & {row[0] for row in asked})

    def tags(self, paper_id: str) -> set[str]:
        """The tags of a paper that wait for nobody."""
        return self._given.get(paper_id, set())

    @cached_property
    def _given(self) -> dict[str, set[str]]:
        now = {old: name for name, former in self._was.items() for old in former}
        found: dict[str, set[str]] = {}
        for row in self._db.execute("SELECT paper_id, tag FROM tags WHERE NOT needs_review"):
            found.setdefault(row[0], set()).add(now.get(row[1], row[1]))
        return found

    def with_tag(self, tag: str) -> set[str]:
        return {paper_id for paper_id, given in self._given.items() if tag in given}

    def with_term(self, term: str) -> set[str]:
        """The papers whose title or abstract has the words of a term (stems, a space between
        them) after each other."""
        wanted = tuple(term.split())
        return {i for i, runs in self._words.items() if any(_has(run, wanted) for run in runs)}

    @cached_property
    def _words(self) -> dict[str, list[tuple[str, ...]]]:
        return {i: [_stems(r["title"]), _stems(r["abstract"])] for i, r in self.papers.items()}

    def titled(self, title: str, ids: frozenset[str]) -> set[str]:
        """Those of these papers with the tag that a heading names ("LLM agents")."""
        key = title_key(title)
        return {i for i in ids if any(title_key(tag) == key for tag in self.tags(i))}


def _stems(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in _WORD.findall(fold(text)):
        found += key_of([Token(0, len(word), word)]) if word[0].isalnum() else [";"]
    return tuple(found)


def _has(run: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    size = len(wanted)
    return any(run[i : i + size] == wanted for i in range(len(run) - size + 1))


def chance_of(count: int, of: int, before: int, of_before: int) -> float:
    """How likely a change at least so large is by chance: of ``count + before`` papers each is
    of this period with the chance ``of / (of + of_before)``; the smaller tail, doubled."""
    many, part = count + before, of / (of + of_before)

    def tail(numbers: range) -> float:
        return sum(comb(many, k) * part**k * (1 - part) ** (many - k) for k in numbers)

    return min(1.0, 2 * min(tail(range(count + 1)), tail(range(count, many + 1))))


# ------------------------------------------------------------------------------ trends


def trend_faults(document: DigestDocument, catalog: Catalogued) -> Iterator[str]:
    """What is wrong with the numbers of the trends, and with the papers that make them."""
    spans = _spans(document)
    weeks = [catalog.week(*span) for span in spans]
    if not weeks:
        return
    bases = [[week.papers for week in weeks], [week.tagged for week in weeks]]
    base = next((b for b in bases if [len(ids) for ids in b] == document["sizes"]), None)
    if base is None:
        counted = [[len(ids) for ids in each] for each in bases]
        yield f"sizes of the weeks {document['sizes']}, recounted {counted[0]} or {counted[1]}"
        base = bases[1]
    for trend in document["trends"]:
        having = (catalog.with_tag if trend["kind"] == "tag" else catalog.with_term)(trend["name"])
        counts = [len(having & ids) for ids in base]
        sizes = [len(ids) for ids in base]
        said = [trend["count"], trend["of"], trend["before"], trend["of_before"]]
        recounted = [counts[-1], sizes[-1], sum(counts[:-1]), sum(sizes[:-1])]
        if trend["counts"] != counts or said != recounted:
            yield (
                f"{trend['name']!r}: {trend['counts']} and {said}, recounted {counts} and "
                f"{recounted}"
            )
            continue
        yield from _moved_by_chance(trend)
        members = having & base[-1]
        if len(trend["papers"]) != min(10, len(members)):
            yield f"{trend['name']!r}: {len(trend['papers'])} papers shown of {len(members)}"
        for paper in trend["papers"]:
            row = catalog.papers.get(paper["paper_id"] or "")
            if row is None or row["id"] not in members:
                yield f"{trend['name']!r} is not said by {paper['paper_id']}"
            elif (row["title"], row["url"]) != (paper["title"], paper["url"]):
                yield f"{trend['name']!r}: another title or link of {row['id']}"


def _moved_by_chance(trend: Trend) -> Iterator[str]:
    share = trend["count"] / trend["of"] - trend["before"] / trend["of_before"]
    if (share > 0) != (trend["direction"] > 0):
        yield f"{trend['name']!r} is said to move the other way"
    chance = chance_of(trend["count"], trend["of"], trend["before"], trend["of_before"])
    if chance > _SIGNIFICANT or abs(chance - trend["p_value"]) > 0.01 * chance:
        yield f"{trend['name']!r}: p = {trend['p_value']}, recomputed {chance:.6g}"


def _spans(document: DigestDocument) -> list[tuple[str, str]]:
    """The days of each of the document's weeks."""
    last = date.fromisoformat(document["until"])
    length = (last - date.fromisoformat(document["since"])).days + 1
    many = len(document["weeks"])
    ends = [last - timedelta(days=length * back) for back in range(many - 1, -1, -1)]
    return [((end - timedelta(days=length - 1)).isoformat(), end.isoformat()) for end in ends]


# -------------------------------------------------------------------------------- lead


def lead_faults(text: str, document: DigestDocument, catalog: Catalogued) -> Iterator[str]:
    """What is wrong with a counted sentence of the lead."""
    week = catalog.week(document["since"], document["until"])
    inside = sum(len(section["papers"]) for section in document["sections"])
    facts: dict[str, int] = {
        rf"^{_NUMBER} papers? came in ": len(week.papers),
        rf"of the {_NUMBER} that (?:is|are) tagged": len(week.tagged),
        rf"^{_NUMBER} of them (?:is|are) in this digest": len(every_paper(document)),
        rf"^This digest has {_NUMBER} papers?": len(every_paper(document)),
        rf", {_NUMBER} of these": inside,
        rf" in {_NUMBER} sections?": len(document["sections"]),
        rf"(?:against|in) the {_NUMBER} (?:day|week)s? before": len(document["weeks"]) - 1,
    }
    accounted: list[str] = []
    for pattern, number in facts.items():
        for match in re.finditer(pattern, text):
            accounted.append(match[1])
            if _int(match[1]) != number:
                yield f"{match[0].strip()!r}, recounted {number}"
    yield from _topics(text, document, catalog, week, accounted)
    yield from _movements(text, document, accounted)
    days = {document["since"], document["until"]}
    rest = re.sub(r"\d{4}-\d{2}-\d{2}", lambda m: "" if m[0] in days else m[0], text)
    rest = re.sub(r"\([\w. ]+%\)|“.*?”", "", rest)
    unread = _DIGITS.findall(rest)
    for number_ in accounted:
        if number_ in unread:
            unread.remove(number_)
    if unread:
        yield f"nothing accounts for {', '.join(unread)}"
    if not accounted and not re.match(r"(?:No papers came|It is|None of|All of|Both of)", text):
        yield "it counts nothing"


def _topics(
    text: str, document: DigestDocument, catalog: Catalogued, week: Week, accounted: list[str]
) -> Iterator[str]:
    sections = {title_key(s["title"]): len(s["papers"]) for s in document["sections"]}
    held = " in this digest" in text or text.startswith("This digest")
    for match in _TOPIC.finditer(text):
        number, title = match[1] or match[2], match[3]
        accounted.append(number)
        having = len(catalog.titled(title, week.papers))
        counted = sections.get(title_key(title), 0) if held else having
        if _int(number) != counted:
            yield f"{match[0]!r}, recounted {counted}"


def _movements(text: str, document: DigestDocument, accounted: list[str]) -> Iterator[str]:
    for match in _MOVED.finditer(text):
        how, title, verb, before, of_before, earlier, _, count, of, now = match.groups()
        accounted += [before, of_before, count, of]
        kind, direction = ("tag" if how == "tagged" else "term"), (1 if verb == "rose" else -1)
        same = [t for t in document["trends"] if (t["kind"], t["direction"]) == (kind, direction)]
        trend = next((t for t in same if t["title"] == title), None)
        if trend is None:
            yield f"no such trend: {title!r} {verb}"
            continue
        said = [_int(before), _int(of_before), _int(count), _int(of)]
        if said != [trend["before"], trend["of_before"], trend["count"], trend["of"]]:
            yield f"{match[0]!r} is not what the trend says"
        for shown, part, whole in ((earlier, said[0], said[1]), (now, said[2], said[3])):
            if re.fullmatch(r"[\d.]+", shown) and abs(float(shown) - 100 * part / whole) > 0.501:
                yield f"{part} of {whole} is not {shown}%"
        moves = [t for t in document["trends"] if t["direction"] == direction]
        if trend["p_value"] > min(t["p_value"] for t in moves):
            yield f"{title!r} is not what {verb} most clearly"
    if "no tag or term moved" in text and document["trends"]:
        yield "there are trends"


def _int(text: Any) -> int:
    return int(str(text).replace(",", ""))
