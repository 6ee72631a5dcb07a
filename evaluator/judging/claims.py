"""What a variant says its model's losses on the validation rows are, and what they come to.

- The rows come in batches in an order nobody can know; their sum is taken in an order that is always the
  same, so that equal claims make equal values.
- What the batches hold does not depend on that order: kernels may round differently for other neighbours.
- A call of the evaluation that does not come to its end is followed by another where the script wants that:
  what was claimed stands, and the rows that it was shown last come first.
- Where several blocks of rows are asked for, they are shown one after the other, each as if it were alone:
  what a block's value is does not depend on the others.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluator.job import JudgeJob
from evaluator.judging.bpb import BitsPerByte, token_bytes
from evaluator.judging.data import Manifest, Tokens, read_block, read_vocab
from evaluator.judging.evaluation_calls import never_again
from evaluator.judging.messages import Evaluate, Losses, NextBatch, Request, Rows
from evaluator.judging.packing import Packer
from evaluator.judging.run_end import RunEndedError, contract_breach
from evaluator.judging.wire import Channel
from evaluator.result import Cheated, Crashed, CrashKind

Losses32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

NEGATIVE = -1e-3
"""Nats below which a loss is no rounding: none is negative."""

FLOOR_SHARE = 0.995
"""Below this share of the exact floor no honest model can score; the rest covers the sampling error of the
validation rows.
"""


class Claims:
    """The validation rows [count, length + 1] of all blocks asked for, the losses claimed for their targets
    [count, length] in nats, and what they amount to.
    """

    def __init__(self, job: JudgeJob, manifest: Manifest) -> None:
        """Raises ConfigError where the data lacks a block."""
        self._manifest = manifest
        self._count = max(manifest.eval_tokens // manifest.max_seq_len, 1)
        self.rows: Tokens = np.concatenate(
            [
                Packer(read_block(job.data, manifest, block), manifest.bos, seed=None).rows(
                    self._count, manifest.max_seq_len + 1
                )
                for block in job.blocks
            ]
        )
        self.losses: Losses32 = np.zeros((len(self.rows), manifest.max_seq_len), dtype=np.float32)
        self._sizes = token_bytes(read_vocab(job.data))
        self.scores = {block: BitsPerByte(self._sizes) for block in job.blocks}
        self.score = self.scores[job.blocks[0]]

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Which targets count."""
        counted: npt.NDArray[np.bool_] = self._sizes[self.rows[:, 1:]] > 0
        return counted

    @property
    def nats_per_unit(self) -> float:
        """Nats in all that make a bit per byte."""
        return math.log(2) * sum(score.bytes for score in self.scores.values())

    @property
    def details(self) -> dict[str, float | str]:
        """What the first block's value was computed from, and the values on the others."""
        score = self.score
        others = {f"value_block_{block}": one.value for block, one in self.scores.items() if one is not score}
        return {
            "eval_tokens": float(score.tokens),
            "eval_bytes": float(score.bytes),
            "eval_nats": score.nats,
            **others,
        }

    def check_floors(self) -> None:
        """Raise RunEndedError where the value on a block is better than any honest one."""
        for block, score in self.scores.items():
            floor = self._manifest.floor_of(block)
            if floor is not None and score.value < FLOOR_SHARE * floor:
                evidence = f"{score.value:.6f} is below {FLOOR_SHARE} of the exact floor {floor:.6f}"
                raise RunEndedError(Cheated("below_floor", evidence), evidence)

    def collect(
        self,
        channel: Channel[Request],
        at_once: int,
        chance: np.random.Generator,
        answered: Callable[[int], None] = lambda _: None,
        again: Callable[[Evaluate], int] = never_again,
    ) -> None:
        """Show the rows, ``at_once`` at a time but never more than there are, and take what comes back. The
        last batch of a block is filled up with rows that do not count. answered: receives the tokens of each
        batch once its losses are there: what an evaluation may take grows with them. again: takes a further
        call and returns how many rows are shown at once from then on.
        """
        for number, score in enumerate(self.scores.values()):
            of_block = slice(number * self._count, (number + 1) * self._count)
            rows, losses = self.rows[of_block], self.losses[of_block]
            left, shown = np.arange(self._count), np.empty(0, dtype=np.int64)
            while left.size:
                for batch, counting in _batches(left, at_once, shown, chance):
                    claim = _ask(channel, rows[batch])
                    if isinstance(claim, Evaluate):
                        at_once, shown = again(claim), batch
                        break
                    losses[batch[:counting]] = claim[:counting]
                    left = np.setdiff1d(left, batch[:counting])
                    answered(batch.size * self.losses.shape[1])
            score.add(losses, rows[:, 1:])


def _batches(
    left: Indices, at_once: int, shown: Indices, chance: np.random.Generator
) -> list[tuple[Indices, int]]:
    """Batches of the rows that are left, by their numbers, in an order that nobody can know but that those
    with rows that were shown before come first; and how many rows of each count.
    """
    at_once = min(at_once, left.size)
    batches = [
        (left[np.arange(first, first + at_once) % left.size], min(at_once, left.size - first))
        for first in chance.permutation(np.arange(0, left.size, at_once)).tolist()
    ]
    return sorted(batches, key=lambda batch: not np.isin(batch[0], shown).any())


def _ask(channel: Channel[Request], rows: Tokens) -> Losses32 | Evaluate:
    """The variant's losses for validation rows, shape [rows, length], or its next call. What is wrong with
    them is said in our words alone: a shape or a number can spell a text that it was just shown.
    """
    shape = [rows.shape[0], rows.shape[1] - 1]
    channel.send(Rows(rows=shape[0], length=shape[1]), rows.data)
    claim, payload = channel.receive(payload_limit=4 * shape[0] * shape[1])
    if isinstance(claim, Evaluate):
        return claim
    if isinstance(claim, NextBatch):
        raise contract_breach("a request for a training batch, and the evaluation ends training")
    if not isinstance(claim, Losses):
        raise contract_breach("another request where losses were expected")
    if claim.dtype != "float32" or claim.shape != shape or len(payload) != 4 * shape[0] * shape[1]:
        raise contract_breach(f"losses of another shape or type than {shape} and float32")
    losses = np.frombuffer(payload, dtype="<f4").reshape(shape)
    if not np.isfinite(losses).all():
        raise RunEndedError(
            Crashed(CrashKind.DIVERGED, "its losses were not finite"), "the losses are not finite"
        )
    if losses.min() < NEGATIVE:
        raise contract_breach("a loss below zero, and none is negative")
    return losses
