"""Conversations that survive a restart, in one SQLite file of two halves.

LangGraph's checkpointer keeps the state that the next question is asked in. It stays small: of
old turns only the question and the papers are kept (`summarised`), and of all checkpoints only
the newest of each conversation (LangGraph itself keeps every one, some seven for each question).
The table ``transcript`` keeps whatever was said, for the reader.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curator.errors import StorageError, UsageError

__all__ = ["KEPT", "WHOLE", "Said", "Threads", "config_of", "summarised", "thread_name"]

# Follow-ups point back at the last turns; these keep their answers.
WHOLE = 6
# Of older ones so many keep their question and their papers; the rest is in the transcript.
KEPT = 40

# SqliteSaver has no prune() of its own (langgraph-checkpoint-sqlite 3.1). It takes the greatest
# id, which is a time, for the newest checkpoint; so does this.
_PRUNE = (
    "DELETE FROM checkpoints WHERE EXISTS (SELECT 1 FROM checkpoints AS later"
    " WHERE later.thread_id = checkpoints.thread_id"
    " AND later.checkpoint_ns = checkpoints.checkpoint_ns"
    " AND later.checkpoint_id > checkpoints.checkpoint_id)",
    "DELETE FROM writes WHERE NOT EXISTS (SELECT 1 FROM checkpoints AS its"
    " WHERE its.thread_id = writes.thread_id AND its.checkpoint_ns = writes.checkpoint_ns"
    " AND its.checkpoint_id = writes.checkpoint_id)",
)
_TABLE = (
    "CREATE TABLE IF NOT EXISTS transcript (thread TEXT NOT NULL, number INTEGER NOT NULL,"
    " said_at TEXT NOT NULL, turn TEXT, said TEXT NOT NULL, PRIMARY KEY (thread, number))"
)
_BUSY_SECONDS = 30.0


@dataclass(frozen=True)
class Said:
    """One question with all that was answered.

    ``answer`` is a `curator.answers.Answer` as it was given; of conversations that are older
    than the transcript only its text and papers. ``evidence`` holds the numbered stored
    sentences that were found, those left out of the answer too. ``where`` is the condition that
    papers had to meet, as `curator.where` reads it, or "". ``said_at`` is in UTC.
    """

    question: str
    answer: dict[str, Any]
    evidence: list[dict[str, Any]] = field(default_factory=list)
    where: str = ""
    said_at: str = ""


class Threads:
    """The conversations of one library, each by its name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def saver(self) -> Iterator[Any]:
        """The checkpointer to compile a graph with; old checkpoints are deleted afterwards.

        Raises:
            StorageError: the file is damaged, or cannot be written.
        """
        from langgraph.checkpoint.sqlite import SqliteSaver

        with self._explained(), SqliteSaver.from_conn_string(str(self._path)) as saver:
            try:
                yield saver
            finally:
                # What cannot be deleted now (another process writes) goes after the next answer.
                with suppress(sqlite3.DatabaseError), saver.cursor() as cursor:
                    for statement in _PRUNE:
                        cursor.execute(statement)

    def turns(self, name: str) -> list[dict[str, Any]]:
        """The turns that follow-ups build on, oldest first, old ones summarised; none for an
        unknown conversation."""
        with self.saver() as saver:
            found = saver.get_tuple(config_of(name))
        return list(found.checkpoint["channel_values"].get("turns") or []) if found else []

    # ------------------------------------------------------------- the transcript

    def record(
        self,
        name: str,
        answer: Mapping[str, Any],
        evidence: Sequence[Mapping[str, Any]] = (),
        where: str = "",
    ) -> None:
        """Writes down what was answered; to be called once after each answer.

        Raises:
            StorageError: the file is damaged, or cannot be written.
        """
        turns = self.turns(name)
        with self._open() as db:
            last = db.execute(
                "SELECT turn FROM transcript WHERE thread = ? AND turn IS NOT NULL"
                " ORDER BY number DESC LIMIT 1",
                (name,),
            ).fetchone()
            # A question that was not answered leaves no turn in the state.
            new = turns[-1] if turns and (not last or json.loads(last[0]) != turns[-1]) else None
            said = {"answer": dict(answer), "evidence": [dict(e) for e in evidence], "where": where}
            self._insert(db, name, new, said)

    def said(self, name: str, last: int | None = None) -> list[Said]:
        """What was said in a conversation, oldest first; only the ``last`` ones if given.

        Raises:
            StorageError: the file is damaged, or cannot be read.
        """
        with self._open() as db:
            rows = self._rows(db, name, last)
            if not rows and self._has_state(db, name):
                self._adopt(db, name)
                rows = self._rows(db, name, last)
        return [Said(said_at=at, **_loaded(text)) for at, text in rows]

    def count(self, name: str) -> int:
        """How many questions were asked in a conversation."""
        self.said(name, 1)  # one that is older than the transcript is taken over
        with self._open() as db:
            found = db.execute("SELECT count(*) FROM transcript WHERE thread = ?", (name,))
            return int(found.fetchone()[0])

    def names(self) -> list[str]:
        """All conversations in the order of their names."""
        with self._open() as db:
            found = {row[0] for row in db.execute("SELECT DISTINCT thread FROM transcript")}
            if self._has_state(db):
                found |= {row[0] for row in db.execute("SELECT thread_id FROM checkpoints")}
        return sorted(found)

    def listed(self) -> list[tuple[str, int, str]]:
        """Of each conversation its name, how many questions it has, and when the last was asked
        (UTC), the newest first."""
        with self._open() as db:
            known = {row[0] for row in db.execute("SELECT DISTINCT thread FROM transcript")}
        for name in set(self.names()) - known:
            self.count(name)  # older than the transcript: taken over
        with self._open() as db:
            found = db.execute(
                "SELECT thread, count(*), max(said_at) FROM transcript GROUP BY thread"
                " ORDER BY max(said_at) DESC, thread"
            )
            return [(str(name), int(count), str(last)) for name, count, last in found]

    def replace_last(
        self,
        name: str,
        answer: Mapping[str, Any],
        evidence: Sequence[Mapping[str, Any]] = (),
        where: str = "",
    ) -> None:
        """Puts an answer in the place of the last one, as if that had never been given.

        Raises:
            StorageError: the file is damaged, or cannot be written.
        """
        self.undo(name)
        if not answer["abstained"]:  # as `graphs.ask` writes down what follow-ups build on
            turn = {
                "question": answer["question"],
                "answer": answer["answer"],
                "paper_ids": [source["paper_id"] for source in answer["sources"]],
            }
            self._set_turns(name, summarised([*self.turns(name), turn]))
        self.record(name, answer, evidence, where)

    def undo(self, name: str) -> Said | None:
        """Takes the last question and its answer back, as if it had never been asked; gives
        what it took, or None where nothing was said."""
        taken = next(iter(self.said(name, 1)), None)
        if taken is None:
            return None
        with self._open() as db:
            number = db.execute(
                "SELECT max(number) FROM transcript WHERE thread = ?", (name,)
            ).fetchone()[0]
            before = db.execute(
                "SELECT turn FROM transcript WHERE thread = ? AND number < ?"
                " AND turn IS NOT NULL ORDER BY number DESC LIMIT ?",
                (name, number, KEPT),
            ).fetchall()
        # The state first: killed in between, the turn is still in the transcript, and taking
        # it back once more does the rest.
        self._set_turns(name, summarised([json.loads(row[0]) for row in reversed(before)]))
        with self._open() as db:
            db.execute("DELETE FROM transcript WHERE thread = ? AND number = ?", (name, number))
        return taken

    def forget(self, name: str) -> int:
        """Deletes a conversation, also from the bytes of the file; how many questions it had."""
        count = self.count(name)
        with self._open() as db:
            db.execute("DELETE FROM transcript WHERE thread = ?", (name,))
            if self._has_state(db):
                db.execute("DELETE FROM checkpoints WHERE thread_id = ?", (name,))
                db.execute("DELETE FROM writes WHERE thread_id = ?", (name,))
            db.commit()
            with suppress(sqlite3.OperationalError):  # another process reads: later, then
                db.execute("VACUUM")
        return count

    # -------------------------------------------------------------------- helpers

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The conversations in {str(self._path)!r} cannot be used ({error}).",
                remedy="Free some space, or move that file away; papers and answers are safe.",
            ) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with (
            self._explained(),
            closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db,
        ):
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(_TABLE)
            with db:  # commits, or takes all back
                yield db

    @staticmethod
    def _rows(db: sqlite3.Connection, name: str, last: int | None) -> list[tuple[str, str]]:
        found = db.execute(
            "SELECT said_at, said FROM transcript WHERE thread = ? ORDER BY number DESC LIMIT ?",
            (name, -1 if last is None else last),
        ).fetchall()
        return found[::-1]

    @staticmethod
    def _has_state(db: sqlite3.Connection, name: str | None = None) -> bool:
        """Whether LangGraph has made its tables, and, for a name, has something of it."""
        tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('checkpoints', 'writes')"
        if db.execute(tables).fetchone()[0] != 2:
            return False
        state = "SELECT 1 FROM checkpoints WHERE thread_id = ? LIMIT 1"
        return name is None or db.execute(state, (name,)).fetchone() is not None

    def _adopt(self, db: sqlite3.Connection, name: str) -> None:
        """Takes a conversation over that is older than the transcript."""
        for turn in self.turns(name):
            answer = {
                "question": turn["question"],
                "answer": turn["answer"],
                "abstained": False,
                "reason": "",
                "sentences": [],
                "sources": [{"paper_id": i, "title": "", "url": None} for i in turn["paper_ids"]],
            }
            self._insert(db, name, turn, {"answer": answer, "evidence": [], "where": ""})

    @staticmethod
    def _insert(
        db: sqlite3.Connection,
        name: str,
        turn: Mapping[str, Any] | None,
        said: Mapping[str, Any],
    ) -> None:
        db.execute(
            "INSERT INTO transcript SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?"
            " FROM transcript WHERE thread = ?",
            (
                name,
                datetime.now(UTC).isoformat(timespec="seconds"),
                None if turn is None else json.dumps(turn, ensure_ascii=False),
                json.dumps(said, ensure_ascii=False),
                name,
            ),
        )

    def _set_turns(self, name: str, turns: list[dict[str, Any]]) -> None:
        with self.saver() as saver:
            found = saver.get_tuple(config_of(name))
            if found is None:
                return
            values = {**found.checkpoint["channel_values"], "turns": turns}
            place = {"configurable": {"thread_id": name, "checkpoint_ns": ""}}
            # Under its own id, so that it takes the place of the one it was made from.
            saver.put(place, {**found.checkpoint, "channel_values": values}, found.metadata, {})


def summarised(turns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The turns of a conversation in bounded space, oldest first: the last `WHOLE` ones as they
    are; of those before them the question and the papers, taken as they stand, without the
    answer; in all at most `KEPT`."""
    cut = max(0, len(turns) - WHOLE)
    old = [{**turn, "answer": ""} for turn in turns[max(0, len(turns) - KEPT) : cut]]
    return [*old, *(dict(turn) for turn in turns[cut:])]


def config_of(name: str) -> Any:
    """The configuration under which LangGraph keeps a conversation."""
    return {"configurable": {"thread_id": name}}


def thread_name(text: str) -> str:
    """The name of a conversation as a person gave it.

    Raises:
        UsageError: it is empty, too long, or nothing that can be shown.
    """
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise UsageError(
            "The name of a conversation has 1 to 100 characters, on one line.",
            remedy="Try: survey",
        )
    return name


def _loaded(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
        answer = row["answer"]
        return {
            "question": str(answer["question"]),
            "answer": answer,
            "evidence": row["evidence"],
            "where": row["where"],
        }
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"An answer in a conversation cannot be read ({error}).",
            remedy="Go on in another one, or upgrade paper-curator if a later one wrote it.",
        ) from error
