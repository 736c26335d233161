"""The catalog's one SQLite file: opening it, transactions, and what can go wrong with it."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from curator.catalog.migrations import MIGRATIONS, migrate, schema_number
from curator.catalog.values import dumps, loads
from curator.errors import StorageError

__all__ = ["Store"]

# A Ctrl-C while a connection goes back is handled, but SQLAlchemy logs its traceback, and without
# a handler Python prints that on the terminal.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

# How long a writer waits for another process before it gives up, in seconds.
BUSY_SECONDS = 120


class Store:
    """Connections to one catalog file. Readers never block; writers take turns.

    Raises:
        StorageError: the file cannot be opened, is damaged, or is from a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine: Engine = create_engine(
            URL.create("sqlite", database=str(path)),
            json_serializer=dumps,
            json_deserializer=loads,
            max_overflow=64,  # a server reads from many threads, and none should wait for another
        )
        event.listen(self.engine, "connect", _prepare)
        try:
            with self.read() as connection:
                current = schema_number(connection) == MIGRATIONS[-1][0]
            if not current:  # only then is a write lock needed to open the file
                with self.write() as connection:
                    migrate(connection)
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of the catalog."""
        with self._translated(), self.engine.connect() as connection:
            connection.execute(text("BEGIN"))
            yield connection

    def glance(self, statement: str) -> Any:
        """The one value of a query, without a transaction around it: four times quicker, for
        what is asked again and again."""
        with self._translated(), self.engine.connect() as connection:
            return connection.exec_driver_sql(statement).scalar()

    def glances(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query, likewise."""
        with self._translated(), self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    @contextmanager
    def write(self, patience: float = BUSY_SECONDS) -> Iterator[Connection]:
        """A transaction that is kept whole or not at all, one at a time across processes; waits
        ``patience`` seconds at most for its turn."""
        with self._translated(patience), self.engine.connect() as connection:
            if patience != BUSY_SECONDS:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            try:
                # IMMEDIATE takes the write lock now: what is read inside is still true at commit.
                connection.execute(text("BEGIN IMMEDIATE"))
            finally:
                if patience != BUSY_SECONDS:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
            yield connection
            connection.commit()

    @contextmanager
    def _translated(self, patience: float = BUSY_SECONDS) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise storage_error(error.orig or error, self.path, patience) from error
        except sqlite3.DatabaseError as error:
            raise storage_error(error, self.path, patience) from error


def storage_error(error: BaseException, path: Path, patience: float = BUSY_SECONDS) -> StorageError:
    """What an SQLite error means to a reader, and what to do about it."""
    said = str(error).lower()
    where = f"The catalog {str(path)!r}"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return StorageError(
            f"{where} cannot be written to ({said}).",
            remedy="Make its folder writable, or choose another with --home DIR.",
        )
    if "full" in said or "disk i/o" in said:
        return StorageError(
            f"{where} could not be written: the disk is full or failing ({said}). "
            "What was stored before is safe.",
            remedy="Free some space and run the command again; it goes on where it stopped.",
            retryable=True,
        )
    if "locked" in said or "busy" in said:
        return StorageError(
            f"{where} is being written by another process for over {patience:g} seconds.",
            remedy="Wait for it to end, or stop it, and run the command again.",
            retryable=True,
        )
    if "not a database" in said or "malformed" in said or "no such table" in said:
        return StorageError(
            f"{where} is damaged or not a catalog ({said}).",
            remedy="Restore it from a backup, or move it away and add your sources again.",
        )
    return StorageError(f"{where} failed: {error}.", remedy="Run `curator doctor`.")


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # transactions are ours: see Store.write
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    _use_wal(cursor)
    # NORMAL with WAL loses nothing when the process dies; only a power cut may undo the
    # last commits, never damage the file (https://sqlite.org/pragma.html#pragma_synchronous).
    cursor.execute("PRAGMA synchronous = NORMAL")
    # SQLite's own 2 MB of pages are soon too few for the indexes on titles and fingerprints, and
    # a checkpoint for every 4 MB is a wait for the disk with every other chunk.
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA wal_autocheckpoint = 16384")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switches the file to WAL, which it then stays in. SQLite does not wait by itself where
    two processes do this to a new file at once, so that is done here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "readonly" in str(error):
                return  # a read-only medium can still be read
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
