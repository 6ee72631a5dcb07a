"""Programs as what was changed in them: real ideas as bits of a number, everything else by the ordinal of its
proposal. Pure.

- A proposal is its parent and one change; an idea that the parent holds already changes nothing there.
- A rebase is the three-way merge of such sets: the best, without what the variant took out of its base, with
  what it put in. As of texts, some conflict.
"""

from msgspec import Struct

from coordinator.rules.heads.combinations import Combine
from coordinator.rules.heads.rebases import Rebase
from coordinator.rules.heads.transfers import Transfer
from coordinator.rules.heads.verdicts import Merge
from deploy.simulate.draws import Kind, uniform
from deploy.simulate.effect_model import EffectModel

CONFLICTS = 0.1
"""Share of rebases whose edit does not apply. An assumption."""


class SimulatedProgram(Struct, frozen=True):
    """What is in a program."""

    ideas: int = 0
    """A bit for each real idea."""
    own: frozenset[int] = frozenset()
    """Ordinals of the other changes in it: harm, and what changes nothing."""
    gains: tuple[float, ...] = (0.0,)
    """How much better than the baseline it is in truth, in the metric's unit, by division."""


class Programs:
    """Every program of a campaign, by its commit. Meets ``CommitWriter``."""

    def __init__(
        self, model: EffectModel, seed: int, root: str, conflicts: float = CONFLICTS, divisions: int = 1
    ) -> None:
        """seed: the campaign's. root: commit of the baseline. conflicts: share of rebases."""
        self._model = model
        self._seed = seed
        self._conflicts = conflicts
        self._divisions = range(divisions)
        self._ideas = [
            [model.elsewhere(gain, seed, division, -idea) for idea, gain in enumerate(model.gains, 1)]
            for division in self._divisions
        ]
        """Gains of the real ideas, by division."""
        self._losses: dict[int, tuple[float, ...]] = {}
        """Gains by ordinal of what is ``own``, by division."""
        self.programs = {root: SimulatedProgram(gains=(0.0,) * divisions)}
        self._digests = {root: "d-root"}
        self.rebased, self.conflicted = 0, 0

    def gain(self, commit: str, division: int = 0) -> float:
        """How much better than the baseline it is in truth, in the metric's unit. division: its number."""
        return self.programs[commit].gains[division]

    def propose(self, ordinal: int, parent: str) -> str:
        """The commit of the ordinal-th proposal, made from that parent. Those of a further division have
        ordinals of their own.
        """
        base, change = self.programs[parent], self._model.change(self._seed, ordinal)
        commit = f"p{ordinal}"
        bit = 0 if change.idea is None else 1 << change.idea
        self._digests[commit] = f"d-{commit}"
        if bit and not base.ideas & bit:
            self.programs[commit] = self._program(base.ideas | bit, base.own)
        else:
            gain = 0.0 if bit else change.gain
            self._losses[ordinal] = tuple(
                0.0 if bit else self._model.elsewhere(gain, self._seed, division, ordinal)
                for division in self._divisions
            )
            self.programs[commit] = self._program(base.ideas, base.own | {ordinal})
        return commit

    def rebase(self, step: Rebase, ordinal: int, number: int) -> tuple[str, str] | str:
        """Commit and digest on the best; or why the edit does not apply. ordinal: of the proposal. number: of
        the rebase, from 1.
        """
        self.rebased += 1
        if step.unchanged:
            program = self.programs[step.commit]
        elif uniform(Kind.CONFLICT, self._seed, ordinal, number) < self._conflicts:
            self.conflicted += 1
            return "its edit does not apply to the new best"
        else:
            program = self._merged(step.base, step.commit, step.head)
        commit = f"c{ordinal}r{number}"
        return commit, self._written(commit, program, step.head)

    def combine(self, step: Combine, ordinal: int) -> tuple[str, str] | None:
        """Commit and digest of two edits on the head; None where they do not apply together: each conflicts
        as often as a rebase. ordinal: of what is made of them.
        """
        program, onto, commit = self.programs[step.head], step.head, f"c{ordinal}"
        first, second = step.edits
        for number, edit in enumerate((first, second)):
            if uniform(Kind.COMBINED, self._seed, first.ordinal, second.ordinal, number) < self._conflicts:
                return None
            program = self._merged(edit.base, edit.commit, onto)
            onto = f"{commit}+{number}"
            self.programs[onto] = program
        return commit, self._written(commit, program, step.head)

    def _written(self, commit: str, program: SimulatedProgram, head: str) -> str:
        """The digest of a program at a commit that was made on a head."""
        self.programs[commit] = program
        same = program == self.programs[head]
        self._digests[commit] = self._digests[head] if same else f"d-{commit}"
        return self._digests[commit]

    def transfer(self, step: Transfer, ordinal: int) -> tuple[str, str] | str:
        """Commit and digest of a merge on the head of another division; or why its edit does not apply.
        ordinal: of the experiment that it becomes.
        """
        if uniform(Kind.TRANSFER, self._seed, ordinal) < self._conflicts:
            return "its edit does not apply to the head there"
        program = self._merged(step.base, step.commit, step.head)
        commit = f"t{ordinal}"
        same = program == self.programs[step.head]
        self.programs[commit] = program
        self._digests[commit] = self._digests[step.head] if same else f"d-{commit}"
        return commit, self._digests[commit]

    def merge(self, step: Merge) -> str:
        """The commit of a merge, whose program is the variant's."""
        commit = f"m-{step.experiment}"
        self.programs[commit] = self.programs[step.parents[-1]]
        self._digests[commit] = self._digests[step.parents[-1]]
        return commit

    def _merged(self, base: str, ours: str, theirs: str) -> SimulatedProgram:
        old, new, onto = self.programs[base], self.programs[ours], self.programs[theirs]
        ideas = (onto.ideas & ~(old.ideas & ~new.ideas)) | (new.ideas & ~old.ideas)
        own = (onto.own - (old.own - new.own)) | (new.own - old.own)
        return self._program(ideas, own)

    def _program(self, ideas: int, own: frozenset[int]) -> SimulatedProgram:
        return SimulatedProgram(ideas, own, tuple(self._sum(ideas, own, one) for one in self._divisions))

    def _sum(self, ideas: int, own: frozenset[int], division: int) -> float:
        """Equal sets give equal sums, to the last bit."""
        gain, left = 0.0, ideas
        while left:
            gain += self._ideas[division][(left & -left).bit_length() - 1]
            left &= left - 1
        return gain + sum(self._losses[ordinal][division] for ordinal in sorted(own))
