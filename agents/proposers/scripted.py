"""The ``scripted`` proposer: plays a list of surfaces in order. For demonstrations, tests, and ideas a person
already has.

Which files were played is read from the brief, in which the experiments of its arm carry the file's number in
their title; the next is the one after the highest. So after a crash at any instant none is skipped and none
is played twice, and what one agent played no other plays again. The highest number ever read is remembered,
because a brief lists only the newest experiments and may list none of this arm. After a restart at such a
moment the files are offered again and refused as duplicates, one by one.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from agents.proposers.contract import Exhausted, Materials, Proposer, proposal_id
from agents.proposers.search.constants import read_surface
from agents.proposers.surface_files import surface_at
from configs.arms import Scripted
from configs.errors import ConfigError
from coordinator.protocol import Brief, Proposal
from evaluator.bundle import BundleError

NUMBER = re.compile(r"\[(\d+)/\d+\]")
"""At the start of a title: which file of how many."""


class ScriptedProposer:
    """Plays whole surfaces, one after the other."""

    def __init__(self, files: Sequence[Path], patterns: Sequence[str] = ()) -> None:
        """files: read at once, so that the proposer can be sent to another machine. With patterns a surface
        is of several files: those of a folder that they allow, or where they name one file alone, that file.
        Raises ConfigError when one cannot be read.
        """
        self._scripts = [(path.stem, _read(path, patterns)) for path in files]
        self._highest = 0

    def propose(self, brief: Brief) -> Proposal:
        """The next file's text. Raises Exhausted after the last."""
        self._highest = max(
            self._highest,
            *(_number(tried.title) for tried in (*brief.tried, *brief.running) if tried.arm == brief.arm),
            0,
        )
        number = self._highest + 1
        if number > len(self._scripts):
            raise Exhausted(f"all {len(self._scripts)} files are played")
        name, source = self._scripts[number - 1]
        return Proposal(
            proposal=proposal_id(brief, source),
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=f"[{number}/{len(self._scripts)}] {name}",
            settings=_settings(source),
        )


def make(arm: Scripted, materials: Materials) -> Proposer:
    """See ``agents.proposers.factory``. Raises ConfigError when a file cannot be read."""
    return ScriptedProposer([Path(file) for file in arm.files], materials.patterns)


def _read(path: Path, patterns: Sequence[str]) -> str:
    try:
        return surface_at(path, patterns)
    except BundleError as error:
        raise ConfigError(
            f"the scripted folder {path} is no surface: {error}", "Correct `files` of that arm."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the scripted file {path}: {error}", "Correct `files` of that arm."
        ) from error


def _number(title: str) -> int:
    number = NUMBER.match(title)
    return int(number[1]) if number else 0


def _settings(source: str) -> dict[str, str]:
    """Its constants, so that the ``search`` arm learns from it too; none if it does not parse, which the
    coordinator will say.
    """
    try:
        return {name: constant.literal for name, constant in read_surface(source).constants.items()}
    except SyntaxError:
        return {}
