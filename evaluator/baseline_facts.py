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
COUNTED = ("train_cpu", "evaluate_cpu", "twin_cpu")
"""Fields that are named as in the details of a result."""
EVALUATED = ("evaluate_seconds", "evaluate_cpu")
"""Those that grow with the blocks of validation rows a run is evaluated on: other runs see one."""


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

    train_cpu: float | None = None
    """CPU seconds, as the kernel counts them, from the first batch to the call of ``evaluate_bpb``."""

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
    tokens = _most(results, "warmup_tokens")
    return BaselineFacts(
        warmup_tokens=None if tokens is None else int(tokens),
        largest=max((result.audit.largest for result in results if result.audit), default=None),
        **{name: _most(results, name, per_block=name in EVALUATED) for name in (*CLOCKED, *COUNTED)},
    )


def without_real_time(facts: BaselineFacts) -> BaselineFacts:
    """The same for a campaign that decides in order."""
    return replace(facts, **dict.fromkeys(CLOCKED))


def _most(results: Sequence[RunResult], detail: str, per_block: bool = False) -> float | None:
    """The most that a number the judge noted came to. per_block: for each block of rows it covers."""
    return max(
        (
            float(value) / (_blocks(result) if per_block else 1)
            for result in results
            if isinstance(value := result.details.get(detail), float | int)
        ),
        default=None,
    )


def _blocks(result: RunResult) -> int:
    return 1 + sum(name.startswith("value_block_") for name in result.details)
