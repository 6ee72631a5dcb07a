"""Arms in a real campaign (journal and git on disk): an arm that draws from the baseline, and a bandit that
finds the better one.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Event

import pytest

from agents.proposers.contract import Proposer, ProposerError, proposal_id
from agents.proposers.search.search_proposer import SearchProposer
from coordinator.domain import ArmChoice, Origin, Purpose, State, Strategy
from coordinator.protocol import Brief, Lease, Proposal
from coordinator.rule_values.rule_set import ArmShare, Rules
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from coordinator.store.repository import Repository
from coordinator.store.unit_of_work import TaskCard
from coordinator.views import arm_report
from evaluator.result import Measured
from tests.integration.campaign_folder import (
    SURFACE,
    Clock,
    card,
    measure_baseline,
    open_service,
    propose,
    result,
    rules,
    take,
    train,
)
from trainer.contract import RunOrder
from trainer.simulated.trainer import SimulatedTrainer

MANY = ArmShare("many", parent=Origin.BASELINE, control=True)
TWO = rules(arms=[ArmShare("thinker"), MANY], ahead=10)
"""With equal weights the first five briefs go to many, thinker, many, thinker, thinker."""


def brief_for(service: Service, agent: str, arm: str) -> Brief:
    """The agent's next brief, which has to be for that arm."""
    brief = service.brief(agent)
    assert isinstance(brief, Brief)
    assert brief.arm == arm
    return brief


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """e00001 of many is being trained by a0; e00002 of thinker has merged with 0.9, through a1."""
    service = open_service(tmp_path / "demo", TWO)
    measure_baseline(service)
    service.join(card("a1"))
    propose(service, "a0", "DEPTH = 4", "DEPTH = 5")
    propose(service, "a1", "LEARNING_RATE = 0.01", "LEARNING_RATE = 0.02")
    take(service, "a0")
    for _ in range(2):
        train(service, "a1", 0.9)
    assert service.state.experiments["e00002"].state is State.MERGED
    return service


def test_a_brief_of_the_baseline_knows_of_its_own_arm_alone(service: Service) -> None:
    with service:
        brief = brief_for(service, "a1", "many")
        assert (brief.parent, brief.source) == (service.state.start.commit, SURFACE)
        assert (brief.baseline, brief.best, brief.barred) == (1.0, 1.0, [])
        assert ([each.arm for each in brief.running], brief.tried) == (["many"], [])
        propose(service, "a1", "DEPTH = 4", "DEPTH = 6")
        others = brief_for(service, "a1", "thinker")
        assert (others.best, others.barred) == (0.9, ["many"])
        assert {each.arm for each in (*others.tried, *others.running)} == {"thinker", "many"}


def test_a_variant_of_the_baseline_is_run_as_it_is_and_must_beat_the_best(service: Service) -> None:
    with service:
        propose(service, "a1", "DEPTH = 4", "DEPTH = 6")
        lease = take(service, "a1")
        assert (lease.experiment, lease.purpose) == ("e00003", Purpose.SCREEN)
        assert lease.source == SURFACE.replace("DEPTH = 4", "DEPTH = 6")
        service.report("a1", lease.token, result(lease, Measured(0.95)))
        experiment = service.state.experiments["e00003"]
        assert (experiment.state, experiment.gain) == (State.REJECTED, 0.0)
        assert experiment.reason.startswith("worse by 0.0500")


def test_one_that_beats_the_best_is_run_again_and_becomes_the_best_as_it_is(
    service: Service, tmp_path: Path
) -> None:
    """Nothing of what thinker found gets into it."""
    mine = SURFACE.replace("DEPTH = 4", "DEPTH = 6")
    with service:
        propose(service, "a1", "DEPTH = 4", "DEPTH = 6")
        before = service.state.divisions["cpu"].best
        assert before is not None
        purposes = [(lease.purpose, lease.source) for lease in (train(service, "a1", 0.8) for _ in range(3))]
        assert purposes == [(Purpose.SCREEN, mine), (Purpose.RETEST, mine), (Purpose.CONFIRM, mine)]
        experiment = service.state.experiments["e00003"]
        assert (experiment.state, experiment.parent) == (State.MERGED, before.commit)
        assert experiment.gain == pytest.approx(0.1)
        best = service.state.divisions["cpu"].best
        assert best is not None
        assert service.state.tallies["many"].gain == pytest.approx(0.1)
        live, folder = service.state, tmp_path / "demo"
    assert Repository(folder / "repo.git", "train.py").source(best.commit) == mine
    with open_service(folder, TWO, Clock(live.last_at)) as again:
        assert again.state.experiments["e00003"] == live.experiments["e00003"]
        assert again.state.tallies == live.tallies


def test_a_best_that_moves_while_it_is_run_again_does_not_change_its_program(service: Service) -> None:
    with service:
        propose(service, "a1", "DEPTH = 4", "DEPTH = 6")
        train(service, "a1", 0.8)
        propose(service, "a1", "WIDTH = 64", "WIDTH = 96")
        service.join(card("a2"))
        retest, screen = take(service, "a1"), take(service, "a2")
        assert (retest.purpose, screen.experiment) == (Purpose.RETEST, "e00004")
        service.report("a2", screen.token, result(screen, Measured(0.7)))
        train(service, "a2", 0.7)
        assert service.state.experiments["e00004"].state is State.MERGED
        service.report("a1", retest.token, result(retest, Measured(0.6)))
        assert [train(service, "a1", 0.6).source for _ in range(2)] == [
            SURFACE.replace("DEPTH = 4", "DEPTH = 6")
        ] * 2
        assert service.state.experiments["e00003"].state is State.MERGED


def test_an_arm_that_answers_in_another_s_place_is_treated_as_what_it_is(service: Service) -> None:
    """thinker answers a brief about the baseline: an edit like any other, rebased on the best before it costs
    a run.
    """
    with service:
        brief = brief_for(service, "a1", "many")
        source = brief.source.replace("WIDTH = 64", "WIDTH = 96")
        service.propose(
            "a1",
            Proposal(
                proposal="p",
                ordinal=brief.ordinal,
                arm="thinker",
                parent=brief.parent,
                source=source,
                title="wider",
            ),
        )
        assert take(service, "a1").source == source.replace("LEARNING_RATE = 0.01", "LEARNING_RATE = 0.02")


def test_a_variant_counts_as_the_baseline_s_only_where_it_was_made_from_it(service: Service) -> None:
    """A brief may be older than the configuration that makes its arm draw from the baseline."""
    with service:
        brief = brief_for(service, "a1", "many")
        best = service.state.divisions["cpu"].best
        assert best is not None
        source = brief.source.replace("WIDTH = 64", "WIDTH = 96")
        for number, parent in enumerate((best.commit, brief.parent)):
            text = source.replace("96", str(96 + number))
            answer = Proposal(
                proposal=parent, ordinal=brief.ordinal, arm="many", parent=parent, source=text, title="wider"
            )
            service.propose("a1", answer)
        assert [service.state.experiments[name].origin for name in ("e00003", "e00004")] == [
            Origin.BEST,
            Origin.BASELINE,
        ]


def test_a_brief_that_combines_brings_the_texts_of_what_is_to_be_combined(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", rules(arms=[ArmShare("a", strategy=Strategy.COMBINE)])) as service:
        measure_baseline(service)
        for depth, value in ((5, 1.005), (6, 1.009), (7, 1.2)):
            propose(service, "a0", "DEPTH = 4", f"DEPTH = {depth}")
            train(service, "a0", value)
        brief = brief_for(service, "a0", "a")
        assert (brief.strategy, [each.title for each in brief.pieces]) == (
            Strategy.COMBINE,
            ["DEPTH = 4 → DEPTH = 5", "DEPTH = 4 → DEPTH = 6"],
        )
        assert [(each.before, each.after) for each in brief.pieces] == [
            (SURFACE, SURFACE.replace("= 4", f"= {depth}")) for depth in (5, 6)
        ]


# ---------------------------------------------------------------------- a whole campaign

PROGRAM = "".join(f"{name} = {value}\n" for name, value in (
    ("DEPTH", 4), ("WIDTH", 64), ("HEADS", 4), ("LR", 0.01), ("DECAY", 0.1), ("WARMUP", 0.05), ("BETA", 0.9),
    ("CLIP", 1.0), ("BATCH", 32),
))  # fmt: skip


class Shuffler:
    """Adds a line that does something or other: mostly harm."""

    def propose(self, brief: Brief) -> Proposal:
        source = f"{brief.source}print({brief.seed})\n"
        return Proposal(
            proposal=proposal_id(brief, source),
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=f"print {brief.seed}",
        )


class Quick:
    """A campaign whose trainings take five minutes of a clock that is a number."""

    def __init__(self, folder: Path, wanted: Rules, arms: Mapping[str, Proposer], slots: int = 4) -> None:
        self.clock = Clock()
        self.folder = folder
        self.service = Service(
            Layout(folder), TaskCard("demo", "train.py", PROGRAM), wanted, clock=self.clock, secret=""
        )
        self.arms = arms
        self.slots = [f"a{number}" for number in range(slots)]
        self.trainer = SimulatedTrainer(
            PROGRAM, seconds=300.0, sigma=0.002, pause=self.pause, clock=lambda: self.clock.now
        )
        for name in self.slots:
            self.service.join(card(name))

    def pause(self, _: Event, seconds: float) -> bool:
        self.clock.now += seconds
        return False

    def play(self, experiments: int) -> None:
        while len(self.service.state.finished) < experiments:
            for name in self.slots:
                self.turn(name)

    def turn(self, name: str) -> None:
        brief = self.service.brief(name)
        if isinstance(brief, Brief):
            try:
                self.service.propose(name, self.arms[brief.arm].propose(brief))
            except ProposerError:
                return
        lease = self.service.lease(name)
        if isinstance(lease, Lease):
            order = RunOrder(
                run=lease.run,
                source=lease.source,
                seed=lease.seed,
                budget=lease.budget,
                directory=self.folder / "runs" / lease.run,
                audit=lease.audit,
            )
            self.service.report(name, lease.token, self.trainer.train(order, lambda _: None, Event()))


def test_a_bandit_gives_the_better_arm_most_of_the_briefs_and_the_figures_say_so(tmp_path: Path) -> None:
    arms = [ArmShare("thinker"), ArmShare("shuffler"), MANY]
    wanted = rules(arms=arms, arm_choice=ArmChoice.BANDIT)
    campaign = Quick(
        tmp_path / "demo", wanted, {"thinker": SearchProposer(), "shuffler": Shuffler(), "many": Shuffler()}
    )
    with campaign.service as service:
        campaign.play(140)
        state = service.state
        asked = Counter(state.experiments[name].arm for name in state.by_ordinal)
        report = {arm.name: arm for arm in arm_report.arms(state).arms}
    assert asked["thinker"] > 0.5 * asked.total()
    assert asked["shuffler"] >= 0.05 * asked.total() - 2
    assert asked["many"] >= 0.1 * asked.total() - 2
    thinker = report["thinker"]
    assert thinker.gain > 5 * report["many"].gain
    assert thinker.gpu_hours == pytest.approx(thinker.runs * 300 / 3600, rel=0.1)
    ahead = thinker.versus["many"].gain_per_gpu_hour
    assert ahead is not None
    assert ahead.low is not None
    assert ahead.high is not None
    assert ahead.low < ahead.value < ahead.high
    assert ahead.value > 0
    drawn = [
        experiment
        for experiment in state.experiments.values()
        if experiment.arm == "many" and experiment.state is not State.MERGED
    ]
    assert len(drawn) > 5
    assert {experiment.parent for experiment in drawn} == {state.start.commit}
