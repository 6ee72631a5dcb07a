"""What people leave in a campaign's folder for its coordinator: hints, and variants to try. A file each,
whole or not there.

- Left while nothing runs it waits for the next start. It is taken away only when the journal has it; its name
  tells it from what was taken before.
- Names begin with the time, so that things are taken in the order they were left in.
- What cannot be read is put aside with another ending, once, with a warning.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

log = logging.getLogger(__name__)

MAX_BYTES = 1_000_000
"""Largest item read: a surface of the largest size, escaped."""


class Hint(Struct, frozen=True, tag="hint"):
    """A person's words to all proposers."""

    text: str


class Withdrawal(Struct, frozen=True, tag="withdrawal"):
    """Briefs are to tell no more what was hinted so far."""


class Idea(Struct, frozen=True, tag="idea"):
    """A person's variant."""

    title: str
    source: str
    division: str = ""
    """Where it is to be tried; empty for the first there is."""
    takes_back: str = ""
    """The experiment that it takes back, where it is a simplification; else empty."""
    parent: str = ""
    """Commit that it was made from; empty for the head of the day."""


Content = Hint | Withdrawal | Idea


class InboxItem(Struct, frozen=True):
    """A thing that was left."""

    name: str
    """Unique; it begins with the time."""
    content: Content


class Inbox:
    """The folder ``folder``, from both sides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def leave(self, content: Content) -> str:
        """Leave something; its name. Raises OSError."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        self._folder.mkdir(exist_ok=True)
        beside = self._folder / f"{name}.new"
        beside.write_bytes(msgspec.json.encode(content))
        beside.replace(self._folder / f"{name}.json")
        return name

    def waiting(self) -> list[InboxItem]:
        """What lies there and can be read, the first one first. Takes nothing away."""
        return [item for item in map(_read, sorted(self._folder.glob("*.json"))) if item is not None]

    def items(self) -> Iterator[InboxItem]:
        """What is to be taken in. What cannot be read is put aside."""
        for path in sorted(self._folder.glob("*.json")):
            item = _read(path)
            if item is None:
                self.put_aside(path.stem)
            else:
                yield item

    def put_aside(self, name: str) -> None:
        """It cannot be taken in; it stays there for a person to look at."""
        path = self._folder / f"{name}.json"
        log.warning("an item cannot be taken in and is put aside", extra={"file": str(path)})
        path.replace(path.with_suffix(".unreadable"))

    def done(self, name: str) -> None:
        """It was taken in."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)


def _read(path: Path) -> InboxItem | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return InboxItem(path.stem, msgspec.json.decode(path.read_bytes(), type=Content))
    except (OSError, msgspec.MsgspecError):
        return None
