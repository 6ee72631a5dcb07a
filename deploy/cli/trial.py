"""One variant tried once and judged: outside any campaign, or as a campaign would."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import assert_never

from msgspec import UNSET, Struct
from msgspec.structs import replace

from agents.proposers.surface_files import surface_at
from configs.errors import ConfigError
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules import cpu_bounds, trust
from coordinator.views.status_page import SCHEMA
from deploy.campaigns.terms import Terms
from deploy.cli.quarters import Quarters
from deploy.cli.reference import Circumstances, Reference, digest_of, machine, software
from deploy.views.trial_page import BoardView, ReferenceView, TrialPage
from evaluator.baseline_facts import BaselineFacts, facts_of
from evaluator.budget import Budget
from evaluator.bundle import BundleError
from evaluator.result import (
    Cheated,
    Crashed,
    EndedEarly,
    Lost,
    Measured,
    Outcome,
    RunResult,
    TimedOut,
    outcome_name,
)
from trainer.contract import Slot
from trainer.sandbox.probe import AUTO, choose
from trainer.task import Task
from trainer.task_loading import load_task
from trainer.try_once import try_once, with_more_time, with_time_once_more

STRICT = TrustRules(mode=Mode.STRICT)
"""What a campaign asks of a merge by default."""


class Trial(Struct, frozen=True, kw_only=True):
    """What to try."""

    source: Path
    task: str = "demo"
    size: str | None = None
    seed: int = 1
    cores: int = 1
    data: Path = Path("data")
    """Folder of prepared data, one folder per task."""
    keep: Path | None = None
    """Where log and result stay; None keeps neither."""
    reference: bool | None = None
    """Whether the unmodified surface is measured first, to hold the variant to its CPU and time; None: under
    a counted budget, where the judge prices by CPU.
    """


class Tried(Struct, frozen=True):
    """What came of a trial."""

    result: RunResult
    budget: Budget
    reference: RunResult | None = None
    """The unmodified surface under the same budget, if it was measured."""
    baseline: Sequence[RunResult] = ()
    """Runs of the campaign's baseline, where it was tried as one of a campaign."""
    rules: TrustRules = STRICT
    """What a merge needs."""
    board: BoardView | None = None
    """What the campaign says beside it."""


class _Stand(Struct, frozen=True, kw_only=True):
    """Where the runs of a trial happen: the same for the variant and its reference."""

    task: Task
    data: Path
    """Prepared data of the task."""
    slot: Slot
    budget: Budget
    seed: int
    tell: Callable[[str], None]

    def run(self, source: str, baseline: BaselineFacts, keep: Path | None, budget: Budget) -> RunResult:
        """One run of a surface, judged."""
        hear = Quarters(self.tell).hear
        if budget.wall_cap > self.budget.wall_cap:
            self.tell(f"this machine is slow: the run gets {budget.wall_cap:.0f} s of real time")
        return try_once(self.task, source, self.data, self.slot, self.seed, budget, keep, hear, baseline)

    def reference(self, folder: Path) -> Reference:
        """The unmodified surface as it does here. folder: of prepared data."""
        circumstances = Circumstances(
            data=digest_of(self.data) if self.task.trains else self.task.digest,
            surface=self.task.source,
            budget=self.budget,
            cores=self.slot.cores,
            sandbox=choose(AUTO).tier.value,
            machine=machine(),
            software=software(),
        )
        return Reference(folder, circumstances)

    def measure(self) -> RunResult:
        """One run of the unmodified surface."""
        self.tell("measuring the unmodified surface once, as the reference")
        return self.unmodified(None)

    def unmodified(self, keep: Path | None) -> RunResult:
        """One run of it that is measured, however slow this machine is."""
        return with_more_time(
            lambda budget: self.run(self.task.source, BaselineFacts(), keep, budget), self.budget
        )

    def variant(self, source: str, reference: RunResult | None, keep: Path | None) -> RunResult:
        """One run of a variant, beside what the unmodified surface came to."""
        facts = facts_of([reference]) if reference else BaselineFacts()
        longest = reference.finished_at - reference.started_at if reference else None
        return with_time_once_more(lambda budget: self.run(source, facts, keep, budget), self.budget, longest)


def try_variant(trial: Trial, tell: Callable[[str], None]) -> Tried:
    """Prepare the data if it is missing, train, judge. Raises ConfigError."""
    task = load_task(trial.task)
    source = read_program(trial.source, task.patterns)
    budget = task.budget(trial.size)
    data = task.prepare(trial.data, tell)
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if task.needs == "gpu" else None
    slot = Slot("try", cores=trial.cores, gpu=gpu)
    stand = _Stand(task=task, data=data, slot=slot, budget=budget, seed=trial.seed, tell=tell)
    file, itself = stand.reference(trial.data), source == task.source
    wanted = budget.unit.deterministic if trial.reference is None else trial.reference
    reference = _measured(file.of(stand.measure), tell) if wanted and not itself else None
    tell(f"training {trial.source}: {budget.amount:g} {budget.unit}, {budget.wall_cap:g} s at most")
    result = stand.unmodified(trial.keep) if itself else stand.variant(source, reference, trial.keep)
    if itself and isinstance(result.outcome, Measured):
        file.keep(result)
    return Tried(result, budget, reference)


def try_in_campaign(
    terms: Terms, source: str, board: BoardView, seed: int, keep: Path | None, tell: Callable[[str], None]
) -> Tried:
    """Train a program once by a campaign's own terms, on the rows of screens. board: what the campaign says
    of it. keep: folder that keeps log and result. Raises ConfigError.
    """
    budget = terms.budget
    if not terms.prepared:
        tell(f"preparing the data of task {terms.task.name} in {terms.config.data_dir}")
    trainer = terms.trainer()
    tell(
        f"training {board.program} once by the terms of campaign {board.campaign}: task {terms.task.name},"
        f" {budget.amount:g} {budget.unit}, {budget.wall_cap:g} s at most, seed {seed}"
    )
    with tempfile.TemporaryDirectory(prefix="autoswarm-try-") as fleeting:
        order = terms.order(source, seed, keep or Path(fleeting))
        result = trainer.train(order, Quarters(tell).hear, Event())
    apart = _apart(terms, board, result)
    return Tried(result, budget, None, terms.baseline, terms.state.rules.trust, apart)


def _apart(terms: Terms, board: BoardView, result: RunResult) -> BoardView:
    """With how far the result is from the value on the board."""
    if board.value is None or not isinstance(result.outcome, Measured):
        return board
    gain = terms.state.metric.gain(board.value, result.outcome.value)
    return replace(board, gain=gain, gain_sigmas=gain / board.sigma if board.sigma else None)


def _measured(reference: RunResult, tell: Callable[[str], None]) -> RunResult | None:
    """The reference, None where it gave no value: then there is nothing to hold a variant to."""
    if isinstance(reference.outcome, Measured):
        return reference
    tell(f"the unmodified surface was not measured ({reason(reference.outcome)}): there is no reference")
    return None


def page_of(tried: Tried) -> TrialPage:
    """The result as people and their programs read it."""
    result, budget = tried.result, tried.budget
    return TrialPage(
        schema=SCHEMA,
        outcome=outcome_name(result.outcome),
        value=_value(result),
        floor=result.floor,
        seconds=result.seconds,
        sandbox=result.sandbox,
        audit=result.audit,
        seed=result.seed,
        reason=reason(result.outcome),
        open=_open(tried),
        budget=budget,
        spent=result.spent,
        steps=result.steps,
        cpu=result.cpu,
        peak_memory=result.peak_memory,
        log_bytes=result.log_bytes,
        details=result.details,
        reference=None if tried.reference is None else _reference_view(tried.reference),
        board=tried.board or UNSET,
    )


def _reference_view(reference: RunResult) -> ReferenceView:
    return ReferenceView(
        value=_value(reference),
        seconds=reference.seconds,
        spent=reference.spent,
        cpu=reference.cpu,
        peak_memory=reference.peak_memory,
        details=reference.details,
    )


def _value(result: RunResult) -> float | None:
    return result.outcome.value if isinstance(result.outcome, Measured) else None


def _open(tried: Tried) -> str:
    """Why a campaign would not merge what was measured, whatever its value; empty when it could. Outside one
    it is one in strict mode.
    """
    result, rules = tried.result, tried.rules
    if not isinstance(result.outcome, Measured):
        return ""
    baseline = list(tried.baseline) if tried.reference is None else [tried.reference]
    counted = tried.budget.unit.deterministic and baseline
    overworked = cpu_bounds.overworked([result], baseline, rules) if counted else ""
    why = trust.refusal([result], rules) or overworked
    if why or trust.standing(result, rules) is not trust.Standing.UNAUDITED:
        return why
    return f"not audited: {result.details.get('twin', 'no twin answered')}"


def reason(outcome: Outcome) -> str:
    """Why there is no value, in plain words; empty when there is one."""
    match outcome:
        case Measured():
            return ""
        case Crashed(kind=kind, message=message):
            return ": ".join(filter(None, (kind.value.replace("_", " "), message)))
        case TimedOut(limit=limit, seconds=seconds, why=why):
            limited = f"ended at its {limit.value.replace('_', ' ')} after {seconds:.1f} s"
            return f"{limited}: {why}" if why else limited
        case Cheated(kind=kind, evidence=evidence):
            return f"{kind}: {evidence}"
        case EndedEarly(why=why):
            return f"ended {why}"
        case Lost(reason=why):
            return why
        case _:
            assert_never(outcome)


def read_program(path: Path, patterns: Sequence[str]) -> str:
    """The text of a program, a file or a folder of them. patterns: of the task's surface. Raises
    ConfigError.
    """
    try:
        return surface_at(path, patterns)
    except (OSError, UnicodeDecodeError, BundleError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            "Name a variant of the task's surface, or a folder with all of its files.",
        ) from error
