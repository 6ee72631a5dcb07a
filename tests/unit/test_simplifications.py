"""Simplifications: what is not worse by the margin merges, by the coordinator's rules and nothing else."""

import random
from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.reserved import SIMPLER
from coordinator.domain import Purpose, State
from coordinator.rules.proposing import proposals, steering
from coordinator.state.records import Experiment
from coordinator.views.false_merges import false_merges
from deploy.campaigns.inbox_items import answer
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.contract import Choice
from evaluator.policies.non_inferior import FIRST, NonInferior
from evaluator.policies.one_step import Confirm
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_campaign_properties import play

SHORT = Trunk(still=3, steps=2, runs=2, z=0.5, first_z=0.5, early_z=0.5, refresh_every=0)


class Simplified(Swarm):
    """A best of .9 that merged, by either policy; σ .008."""

    def __init__(self, policy: AnyPolicy, lookahead: int = 0) -> None:
        super().__init__(rules(policy=policy, lookahead=lookahead))
        self.join("a1")
        for value in (1.0, 1.01, 0.99, 1.0):
            self.train(value)
        while len(self.state.divisions["cpu"].history) < 2:
            if not self.state.divisions["cpu"].queued:
                self.think("a1")
            self.train(0.9)

    def train(self, value: float) -> None:
        run = self.lease("a1")
        assert run is not None
        self.report("a1", run, Measured(value))

    @property
    def piece(self) -> str:
        best = self.state.divisions["cpu"].best
        assert best is not None
        return best.experiment

    def simplify(self, takes_back: str, digest: str = "d-simpler") -> Experiment:
        state, division = self.state, self.state.divisions["cpu"]
        idea = steering.idea(state, f"i-{len(self.journal)}", "without it", "x", division)
        simpler = steering.simplified(state, idea, takes_back, "")
        assert proposals.refuse(state, "", simpler, digest, "cpu") is None
        name = proposals.next_experiment(state)
        self.commit_settled(proposals.propose(state, "", simpler, digest, f"c-{name}", {}, "cpu"))
        return state.experiments[name]


@pytest.mark.parametrize("policy", [Confirm(), SHORT])
@pytest.mark.parametrize(("loss", "merges"), [(-0.01, True), (-0.007, True), (0.004, False), (0.02, False)])
def test_what_is_not_worse_by_a_sigma_merges_and_what_is_or_may_be_does_not(
    policy: AnyPolicy, loss: float, merges: bool
) -> None:
    """With one or two runs of the best the gain is known to .75 to 1.06 σ: what is as good may be a loss of
    one σ, and only what gains a little excludes that.
    """
    swarm = Simplified(policy)
    best = swarm.state.divisions["cpu"].best
    assert best is not None
    simpler = swarm.simplify(swarm.piece)
    assert [run.purpose for run in simpler.runs] == [Purpose.CONFIRM] * FIRST
    while not simpler.state.final:
        swarm.train(best.value + loss)
    assert (simpler.state is State.MERGED) == merges
    assert ("a loss of 1 σ is excluded" if merges else "a loss of 1 σ is not excluded") in simpler.reason
    assert (swarm.piece == simpler.experiment) == merges
    said = false_merges(swarm.state, swarm.state.divisions["cpu"])
    assert said.merges == 1, "it merges without being better: it is no merge that could be false"
    assert simpler.gain == pytest.approx(max(0.0, -loss) if merges else 0.0)
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


@pytest.mark.parametrize(("fresh", "ends"), [(0.82, State.MERGED), (1.5, State.ROLLED_BACK)])
def test_on_an_open_trunk_it_is_a_step_that_the_certificate_measures(fresh: float, ends: State) -> None:
    """fresh: the run that the certificate makes, besides the step's own four: these are on fresh rows too."""
    swarm = Simplified(SHORT)
    piece, first = swarm.piece, swarm.think("a1")
    assert first is not None
    swarm.train(0.85)
    assert swarm.state.experiments[first].stepped
    simpler = swarm.simplify(piece)
    certificate = 0
    while not simpler.state.final:
        run = swarm.lease("a1")
        assert run is not None
        of, certifies = swarm.state.runs[run], simpler.stepped
        if of.experiment == simpler.experiment:
            swarm.report("a1", run, Measured(fresh if certifies else 0.82))
            certificate += certifies
        else:
            swarm.report("a1", run, Measured(0.9 if of.experiment == piece else 0.85))
    assert certificate == 1
    assert (simpler.state, swarm.state.experiments[first].state) == (ends, ends)
    assert swarm.piece == (simpler.experiment if ends is State.MERGED else piece)
    assert not swarm.state.divisions["cpu"].trunk
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


def test_only_what_takes_back_a_merge_is_a_simplification() -> None:
    swarm = Simplified(Confirm())
    division = swarm.state.divisions["cpu"]
    idea = steering.idea(swarm.state, "i", "mine", "x", division)
    assert steering.simplified(swarm.state, idea, "", "") == idea
    assert steering.simplified(swarm.state, idea, "e00099", "") == idea
    assert steering.simplified(swarm.state, idea, division.baseline, "") == idea
    marked = steering.simplified(swarm.state, idea, swarm.piece, "root")
    assert (marked.arm, marked.parent) == (SIMPLER, "root")
    assert "not worse by 1 σ or more" in marked.hypothesis


def test_a_program_of_before_may_come_back_as_a_simplification_and_is_listed_as_a_persons() -> None:
    swarm = Simplified(Confirm())
    simpler = swarm.simplify(swarm.piece, digest="d-root")
    assert simpler.digest == "d-root"
    name = next(key for key, value in swarm.state.proposals.items() if value == simpler.experiment)
    assert answer(swarm.state, name).state == "accepted"


@given(seed=st.integers(0, 2**32), steps=st.integers(50, 400), lookahead=st.sampled_from([0, 4]))
@settings(max_examples=25, deadline=None)
def test_no_order_of_events_breaks_a_state_with_simplifications(
    seed: int, steps: int, lookahead: int
) -> None:
    swarm = Simplified(SHORT, lookahead)
    draw = random.Random(seed)
    for part in range(4):
        play(swarm, draw, steps // 4, agents=3)
        swarm.join("a1", f"again-{part}")
        best = swarm.state.divisions["cpu"].best
        assert best is not None
        if not swarm.state.experiments[best.experiment].baseline:
            swarm.simplify(best.experiment, digest=f"d-simpler-{part}-{lookahead}")
    play(swarm, draw, steps // 4, agents=3)
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


def test_the_policy_passes_what_is_equal_and_what_is_worse_by_the_margin_as_often_as_it_says() -> None:
    """8 runs of either, σ 1: Φ(1/sqrt(2/8) − 1.645) = .64 of equals, by the last look alone; looks before add
    a little to both.
    """
    draw = random.Random(7)

    def passes(loss: float) -> float:
        policy, passed, times = NonInferior(margin=1.0), 0, 4000
        for _ in range(times):
            best = draw.gauss(0.0, sqrt(1 / 8))
            gains = [draw.gauss(-loss, 1.0) - best for _ in range(8)]
            looks = (policy.decide(gains[:n], 8, 1.0).choice for n in (4, 8))
            passed += next(choice for choice in looks if choice is not Choice.CONFIRM) is Choice.MERGE
        return passed / times

    expected = NormalDist().cdf(1 / sqrt(2 / 8) - 1.645)
    assert passes(0.0) == pytest.approx(expected, abs=0.03)
    assert 0.03 < passes(1.0) < 0.065
    assert passes(2.0) < 0.005
