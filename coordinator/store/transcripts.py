"""What was said in calls of language models, beside the campaign: one compressed file a call. Untrusted text,
without secrets, for people to read.

Written once and never synced: a power cut may cost the latest of them, and nothing else rests on them. Money
is counted by the journal.
"""

import gzip
import logging
import re
import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

log = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024
"""Of one transcript, compressed. Longer ones are not kept: an agent bounds what it sends far below."""
MAX_TEXT = 8 * 1024 * 1024
"""Bytes read of one transcript: a file that grows beyond is not one of ours."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Said(Struct, frozen=True):
    """One turn. role: system, user or assistant."""

    role: str
    content: str


class Transcript(Struct, frozen=True, kw_only=True):
    """What a model was told and what it answered. answer: None where none came; then error says why."""

    messages: list[Said]
    answer: str | None = None
    error: str = ""


def packed(transcript: Transcript) -> bytes:
    """As it travels and lies on the disk: JSON under gzip, the same bytes for the same transcript."""
    return gzip.compress(msgspec.json.encode(transcript), compresslevel=6, mtime=0)


class Transcripts:
    """A folder of transcripts. It is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, call: str) -> Path:
        """Where the transcript of a call lies, if it does. Raises ValueError for what cannot be an id."""
        if not NAME.fullmatch(call):
            raise ValueError(f"{call[:40]!r} is no call")
        return self._folder / f"{call}.json.gz"

    def keep(self, call: str, transcript: bytes) -> None:
        """Write a transcript. One that is too large, or that the disk does not take, costs a line in the log:
        the call counts all the same.
        """
        try:
            path = self.path(call)
            if len(transcript) > MAX_BYTES:
                raise ValueError(f"{len(transcript)} bytes are more than {MAX_BYTES}")
            self._folder.mkdir(exist_ok=True)
            beside = path.with_suffix(".new")
            beside.write_bytes(transcript)
            beside.replace(path)
        except (OSError, ValueError) as error:
            log.warning("transcript is not kept", extra={"call": call, "error": str(error)})

    def read(self, call: str) -> Transcript | None:
        """The transcript of a call; None where none is kept, or where it cannot be read."""
        try:
            with gzip.open(self.path(call)) as file:
                return msgspec.json.decode(file.read(MAX_TEXT), type=Transcript)
        except (OSError, EOFError, ValueError, zlib.error):
            return None
