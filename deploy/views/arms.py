"""Arms as people see them: what each did, what it earned for its cost, and how that compares with the
controls.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.domain import ArmChoice, Origin
from coordinator.state.tallies.arm_tally import Interval
from coordinator.views.arm_report import ArmReport, ArmRow, Rates
from coordinator.views.status_page import ArmTroubleView
from deploy.views.arm_trouble import trouble_line
from deploy.views.tables import COLOURS, align_right, headed
from deploy.views.units import DIGITS, hours, percent

PER = ("per GPU-hour", "per USD")
CHOSEN = {
    ArmChoice.WEIGHTS: "each arm has its share of the briefs",
    ArmChoice.BANDIT: "a bandit chooses by gain for cost",
}


def arms_page(report: ArmReport) -> RenderableType:
    """Two tables, and a third when there is a control to compare with."""
    blocks: list[RenderableType] = [
        _headline(report),
        _work(report.arms),
        Text(),
        _earned(report.arms, report.metric.name),
    ]
    blocks += [
        Text(trouble_line(arm.name, arm.trouble), style="red")
        for arm in report.arms
        if isinstance(arm.trouble, ArmTroubleView)
    ]
    if any(arm.versus for arm in report.arms):
        blocks += [Text(), _compared(report.arms)]
    return Group(*blocks)


def _headline(report: ArmReport) -> Text:
    words = f"  {CHOSEN[report.arm_choice]}; intervals cover 90 %"
    return Text(report.campaign, style="bold").append(words, style="not bold")


def _work(arms: Sequence[ArmRow]) -> Table:
    table = headed(
        "arm", "kind", "proposals", "refused", "applied", "runs", "merged", "rejected", "crashed", "cheated"
    )
    align_right(table, range(2, 10))
    for arm in arms:
        asked: list[RenderableType] = [
            _count(arm.proposals),
            _count(arm.refused),
            percent(arm.applied_rate),
            _count(arm.runs),
        ]
        ended = {
            "merged": arm.merged,
            "rejected": arm.rejected,
            "crashed": arm.crashed,
            "cheated": arm.cheated,
        }
        verdicts = [_count(count, COLOURS[state]) for state, count in ended.items()]
        table.add_row(Text(arm.name), _kind(arm), *asked, *verdicts)
    return table


def _kind(arm: ArmRow) -> str:
    """``control, from the baseline``: what is special about an arm, or a dash."""
    traits = ["control"] * arm.control + ["from the baseline"] * (arm.parent is Origin.BASELINE)
    traits += [arm.strategy] if arm.strategy not in ("free", None) else []
    return ", ".join(traits) or "–"


def _count(count: int, colour: str = "") -> Text:
    return Text(str(count), style=colour if count else "")


def _earned(arms: Sequence[ArmRow], metric: str) -> Table:
    table = headed("arm", f"gain in {metric}", "GPU-hours", "USD", *(f"gain {words}" for words in PER))
    align_right(table, range(1, 4))
    for arm in arms:
        cost = [hours(arm.gpu_hours), _dollars(arm)]
        rates = [interval(arm.gain_per_gpu_hour), interval(arm.gain_per_usd)]
        table.add_row(Text(arm.name), f"{arm.gain:.{DIGITS}f}", *cost, *rates)
    return table


def _dollars(arm: ArmRow) -> str:
    """``1.25``, or ``1.25 + 3 unpriced``: what calls without a known price cost is in no sum."""
    return f"{arm.usd:.2f}" + (f" + {arm.unpriced} unpriced" if arm.unpriced else "")


def _compared(arms: Sequence[ArmRow]) -> Table:
    table = headed("arm", "control", *(f"more gain {words}" for words in PER))
    for arm in arms:
        for control, more in arm.versus.items():
            table.add_row(Text(arm.name), Text(control), *_differences(more))
    return table


def _differences(more: Rates) -> list[Text]:
    return [_difference(more.gain_per_gpu_hour), _difference(more.gain_per_usd)]


def _difference(more: Interval | None) -> Text:
    """A difference, and whether it is more than chance."""
    if more is None or more.low is None or more.high is None:
        return Text(interval(more))
    word, style = "not told apart", ""
    if more.low > 0:
        word, style = "more", "green"
    elif more.high < 0:
        word, style = "less", "red"
    return Text(f"{interval(more)}: {word}", style=style)


def interval(estimate: Interval | None) -> str:
    """``0.012 (0.004 to 0.02)``, or a dash; without an interval ``0.012 (?)``."""
    if estimate is None:
        return "–"
    return (
        f"{estimate.value:.3g} (?)"
        if estimate.low is None
        else f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
    )
