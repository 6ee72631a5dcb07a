"""How much CPU a run of a counted budget may use in each phase, by what the baseline used. Pure."""

from collections.abc import Iterable, Sequence
from math import inf

from msgspec.structs import replace

from coordinator.rule_values.trust_rules import Mode, TrustRules
from evaluator.result import CpuSeconds, RunResult

PHASES = {"startup": "before its first batch", "train": "to train", "evaluate": "to be evaluated"}
"""Phases whose CPU seconds are bounded, and what a run does in them."""


STARTUP_EXCESS, WORK_SLACK = 4.0, 1.0
"""Times the baseline's CPU seconds that a run with a counted budget may use before its first batch, and
seconds that it may use besides in each phase. CPU seconds, unlike a clock's, hardly depend on other load.
"""
TRAIN_EXCESS, PRICED_EXCESS = 4.5, 1.5
"""The same of its training, where nobody priced that by its CPU, and where the judge did.

Of the demo task's honest variants a cumsum attention uses most, 4.0 times the baseline's for the same count;
most use less than 2.2. One that was priced has used up its budget at 1.15 times, one-off costs and a step
besides (``evaluator.judging``).
"""
EVALUATE_EXCESS = 2.0
"""The same of its evaluation, for each time that its training of a token costs the baseline's: a program that
is slow to train, or has a larger model, is slow to evaluate.
"""
MOST_DEARER = 6.0
"""Such times that are believed; the judge believes as many (``evaluator.judging.metering.answering``)."""


def overworked(results: Iterable[RunResult], baseline: Sequence[RunResult], rules: TrustRules) -> str:
    """Why these runs of a counted budget are not what was counted; empty when they may be. baseline: of the
    same division, under the same budget.

    The second line of defence: where the kernel counted the CPU of a run and of its baseline, the judge has
    priced the run by it already. Else the count is the variant's own word, and this is what bounds it. Where
    a baseline's CPU is not known, nothing follows.
    """
    usual = _usual(baseline)
    if rules.mode is Mode.OFF or usual is None:
        return ""
    for result in results:
        if result.cpu is None:
            continue
        allowed = _allowed(result, result.cpu, usual, baseline)
        for phase, doing in PHASES.items():
            used, most = getattr(result.cpu, phase), getattr(allowed, phase)
            if used > most:
                before = getattr(usual, phase)
                return (
                    f"it used {used:.1f} s of CPU {doing}, the baseline {before:.1f} s: more than the work it"
                    f" counted explains, {most:.1f} s at most"
                )
    return ""


def _usual(baseline: Sequence[RunResult]) -> CpuSeconds | None:
    """The most that runs of the baseline used in each phase, to evaluate: for each block of rows."""
    used = [
        replace(result.cpu, evaluate=result.cpu.evaluate / _blocks(result))
        for result in baseline
        if result.cpu is not None
    ]
    if not used:
        return None
    return CpuSeconds(**{phase: max(getattr(cpu, phase) for cpu in used) for phase in PHASES})


def _blocks(result: RunResult) -> int:
    """Of validation rows that it was evaluated on."""
    return 1 + sum(name.startswith("value_block_") for name in result.details)


def _allowed(
    result: RunResult, used: CpuSeconds, usual: CpuSeconds, baseline: Sequence[RunResult]
) -> CpuSeconds:
    """The most that a run may use in each phase. An evaluation that older journals say nothing of has no
    bound.
    """
    most = max(other.spent for other in baseline)
    share = max(1.0, result.spent / most) if most > 0 else 1.0
    factor, dearer = result.details.get("price_factor"), _dearer(result, baseline)
    if isinstance(factor, float) and used.counted and any("train_cpu" in other.details for other in baseline):
        train, rate = PRICED_EXCESS * share, max(factor, dearer)
    else:
        train = TRAIN_EXCESS
        slower = used.train / usual.train if usual.train > 0 else 1.0
        rate = min(max(slower, dearer), TRAIN_EXCESS)
    return CpuSeconds(
        startup=STARTUP_EXCESS * usual.startup + WORK_SLACK,
        train=train * usual.train + WORK_SLACK,
        evaluate=EVALUATE_EXCESS * rate * usual.evaluate + WORK_SLACK if usual.evaluate > 0 else inf,
    )


def _dearer(result: RunResult, baseline: Sequence[RunResult]) -> float:
    """Times the baseline's CPU seconds that a training token of this run costs, from 1 on; 1 where the tokens
    are not known.
    """
    usual = max(map(_per_token, baseline), default=0.0)
    return min(max(_per_token(result) / usual, 1.0), MOST_DEARER) if usual > 0 else 1.0


def _per_token(result: RunResult) -> float:
    """CPU seconds of training, 0 where they or the tokens are not known."""
    tokens = result.details.get("train_tokens")
    return result.cpu.train / tokens if result.cpu and isinstance(tokens, float) and tokens > 0 else 0.0
