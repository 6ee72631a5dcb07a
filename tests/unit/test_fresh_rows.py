"""What decides a merge is measured on rows that no screen saw."""

from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.domain import Purpose, State
from coordinator.rules import fresh_rows
from coordinator.state.events import RulesChanged, RunQueued
from coordinator.state.invariants import broken
from coordinator.state.records import Experiment
from coordinator.views.leaderboard import row
from evaluator.policies.one_step import Confirm
from evaluator.result import Measured, RunResult
from tests.unit.swarm_of_rules import Crowd, Swarm, audit_of, rules

BASELINE = (0.99, 1.0, 1.0, 1.01)
HARDER = (0.019, 0.02, 0.02, 0.021)
"""By which the baseline's runs are worse on block 1 than on block 0."""


class Machine(Swarm):
    """One agent; its baseline was measured on every block: block 1 is harder by 0.02, block 2 by 0.03."""

    def __init__(self, blocks: int = 3, measured: bool = True, **others: Any) -> None:
        super().__init__(rules(val_blocks=blocks, **others))
        self.measured = measured
        self.join("a0")
        for value in BASELINE:
            self.make(value)

    def result(self, run: str, outcome: Any = None) -> RunResult:
        made, of = super().result(run, outcome), self.state.runs[run]
        if of.purpose is not Purpose.BASELINE or not self.measured or not isinstance(made.outcome, Measured):
            return made
        value, number = made.outcome.value, int(run.rpartition(".")[2]) - 1
        return replace(
            made,
            details={"value_block_1": value + HARDER[number], "value_block_2": value + 0.03, "data": "d"},
        )

    def make(self, value: float) -> str:
        run = self.lease("a0")
        assert run is not None
        self.report("a0", run, Measured(value))
        return run

    def variant(self, *values: float) -> Experiment:
        """Propose, and make its runs as they are asked for."""
        name = self.think("a0")
        assert name is not None
        for value in values:
            self.make(value)
        return self.state.experiments[name]


def queued(swarm: Swarm, experiment: str) -> list[tuple[Purpose, int, float]]:
    return [
        (event.purpose, event.block, round(event.offset, 9))
        for _, event in swarm.journal
        if isinstance(event, RunQueued) and event.experiment == experiment
    ]


@pytest.mark.parametrize(
    ("purpose", "blocks", "block"),
    [
        (Purpose.BASELINE, 3, 0),
        (Purpose.SCREEN, 3, 0),
        (Purpose.CONFIRM, 3, 1),
        (Purpose.RETEST, 3, 1),
        (Purpose.CONFIRM, 2, 1),
        (Purpose.CONFIRM, 1, 0),
        (Purpose.RETEST, 1, 0),
    ],
)
def test_screens_see_the_first_block_and_what_a_merge_rests_on_the_second(
    purpose: Purpose, blocks: int, block: int
) -> None:
    assert fresh_rows.block_of(purpose, blocks) == block


def test_a_confirm_run_is_compared_by_what_the_baseline_differs_on_its_rows() -> None:
    swarm = Machine()
    experiment = swarm.variant(0.95, 0.97)
    assert queued(swarm, experiment.experiment) == [(Purpose.SCREEN, 0, 0.0), (Purpose.CONFIRM, 1, 0.02)]
    assert [run.value for run in experiment.runs] == [0.95, pytest.approx(0.95)]
    assert experiment.state is State.MERGED
    assert experiment.value == pytest.approx(0.95)
    assert experiment.on_screen_rows == 0.95
    assert experiment.on_fresh_rows == pytest.approx(0.95)


def test_the_baseline_is_measured_on_every_block_and_each_other_run_on_its_own() -> None:
    swarm = Machine()
    experiment = swarm.variant(0.95, 0.97)
    state = swarm.state
    baseline = state.experiments[state.divisions["cpu"].baseline]
    assert [fresh_rows.blocks_of(state, run) for run in baseline.runs] == [(0, 1, 2)] * 4
    assert [fresh_rows.blocks_of(state, run) for run in experiment.runs] == [(0,), (1,)]
    assert baseline.value == pytest.approx(1.0)
    assert baseline.on_fresh_rows is None


def test_a_value_that_is_good_on_the_screens_rows_alone_does_not_merge() -> None:
    """Twelve σ better where it screens, by text of these rows that it carries, and no better elsewhere."""
    swarm = Machine()
    experiment = swarm.variant(0.9, 1.02)
    assert experiment.state is State.REJECTED
    assert experiment.value == pytest.approx(1.0), "what it is worth on rows that it never saw"
    shown = row(experiment)
    assert shown.runs == 1
    assert shown.audit is not None
    assert shown.audit.positions == audit_of(2048).positions, "of that run alone, as the value is"
    assert experiment.delta == pytest.approx(0.0)
    assert "over 1 run;" in experiment.reason
    assert experiment.on_screen_rows == 0.9
    one_block = Machine(blocks=1).variant(0.9, 1.0)
    assert one_block.state is State.MERGED, "as on one block: the mean of both runs passes"


def test_a_merge_rests_on_its_runs_on_fresh_rows_alone() -> None:
    swarm = Machine(policy=Confirm(confirm_runs=2, z=2.0))
    experiment = swarm.variant(0.90, 0.95, 0.99)
    assert queued(swarm, experiment.experiment)[1:] == [(Purpose.CONFIRM, 1, 0.02)] * 2
    assert experiment.state is State.MERGED
    assert experiment.value == pytest.approx((0.93 + 0.97) / 2)
    assert "over 2 runs" in experiment.reason
    best = swarm.state.divisions["cpu"].best
    assert best is not None
    assert (best.runs, best.value) == (2, experiment.value)
    assert list(broken(swarm.state)) == []


def test_a_retest_is_on_fresh_rows_too_and_needs_its_confirm_run() -> None:
    swarm = Machine()
    swarm.join("a1")
    first, second = swarm.think("a0"), swarm.think("a1")
    runs = swarm.lease("a0"), swarm.lease("a1")
    assert first is not None and second is not None and runs[0] is not None and runs[1] is not None  # noqa: PT018
    swarm.report("a0", runs[0], Measured(0.95))
    swarm.make(0.97)
    assert swarm.state.experiments[first].state is State.MERGED
    swarm.report("a1", runs[1], Measured(0.90))
    swarm.make(0.92)
    swarm.make(0.91)
    moved = swarm.state.experiments[second]
    assert queued(swarm, second) == [
        (Purpose.SCREEN, 0, 0.0),
        (Purpose.RETEST, 1, 0.02),
        (Purpose.CONFIRM, 1, 0.02),
    ]
    assert moved.state is State.MERGED
    assert moved.value == pytest.approx((0.90 + 0.89) / 2)
    assert (moved.on_screen_rows, moved.on_fresh_rows) == (None, moved.value)


def test_where_the_baseline_has_no_value_on_a_block_all_runs_are_on_the_first() -> None:
    swarm = Machine(measured=False)
    experiment = swarm.variant(0.95, 0.95)
    assert queued(swarm, experiment.experiment) == [(Purpose.SCREEN, 0, 0.0), (Purpose.CONFIRM, 0, 0.0)]
    assert experiment.state is State.MERGED
    best = swarm.state.divisions["cpu"].best
    assert best is not None
    assert best.runs == 2


def test_a_campaign_of_before_goes_on_as_it_was() -> None:
    """Its rules said one block, and its baseline was measured on one; then they say three."""
    swarm = Machine(blocks=1, measured=False)
    assert swarm.variant(0.95, 0.95).state is State.MERGED
    swarm.commit([RulesChanged(rules=replace(swarm.state.rules, val_blocks=3))])
    experiment = swarm.variant(0.90, 0.90)
    assert queued(swarm, experiment.experiment) == [(Purpose.SCREEN, 0, 0.0), (Purpose.CONFIRM, 0, 0.0)]
    assert experiment.state is State.MERGED


class CrowdOnBlocks(Crowd):
    def result(self, run: str, outcome: Any = None) -> RunResult:
        made = super().result(run, outcome)
        if self.state.runs[run].purpose is not Purpose.BASELINE or not isinstance(made.outcome, Measured):
            return made
        return replace(made, details={"value_block_1": made.outcome.value - 0.05})


@pytest.mark.parametrize("lookahead", [0, 3])
def test_a_campaign_on_blocks_keeps_its_invariants_and_replays(lookahead: int) -> None:
    swarm = CrowdOnBlocks(rules(val_blocks=2, lookahead=lookahead))
    for agent in ("a0", "a1"):
        swarm.join(agent)
    for _ in range(150):
        for agent in ("a0", "a1"):
            if (run := swarm.lease(agent)) is not None:
                swarm.report(agent, run)
            swarm.think(agent)
        assert list(broken(swarm.state)) == []
    merged = [one for one in swarm.state.experiments.values() if one.state is State.MERGED and one.ordinal]
    assert merged
    assert all(run.block for one in merged for run in one.resting)
    assert swarm.replayed().experiments == swarm.state.experiments
