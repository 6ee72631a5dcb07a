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
from math import sqrt
from statistics import fmean

from msgspec.structs import replace

from coordinator.rule_values.trust_rules import Grounds, Mode, TrustRules
from evaluator.audit_plan import AuditPlan
from evaluator.result import Audit, RunResult

TRUSTED = ("A", "B", "C")
WITH_GAPS = ("B-", "C-")
"""The same on a kernel whose Landlock is older: some ways out are open, and named by `autoswarm doctor`."""
SIMULATED = "simulated"
TWIN, LIVE = "twin", "live"
"""Kinds of audit of a training script's claims."""
OUTSIDE, BESIDE = "outside", "beside"
"""The same where commands measure: in a box that the variant's code was never in, or where it ran, too."""
WEAKEST_FIRST = (LIVE, BESIDE, TWIN, OUTSIDE)
ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""
DISAGREES = "disagrees nearly everywhere"
"""What the judge notes in ``twin`` of one that is another model: it will be so in every run."""


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
    if audit is not None and audit.kind in (LIVE, BESIDE):
        return Standing.REFUSED if rules.mode is Mode.STRICT else Standing.BELIEVED
    return Standing.BELIEVED if audited(audit, rules.audit_positions) else Standing.UNAUDITED


def audited(audit: Audit | None, positions: int) -> bool:
    """Whether a twin compared that many positions, or commands measured what came out of it."""
    if audit is not None and audit.kind == OUTSIDE:
        return True
    return audit is not None and audit.kind == TWIN and audit.positions >= positions


def refusal(results: Iterable[RunResult], rules: TrustRules) -> str:
    """Why none of these runs can ever merge, with what to do; empty when they can."""
    refused = next((result for result in results if standing(result, rules) is Standing.REFUSED), None)
    if refused is None:
        return ""
    if not confined(refused.sandbox, rules):
        return f"measured in sandbox {refused.sandbox}: set trust.allow_untrusted=true to believe it"
    if kind_of(refused) == BESIDE:
        return "not merged in strict mode: what measures it ran its code, which could speak for it"
    return (
        "live-judged, not merged in strict mode: no twin could be built of it, so its claims were only probed"
    )


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
    marks += ["live-judged"] * (LIVE in kinds) + ["measured beside its own code"] * (BESIDE in kinds)
    return marks + ["unaudited"] * ("none" in kinds)


def _mark(sandbox: str) -> str:
    if sandbox == SIMULATED:
        return "simulated"
    return f"sandbox {sandbox}, with gaps" if sandbox in WITH_GAPS else f"untrusted sandbox {sandbox}"


def kind_of(result: RunResult) -> str:
    """``twin``, ``live``, ``outside``, ``beside`` or ``none``."""
    kinds = (TWIN, LIVE, OUTSIDE, BESIDE)
    return result.audit.kind if result.audit is not None and result.audit.kind in kinds else "none"


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
        kind=min((audit.kind for audit in audits), key=WEAKEST_FIRST.index),
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
    if audit.kind in (OUTSIDE, BESIDE):
        return f"measured {audit.kind}"
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
