"""Proposals at no cost: each moves one number of the surface. What is measured is the swarm, so its ideas
need not be good, only all different.
"""

import random
import re

from agents.proposers.contract import Exhausted, proposal_id
from coordinator.protocol import Brief, Proposal

NUMBER = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*) = (?P<number>\d+(?:\.\d+)?)\b", re.MULTILINE)
"""A module constant that is a plain number."""


class Nudges:
    """A ``Proposer``: a pure function of the brief's seed and source."""

    def propose(self, brief: Brief) -> Proposal:
        """Raises Exhausted when the surface has no number to move."""
        source, title = nudged(brief.source, brief.seed)
        return Proposal(
            proposal=proposal_id(brief, source),
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=title,
            hypothesis="Every number has a better one near it.",
        )


def nudged(source: str, seed: int) -> tuple[str, str]:
    """The source with one of its constants moved by up to a factor of two either way, and a title. Raises
    Exhausted.
    """
    rng = random.Random(seed)
    constants = list(NUMBER.finditer(source))
    if not constants:
        raise Exhausted("the surface has no number to move")
    chosen = rng.choice(constants)
    moved = repr(round((float(chosen["number"]) or 0.1) * 2 ** rng.uniform(-1.0, 1.0), 6))
    start, end = chosen.span("number")
    return source[:start] + moved + source[end:], f"{chosen['name']} {chosen['number']} → {moved}"
