"""The journal's file: an SQLite database in WAL mode, opened to write or to read.

- Migrations are plain SQL files, numbered; ``user_version`` says which have run.
- Read where nothing can be written: a database whose ``-wal`` holds something is read with it, from a copy in
  memory, never without.
- A copy without its ``-wal`` is noticed. While a journal is written to, the database itself says
  ``UNFINISHED`` in its header, and the ``-wal`` says otherwise. Whoever reads both sees the second, and so
  does every backup that SQLite makes; whoever has the database alone sees the first.
"""

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from configs.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 10_000
WAL = "-wal"
"""What SQLite appends to a database's name for the file that holds what is not in the database yet."""
UNFINISHED = 0x57414C21
"""``application_id`` of a database that is nothing without its ``-wal``; 0 in all others."""
COPIES, COPY_SECONDS = 5, 0.1
"""How often a journal is copied anew that changed meanwhile, and the wait between."""
ALL_IS_SAID = "PRAGMA application_id = 0"
"""What the ``-wal`` says, in SQL."""


def make(path: Path) -> None:
    """An empty journal, there only when it is whole: whoever looks meanwhile sees none. Raises sqlite3.Error,
    OSError.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    connect_to_write(beside).close()
    beside.replace(path)


def connect_to_write(path: Path) -> sqlite3.Connection:
    """To a database that is there or is made, migrated as needed. Raises sqlite3.Error, OSError, and
    ConfigError for a copy that lacks a part.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")  # ``into_database`` does it
    _require_whole(connection, path)
    _migrate(connection)
    into_database(connection)
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """To a database that is there, with all that was acknowledged. Raises sqlite3.Error, and ConfigError for
    one of a newer version, for one that is empty and for a copy that lacks a part.
    """
    connection = _to_read(path)
    if not _known_version(connection):
        raise ConfigError(
            f"the journal {path} is empty, {size_of(path)} bytes",
            f"Restore it from a copy, with its {WAL}; where there is none, move {path.parent} away and start"
            " anew.",
        )
    _require_whole(connection, path)
    return connection


def _to_read(path: Path) -> sqlite3.Connection:
    """In a folder nobody may write to, and on some network disks, SQLite cannot make its lock files; then
    nobody writes to the journal from here either, and it is read as it lies there.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_MS / 1000)
    try:
        _version(connection)
    except sqlite3.OperationalError:
        connection.close()
        if size_of(wal_of(path)):
            return _copied(path)
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


def _copied(path: Path) -> sqlite3.Connection:
    """The database and its ``-wal`` put together, in memory. Raises ConfigError where they cannot be read or
    change all the time.
    """
    for _ in range(COPIES):
        before = _stamps(path)
        try:
            with tempfile.TemporaryDirectory(prefix="autoswarm-journal-") as folder:
                memory = _together(path, Path(folder))
        except OSError as error:
            raise ConfigError(
                f"cannot read the journal {path} with its {WAL}: {error.strerror}",
                f"Both must be readable, and {tempfile.gettempdir()} must have room for a copy.",
            ) from error
        if _stamps(path) == before:
            return memory
        memory.close()
        time.sleep(COPY_SECONDS)
    raise ConfigError(
        f"the journal {path} is being written to, and cannot be read from here",
        "Read it on the machine that runs the campaign, or make a copy there: `sqlite3 … '.backup FILE'`.",
    )


def _together(path: Path, folder: Path) -> sqlite3.Connection:
    for file in (path, wal_of(path)):
        shutil.copyfile(file, folder / file.name)
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(folder / path.name)) as whole:
        whole.backup(memory)
    return memory


def _stamps(path: Path) -> list[tuple[int, int]]:
    """What shows that one of the two files changed."""
    stats = [file.stat() for file in (path, wal_of(path)) if file.exists()]
    return [(stat.st_mtime_ns, stat.st_size) for stat in stats]


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def wal_of(path: Path) -> Path:
    """The file beside a database that holds what is not in it yet."""
    return path.with_name(f"{path.name}{WAL}")


def into_database(connection: sqlite3.Connection) -> None:
    """Write the ``-wal`` into the database, as far as no reader holds it up, and leave there that this is not
    all. Raises sqlite3.Error.
    """
    connection.execute(f"PRAGMA application_id = {UNFINISHED}")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.execute(ALL_IS_SAID)


def _require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ConfigError for a copy without its ``-wal``."""
    marked = connection.execute("PRAGMA application_id").fetchone()[0] == UNFINISHED
    if marked and not size_of(wal_of(path)):
        raise ConfigError(
            f"the journal {path} is a copy without its last part, {path.name}{WAL}",
            f"Copy {path.name}{WAL} too, or make a copy with `sqlite3 {path.name} '.backup FILE'`. Where it"
            f" is lost: `sqlite3 {path.name} 'PRAGMA application_id = 0'`, and what is there is taken.",
        )


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
