"""The one interface between an agent and whatever has ideas.

::

    ProposerError         nothing of this brief: ask another arm about it
    ├── Unavailable       nothing now: the same, and no fault of this arm
    ├── Fruitless         answers, but none that can be used: the same, and this arm rests for a while
    └── Exhausted         nothing ever again from this arm: ask another one
        └── ArmStopped    the same, and a person has to fix something
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from agents.edits.apply import SURFACE
from agents.proposers.permits import FreePermits, Permits
from coordinator.arm_notes import ArmReason
from coordinator.protocol import Brief, Proposal, Refused


class ProposerError(Exception):
    """No proposal came of this brief. The agent answers it with another arm; where none has anything, it
    waits a while and asks for another brief. ``str`` says what, and what to do.
    """

    reason = ArmReason.FAILED
    """Why, where whoever raises it does not say."""

    def __init__(self, what: str, reason: ArmReason | None = None, remedy: str = "") -> None:
        """what: one line without secrets. remedy: what a person can do, without a full stop; empty where
        there is nothing to be done.
        """
        super().__init__(f"{what.rstrip('. ')}. {remedy}." if remedy else what)
        self.what = what
        self.remedy = remedy
        if reason is not None:
            self.reason = reason


class Exhausted(ProposerError):  # noqa: N818 - a state to react to more than a fault
    """This proposer has no more ideas. The agent answers with another arm, or waits."""

    reason = ArmReason.EXHAUSTED


class Unavailable(ProposerError):  # noqa: N818 - a state, too
    """What this proposer asks does not answer at the moment. The agent answers this brief with another
    arm.
    """

    reason = ArmReason.UNAVAILABLE


class Fruitless(ProposerError):  # noqa: N818 - a state, too
    """What this proposer asks did answer, with nothing that can be used. That costs time and perhaps money:
    the arm rests, longer each time.
    """

    reason = ArmReason.NO_EDIT


class ArmStopped(Exhausted):
    """This proposer cannot go on until a person has fixed what ``str`` says: a key, a model's name. The other
    arms go on.
    """

    reason = ArmReason.FAILED


class Proposer(Protocol):
    """Has ideas. Holds no state between calls: what it may know is in the brief, so that any agent may ask at
    any time, before or after a crash.
    """

    def propose(self, brief: Brief) -> Proposal:
        """Answer a brief. Raises ProposerError when nothing came of it, Exhausted when nothing ever will."""
        ...


@runtime_checkable
class ReAsking(Protocol):
    """A proposer that can receive why its last proposal was refused, and answer the same brief again."""

    def reask(self, proposal: Proposal, refused: Refused) -> Proposal:
        """Another answer to the brief of ``proposal``, the last one it made. Raises ProposerError when it has
        none.
        """
        ...


class Materials(Struct, frozen=True, kw_only=True):
    """What a proposer can be made of besides its arm."""

    choices: Mapping[str, list[str]] = field(default_factory=dict)
    """The task's, by constant, as Python literals."""
    charter: str = ""
    """The text of the arm's charter, until a brief brings another; empty for a kind that reads none."""
    surface: str = SURFACE
    """Name of the file that can change."""
    patterns: Sequence[str] = ()
    """Files that can change, where the surface is several; empty for one Python file."""
    frozen: Mapping[str, str] = field(default_factory=dict)
    """Texts of the files that the surface imports, by name."""
    hidden: Sequence[str] = ()
    """Files and folders that a program it starts is not to see: absolute paths."""
    permits: Permits = field(default_factory=FreePermits)
    """Allows and counts calls that may cost money."""


def proposal_id(brief: Brief, source: str) -> str:
    """An id that is the same whenever the same brief is answered with the same source, by whichever agent."""
    text = "\0".join((str(brief.ordinal), str(brief.seed), brief.arm, brief.parent, source))
    return f"{brief.arm}-{brief.ordinal}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
