"""The journal on disk: SQLite in WAL mode, synchronous=FULL, one writer. The only truth of a campaign.

- ``append`` returns after the events are on the disk, all of them or none.
- One coordinator at a time: a lock on a file beside the database, which the operating system lets go when the
  process ends, however it ends.
- The file itself, how it is opened and what a copy of it may lack: ``coordinator.store.journal_database``.
"""

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.state.encoding import decode, encode
from coordinator.state.events import AnyEvent, CampaignStarted, subject
from coordinator.store.journal_database import (
    ALL_IS_SAID,
    connect_to_read,
    connect_to_write,
    into_database,
    make,
)

WAL_BYTES = 4_000_000
"""Of the ``-wal``, after which it is written into the database: about SQLite's own default."""
WRITE_BYTES = 8 * 4096
"""Of a write, besides its events and texts: whole pages of tables and indexes."""


class CampaignBusyError(ConfigError):
    """Another coordinator works on this campaign. Exit code 3."""


class Entry(Struct, frozen=True):
    """One event and when it happened, seconds since the epoch."""

    at: float
    event: AnyEvent


class CampaignLock:
    """Held while a coordinator works on a campaign folder; gone with its process."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "campaign.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            os.close(self._fd)
            what = f"campaign {folder.name} is run by another coordinator (process {process or 'unknown'})"
            raise CampaignBusyError(
                what, "Wait for it, stop it with `autoswarm stop`, or use another name: campaign.name=NAME."
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another coordinator begin."""
        os.close(self._fd)


def locked(folder: Path) -> bool:
    """Whether a coordinator works on the campaign now."""
    try:
        fd = os.open(folder / "campaign.lock", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Journal:
    """A campaign's events. Open with ``Journal.open`` to write and ``Journal.read`` to look."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._written = 0
        """Bytes, about, that went into the ``-wal`` since it was last written into the database."""
        self._marked = False
        """Whether writing it there failed half-way, so that the next write has to say that all is said."""

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """The journal at ``path``, made or migrated as needed, ready to append. Raises ConfigError where it
        cannot be written.
        """
        try:
            if not path.exists():
                make(path)
            return cls(connect_to_write(path))
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"cannot write the journal {path}: {error}", "Check the folder's permissions and free space."
            ) from error

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """The journal at ``path``, to read only, with all that was acknowledged. Raises ConfigError when it
        is not there, is of a newer version, or is a copy that lacks a part.
        """
        if not path.is_file():
            raise ConfigError(
                f"there is no journal at {path}",
                "Start the campaign with `autoswarm run`, or name another one.",
            )
        return cls(connect_to_read(path))

    def append(self, entries: Iterable[Entry], sources: Iterable[tuple[str, str]] = ()) -> None:
        """Write entries, and (commit, text) pairs they speak of, in one transaction that is on the disk on
        return. Raises sqlite3.Error.
        """
        rows = [
            (entry.at, entry.event.__struct_config__.tag, subject(entry.event), encode(entry.event).decode())
            for entry in entries
        ]
        texts = [(commit, zlib.compress(text.encode(), 6)) for commit, text in sources]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self._marked:
                self._connection.execute(ALL_IS_SAID)
            self._connection.executemany(
                "INSERT INTO events (at, name, experiment, body) VALUES (?, ?, ?, ?)", rows
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO sources (commit_id, body) VALUES (?, ?)", texts
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._marked = False
        self._written += WRITE_BYTES + sum(len(row[3]) for row in rows) + sum(len(body) for _, body in texts)
        if self._written > WAL_BYTES:
            self._put_away()

    def _put_away(self) -> None:
        """Have the ``-wal`` written into the database. Nothing is lost where that fails: on a full disk."""
        self._written, self._marked = 0, True
        with suppress(sqlite3.Error):
            into_database(self._connection)
            self._marked = False

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Every event, oldest first, but for the first ``after``."""
        for at, body in self._connection.execute(
            "SELECT at, body FROM events WHERE seq > ? ORDER BY seq", (after,)
        ):
            yield Entry(at, decode(body))

    def started(self) -> CampaignStarted | None:
        """How the campaign began, None while it has not."""
        first = next(self.entries(), None)
        return first.event if first is not None and isinstance(first.event, CampaignStarted) else None

    def source(self, commit: str) -> str | None:
        """Text of the surface at a commit, if the journal knows it."""
        row = self._connection.execute("SELECT body FROM sources WHERE commit_id = ?", (commit,)).fetchone()
        return zlib.decompress(row[0]).decode() if row else None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
