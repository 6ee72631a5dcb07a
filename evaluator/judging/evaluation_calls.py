"""Calls of ``evaluate_bpb`` in one run: a script may call it again where a call did not come to its end, as
after memory ran out, with fewer rows at once.

A call begins nothing anew that the judge holds already. Weights that were handed over stay what is judged,
losses that were claimed stay claimed, the rows it was shown last come first, and what its evaluation may take
goes on being used. So whoever calls ten times knows no more, at any of its answers, than who calls once.
"""

from evaluator.judging.messages import TOKENS_LIMIT, Evaluate
from evaluator.judging.run_end import contract_breach

MOST_CALLS = 16
"""Halves the rows at once from the most that a message holds to a few."""


class EvaluationCalls:
    """Of one run, from the first on."""

    def __init__(self, first: Evaluate, length: int) -> None:
        """length: target tokens of a row. Raises RunEndedError for more rows at once than a message holds."""
        self.count = 1
        self.rows = first.rows
        """At once, of the last call."""
        self._length = length
        if self._is_too_large():
            raise contract_breach(
                f"an evaluation of {self.rows} x {length} tokens at once, {TOKENS_LIMIT} allowed"
            )

    def again(self, request: Evaluate) -> int:
        """It was called once more; rows at once from now on. Raises RunEndedError for the seventeenth call,
        and for too many rows, in words that are always the same: it may have been shown rows.
        """
        self.count += 1
        self.rows = request.rows
        if self.count > MOST_CALLS:
            raise contract_breach(f"more than {MOST_CALLS} calls of evaluate_bpb that came to no end")
        if self._is_too_large():
            raise contract_breach(f"an evaluation of more than {TOKENS_LIMIT} tokens at once")
        return self.rows

    def _is_too_large(self) -> bool:
        return self.rows * (self._length + 1) > TOKENS_LIMIT


def never_again(_request: Evaluate) -> int:
    """Where no second call is expected. Raises RunEndedError."""
    raise contract_breach("another request where an answer was expected")
