"""Files that somebody else made, read without following where they lead."""

import os
import stat
from hashlib import sha256
from pathlib import Path, PurePosixPath

from configs.errors import ConfigError
from coordinator.variants.source import MAX_BYTES

LARGEST_FILE = 64 << 20
"""Bytes of a file whose digest is taken: logs are capped far below."""


def read_bytes(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes. Raises OSError, also for a link, a device and a file that is
    larger.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path.name} is no regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path.name} is larger than {most} bytes")
    return content


def read_surface(path: Path) -> str:
    """The text of a program. Raises ConfigError."""
    try:
        return decoded(read_bytes(path, MAX_BYTES), str(path))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}",
            f"Name a Python file of at most {MAX_BYTES} bytes: a variant of the task's train.py.",
        ) from error


def decoded(content: bytes, name: str) -> str:
    """The text of a program's bytes. Raises ConfigError."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text", "Name a Python file, saved as UTF-8.") from error


def digest_at(folder: Path, name: str) -> str:
    """SHA-256, in hex, of a file of a folder; empty where the name leads out of it, through a link, or to no
    file.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        return ""
    steps = [folder.joinpath(*path.parts[:depth]) for depth in range(1, len(path.parts))]
    try:
        if any(step.is_symlink() for step in steps):
            return ""
        return sha256(read_bytes(folder / path, LARGEST_FILE)).hexdigest()
    except (OSError, ValueError):
        return ""


def sha256_of(text: str) -> str:
    """SHA-256, in hex, of a text as UTF-8."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
