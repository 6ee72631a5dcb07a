"""The result of one variant tried once, outside any campaign."""

from typing import Literal

from msgspec import Struct
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


def _reference(reference: ReferenceView) -> str:
    cpu = f"; CPU {cpu_in_words(reference.cpu)}" if reference.cpu else ""
    return f"the unmodified surface {number(reference.value)}, train {reference.seconds.train:.1f} s{cpu}"
