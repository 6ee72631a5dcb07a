"""A campaign that is given a number of runs makes no more, and keeps the last of them for a certificate."""

import random

import pytest

from coordinator.domain import Phase, Purpose, State, Verdict
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules.slots import leases
from coordinator.state.events import RunLeased, RunReported, VerdictGiven
from deploy.simulate.effect_model import shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured, Outcome
from tests.unit.swarm_of_rules import Swarm, rules

OPEN = TrustRules(mode=Mode.OFF, allow_untrusted=True)


class Improving(Swarm):
    """Every variant is better than the one before it."""

    def measure(self, run: str) -> Outcome:
        ordinal = self.state.experiments[self.state.runs[run].experiment].ordinal
        return Measured(1 - 0.02 * ordinal + random.Random(run).gauss(0, 0.002))

    def play(self, agents: int) -> None:
        """All of it, by so many agents whose runs end in the order they began."""
        for number in range(agents):
            self.join(f"a{number}")
        for _ in range(400):
            for agent in list(self.state.agents):
                self.think(agent)
                if self.state.agents[agent].run is None:
                    self.lease(agent)
            holding = [name for name, agent in self.state.agents.items() if agent.run is not None]
            if not holding:
                return
            first = min(holding, key=lambda name: self.state.runs[self.held(name)].leased_at)
            self.report(first, self.held(first))
            self.state.validate()
        raise AssertionError("it never ends")

    def held(self, agent: str) -> str:
        run = self.state.agents[agent].run
        assert run is not None
        return run


@pytest.mark.parametrize("agents", [1, 3, 8])
@pytest.mark.parametrize("most", [5, 17, 30])
def test_no_more_runs_are_made_than_it_was_given(agents: int, most: int) -> None:
    swarm = Improving(rules(policy=Trunk(), trust=OPEN, max_runs=most))
    swarm.play(agents)
    assert sum(run.result is not None for run in swarm.state.runs.values()) == most
    assert swarm.state.phase is Phase.FINISHED
    assert swarm.state.phase_reason == f"campaign.max_runs reached: {most} runs"
    assert swarm.replayed() == swarm.state


@pytest.mark.parametrize("agents", [1, 3, 8])
def test_the_last_runs_are_a_certificates(agents: int) -> None:
    swarm = Improving(rules(policy=Trunk(still=99, steps=99), trust=OPEN, max_runs=30))
    swarm.play(agents)
    (division,) = swarm.state.divisions.values()
    first = swarm.state.experiments[division.history[1].experiment]
    assert first.state is State.MERGED
    certified = [run for run in first.runs if run.purpose is Purpose.CONFIRM]
    assert len(certified) == Trunk().most_runs(0), "all of them at once: there is no second instalment"
    made = [run for run in swarm.state.runs.values() if run.purpose is Purpose.CONFIRM]
    assert all(run.result is not None for run in made)


@pytest.mark.parametrize("agents", [1, 3, 8])
def test_what_is_under_way_is_waited_for(agents: int) -> None:
    """Then all that was found is in what the last runs certify."""
    swarm = Improving(rules(policy=Trunk(still=99, steps=99), trust=OPEN, max_runs=40))
    swarm.play(agents)
    (division,) = swarm.state.divisions.values()
    out, begun = set[str](), False
    for _, event in swarm.journal:
        if isinstance(event, RunLeased) and swarm.state.runs[event.run].purpose is Purpose.SCREEN:
            out.add(event.run)
        if isinstance(event, RunReported):
            out.discard(event.run)
        if isinstance(event, VerdictGiven) and event.verdict is Verdict.CONFIRM and not begun:
            begun = True
            assert not out
            assert event.experiment == division.history[1].experiment
    assert begun


def test_a_lost_run_gives_its_place_back() -> None:
    swarm = Improving(rules(trust=OPEN, max_runs=2))
    swarm.join("a0")
    swarm.join("a1")
    assert swarm.lease("a0")
    assert swarm.lease("a1")
    assert swarm.state.made == 2
    assert not leases.lease(swarm.state, "a0")
    token = swarm.state.runs[swarm.held("a0")].token
    assert token is not None
    swarm.commit(leases.release(swarm.state, "a0", token, "its node went away"))
    swarm.state.validate()
    assert swarm.state.made == 1


@pytest.mark.parametrize("lookahead", [0, 4])
def test_what_finds_nothing_makes_all_its_runs_too(lookahead: int) -> None:
    """In order as well, where a certificate has its place before an ordinal."""
    policy = Trunk(steps=2, first_z=3.7)
    for seed in range(12):
        wanted = SwarmScenario(
            rules=rules(policy=policy, lookahead=lookahead),
            model=shaped_model(real=0.0, null=1.0),
            slots=(Slot(),) * 2,
            runs=44,
        )
        engine = Engine(wanted, seed)
        engine.play()
        assert engine.state.phase is Phase.FINISHED
        assert engine.state.made == 44
