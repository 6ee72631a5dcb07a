"""What a variant says its model's losses on the validation rows are, and what they come to.

- The rows come in batches in an order nobody can know; their sum is taken in an order that is always the
  same, so that equal claims make equal values.
- What the batches hold does not depend on that order: kernels may round differently for other neighbours.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluator.job import JudgeJob
from evaluator.judging.bpb import BitsPerByte, token_bytes
from evaluator.judging.data import Manifest, Tokens, read_tokens, read_vocab
from evaluator.judging.messages import Losses, Request, Rows
from evaluator.judging.packing import Packer
from evaluator.judging.run_end import RunEndedError, contract_breach
from evaluator.judging.wire import Channel
from evaluator.result import Crashed, CrashKind

Losses32 = npt.NDArray[np.float32]

NEGATIVE = -1e-3
"""Nats below which a loss is no rounding: none is negative."""


class Claims:
    """The validation rows [count, length + 1], the losses claimed for their targets [count, length] in nats,
    and what they amount to.
    """

    def __init__(self, job: JudgeJob, manifest: Manifest) -> None:
        self._count = max(manifest.eval_tokens // manifest.max_seq_len, 1)
        self.rows: Tokens = Packer(read_tokens(job.data, "val"), manifest.bos, seed=None).rows(
            self._count, manifest.max_seq_len + 1
        )
        self.losses: Losses32 = np.zeros((self._count, manifest.max_seq_len), dtype=np.float32)
        self._sizes = token_bytes(read_vocab(job.data))
        self.score = BitsPerByte(self._sizes)

    @property
    def counted(self) -> npt.NDArray[np.bool_]:
        """Which targets count."""
        counted: npt.NDArray[np.bool_] = self._sizes[self.rows[:, 1:]] > 0
        return counted

    @property
    def nats_per_unit(self) -> float:
        """Nats in all that make a bit per byte."""
        return math.log(2) * self.score.bytes

    def collect(
        self,
        channel: Channel[Request],
        at_once: int,
        chance: np.random.Generator,
        answered: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Show the rows, ``at_once`` at a time, and take what comes back. The last batch is filled up with
        rows that do not count. answered: receives the tokens of each batch once its losses are there.
        """
        firsts = np.arange(0, self._count, at_once)
        for first in chance.permutation(firsts).tolist():
            counting = min(at_once, self._count - first)
            shown = self.rows[np.arange(first, first + at_once) % self._count]
            self.losses[first : first + counting] = _ask(channel, shown)[:counting]
            answered(at_once * self.losses.shape[1])
        self.score.add(self.losses, self.rows[:, 1:])


def _ask(channel: Channel[Request], rows: Tokens) -> Losses32:
    """The variant's losses for validation rows, shape [rows, length]."""
    shape = [rows.shape[0], rows.shape[1] - 1]
    channel.send(Rows(rows=shape[0], length=shape[1]), rows.data)
    claim, payload = channel.receive(payload_limit=4 * shape[0] * shape[1])
    if not isinstance(claim, Losses):
        raise contract_breach("another request where losses were expected")
    if claim.dtype != "float32" or claim.shape != shape or len(payload) != 4 * shape[0] * shape[1]:
        raise contract_breach(
            f"losses of shape {claim.shape[:8]} and type {claim.dtype[:16]} instead of {shape} and float32"
        )
    losses = np.frombuffer(payload, dtype="<f4").reshape(shape)
    if not np.isfinite(losses).all():
        raise RunEndedError(
            Crashed(CrashKind.DIVERGED, "its losses were not finite"), "the losses are not finite"
        )
    if losses.min() < NEGATIVE:
        raise contract_breach(f"a loss of {losses.min():.3g} nat, and none is negative")
    return losses
