"""The result of one variant tried once, outside any campaign or by the terms of one."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from rich.console import Group, RenderableType
from rich.text import Text

from deploy.views.experiment import audit_words
from deploy.views.sanitize import one_line, sanitize
from deploy.views.tables import pairs
from deploy.views.units import number
from deploy.views.usage import cpu_in_words, details_in_words, memory_in_words, spent_in_words
from evaluator.budget import Budget
from evaluator.result import Audit, CpuSeconds, Seconds


class ReferenceView(Struct, frozen=True, kw_only=True):
    """The unmodified surface under the same budget, on this machine; meanings and units as of the trial."""

    value: float | None
    seconds: Seconds
    spent: float
    cpu: CpuSeconds | None
    peak_memory: int
    details: dict[str, float | str]


class BoardView(Struct, frozen=True, kw_only=True):
    """What a campaign says beside a trial: values are in the metric's unit."""

    campaign: str
    program: str
    """What was tried: an experiment's id, or a file."""
    experiment: str
    """Whose value it is: of the program itself, or, for a file, of the best."""
    division: str
    value: float | None
    """On the board; None where there is none."""
    runs: int
    """It is the mean of so many."""
    sigma: float | None
    """Standard deviation between runs of unchanged code."""
    baseline: float | None
    """Value of the unmodified surface."""
    gain: float | None = None
    """How much better the trial is than ``value``; negative when worse."""
    gain_sigmas: float | None = None
    """The same in σ."""


class TrialPage(Struct, frozen=True, kw_only=True):
    """What ``autoswarm try --json`` prints."""

    schema: Literal[1]
    outcome: str
    value: float | None
    """In the metric's unit; None when it was not measured."""
    floor: float | None
    """Exact bound of the metric, in its unit."""
    seconds: Seconds
    """Real ones, by phase."""
    sandbox: str
    audit: Audit | None
    seed: int
    reason: str
    """Why there is no value; empty when there is one."""
    open: str
    """Why a campaign in strict mode would not merge it, whatever its value; empty when it could."""
    budget: Budget
    """What it might spend."""
    spent: float
    """Of the budget, in its unit."""
    steps: int
    """Batches handed out."""
    cpu: CpuSeconds | None
    """CPU seconds by phase, and whether the kernel counted them; None where its weights were not handed
    over.
    """
    peak_memory: int
    """Bytes."""
    log_bytes: int
    """What it wrote, kept or not."""
    details: dict[str, float | str]
    """What else the judge noted: ``_seconds`` of real time, ``_cpu`` in CPU seconds, ``price_factor``."""
    reference: ReferenceView | None
    """What it was held to; None without a reference."""
    board: BoardView | UnsetType = UNSET
    """What the campaign says; absent outside one."""


def trial(page: TrialPage, tail: str) -> RenderableType:
    """The result as people see it. tail: the end of its log, shown when it was not measured."""
    phases = {
        "startup": page.seconds.startup,
        "train": page.seconds.train,
        "evaluate": page.seconds.evaluate,
        "total": page.seconds.total,
    }
    facts = {
        "outcome": page.outcome,
        "value": number(page.value),
        **_board(page),
        "reason": one_line(page.reason),
        "open": one_line(page.open),
        "floor": "" if page.floor is None else number(page.floor),
        "spent": f"{spent_in_words(page.spent, page.budget)}, {page.steps} batches",
        "time": ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in phases.items()),
        "CPU": cpu_in_words(page.cpu) if page.cpu else "",
        "memory": f"{memory_in_words(page.peak_memory)} at most" if page.peak_memory else "",
        "sandbox": page.sandbox,
        "audit": audit_words(page.audit),
        "judge": details_in_words(page.details),
        "reference": _reference(page.reference) if page.reference else "",
        "seed": str(page.seed),
    }
    last = [Text(sanitize(tail).rstrip(), style="dim")] if tail and page.outcome != "measured" else []
    return Group(pairs({name: fact for name, fact in facts.items() if fact}), *last)


def _board(page: TrialPage) -> dict[str, str]:
    """The campaign's value beside the trial's, with the noise that both have."""
    board = page.board
    if board is UNSET:
        return {}
    itself = "itself" if board.experiment == board.program else f"the best, {board.experiment}"
    facts = {
        "on board": f"{number(board.value)} over {board.runs} runs ({itself})",
        "baseline": f"{number(board.baseline)}; σ of one run {number(board.sigma)}",
        "campaign": f"{board.campaign}, division {board.division}",
    }
    if board.gain is not None:
        word = "better" if board.gain > 0 else "worse"
        sigmas = "" if board.gain_sigmas is None else f" = {abs(board.gain_sigmas):.1f} σ"
        facts["apart"] = (
            f"{word} by {number(abs(board.gain))}{sigmas}; this is one run on the rows of screens"
        )
    return facts


def _reference(reference: ReferenceView) -> str:
    cpu = f"; CPU {cpu_in_words(reference.cpu)}" if reference.cpu else ""
    return f"the unmodified surface {number(reference.value)}, train {reference.seconds.train:.1f} s{cpu}"
