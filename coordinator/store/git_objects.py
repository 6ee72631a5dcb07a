"""Git's objects as they lie on the disk, made in this process: asking git for a commit costs three processes
and ten times as long.

A commit is a function of its arguments (fixed author, given time), so one that was lost with a machine is
made again with the same id.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

AUTHOR = "autoswarm <autoswarm@localhost>"
READ_ONLY = 0o444
QUICKLY = 1
"""Of zlib: git compresses again when it packs."""


class GitObject(Struct, frozen=True):
    """A blob, tree or commit. content: with git's header, not compressed."""

    id: str
    content: bytes


class NewCommit(Struct, frozen=True):
    """A commit whose tree is the surface alone."""

    id: str
    objects: tuple[GitObject, ...]
    """All of it, what others refer to first."""


def commit_of(surface: str, source: str, parents: Sequence[str], message: str, at: float) -> NewCommit:
    """The commit of a text. surface: its file's name. at: seconds since the epoch, kept to the second."""
    blob = _object("blob", source.encode())
    tree = _object("tree", b"100644 %s\0%s" % (surface.encode(), bytes.fromhex(blob.id)))
    who = f"{AUTHOR} {int(at)} +0000"
    lines = [f"tree {tree.id}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {who}", f"committer {who}", "", message]
    commit = _object("commit", "\n".join(lines).encode())
    return NewCommit(commit.id, (blob, tree, commit))


def write_object(folder: Path, made: GitObject) -> None:
    """Put an object into a repository's folder of objects, in the place of a damaged one too. Raises
    OSError.
    """
    path = folder / made.id[:2] / made.id[2:]
    if _is_there(path, made.content):
        return
    path.parent.mkdir(exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix="tmp_obj_", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(zlib.compress(made.content, QUICKLY))
            os.fchmod(file.fileno(), READ_ONLY)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _is_there(path: Path, content: bytes) -> bool:
    try:
        return zlib.decompress(path.read_bytes()) == content
    except (OSError, zlib.error):
        return False


def _object(kind: str, body: bytes) -> GitObject:
    content = b"%s %d\0%s" % (kind.encode(), len(body), body)
    return GitObject(hashlib.sha1(content, usedforsecurity=False).hexdigest(), content)
