"""What a run used and what its judge noted, as people read it: budget, CPU, memory, details."""

from collections.abc import Mapping

from deploy.views.sanitize import one_line
from evaluator.budget import Budget
from evaluator.result import CpuSeconds

FIRST = ("warmup_seconds", "warmup_tokens", "step_seconds", "pace", "price_factor", "evaluate_seconds")
"""Details that are said first; the others follow by name."""
SAID_ELSEWHERE = frozenset({"train_cpu", "evaluate_cpu"})
"""Parts of the CPU seconds by phase."""
WORDS = {
    "pace": "{} s for each second of its price",
    "price_factor": "price × {} by its CPU",
    "evaluation_excess": "evaluation over its allowance by {} of the budget",
    "step_price": "a step costs {} of the budget's unit",
    "second_price": "a second on the reference core is worth {} of the budget's unit",
}
"""Details whose name alone does not say what they are."""
UNITS = {"seconds": "s", "cpu": "s of CPU", "tokens": "tokens", "bytes": "bytes", "nats": "nat"}
"""What the last word of a detail's name says of its unit."""
TEXT_CHARS = 160
GIGABYTE = 1e9


def spent_in_words(spent: float, budget: Budget) -> str:
    """``2.98 virtual seconds, 99.3 % of the budget``."""
    share = f", {spent / budget.amount:.1%} of the budget" if budget.amount > 0 else ""
    return f"{spent:.4g} {budget.unit.value.replace('_', ' ')}{share}"


def cpu_in_words(cpu: CpuSeconds) -> str:
    """CPU seconds by phase, and whose word they are."""
    phases = {"startup": cpu.startup, "train": cpu.train, "evaluate": cpu.evaluate}
    source = "counted by the kernel" if cpu.counted else "as seen of each process, not counted by the kernel"
    return f"{', '.join(f'{phase} {seconds:.2f} s' for phase, seconds in phases.items())}, {source}"


def memory_in_words(peak: int) -> str:
    """Bytes as gigabytes, a dash where none were seen."""
    return f"{peak / GIGABYTE:.2f} GB" if peak else "–"


def details_in_words(details: Mapping[str, float | str]) -> str:
    """What the judge noted, each with its unit: ``warmup 0.31 s, pace 1.2 s for each second of its price``.
    Names and texts are ours, and shown like everything else that came from beside a variant.
    """
    names = [*(name for name in FIRST if name in details), *sorted(set(details) - {*FIRST, *SAID_ELSEWHERE})]
    return ", ".join(_detail(name, details[name]) for name in names)


def _detail(name: str, value: float | str) -> str:
    head, _, unit = name.rpartition("_")
    words = one_line(name.replace("_", " "))
    if isinstance(value, str):
        text = one_line(value)
        return f"{words}: {text if len(text) <= TEXT_CHARS else f'{text[: TEXT_CHARS - 1]}…'}"
    number = f"{value:.0f}" if value == round(value) and abs(value) < 1e12 else f"{value:.4g}"
    if name in WORDS:
        return WORDS[name].format(number)
    return (
        f"{one_line(head.replace('_', ' '))} {number} {UNITS[unit]}"
        if head and unit in UNITS
        else (f"{words} {number}")
    )
