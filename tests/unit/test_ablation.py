"""The pieces of a best: which they are, the best without each, and what runs show of one. No trainer runs
here.
"""

import pytest
from msgspec.structs import replace

from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.variants.gate import Gate
from deploy.cli.ablation.ablation_record import AblationPlan, PieceVerdict, PlannedPiece
from deploy.cli.ablation.piece_verdicts import best_has_values, result_of
from deploy.cli.ablation.pieces import changed_lines, stack_of, taken_back
from deploy.cli.comparisons.question import NamedProgram, Plan, PlannedRun, RecordKind, Rows, Which
from deploy.exit_codes import NothingFoundError
from evaluator.policies.trunk import Trunk
from evaluator.result import Crashed, CrashKind, Limit, Lost, Measured, Outcome, RunResult, TimedOut
from tests.unit.swarm_of_rules import Swarm, audit_of, rules
from tests.unit.test_comparisons import QUESTION

BASE = "A = 1\nB = 1\nC = 1\n"
GATE = Gate((), ())


class Stacked(Swarm):
    """Three steps that were certified together."""

    def __init__(self) -> None:
        policy = Trunk(steps=3, runs=2, z=0.5, first_z=0.5, early_z=0.5)
        super().__init__(rules(policy=policy))
        self.join("a1")
        for value in (1.0, 1.01, 0.99, 1.0):
            self.train(value)
        for value in (0.9, 0.8, 0.7):
            self.think("a1")
            self.train(value)
        while self.state.divisions["cpu"].trunk:
            self.train(0.7)

    def train(self, value: float) -> None:
        run = self.lease("a1")
        assert run is not None
        self.report("a1", run, Measured(value))


def names(state: CampaignState, which: str) -> list[str]:
    return [one.experiment for one in stack_of(state, state.divisions["cpu"], which)]


def test_the_pieces_are_those_of_the_last_certificate_or_of_all_or_of_a_best() -> None:
    swarm = Stacked()
    assert names(swarm.state, "last") == ["e00001", "e00002", "e00003"] == names(swarm.state, "all")
    swarm.think("a1")
    swarm.train(0.5)
    swarm.commit_settled([])
    for _ in range(60):
        if not swarm.state.divisions["cpu"].trunk:
            break
        if not swarm.state.divisions["cpu"].queued:
            swarm.think("a1")
        run = swarm.lease("a1")
        assert run is not None
        confirms = swarm.state.runs[run].purpose is Purpose.CONFIRM
        swarm.report("a1", run, Measured(0.5 if confirms else 0.9))
    assert names(swarm.state, "last") == ["e00004"]
    assert names(swarm.state, "all") == ["e00001", "e00002", "e00003", "e00004"]
    assert names(swarm.state, "e00003") == ["e00001", "e00002", "e00003"]
    with pytest.raises(NothingFoundError, match="e00002 is no best of division cpu"):
        names(swarm.state, "e00002")


def test_a_best_that_nothing_merged_with_has_no_pieces() -> None:
    swarm = Swarm()
    swarm.join("a1")
    with pytest.raises(NothingFoundError, match="nothing has merged"):
        names(swarm.state, "last")


@pytest.mark.parametrize(
    ("own", "best", "without", "trouble"),
    [
        ("A = 2\nB = 1\nC = 1\n", "A = 2\nB = 1\nC = 3\n", "A = 1\nB = 1\nC = 3\n", ""),
        ("A = 2\nB = 1\nC = 1\n", "A = 5\nB = 1\nC = 3\n", "", "later pieces build on it"),
        ("A = 2\nB = 1\nC = 1\n", "A = 1\nB = 1\nC = 3\n", "", "nothing of it is left in the best"),
        (f"{BASE}D = 4\n", f"{BASE}D = 4\nE = D\n", "", "later pieces build on it"),
    ],
    ids=["apart", "changed again", "taken back before", "built upon"],
)
def test_a_piece_is_taken_back_by_the_merge_turned_round(
    own: str, best: str, without: str, trouble: str
) -> None:
    piece = Stacked().state.experiments["e00001"]
    made = taken_back(piece, best, {piece.commit: own, piece.parent: BASE}.__getitem__, GATE)
    assert made.without == without
    assert made.shorter == bool(without)
    assert trouble in made.trouble
    assert bool(made.trouble) == bool(trouble)


def test_lines_are_counted_that_came_and_that_went() -> None:
    assert changed_lines("a\nb\nc\n", "a\nx\nc\nd\n") == (2, 1)
    assert changed_lines("a\n", "a\n") == (0, 0)


# ---------------------------------------------------------------------- what runs show

BEST = (1.00, 1.01, 0.99, 1.00)
SIGMA = 0.01
CRASH = Crashed(CrashKind.EXCEPTION, "NameError: name 'D' is not defined")


def planned(runs: int = 4) -> PlannedPiece:
    sides = [
        PlannedRun(f"{name}{number}", which, number)
        for number in range(1, runs + 1)
        for name, which in (("b", Which.B), ("e00001-", Which.A))
    ]
    question = replace(QUESTION, kind=RecordKind.ABLATE, rows=Rows.FRESH, runs=runs, level=0.05, sigma=SIGMA)
    plan = Plan(record="", question=question, runs=tuple(sides), attempt=1, made_at=0.0)
    return PlannedPiece(
        experiment="e00001", title="wider", added=1, removed=1, shorter=True, trouble="", plan=plan
    )


def asked(piece: PlannedPiece, margin: float = 1.0, sigma: float | None = SIGMA) -> AblationPlan:
    return AblationPlan(
        record="a0001",
        campaign="night",
        division="cpu",
        best=NamedProgram(name="best", sha256=""),
        which="last",
        pieces=(piece,),
        runs=4,
        sigma=sigma,
        margin=margin,
        level=0.05,
        made_at=0.0,
    )


def results(piece: PlannedPiece, outcomes: list[Outcome]) -> dict[str, RunResult]:
    assert piece.plan is not None
    values = iter(outcomes)
    best = iter([Measured(value) for value in BEST])
    made = {}
    for run in piece.plan.runs:
        outcome = next(best if run.which is Which.B else values, None)
        if outcome is not None:
            made[run.run] = RunResult(
                run=run.run, outcome=outcome, seed=run.seed, sandbox="A", audit=audit_of()
            )
    return made


@pytest.mark.parametrize(
    ("values", "margin", "verdict"),
    [
        ((1.03, 1.04, 1.02, 1.03), 1.0, PieceVerdict.NEEDED),
        ((0.97, 0.96, 0.98, 0.97), 1.0, PieceVerdict.IN_THE_WAY),
        ((1.00, 1.01, 0.99, 1.00), 1.0, PieceVerdict.NOT_SHOWN),
        ((1.00, 1.01, 0.99, 1.00), 1.5, PieceVerdict.NOT_NEEDED),
        ((1.01, 1.02, 1.00, 1.01), 1.5, PieceVerdict.NOT_SHOWN),
    ],
)
def test_a_piece_is_needed_in_the_way_not_needed_or_none_of_these(
    values: tuple[float, ...], margin: float, verdict: PieceVerdict
) -> None:
    """One-sided at .05 with σ known the bar is 1.645·σ·sqrt(2/4) = 1.16 σ: no difference at all excludes a
    loss of 1.5 σ with four runs a side, and not one of 1 σ.
    """
    piece = planned()
    plan = asked(piece, margin)
    shown = result_of(plan, piece, results(piece, [Measured(value) for value in values]), [])
    assert shown.verdict is verdict
    assert shown.loss == pytest.approx(sum(values) / 4 - 1.0)
    assert shown.in_sigma == pytest.approx((sum(values) / 4 - 1.0) / SIGMA)
    assert shown.standard_error == pytest.approx(SIGMA * (2 / 4) ** 0.5)


@pytest.mark.parametrize("outcome", [CRASH, TimedOut(Limit.BUDGET, 9.0)])
def test_without_a_piece_that_it_cannot_run_without_there_is_no_value(outcome: Outcome) -> None:
    piece = planned()
    shown = result_of(asked(piece), piece, results(piece, [Measured(1.0), outcome]), [])
    assert shown.verdict is PieceVerdict.NEEDED
    assert "without it there is no value" in shown.reason
    assert (shown.loss, shown.in_sigma) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Lost("its process was killed"), "its process was killed"),
        (TimedOut(Limit.WALL_CAP, 60.0), "ended at its wall cap after 60.0 s"),
    ],
)
def test_what_may_be_the_machines_fault_shows_nothing_of_a_piece(outcome: Outcome, why: str) -> None:
    piece = planned()
    shown = result_of(asked(piece), piece, results(piece, [Measured(1.0), outcome]), [])
    assert shown.verdict is PieceVerdict.NOT_SHOWN
    assert shown.reason == f"it came to no value: run e00001-2: {why}"


def test_a_piece_that_cannot_be_taken_out_alone_says_so_and_no_sigma_shows_no_margin() -> None:
    apart = replace(planned(), plan=None, trouble="later pieces build on it")
    shown = result_of(asked(apart), apart, {}, [])
    assert (shown.verdict, shown.reason) == (PieceVerdict.NOT_ALONE, "later pieces build on it")
    piece = planned()
    same = result_of(asked(piece, sigma=None), piece, results(piece, [Measured(v) for v in BEST]), [])
    assert (same.verdict, same.in_sigma) == (PieceVerdict.NOT_SHOWN, None)


def test_what_it_is_compared_with_has_to_have_values_itself() -> None:
    plan = asked(planned())
    assert best_has_values(plan, {"b1": "measured", "e00001-1": "crashed"})
    assert not best_has_values(plan, {"b1": "crashed"})
