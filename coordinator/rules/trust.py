"""Which results may make a variant the best. Pure; a verdict asks here after the statistics have said that it
is better.

- A tier says what a variant could reach, an audit whether its claims hold without that reach. Neither
  replaces the other: both are asked for.
- Nothing here makes a value better or worse. A variant that is worse is rejected on any sandbox and without
  an audit.
- ``simulated`` results are a rehearsal: they merge, and every view says what they are.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import inf, sqrt
from statistics import fmean

from msgspec.structs import replace

from coordinator.rule_values.trust_rules import Grounds, Mode, TrustRules
from evaluator.audit_plan import AuditPlan
from evaluator.result import Audit, CpuSeconds, RunResult

TRUSTED = ("A", "B", "C")
WITH_GAPS = ("B-", "C-")
"""The same on a kernel whose Landlock is older: some ways out are open, and named by `autoswarm doctor`."""
SIMULATED = "simulated"
TWIN, LIVE = "twin", "live"
"""Kinds of audit."""
ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""
DISAGREES = "disagrees nearly everywhere"
"""What the judge notes in ``twin`` of one that is another model: it will be so in every run."""
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


class Standing(StrEnum):
    """What a measured run is good for."""

    BELIEVED = "believed"
    UNAUDITED = "unaudited"
    """Nothing speaks against it but that nobody looked: another run may be asked for."""
    REFUSED = "refused"
    """No other run of this program on this machine would change that."""


def confined(sandbox: str, rules: TrustRules) -> bool:
    """Whether what was measured in that sandbox may merge."""
    return rules.allow_untrusted or sandbox in (*TRUSTED, *WITH_GAPS, SIMULATED)


def standing(result: RunResult, rules: TrustRules) -> Standing:
    """What a measured run is good for."""
    if not confined(result.sandbox, rules):
        return Standing.REFUSED
    if result.sandbox == SIMULATED or rules.mode is Mode.OFF:
        return Standing.BELIEVED
    audit = result.audit
    if audit is not None and audit.kind == LIVE:
        return Standing.REFUSED if rules.mode is Mode.STRICT else Standing.BELIEVED
    return Standing.BELIEVED if audited(audit, rules.audit_positions) else Standing.UNAUDITED


def audited(audit: Audit | None, positions: int) -> bool:
    """Whether a twin compared that many positions."""
    return audit is not None and audit.kind == TWIN and audit.positions >= positions


def refusal(results: Iterable[RunResult], rules: TrustRules) -> str:
    """Why none of these runs can ever merge, with what to do; empty when they can."""
    refused = next((result for result in results if standing(result, rules) is Standing.REFUSED), None)
    if refused is None:
        return ""
    if not confined(refused.sandbox, rules):
        return f"measured in sandbox {refused.sandbox}: set trust.allow_untrusted=true to believe it"
    return (
        "live-judged, not merged in strict mode: no twin could be built of it, so its claims were only probed"
    )


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


def unproven(audit: Audit | None, rules: TrustRules) -> float:
    """How much of a gain its audits leave unproven, in the metric's unit: the largest leak they cannot
    exclude; 0 where none is asked for.
    """
    return 0.0 if audit is None or rules.mode is Mode.OFF else max(0.0, audit.leak_bound)


def unmergeable(baseline: Sequence[RunResult], rules: TrustRules) -> str:
    """Why nothing could ever merge in a division whose unmodified surface was measured so, with what to do;
    empty when something could.
    """
    if not any(confined(result.sandbox, rules) for result in baseline):
        return refusal(baseline, rules)
    first = refusal(baseline[:1], rules) or _without_a_twin(baseline[0], rules)
    return (
        f"{first}. Set trust.mode=normal to merge with that mark"
        if first and confined(baseline[0].sandbox, rules)
        else ""
    )


def _without_a_twin(first: RunResult, rules: TrustRules) -> str:
    """Why no twin of the unmodified surface can agree; empty where one may, as when it did not answer."""
    if rules.mode is not Mode.STRICT or first.sandbox == SIMULATED or kind_of(first) != "none":
        return ""
    why = str(first.details.get("twin", ""))
    return f"not audited: its twin {DISAGREES}" if DISAGREES in why else ""


def grounds(results: Sequence[RunResult]) -> Grounds:
    """What a value that rests on these runs rests on."""
    return Grounds(
        len(results),
        weakest(result.sandbox for result in results),
        pooled(results),
        ", ".join(_marks(results)),
    )


def baseline_grounds(results: Sequence[RunResult]) -> Grounds:
    """The same for a baseline, of which the first run is audited: it shows whether a twin of the surface can
    be built, the others only add to σ.
    """
    return replace(grounds(results), marks=grounds(results[:1]).marks)


def _marks(results: Sequence[RunResult]) -> list[str]:
    """What people must know about these runs; empty when nothing is open."""
    marks = [_mark(sandbox) for sandbox in sorted({result.sandbox for result in results} - {*TRUSTED})]
    kinds = {kind_of(result) for result in results if result.sandbox != SIMULATED}
    return marks + ["live-judged"] * (LIVE in kinds) + ["unaudited"] * bool(kinds - {LIVE, TWIN})


def _mark(sandbox: str) -> str:
    if sandbox == SIMULATED:
        return "simulated"
    return f"sandbox {sandbox}, with gaps" if sandbox in WITH_GAPS else f"untrusted sandbox {sandbox}"


def kind_of(result: RunResult) -> str:
    """``twin``, ``live`` or ``none``."""
    return result.audit.kind if result.audit is not None and result.audit.kind in (TWIN, LIVE) else "none"


def weakest(sandboxes: Iterable[str]) -> str:
    """The tier a value that rests on several runs has: the least of theirs, empty for none."""
    order = (*TRUSTED, *WITH_GAPS, "D", "E", "F")
    return max(sandboxes, key=lambda tier: order.index(tier) if tier in order else len(order), default="")


def pooled(results: Iterable[RunResult]) -> Audit | None:
    """The audits of several runs as one of their mean value: independent errors add in squares, and a leak
    where nobody drew has to escape in every run, which makes that part of the bound a k-th of one run's. None
    without any.
    """
    audits = [result.audit for result in results if result.audit is not None and kind_of(result) != "none"]
    if not audits:
        return None
    correction = fmean(audit.correction for audit in audits)
    error = sqrt(sum(audit.standard_error**2 for audit in audits)) / len(audits)
    escaped = fmean(
        max(0.0, audit.leak_bound - _drawn(audit.correction, audit.standard_error)) for audit in audits
    )
    return Audit(
        kind=LIVE if any(audit.kind == LIVE for audit in audits) else TWIN,
        positions=sum(audit.positions for audit in audits),
        correction=correction,
        standard_error=error,
        leak_bound=_drawn(correction, error) + escaped / len(audits),
        largest=max(audit.largest for audit in audits),
    )


def _drawn(correction: float, error: float) -> float:
    """The part of a bound that what was drawn explains."""
    return max(correction + ONE_SIDED * error, 0.0)


def in_words(audit: Audit | None) -> str:
    """``twin n=2048 +0.0000±0.0000``, or ``none``."""
    if audit is None:
        return "none"
    return f"{audit.kind} n={audit.positions} {audit.correction:+.4f}±{audit.standard_error:.4f}"


def plan(rules: TrustRules, merge_below: float | None, forced: bool, draw: float) -> AuditPlan:
    """What the judge is asked for. forced: a merge may rest on this run whatever comes of it. draw: 0 to 1,
    made for this run.

    It is drawn here and not by the judge, so that a campaign in order audits the same runs again whatever
    happens to it.
    """
    if rules.mode is Mode.OFF:
        return AuditPlan(rules.audit_positions, 0.0, rules.audit_share_positions, None, rules.mode.value)
    if forced:
        return AuditPlan(rules.audit_positions, 1.0, rules.audit_positions, None, rules.mode.value)
    return AuditPlan(
        rules.audit_positions,
        float(draw < rules.audit_share),
        rules.audit_share_positions,
        merge_below,
        rules.mode.value,
    )
