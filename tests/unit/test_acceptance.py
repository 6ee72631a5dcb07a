"""The policy of merges as one value: verdicts and leases ask the same, and its knobs come from the
configuration by name.
"""

import pytest

from coordinator.domain import State
from evaluator.policies.contract import Choice
from evaluator.policies.noise import sigma
from evaluator.policies.one_step import Confirm
from evaluator.result import Measured
from tests.unit.swarm_of_rules import Swarm, rules


@pytest.mark.parametrize("screen_z", [-2.0, -0.5, 0.0])
@pytest.mark.parametrize("best_runs", [1, 4])
def test_a_screen_goes_on_exactly_above_the_bar_that_leases_give(screen_z: float, best_runs: int) -> None:
    policy = Confirm(confirm_runs=1, screen_z=screen_z)
    bar = policy.screen_bar(best_runs, 0.01)
    choices = [policy.decide([gain], best_runs, 0.01).choice for gain in (bar, bar + 1e-9)]
    assert choices == [Choice.REJECT, Choice.CONFIRM]


def test_the_bar_lets_everything_be_looked_at_that_is_better_than_the_best() -> None:
    assert Confirm(screen_z=3.0).screen_bar(4, 0.01) == 0.0


@pytest.mark.parametrize("confirm_runs", [0, 1, 3])
def test_a_merge_comes_with_the_runs_that_are_wanted_and_not_before(confirm_runs: int) -> None:
    policy = Confirm(confirm_runs=confirm_runs)
    runs = policy.runs_wanted()
    assert policy.decide([1.0] * runs, 4, 0.01).choice is Choice.MERGE
    if confirm_runs:
        screened = policy.decide([1.0], 4, 0.01)
        assert (screened.choice, screened.more) == (Choice.CONFIRM, policy.runs_wanted(1))


class Thorough(Confirm, frozen=True):
    """A policy of another kind: it asks for one more run than its knob says, and looks at everything."""

    def screen_bar(self, best_runs: int, noise: float) -> float:  # noqa: ARG002 - it does not depend on them
        return -1.0

    def runs_wanted(self, runs: int = 0) -> int:
        return super().runs_wanted(runs) + 1


def test_leases_and_verdicts_ask_the_policy_of_the_campaign() -> None:
    swarm = Swarm(rules(policy=Thorough(confirm_runs=1)))
    swarm.join("a0")
    for value in (0.99, 1.0, 1.0, 1.01):
        swarm.report("a0", swarm.lease("a0") or "", Measured(value))
    name = swarm.think("a0") or ""
    while run := swarm.lease("a0"):
        swarm.report("a0", run, Measured(0.9))
    assert swarm.plans[f"{name}.1"].merge_below == pytest.approx(2.0)
    experiment = swarm.state.experiments[name]
    assert (experiment.state, len(experiment.runs)) == (State.MERGED, 3)


def test_noise_needs_two_runs() -> None:
    assert sigma([1.0, 3.0]) == pytest.approx(2**0.5)
    with pytest.raises(ValueError, match="two runs"):
        sigma([1.0])
