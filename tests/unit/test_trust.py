"""Which results may merge: tier by audit by mode, and what is said about each."""

import pytest
from msgspec.structs import replace

from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules.cpu_bounds import overworked
from coordinator.rules.trust import (
    Standing,
    grounds,
    in_words,
    plan,
    pooled,
    refusal,
    standing,
    unmergeable,
    unproven,
)
from evaluator.audit_plan import AuditPlan
from evaluator.result import Audit, CpuSeconds, Measured, RunResult
from tests.unit.swarm_of_rules import audit_of

FULL, PART, PROBED, NOBODY = audit_of(2048), audit_of(256), audit_of(2048, "live"), None
YES, AGAIN, NO = Standing.BELIEVED, Standing.UNAUDITED, Standing.REFUSED


def measured(sandbox: str = "A", audit: Audit | None = FULL) -> RunResult:
    return RunResult(run="r", outcome=Measured(1.0), seed=1, sandbox=sandbox, audit=audit)


ANOTHER = replace(measured("A", audit_of(0, "none")), details={"twin": "it disagrees nearly everywhere"})

# In each row: what an audit in full, in part, live, and none come to.
TABLE: dict[tuple[str, Mode, bool], tuple[Standing, Standing, Standing, Standing]] = {
    ("trusted", Mode.STRICT, False): (YES, AGAIN, NO, AGAIN),
    ("trusted", Mode.NORMAL, False): (YES, AGAIN, YES, AGAIN),
    ("trusted", Mode.OFF, False): (YES, YES, YES, YES),
    ("untrusted", Mode.STRICT, False): (NO, NO, NO, NO),
    ("untrusted", Mode.NORMAL, False): (NO, NO, NO, NO),
    ("untrusted", Mode.OFF, False): (NO, NO, NO, NO),
    ("untrusted", Mode.STRICT, True): (YES, AGAIN, NO, AGAIN),
    ("untrusted", Mode.NORMAL, True): (YES, AGAIN, YES, AGAIN),
    ("untrusted", Mode.OFF, True): (YES, YES, YES, YES),
    ("simulated", Mode.STRICT, False): (YES, YES, YES, YES),
    ("simulated", Mode.NORMAL, False): (YES, YES, YES, YES),
    ("simulated", Mode.OFF, False): (YES, YES, YES, YES),
}
TIERS = {
    "trusted": ("A", "B", "C", "B-", "C-"),
    "untrusted": ("D", "E", "F", "none", "", "Z"),
    "simulated": ("simulated",),
}


@pytest.mark.parametrize(("kind", "mode", "allowed"), TABLE)
def test_tier_audit_and_mode_decide_what_a_run_is_good_for(kind: str, mode: Mode, allowed: bool) -> None:
    rules = TrustRules(mode=mode, allow_untrusted=allowed)
    for sandbox in TIERS[kind]:
        found = tuple(standing(measured(sandbox, audit), rules) for audit in (FULL, PART, PROBED, NOBODY))
        assert found == TABLE[kind, mode, allowed], sandbox


def test_an_audit_of_an_unknown_kind_counts_as_none() -> None:
    assert standing(measured("A", audit_of(2048, "none")), TrustRules()) is AGAIN
    assert standing(measured("A", audit_of(2048, "guess")), TrustRules(mode=Mode.STRICT)) is AGAIN


def test_what_is_refused_is_said_with_what_to_do() -> None:
    assert (
        refusal([measured(), measured("F")], TrustRules())
        == "measured in sandbox F: set trust.allow_untrusted=true to believe it"
    )
    assert "strict" in refusal([measured("A", PROBED)], TrustRules(mode=Mode.STRICT))
    assert refusal([measured(), measured("C-", PROBED), measured("B", NOBODY)], TrustRules()) == ""


@pytest.mark.parametrize(("results", "tier", "marks"), [
    ([measured()], "A", ""),
    ([measured("C"), measured("B")], "C", ""),
    ([measured("A"), measured("B-")], "B-", "sandbox B-, with gaps"),
    ([measured("F")], "F", "untrusted sandbox F"),
    ([measured("A", PROBED), measured()], "A", "live-judged"),
    ([measured("A", NOBODY)], "A", "unaudited"),
    ([measured("F", NOBODY), measured("C-", PROBED)], "F",
    "sandbox C-, with gaps, untrusted sandbox F, live-judged, unaudited"),
    ([measured("simulated", NOBODY)], "simulated", "simulated"),
    ([measured("none", FULL), measured("F")], "none", "untrusted sandbox F, untrusted sandbox none"),
])  # fmt: skip
def test_a_merge_is_as_good_as_its_weakest_run_and_says_what_is_open(
    results: list[RunResult], tier: str, marks: str
) -> None:
    found = grounds(results)
    assert (found.runs, found.tier, found.marks) == (len(results), tier, marks)


def test_audits_of_several_runs_are_pooled() -> None:
    first = Audit("twin", 2048, 0.002, 0.003, 0.01, 0.02)
    second = Audit("twin", 1024, 0.004, 0.004, 0.02, 0.30)
    found = pooled([measured("A", first), measured("A", NOBODY), measured("A", second)])
    assert found is not None
    assert (found.kind, found.positions, found.largest) == ("twin", 3072, 0.30)
    assert [found.correction, found.standard_error, found.leak_bound] == pytest.approx(
        [0.003, 0.0025, (0.003 + 1.645 * 0.0025) + (0.003065 + 0.00942) / 4]
    )
    assert in_words(found) == "twin n=3072 +0.0030±0.0025"
    assert in_words(pooled([measured("A", NOBODY)])) == "none"
    both = pooled([measured(), measured("A", PROBED)])
    assert both is not None
    assert (both.kind, both.positions) == ("live", 4096)


def test_a_run_a_merge_may_rest_on_is_audited_in_full_and_others_by_a_draw() -> None:
    rules = TrustRules()
    assert plan(rules, 1.5, forced=False, draw=0.5) == AuditPlan(2048, 0.0, 256, 1.5, "normal")
    assert plan(rules, 1.5, forced=False, draw=0.04) == AuditPlan(2048, 1.0, 256, 1.5, "normal")
    assert plan(rules, 1.5, forced=True, draw=0.5) == AuditPlan(2048, 1.0, 2048, None, "normal")
    assert plan(TrustRules(mode=Mode.STRICT), None, forced=False, draw=0.5).mode == "strict"
    assert plan(TrustRules(mode=Mode.OFF), 1.5, forced=True, draw=0.0) == AuditPlan(
        2048, 0.0, 256, None, "off"
    )


@pytest.mark.parametrize(("results", "mode", "allowed", "word"), [
    ([measured()] * 4, Mode.STRICT, False, ""),
    ([measured("F")] * 4, Mode.NORMAL, False, "allow_untrusted"),
    ([measured("F")] * 4, Mode.OFF, False, "allow_untrusted"),
    ([measured("F")] * 4, Mode.NORMAL, True, ""),
    ([measured("F"), measured("A")], Mode.NORMAL, False, ""),
    ([measured("A", PROBED), measured("A", NOBODY)], Mode.STRICT, False, "trust.mode=normal"),
    ([measured("A", PROBED), measured("A", NOBODY)], Mode.NORMAL, False, ""),
    ([measured("A", NOBODY)] * 4, Mode.STRICT, False, ""),
    ([ANOTHER, measured()], Mode.STRICT, False, "disagrees nearly everywhere. Set trust.mode=normal"),
    ([ANOTHER, measured()], Mode.NORMAL, False, ""),
    ([replace(ANOTHER, details={"twin": "it did not answer"})] * 4, Mode.STRICT, False, ""),
])  # fmt: skip
def test_a_baseline_says_whether_anything_could_ever_merge(
    results: list[RunResult], mode: Mode, allowed: bool, word: str
) -> None:
    found = unmergeable(results, TrustRules(mode=mode, allow_untrusted=allowed))
    assert word in found
    assert bool(found) == bool(word)


def worked(
    startup: float, train: float, evaluate: float, spent: float = 10.0, counted: bool = True, **details: float
) -> RunResult:
    """A measured run with the CPU seconds of its phases."""
    cpu = CpuSeconds(startup, train, evaluate, counted)
    return replace(measured(), cpu=cpu, spent=spent, details=details)


COUNTED = worked(2.0, 3.0, 0.5, train_cpu=3.0)
TOKENS = worked(2.0, 3.0, 0.5, train_cpu=3.0, train_tokens=1000.0)
UNCOUNTED = worked(2.0, 3.0, 0.5, counted=False)


@pytest.mark.parametrize(("result", "baseline", "word"), [
    # Nobody priced it: 4.5 times the baseline's and a second besides, the evaluation as its training.
    (worked(9.0, 14.5, 0.5, counted=False), UNCOUNTED, ""),
    (worked(2.0, 14.6, 0.5, counted=False), UNCOUNTED, "14.6 s of CPU to train, the baseline 3.0 s"),
    (worked(9.1, 3.0, 0.5, counted=False), UNCOUNTED, "before its first batch"),
    (worked(2.0, 12.0, 4.9, counted=False), UNCOUNTED, ""),
    (worked(2.0, 3.0, 2.1, counted=False), UNCOUNTED, "2.1 s of CPU to be evaluated"),
    # The judge priced it: no more than its price explains, however slow a program is.
    (worked(2.0, 3.6, 2.0, price_factor=3.8), COUNTED, ""),
    (worked(2.0, 5.4, 0.5, price_factor=1.0), COUNTED, ""),
    (worked(2.0, 5.6, 0.5, price_factor=1.0), COUNTED, "to train"),
    (worked(2.0, 5.6, 0.5, spent=13.0, price_factor=4.8), COUNTED, ""),
    (worked(2.0, 3.0, 4.9, price_factor=4.8), COUNTED, ""),
    (worked(2.0, 3.0, 2.1, price_factor=1.0), COUNTED, "to be evaluated"),
    # A larger model trains on fewer tokens, and is as much slower to evaluate.
    (worked(2.0, 3.0, 2.9, price_factor=1.0, train_tokens=250.0), TOKENS, ""),
    (worked(2.0, 3.0, 5.1, price_factor=1.0, train_tokens=250.0), TOKENS, "to be evaluated"),
    (worked(2.0, 3.0, 7.1, price_factor=1.0, train_tokens=1.0), TOKENS, "to be evaluated"),
    # A price by nothing that the kernel counted is none.
    (worked(2.0, 12.0, 0.5, counted=False, price_factor=1.0), COUNTED, ""),
    (worked(2.0, 12.0, 0.5, price_factor=1.0), UNCOUNTED, ""),
    # Journals of before say nothing of evaluations, or of CPU at all.
    (worked(2.0, 3.0, 60.0), worked(2.0, 3.0, 0.0), ""),
    (worked(60.0, 60.0, 60.0), measured(), ""),
    (measured(), COUNTED, ""),
])  # fmt: skip
def test_cpu_is_bounded_by_the_baseline_s_and_by_the_price_where_there_is_one(
    result: RunResult, baseline: RunResult, word: str
) -> None:
    why = overworked([COUNTED, result], [baseline, baseline], TrustRules())
    assert word in why
    assert bool(why) == bool(word)
    assert not overworked([result], [baseline], TrustRules(mode=Mode.OFF))


def test_an_audit_leaves_its_bound_unproven_where_one_is_asked_for() -> None:
    assert unproven(FULL, TrustRules()) == unproven(PROBED, TrustRules()) == 2e-4
    assert unproven(NOBODY, TrustRules()) == unproven(FULL, TrustRules(mode=Mode.OFF)) == 0.0
