"""Rules of whose turn it is: which arm answers the next brief, and what its variants are made from. Pure."""

from coordinator.domain import ArmChoice, Origin
from coordinator.protocol import Proposal
from coordinator.rules.bandit import Candidate, choose
from coordinator.rules.base import Rulebook, seed_of
from coordinator.state.arm_tally import ArmTally
from coordinator.state.events import ArmShare

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples fill the unit interval evenly, so arms get their shares
without drawing lots.
"""


class Choosing(Rulebook):
    """From the arms of a campaign to one of them."""

    def arm_for(self, thinking: int) -> ArmShare:
        """Whose turn it is; an arm that repeats itself hands it on. In step by weights alone: what arms cost
        hangs on how fast slots are.

        thinking: other agents of the division that hold a brief now.
        """
        turn = len(self.state.by_ordinal) + 1 + thinking
        if self.rules.arm_choice is ArmChoice.BANDIT and not self.rules.lookahead:
            return self._bandit(turn + self.state.refused)
        turn += len(self.state.turned_away)
        arms = self.rules.arms
        point = turn * GOLDEN % 1 * sum(arm.weight for arm in arms)
        for arm in arms:
            point -= arm.weight
            if point < 0:
                return arm
        return arms[-1]

    def _bandit(self, turn: int) -> ArmShare:
        """Cost is dollars where those of every arm that has had runs are known, else hours of slots."""
        arms, finished, spend = self.rules.arms, len(self.state.finished), self.state.spend
        dollars = {name: spend.usd_of(name) for name in self.state.tallies}
        priced = all(
            dollars[name] > 0 and not spend.unpriced_of(name)
            for name, tally in self.state.tallies.items()
            if tally.hours > 0
        )
        candidates = []
        for arm in arms:
            floor = max(self.rules.arm_floor, self.rules.control_floor if arm.control else 0.0)
            tally = self.state.tallies.get(arm.name, ArmTally())
            recent = tally.recent.at(finished)
            price = dollars[arm.name] / tally.hours if priced and tally.hours > 0 else 1.0
            candidates.append(Candidate(arm.name, floor, recent.merges, recent.gain, recent.hours * price))
        name = choose(candidates, turn * GOLDEN % 1, seed_of(self.rules.seed, f"arm:{turn}"))
        return next(arm for arm in arms if arm.name == name)

    def origin(self, proposal: Proposal) -> Origin:
        """BASELINE only where the arm draws from the baseline and this really is made from it: the rules may
        have changed since its brief.
        """
        drawing = any(arm.name == proposal.arm and arm.parent is Origin.BASELINE for arm in self.rules.arms)
        return Origin.BASELINE if drawing and proposal.parent == self.state.start.commit else Origin.BEST
