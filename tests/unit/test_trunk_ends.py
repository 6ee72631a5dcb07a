"""Certificates and refresh runs come to an end whatever fails; a trunk meets a start under other rules."""

import hashlib
import random
from collections.abc import Callable

import msgspec
import pytest

from coordinator.domain import Phase, Purpose, State
from coordinator.protocol import Brief
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules import campaign
from coordinator.rules.next_step import next_step
from evaluator.policies.one_step import Confirm
from evaluator.policies.trunk import Trunk
from evaluator.result import Audit, Crashed, CrashKind, Measured, Outcome
from tests.unit.swarm_of_rules import Swarm, audit_of, rules
from tests.unit.test_campaign_properties import finish_in_order

OPEN = TrustRules(mode=Mode.OFF, allow_untrusted=True)
STEPS_AT_ONCE = 500
"""More than one call ever leads to."""


class Improving(Swarm):
    """Every variant is better than the one before it."""

    box = "A"

    def settle(self) -> None:
        for _ in range(STEPS_AT_ONCE):
            step = next_step(self.state, self.now)
            if step is None:
                return
            self.commit(self.performed(step))
        raise AssertionError("what is due never ends")

    def sandbox(self, run: str) -> str:  # noqa: ARG002 - one machine
        return self.box

    def measure(self, run: str) -> Outcome:
        ordinal = self.state.experiments[self.state.runs[run].experiment].ordinal
        return Measured(1 - 0.02 * ordinal + random.Random(run).gauss(0, 0.002))

    def turn(self, agent: str) -> bool:
        """Whether the agent could do anything."""
        thought = self.think(agent) is not None
        run = self.lease(agent)
        if run is not None:
            self.report(agent, run)
        return thought or run is not None

    def until(self, reached: Callable[[], bool]) -> None:
        for _ in range(400):
            if reached():
                return
            self.turn("a0")
        raise AssertionError("never there")


@pytest.mark.parametrize("certifying", [False, True])
def test_a_trunk_on_a_baseline_that_is_measured_anew_is_rolled_back(certifying: bool) -> None:
    swarm = Improving(rules(policy=Trunk(still=30, steps=2 if certifying else 3), trust=OPEN))
    swarm.box = "F"
    swarm.join("a0")
    (division,) = swarm.state.divisions.values()
    confirming = State.CONFIRMING if certifying else State.STEPPED
    swarm.until(
        lambda: (
            len(division.trunk) == 2
            and swarm.state.experiments[division.trunk[-1].experiment].state is confirming
        )
    )
    steps = [one.experiment for one in division.trunk]
    swarm.commit(
        campaign.begin(swarm.state, msgspec.structs.replace(swarm.state.rules, trust=TrustRules()), swarm.now)
    )
    swarm.settle()
    swarm.box = "A"
    swarm.join("a0", "2")
    assert [swarm.state.experiments[name].state for name in steps] == [State.ROLLED_BACK] * 2
    swarm.until(lambda: len(division.history) == 1)
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


class HardlyAudited(Improving):
    """Of a certificate's runs the first alone can be audited, and none says enough by itself."""

    def measure(self, run: str) -> Outcome:
        ordinal = self.state.experiments[self.state.runs[run].experiment].ordinal
        better = {0: 0.0, 1: 0.0021}.get(ordinal, -0.03)
        return Measured(1 - better + random.Random(run).gauss(0, 0.002))

    def audited(self, run: str, outcome: Outcome, positions: int) -> tuple[Outcome, Audit | None]:
        of = self.state.runs[run]
        certifying = [
            one
            for one in self.state.experiments[of.experiment].runs
            if one.purpose is Purpose.CONFIRM and one is not of
        ]
        fails = of.purpose is Purpose.CONFIRM and bool(certifying)
        return outcome, None if fails else audit_of(positions)


def test_a_certificate_whose_runs_cannot_be_audited_ends() -> None:
    swarm = HardlyAudited(rules(policy=Trunk(), max_experiments=3))
    swarm.join("a0")
    swarm.until(lambda: swarm.state.phase is Phase.FINISHED)
    first = swarm.state.experiments["e00001"]
    assert first.state is State.ROLLED_BACK
    assert "could be audited" in first.reason
    assert len(first.runs) < 15


class BestFails(Improving):
    def measure(self, run: str) -> Outcome:
        if self.state.runs[run].purpose is Purpose.REFRESH:
            return Crashed(CrashKind.EXCEPTION, "no")
        return super().measure(run)


def test_a_best_that_cannot_be_run_again_is_left_alone() -> None:
    swarm = BestFails(rules(policy=Trunk(), propose_in=["gpu"]))
    swarm.join("a0")
    made = sum(swarm.turn("a0") for _ in range(100))
    assert 4 < made < 12


def test_in_order_a_campaign_goes_on_under_a_policy_that_awaits_nothing() -> None:
    ended = 0
    for seed in range(12, 16):
        schedule = random.Random(seed)
        swarm = Swarm(
            rules(lookahead=6, policy=Trunk(refresh_every=1, still=3), max_experiments=12, seed=seed)
        )
        names = ("a0", "a1", "a2")
        for name in names:
            swarm.join(name)
        for _ in range(60):
            name = schedule.choice(names)
            if schedule.random() < 0.7:
                swarm.think(name)
            run = swarm.lease(name)
            if run and schedule.random() < 0.7:
                swarm.report(name, run)
        again = msgspec.structs.replace(swarm.state.rules, policy=Confirm())
        swarm.commit(campaign.begin(swarm.state, again, swarm.now))
        swarm.settle()
        for name in names:
            swarm.join(name, "2")
        for _ in range(300):
            for name in names:
                swarm.think(name)
                run = swarm.lease(name)
                if run:
                    swarm.report(name, run)
        assert swarm.state.phase is Phase.FINISHED, seed
        ended += 1
    assert ended == 4


class ByWholeBrief(Swarm):
    """Ideas depend on everything that a brief says, as a model's do."""

    def propose(self, agent: str, brief: Brief) -> str:
        idea = hashlib.sha256(msgspec.json.encode(brief)).hexdigest()[:12]
        return super().propose(agent, msgspec.structs.replace(brief, seed=int(idea[:7], 16)))


@pytest.mark.parametrize("seed", range(20, 26))
def test_in_order_a_brief_says_the_same_under_every_schedule(seed: int) -> None:
    policy = Trunk(still=2, steps=3, runs=2, z=0.0, first_z=0.0, refresh_every=1, refresh_to=8)

    def fates(schedule: random.Random, agents: int) -> dict[str, tuple[object, ...]]:
        swarm = ByWholeBrief(rules(lookahead=4, max_experiments=25, policy=policy, seed=seed))
        return finish_in_order(swarm, schedule, agents, eager=schedule.choice([0.1, 0.5, 0.9]))

    reference = fates(random.Random(0), 2)
    for schedule in range(1, 5):
        assert fates(random.Random(schedule), 1 + schedule % 3) == reference
