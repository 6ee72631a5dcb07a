"""Arms as people see them: what each did, what it earned for its cost, and how that compares with the
controls.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.views.status import Json
from deploy.views.pages import COLOURS, DIGITS, headed, hours, percent

COUNTS = ("proposals", "refused", "runs", "merged", "rejected", "crashed", "cheated")
RATES = {"gain_per_gpu_hour": "per GPU-hour", "gain_per_usd": "per USD"}


def arms_page(page: Json) -> RenderableType:
    """Two tables, and a third where there is a control to compare with. page: of
    ``coordinator.views.arm_report.arms``.
    """
    arms = page["arms"]
    blocks: list[RenderableType] = [
        _headline(page),
        _work(arms),
        Text(),
        _earned(arms, page["metric"]["name"]),
    ]
    compared = [(arm, control) for arm in arms for control in arm["versus"]]
    if compared:
        blocks += [Text(), _compared(compared)]
    return Group(*blocks)


def _headline(page: Json) -> Text:
    chosen = {
        "weights": "each arm has its share of the briefs",
        "bandit": "a bandit chooses by gain for cost",
    }[page["arm_choice"]]
    return Text(page["campaign"], style="bold").append(f"  {chosen}; intervals cover 90 %", style="not bold")


def _work(arms: Sequence[Json]) -> Table:
    out = headed(
        "arm", "kind", "proposals", "refused", "applied", "runs", "merged", "rejected", "crashed", "cheated"
    )
    _right(out, range(2, 10))
    for arm in arms:
        proposals, refused, *others = (_count(arm, what) for what in COUNTS)
        out.add_row(Text(arm["name"]), _kind(arm), proposals, refused, percent(arm["applied_rate"]), *others)
    return out


def _kind(arm: Json) -> str:
    """``control, from the baseline``: what is special about an arm, or a dash."""
    told = ["control"] * arm["control"] + ["from the baseline"] * (arm["parent"] == "baseline")
    told += [arm["strategy"]] * (arm["strategy"] not in ("free", None))
    return ", ".join(told) or "–"


def _count(arm: Json, what: str) -> Text:
    return Text(str(arm[what]), style=COLOURS.get(what, "") if arm[what] else "")


def _earned(arms: Sequence[Json], metric: str) -> Table:
    out = headed(
        "arm", f"gain in {metric}", "GPU-hours", "USD", *(f"gain {words}" for words in RATES.values())
    )
    _right(out, range(1, 4))
    for arm in arms:
        rates = (interval(arm[rate]) for rate in RATES)
        out.add_row(
            Text(arm["name"]), f"{arm['gain']:.{DIGITS}f}", hours(arm["gpu_hours"]), _dollars(arm), *rates
        )
    return out


def _dollars(arm: Json) -> str:
    """``1.25``, or ``1.25 + 3 unpriced``: what calls without a known price cost is in no sum."""
    return f"{arm['usd']:.2f}" + (f" + {arm['unpriced']} unpriced" if arm["unpriced"] else "")


def _compared(pairs: Sequence[tuple[Json, str]]) -> Table:
    out = headed("arm", "control", *(f"more gain {words}" for words in RATES.values()))
    for arm, control in pairs:
        out.add_row(
            Text(arm["name"]), Text(control), *(_told_apart(arm["versus"][control][rate]) for rate in RATES)
        )
    return out


def _told_apart(found: Json | None) -> Text:
    """A difference, and whether it is more than chance."""
    if found is None or found["low"] is None:
        return Text(interval(found))
    word, style = (
        ("more", "green")
        if found["low"] > 0
        else ("less", "red")
        if found["high"] < 0
        else ("not told apart", "")
    )
    return Text(f"{interval(found)}: {word}", style=style)


def interval(found: Json | None) -> str:
    """``0.012 (0.004 to 0.02)``, or a dash; without an interval ``0.012 (?)``."""
    if found is None:
        return "–"
    return (
        f"{found['value']:.3g} (?)"
        if found["low"] is None
        else f"{found['value']:.3g} ({found['low']:.3g} to {found['high']:.3g})"
    )


def _right(out: Table, columns: range) -> None:
    for column in columns:
        out.columns[column].justify = "right"
