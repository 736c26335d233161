"""The tables of the catalog, as they are now; ``migrations`` makes them.

The catalog is the truth; indexes are derived from it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "aliases",
    "api_batches",
    "api_requests",
    "corrections",
    "counters",
    "decisions",
    "deliveries",
    "digests",
    "embedded",
    "feeds",
    "marks",
    "metadata",
    "model_outputs",
    "now",
    "papers",
    "ratings",
    "readers",
    "record_keys",
    "records",
    "removed",
    "sentence_vectors",
    "sources",
    "tags",
    "tldrs",
    "work",
]

metadata = MetaData()


def _paper_key(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "paper_id",
        String,
        ForeignKey("papers.id"),
        nullable=False,
        primary_key=primary_key,
    )


papers = Table(
    "papers",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("title_key", String, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("authors_folded", Text, nullable=False),
    Column("published", String),
    Column("listed", String),
    Column("added", String, nullable=False),
    Column("day", String, nullable=False),
    Column("url", String),
    Column("arxiv_id", String),
    Column("arxiv_version", Integer),
    Column("doi", String),
    Column("categories", JSON, nullable=False),
    Column("upvotes", Integer),
    Column("venue", String),
    Column("text_hash", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("venue_folded", Text, nullable=False, server_default=""),
)

# A place that records came from: a file, the pipe ("-"), a feed.
sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("first_read", String, nullable=False),
    Column("last_read", String, nullable=False),
)

# The ledger of what came in: every distinct entry of every source, whole, with what became of
# it. Papers are made from these rows and can be made again. A row without a paper was rejected
# (or is a part of a bibliography that is no entry). `fingerprint` names source and content;
# `current` is false once the same source tells it differently.
records = Table(
    "records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", Integer, nullable=False, unique=True),
    Column("paper_id", String, ForeignKey("papers.id")),
    Column("source_id", Integer, ForeignKey("sources.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("place", String, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("title_key", String, nullable=False),
    Column("text_hash", String, nullable=False),
    Column("native_id", String),
    Column("arxiv_id", String),
    Column("arxiv_version", Integer),
    Column("doi", String),
    Column("ids", JSON, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("published", String),
    Column("updated", String),
    Column("listed", String),
    Column("url", String),
    Column("venue", String),
    Column("categories", JSON, nullable=False),
    Column("upvotes", Integer),
    Column("hints", JSON(none_as_null=True)),
    Column("extra", JSON(none_as_null=True)),
    Column("first_seen", String, nullable=False),
    Column("last_seen", String, nullable=False),
)

# By what a record is found when another may be of the same paper: hashes of its identifiers,
# of its title's main part and of the beginning of a title cut short. A hash that two things
# share costs a comparison, no more.
record_keys = Table(
    "record_keys",
    metadata,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("record_id", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Names that papers had before they were joined, split or named anew. One name may have come to
# mean several papers.
aliases = Table(
    "aliases",
    metadata,
    Column("alias", String, primary_key=True),
    Column("paper_id", String, ForeignKey("papers.id"), primary_key=True, index=True),
)

# Papers that are no more, for the indexes; `seq` as in papers.
removed = Table(
    "removed",
    metadata,
    Column("paper_id", String, primary_key=True),
    Column("seq", Integer, nullable=False, index=True),
)

# What a person said about two records: that they are of one paper ("together"), or are not.
decisions = Table(
    "decisions",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("other", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("at", String, nullable=False),
)

# What is subscribed to, and how far each has been read.
feeds = Table(
    "feeds",
    metadata,
    Column("spec", String, primary_key=True),
    Column("subscribed", Boolean, nullable=False),
    Column("created", String, nullable=False),
    Column("since", String),
    Column("cursor", JSON(none_as_null=True)),
    Column("validators", JSON, nullable=False),
    Column("reading_since", String),
    Column("last_try", String),
    Column("last_success", String),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
)

# The ledger: what became of each paper in each task (tldr, tag). No row means "not yet";
# a row whose key is not the current one means "again".
work = Table(
    "work",
    metadata,
    _paper_key(primary_key=True),
    Column("task", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", String, nullable=False),
    Column("at", String, nullable=False),
)

embedded = Table(
    "embedded",
    metadata,
    _paper_key(primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("text_hash", String, nullable=False),
)

# Vectors of the sentences of a paper, one after the other, 4-byte floats: a cache. `text_hash` is
# that of the paper's text, `texts_hash` that of exactly what was embedded.
sentence_vectors = Table(
    "sentence_vectors",
    metadata,
    Column(
        "paper_id",
        String,
        ForeignKey("papers.id", ondelete="CASCADE"),
        nullable=False,
        primary_key=True,
    ),
    Column("fingerprint", String, primary_key=True),
    Column("text_hash", String, nullable=False),
    Column("texts_hash", String, nullable=False),
    Column("vectors", LargeBinary, nullable=False),
)

tldrs = Table(
    "tldrs",
    metadata,
    _paper_key(primary_key=True),
    Column("text", Text, nullable=False),
    Column("origin", String, nullable=False),
    Column("supported", Boolean, nullable=False),
    Column("score", Float, nullable=False),
    Column("quote", Text, nullable=False),
    Column("text_hash", String, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt_hash", String, nullable=False),
    Column("created", String, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    _paper_key(primary_key=True),
    Column("tag", String, primary_key=True),
    Column("confidence", Float, nullable=False),
    Column("source", String, nullable=False),
    Column("needs_review", Boolean, nullable=False),
    Column("text_hash", String, nullable=False),
    Column("taxonomy", String, nullable=False),
    Column("model", String, nullable=False),
    Column("created", String, nullable=False),
    Column("evidence", Text, nullable=False, server_default=""),
)

# What a person said of a paper's tags: that it has one ("right"), or has not. `text_hash` is the
# text that was judged. `replaced` holds the rows of `tags` that this changed, by tag, as they would
# be without it (null: no row).
corrections = Table(
    "corrections",
    metadata,
    _paper_key(primary_key=True),
    Column("tag", String, primary_key=True),
    Column("right", Boolean, nullable=False),
    Column("text_hash", String, nullable=False),
    Column("at", String, nullable=False),
    Column("replaced", JSON, nullable=False),
)

# What the reader said of a paper: liked or disliked, and read.
marks = Table(
    "marks",
    metadata,
    _paper_key(primary_key=True),
    Column("kind", String, primary_key=True),
    Column("at", String, nullable=False),
)

# Every call a model ever answered: the cache, and the record of how each output was made.
model_outputs = Table(
    "model_outputs",
    metadata,
    Column("key", String, primary_key=True),
    Column("model", String, nullable=False),
    Column("prompt", String, nullable=False),
    Column("prompt_hash", String, nullable=False),
    Column("schema_hash", String, nullable=False),
    Column("input_hash", String, nullable=False),
    Column("output", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created", String, nullable=False),
)

# Requests that were handed to a server in one file (`curator.llm.batch_api`). `id` is ours, and the
# server is told it; `remote` is the server's, not known until it has answered. `collected` says
# that nothing more is to be had of it.
api_batches = Table(
    "api_batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("model", String, nullable=False),
    Column("status", String, nullable=False),
    Column("remote", String),
    Column("input_file", String),
    Column("output_file", String),
    Column("error_file", String),
    Column("requests", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("collected", Boolean, nullable=False),
    Column("created", String, nullable=False),
    Column("updated", String, nullable=False),
)

# Each request of these, by the key that its answer will be cached under; it goes when that is
# there. `outcome`: waiting, arrived (`output` is the answer, not looked at yet), left (there is
# no answer for the `reason`, and it is not put into a batch again).
api_requests = Table(
    "api_requests",
    metadata,
    Column("key", String, primary_key=True),
    Column("batch_id", String, ForeignKey("api_batches.id"), nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
)

# What became of each question, without its words: who answered it, and how many sentences each
# rung of the ladder gave (`curator.answers.Rungs`).
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("model", String, nullable=False),
    Column("abstained", Boolean, nullable=False),
    *(
        Column(name, Integer, nullable=False)
        for name in (
            "drafted",
            "passed",
            "repairs",
            "repaired",
            "fallbacks",
            "fallback",
            "quoted",
            "llm_calls",
            "tokens",
        )
    ),
    Column("seconds", Float, nullable=False),
)

# Who digests are for. `profile` is what they said they want (`curator.readers.Profile`); what
# "me" rated is in `marks`, what the others did in `ratings`.
readers = Table(
    "readers",
    metadata,
    Column("name", String, primary_key=True),
    Column("profile", JSON, nullable=False),
    Column("changed", String, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("reader", String, primary_key=True),
    Column("paper_id", String, ForeignKey("papers.id"), primary_key=True, index=True),
    Column("liked", Boolean, nullable=False),
    Column("at", String, nullable=False),
)

# One digest of one reader: as it was written last, and what an editor did to it.
digests = Table(
    "digests",
    metadata,
    Column("reader", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("since", String, nullable=False),
    Column("until", String, nullable=False),
    Column("document", JSON, nullable=False),
    Column("edits", JSON),
    Column("created", String, nullable=False),
)

# A digest that was sent, or perhaps was: `sending` is written before the server is asked.
deliveries = Table(
    "deliveries",
    metadata,
    Column("reader", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("state", String, nullable=False),  # sending, sent, failed
    Column("address", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("reason", Text),
    Column("at", String, nullable=False),
)

# Numbers that only grow. `seq` is the last number of change of a paper's text, `vectors` counts
# the changes of the vector index. `papers` (those there already: not new ones), `tags`, `marks`
# and `records` (that changed papers) count the changes of what filters look at, whoever makes
# them: triggers do it (see `migrations`), so that no place that writes can forget it.
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

Index("ix_records_title_key", records.c.title_key)
Index("ix_records_ledger", records.c.status, records.c.source_id)
Index("ix_records_paper_source", records.c.paper_id, records.c.source_id)
Index("ix_tags_tag_paper", tags.c.tag, tags.c.needs_review, tags.c.paper_id)
Index("ix_marks_kind_paper", marks.c.kind, marks.c.paper_id)
# These hold all that filters look at, so that it is read without the rows, which are long.
Index(
    "ix_papers_facets",
    papers.c.seq,
    papers.c.day,
    papers.c.categories,
    papers.c.venue_folded,
    papers.c.authors_folded,
)
Index("ix_papers_id_seq", papers.c.id, papers.c.seq)
Index("ix_papers_day_seq", papers.c.day, papers.c.seq)
Index("ix_work_task", work.c.task, work.c.status)


def now() -> str:
    """The time in UTC to the second, as ISO text."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
