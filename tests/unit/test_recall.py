"""What a brief tells of the swarm's past, what may be tried again, and what is offered to be repaired."""

import random

import msgspec
import pytest

from coordinator.domain import Origin, Phase, Refusal, State
from coordinator.protocol import Brief, Proposal, Refused
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.proposing import briefs, proposals, recall, steering
from coordinator.rules.slots import leases
from coordinator.state.encoding import decode, encode
from coordinator.state.events import ExperimentProposed, ProposalRefused
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Measured, Outcome, TimedOut
from tests.unit.swarm_of_rules import Swarm, rules

THINKER = [ArmShare("thinker", repairs=True)]


class PlannedSwarm(Swarm):
    """A swarm whose programs and values a test names. The baseline measures 1 with σ about 0.008."""

    def __init__(self, **changes: object) -> None:
        super().__init__(rules(**changes))
        self.join("a0")
        for value in (0.99, 1.0, 1.0, 1.01):
            self.run("a0", Measured(value))

    def brief(self, agent: str = "a0", **asked: object) -> Brief:
        brief = briefs.brief(self.state, agent, 0, **asked)  # type: ignore[arg-type]
        assert isinstance(brief, Brief), brief
        return brief

    def answer(self, brief: Brief, program: str, **said: object) -> Proposal:
        name = f"p{len(self.journal)}"
        return msgspec.structs.replace(
            Proposal(
                proposal=name,
                ordinal=brief.ordinal,
                arm=brief.arm,
                parent=brief.parent,
                source=program,
                title=program,
            ),
            **said,
        )

    def refusal(self, program: str) -> ProposalRefused | None:
        return proposals.refuse(self.state, "a0", self.answer(self.brief(), program), f"d-{program}")

    def take(self, proposal: Proposal, changes: dict[str, str] | None = None) -> str:
        commit = f"c{len(self.journal)}-{proposal.source}"
        return self.accept("a0", proposal, f"d-{proposal.source}", commit, changes)

    def offer(self, program: str, changes: dict[str, str] | None = None, **said: object) -> str:
        return self.take(self.answer(self.brief(), program, **said), changes)

    def run(self, agent: str, *outcomes: Outcome) -> None:
        for outcome in outcomes:
            run = self.lease(agent)
            assert run is not None
            self.report(agent, run, outcome)

    def improve(self, program: str, value: float) -> str:
        name = self.offer(program)
        self.run("a0", Measured(value), Measured(value))
        assert self.state.experiments[name].state is State.MERGED
        return name


def crash(kind: CrashKind = CrashKind.EXCEPTION, message: str = "IndexError: head 9") -> Crashed:
    return Crashed(kind, message)


# ---------------------------------------------------------------------- what a brief tells


def test_a_brief_tells_gains_failures_and_near_misses_as_they_were_at_the_verdict() -> None:
    swarm = PlannedSwarm()
    for program, outcome in (
        ("near", Measured(1.012)),
        ("far", Measured(1.2)),
        ("broken", crash()),
        ("cheat", Cheated("leak", "0.1")),
    ):
        swarm.offer(program)
        swarm.run("a0", outcome)
    swarm.improve("better", 0.9)
    tried = {each.title: each for each in swarm.brief().tried}
    assert tried["near"].delta == pytest.approx(-0.012)
    assert [tried[name].near for name in ("near", "far", "broken", "better")] == [True, False, False, False]
    assert tried["better"].delta == pytest.approx(0.1)
    assert {name: tried[name].failure for name in tried} == {
        "near": "",
        "far": "",
        "better": "",
        "broken": "exception",
        "cheat": "cheated",
    }
    assert tried["broken"].delta is None


def test_what_runs_is_told_with_its_age_but_not_in_order() -> None:
    swarm = PlannedSwarm(ahead=3)
    swarm.offer("slow")
    at = swarm.state.experiments["e00001"].proposed_at
    assert [each.age for each in swarm.brief(now=at + 42.0).running] == [42.0]
    swarm = PlannedSwarm(lookahead=4)
    swarm.offer("slow")
    assert [each.age for each in swarm.brief(now=1e9).running] == [None]


def test_a_hint_is_told_from_the_next_brief_on_once_and_until_it_is_withdrawn() -> None:
    swarm = PlannedSwarm()
    assert swarm.brief().hints == []
    for number in range(12):
        swarm.commit(steering.hint(swarm.state, f"h{number}", f" say {number} " + "x" * 3000))
    assert steering.hint(swarm.state, "h3", "again") == []
    assert steering.hint(swarm.state, "h99", "  ") == []
    hints = swarm.brief().hints
    assert [hint.split("x")[0].strip() for hint in hints] == [f"say {number}" for number in range(2, 12)]
    assert {len(hint) for hint in hints} == {2000}
    swarm.commit(steering.withdraw_hints(swarm.state))
    assert swarm.brief().hints == []
    assert steering.withdraw_hints(swarm.state) == []
    assert swarm.replayed() == swarm.state


# ---------------------------------------------------------------------- what may be tried again


def test_the_very_program_of_a_near_miss_may_be_tried_again_after_the_best_has_moved() -> None:
    swarm = PlannedSwarm(retry_after_moves=2, ahead=2)
    swarm.offer("near")
    swarm.run("a0", Measured(1.012))
    for moved, best in enumerate((0.9, 0.8)):
        refused = swarm.refusal("near")
        assert refused is not None, f"after {moved} moves"
        assert (refused.refusal, refused.repeats) == (Refusal.DUPLICATE, "e00001")
        swarm.improve(f"better {best}", best)
    assert swarm.refusal("near") is None
    again = swarm.offer("near")
    assert swarm.state.by_digest["cpu", "d-near"] == again
    refused = swarm.refusal("near")
    assert refused is not None
    assert refused.repeats == again


@pytest.mark.parametrize(("moves", "outcome"), [(0, Measured(1.012)), (1, Measured(1.2)), (1, crash())])
def test_nothing_else_is_tried_again(moves: int, outcome: Outcome) -> None:
    swarm = PlannedSwarm(retry_after_moves=moves)
    swarm.offer("same")
    swarm.run("a0", outcome)
    swarm.improve("better", 0.9)
    swarm.improve("best", 0.8)
    assert swarm.refusal("same") is not None


def test_in_order_only_moves_that_the_ordinal_may_see_count() -> None:
    """The best has moved, but by a verdict this proposal does not know yet: it is refused as it would be on a
    slower machine.
    """
    swarm = PlannedSwarm(lookahead=2, retry_after_moves=1)
    swarm.offer("near")
    swarm.run("a0", Measured(1.012))
    swarm.offer("better")
    swarm.run("a0", Measured(0.9), Measured(0.9))
    assert swarm.state.divisions["cpu"].history[-1].experiment == "e00002"
    assert swarm.refusal("near") is not None
    swarm.offer("other")
    assert swarm.refusal("near") is None


def test_a_duplicate_is_told_what_came_of_it_earlier() -> None:
    swarm = PlannedSwarm(ahead=4)
    swarm.offer("far")
    swarm.run("a0", Measured(1.2))
    earlier = recall.earlier(swarm.state, "e00001", "search")
    assert earlier is not None
    assert (earlier.state, earlier.value) == (State.REJECTED, 1.2)
    assert earlier.delta == pytest.approx(-0.2)
    swarm.offer("slow")
    running = recall.earlier(swarm.state, "e00002", "search")
    assert running is not None
    assert (running.state, running.value) == (State.RUNNING, None)
    assert recall.earlier(swarm.state, "", "search") is None


def test_an_arm_that_learns_from_nobody_is_told_nothing_of_another_s_experiment() -> None:
    swarm = PlannedSwarm(arms=[ArmShare("search"), ArmShare("control", parent=Origin.BASELINE)])
    swarm.offer("far", arm="search")
    swarm.run("a0", Measured(1.2))
    assert recall.earlier(swarm.state, "e00001", "search") is not None
    assert recall.earlier(swarm.state, "e00001", "control") is None
    swarm.offer("its own", arm="control")
    assert recall.earlier(swarm.state, "e00002", "control") is not None


def test_in_order_the_earlier_result_is_told_only_where_the_ordinal_may_see_it() -> None:
    swarm = PlannedSwarm(lookahead=3)
    swarm.offer("far")
    swarm.run("a0", Measured(1.2))
    hidden = recall.earlier(swarm.state, "e00001", "search")
    assert hidden is not None
    assert (hidden.state, hidden.value, hidden.reason) == (State.RUNNING, None, "")
    swarm.offer("x")
    swarm.offer("y")
    earlier = recall.earlier(swarm.state, "e00001", "search")
    assert earlier is not None
    assert earlier.value == 1.2


# ---------------------------------------------------------------------- lessons


def test_lessons_say_which_way_constants_won_or_lost_and_what_runs_failed_of() -> None:
    swarm = PlannedSwarm()
    tries: list[tuple[dict[str, str], Outcome]] = [
        ({"LR": "up"}, Measured(1.2)),
        ({"LR": "up"}, Measured(1.3)),
        ({"LR": "down"}, Measured(1.011)),
        ({"DEPTH": "up"}, crash(CrashKind.OUT_OF_MEMORY, "CUDA out of memory")),
        ({}, crash()),
        ({}, TimedOut(Limit.WALL_CAP, 60.0)),
        (dict.fromkeys("ABCD", "up"), Measured(1.2)),
    ]
    for number, (moves, outcome) in enumerate(tries):
        swarm.offer(f"program {number}", moves)
        swarm.run("a0", outcome)
    swarm.offer("wide", {"DEPTH": "up"})
    swarm.run("a0", Measured(0.9), Measured(0.9))
    assert swarm.brief().lessons == [
        "exception: 1 in all; IndexError 1",
        "out of memory: 1 in all; DEPTH up 1",
        "timed out: 1 in all",
        "LR up: 2 lost; down: 1 near",
        "DEPTH up: 1 won, 1 failed",
    ]
    assert swarm.replayed() == swarm.state


def test_lessons_outlive_the_history_a_brief_tells_and_stay_few() -> None:
    swarm = PlannedSwarm(history=2)
    for number in range(60):
        swarm.offer(f"program {number}", {f"NAME_{number % 30}": "up"})
        swarm.run("a0", crash(CrashKind.DIVERGED) if number % 5 == 0 else Measured(1.2))
    brief = swarm.brief()
    assert len(brief.tried) == 2
    assert len(brief.lessons) == 20
    assert brief.lessons[0].startswith("diverged: 12 in all; NAME_0 up 2, NAME_10 up 2,")
    assert brief.lessons[1] == "NAME_0 up: 2 failed"


def test_lessons_in_order_are_the_same_whatever_has_ended_meanwhile() -> None:
    """1. Four proposals are out. 2. Their runs end in another order and to different depths. 3. The next
    brief sees the first of them alone.
    """
    lessons = []
    for ended in ([0], [0, 3], [0, 2, 1]):
        swarm = PlannedSwarm(lookahead=4)
        runs = []
        for number in range(4):
            swarm.offer(f"program {number}", {"LR": "up"})
        for number in range(4):
            swarm.join(f"b{number}")
            runs.append(swarm.lease(f"b{number}"))
        for number in ended:
            run = runs[number]
            assert run is not None
            swarm.report(f"b{number}", run, crash() if number else Measured(1.2))
        lessons.append(swarm.brief().lessons)
    assert lessons == [["LR up: 1 lost"]] * 3


# ---------------------------------------------------------------------- what is to be repaired


def test_a_crash_comes_back_to_its_arm_with_the_end_of_its_log_until_it_is_mended() -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    run = swarm.lease("a0")
    assert run is not None
    tail = "".join(f"line {number}\n" for number in range(60)) + "IndexError: head 9\n"
    result = msgspec.structs.replace(swarm.result(run, crash()), tail=tail)
    swarm.commit_settled(leases.report(swarm.state, "a0", swarm.token(run), result, gap=0.0))
    repair = swarm.brief().repair
    assert repair is not None
    assert (repair.experiment, repair.failure, repair.message, repair.parent) == (
        "e00001",
        "exception",
        "IndexError: head 9",
        "root",
    )
    assert repair.tail.splitlines() == tail.splitlines()[-20:]
    repaired = swarm.offer("repaired", repairs="e00001")
    assert swarm.state.experiments[repaired].repairs == "e00001"
    assert swarm.state.experiments["e00001"].repaired == repaired
    swarm.run("a0", crash())
    assert swarm.brief().repair is None, "what was to repair another is not repaired again"
    assert swarm.replayed() == swarm.state


TEXT = "ValueError: the validation text goes here"


@pytest.mark.parametrize("kind", [CrashKind.EXCEPTION, CrashKind.OUT_OF_MEMORY, CrashKind.CONTRACT])
def test_of_a_crash_that_may_have_been_shown_rows_proposers_learn_the_class(kind: CrashKind) -> None:
    """The judge's own words about a broken contract are no program's."""
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    run = swarm.lease("a0")
    assert run is not None
    result = swarm.result(run, crash(kind, TEXT))
    seconds = msgspec.structs.replace(result.seconds, evaluate=0.1)
    result = msgspec.structs.replace(result, seconds=seconds, tail=f"a log\n{TEXT}\n")
    swarm.commit_settled(leases.report(swarm.state, "a0", swarm.token(run), result, gap=0.0))
    brief, ours = swarm.brief(), kind is CrashKind.CONTRACT
    assert brief.repair is not None
    assert (brief.repair.failure, brief.repair.tail) == (kind.value, "")
    assert brief.repair.message == (TEXT if ours else "")
    assert [tried.reason for tried in brief.tried] == [
        f"{kind.value.replace('_', ' ')}: {TEXT if ours else 'it failed while it was evaluated'}"
    ]
    assert ours or "ValueError" not in "".join(brief.lessons)
    assert TEXT in swarm.state.experiments["e00001"].reason, "people may read it"
    assert swarm.replayed() == swarm.state


@pytest.mark.parametrize(("evaluate", "why", "reason"), [
    (0.0, "", "timed out at its wall cap after 12.3 s"),
    (0.0, "1.0% was spent", "timed out at its wall cap after 12.3 s: 1.0% was spent"),
    (0.1, "", "timed out at its wall cap"),
    (0.1, "100.0% was spent", "timed out at its wall cap"),
])  # fmt: skip
def test_when_a_run_was_timed_out_is_no_word_once_it_may_have_been_shown_rows(
    evaluate: float, why: str, reason: str
) -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("slow")
    run = swarm.lease("a0")
    assert run is not None
    result = swarm.result(run, TimedOut(Limit.WALL_CAP, 12.3, why))
    seconds = msgspec.structs.replace(result.seconds, evaluate=evaluate)
    result = msgspec.structs.replace(result, seconds=seconds)
    swarm.commit_settled(leases.report(swarm.state, "a0", swarm.token(run), result, gap=0.0))
    assert [tried.reason for tried in swarm.brief().tried] == [reason]


def test_the_log_of_a_crash_is_bounded() -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    run = swarm.lease("a0")
    assert run is not None
    result = msgspec.structs.replace(swarm.result(run, crash(message="m" * 9000)), tail="A" * 9000)
    swarm.commit_settled(leases.report(swarm.state, "a0", swarm.token(run), result, gap=0.0))
    repair = swarm.brief().repair
    assert repair is not None
    assert (len(repair.tail), len(repair.message)) == (1500, 1500)


@pytest.mark.parametrize(("arms", "outcome"), [
    ([ArmShare("search")], crash()),
    (THINKER, Cheated("leak", "0.1")),
    (THINKER, TimedOut(Limit.BUDGET, 60.0)),
    (THINKER, crash(CrashKind.NO_RESULT)),
    (THINKER, Measured(1.2)),
])  # fmt: skip
def test_nothing_else_comes_back(arms: list[ArmShare], outcome: Outcome) -> None:
    swarm = PlannedSwarm(arms=arms)
    swarm.offer("broken")
    swarm.run("a0", outcome)
    assert swarm.brief().repair is None


def test_a_crash_comes_back_to_no_other_arm() -> None:
    thinker, other = ArmShare("thinker", repairs=True), ArmShare("other", repairs=True)
    swarm = PlannedSwarm(arms=[thinker, other])
    swarm.offer("broken", arm="thinker")
    swarm.run("a0", crash())
    division = swarm.state.divisions["cpu"]
    assert recall.repair(swarm.state, thinker, division, 0, ()) is not None
    assert recall.repair(swarm.state, other, division, 0, ()) is None


def test_what_is_offered_to_one_agent_is_offered_to_no_other() -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    swarm.run("a0", crash())
    assert swarm.brief(offered={"e00001"}).repair is None


def test_a_refused_repair_is_not_asked_for_again_and_may_still_be_accepted() -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    swarm.run("a0", crash())
    wanted = swarm.answer(swarm.brief(), "broken", repairs="e00001")
    refused = proposals.refuse(swarm.state, "a0", wanted, "d-broken")
    assert refused is not None
    assert refused.repairs == "e00001"
    swarm.commit([refused])
    assert swarm.brief().repair is None
    assert swarm.state.experiments[swarm.offer("repaired", repairs="e00001")].repairs == "e00001"


@pytest.mark.parametrize("said", ["e00002", "nowhere", "baseline-cpu"])
def test_a_proposal_cannot_mend_what_is_not_its_to_mend(said: str) -> None:
    swarm = PlannedSwarm(arms=THINKER)
    swarm.offer("broken")
    swarm.run("a0", crash())
    swarm.offer("fine")
    swarm.run("a0", Measured(1.2))
    assert swarm.state.experiments[swarm.offer("x", repairs=said)].repairs == ""


def test_in_order_a_crash_comes_back_when_its_ordinal_may_be_seen() -> None:
    swarm = PlannedSwarm(arms=THINKER, lookahead=3)
    swarm.offer("broken")
    swarm.run("a0", crash())
    repairs = []
    for number in range(3):
        repairs.append(swarm.brief(offered={"e00001"}).repair)
        swarm.offer(f"program {number}")
        swarm.run("a0", Measured(1.2))
    assert [repair and repair.experiment for repair in repairs] == [None, None, "e00001"]


def test_in_order_an_agent_that_is_asked_again_keeps_its_brief() -> None:
    duplicate, stale = Refused(Refusal.DUPLICATE, ""), Refused(Refusal.STALE_BRIEF, "")
    in_order, free = PlannedSwarm(arms=THINKER, lookahead=3).state, PlannedSwarm(arms=THINKER).state
    answers = (duplicate, stale)
    assert [recall.still_thinks(in_order, "thinker", answer) for answer in answers] == [True, False]
    assert not recall.still_thinks(in_order, "search", duplicate)
    assert not recall.still_thinks(free, "thinker", duplicate)


class Mindful(Swarm):
    """What it proposes depends on everything a brief tells, and on nothing else. It repairs what it is asked
    to, and often repeats itself or crashes.
    """

    def measure(self, run: str) -> Outcome:
        commit = self.state.experiments[self.state.runs[run].experiment].commit
        return (
            crash()
            if commit != "root" and random.Random(f"breaks {commit}").random() < 0.3
            else super().measure(run)
        )

    def propose(self, agent: str, brief: Brief) -> str:
        brief = msgspec.structs.replace(brief, hints=[])
        draw = random.Random(msgspec.json.encode(brief))
        idea = f"{draw.getrandbits(30)}" if draw.random() < 0.7 else f"one of {draw.randrange(5)}"
        repairs = brief.repair.experiment if brief.repair else ""
        proposal = Proposal(
            proposal=f"p{len(self.journal)}",
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=idea,
            title=idea,
            repairs=repairs,
        )
        refused = proposals.refuse(self.state, agent, proposal, f"d-{idea}")
        if refused is not None:
            self.commit([refused])
            return ""
        changes = {f"NAME_{draw.randrange(6)}": draw.choice(["up", "down"])}
        return self.accept(agent, proposal, f"d-{idea}", f"c{brief.ordinal}-{idea}", changes)


def whole_campaign(schedule: random.Random, agents: int) -> list[tuple[object, ...]]:
    """A campaign in order under some schedule: the fate of every experiment, and what it meant to repair."""
    swarm = Mindful(
        rules(
            lookahead=6,
            max_experiments=150,
            retry_after_moves=1,
            arms=[ArmShare("a", repairs=True), ArmShare("b")],
        )
    )
    names = [f"a{number}" for number in range(agents)]
    for name in names:
        swarm.join(name)
    while swarm.state.phase is not Phase.FINISHED:
        name = schedule.choice(names)
        run = swarm.lease(name)
        if run is not None and schedule.random() < 0.5:
            swarm.report(name, run)
        if schedule.random() < 0.3:
            swarm.think(name)
    assert swarm.replayed() == swarm.state
    swarm.state.validate()
    return [
        (each.title, each.state, each.value, each.near, each.repairs)
        for each in swarm.state.experiments.values()
    ]


@pytest.mark.parametrize("seed", range(1, 5))
def test_in_order_memory_is_the_same_under_every_schedule(seed: int) -> None:
    reference = whole_campaign(random.Random(0), 2)
    assert sum(bool(repairs) for *_, repairs in reference) > 1
    assert sum(state is State.MERGED for _, state, *_ in reference) > 2
    assert whole_campaign(random.Random(seed), 1 + seed % 4) == reference


# ---------------------------------------------------------------------- old journals


def test_events_of_an_older_journal_are_read() -> None:
    proposed = ExperimentProposed(
        experiment="e00001",
        ordinal=1,
        division="cpu",
        arm="a",
        agent="x",
        proposal="p",
        parent="c",
        commit="d",
        digest="e",
        title="t",
    )
    body = msgspec.json.decode(encode(proposed))
    for new in ("repairs", "moves"):
        del body[new]
    assert decode(msgspec.json.encode(body)) == proposed
