"""Checks a sample of claimed losses against what a twin answers. Pure: figures in, figures out.

- *Claims* are the losses a variant says its model has on the validation rows. *Blind* losses are computed by
  the judge from the logits of a process that does not have the target. Honest, both are the same function of
  the same weights and tokens.
- A third of the positions is drawn uniformly, a third in proportion to a reference loss, a third in
  proportion to the claimed advantage over it: leaks pay where losses are large or claims are good, and a
  cheat that only erases its own worst losses is invisible to the last two.
- Every position can be drawn with a known probability, so the sample estimates the total without bias (Hansen
  and Hurwitz 1943), with an error of its own.
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
"""Nats by which honest answers in bfloat16 are seldom off (0.03 was the most seen between compiled and
plain).
"""

FEW = 0.02
"""Share of positions that may be off by more than NEAR."""

SHIFT = 1e-3
"""Nats per token of mean difference that is too small to mind, however certain."""

SHIFT_ERRORS = 4.0
"""Standard errors at which a shifted mean is certain: one honest run in 15,000."""

SYSTEMATIC = 0.5
"""Share of positions off by more than NEAR from which on the twin is hardly the model that made the
claims.
"""

UNSEEN = 0.05
"""1 - 95 %: chance that something as frequent as the bound was never drawn."""

ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""


class Sample(Struct, frozen=True):
    """Positions drawn with replacement."""

    places: Places
    """Flat indices into the claims."""

    chances: Nats
    """Of each, per draw."""

    widest: float
    """Largest claimed advantage per chance, in nats."""


class Finding(Struct, frozen=True):
    """What the comparison came to."""

    audit: Audit

    evidence: str
    """Why the claims are not believed, else empty."""

    systematic: bool
    """Nearly all positions disagree."""


def draw(
    count: int, claims: Nats, reference: Nats, counted: npt.NDArray[np.bool_], chance: np.random.Generator
) -> Sample:
    """``count`` positions out of those that count. All arrays are flat and of one length."""
    eligible = np.flatnonzero(counted)
    advantage = np.maximum(reference[eligible] - claims[eligible], 0.0)
    thirds = [_share(weights) for weights in (np.ones(len(eligible)), reference[eligible], advantage)]
    mixture = sum(thirds, np.zeros(len(eligible))) / len(thirds)
    sizes = [count // 3 + (third < count % 3) for third in range(3)]
    drawn = np.concatenate(
        [chance.choice(len(eligible), size, p=third) for size, third in zip(sizes, thirds, strict=True)]
    )
    return Sample(eligible[drawn], mixture[drawn], float((advantage / mixture).max()))


def _share(weights: Nats) -> Nats:
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


def compare(kind: str, sample: Sample, claims: Nats, blind: Nats, nats_per_unit: float) -> Finding:
    """What ``blind`` losses say about the claims; both at the sample's places. nats_per_unit: total nats that
    make one unit of the metric.
    """
    differences = blind - claims
    count = len(differences)
    totals = differences / sample.chances
    total, error = (
        float(totals.mean()),
        float(totals.std(ddof=1) / math.sqrt(count)) if count > 1 else math.inf,
    )
    escaped = (1 - UNSEEN ** (1 / count)) * sample.widest
    bound = max(total + ONE_SIDED * error, 0.0) + escaped
    off = float((np.abs(differences) > NEAR).mean())
    audit = Audit(
        kind=kind,
        positions=count,
        correction=total / nats_per_unit,
        standard_error=error / nats_per_unit,
        leak_bound=bound / nats_per_unit,
        largest=float(np.abs(differences).max()),
    )
    return Finding(audit, _evidence(differences, off, sample, total, error), off > SYSTEMATIC)


def _evidence(differences: Nats, off: float, sample: Sample, total: float, error: float) -> str:
    far = int((np.abs(differences) > FAR).sum())
    tokens = float((1 / sample.chances).mean())  # estimates how many tokens count
    shifted = abs(total) > SHIFT * tokens and abs(total) > SHIFT_ERRORS * error
    if not (far or off > FEW or shifted):
        return ""
    return (
        f"at {len(differences)} positions: {far} claims differ by more than {FAR} nat, {100 * off:.1f} % by"
        f" more than {NEAR}, by {np.abs(differences).max():.3g} at most; on average they are"
        f" {total / tokens:+.4f} ± {error / tokens:.4f} nat too good"
    )


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
