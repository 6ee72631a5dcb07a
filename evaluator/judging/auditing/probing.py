"""Asks a process for its logits at chosen positions of the validation rows, and shows it nothing to the right
of them.

What stands to the right is a piece of training text: a causal model cannot see it, and every row keeps its
full length, on which some models depend.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evaluator.judging.auditing.audit import Nats, Places, batches, blind_losses
from evaluator.judging.data import Tokens
from evaluator.judging.messages import Logits, Probe, Request
from evaluator.judging.wire import Channel

WIDEST = 2
"""Times its vocabulary that a model's logits may be wide: many are rounded up, and what is beyond the
vocabulary only takes probability.
"""

SPARE = 1024
"""Logits allowed beyond that, for small vocabularies."""


class UnbelievableError(Exception):
    """The logits are none. ``str`` says what was wrong with them, in our words alone."""


class Prober:
    """Probes one process."""

    def __init__(
        self,
        channel: Channel[Request],
        rows: Tokens,
        filling: Tokens,
        vocab_size: int,
        answered: Callable[[int], None] = lambda _: None,
    ) -> None:
        """rows: the validation rows [count, length + 1]. filling: training rows [at least ``at_once``,
        length]. answered: is called with the tokens shown, after every answer.
        """
        self._answered = answered
        self._channel = channel
        self._rows = rows
        self._filling = filling
        self._vocab_size = vocab_size

    def losses(self, places: Places, at_once: int) -> Nats:
        """Blind losses in nats at ``places``, flat indices of [count, length]. Raises UnbelievableError,
        ClosedError, WireError.
        """
        length, at_once = self._rows.shape[1] - 1, min(at_once, len(places))
        by_place: dict[int, float] = {}
        for batch in batches(places, length, at_once):
            by_place.update(
                zip(
                    batch.tolist(),
                    self._ask(batch, length, _filled(len(batch), at_once)).tolist(),
                    strict=True,
                )
            )
        return np.array([by_place[place] for place in places.tolist()])

    def _ask(self, batch: Places, length: int, rows: int) -> Nats:
        chosen, positions = np.divmod(batch, length)
        shown = np.empty((rows, length + 1), dtype="<u2")
        shown[:, :length], shown[:, length] = self._filling[:rows], 0
        visible = np.arange(length) <= positions[:, None]
        shown[: len(batch), :length][visible] = self._rows[chosen, :length][visible]
        shown[: len(batch), length] = positions
        self._channel.send(Probe(rows=rows, length=length), shown.data)
        logits = self._answer(rows)[: len(batch)]
        self._answered(rows * length)
        losses = blind_losses(logits, self._rows[chosen, positions + 1])
        if not np.isfinite(losses).all():
            raise UnbelievableError("its logits are not finite")
        return losses

    def _answer(self, rows: int) -> npt.NDArray[np.float32]:
        widest = WIDEST * self._vocab_size + SPARE
        answer, payload = self._channel.receive(payload_limit=4 * rows * widest)
        if not isinstance(answer, Logits):
            raise UnbelievableError("it answered a probe with something else")
        right = (
            len(answer.shape) == 2
            and answer.shape[0] == rows
            and self._vocab_size <= answer.shape[1] <= widest
        )
        if not right or answer.dtype != "float32" or len(payload) != 4 * rows * answer.shape[1]:
            raise UnbelievableError(
                f"its logits have another shape or type than [{rows}, {self._vocab_size}] and float32"
            )
        return np.frombuffer(payload, dtype="<f4").reshape(answer.shape)


def _filled(rows: int, at_once: int) -> int:
    """Rows to ask for: as many as in every batch, so that kernels are the same, but where few are needed a
    power of two.
    """
    return at_once if 2 * rows > at_once else 1 << (rows - 1).bit_length()
