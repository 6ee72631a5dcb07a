"""What differences between claimed losses and what a twin answers say. Pure: figures in, figures out.

- *Claims* are the losses a variant says its model has on the validation rows. *Blind* losses are computed by
  the judge from the logits of a process that does not have the target. Honest, both are the same function of
  the same weights and tokens.
- Positions are drawn by weights that are known for every one of them, so the sample estimates the total
  without bias (Hansen and Hurwitz 1943). How weights are made: ``shares``; how many are drawn, and when:
  evaluator/judging/auditing/sweep.py.
- A row holds every target but its last, so what is shown for one position gives away those before it: a row's
  positions are asked for from left to right.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from evaluator.result import Audit

Nats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

FAR = 0.5
"""Nats by which no honest answer is off, not even in bfloat16 after another kernel."""

NEAR = 0.05
"""Nats by which honest answers in bfloat16 are seldom off (0.03 was the most between compiled and plain)."""

FEW = 0.02
"""Share of positions that may be off by more than NEAR."""

SHIFT = 1e-3
"""Nats per token of mean difference that is too small to mind, however certain, in a sample that never
grew.
"""

SHIFT_ERRORS = 4.0
"""Standard errors at which a shifted mean is certain: one honest run in 15,000."""

SMALL = 2e-4
"""Nats per token that are too small to mind in a sample that grew: twice what rounding logits to bfloat16
adds to a loss on average.
"""

SIGNED_ERRORS = 4.3
"""Root sums of squares by which a sum over rows is above zero in fewer than 1e-4 of the cases, whatever the
sizes, where its terms have either sign with equal chance: exp(-4.3² / 2) (Hoeffding 1963).
"""

SYSTEMATIC = 0.5
"""Share of positions off by more than NEAR from which on the twin is hardly the model that made the
claims.
"""

UNSEEN = -math.log(0.05)
"""Draws to be expected of what is drawn at least once with 95 %."""

ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""


class Sample(Struct, frozen=True):
    """Positions drawn with replacement out of some rows."""

    places: Places
    """Flat indices into the claims."""

    chances: Nats
    """Of each, per draw, among the positions of these rows."""


class Finding(Struct, frozen=True):
    """What the comparison came to."""

    audit: Audit

    evidence: str
    """Why the claims are not believed, else empty."""

    systematic: bool
    """Nearly all positions disagree."""


class Drawn(Struct, frozen=True):
    """A sample and how blind losses differ from the claims there."""

    sample: Sample

    differences: Nats
    """Blind minus claimed, in nats."""

    @property
    def totals(self) -> Nats:
        """What each draw says that the differences of all these rows' positions sum up to."""
        return self.differences / self.sample.chances


def shares(weights: Nats) -> Nats:
    """The same with sum 1; equal ones where all are 0."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))


def batches(places: Places, length: int, at_once: int) -> list[Places]:
    """Distinct ``places`` in batches of at most ``at_once``: never two of a row in one batch, and those of a
    row from left to right.
    """
    waiting: dict[int, list[int]] = {}
    for place in np.unique(places)[::-1].tolist():
        waiting.setdefault(place // length, []).append(place)  # the leftmost comes last
    made = []
    while waiting:
        longest = sorted(waiting, key=lambda row: -len(waiting[row]))[:at_once]
        made.append(np.array([waiting[row].pop() for row in longest], dtype=np.int64))
        for row in longest:
            if not waiting[row]:
                del waiting[row]
    return made


def conclude(
    kind: str, drawn: Sequence[Drawn], length: int, escaped: float, grew: bool, unit: float
) -> Finding:
    """What samples of separate rows of ``length`` say together. escaped: nats that may sit where nothing was
    drawn. grew: whether something odd made it larger. unit: nats in all that make one of the metric.
    """
    differences = np.concatenate([part.differences for part in drawn])
    total = sum(float(part.totals.mean()) for part in drawn)
    error = math.sqrt(sum(_variance(part.totals) for part in drawn))
    bound = max(total + ONE_SIDED * error, 0.0) + escaped
    off = float((np.abs(differences) > NEAR).mean())
    audit = Audit(
        kind=kind,
        positions=len(differences),
        correction=total / unit,
        standard_error=error / unit,
        leak_bound=bound / unit,
        largest=float(np.abs(differences).max()),
    )
    tokens = sum(float((1 / part.sample.chances).mean()) for part in drawn)  # estimates how many count
    per_token, off_by = total / tokens, error / tokens
    shifted = abs(per_token) > SHIFT and abs(per_token) > SHIFT_ERRORS * off_by
    leaning = grew and per_token > SMALL and _leaning(drawn, length) > SIGNED_ERRORS
    far = int((np.abs(differences) > FAR).sum())
    evidence = (
        f"at {len(differences)} positions: {far} claims differ by more than {FAR} nat, {100 * off:.1f} % by"
        f" more than {NEAR}, by {audit.largest:.3g} at most; on average they are {per_token:+.5f} ±"
        f" {off_by:.5f} nat too good"
    )
    wrong = far or off > FEW or shifted or leaning
    return Finding(audit, evidence if wrong else "", off > SYSTEMATIC)


def _variance(totals: Nats) -> float:
    """Of their mean."""
    return float(totals.var(ddof=1)) / len(totals) if len(totals) > 1 else math.inf


def _leaning(drawn: Sequence[Drawn], length: int) -> float:
    """How far the differences lean to claims that are too good: their sum over rows in root sums of
    squares.
    """
    rows = np.concatenate([part.sample.places for part in drawn]) // length
    by_row = np.bincount(rows, weights=np.concatenate([part.totals for part in drawn]))
    square = float(np.square(by_row).sum())
    return float(by_row.sum()) / math.sqrt(square) if square > 0 else 0.0


def blind_losses(logits: npt.NDArray[np.float32], targets: Sequence[int] | npt.NDArray[np.integer]) -> Nats:
    """Nats of ``targets`` [rows] under ``logits`` [rows, vocabulary], in double precision; not finite where
    the logits say nothing.

    The maximum is subtracted first: of logits that are all 1e30 nothing but the vocabulary's size is left. A
    logit of minus infinity rules its token out; anything else that is not finite makes the loss so.
    """
    wide = logits.astype(np.float64)
    wide[np.isnan(wide).any(axis=1) | np.isposinf(wide).any(axis=1)] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = wide - wide.max(axis=1, keepdims=True)
        losses: Nats = (
            np.log(np.exp(shifted).sum(axis=1))
            - shifted[np.arange(len(targets)), np.asarray(targets, dtype=np.int64)]
        )
    return losses
