"""The policy ``trunk``: proposals start from a trunk that goes on by single runs, and the best moves only by
a certificate on fresh runs.

- Not every step is confirmed, but every stack of steps: its gain is large in standard errors and needs few
  runs, and a step that is worth nothing does no harm inside one.
- One run that was better is better by luck, too: the trunk is taken to be worth a part of it less
  (``shrink``), until a certificate measures it.
- What a certificate made the best is run again while the search stands still: the more its value is sure,
  the more gains are recognised. Of all that was tried in simulations this was worth most (docs/decide.md).
"""

from collections.abc import Sequence
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from evaluator.policies.contract import Choice, Decision, in_words
from evaluator.policies.noise import Noise, standard_error
from evaluator.policies.several_runs import Bars, looked_at

LEAST_RUNS = 2
"""Fresh runs before a certificate is given up."""
UNCLEAR_RUNS = 2
"""Times the usual runs that a certificate may come to where all of them say better, but not clearly: it goes
on by single runs meanwhile, and so does the trunk. To take back what looks better costs more than to wait.
"""
FIRST_RUNS = 2
"""Times the usual runs that the first certificate may take."""


class Trunk(Struct, frozen=True, tag="trunk", tag_field="kind"):
    """Steps on one run, certificates of stacks."""

    still: int = 10
    """Experiments made from the head that end without a step, after which it is run once more on fresh rows:
    a certificate comes by instalments.
    """
    steps: int = 10
    """Steps with which the whole certificate is made at once."""
    runs: int = 4
    """Most fresh runs of a certificate."""
    early_z: float = 2.5
    """Standard errors of a certificate before the last of them."""
    z: float = 1.2
    """Standard errors of a certificate at the last."""
    first_z: float = 3.0
    """The same, at each run, while none has passed yet: that nothing is better at all is likely until
    something is.
    """
    drop_z: float = -0.5
    """Standard errors at which it is given up, after two runs."""
    shrink: float = 0.9
    """Share of a step's measured gain that the trunk is taken to be better by."""
    stack_z: float = 1.5
    """Standard errors by which a variant that was made from an earlier head has to be better than that one to
    be put on the trunk without another run.
    """
    refresh_every: int = 5
    refresh_to: int = 8

    def decide(
        self,
        gains: Sequence[float],
        best_runs: int,
        noise: float,
        freedom: int = 0,  # noqa: ARG002 - its bars are knobs, tried with an estimated σ
    ) -> Decision:
        """See ``Policy.decide``: whether the trunk goes on from a variant."""
        mean, error = fmean(gains), standard_error(noise, len(gains), best_runs)
        return Decision(
            choice=Choice.STEP if mean > 0 else Choice.REJECT,
            gain=mean,
            standard_error=error,
            reason=in_words(mean, error, len(gains), "any gain is a step of the trunk"),
        )

    def stacks(self, gain: float, parent_runs: int, noise: float) -> bool:
        """Whether a variant made from an earlier head is put on the trunk unrun. gain: over that head, whose
        value rests on ``parent_runs`` runs.
        """
        return gain > self.stack_z * standard_error(noise, 1, parent_runs)

    def is_due(self, quiet: int, steps: int, fresh: int) -> bool:
        """Whether the head of a trunk of so many steps is to be run on fresh rows. quiet: experiments made
        from it that ended without a step. fresh: such runs that it has.
        """
        return steps > 0 and (quiet >= self.still * (fresh + 1) or self.is_urgent(steps))

    def is_urgent(self, steps: int) -> bool:
        """Whether a trunk of so many steps gets its certificate at once."""
        return steps >= self.steps

    def most_runs(self, passed: int) -> int:
        """Fresh runs of a certificate after so many that passed."""
        return self.runs if passed else FIRST_RUNS * self.runs

    def longest(self, passed: int) -> int:
        """Fresh runs after which one that is better, but not clearly, has failed. The first certificate fails
        with those it may take: that nothing is better at all is likely then.
        """
        return UNCLEAR_RUNS * self.runs if passed else self.most_runs(passed)

    def certify(self, gains: Sequence[float], best_runs: int, noise: Noise, passed: int) -> Decision:
        """Whether the trunk is better than the best by its fresh runs, all of them. passed: how often the
        best has moved.
        """
        early, last = (self.early_z, self.z) if passed else (max(self.early_z, self.first_z), self.first_z)
        bars = Bars(early=noise.bar(early), last=noise.bar(last), drop=self.drop_z)
        decision = looked_at(gains, best_runs, noise.sigma, self.most_runs(passed), bars, LEAST_RUNS)
        unclear = decision.choice is Choice.REJECT and decision.gain > 0 and len(gains) < self.longest(passed)
        return replace(decision, choice=Choice.CONFIRM, more=1) if unclear else decision

    def screen_bar(self, best_runs: int, noise: float) -> float:  # noqa: ARG002 - depends on neither
        """See ``Policy.screen_bar``."""
        return 0.0

    def runs_wanted(self, runs: int = 0) -> int:
        """See ``Policy.runs_wanted``: of a certificate."""
        return 1 - runs

    def after_screen(self, left_out: int) -> "Trunk":  # noqa: ARG002 - a certificate has no screen
        """See ``Policy.after_screen``."""
        return self
