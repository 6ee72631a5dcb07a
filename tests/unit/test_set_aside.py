"""Slots that are off in swarms of rules: they get no more runs, nothing rests on them, nothing is lost."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain import Purpose, State, Verdict
from coordinator.rule_values.rule_set import Rules
from coordinator.rules import campaign
from coordinator.rules.next_step import next_lease
from coordinator.rules.slots.set_aside import in_words, why_not
from coordinator.rules.slots.slot_runs import check_run
from coordinator.state.encoding import decode, encode
from coordinator.state.events import AnyEvent, RunLeased, RunLost, RunReported, VerdictGiven
from coordinator.state.slot_events import SlotSetAside
from coordinator.views.gauges import present
from coordinator.views.slot_view import SlotView
from coordinator.views.status import division_view, status
from deploy.views.arm_trouble import troubles
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Confirm, Naive
from evaluator.policies.several_runs import Race
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured, Outcome
from evaluator.slot_evidence import SlotEvidence, SlotTest
from tests.unit.swarm_of_rules import METRIC, Swarm, rules
from tests.unit.test_campaign_properties import play

SHORT = Trunk(still=4, steps=3, runs=3, z=1.0, early_z=2.0, refresh_every=2, refresh_to=6)
LONG = Trunk(still=2, steps=2, runs=6, z=1.0, early_z=9.0, drop_z=-9.0)
POLICIES: list[AnyPolicy] = [Naive(), Confirm(confirm_runs=2), Race(), SHORT]
OFFSET = 0.06
"""Ten σ of a run."""


class OddSwarm(Swarm):
    """Whatever ``a0`` measures is worse; no program fails."""

    offset = OFFSET

    def __init__(self, wanted: Rules) -> None:
        super().__init__(wanted)
        self.merges_on_odd_slots: list[str] = []

    def measure(self, run: str) -> Outcome:
        of = self.state.runs[run]
        commit = self.state.experiments[of.experiment].commit
        value = 1.0 + random.Random(f"{commit}:{of.seed}").gauss(0.0, 0.006)
        value += 0.0 if commit == "root" else random.Random(commit).gauss(0.0, 0.02)
        return Measured(value + (self.offset if of.agent == "a0" else 0.0))

    def commit(self, events: list[AnyEvent]) -> list[AnyEvent]:
        for event in events:
            if isinstance(event, VerdictGiven) and event.verdict is Verdict.MERGE:
                one = self.state.experiments[event.experiment]
                disbelieved = self.state.divisions[one.division].disbelieved
                if not one.baseline and any(run.slot in disbelieved for run in one.resting):
                    self.merges_on_odd_slots.append(one.experiment)
        return super().commit(events)


def set_asides(swarm: Swarm) -> list[SlotSetAside]:
    return [event for _, event in swarm.journal if isinstance(event, SlotSetAside)]


def swarm_of(agents: int, kind: type[OddSwarm] = OddSwarm, **changes: object) -> OddSwarm:
    swarm = kind(rules(**{"check_every": 5, "policy": SHORT, **changes}))
    for number in range(agents):
        swarm.join(f"a{number}")
    return swarm


def work(swarm: Swarm, rounds: int) -> None:
    """Every agent thinks, takes a run and reports it, over and over; all runs of a round overlap."""
    for _ in range(rounds):
        agents = list(swarm.state.agents)
        for agent in agents:
            swarm.think(agent)
        held = [(agent, run) for agent in agents if (run := swarm.lease(agent))]
        for agent, run in held:
            if swarm.state.agents[agent].run == run:
                swarm.report(agent, run)


# ------------------------------------------------------------------ it is noticed, and what follows


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.__struct_config__.tag)
def test_a_slot_that_is_off_is_set_aside_within_ten_runs_and_gets_no_more(policy: AnyPolicy) -> None:
    swarm = swarm_of(4, policy=policy)
    work(swarm, 12)
    [event] = set_asides(swarm)
    assert (event.agent, event.test) == ("a0", SlotTest.VALUE)
    assert event.reason.startswith("values worse by ")
    made = [e.run for _, e in swarm.journal if isinstance(e, RunLeased) and e.agent == "a0"]
    assert len(made) <= 10
    leased = [at for at, e in swarm.journal if isinstance(e, RunLeased) and e.agent == "a0"]
    assert max(leased) < next(at for at, e in swarm.journal if e is event)
    assert swarm.lease("a0") is None
    assert swarm.replayed() == swarm.state
    swarm.state.validate()


def test_its_values_leave_the_noise_and_the_mean_of_the_best() -> None:
    swarm = swarm_of(5)
    while not set_asides(swarm):
        work(swarm, 1)
    division = swarm.state.divisions["cpu"]
    assert division.sigma is not None
    assert division.sigma < 0.012, "0.006 is the others', 0.03 was that with it"
    assert all(abs(value - 1.0) < 0.03 for values in division.pools.values() for value in values)
    baseline = swarm.state.experiments[division.baseline]
    measured = [run for run in baseline.runs if run.value is not None]
    believed = [run.value for run in measured if run.value is not None and run.slot != "a0"]
    assert len(believed) < len(measured)
    view = division_view(swarm.state, division).baseline
    assert baseline.value == view.value == pytest.approx(sum(believed) / len(believed))
    assert view.runs == len(believed)
    assert division.best is not None
    assert division.best.experiment == division.baseline
    assert division.best.value == pytest.approx(sum(believed) / len(believed))
    assert division.best.runs == len(believed)


@pytest.mark.parametrize("policy", [Confirm(confirm_runs=3, z=1.0), LONG], ids=["confirm", "trunk"])
def test_undecided_runs_are_made_again_elsewhere(policy: AnyPolicy) -> None:
    for seed in range(40):
        swarm = swarm_of(9, policy=policy, seed=seed)
        while not set_asides(swarm):
            work(swarm, 1)
        void = [run for run in swarm.state.runs.values() if run.void]
        if void:
            break
    else:
        pytest.fail("nothing was undecided")
    swarm.state.validate()
    waiting = {run.experiment for run in void}
    names = [e.experiment for _, e in swarm.journal if isinstance(e, VerdictGiven)]
    work(swarm, 15)
    later = [e.experiment for _, e in swarm.journal if isinstance(e, VerdictGiven)][len(names) :]
    for one in map(swarm.state.experiments.__getitem__, waiting - set(later)):
        assert one.stepped, "each is decided after it, but steps that are certified with another"
    for run in void:
        assert run.slot == "a0"
        assert run not in swarm.state.experiments[run.experiment].counted
    assert not swarm.merges_on_odd_slots
    assert swarm.replayed() == swarm.state


def test_an_open_run_of_the_slot_goes_to_others_without_charge() -> None:
    """As when a person lets slots be set aside from the next start on."""
    swarm = swarm_of(4, policy=Naive(), set_aside=False)
    work(swarm, 14)
    swarm.think("a0")
    held = swarm.lease("a0")
    assert held is not None
    swarm.commit_settled(campaign.begin(swarm.state, rules(check_every=5, policy=Naive()), swarm.now))
    assert not set_asides(swarm), "nobody is there yet"
    for agent in ("a0", "a1", "a2"):
        swarm.join(agent)
    assert [event.agent for event in set_asides(swarm)] == ["a0"]
    assert swarm.state.agents["a0"].run is None
    lost = [e for _, e in swarm.journal if isinstance(e, RunLost)]
    assert [(event.run, event.charged) for event in lost] == [(held, False)]
    assert held in swarm.state.divisions["cpu"].queued
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


def test_a_best_that_rests_on_it_alone_is_marked_and_run_again() -> None:
    class Flattering(OddSwarm):
        offset = -OFFSET

    for seed in range(40):
        swarm = swarm_of(4, Flattering, policy=Naive(), seed=seed)
        while not set_asides(swarm) and len(swarm.journal) < 600:
            work(swarm, 1)
        [event] = set_asides(swarm)
        if event.doubtful:
            break
    else:
        pytest.fail("no best rested on it")
    division = swarm.state.divisions["cpu"]
    assert division.doubtful == "a0"
    assert division.best is not None
    name, value = division.best.experiment, division.best.value
    again = [run for run in swarm.state.experiments[name].runs if run.purpose is Purpose.REFRESH]
    assert again
    swarm.state.validate()
    run = swarm.lease("a1")
    while run and swarm.state.runs[run].purpose is not Purpose.REFRESH:
        swarm.report("a1", run)
        run = swarm.lease("a1")
    assert run is not None
    swarm.report("a1", run)
    assert division.best is not None
    assert division.best.experiment == name
    assert not division.doubtful
    assert division.best.value == swarm.state.runs[run].value != value
    assert division.best.runs == 1
    assert swarm.replayed() == swarm.state


def test_it_comes_back_when_its_agent_is_started_anew_and_is_compared_first() -> None:
    swarm = swarm_of(4)
    work(swarm, 12)
    assert swarm.state.agents["a0"].set_aside
    swarm.join("a0", "1")
    assert swarm.state.agents["a0"].set_aside, "the same life: as after a restart of the coordinator"
    swarm.offset = 0.0
    swarm.join("a0", "2")
    agent = swarm.state.agents["a0"]
    assert (agent.set_aside, agent.life, agent.checks) == ("", 1, 0)
    for _ in range(3):
        run = swarm.lease("a0")
        assert run is not None
        assert swarm.state.runs[run].purpose in (Purpose.REFRESH, Purpose.CONFIRM, Purpose.BASELINE)
        swarm.report("a0", run)
    work(swarm, 20)
    assert len(set_asides(swarm)) == 1
    assert swarm.state.agents["a0"].evidence is not None
    swarm.state.validate()
    assert swarm.replayed() == swarm.state


# ------------------------------------------------------------------ where nobody is set aside


@pytest.mark.parametrize("agents", [1, 2])
def test_among_fewer_than_three_slots_nobody_is_set_aside_and_none_runs_for_it(agents: int) -> None:
    swarm = swarm_of(agents)
    work(swarm, 40)
    assert not set_asides(swarm)
    reference = swarm_of(agents, check_every=0)
    work(reference, 40)
    assert [event for _, event in swarm.journal][1:] == [event for _, event in reference.journal][1:]


def test_never_as_many_as_half_of_a_division() -> None:
    class TwoOdd(OddSwarm):
        def measure(self, run: str) -> Outcome:
            honest = super().measure(run)
            assert isinstance(honest, Measured)
            return Measured(honest.value + (0.2 if self.state.runs[run].agent == "a1" else 0.0))

    swarm = swarm_of(4, TwoOdd)
    work(swarm, 30)
    assert len(set_asides(swarm)) == 1
    assert "majority" in why_not(swarm.state, swarm.state.divisions["cpu"])


@pytest.mark.parametrize("lookahead", [8, 16])
def test_in_order_nothing_is_different(lookahead: int) -> None:
    swarm, reference = (
        swarm_of(4, policy=Confirm(), lookahead=lookahead, check_every=every) for every in (1, 0)
    )
    for one in (swarm, reference):
        work(one, 40)
    assert not set_asides(swarm)
    assert [event for _, event in swarm.journal][1:] == [event for _, event in reference.journal][1:]


def test_where_a_person_wants_it_so_it_is_only_noticed() -> None:
    swarm = swarm_of(4, set_aside=False)
    work(swarm, 14)
    assert not set_asides(swarm)
    assert list(swarm.state.off_slots) == ["a0"]
    assert why_not(swarm.state, swarm.state.divisions["cpu"]) == "slots.set_aside is false"


# ------------------------------------------------------------------ when a slot is compared


def test_the_first_run_of_every_slot_is_one_that_others_make_and_keeps_no_baseline_waiting() -> None:
    swarm = swarm_of(7, policy=Naive())
    held = {agent: swarm.lease(agent) for agent in swarm.state.agents}
    purposes = [swarm.state.runs[run].purpose for run in held.values() if run]
    assert purposes == [Purpose.BASELINE] * 4 + [Purpose.REFRESH] * 3
    for agent in ("a0", "a1", "a2", "a3"):
        swarm.report(agent, held[agent] or "")
    division = swarm.state.divisions["cpu"]
    assert division.best is not None, "it does not wait for the other three"
    assert division.best.runs == 4
    for agent in ("a4", "a5", "a6"):
        swarm.report(agent, held[agent] or "")
    assert division.best.runs == 7
    swarm.state.validate()


def test_a_run_of_another_slot_that_comes_before_the_baseline_s_last_counts_with_it() -> None:
    swarm = swarm_of(5, policy=Naive())
    held = {agent: swarm.lease(agent) for agent in swarm.state.agents}
    swarm.report("a4", held["a4"] or "")
    for agent in ("a0", "a1", "a2", "a3"):
        swarm.report(agent, held[agent] or "")
    best = swarm.state.divisions["cpu"].best
    assert best is not None
    assert best.runs == 5
    assert swarm.replayed() == swarm.state
    swarm.state.validate()


@pytest.mark.parametrize(("experiments", "due"), [(20, False), (0, True), (400, True)])
def test_a_short_campaign_compares_nobody_on_purpose(experiments: int, due: bool) -> None:
    swarm = swarm_of(4, max_experiments=experiments, baseline_runs=2)
    swarm.lease("a0")
    swarm.lease("a1")
    assert (check_run(swarm.state, "a2", 0.0) is not None) == due


def test_a_sound_slot_s_comparisons_are_few() -> None:
    class Sound(OddSwarm):
        offset = 0.0

    swarm = swarm_of(4, Sound, policy=Naive(), check_every=25)
    work(swarm, 150)
    runs = [run for run in swarm.state.runs.values() if run.result is not None]
    again = sum(run.purpose is Purpose.REFRESH for run in runs)
    assert not set_asides(swarm)
    assert 4 * 4 <= again < 0.12 * len(runs)


# ------------------------------------------------------------------ whatever happens


@given(
    seed=st.integers(0, 2**32),
    agents=st.integers(3, 6),
    policy=st.sampled_from(POLICIES),
    steps=st.integers(100, 400),
)
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_or_merged_on_such_a_slot_whatever_happens(
    seed: int, agents: int, policy: AnyPolicy, steps: int
) -> None:
    swarm = OddSwarm(rules(check_every=3, policy=policy))
    play(swarm, random.Random(seed), steps, agents)
    assert not swarm.merges_on_odd_slots
    assert swarm.replayed() == swarm.state
    reported = [event.run for _, event in swarm.journal if isinstance(event, RunReported)]
    assert len(reported) == len(set(reported))
    assert [decode(encode(event)) for event in set_asides(swarm)] == set_asides(swarm)


def test_random_swarms_do_set_it_aside() -> None:
    found = 0
    for seed in range(6):
        swarm = OddSwarm(rules(check_every=3, policy=SHORT))
        play(swarm, random.Random(seed), 700, 5)
        found += bool(set_asides(swarm))
        assert any(one.state is State.MERGED for one in swarm.state.experiments.values())
    assert found >= 5


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (SlotTest.VALUE, "values better by 3.2 σ of one run than other slots', by 5 runs of programs"),
        (SlotTest.SPREAD, "values that spread 4.0 times as much as other slots', by 5 runs"),
        (SlotTest.RATE, "5.0 % slower than other slots, by 5 runs"),
    ],
)
def test_why_in_words(test: SlotTest, words: str) -> None:
    evidence = SlotEvidence(
        runs=5, offset=-3.2, spread=4.0, rate=-0.05, e_value=900.0, strongest=test, off=test
    )
    assert in_words(METRIC, evidence).startswith(words)


# ------------------------------------------------------------------ what people are shown


def test_the_status_page_says_which_slot_is_set_aside_and_why() -> None:
    swarm = swarm_of(4)
    work(swarm, 12)
    page = status(swarm.state, swarm.now, alive=True)
    [odd] = [agent for agent in page.agents if agent.id == "a0"]
    assert isinstance(odd.slot, SlotView)
    assert odd.slot.set_aside
    assert odd.slot.off is SlotTest.VALUE
    others = [agent.slot for agent in page.agents if agent.id != "a0"]
    assert all(isinstance(slot, SlotView) and slot.off is None and slot.runs > 1 for slot in others)
    [line] = troubles(page).values()
    assert line.startswith("agent a0 is set aside: values worse by ")
    families = {family.name: dict(family.samples) for family in present(page)}
    assert families["agent_set_aside"] == {("a0",): 1.0, ("a1",): 0.0, ("a2",): 0.0, ("a3",): 0.0}


def test_a_slot_that_is_off_and_not_set_aside_is_said_with_the_reason() -> None:
    swarm = swarm_of(4, set_aside=False)
    work(swarm, 14)
    [line] = troubles(status(swarm.state, swarm.now, alive=True)).values()
    assert line.startswith("agent a0 is off: values worse by ")
    assert line.endswith("; not set aside: slots.set_aside is false")
    two = swarm_of(2, policy=Naive(), baseline_runs=12)
    work(two, 30)
    lines = list(troubles(status(two.state, two.now, alive=True)).values())
    assert lines, "two that differ"
    assert all("among fewer than three slots nobody can say which one it is" in one for one in lines)


def test_a_best_that_rests_on_a_slot_that_is_set_aside_is_said_so() -> None:
    swarm = swarm_of(4)
    work(swarm, 12)
    swarm.state.divisions["cpu"].doubtful = "a0"
    lines = troubles(status(swarm.state, swarm.now, alive=True)).values()
    assert any("rests on runs of a0 alone, which is set aside" in line for line in lines)


def test_a_slot_that_is_set_aside_is_given_no_combination_either() -> None:
    swarm = swarm_of(4, combine=True, policy=Confirm())
    work(swarm, 20)
    assert swarm.state.agents["a0"].set_aside
    before = len(swarm.journal)
    assert next_lease(swarm.state, "a0") is None
    assert swarm.lease("a0") is None
    assert len(swarm.journal) == before
