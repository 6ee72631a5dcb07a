"""The result of one variant tried once, outside any campaign."""

from typing import Literal

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from deploy.views.experiment import audit_words
from deploy.views.sanitize import one_line, sanitize
from deploy.views.tables import pairs
from deploy.views.units import number
from evaluator.result import Audit, Seconds


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
        "floor": "" if page.floor is None else number(page.floor),
        "time": ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in phases.items()),
        "sandbox": page.sandbox,
        "audit": audit_words(page.audit),
        "seed": str(page.seed),
    }
    last = [Text(sanitize(tail).rstrip(), style="dim")] if tail and page.outcome != "measured" else []
    return Group(pairs({name: fact for name, fact in facts.items() if fact}), *last)
