"""The baseline on machines that are slow, busy or broken: repeated with what was learnt, measured by the runs
that came to a value, and measured anew when a campaign that could not have it is resumed.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coordinator.domain import Phase, State
from coordinator.rule_values.prices import MoneyRules
from coordinator.rules import budget_cap, campaign
from coordinator.rules.heads import baselines
from coordinator.rules.slots import audit_plans, leases
from coordinator.rules.wall_caps import wall_cap
from coordinator.state.events import CampaignFinished, DivisionOpened, RunLost
from coordinator.state.records import Experiment
from coordinator.views.status import status
from coordinator.views.status_page import PageState
from deploy.exit_codes import FAILURE
from deploy.views.session_end import exit_code, last_words
from deploy.views.status_page import headline
from evaluator.budget import Budget, Unit
from evaluator.classify import KILLED
from evaluator.judging.judge import SPENT_BEFORE
from evaluator.policies.noise import sigma
from evaluator.result import (
    Cheated,
    Crashed,
    CrashKind,
    Limit,
    Lost,
    Measured,
    Outcome,
    RunResult,
    Seconds,
    TimedOut,
)
from evaluator.wall_caps import MOST_TIMES, SLOWER, STALLED, more_time, needed, usual_cap
from tests.unit.swarm_of_rules import RULES, Swarm, rules

CAP, AMOUNT = RULES.budget.wall_cap, RULES.budget.amount
BROKEN = Crashed(CrashKind.DOES_NOT_START, "ImportError: no module")
OUT_OF_MEMORY = Crashed(CrashKind.OUT_OF_MEMORY, KILLED)
KILLED_SOFTLY = Crashed(CrashKind.EXCEPTION, "killed by SIGTERM.")


class Machine(Swarm):
    """A swarm on one slot whose baseline takes ``seconds`` of real time, ``startup`` of them before its first
    batch, and whose variants take ``factor`` times that. What does not fit under its wall cap is timed out
    where it stands.
    """

    def __init__(self, seconds: float, startup: float = 1.0, factor: float = 1.0, **changes: object) -> None:
        super().__init__(rules(**changes))
        self.seconds, self.startup, self.factor = seconds, startup, factor
        self.join("a0")

    def take(self, agent: str = "a0") -> str:
        """Make the next run; which it was."""
        run = self.lease(agent)
        assert run is not None
        of = self.state.experiments[self.state.runs[run].experiment]
        whole = self.seconds if of.baseline else self.seconds * self.factor
        self.end(run, self.ended(run, whole), agent)
        return run

    def ended(self, run: str, whole: float, evaluate: float = 0.0) -> RunResult:
        """What comes of a run that would take ``whole`` seconds."""
        cap = wall_cap(self.state, self.state.runs[run])
        result, total = self.result(run), min(whole, cap)
        if whole > cap:
            share = max(cap - self.startup, 0.0) / (whole - self.startup)
            result = replace(result, outcome=TimedOut(Limit.WALL_CAP, cap), audit=None, spent=share * AMOUNT)
        seconds = Seconds(min(self.startup, total), max(total - self.startup, 0.0), evaluate, total)
        return replace(result, seconds=seconds, started_at=0.0, finished_at=total, details={"pace": 2.0})

    def end(self, run: str, result: RunResult, agent: str = "a0") -> None:
        self.now += result.finished_at
        token = self.token(run)
        self.commit_settled(leases.report(self.state, agent, token, result, gap=0.0))

    def fail(self, outcome: Outcome, agent: str = "a0") -> str:
        run = self.lease(agent)
        assert run is not None, self.state.phase_reason
        self.report(agent, run, outcome)
        return run

    @property
    def baseline(self) -> Experiment:
        return self.state.experiments[self.state.divisions["cpu"].baseline]

    def check(self) -> None:
        self.state.validate()
        assert self.replayed() == self.state


# ---- time


def result_at(share: float, seconds: Seconds, cap: float = CAP) -> RunResult:
    return RunResult(
        run="r", outcome=TimedOut(Limit.WALL_CAP, cap), seed=1, seconds=seconds, spent=share * AMOUNT
    )


def test_what_a_run_would_have_needed_is_known_by_how_far_it_came() -> None:
    assert needed(RULES.budget, result_at(0.5, Seconds(10, 50, 0, 60))) == 110
    assert needed(RULES.budget, result_at(1.0, Seconds(10, 40, 10, 60))) == 60
    assert needed(RULES.budget, result_at(0.0, Seconds(60, 0, 0, 60))) == 60  # nobody knows: twice as long


@given(st.floats(0, 1), st.floats(0.1, 1e4), st.floats(1, 1e4))
def test_another_try_gets_more_time_than_the_last_and_never_more_than_the_bound(
    share: float, cap: float, usual: float
) -> None:
    result = result_at(share, Seconds(0.1 * cap, 0.9 * cap, 0.0, cap), cap)
    more = more_time(RULES.budget, result, usual)
    if more is not None:
        assert cap < more <= MOST_TIMES * usual
        assert more >= min(2 * cap, MOST_TIMES * usual)


def test_the_cap_follows_the_measured_machine_and_is_never_less_than_the_budgets_own() -> None:
    seconds = Budget(Unit.SECONDS, 300, 900)
    assert usual_cap(RULES.budget, None) == usual_cap(RULES.budget, 2.0) == CAP
    assert usual_cap(RULES.budget, 40.0) == 400
    assert usual_cap(seconds, 360.0) == 900
    assert usual_cap(seconds, 800.0) == 1600


@pytest.mark.parametrize("slower", [1, 5, 10, 40])
@pytest.mark.parametrize("lookahead", [0, 4])
def test_the_same_seed_gives_the_same_verdicts_on_a_slower_machine(slower: int, lookahead: int) -> None:
    """A run takes 12 s of the 60 s on a quick machine, an honest small one three times that."""

    def campaign_on(factor: float) -> list[tuple[str, str, float | None, str]]:
        machine = Machine(12.0 * factor, startup=2.0 * factor, factor=3.0, lookahead=lookahead)
        while machine.baseline.state is not State.MERGED:
            machine.take()
        for _ in range(12):
            if machine.think("a0") is None:
                break
            while machine.state.divisions["cpu"].queued:
                machine.take()
        machine.check()
        return [
            (name, one.state.value, one.value, one.reason) for name, one in machine.state.experiments.items()
        ]

    assert campaign_on(slower) == campaign_on(1)


def test_a_machine_that_gets_slower_later_costs_a_repeat_and_no_verdict() -> None:
    machine = Machine(5.0)
    for _ in range(4):
        machine.take()
    machine.seconds = 100.0
    name = machine.think("a0")
    assert name is not None
    first = machine.take()
    experiment = machine.state.experiments[name]
    assert (experiment.state, machine.state.runs[first].attempts) == (State.QUEUED, 1)
    assert machine.take() == first
    assert experiment.state not in (State.QUEUED, State.RUNNING)
    assert experiment.failure != "timed_out"
    machine.check()


def baselined(**changes: object) -> tuple[Machine, Experiment]:
    machine = Machine(5.0, **changes)  # type: ignore[arg-type]
    for _ in range(4):
        machine.take()
    name = machine.think("a0")
    assert name is not None
    return machine, machine.state.experiments[name]


def test_a_variant_is_ended_at_its_wall_cap_once_for_the_machine_and_the_second_time_for_itself() -> None:
    machine, experiment = baselined()
    for expected in (State.QUEUED, State.CRASHED):
        run = machine.lease("a0")
        assert run is not None
        cap = wall_cap(machine.state, machine.state.runs[run])
        machine.end(run, machine.ended(run, 1.5 * cap))
        assert experiment.state is expected
    assert experiment.failure == "timed_out"
    machine.check()


def test_one_that_nothing_but_real_time_ended_is_made_again_without_a_pace_to_hold_it_to() -> None:
    machine, experiment = baselined()
    for expected in (State.QUEUED, State.CRASHED):
        run = machine.lease("a0")
        assert run is not None
        facts = audit_plans.baseline_facts(machine.state, machine.state.runs[run])
        assert facts.pace == (None if experiment.needs else 2.0)
        assert wall_cap(machine.state, machine.state.runs[run]) == CAP
        machine.report("a0", run, TimedOut(Limit.BUDGET, 30.0, SLOWER))
        assert experiment.state is expected
    machine.check()


def test_one_that_overspent_is_not_made_again() -> None:
    machine, experiment = baselined()
    machine.fail(TimedOut(Limit.BUDGET, 30.0, SPENT_BEFORE))
    assert experiment.state is State.CRASHED


def test_a_kill_and_a_wall_cap_are_two_of_one_kind() -> None:
    machine, experiment = baselined()
    machine.fail(Lost("its process was killed from outside", killed=True))
    run = machine.lease("a0")
    assert run is not None
    machine.end(run, machine.ended(run, 2 * CAP))
    assert experiment.state is State.CRASHED


@pytest.mark.parametrize(
    "what", ["hangs at once", "hangs midway", "shown rows", "far too slow", "a clock keeps the budget"]
)
def test_more_time_is_for_who_came_on_and_saw_nothing(what: str) -> None:
    clock = {"budget": Budget(Unit.SECONDS, AMOUNT, CAP)} if what.startswith("a clock") else {}
    machine, experiment = baselined(**clock)
    run = machine.lease("a0")
    assert run is not None
    result = machine.ended(run, 50 * CAP if what == "far too slow" else 2 * CAP)
    result = {
        "hangs at once": replace(result, spent=0.0),
        "hangs midway": replace(result, details={STALLED: 0.5 * CAP}),
        "shown rows": replace(result, seconds=replace(result.seconds, evaluate=1.0)),
    }.get(what, result)
    machine.end(run, result)
    assert (experiment.state, experiment.failure) == (State.CRASHED, "timed_out")


def test_a_baseline_run_gets_more_time_by_what_was_learnt_and_its_siblings_get_it_too() -> None:
    machine = Machine(100.0, startup=10.0)
    assert machine.take() == machine.take()
    assert [wall_cap(machine.state, run) for run in machine.baseline.runs] == 4 * [
        1000
    ]  # ten times what it took
    lost = [event for _, event in machine.journal if isinstance(event, RunLost)]
    assert [event.needs for event in lost] == [200.0]
    assert lost[0].reason == (
        "it was ended at its wall cap of 60 s with 55.6% of its budget spent, and gets 200 s"
    )
    for _ in range(3):
        machine.take()
    assert machine.baseline.state is State.MERGED
    machine.check()


def test_a_machine_that_is_far_too_slow_ends_the_campaign_with_what_to_do() -> None:
    machine = Machine(100 * CAP)
    machine.take()
    state = machine.state
    assert (state.phase, state.failed) == (Phase.FINISHED, True)
    assert state.phase_reason.startswith(
        "the baseline of cpu gave no value: timed out at its wall cap after 60.0 s"
    )
    assert baselines.remedy(state) == (
        "Give a run more time (task.wall_cap=12000), or the machine less other work. The same command then"
        " measures the baseline anew."
    )


def test_a_run_that_hangs_is_not_tried_for_ever() -> None:
    machine, runs = Machine(5.0), 0
    while not machine.state.failed:
        run = machine.lease("a0")
        assert run is not None
        cap = wall_cap(machine.state, machine.state.runs[run])
        outcome = TimedOut(Limit.WALL_CAP, cap)
        machine.end(
            run, replace(machine.result(run), outcome=outcome, audit=None, seconds=Seconds(total=cap))
        )
        runs += 1
    assert runs == 5
    machine.check()


def test_what_is_set_aside_follows_the_time_that_a_run_gets() -> None:
    """A run of a minute costs a dollar; one that was ended half done gets four, and would cost that."""
    machine = Machine(2 * CAP - 1.0, startup=1.0, money=MoneyRules(cap_usd=4.0, gpu_hour_usd=60.0))
    assert budget_cap.next_run_usd(machine.state, machine.state.rules) == pytest.approx(1.0)
    run = machine.lease("a0")
    assert run is not None
    machine.end(run, machine.ended(run, machine.seconds))
    assert machine.baseline.needs == pytest.approx(4 * CAP, rel=0.05)
    assert budget_cap.next_run_usd(machine.state, machine.state.rules) == pytest.approx(4.0, rel=0.05)
    assert machine.state.capped, "it could never begin: the campaign ends, and says so, instead of waiting"


def test_the_last_words_of_a_start_without_a_baseline_are_what_and_what_to_do() -> None:
    machine = Machine(100 * CAP)
    machine.take()
    page = status(machine.state, machine.now, alive=True)
    assert (page.state, exit_code(page, by_signal=0, untried=True)) == (PageState.FINISHED, FAILURE)
    what, to_do = last_words(page, FAILURE)
    assert what.startswith("error: the baseline of cpu gave no value: timed out at its wall cap after 60.0 s")
    assert to_do.startswith("  do: Give a run more time (task.wall_cap=12000)")
    assert "  do: Give a run more time" in headline(page).plain


# ---- failures


@pytest.mark.parametrize("outcome", [OUT_OF_MEMORY, KILLED_SOFTLY, TimedOut(Limit.BUDGET, 9.0)])
def test_what_the_machine_may_have_done_is_made_again_once(outcome: Outcome) -> None:
    machine = Machine(5.0)
    assert machine.fail(outcome) == machine.take()
    assert not machine.state.failed
    assert machine.fail(outcome) == machine.fail(outcome)
    for _ in range(2):
        machine.take()
    assert machine.baseline.state is State.MERGED
    assert machine.baseline.reason == "the unmodified surface over 3 runs; 1 more failed"
    assert machine.state.divisions["cpu"].sigma == sigma(machine.baseline.values)
    machine.check()


@pytest.mark.parametrize(
    "outcome", [BROKEN, Crashed(CrashKind.CONTRACT, "evaluated after 2 steps"), Cheated("a", "b")]
)
def test_a_program_that_is_broken_fails_at_once(outcome: Outcome) -> None:
    machine = Machine(5.0)
    machine.fail(outcome)
    assert machine.state.failed
    machine.check()


def test_what_worked_once_is_made_again_where_it_crashes() -> None:
    machine = Machine(5.0)
    machine.take()
    assert machine.fail(BROKEN) == machine.take()
    for _ in range(2):
        machine.take()
    assert machine.baseline.state is State.MERGED


def test_one_measured_run_is_no_baseline() -> None:
    machine = Machine(5.0)
    machine.take()
    for _ in range(3):
        assert not machine.state.failed
        assert machine.fail(BROKEN) == machine.fail(BROKEN)
    assert machine.state.failed
    assert machine.state.phase_reason == (
        "the baseline of cpu gave no value: does not start: ImportError: no module"
    )
    machine.check()


def test_a_broken_slot_waits_for_what_another_measures() -> None:
    machine = Machine(5.0)
    machine.join("a1")
    held = machine.lease("a1")
    assert held is not None
    machine.fail(BROKEN)
    assert not machine.state.failed
    machine.report("a1", held)
    while machine.baseline.state is not State.MERGED:
        machine.take("a1")
    assert len(machine.baseline.measured) == 3
    machine.check()


OUTCOMES = st.sampled_from(
    [
        Measured(1.0),
        Measured(1.01),
        BROKEN,
        OUT_OF_MEMORY,
        KILLED_SOFTLY,
        TimedOut(Limit.BUDGET, 9.0),
        TimedOut(Limit.WALL_CAP, CAP),
        Lost("its process was killed from outside", killed=True),
        Lost("supervisor died"),
        Lost("cancelled"),
    ]
)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(2, 5), st.lists(OUTCOMES, max_size=60), st.integers(1, 3), st.randoms(use_true_random=False)
)
def test_whatever_happens_to_a_baseline_it_stands_on_two_runs_or_the_campaign_ends(
    runs: int, outcomes: list[Outcome], slots: int, chance: random.Random
) -> None:
    swarm = Swarm(rules(baseline_runs=runs))
    for slot in range(slots):
        swarm.join(f"a{slot}")
    division = swarm.state.divisions["cpu"]
    ends = [*outcomes, *(40 * [Measured(1.0), Measured(1.1)])]
    while division.best is None and not swarm.state.failed:
        for slot in range(slots):
            swarm.lease(f"a{slot}")
        holders = [name for name, agent in swarm.state.agents.items() if agent.run is not None]
        assert holders, "somebody has something to do, or it is over"
        agent = chance.choice(holders)
        run = swarm.state.agents[agent].run
        assert run is not None
        assert wall_cap(swarm.state, swarm.state.runs[run]) <= MOST_TIMES * usual_cap(RULES.budget, 5.0)
        swarm.report(agent, run, ends.pop(0))
        swarm.state.validate()
    if division.best is not None:
        measured = swarm.state.experiments[division.baseline].measured
        assert len(measured) >= 2
        assert division.sigma is not None
    assert swarm.replayed() == swarm.state


# ---- resumed


@pytest.mark.parametrize("outcome", [BROKEN, Cheated("a", "b"), TimedOut(Limit.WALL_CAP, 99 * CAP)])
def test_a_campaign_without_a_baseline_measures_another_when_it_is_resumed(outcome: Outcome) -> None:
    machine = Machine(5.0)
    machine.fail(outcome)
    assert machine.state.failed
    seeds = [run.seed for run in machine.baseline.runs]
    machine.commit_settled(campaign.begin(machine.state, rules(), machine.now))
    assert (machine.state.phase, machine.baseline.experiment) == (Phase.RUNNING, "baseline-cpu-2")
    assert baselines.remedy(machine.state) == ""
    assert [run.seed for run in machine.baseline.runs] == seeds, "its verdicts are those of an untroubled one"
    machine.join("a0", "2")
    for _ in range(4):
        machine.take()
    assert machine.state.divisions["cpu"].best is not None
    assert machine.think("a0") is not None
    machine.check()


def test_it_may_fail_again_and_be_resumed_again() -> None:
    machine = Machine(5.0)
    for number in range(3):
        machine.fail(BROKEN)
        assert machine.state.failed
        machine.commit_settled(campaign.begin(machine.state, rules(), machine.now))
        machine.join("a0", str(number))
    assert machine.baseline.experiment == "baseline-cpu-4"
    machine.check()


def test_another_division_of_a_like_name_is_in_nobodys_way() -> None:
    machine = Machine(5.0)
    machine.fail(BROKEN)
    machine.commit_settled(campaign.begin(machine.state, rules(), machine.now))
    other = replace(machine.state.agents["a0"].card, agent="b0", division="cpu-2")
    machine.commit_settled(campaign.join(machine.state, other))
    assert machine.state.divisions["cpu-2"].baseline == "baseline-cpu-2-2"
    machine.check()


def test_one_that_nothing_could_merge_on_is_measured_anew_too() -> None:
    class Untrusted(Machine):
        tier = "F"

        def sandbox(self, run: str) -> str:  # noqa: ARG002
            return self.tier

    machine = Untrusted(5.0)
    for _ in range(4):
        machine.take()
    assert machine.state.failed
    assert baselines.remedy(machine.state).startswith("Do what it says")
    machine.commit_settled(campaign.begin(machine.state, rules(), machine.now))
    machine.tier = "A"
    machine.join("a0", "2")
    for _ in range(4):
        machine.take()
    assert machine.baseline.state is State.MERGED
    assert [best.experiment for best in machine.state.divisions["cpu"].history] == ["baseline-cpu-2"]
    machine.check()


def test_one_that_something_merged_on_is_kept() -> None:
    machine, _ = baselined()
    while len(machine.state.divisions["cpu"].history) < 2:
        if machine.lease("a0") is None:
            machine.think("a0")
        else:
            machine.take()
    machine.commit_settled(campaign.begin(machine.state, rules(), machine.now))
    assert not [event for _, event in machine.journal if isinstance(event, DivisionOpened)][1:]


def test_a_wall_cap_may_be_changed_when_a_campaign_is_resumed_and_a_budget_may_not() -> None:
    machine = Machine(200 * CAP)
    machine.take()
    assert machine.state.failed
    wider = replace(RULES.budget, wall_cap=300 * CAP)
    machine.commit(campaign.wall_cap_changed(machine.state, rules(budget=wider)))
    machine.commit_settled(campaign.begin(machine.state, rules(budget=wider), machine.now))
    machine.join("a0", "2")
    for _ in range(4):
        machine.take()
    assert machine.baseline.state is State.MERGED
    assert len([event for _, event in machine.journal if isinstance(event, CampaignFinished)]) == 1
    other = rules(budget=replace(wider, amount=2 * AMOUNT))
    assert campaign.wall_cap_changed(machine.state, other) == []
    with pytest.raises(campaign.RulesMismatchError):
        campaign.begin(machine.state, other, machine.now)
