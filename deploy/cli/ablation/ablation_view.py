"""An ablation as people see it: a line for each piece."""

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from deploy.cli.ablation.ablation_record import AblationRecord, PieceResult
from deploy.views.sanitize import one_line
from deploy.views.tables import align_right, headed, pairs
from deploy.views.units import span

DIGITS = 5
"""Decimals of a loss."""
DROP = ("why", "lines")
"""What a narrow terminal does without, the first one first."""


def ablation_view(record: AblationRecord, folder: Path, asked: list[str]) -> RenderableType:
    """A record. folder: where it lies. asked: what was left for the coordinator, a line each."""
    plan = record.plan
    table = headed(
        "piece", "title", "lines", "without it", "in σ", "verdict", "why", drop=DROP, folded=("title", "why")
    )
    align_right(table, range(2, 5))
    for piece in record.pieces:
        table.add_row(
            piece.experiment,
            Text(one_line(piece.title)),
            f"+{piece.added} −{piece.removed}",
            _loss(piece),
            "" if piece.in_sigma is None else f"{-piece.in_sigma:+.1f}",
            piece.verdict.value,
            Text(one_line(piece.reason)),
        )
    question = next((piece.plan.question for piece in plan.pieces if piece.plan), None)
    facts = {
        "best": f"{plan.best.experiment}  {one_line(plan.best.title)}",
        "without it": "how much better the value is then, in the metric's unit ± s.e.; negative is worse",
        "margin": _margin(record),
        "rows": f"block {question.block}: {question.rows.value}" if question else "",
        "took": f"{span(sum(run.seconds.total for run in record.runs))} of {len(record.runs)} runs",
        "left": "; ".join(map(one_line, asked)),
        "record": f"{plan.record}, in {folder}",
    }
    return Group(table, pairs({name: fact for name, fact in facts.items() if fact}))


def _loss(piece: PieceResult) -> str:
    if piece.loss is None:
        return "–"
    return f"{-piece.loss:+.{DIGITS}f} ± {piece.standard_error or 0.0:.{DIGITS}f}"


def _margin(record: AblationRecord) -> str:
    plan = record.plan
    if not plan.sigma:
        return "none: σ of the division is not known"
    return (
        f"{plan.margin:g} σ = {plan.margin * plan.sigma:.2g}; σ of one run {plan.sigma:.2g}, p below"
        f" {plan.level:g}, {plan.runs} runs each"
    )
