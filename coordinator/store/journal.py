"""The journal on disk: SQLite in WAL mode, synchronous=FULL, one writer. The only truth of a campaign.

- ``append`` returns after the events are on the disk, all of them or none.
- Migrations are plain SQL files, numbered; ``user_version`` says which have run.
- One coordinator at a time: a lock on a file beside the database, which the operating system lets go when the
  process ends, however it ends.
"""

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.state.events import AnyEvent, CampaignStarted, decode, encode, subject

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 10_000


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

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """The journal at ``path``, made or migrated as needed, ready to append. Raises ConfigError where it
        cannot be written.
        """
        try:
            if not path.exists():
                _make(path)
            return cls(_connect_to_write(path))
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"cannot write the journal {path}: {error}", "Check the folder's permissions and free space."
            ) from error

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """The journal at ``path``, to read only. Raises ConfigError when it is not there or is of a newer
        version.
        """
        if not path.is_file():
            raise ConfigError(
                f"there is no journal at {path}",
                "Start the campaign with `autoswarm run`, or name another one.",
            )
        connection = _connect_to_read(path)
        _known_version(connection)
        return cls(connection)

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


def _make(path: Path) -> None:
    """An empty journal, there only when it is whole: whoever looks meanwhile sees none. Raises sqlite3.Error,
    OSError.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    _connect_to_write(beside).close()
    beside.replace(path)


def _connect_to_write(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    _migrate(connection)
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """In a folder nobody may write to SQLite cannot make its lock files; then the journal does not change
    either, and is read as it lies there.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_MS / 1000)
    try:
        _version(connection)
    except sqlite3.OperationalError:
        connection.close()
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _known_version(connection: sqlite3.Connection) -> int:
    version, newest = _version(connection), len(list(MIGRATIONS.glob("*.sql")))
    if version > newest:
        raise ConfigError(
            f"the journal is of version {version}, this program knows {newest}", "Use a newer autoswarm."
        )
    return version


def _migrate(connection: sqlite3.Connection) -> None:
    done = _known_version(connection)
    for number, path in enumerate(sorted(MIGRATIONS.glob("*.sql")), start=1):
        if number > done:
            connection.executescript(f"BEGIN;\n{path.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;")
