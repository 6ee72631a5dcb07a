"""Git's objects as they lie on the disk, made in this process: asking git for a commit costs three processes
and ten times as long.

A commit is a function of its arguments (fixed author, given time), so one that was lost with a machine is
made again with the same id.

A surface of several files lies in the tree twice: as one text, which is what the coordinator reads, and file
by file beside it, which is what a clone shows.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from coordinator.variants.source import SurfaceError, files_of
from evaluator.bundle import is_bundle

AUTHOR = "autoswarm <autoswarm@localhost>"
READ_ONLY = 0o444
QUICKLY = 1
"""Of zlib: git compresses again when it packs."""


class GitObject(Struct, frozen=True):
    """A blob, tree or commit. content: with git's header, not compressed."""

    id: str
    content: bytes


class NewCommit(Struct, frozen=True):
    """A commit whose tree is the surface alone, and its files if it has several."""

    id: str
    objects: tuple[GitObject, ...]
    """All of it, what others refer to first."""


def commit_of(surface: str, source: str, parents: Sequence[str], message: str, at: float) -> NewCommit:
    """The commit of a text. surface: the name it lies under, before a file of a bundle that has the same. at:
    seconds since the epoch, kept to the second.
    """
    tree = _tree({**_files(source), surface: source})
    who = f"{AUTHOR} {int(at)} +0000"
    lines = [f"tree {tree[-1].id}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {who}", f"committer {who}", "", message]
    commit = _object("commit", "\n".join(lines).encode())
    return NewCommit(commit.id, (*tree, commit))


def _files(source: str) -> dict[str, str]:
    """Texts of a bundle by their paths; none of any other text."""
    try:
        return files_of(source) if is_bundle(source) else {}
    except SurfaceError:  # nobody should have taken it
        return {}


def _tree(files: Mapping[str, str]) -> list[GitObject]:
    """Files and folders of a tree, what others refer to first: the tree itself is the last."""
    objects: list[GitObject] = []
    entries: dict[bytes, bytes] = {}
    folders: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        folder, inside, rest = path.partition("/")
        if inside and folder not in files:
            folders.setdefault(folder, {})[rest] = text
        elif not inside:
            objects.append(_object("blob", text.encode()))
            entries[path.encode()] = _entry(b"100644", path, objects[-1])
    for folder, inner in folders.items():
        objects += _tree(inner)
        entries[f"{folder}/".encode()] = _entry(b"40000", folder, objects[-1])
    return [*objects, _object("tree", b"".join(entries[name] for name in sorted(entries)))]


def _entry(mode: bytes, name: str, made: GitObject) -> bytes:
    return b"%s %s\0%s" % (mode, name.encode(), bytes.fromhex(made.id))


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
