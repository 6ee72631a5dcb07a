"""The one interface between an agent and whatever has ideas.

::

    ProposerError         nothing of this brief: ask another arm about it
    ├── Unavailable       nothing now: the same, and no fault of this arm
    ├── Fruitless         answers, but none that can be used: the same, and this arm rests for a while
    └── Exhausted         nothing ever again from this arm: ask another one
        └── ArmStopped    the same, and a person has to fix something
"""

import hashlib
from typing import Protocol, runtime_checkable

from coordinator.protocol import Brief, Proposal, Refused


class ProposerError(Exception):
    """No proposal came of this brief. The agent answers it with another arm; where none has anything, it
    waits a while and asks for another brief.
    """


class Exhausted(ProposerError):  # noqa: N818 - a state to react to more than a fault
    """This proposer has no more ideas. The agent answers with another arm, or waits."""


class Unavailable(ProposerError):  # noqa: N818 - a state, too
    """What this proposer asks does not answer at the moment. The agent answers this brief with another
    arm.
    """


class Fruitless(ProposerError):  # noqa: N818 - a state, too
    """What this proposer asks did answer, with nothing that can be used. That costs time and perhaps money:
    the arm rests, longer each time.
    """


class ArmStopped(Exhausted):
    """This proposer cannot go on until a person has fixed what ``str`` says: a key, a model's name. The other
    arms go on.
    """


class Proposer(Protocol):
    """Has ideas. Holds no state between calls: what it may know is in the brief, so that any agent may ask at
    any time, before or after a crash.
    """

    def propose(self, brief: Brief) -> Proposal:
        """Answer a brief. Raises ProposerError when nothing came of it, Exhausted when nothing ever will."""
        ...


@runtime_checkable
class ReAsking(Protocol):
    """A proposer that can be told why its last proposal was refused, and answer the same brief again."""

    def reask(self, proposal: Proposal, refused: Refused) -> Proposal:
        """Another answer to the brief of ``proposal``, the last one it made. Raises ProposerError when it has
        none.
        """
        ...


def proposal_id(brief: Brief, source: str) -> str:
    """An id that is the same whenever the same brief is answered with the same source, by whichever agent."""
    told = "\0".join((str(brief.ordinal), str(brief.seed), brief.arm, brief.parent, source))
    return f"{brief.arm}-{brief.ordinal}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
