"""Policies compared over the same campaigns: differences paired by seed, with standard errors. Pure."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from msgspec import Struct

from deploy.simulate.odd_slots import SlotsFound
from deploy.simulate.played import Played


class Estimate(Struct, frozen=True):
    """A mean over campaigns."""

    mean: float
    error: float | None = None
    """Its standard error; None where there is one campaign, or nothing to be wrong about."""


class DivisionEnd(Struct, frozen=True):
    """What a division ends with. Values are in the metric's unit."""

    true: Estimate
    less: Estimate | None


class PolicyRow(Struct, frozen=True, kw_only=True):
    """One policy in one cell. Values are in the metric's unit."""

    policy: str
    true: Estimate
    """Of the best, without noise."""
    less: Estimate | None
    """True value minus the reference's, paired by campaign; None for the reference itself."""
    divisions: dict[str, DivisionEnd]
    """True and less by division; empty where there is one."""
    false: Estimate | None
    """Share of merges that are in truth no better; None without merges."""
    said: Estimate | None
    """The same share as the campaigns say it themselves, of merges of which they do; None without such."""
    gap: Estimate
    """Reported minus true value of the best."""
    merges: Estimate
    runs: Estimate
    proposals: Estimate
    staleness: Estimate
    """Heads that came between a brief and the first result of its proposal."""
    rebased: Estimate
    """Share of proposals that were put on another best than they were made from."""
    gpu_hours: Estimate
    slots: SlotsFound
    """That its campaigns set aside, all of them together."""


class Cell(Struct, frozen=True, kw_only=True):
    """Policies under the same conditions."""

    sigma: float
    """Of one run, in the metric's unit."""
    runs: int
    """After which each campaign ended; 0 where hours ended it."""
    hours: float
    """Virtual, after which each ended; 0 where runs ended it."""
    slots: int
    repetitions: int
    rows: list[PolicyRow]
    """The reference first."""


def rows(played: dict[str, list[Played]]) -> list[PolicyRow]:
    """A row for each policy. played: its campaigns, in the order of their seeds, the reference first."""
    reference = next(iter(played.values()))
    return [
        _row(policy, campaigns, None if campaigns is reference else reference)
        for policy, campaigns in played.items()
    ]


def _row(policy: str, campaigns: Sequence[Played], reference: Sequence[Played] | None) -> PolicyRow:
    less = None
    if reference is not None:
        less = _less([one.true for one in campaigns], [one.true for one in reference])
    return PolicyRow(
        policy=policy,
        true=estimate([one.true for one in campaigns]),
        less=less,
        divisions=_divisions(campaigns, reference),
        false=ratio([one.false for one in campaigns], [one.merges for one in campaigns]),
        said=ratio([one.said for one in campaigns], [one.said_of for one in campaigns]),
        gap=estimate([one.reported - one.true for one in campaigns]),
        merges=estimate([one.merges for one in campaigns]),
        runs=estimate([one.runs for one in campaigns]),
        proposals=estimate([one.proposals for one in campaigns]),
        staleness=estimate([one.staleness for one in campaigns]),
        rebased=ratio([one.rebased for one in campaigns], [one.proposals for one in campaigns])
        or Estimate(0.0),
        gpu_hours=estimate([one.gpu_hours for one in campaigns]),
        slots=SlotsFound(
            after=sorted(runs for one in campaigns for runs in one.slots.after),
            missed=sum(one.slots.missed for one in campaigns),
            wrongly=sum(one.slots.wrongly for one in campaigns),
            sound=sum(one.slots.sound for one in campaigns),
        ),
    )


def _divisions(campaigns: Sequence[Played], reference: Sequence[Played] | None) -> dict[str, DivisionEnd]:
    """Of campaigns in which every division had a best."""
    both = [*zip(campaigns, reference or campaigns, strict=True)]
    ends: dict[str, DivisionEnd] = {}
    for name in campaigns[0].trues:
        pairs = [(a.trues[name], b.trues[name]) for a, b in both if name in a.trues and name in b.trues]
        values, others = [value for value, _ in pairs], [other for _, other in pairs]
        ends[name] = DivisionEnd(estimate(values), _less(values, others) if reference else None)
    return ends if len(ends) > 1 else {}


def _less(values: Sequence[float], others: Sequence[float]) -> Estimate:
    return estimate([one - other for one, other in zip(values, others, strict=True)])


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and its standard error."""
    return Estimate(fmean(values), stdev(values) / sqrt(len(values)) if len(values) > 1 else None)


def ratio(parts: Sequence[float], wholes: Sequence[int]) -> Estimate | None:
    """Σ parts / Σ wholes over campaigns, each of them one draw; None where the wholes are 0.

    The error is that of a ratio of two means (W. G. Cochran, Sampling Techniques, 3rd ed., section 6.3), so
    merges of one campaign are not taken for independent.
    """
    whole = sum(wholes)
    if not whole:
        return None
    share, count = sum(parts) / whole, len(parts)
    if count < 2:
        return Estimate(share)
    squares = sum((part - share * of) ** 2 for part, of in zip(parts, wholes, strict=True))
    return Estimate(share, sqrt(squares * count / (count - 1)) / whole)
