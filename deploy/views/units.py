"""Numbers with their units, as people read them."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

from msgspec import UNSET, UnsetType

from coordinator.domain import Metric
from coordinator.store.paths import Layout
from coordinator.views.false_merges import FalseMergesView
from coordinator.views.record_line import RecordLine
from coordinator.views.status_page import DivisionView
from coordinator.views.value_by_rows import RowsView
from deploy.views.sanitize import one_line
from evaluator.significance import p_in_words

DIGITS = 4
"""Decimals of a metric: σ of a real task is a few thousandths."""


def number(value: float | None, digits: int = DIGITS) -> str:
    """A value of the metric, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share, 0 to 1, or a dash."""
    return "–" if share is None else f"{share:.1%}"


def hours(number: float) -> str:
    """Hours to three digits, short ones too: a rehearsal's runs take seconds."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def span(seconds: float) -> str:
    """A duration: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s"
        if whole < 3600
        else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def moment(at: float | None) -> str:
    """A time, seconds since the epoch, in UTC to the second."""
    return "–" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def minute(at: float | None) -> str:
    """A time, seconds since the epoch, in UTC to the minute; where it is said that it is UTC."""
    return "–" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def usd(dollars: float | None) -> str:
    """Dollars to a hundredth of a cent, as calls cost less than one; or ``unpriced``."""
    return "unpriced" if dollars is None else f"{dollars:.4f} USD"


def gain(metric: Metric, division: DivisionView, value: float | None) -> float | None:
    """How much better than the division's baseline, in the metric's unit."""
    baseline = division.baseline.value
    return None if value is None or baseline is None else metric.gain(baseline, value)


def in_sigmas(division: DivisionView, difference: float | None) -> str:
    """A difference in standard deviations of unchanged code."""
    sigma = division.baseline.sigma
    return "–" if difference is None or not sigma else f"{difference / sigma:+.1f} σ"


def gains(metric: Metric, division: DivisionView, value: float | None, over_best: float | None) -> list[str]:
    """``+11.3 σ on base``, ``-6.1 σ on best``: how much better than the division's baseline, and than the
    best it was compared with, as far as that is known. over_best: in the metric's unit.
    """
    on = {"base": gain(metric, division, value), "best": over_best}
    return [f"{in_sigmas(division, better)} on {name}" for name, better in on.items() if better is not None]


def by_rows(rows: RowsView | UnsetType) -> str:
    """``2.1034 on screen rows, 2.1051 on fresh rows, gap -0.0017``, in the metric's unit; empty without fresh
    rows.
    """
    if rows is UNSET:
        return ""
    gap = "" if rows.gap is None else f", gap {rows.gap:+.{DIGITS}f}"
    return f"{number(rows.screen)} on screen rows, {number(rows.fresh)} on fresh rows{gap}"


def false_in_words(said: FalseMergesView) -> str:
    """``about 0.3 of 5 merges are expected to be no better in truth``, and how many are marked besides."""
    marked = f"; {said.marked} of them on values with a mark" if said.marked else ""
    merges = f"{said.merges} merge{'s' if said.merges > 1 else ''}"
    if said.expected is None:
        what = f"how many of {merges} are" if said.merges > 1 else "whether the one merge is"
        return f"not known {what} no better in truth: {said.unknown}{marked}"
    many = "fewer than 0.1" if said.expected < 0.05 else f"about {said.expected:.1f}"
    return (
        f"{many} of {merges} {'are' if said.merges > 1 else 'is'} expected to be no better in truth{marked}"
    )


def record_in_words(line: RecordLine) -> str:
    """``c0001: certified, better, z 3.1, p < .001, 8 runs a side``."""
    runs = f"{line.runs} run{'s' if line.runs > 1 else ''} a side" if line.runs else ""
    statistic = "" if line.statistic is None else f"{line.test} {line.statistic:.1f}"
    tested = [statistic, p_in_words(line.p), runs] if line.test else []
    marks = f" ({one_line(line.open)})" if line.open else ""
    words = filter(None, ["certified" * line.certified, line.shown, *tested])
    return f"{line.record}: {', '.join(words)}{marks}"


def probability(share: float | UnsetType | None) -> str:
    """``4 %``, ``< 1 %``, ``not known``; empty where none is asked for."""
    if isinstance(share, UnsetType):
        return ""
    if share is None:
        return "not known"
    return "< 1 %" if share < 0.01 else "> 99 %" if share > 0.99 else f"{share:.0%}".replace("%", " %")


def to_floor(division: DivisionView, value: float | None) -> str:
    """What is left to the exact bound of the metric, or a dash."""
    floor = division.floor
    return "–" if floor is None or value is None else f"{abs(value - floor):.{DIGITS}f}"


def named(layout: Layout) -> str:
    """`` -c NAME`` for a command, the whole folder where it is not one of ./campaigns."""
    usual = layout.folder.absolute() == Path("campaigns", layout.name).absolute()
    return f" -c {shlex.quote(layout.name if usual else str(layout.folder))}"
