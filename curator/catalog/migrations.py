"""The numbered migrations that make the catalog's tables, and what each one did.

A migration is a plain function of a connection. It is never edited once released: a change is
a new one with the next number. So the first ones spell out the tables as they then were.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    func,
    inspect,
    select,
    text,
)

from curator.catalog.conversion import records_of_first_tables
from curator.catalog.schema import metadata, now
from curator.errors import StorageError
from curator.text import fold

__all__ = ["MIGRATIONS", "migrate", "schema_number"]

_FIRST = """
CREATE TABLE counters ( name VARCHAR NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name) );
CREATE TABLE digests ( name VARCHAR NOT NULL, since VARCHAR NOT NULL, until VARCHAR NOT
    NULL, document JSON NOT NULL, created VARCHAR NOT NULL, PRIMARY KEY (name) );
CREATE TABLE model_outputs ( "key" VARCHAR NOT NULL, model VARCHAR NOT NULL, prompt VARCHAR
    NOT NULL, prompt_hash VARCHAR NOT NULL, schema_hash VARCHAR NOT NULL, input_hash VARCHAR
    NOT NULL, output TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens
    INTEGER NOT NULL, seconds FLOAT NOT NULL, created VARCHAR NOT NULL, PRIMARY KEY ("key")
    );
CREATE TABLE papers ( id VARCHAR NOT NULL, title TEXT NOT NULL, abstract TEXT NOT NULL,
    title_key VARCHAR NOT NULL, authors JSON NOT NULL, authors_folded TEXT NOT NULL,
    published VARCHAR, listed VARCHAR, added VARCHAR NOT NULL, day VARCHAR NOT NULL, url
    VARCHAR, arxiv_id VARCHAR, arxiv_version INTEGER, doi VARCHAR, categories JSON NOT NULL,
    upvotes INTEGER, text_hash VARCHAR NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id) );
CREATE INDEX ix_papers_day ON papers (day);
CREATE INDEX ix_papers_seq ON papers (seq);
CREATE INDEX ix_papers_title_key ON papers (title_key);
CREATE TABLE rejections ( source VARCHAR NOT NULL, place VARCHAR NOT NULL, reason TEXT NOT
    NULL, seen_at VARCHAR NOT NULL, PRIMARY KEY (source, place) );
CREATE TABLE schema_migrations ( number INTEGER NOT NULL, name VARCHAR NOT NULL, applied
    VARCHAR NOT NULL, PRIMARY KEY (number) );
CREATE TABLE embedded ( paper_id VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, text_hash
    VARCHAR NOT NULL, PRIMARY KEY (paper_id, fingerprint), FOREIGN KEY(paper_id) REFERENCES
    papers (id) );
CREATE TABLE identifiers ( scheme VARCHAR NOT NULL, value VARCHAR NOT NULL, paper_id VARCHAR
    NOT NULL, PRIMARY KEY (scheme, value), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE INDEX ix_identifiers_paper_id ON identifiers (paper_id);
CREATE TABLE sightings ( paper_id VARCHAR NOT NULL, source VARCHAR NOT NULL, place VARCHAR
    NOT NULL, listed VARCHAR, first_seen VARCHAR NOT NULL, last_seen VARCHAR NOT NULL,
    PRIMARY KEY (paper_id, source), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE TABLE tags ( paper_id VARCHAR NOT NULL, tag VARCHAR NOT NULL, confidence FLOAT NOT
    NULL, source VARCHAR NOT NULL, needs_review BOOLEAN NOT NULL, text_hash VARCHAR NOT
    NULL, taxonomy VARCHAR NOT NULL, model VARCHAR NOT NULL, created VARCHAR NOT NULL,
    PRIMARY KEY (paper_id, tag), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE TABLE tldrs ( paper_id VARCHAR NOT NULL, text TEXT NOT NULL, origin VARCHAR NOT NULL,
    supported BOOLEAN NOT NULL, score FLOAT NOT NULL, quote TEXT NOT NULL, text_hash VARCHAR
    NOT NULL, model VARCHAR NOT NULL, prompt_hash VARCHAR NOT NULL, created VARCHAR NOT
    NULL, PRIMARY KEY (paper_id), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE TABLE versions ( paper_id VARCHAR NOT NULL, text_hash VARCHAR NOT NULL, title TEXT
    NOT NULL, abstract TEXT NOT NULL, arxiv_version INTEGER, source VARCHAR NOT NULL,
    seen_at VARCHAR NOT NULL, PRIMARY KEY (paper_id, text_hash), FOREIGN KEY(paper_id)
    REFERENCES papers (id) );
CREATE TABLE work ( paper_id VARCHAR NOT NULL, task VARCHAR NOT NULL, status VARCHAR NOT
    NULL, reason TEXT NOT NULL, "key" VARCHAR NOT NULL, at VARCHAR NOT NULL, PRIMARY KEY
    (paper_id, task), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE INDEX ix_work_task ON work (task, status)
"""

# Migration 2 makes the tables as they are now, so these may be there already.
_FACETS = """
CREATE TABLE IF NOT EXISTS marks ( paper_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, at VARCHAR
    NOT NULL, PRIMARY KEY (paper_id, kind), FOREIGN KEY(paper_id) REFERENCES papers (id) );
DROP INDEX ix_papers_day;
DROP INDEX ix_papers_seq;
DROP INDEX ix_tags_tag;
DROP INDEX IF EXISTS ix_records_paper_id;
CREATE INDEX IF NOT EXISTS ix_papers_facets
    ON papers (seq, day, categories, venue_folded, authors_folded);
CREATE INDEX IF NOT EXISTS ix_papers_id_seq ON papers (id, seq);
CREATE INDEX IF NOT EXISTS ix_papers_day_seq ON papers (day, seq);
CREATE INDEX IF NOT EXISTS ix_records_paper_source ON records (paper_id, source_id);
CREATE INDEX IF NOT EXISTS ix_tags_tag_paper ON tags (tag, needs_review, paper_id);
CREATE INDEX IF NOT EXISTS ix_marks_kind_paper ON marks (kind, paper_id)
"""

_ANSWERS = """
CREATE TABLE IF NOT EXISTS answers ( id INTEGER NOT NULL, at VARCHAR NOT NULL, model VARCHAR NOT
    NULL, abstained BOOLEAN NOT NULL, drafted INTEGER NOT NULL, passed INTEGER NOT NULL, repairs
    INTEGER NOT NULL, repaired INTEGER NOT NULL, fallbacks INTEGER NOT NULL, fallback INTEGER NOT
    NULL, quoted INTEGER NOT NULL, llm_calls INTEGER NOT NULL, tokens INTEGER NOT NULL, seconds
    FLOAT NOT NULL, PRIMARY KEY (id) )
"""

_SENTENCES = """
CREATE TABLE IF NOT EXISTS sentence_vectors ( paper_id VARCHAR NOT NULL, fingerprint VARCHAR NOT
    NULL, text_hash VARCHAR NOT NULL, texts_hash VARCHAR NOT NULL, vectors BLOB NOT NULL,
    PRIMARY KEY (paper_id, fingerprint), FOREIGN KEY(paper_id) REFERENCES papers (id) ON DELETE
    CASCADE )
"""

# The tags that a person had decided until then are corrections.
_CORRECTIONS = """
ALTER TABLE tags ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS corrections ( paper_id VARCHAR NOT NULL, tag VARCHAR NOT NULL, "right"
    BOOLEAN NOT NULL, text_hash VARCHAR NOT NULL, at VARCHAR NOT NULL, replaced JSON NOT NULL,
    PRIMARY KEY (paper_id, tag), FOREIGN KEY(paper_id) REFERENCES papers (id) );
INSERT INTO corrections SELECT paper_id, tag, 1, text_hash, created, '{}' FROM tags
    WHERE source = 'human' AND NOT needs_review
"""

_BATCHES = """
CREATE TABLE IF NOT EXISTS api_batches ( id VARCHAR NOT NULL, model VARCHAR NOT NULL, status VARCHAR
    NOT NULL, remote VARCHAR, input_file VARCHAR, output_file VARCHAR, error_file VARCHAR, requests
    INTEGER NOT NULL, completed INTEGER NOT NULL, failed INTEGER NOT NULL, collected BOOLEAN NOT
    NULL, created VARCHAR NOT NULL, updated VARCHAR NOT NULL, PRIMARY KEY (id) );
CREATE TABLE IF NOT EXISTS api_requests ( "key" VARCHAR NOT NULL, batch_id VARCHAR NOT NULL, outcome
    VARCHAR NOT NULL, reason TEXT NOT NULL, output TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, PRIMARY KEY ("key"), FOREIGN KEY(batch_id) REFERENCES
    api_batches (id) );
CREATE INDEX IF NOT EXISTS ix_api_requests_batch_id ON api_requests (batch_id)
"""

_READERS = """
CREATE TABLE IF NOT EXISTS readers ( name VARCHAR NOT NULL, profile JSON NOT NULL, changed VARCHAR
    NOT NULL, PRIMARY KEY (name) );
CREATE TABLE IF NOT EXISTS ratings ( reader VARCHAR NOT NULL, paper_id VARCHAR NOT NULL, liked
    BOOLEAN NOT NULL, at VARCHAR NOT NULL, PRIMARY KEY (reader, paper_id), FOREIGN KEY(paper_id)
    REFERENCES papers (id) );
CREATE INDEX IF NOT EXISTS ix_ratings_paper_id ON ratings (paper_id);
CREATE TABLE IF NOT EXISTS deliveries ( reader VARCHAR NOT NULL, name VARCHAR NOT NULL, state
    VARCHAR NOT NULL, address VARCHAR NOT NULL, message_id VARCHAR NOT NULL, reason TEXT, at
    VARCHAR NOT NULL, PRIMARY KEY (reader, name) );
ALTER TABLE digests RENAME TO former_digests;
CREATE TABLE digests ( reader VARCHAR NOT NULL, name VARCHAR NOT NULL, since VARCHAR NOT NULL, until
    VARCHAR NOT NULL, document JSON NOT NULL, edits JSON, created VARCHAR NOT NULL, PRIMARY KEY
    (reader, name) );
INSERT INTO digests (reader, name, since, until, document, created)
    SELECT 'me', name, since, until, document, created FROM former_digests;
DROP TABLE former_digests
"""

# What counts as a change of a counter (see `schema.counters`): on which table and event, and
# where only some of the changes count, which.
_COUNTED: tuple[tuple[str, str, str, str], ...] = (
    (
        "papers",
        "UPDATE OF id, seq, day, categories, venue_folded, authors_folded",
        "papers",
        " OR ".join(
            f"OLD.{name} IS NOT NEW.{name}"
            for name in ("id", "seq", "day", "categories", "venue_folded", "authors_folded")
        ),
    ),
    ("papers", "DELETE", "papers", ""),
    (
        "records",
        "UPDATE OF paper_id, source_id",
        "records",
        "OLD.paper_id IS NOT NEW.paper_id OR OLD.source_id IS NOT NEW.source_id",
    ),
    ("records", "DELETE", "records", ""),
    *(
        (table, event, table, "")
        for table in ("tags", "marks")
        for event in ("INSERT", "UPDATE", "DELETE")
    ),
)

_migrations = Table(
    "schema_migrations",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("applied", String, nullable=False),
)


def _create_first_tables(connection: Connection) -> None:
    for statement in _FIRST.split(";"):
        connection.execute(text(statement))


def _create_records(connection: Connection) -> None:
    """Every entry is kept whole, and papers are made from them."""
    connection.execute(text("ALTER TABLE papers ADD COLUMN venue VARCHAR"))
    connection.execute(text("DROP INDEX ix_papers_title_key"))  # titles are found by records
    metadata.create_all(connection)
    records_of_first_tables(connection)
    for table in ("sightings", "versions", "rejections", "identifiers"):
        connection.execute(text(f"DROP TABLE {table}"))


def _create_facets(connection: Connection) -> None:
    """Marks, and what filters need: folded venues, indexes, and counters of changes."""
    run = connection.execute
    run(text("ALTER TABLE papers ADD COLUMN venue_folded TEXT NOT NULL DEFAULT ''"))
    venues = run(text("SELECT id, venue FROM papers WHERE venue IS NOT NULL")).all()
    if venues:
        folded = [{"name": row.id, "folded": fold(row.venue)} for row in venues]
        run(text("UPDATE papers SET venue_folded = :folded WHERE id = :name"), folded)
    for statement in _FACETS.split(";"):
        run(text(statement))
    for counter in dict.fromkeys(counted[2] for counted in _COUNTED):
        run(text("INSERT INTO counters (name, value) VALUES (:name, 0)"), {"name": counter})
    for table, event, counter, changed in _COUNTED:
        kind = event.split()[0].lower()
        when = f" WHEN {changed}" if changed else ""
        run(
            text(
                f"CREATE TRIGGER count_{table}_{kind} AFTER {event} ON {table}{when} BEGIN "
                f"UPDATE counters SET value = value + 1 WHERE name = '{counter}'; END"
            )
        )


def _create_answers(connection: Connection) -> None:
    """What became of each question."""
    connection.execute(text(_ANSWERS))


def _create_sentence_vectors(connection: Connection) -> None:
    """The vectors of the sentences that evidence is chosen from."""
    connection.execute(text(_SENTENCES))


def _create_corrections(connection: Connection) -> None:
    """What people say of tags, and the sentence that speaks for each tag."""
    for statement in _CORRECTIONS.split(";"):
        connection.execute(text(statement))


def _create_batches(connection: Connection) -> None:
    """Requests that a server answers in one file."""
    for statement in _BATCHES.split(";"):
        connection.execute(text(statement))


def _create_readers(connection: Connection) -> None:
    """Readers, and digests and deliveries of each."""
    for statement in _READERS.split(";"):
        connection.execute(text(statement))


MIGRATIONS: tuple[tuple[int, str, Callable[[Connection], None]], ...] = (
    (1, "first tables", _create_first_tables),
    (2, "records", _create_records),
    (3, "facets", _create_facets),
    (4, "answers", _create_answers),
    (5, "sentence vectors", _create_sentence_vectors),
    (6, "corrections", _create_corrections),
    (7, "batches", _create_batches),
    (8, "readers", _create_readers),
)


def schema_number(connection: Connection) -> int:
    """The number of the last migration that was applied; 0 for a new file."""
    if not inspect(connection).has_table(_migrations.name):
        return 0
    return connection.execute(select(func.max(_migrations.c.number))).scalar() or 0


def migrate(connection: Connection) -> None:
    """Applies what is missing, inside the caller's transaction.

    Raises:
        StorageError: the file was made by a newer version of this program.
    """
    have = schema_number(connection)
    newest = MIGRATIONS[-1][0]
    if have > newest:
        raise StorageError(
            f"This library was last used by a newer version (schema {have}; this one knows "
            f"{newest}).",
            remedy="Upgrade paper-curator, or use another --home.",
        )
    for number, name, apply in MIGRATIONS:
        if number > have:
            apply(connection)
            connection.execute(_migrations.insert().values(number=number, name=name, applied=now()))
