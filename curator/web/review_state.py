"""The page's sitting of the tag review: what is asked, what is answered, and what is shown of it.

The sitting has a checkpoint file of its own beside that of ``curator tag review``, so that both may
go on at the same time; what is said goes to the same corrections. The file is opened for each
request (some 30 ms), so no request depends on what another one left in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from curator.digest.formats.words import safe_url
from curator.errors import UsageError
from curator.evidence import best_sentence
from curator.review import ReviewQueue, evidence_in
from curator.tag_names import tag_named
from curator.web.pages import shown

if TYPE_CHECKING:
    from curator.paper import Paper
    from curator.serving import Serving
    from graphs.review import Review

__all__ = ["Action", "Learning", "Sitting", "marked"]

Action = Literal["decide", "skip", "undo"]

MOST_SAID = 60  # tags in one answer
AUTHORS_SHOWN = 8

_queues: WeakKeyDictionary[Serving, ReviewQueue] = WeakKeyDictionary()


class Sitting:
    """The review that goes on in the page. ``touched`` are the papers of which something was said
    and that are left now: `Library.on_corrected` is to be told of them."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._library = serving.library
        self.touched: list[str] = []

    def look(self) -> dict[str, Any]:
        """What is asked now: ``paper`` (None: nothing waits), ``tags``, ``also`` (tags that are
        not in doubt), ``waiting`` and ``skipped`` papers, ``can_undo``, ``progress``."""
        with self._opened() as (review, queue):
            return self._state(review, queue)

    def answer(
        self, action: Action, paper_id: str, said: Mapping[str, bool | None] | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Does what a person said of the paper they were looking at ("": they saw that nothing
        waits). The new state, and whether it was done: not where another paper is asked about now.

        Raises:
            UsageError: nothing, too much, or of no tag is said, or there is nothing to undo.
        """
        with self._opened() as (review, queue):
            # Looking anew, a finished round begins again with what was skipped: the person saw
            # none of that when they took the last answer back.
            seen_all = action == "undo" and not paper_id
            if review.paper_id != paper_id and not seen_all:
                return self._state(review, queue), False
            if action == "undo" and not review.can_undo:
                raise UsageError("There is nothing to undo.")
            if action == "decide":
                review.answer("decide", self._meant(review.paper_id, said or {}))
            else:
                review.answer(action)
            return self._state(review, queue), True

    @contextmanager
    def _opened(self) -> Iterator[tuple[Review, ReviewQueue]]:
        from curator.locks import writer_lock
        from curator.threads import Threads
        from graphs.review import Review, ReviewContext

        library = self._library
        home = library.home.root
        context = ReviewContext(
            queue=(queue := self._queue()),
            corrections=library.catalog.corrections,
            ancestors=self._library.taxonomy.ancestors,
            on_corrected=self.touched.extend,  # learned from after the reply
        )
        with (
            self._serving.changing,
            writer_lock(home / "web-review.lock"),
            Threads(home / "web-review.sqlite3").saver() as saver,
        ):
            yield Review(saver, context), queue

    def _queue(self) -> ReviewQueue:
        with self._serving.changing:
            if self._serving not in _queues:
                _queues[self._serving] = ReviewQueue(self._library.catalog)
            return _queues[self._serving]

    def _meant(self, paper_id: str, said: Mapping[str, bool | None]) -> dict[str, bool | None]:
        if not said:
            raise UsageError("Nothing is said of any tag.", remedy="Say of one that it is right.")
        if not paper_id:
            raise UsageError("Nothing is left to decide.")
        if len(said) > MOST_SAID:
            raise UsageError(f"{len(said)} tags at once are too many.", remedy=f"{MOST_SAID}, say.")
        catalog = self._library.catalog
        stored = [tag.tag for tag in catalog.outputs.tags([paper_id]).get(paper_id, [])]
        known = [*stored, *catalog.corrections.of([paper_id]).get(paper_id, {})]
        taxonomy = self._library.taxonomy
        return {
            name if name in known else tag_named(taxonomy, name, known): right
            for name, right in said.items()
        }

    # ------------------------------------------------------------------- showing

    def _state(self, review: Review, queue: ReviewQueue) -> dict[str, Any]:
        catalog = self._library.catalog
        waiting, decided = queue.count(review.skipped), set(catalog.corrections.all())
        decided.discard(review.paper_id)
        made: dict[str, Any] = {
            "paper": None,
            "tags": [],
            "also": [],
            "waiting": waiting,
            "skipped": len(review.skipped),
            "can_undo": review.can_undo,
            "progress": {"decided": len(decided), "of": len(decided) + queue.count()},
        }
        paper = catalog.papers.get([review.paper_id]).get(review.paper_id)
        if paper is None:
            return made
        tags = self._tags(paper, queue)
        listed = {tag["tag"] for tag in tags}
        given = catalog.outputs.tags([paper.id]).get(paper.id, [])
        speaking = {tag["tag"]: tag["evidence"] for tag in tags if tag["evidence_is"] == "speaks"}
        made |= {
            "paper": _paper(paper, speaking),
            "tags": [{**tag, "evidence": shown(tag["evidence"])} for tag in tags],
            "also": [t.tag for t in given if t.tag not in listed and not t.needs_review],
        }
        return made

    def _tags(self, paper: Paper, queue: ReviewQueue) -> list[dict[str, Any]]:
        """By name, so that a tag keeps its place and number when it is answered."""
        item = queue.item(paper.id)
        open_ = {tag.tag: tag for tag in (item.tags if item else ())}
        said = self._library.catalog.corrections.of([paper.id]).get(paper.id, {})
        made = []
        for name in sorted({*open_, *said}):
            known = self._library.taxonomy.by_name.get(name)
            meaning = known.description if known else ""
            tag = open_.get(name)
            evidence = evidence_in(tag, paper.text) if tag else ""
            source = "speaks" if evidence else ""
            if tag and not evidence:
                evidence = best_sentence(paper, f"{name.replace('-', ' ')} {meaning}")
                source = "nearest" if evidence else ""
            made.append(
                {
                    "tag": name,
                    "meaning": meaning,
                    "known": known is not None,
                    "said": said.get(name),
                    "confidence": tag.confidence if tag else None,
                    "source": tag.source if tag else "human",
                    "suggested": bool(tag and tag.needs_review),
                    "evidence": evidence,
                    "evidence_is": source,
                }
            )
        return made


def _paper(paper: Paper, speaking: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": paper.id,
        "title": shown(paper.title) or "(no title)",
        "authors": [shown(name) for name in paper.authors[:AUTHORS_SHOWN]],
        "more_authors": max(0, len(paper.authors) - AUTHORS_SHOWN),
        "day": paper.day,
        "url": safe_url(paper.url),
        "abstract": marked(paper.abstract, speaking),
    }


def marked(text: str, evidence: Mapping[str, str]) -> list[dict[str, Any]]:
    """A stored text in pieces as they are shown, one after the other: ``text``, and the ``tags`` of
    which it is the evidence (``{tag: stored sentence}``)."""
    spans: dict[tuple[int, int], list[str]] = {}
    for tag, quote in evidence.items():
        at = text.find(quote) if quote else -1
        if at >= 0:
            spans.setdefault((at, at + len(quote)), []).append(tag)
    pieces: list[dict[str, Any]] = []
    end = 0
    for (start, stop), tags in sorted(spans.items()):
        if start < end:  # inside one that is marked already
            pieces[-1]["tags"] += tags
            continue
        pieces += _piece(text[end:start], [])
        pieces += _piece(text[start:stop], tags)
        end = stop
    return pieces + _piece(text[end:], [])


def _piece(text: str, tags: list[str]) -> list[dict[str, Any]]:
    if not (said := shown(text)):
        return [{"text": " ", "tags": []}] if text else []
    ahead, behind = " " * text[0].isspace(), " " * text[-1].isspace()
    return [{"text": f"{ahead}{said}{behind}", "tags": tags}]


class Learning:
    """Takes in corrections after the reply, one lot at a time: it may take seconds, and what is
    said meanwhile is taken in together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._running = False

    def learn(self, paper_ids: Sequence[str], learn: Callable[[Sequence[str]], object]) -> None:
        """Has ``learn`` called with these papers; returns at once if it is being called."""
        with self._lock:
            self._waiting |= set(paper_ids)
            if self._running or not self._waiting:
                return
            self._running = True
        while True:
            with self._lock:
                lot, self._waiting = sorted(self._waiting), set()
                if not lot:
                    self._running = False
                    return
            try:
                learn(lot)
            except BaseException:
                with self._lock:
                    self._running = False
                raise
