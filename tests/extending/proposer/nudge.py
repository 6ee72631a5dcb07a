"""The ``nudge`` proposer: the parent with one constant a little larger or smaller."""

import random
import re

from agents.proposers.contract import Exhausted, Materials, Proposer, proposal_id
from configs.arms import Nudge
from coordinator.protocol import Brief, Proposal


class NudgeProposer:
    """Moves ``constant`` by at most a factor ``most`` either way. A pure function of the brief."""

    def __init__(self, constant: str, most: float) -> None:
        self._number = re.compile(rf"^{re.escape(constant)} = (\d+(?:\.\d+)?)", re.MULTILINE)
        self._constant, self._most = constant, most

    def propose(self, brief: Brief) -> Proposal:
        """Raises Exhausted when the surface has no such number."""
        number = self._number.search(brief.source)
        if number is None:
            raise Exhausted(f"the surface has no number {self._constant}")
        factor = self._most ** random.Random(brief.seed).uniform(-1.0, 1.0)
        moved = f"{float(number[1]) * factor:.6g}"
        source = brief.source[: number.start(1)] + moved + brief.source[number.end(1) :]
        return Proposal(
            proposal=proposal_id(brief, source),
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=f"{self._constant} {number[1]} → {moved}",
        )


def make(arm: Nudge, _: Materials) -> Proposer:
    """See ``agents.proposers.factory``."""
    return NudgeProposer(arm.constant, arm.most)
