"""Everything about one experiment, and calls of models as rows. Pure.

Values are in the metric's unit, durations are seconds, moments are seconds since the epoch.
"""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from coordinator.domain import Purpose
from coordinator.state.arm_events import CallSettled
from coordinator.state.records import Experiment, Run
from coordinator.views.leaderboard import Doubts, LeaderboardRow, row
from coordinator.views.record_line import RecordLine
from coordinator.views.value_by_rows import RowsView, rows_of
from evaluator.budget import Budget
from evaluator.result import Audit, CpuSeconds, Outcome, Seconds


class CallRow(Struct, frozen=True, kw_only=True):
    """One call of a model; its fields are those of ``CallSettled``."""

    call: str
    agent: str
    arm: str
    model: str
    ordinal: int
    """Of the experiment it was made for."""
    turn: int
    """Of its conversation, from 0."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    """US dollars; None where no price is known."""
    seconds: float
    """Waited for the answer."""
    result: str
    estimated: bool
    """Whether its tokens or dollars are an estimate: its provider did not say them."""
    answered_by: str
    """What the reply calls its model, where that is another than was asked; untrusted text."""


class RunRow(Struct, frozen=True, kw_only=True):
    """One run; what its result says is None until it has one."""

    run: str
    purpose: Purpose
    seed: int
    counts: bool
    """Whether it is of the present round; one of another parent does not count."""
    outcome: Outcome | None = None
    seconds: Seconds | None = None
    floor: float | None = None
    sandbox: str | None = None
    audit: Audit | None = None
    spent: float | None = None
    """Of the budget, in its unit."""
    cpu: CpuSeconds | None = None
    """By phase, and whether the kernel counted them."""
    steps: int | None = None
    """Batches handed out."""
    tail: str = ""
    """The end of its log: untrusted text."""
    block: int | UnsetType = UNSET
    """Of validation rows, that it is evaluated on; absent where it is 0, what screens see."""
    value: float | UnsetType | None = UNSET
    """What was measured less what the baseline differs on that block, comparable with values on block 0;
    absent there.
    """
    peak_memory: int | None = None
    """Bytes."""
    log_bytes: int | None = None
    """What it wrote, kept or not."""
    details: dict[str, float | str] = {}
    """What else the judge noted: ``_seconds`` of real time, ``_cpu`` in CPU seconds, ``price_factor``."""


class ExperimentPage(LeaderboardRow, frozen=True, kw_only=True):
    """One experiment. Title, hypothesis, reason and logs are untrusted text."""

    hypothesis: str
    settings: dict[str, str]
    """Constants of its program, as literals."""
    calls: list[CallRow]
    """Of models, that led to it."""
    moves: dict[str, str]
    """Constants it changed from its parent, and how."""
    delta: float | None
    """Gain over the best it was compared with."""
    near: bool
    """Rejected by no more than the noise."""
    failure: str | None
    """Crash class, ``timed_out`` or ``cheated``."""
    repairs: str | None
    """The experiment it repairs."""
    repaired: str | None
    """The experiment that repairs it."""
    transferred: dict[str, str] | UnsetType = UNSET
    """Where its merge was tried besides: by division the experiment there, or why there is none; absent where
    it was not.
    """
    story: list[str]
    """Its events: moment and name."""
    all_runs: list[RunRow]
    rows: RowsView | UnsetType = UNSET
    """Its value by the rows it was measured on; absent without runs on rows that no screen saw."""
    budget: Budget
    """What each of its runs might spend."""
    records: list[RecordLine] | UnsetType = UNSET
    """What certify and verify measured of its program; absent without such."""


def experiment_page(
    experiment: Experiment,
    budget: Budget,
    calls: Iterable[CallSettled] = (),
    doubts: Doubts | None = None,
) -> ExperimentPage:
    """Everything about one experiment. budget: of its campaign. calls: of models, that led to it. doubts: of
    those that became the best.
    """
    return ExperimentPage(
        **asdict(row(experiment, doubts)),
        hypothesis=experiment.hypothesis,
        settings=experiment.settings,
        calls=[call_row(event) for event in calls],
        moves=experiment.constant_changes,
        delta=experiment.delta,
        near=experiment.near,
        failure=experiment.failure or None,
        repairs=experiment.repairs or None,
        repaired=experiment.repaired or None,
        transferred=experiment.transferred or UNSET,
        story=experiment.story,
        all_runs=[_run(run, run.round == experiment.round) for run in experiment.runs],
        rows=rows_of(experiment),
        budget=budget,
    )


def _run(run: Run, counts: bool) -> RunRow:
    bare = RunRow(run=run.run, purpose=run.purpose, seed=run.seed, counts=counts, block=run.block or UNSET)
    if (result := run.result) is None:
        return bare
    return replace(
        bare,
        outcome=result.outcome,
        seconds=result.seconds,
        floor=result.floor,
        sandbox=result.sandbox,
        audit=result.audit,
        spent=result.spent,
        cpu=result.cpu,
        steps=result.steps,
        tail=result.tail,
        value=run.value if run.block else UNSET,
        peak_memory=result.peak_memory,
        log_bytes=result.log_bytes,
        details=result.details,
    )


def call_row(event: CallSettled) -> CallRow:
    """One call of a model."""
    return CallRow(**asdict(event))
