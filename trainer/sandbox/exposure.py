"""What a view leaves readable that no variant may read: prepared data, campaigns, keys.

- What is known to exist is asked for by its path, with links resolved on both sides.
- What nobody named is found by its form, in a walk over the view that ends after some seconds; what lies near
  the top is looked at first.
- Modes of files are not asked: they change, and some sandboxes have the agent's uid.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from trainer.sandbox.view import View

JOURNAL, REPOSITORY = "journal.db", "repo.git"
"""By these a campaign's folder is known."""

MANIFEST, STREAM = "manifest.json", ".bin"
"""By these a folder of prepared data is known, and by what the manifest says."""

FACTS = {"task", "digest", "vocab_size"}


class Exposed(Struct, frozen=True):
    """Something that a variant can read."""

    path: Path
    """As it was named, or where it was found."""

    root: Path
    """Folder of the view that it lies in."""


def exposed(view: View, protected: Iterable[Path]) -> list[Exposed]:
    """Those of ``protected`` that lie in ``view``, by a link too; they need not be there yet."""
    roots = {root.resolve(): root for root in reversed((*view.code, *view.read))}
    hits: list[Exposed] = []
    for path in protected:
        real = path.resolve()
        above = (roots[folder] for folder in (real, *real.parents) if folder in roots)
        hits += [Exposed(path, root) for root in list(above)[:1]]
    return hits


def discovered(view: View, seconds: float) -> list[Exposed]:
    """Prepared data and campaigns in the folders of ``view`` that hold code, as far as one sees in so many
    seconds of real time.
    """
    folders = [root for root in view.code if not root.is_symlink()]
    named = (
        Path(entry.path).parent
        for entry in _entries(folders, time.monotonic() + seconds)
        if entry.name in (JOURNAL, MANIFEST)
    )
    return exposed(view, sorted({folder for folder in named if _is_ours(folder)}))


def _is_ours(folder: Path) -> bool:
    """Whether it holds a campaign or prepared data, not something else with such a file."""
    if (folder / JOURNAL).exists() and (folder / REPOSITORY).is_dir():
        return True
    try:
        facts = msgspec.json.decode((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    says_so = isinstance(facts, dict) and facts.keys() >= FACTS
    return says_so and any(path.suffix == STREAM for path in folder.iterdir())


def _entries(folders: Iterable[Path], deadline: float) -> Iterator["os.DirEntry[str]"]:
    """Everything below ``folders``, the upper ones first; follows no link."""
    ahead = deque(os.fspath(folder) for folder in folders)
    while ahead and time.monotonic() < deadline:
        try:
            with os.scandir(ahead.popleft()) as entries:
                listed = list(entries)
        except OSError:  # no folder, or not ours to read
            continue
        yield from listed
        ahead.extend(entry.path for entry in listed if entry.is_dir(follow_symlinks=False))
