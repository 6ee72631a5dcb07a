"""Early stops in a campaign: who is looked at, who is ended, what is kept of it."""

import random
from io import StringIO
from math import sqrt

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from rich.console import Console

from configs.reserved import PERSON
from coordinator.domain import Direction, Metric, Origin, Purpose, State
from coordinator.protocol import Brief
from coordinator.rules.proposing import briefs
from coordinator.rules.slots import early_stops
from coordinator.state.encoding import decode, encode
from coordinator.state.events import RunReported
from coordinator.views.early_stop_view import EarlyStopView
from coordinator.views.gauges import present
from coordinator.views.status import status
from deploy.views.status_page import status_page
from evaluator.early_bar import LEAST
from evaluator.early_stop import EarlyLook, StopPlan
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Naive
from evaluator.policies.trunk import Trunk
from evaluator.result import EndedEarly, Measured, Outcome, RunResult
from tests.unit.swarm_of_rules import Crowd, Swarm, rules
from tests.unit.test_campaign_properties import finish_in_order, play
from trainer.simulated.early_end import looked_at

SHORT = Trunk(still=4, steps=3, runs=3, z=1.0, early_z=2.0, refresh_every=2, refresh_to=6)
ON = {"early_stop_at": 0.4, "early_stop_audit": 0.2}


class LookedAtSwarm(Swarm):
    """Runs whose losses foretell their values, and which obey the plan that they were leased with."""

    def __init__(self, wanted: object) -> None:
        self.stops: dict[str, StopPlan | None] = {}
        super().__init__(wanted)  # type: ignore[arg-type]

    def lease(self, agent: str) -> str | None:
        run = super().lease(agent)
        if run is not None:
            self.stops.setdefault(run, early_stops.stop_plan(self.state, self.state.runs[run]))
        return run

    def loss(self, run: str, value: float) -> float:
        return 3.0 + 2.0 * value + random.Random(f"loss {run}").gauss(0.0, 0.01)

    def result(self, run: str, outcome: Outcome | None = None) -> RunResult:
        result, plan = super().result(run, outcome), self.stops[run]
        if plan is None or not isinstance(result.outcome, Measured):
            return result
        return looked_at(result, EarlyLook(plan, self.loss(run, result.outcome.value)))


class Dishonest(LookedAtSwarm):
    """Three of ten programs print losses that would be a world record, the worse the better."""

    def lies(self, run: str) -> bool:
        commit = self.state.experiments[self.state.runs[run].experiment].commit
        return random.Random(f"lies {commit}").random() < 0.3

    def loss(self, run: str, value: float) -> float:
        return 3.5 - value if self.lies(run) else super().loss(run, value)


def played(kind: type[LookedAtSwarm], steps: int = 1200, **changes: object) -> LookedAtSwarm:
    swarm = kind(rules(**{"policy": SHORT, **ON, **changes}))
    play(swarm, random.Random(5), steps, agents=3)
    return swarm


def ended(swarm: Swarm) -> list[RunReported]:
    reports = [event for _, event in swarm.journal if isinstance(event, RunReported)]
    return [event for event in reports if isinstance(event.result.outcome, EndedEarly)]


@pytest.mark.parametrize("policy", [SHORT, Naive(), rules().policy])
@pytest.mark.parametrize("lookahead", [0, 6])
def test_screens_alone_are_looked_at_and_ended(policy: AnyPolicy, lookahead: int) -> None:
    swarm = played(LookedAtSwarm, policy=policy, lookahead=lookahead)
    state = swarm.state
    assert len(ended(swarm)) > 20
    assert {state.runs[run].purpose for run, plan in swarm.stops.items() if plan} == {Purpose.SCREEN}
    assert {state.runs[event.run].purpose for event in ended(swarm)} == {Purpose.SCREEN}
    assert swarm.replayed() == state
    events = [event for _, event in swarm.journal]
    assert [decode(encode(event)) for event in events] == events


def test_what_is_ended_is_rejected_with_the_reason_and_an_estimate_that_is_no_value() -> None:
    swarm = played(LookedAtSwarm)
    for event in ended(swarm):
        experiment = swarm.state.experiments[event.experiment]
        assert experiment.state is State.REJECTED
        assert experiment.reason.startswith("ended at 40%: its losses were ")
        assert experiment.reason.endswith(", an estimate")
        assert (experiment.value, experiment.failure, experiment.delta) == (None, "", None)
        assert experiment.estimate == pytest.approx(swarm_value(swarm, event.run), abs=0.1)
        result = event.result
        assert result.finished_at - result.started_at == pytest.approx(2.0)  # of the five of a whole one
        assert experiment.runs[-1].seconds <= 2.0
    assert swarm.state.outcomes["ended_early"] == len(ended(swarm))


def swarm_value(swarm: Swarm, run: str) -> float:
    outcome = swarm.measure(run)
    assert isinstance(outcome, Measured)
    return outcome.value


def test_a_brief_tells_it_as_an_estimate() -> None:
    swarm = played(LookedAtSwarm)
    swarm.join("fresh")
    brief = briefs.brief(swarm.state, "fresh", 0)
    assert isinstance(brief, Brief)
    estimates = [one for one in brief.tried if one.estimate is not None]
    assert estimates
    assert all(one.value is None and "an estimate" in one.reason for one in estimates)


def test_nobody_is_looked_at_where_it_is_off() -> None:
    swarm = played(LookedAtSwarm, early_stop_at=0.0)
    assert set(swarm.stops.values()) == {None}
    assert not any(division.looks for division in swarm.state.divisions.values())


def test_the_first_runs_are_only_looked_at() -> None:
    swarm = played(LookedAtSwarm, lookahead=6)
    early = [swarm.stops[run.run] for run in swarm.state.runs.values() if run.run in swarm.stops]
    plans = [plan for plan in early if plan is not None]
    assert all(plan.bar is None for plan in plans[:LEAST])
    assert any(plan.bar is not None for plan in plans[LEAST:])


def test_a_share_of_what_would_be_ended_runs_on_and_says_what_it_came_to() -> None:
    swarm = played(LookedAtSwarm, steps=3000)
    (division,) = swarm.state.divisions.values()
    audited = [look for look in division.looks if look.over]
    share = len(audited) / (len(audited) + len(ended(swarm)))
    assert 0.1 < share < 0.3
    assert {look.chance for look in audited} == {0.2}
    assert not any(look.better for look in audited)
    assert division.ended_early == len(ended(swarm))


def test_where_too_many_of_them_are_better_than_their_head_all_run_on() -> None:
    swarm = played(LookedAtSwarm)
    (division,) = swarm.state.divisions.values()
    head = division.head
    assert head is not None
    lost = replace(division.looks[-1], over=True, better=True, chance=0.2)
    division.looks += [replace(lost, ordinal=10_000 + n) for n in range(5)]
    learnt = early_stops.learnt_of(swarm.state, division, head, None)
    assert "more than a risk of 1% explains" in learnt.off
    run = next(one for one in swarm.state.runs.values() if one.purpose is Purpose.SCREEN)
    plan = early_stops.stop_plan(swarm.state, run)
    assert plan is not None
    assert (plan.ends, plan.chance) == (False, 1.0)
    assert plan.bar is not None


def test_the_status_page_says_what_was_ended_and_what_audits_found() -> None:
    swarm = played(LookedAtSwarm)
    (division,) = swarm.state.divisions.values()
    division.looks.append(replace(division.looks[-1], over=True, better=True, chance=1.0))
    page = status(swarm.state, swarm.now, alive=True)
    early = page.divisions[0].early
    assert isinstance(early, EarlyStopView)
    audited = sum(look.over for look in division.looks)
    assert (early.at, early.ended, early.audited, early.better) == (0.4, len(ended(swarm)), audited, 1)
    assert early.saved_hours > 0
    assert early.runs >= LEAST
    assert early.bar is not None
    samples = {family.name: dict(family.samples) for family in present(page)}
    assert samples["early_stops"] == {
        ("cpu", "ended"): early.ended,
        ("cpu", "worse"): audited - 1,
        ("cpu", "better"): 1,
    }
    assert samples["early_stops_saved_seconds"] == {("cpu",): early.saved_hours * 3600}
    console = Console(width=200, record=True, file=StringIO())
    console.print(status_page(page))
    text = console.export_text()
    assert f"early stop   at 40%: {early.ended} ended, about" in text
    assert f"{audited} audited, 1 of them better" in text


def test_a_page_without_early_stops_says_nothing_of_them() -> None:
    page = status(played(LookedAtSwarm, early_stop_at=0.0).state, 1.0, alive=True)
    assert page.divisions[0].early is UNSET


@pytest.mark.parametrize("changes", [{"origin": Origin.BASELINE}, {"arm": PERSON}])
def test_a_control_and_a_person_see_their_variants_measured(changes: dict[str, object]) -> None:
    swarm = played(LookedAtSwarm)
    run = next(one for one in swarm.state.runs.values() if one.purpose is Purpose.SCREEN)
    before = early_stops.stop_plan(swarm.state, run)
    assert before is not None
    assert before.bar is not None
    experiment = swarm.state.experiments[run.experiment]
    for name, value in changes.items():
        setattr(experiment, name, value)
    assert early_stops.stop_plan(swarm.state, run) == StopPlan(at=0.4)


def test_a_metric_that_is_better_higher_ends_the_lower_ones() -> None:
    class Upward(LookedAtSwarm):
        def loss(self, run: str, value: float) -> float:
            return super().loss(run, -value)

    swarm = played(Upward, metric=Metric("accuracy", Direction.MAXIMIZE))
    assert len(ended(swarm)) > 20
    plans = {event.run: swarm.stops[event.run] for event in ended(swarm)}
    heads = [(swarm_value(swarm, run), plan.head) for run, plan in plans.items() if plan is not None]
    assert sum(value < (head or 0.0) for value, head in heads) >= 0.98 * len(heads)
    estimates = [swarm.state.experiments[event.experiment].estimate for event in ended(swarm)]
    assert all(0.0 < (guess or 0.0) < 1.2 for guess in estimates)


def test_programs_that_print_fake_losses_gain_nothing_by_it() -> None:
    """They run to their ends as without an early stop, and are worth what the judge says; what they print
    does not end honest ones that would have been better.
    """
    swarm = Dishonest(rules(policy=Naive(), **ON))
    play(swarm, random.Random(5), steps=2500, agents=3)
    runs = swarm.state.runs.values()
    liars = [run for run in runs if swarm.stops.get(run.run) and swarm.lies(run.run) and run.result]
    assert len(liars) > 50
    assert not [run for run in liars if isinstance(run.result and run.result.outcome, EndedEarly)]
    assert all(run.value == swarm_value(swarm, run.run) for run in liars if run.value is not None)
    better = [
        event.run
        for event in ended(swarm)
        if (plan := swarm.stops[event.run]) and swarm_value(swarm, event.run) < (plan.head or 0.0)
    ]
    assert not better


def test_a_program_that_prints_too_bad_a_loss_harms_itself_alone() -> None:
    swarm = played(LookedAtSwarm)
    run = next(one for one in swarm.state.runs.values() if one.result and one.value and swarm.stops[one.run])
    plan = early_stops.stop_plan(swarm.state, run)
    assert plan is not None
    assert EarlyLook(replace(plan, ends=True), 1e5).ends


def plans_in_order(schedule: random.Random, agents: int, restarts: bool) -> dict[str, object]:
    """Every experiment's fate, and the plans its runs were leased with, of a whole campaign in order."""
    swarm = LookedAtSwarm(rules(lookahead=6, max_experiments=70, policy=SHORT, **ON))
    fates = finish_in_order(swarm, schedule, agents, restarts)
    assert ended(swarm)
    runs = {name: one.runs for name, one in swarm.state.experiments.items()}
    return {name: (fate, *(swarm.stops.get(run.run) for run in runs[name])) for name, fate in fates.items()}


@pytest.mark.parametrize("agents", [1, 3, 5])
def test_in_order_the_same_are_ended_under_every_schedule_and_through_every_restart(agents: int) -> None:
    reference = plans_in_order(random.Random(0), 2, restarts=False)
    for seed in range(2):
        assert plans_in_order(random.Random(seed + 7), agents, restarts=seed > 0) == reference


class LookedAtCrowd(LookedAtSwarm, Crowd):
    pass


def cheats_and_caught(early_stop_at: float) -> tuple[int, int]:
    """Cheats that were caught or rejected, and those of them that were caught, of four campaigns."""
    cheats = caught = 0
    for seed in range(4):
        swarm = LookedAtCrowd(rules(policy=SHORT, **{**ON, "early_stop_at": early_stop_at}, seed=seed))
        play(swarm, random.Random(seed), 1500, agents=3)
        assert bool(ended(swarm)) == bool(early_stop_at)
        assert swarm.replayed() == swarm.state
        for one in swarm.state.experiments.values():
            if one.state in (State.CHEATED, State.REJECTED) and swarm.cheats(one.runs[0].run):
                cheats, caught = cheats + 1, caught + (one.state is State.CHEATED)
    return cheats, caught


def test_of_cheats_no_smaller_a_share_is_caught_than_without_it() -> None:
    (cheats, caught), (cheats_without, caught_without) = cheats_and_caught(0.4), cheats_and_caught(0.0)
    assert min(caught, caught_without) > 50
    share, share_without = caught / cheats, caught_without / cheats_without
    error = sqrt(share * (1 - share) / cheats + share_without * (1 - share_without) / cheats_without)
    assert share >= share_without - 2 * error
