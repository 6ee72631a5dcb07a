"""What the unmodified surface came to in a division: the measure of what a run may use besides its budget.

Pure values: made by the coordinator from the baseline's results, carried in the lease, obeyed by the judge.
Each is the most that any run of the baseline came to, under the campaign's budget; None where that is not
known, and then nothing follows from it.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from evaluator.result import RunResult

CLOCKED = ("warmup_seconds", "pace", "step_seconds", "evaluate_seconds", "twin_seconds")
COUNTED = ("evaluate_cpu", "twin_cpu", "step_price", "second_price")
"""Fields that are named as in the details of a result."""


class BaselineFacts(Struct, frozen=True, kw_only=True):
    """Of one division. Seconds of real time are left out in a campaign that decides in order: what follows
    from them would depend on how busy a machine is. CPU seconds hardly do.
    """

    warmup_seconds: float | None = None
    """Of real time until its clock ran."""

    warmup_tokens: int | None = None
    """Training tokens handed out until then."""

    pace: float | None = None
    """Seconds of real time it trained per second its work was priced at, for budgets that are counted."""

    step_seconds: float | None = None
    """Of real time for one optimizer step, under a budget in seconds."""

    second_price: float | None = None
    """What a virtual second of its training was worth, in the budget's unit, for budgets that are counted."""

    step_price: float | None = None
    """Of a budget that is counted, in its unit, for one optimizer step."""

    train_tokens: int | None = None
    """Training tokens handed out while it was charged."""

    train_cpu: float | None = None
    """CPU seconds from the first batch to the call of ``evaluate_bpb``, as the kernel counts them; where it
    does not, as they were seen of its processes.
    """

    evaluate_seconds: float | None = None
    """Of real time from the call of ``evaluate_bpb`` to the last claim."""

    evaluate_cpu: float | None = None
    """CPU seconds of the same, as the kernel counts them."""

    twin_seconds: float | None = None
    """Of real time from the weights loaded in the twin to its last answer."""

    twin_cpu: float | None = None
    """CPU seconds of the same, as the kernel counts them."""

    largest: float | None = None
    """Greatest difference between claim and audit at one position, in nats."""


def facts_of(results: Sequence[RunResult]) -> BaselineFacts:
    """What runs of the unmodified surface came to."""
    return BaselineFacts(
        warmup_tokens=_whole(_most(results, "warmup_tokens")),
        train_tokens=_whole(_most(results, "train_tokens")),
        train_cpu=_train_cpu(results),
        largest=max((result.audit.largest for result in results if result.audit), default=None),
        **{name: _most(results, name) for name in (*CLOCKED, *COUNTED)},
    )


def without_real_time(facts: BaselineFacts) -> BaselineFacts:
    """The same for a campaign that decides in order."""
    return replace(facts, **dict.fromkeys(CLOCKED))


def _most(results: Sequence[RunResult], detail: str) -> float | None:
    """The most that a number the judge noted came to."""
    values = (result.details.get(detail) for result in results)
    return max((float(value) for value in values if isinstance(value, float | int)), default=None)


def _train_cpu(results: Sequence[RunResult]) -> float | None:
    seconds = _most(results, "train_cpu")
    if seconds is not None:
        return seconds
    return max((result.cpu.train for result in results if result.cpu), default=None)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
