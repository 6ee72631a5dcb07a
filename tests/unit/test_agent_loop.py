"""The agent loop against a coordinator in memory: nothing is lost, nothing spins, nothing waits without
need.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Lock

import pytest
from msgspec.structs import replace

from agents.backoff import Waits
from agents.loop import AgentLoop
from agents.proposers.contract import ArmStopped, Exhausted, Fruitless, Proposer, ProposerError, Unavailable
from agents.runner import AgentState
from agents.spool import Spool, Spooled
from agents.testing.memory_coordinator import MemoryCoordinator
from coordinator.agent_calls import Coordinator
from coordinator.arm_notes import ArmNote, ArmReason
from coordinator.domain import Refusal, State
from coordinator.protocol import AgentCard, Brief, Proposal, Refused, Repair, Token, Tried, Wait
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts
from evaluator.result import Lost, Measured, Progress, RunResult
from trainer.contract import RunOrder, Trainer

QUICK = Waits(poll=(0.001, 0.01), connection=(0.005, 0.02), failure=(0.01, 0.05), goodbye=0.1)
CARD = AgentCard(agent="gpu0", incarnation="a", division="cpu")
SOON = 30.0


class NumberingProposer:
    """Proposes the ordinal. failures: how often it fails first."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self.arms: list[str] = []
        self._failures = failures

    def propose(self, brief: Brief) -> Proposal:
        self.calls += 1
        self.arms.append(brief.arm)
        if self.calls <= self._failures:
            raise ProposerError("no idea")
        number = brief.ordinal + 100 * len(brief.tried)
        return Proposal(
            proposal=f"e{number}",
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=f"LR = {number}\n",
            title=f"LR {number}",
        )


class TiredProposer:
    def propose(self, brief: Brief) -> Proposal:
        raise Exhausted(f"{brief.arm} is played to the end")


class SilentProposer:
    """What it asks does not answer, has refused its key, or says nothing of use."""

    def __init__(self, kind: type[ProposerError]) -> None:
        self.calls = 0
        self._kind = kind

    def propose(self, brief: Brief) -> Proposal:
        self.calls += 1
        raise self._kind(f"{brief.arm} does not answer")


class BrokenProposer:
    def __init__(self) -> None:
        self.calls = 0

    def propose(self, brief: Brief) -> Proposal:
        self.calls += 1
        raise ZeroDivisionError(f"a bug in the proposer of {brief.arm}")


class InstantTrainer:
    """Measures 1.0 at once. broken: how many trainings raise first."""

    def __init__(self, *, broken: int = 0) -> None:
        self.runs: list[str] = []
        self.orders: list[RunOrder] = []
        self._broken = broken

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        self.runs.append(order.run)
        self.orders.append(order)
        if len(self.runs) <= self._broken:
            raise RuntimeError("this machine cannot train")
        progress(Progress(share=1.0))
        return RunResult(
            run=order.run, outcome=Lost("cancelled") if cancel.is_set() else Measured(1.0), seed=order.seed
        )


class GatedTrainer:
    """Trains until ``gate`` is opened or the run is cancelled. stubborn: measures even then."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.gate = Event()
        self.training = Event()
        self.runs: list[str] = []
        self._stubborn = stubborn

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        self.runs.append(order.run)
        self.training.set()
        while not self.gate.is_set() and not cancel.wait(0.002):
            progress(Progress(share=0.5))
        cut = cancel.is_set() and not self._stubborn
        return RunResult(run=order.run, outcome=Lost("cancelled") if cut else Measured(2.0), seed=order.seed)


class SickTrainer:
    def __init__(self) -> None:
        self.runs = 0

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
        self.runs += 1
        progress(Progress())
        return RunResult(
            run=order.run,
            outcome=Lost("cancelled" if cancel.is_set() else "the GPU fell off the bus"),
            seed=order.seed,
        )


class SlowSpool(Spool):
    """Takes its time to read, so that whoever does not wait for it is seen."""

    def __iter__(self) -> Iterator[Spooled]:
        time.sleep(0.05)
        yield from super().__iter__()


class Barring(MemoryCoordinator):
    """Nobody but the arm it is for may answer a brief."""

    def brief(self, agent: str) -> Brief | Wait:
        brief = super().brief(agent)
        return brief if isinstance(brief, Wait) else replace(brief, barred=["other"])


class Lab:
    """Starts agents on one coordinator and stops them at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waits = QUICK
        self.loops: list[AgentLoop] = []
        self.spool = Spool(folder / "spool")

    def agent(
        self, coordinator: Coordinator, trainer: Trainer, *proposers: Proposer, card: AgentCard = CARD
    ) -> AgentLoop:
        arms: dict[str, Proposer] = {
            ("arm", "other")[index]: proposer for index, proposer in enumerate(proposers)
        }
        loop = AgentLoop(card, coordinator, trainer, arms, self.spool, self.folder / "runs", waits=self.waits)
        self.loops.append(loop)
        loop.start()
        return loop


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    for loop in lab.loops:
        loop.stop("end of test")
    assert all(loop.join(SOON) for loop in lab.loops)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.002)


def test_a_campaign_runs_to_its_end_and_the_agent_leaves(lab: Lab) -> None:
    coordinator = MemoryCoordinator(experiments=20)
    loop = lab.agent(coordinator, InstantTrainer(), NumberingProposer())
    assert loop.join(SOON)
    assert set(coordinator.results) == {f"e{number}" for number in range(1, 21)}
    assert coordinator.log[-1] == "leave finished"
    assert loop.snapshot().state is AgentState.STOPPED
    assert list(lab.spool) == []


def test_a_trainer_is_told_everything_the_lease_says(lab: Lab) -> None:
    terms = {
        "audit": AuditPlan(positions=7, share=1.0, merge_below=0.5, mode="strict"),
        "baseline": BaselineFacts(warmup_seconds=3.0, pace=1.5),
        "blocks": (1, 0),
    }
    coordinator, trainer = MemoryCoordinator(experiments=1, terms=terms), InstantTrainer()
    assert lab.agent(coordinator, trainer, NumberingProposer()).join(SOON)
    (order,) = trainer.orders
    assert {
        "audit": order.audit,
        "baseline": order.baseline,
        "blocks": order.blocks,
    } == terms
    assert (order.run, order.seed, order.directory) == ("e1", 1, lab.folder / "runs" / "e1")


def test_an_agent_shows_what_it_does(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    until(lambda: loop.snapshot().progress == Progress(share=0.5))
    snapshot = loop.snapshot()
    assert (snapshot.agent, snapshot.state, snapshot.run, snapshot.experiment) == (
        "gpu0",
        AgentState.TRAINING,
        "e1",
        "e1",
    )
    trainer.gate.set()


def test_a_proposal_is_ready_before_the_training_ends(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=3), GatedTrainer()
    lab.agent(coordinator, trainer, NumberingProposer())
    until(lambda: len(coordinator.accepted) == 2)
    assert trainer.runs == ["e1"]
    trainer.gate.set()


def test_a_training_that_says_nothing_still_beats(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1, heartbeat=0.005), GatedTrainer()
    lab.agent(coordinator, trainer, NumberingProposer())
    until(lambda: coordinator.calls["heartbeat"] >= 5 and coordinator.progress["gpu0"] == Progress(share=0.5))
    trainer.gate.set()


def test_with_everything_prepared_the_gap_between_two_trainings_is_small(lab: Lab) -> None:
    coordinator = MemoryCoordinator(experiments=60, ahead=50)
    loop = lab.agent(coordinator, InstantTrainer(), NumberingProposer())
    assert loop.join(SOON)
    assert len(coordinator.gaps) == 59
    assert statistics.median(coordinator.gaps) <= 0.020


def test_the_spool_is_reported_before_anything_else_is_asked(lab: Lab) -> None:
    """1. An agent spools two results and is killed before it reports. 2. It starts again. 3. Both are
    reported, older first, before a lease.
    """
    for counter in (2, 1):
        lab.spool.put(Token(1, counter), RunResult(run=f"old{counter}", outcome=Measured(1.0), seed=1))
    coordinator = MemoryCoordinator(experiments=1)
    loop = lab.agent(coordinator, InstantTrainer(), NumberingProposer())
    assert loop.join(SOON)
    said = [line for line in coordinator.log if not line.startswith(("join", "propose"))]
    assert said[:3] == ["report old1", "report old2", "lease e1"]
    assert list(lab.spool) == []


def test_a_result_of_an_earlier_life_still_counts_while_the_coordinator_remembers_it(lab: Lab) -> None:
    """1. Life a leases, trains and spools. 2. It is killed. 3. Life b reports what it finds, and only then
    joins, which ends a's lease.
    """
    coordinator = MemoryCoordinator(experiments=1)
    coordinator.join(CARD)
    coordinator.propose("gpu0", NumberingProposer().propose(_brief(coordinator)))
    lease = coordinator.lease("gpu0")
    assert not hasattr(lease, "stop")
    lab.spool = SlowSpool(lab.folder / "spool")
    lab.spool.put(lease.token, RunResult(run="e1", outcome=Measured(1.0), seed=1))
    trainer = InstantTrainer()
    assert lab.agent(coordinator, trainer, NumberingProposer(), card=replace(CARD, incarnation="b")).join(
        SOON
    )
    assert set(coordinator.results) == {"e1"}
    assert trainer.runs == []


def test_a_coordinator_that_is_down_for_a_while_loses_nothing(lab: Lab) -> None:
    """1. A run trains. 2. The coordinator goes down. 3. The training ends. 4. The coordinator is back and
    knows nobody. 5. It gets the result.
    """
    coordinator, trainer = MemoryCoordinator(experiments=3), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.down = True
    trainer.gate.set()
    until(lambda: [spooled.result.run for spooled in lab.spool] == ["e1"])
    calls = coordinator.calls.total()
    time.sleep(0.1)
    assert 0 < coordinator.calls.total() - calls < 100
    coordinator.restart()
    coordinator.down = False
    assert loop.join(SOON)
    assert set(coordinator.results) == {"e1", "e2", "e3"}
    assert trainer.runs == ["e1", "e2", "e3"]
    assert coordinator.late == []


@pytest.mark.parametrize("call", ["join", "brief", "propose", "lease", "heartbeat", "report", "leave"])
def test_a_lost_answer_is_asked_for_again_and_changes_nothing(lab: Lab, call: str) -> None:
    """1. The coordinator does what it is asked. 2. Its answer is lost. 3. The agent asks again."""
    coordinator = MemoryCoordinator(experiments=4)
    coordinator.lose_answers[call] = 3
    trainer = InstantTrainer()
    assert lab.agent(coordinator, trainer, NumberingProposer()).join(SOON)
    assert sorted(coordinator.results) == ["e1", "e2", "e3", "e4"]
    assert trainer.runs == ["e1", "e2", "e3", "e4"]


def test_a_restarted_coordinator_hears_of_an_open_lease_by_heartbeat(lab: Lab) -> None:
    """1. A run trains. 2. The coordinator restarts and knows no agents. 3. The next heartbeat joins again and
    beats; the training never noticed.
    """
    coordinator, trainer = MemoryCoordinator(experiments=1, heartbeat=0.005), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.restart()
    before = coordinator.calls["heartbeat"]
    until(lambda: coordinator.log.count("join gpu0") == 2 and coordinator.calls["heartbeat"] > before + 2)
    trainer.gate.set()
    assert loop.join(SOON)
    assert set(coordinator.results) == {"e1"}


def test_a_lost_lease_ends_the_run_and_its_cut_result_is_dropped(lab: Lab) -> None:
    """1. A run trains. 2. Its lease is lost and the run queued again. 3. A heartbeat hears of it and cancels.
    4. The run is trained anew.
    """
    coordinator, trainer = MemoryCoordinator(experiments=1, heartbeat=0.005), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.revoke("gpu0")
    until(lambda: trainer.runs == ["e1", "e1"])
    assert not any(line.startswith(("report", "release")) for line in coordinator.log)
    trainer.gate.set()
    assert loop.join(SOON)
    assert set(coordinator.results) == {"e1"}


def test_what_was_measured_under_a_lost_lease_is_handed_in_late(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1, heartbeat=0.005), GatedTrainer(stubborn=True)
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.revoke("gpu0")
    until(lambda: len(coordinator.late) >= 1)
    assert coordinator.late[0].outcome == Measured(2.0)
    trainer.gate.set()
    assert loop.join(SOON)


def test_a_coordinator_that_says_stop_gets_its_lease_back(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1, heartbeat=0.005), GatedTrainer()
    lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.stopping = True
    until(lambda: "release stopped by the coordinator" in coordinator.log)
    assert coordinator.results == {}


def test_draining_finishes_the_run_and_leases_nothing_more(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=9), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    until(lambda: len(coordinator.accepted) == 2)
    loop.drain("node goes away")
    assert not loop.join(0.05)
    trainer.gate.set()
    assert loop.join(SOON)
    assert trainer.runs == ["e1"]
    assert coordinator.log[-2:] == ["report e1", "leave node goes away"]


def test_stopping_cancels_the_run_and_hands_its_lease_back(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=9), GatedTrainer()
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    loop.stop("second Ctrl-C")
    assert loop.join(SOON)
    assert coordinator.log[-2:] == ["release second Ctrl-C", "leave second Ctrl-C"]
    assert list(lab.spool) == []


def test_stopping_without_a_coordinator_does_not_wait_for_it(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=9), GatedTrainer(stubborn=True)
    loop = lab.agent(coordinator, trainer, NumberingProposer())
    assert trainer.training.wait(SOON)
    coordinator.down = True
    began = time.monotonic()
    loop.stop()
    assert loop.join(SOON)
    assert time.monotonic() - began < 2.0
    assert [spooled.result.run for spooled in lab.spool] == ["e1"]


def test_an_idle_agent_stops_at_once(lab: Lab) -> None:
    coordinator = MemoryCoordinator(experiments=9)
    coordinator.down = True
    loop = lab.agent(coordinator, InstantTrainer(), NumberingProposer())
    loop.stop()
    assert loop.join(1.0)


def test_a_failing_proposer_costs_waits_that_grow_and_nothing_else(lab: Lab) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=1), NumberingProposer(failures=10**9)
    lab.agent(coordinator, InstantTrainer(), proposer)
    time.sleep(0.4)
    calls = proposer.calls
    until(lambda: proposer.calls >= 2)
    assert calls <= 25  # 0.01, 0.02, 0.04, 0.05, 0.05 … seconds, each at least half of it


def test_a_proposer_that_recovers_is_used_again(lab: Lab) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=2), NumberingProposer(failures=3)
    assert lab.agent(coordinator, InstantTrainer(), proposer).join(SOON)
    assert set(coordinator.results) == {"e1", "e2"}


def test_a_bug_in_a_proposer_is_logged_once_and_does_not_stop_the_slot(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=3), BrokenProposer()
    coordinator.join(CARD)
    coordinator.propose("gpu0", NumberingProposer().propose(_brief(coordinator)))
    lab.agent(coordinator, InstantTrainer(), proposer)
    until(lambda: set(coordinator.results) == {"e1"} and proposer.calls >= 3)
    assert [record.message for record in caplog.records].count("proposer failed, another arm is asked") == 1


def test_a_bug_in_a_proposer_leaves_its_briefs_to_the_other_arms(lab: Lab) -> None:
    coordinator, broken, other = MemoryCoordinator(experiments=10), BrokenProposer(), NumberingProposer()
    began = time.monotonic()
    assert lab.agent(coordinator, InstantTrainer(), broken, other).join(SOON)
    assert len(coordinator.results) == 10
    assert set(other.arms) == {"other"}
    assert broken.calls >= 10
    assert time.monotonic() - began < 2.0


def test_an_exhausted_arm_is_answered_for_by_another(lab: Lab) -> None:
    coordinator, other = MemoryCoordinator(experiments=2), NumberingProposer()
    assert lab.agent(coordinator, InstantTrainer(), TiredProposer(), other).join(SOON)
    assert set(coordinator.results) == {"e1", "e2"}
    assert set(other.arms) == {"other"}


def test_an_arm_that_is_barred_from_a_brief_does_not_answer_it(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator, other = Barring(experiments=2), NumberingProposer()
    lab.agent(coordinator, InstantTrainer(), TiredProposer(), other)
    until(lambda: any(record.message == "no proposal" for record in caplog.records))
    assert other.calls == 0


@pytest.mark.parametrize("nothing", [Unavailable, Fruitless, ProposerError])
def test_an_arm_that_has_nothing_is_answered_for_by_another_without_a_wait(
    lab: Lab, nothing: type[ProposerError]
) -> None:
    coordinator, other = MemoryCoordinator(experiments=20), NumberingProposer()
    began = time.monotonic()
    assert lab.agent(coordinator, InstantTrainer(), SilentProposer(nothing), other).join(SOON)
    assert len(coordinator.results) == 20
    assert time.monotonic() - began < 2.0
    assert set(other.arms) == {"other"}


def test_an_arm_that_says_nothing_of_use_rests_longer_and_longer(lab: Lab) -> None:
    coordinator, talker = MemoryCoordinator(experiments=10**6), SilentProposer(Fruitless)
    lab.agent(coordinator, InstantTrainer(), talker, NumberingProposer())
    time.sleep(0.4)
    calls = talker.calls
    until(lambda: talker.calls >= 2)
    assert (
        calls <= 25 < len(coordinator.results)
    )  # rests of 0.01, 0.02, 0.04, 0.05, 0.05 … seconds, each at least half of it


def test_a_stopped_arm_is_an_error_told_once_and_the_others_go_on(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator, other = MemoryCoordinator(experiments=3), NumberingProposer()
    loop = lab.agent(coordinator, InstantTrainer(), SilentProposer(ArmStopped), other)
    assert loop.join(SOON)
    assert len(coordinator.results) == 3
    assert loop.snapshot().stopped == {"arm": "arm does not answer"}
    assert [record.levelname for record in caplog.records if record.message == "arm is stopped"] == ["ERROR"]


def test_an_arm_that_is_stopped_or_played_to_its_end_is_not_asked_with_every_brief(lab: Lab) -> None:
    stopped = SilentProposer(ArmStopped)
    coordinator, other = MemoryCoordinator(experiments=20), NumberingProposer()
    assert lab.agent(coordinator, InstantTrainer(), stopped, other).join(SOON)
    assert len(coordinator.results) == 20
    assert stopped.calls == 1


def test_a_stopped_arm_is_asked_again_after_a_long_rest_and_counts_as_well_when_it_answers(lab: Lab) -> None:
    class Healing(NumberingProposer):
        def propose(self, brief: Brief) -> Proposal:
            if not self.calls:
                self.calls += 1
                raise ArmStopped("the account is empty", ArmReason.PAYMENT, "Pay in")
            return super().propose(brief)

    coordinator, arm = MemoryCoordinator(experiments=1), Healing()
    lab.waits = replace(QUICK, stopped=(0.05, 0.1))
    loop = lab.agent(coordinator, InstantTrainer(), arm)
    assert loop.join(SOON)
    assert (arm.calls, loop.snapshot().stopped) == (2, {})


def test_which_arms_gave_nothing_for_a_brief_is_said_with_its_end(lab: Lab) -> None:
    coordinator, other = MemoryCoordinator(experiments=2), NumberingProposer()
    assert lab.agent(coordinator, InstantTrainer(), SilentProposer(Unavailable), other).join(SOON)
    assert (
        coordinator.notes
        == [ArmNote(arm="arm", reason=ArmReason.UNAVAILABLE, words="arm does not answer")] * 2
    )


@pytest.mark.parametrize(
    ("proposer", "note"),
    [
        (SilentProposer(ArmStopped), ArmNote(arm="arm", reason=ArmReason.FAILED, stopped=True)),
        (TiredProposer(), ArmNote(arm="arm", reason=ArmReason.EXHAUSTED, stopped=True)),
        (SilentProposer(Fruitless), ArmNote(arm="arm", reason=ArmReason.NO_EDIT)),
        (BrokenProposer(), ArmNote(arm="arm", reason=ArmReason.OURS)),
    ],
)
def test_an_arm_alone_that_gives_nothing_is_said_too(lab: Lab, proposer: Proposer, note: ArmNote) -> None:
    coordinator = MemoryCoordinator(experiments=1)
    lab.agent(coordinator, InstantTrainer(), proposer)
    until(lambda: bool(coordinator.notes))
    assert replace(coordinator.notes[0], words="") == note
    assert coordinator.notes[0].words


def test_proposals_that_are_refused_count_as_nothing_but_late_ones_do_not(lab: Lab) -> None:
    coordinator = MemoryCoordinator(experiments=2)
    answers = [Refused(Refusal.STALE_BRIEF, "late"), Refused(Refusal.DUPLICATE, "known as e0", "e0")]
    coordinator.refuse = lambda _: answers.pop(0) if answers else None
    assert lab.agent(coordinator, InstantTrainer(), NumberingProposer()).join(SOON)
    assert coordinator.notes == [
        ArmNote(arm="arm", reason=ArmReason.REFUSED, words="its proposals are refused: known as e0")
    ]


def test_a_lost_answer_to_a_note_counts_it_once(lab: Lab) -> None:
    coordinator, other = MemoryCoordinator(experiments=2), NumberingProposer()
    coordinator.lose_answers["note_arms"] = 3
    assert lab.agent(coordinator, InstantTrainer(), SilentProposer(ArmStopped), other).join(SOON)
    assert len(coordinator.notes) == 1


def test_a_refused_proposal_is_told_to_the_proposer_with_the_next_brief(lab: Lab) -> None:
    coordinator = MemoryCoordinator(experiments=1)
    coordinator.refuse = lambda proposal: (
        Refused(Refusal.DUPLICATE, "known as e0", "e0") if proposal.proposal == "e1" else None
    )
    assert lab.agent(coordinator, InstantTrainer(), NumberingProposer()).join(SOON)
    assert list(coordinator.accepted) == ["e101"]


class ReAskedProposer(NumberingProposer):
    """Answers refusals so many times, with another id every time."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.refusals: list[Refused] = []
        self.briefs: list[Brief] = []
        self._answers = answers

    def propose(self, brief: Brief) -> Proposal:
        self.briefs.append(brief)
        return super().propose(brief)

    def reask(self, proposal: Proposal, refused: Refused) -> Proposal:
        if len(self.refusals) >= self._answers:
            raise ProposerError("enough")
        self.refusals.append(refused)
        return replace(proposal, proposal=f"{proposal.proposal}+")


def test_a_proposer_that_can_is_asked_again_before_anything_else(lab: Lab) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=1), ReAskedProposer(answers=2)
    refused = Refused(
        Refusal.DUPLICATE,
        "known as e0",
        "e0",
        Tried(experiment="e0", title="it", state=State.REJECTED, arm="x", value=1.2),
    )
    coordinator.refuse = lambda proposal: None if proposal.proposal == "e1++" else refused
    assert lab.agent(coordinator, InstantTrainer(), proposer).join(SOON)
    assert list(coordinator.accepted) == ["e1++"]
    assert proposer.refusals == [refused, refused]
    assert proposer.calls == 1


def test_a_proposer_that_has_no_other_answer_gets_another_brief(lab: Lab) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=1), ReAskedProposer(answers=1)
    coordinator.refuse = lambda proposal: (
        Refused(Refusal.DUPLICATE, "known") if proposal.proposal in ("e1", "e1+") else None
    )
    assert lab.agent(coordinator, InstantTrainer(), proposer).join(SOON)
    assert list(coordinator.accepted) == ["e201"]


@pytest.mark.parametrize("refusal", [Refusal.STALE_BRIEF, Refusal.CLOSED])
def test_nobody_is_asked_again_when_nothing_is_wrong_with_the_proposal(lab: Lab, refusal: Refusal) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=1), ReAskedProposer(answers=9)
    coordinator.refuse = lambda proposal: Refused(refusal, "later") if proposal.proposal == "e1" else None
    assert lab.agent(coordinator, InstantTrainer(), proposer).join(SOON)
    assert proposer.refusals == []


class Confiding(MemoryCoordinator):
    """Tells the brief's arm its charter, and what it is to repair."""

    def brief(self, agent: str) -> Brief | Wait:
        brief = super().brief(agent)
        repair = Repair(experiment="e0", title="it", parent="p", source="LR = 0\n", failure="exception")
        return replace(brief, charter="Go deeper.", repair=repair) if isinstance(brief, Brief) else brief


def test_what_is_meant_for_one_arm_is_told_to_no_other(lab: Lab) -> None:
    other = ReAskedProposer(answers=0)
    assert lab.agent(Confiding(experiments=1), InstantTrainer(), TiredProposer(), other).join(SOON)
    assert [(brief.arm, brief.charter, brief.repair) for brief in other.briefs] == [("other", "", None)]
    mine = ReAskedProposer(answers=0)
    assert lab.agent(Confiding(experiments=1), InstantTrainer(), mine).join(SOON)
    assert [brief.charter for brief in mine.briefs] == ["Go deeper."]
    assert mine.briefs[0].repair is not None


def test_refusals_do_not_spin(lab: Lab) -> None:
    coordinator, proposer = MemoryCoordinator(experiments=1), NumberingProposer()
    coordinator.refuse = lambda _: Refused(Refusal.DUPLICATE, "known")
    lab.agent(coordinator, InstantTrainer(), proposer)
    time.sleep(0.3)
    calls = proposer.calls
    until(lambda: proposer.calls >= 2)
    assert calls <= 25


def test_a_trainer_that_cannot_train_hands_the_lease_back_and_is_tried_again(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1), InstantTrainer(broken=2)
    assert lab.agent(coordinator, trainer, NumberingProposer()).join(SOON)
    assert coordinator.log.count("release the trainer failed") == 2
    assert set(coordinator.results) == {"e1"}


def test_a_sick_machine_does_not_burn_through_the_queue(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=1000, ahead=100), SickTrainer()
    lab.agent(coordinator, trainer, NumberingProposer())
    time.sleep(0.4)
    calls = trainer.runs
    until(lambda: trainer.runs >= 2)
    assert calls <= 25


def test_waiting_agents_ask_seldom(lab: Lab) -> None:
    coordinator, trainer = MemoryCoordinator(experiments=3, heartbeat=10), GatedTrainer()
    lab.agent(coordinator, trainer, NumberingProposer())
    until(lambda: len(coordinator.accepted) == 2)
    before = coordinator.calls.total()
    time.sleep(0.3)
    assert coordinator.calls.total() - before <= 70  # one poll per 5 to 10 ms
    trainer.gate.set()


def test_many_agents_share_one_queue_without_losing_or_repeating_a_run(tmp_path: Path) -> None:
    """Eight agents, one coordinator that restarts four times and loses a few answers of every kind."""
    coordinator, trained, lock = MemoryCoordinator(experiments=80, ahead=8), [], Lock()

    class CountingTrainer(InstantTrainer):
        def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:
            with lock:
                trained.append(order.run)
            return super().train(order, progress, cancel)

    loops = []
    for number in range(8):
        card, spool = replace(CARD, agent=f"gpu{number}"), Spool(tmp_path / str(number))
        loops.append(
            AgentLoop(
                card,
                coordinator,
                CountingTrainer(),
                {"arm": NumberingProposer()},
                spool,
                tmp_path,
                waits=QUICK,
            )
        )
    for loop in loops:
        loop.start()
    for _ in range(4):
        coordinator.lose_answers.update({"report": 2, "lease": 2, "propose": 2, "brief": 2, "join": 1})
        time.sleep(0.03)
        coordinator.restart()
    assert all(loop.join(2 * SOON) for loop in loops)
    assert sorted(trained) == sorted(coordinator.results)
    assert len(coordinator.results) == 80
    assert coordinator.late == []


def _brief(coordinator: MemoryCoordinator) -> Brief:
    brief = coordinator.brief("gpu0")
    assert isinstance(brief, Brief)
    return brief
