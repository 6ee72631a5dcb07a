"""The leaderboard, the best-so-far chart of a division, and the closing summary."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.domain import Direction, Metric
from coordinator.store.paths import Layout
from coordinator.views.leaderboard import BestSoFar, LeaderboardRow
from coordinator.views.record_line import RecordLine
from coordinator.views.status_page import DivisionView, StatusPage
from deploy.campaigns.record_lines import latest_by_experiment
from deploy.views.best_so_far import Frame, Point, draw
from deploy.views.sanitize import one_line
from deploy.views.status_page import headline
from deploy.views.tables import COLOURS, align_right, headed, pairs
from deploy.views.units import by_rows, false_in_words, gain, in_sigmas, named, number, probability, to_floor
from evaluator.result import Audit
from evaluator.significance import p_in_words

DROP = ("audit", "sandbox", "to floor", "runs", "arm", "false", "record", "on base", "division", "state")
"""What a narrow terminal does without, the first one first."""


def leaderboard(page: StatusPage, rows: Sequence[LeaderboardRow]) -> RenderableType:
    """Experiments, bests first. Gains are on the baseline of each row's own division and on the best that it
    was compared with, distances to the floor.
    """
    if not rows:
        return Text("No experiment yet.")
    divisions = {division.name: division for division in page.divisions}
    names = [
        "experiment",
        page.metric.name,
        "on base",
        "on best",
        "to floor",
        "runs",
        "false",
        "state",
        "sandbox",
    ]
    records = latest_by_experiment(page.records or ())
    more = [*["record"] * bool(records), *["division"] * (len(divisions) > 1)]
    table = headed(*names, "audit", *more, "arm", "title", drop=DROP)
    align_right(table, range(1, 7))
    for row in rows:
        where = [_record(records.get(row.experiment))] if records else []
        where += [row.division] if len(divisions) > 1 else []
        numbers = _numbers(page.metric, divisions[row.division], row)
        state = Text(row.state, style=COLOURS.get(row.state, ""))
        checked = [row.sandbox or "–", _audit(row.audit)]
        title = Text(one_line(row.title))
        table.add_row(row.experiment, *numbers, state, *checked, *where, row.arm or "–", title)
    return table


def _numbers(metric: Metric, division: DivisionView, row: LeaderboardRow) -> list[str]:
    return [
        number(row.value),
        in_sigmas(division, gain(metric, division, row.value)),
        in_sigmas(division, row.gain_over_best),
        to_floor(division, row.value),
        str(row.runs),
        probability(row.false_probability) or "–",
    ]


def _record(line: RecordLine | None) -> str:
    """``certified, p < .001``, ``not better``, or a dash."""
    if line is None:
        return "–"
    words = f"certified, {p_in_words(line.p)}" if line.certified else line.shown
    return f"{words} ({one_line(line.open)})" if line.open else words


def _audit(audit: Audit | None) -> str:
    return "–" if audit is None else audit.in_short


def chart(metric: Metric, division: DivisionView, points: Iterable[BestSoFar], width: int = 78) -> Text:
    """The best-so-far chart of one division, ``width`` characters wide."""
    frame = Frame(
        metric=metric.name,
        minimize=metric.direction is Direction.MINIMIZE,
        baseline=division.baseline.value,
        floor=division.floor,
        sigma=division.baseline.sigma,
        width=width,
    )
    return Text(draw([_point(point) for point in points], frame))


def _point(point: BestSoFar) -> Point:
    """As the chart has it."""
    return Point(
        point.value,
        kept=point.became_best,
        stacked=point.merged and not point.became_best,
        rolled_back=point.rolled_back,
    )


def closing(
    page: StatusPage,
    rows: Sequence[LeaderboardRow],
    bests: Mapping[str, Sequence[BestSoFar]],
    layout: Layout,
    width: int = 78,
) -> RenderableType:
    """What a campaign leaves: leaderboard, best-so-far chart of each division, and where everything lies.
    bests: by division.
    """
    blocks: list[RenderableType] = [leaderboard(page, rows), Text()]
    for division in page.divisions:
        blocks += [
            chart(page.metric, division, bests.get(division.name, []), width),
            *_said(division),
            Text(),
        ]
    return Group(*blocks, headline(page), _places(page, layout))


def _said(division: DivisionView) -> list[Text]:
    """How far its merges can be believed, a line each."""
    lines = [false_in_words(division.false_merges)] if division.false_merges else []
    if division.best and (rows := by_rows(division.best.rows)):
        lines.append(f"best: {rows}")
    return [Text(line) for line in lines]


def _places(page: StatusPage, layout: Layout) -> Table:
    branches = ", ".join(f"best/{division.name}" for division in page.divisions if division.best)
    return pairs(
        {
            "journal": str(layout.journal),
            "repository": f"{layout.repository}" + (f", branch {branches}" if branches else ""),
            "runs": f"{layout.runs} (log and result of each)",
            "results": str(layout.results),
            "configuration": str(layout.config),
            **_commands(page, named(layout)),
        }
    )


def _commands(page: StatusPage, campaign: str) -> dict[str, str]:
    """What to type next, to have the best program and its value again. campaign: what names it."""
    if not any(division.best for division in page.divisions):
        return {"next": f"autoswarm status{campaign} · autoswarm logs baseline{campaign}"}
    return {
        "program": f"autoswarm show best --source{campaign} > best.py",
        "reproduce": f"autoswarm reproduce best{campaign}",
        "next": f"autoswarm show best{campaign} · autoswarm diff baseline best{campaign}",
    }
