"""What trust does to verdicts: a better value is not enough."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.domain import Phase, Purpose, State
from coordinator.rule_values.rule_set import Rules
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules import campaign, trust
from coordinator.rules.slots import audit_plans, leases
from coordinator.state.events import CampaignFinished, RunQueued, VerdictGiven
from coordinator.state.records import Experiment
from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget, Unit
from evaluator.policies.contract import Choice, Decision
from evaluator.policies.one_step import Confirm
from evaluator.policies.trunk import Trunk
from evaluator.result import Audit, Cheated, CpuSeconds, Measured, Outcome, RunResult
from tests.unit.swarm_of_rules import Swarm, audit_of, rules

STRICT, OFF = TrustRules(mode=Mode.STRICT), TrustRules(mode=Mode.OFF)
LENIENT = TrustRules(allow_untrusted=True)


class Machine(Swarm):
    """One agent on a machine with a sandbox, and a judge that comes to the audits of a list, in the order of
    measured variants' runs.
    """

    def __init__(
        self,
        trust: TrustRules,
        audits: list[Audit | None],
        tier: str = "A",
        lookahead: int = 0,
        **others: Any,
    ) -> None:
        super().__init__(rules(trust=trust, lookahead=lookahead, **others))
        self.tier, self.audits = tier, audits
        self.join("a0")
        for value in (0.99, 1.0, 1.0, 1.01):
            self.make(value)

    def sandbox(self, run: str) -> str:
        return "A" if self.state.experiments[self.state.runs[run].experiment].baseline else self.tier

    def judged(self, run: str, outcome: Outcome) -> tuple[Outcome, Audit | None]:
        if self.state.experiments[self.state.runs[run].experiment].baseline or not self.audits:
            return super().judged(run, outcome)
        return outcome, self.audits.pop(0)

    def make(self, value: float | Outcome) -> str:
        run = self.lease("a0")
        assert run is not None
        self.report("a0", run, Measured(value) if isinstance(value, float) else value)
        return run

    def variant(self, *values: float | Outcome) -> Experiment:
        """Propose and make its runs as they are asked for, with these values, the last one again and
        again.
        """
        name = self.think("a0")
        assert name is not None
        experiment = self.state.experiments[name]
        for number in range(10):
            if experiment.state.final:
                return experiment
            self.make(values[min(number, len(values) - 1)])
        raise AssertionError("no last verdict after ten runs")

    @property
    def best(self) -> str:
        best = self.state.divisions["cpu"].best
        assert best is not None
        return best.experiment


def asked_for(swarm: Swarm, experiment: Experiment) -> list[Purpose]:
    return [
        event.purpose
        for _, event in swarm.journal
        if isinstance(event, RunQueued) and event.experiment == experiment.experiment
    ]


def test_a_variant_that_is_better_and_audited_merges_without_a_mark() -> None:
    swarm = Machine(TrustRules(), [])
    experiment = swarm.variant(0.9)
    assert (experiment.state, swarm.best) == (State.MERGED, experiment.experiment)
    assert experiment.grounds is not None
    assert (experiment.grounds.tier, experiment.grounds.marks, experiment.grounds.runs) == ("A", "", 2)
    assert swarm.plans[experiment.runs[0].run].merge_below == pytest.approx(1.0)
    assert swarm.plans[experiment.runs[1].run].share == 1.0


def test_a_would_be_merge_that_nobody_audited_is_asked_for_another_run_audited_in_full() -> None:
    """1. The screen was not audited, its confirm run was. 2. Both are better. 3. A third run is asked for;
    the merge rests on the audited two.
    """
    swarm = Machine(TrustRules(), [None, audit_of(), audit_of()])
    experiment = swarm.variant(0.8, 0.9, 0.92)
    assert asked_for(swarm, experiment) == [Purpose.SCREEN, Purpose.CONFIRM, Purpose.CONFIRM]
    assert swarm.plans[experiment.runs[2].run].share_positions == 2048
    assert experiment.state is State.MERGED
    assert experiment.value == pytest.approx(0.91)
    best = swarm.state.divisions["cpu"].best
    assert best is not None
    assert best.runs == 2
    reasons = [
        event.reason
        for _, event in swarm.journal
        if isinstance(event, VerdictGiven) and event.experiment == experiment.experiment
    ]
    assert "only 1 of its 2 runs were audited" in reasons[1]


def test_an_audit_of_too_few_positions_is_none() -> None:
    swarm = Machine(TrustRules(), [audit_of(256), audit_of(), audit_of()])
    assert len(swarm.variant(0.9).runs) == 3


def test_what_was_better_only_without_an_audit_is_rejected_by_the_runs_that_were_audited() -> None:
    swarm = Machine(TrustRules(), [None, audit_of(), audit_of()])
    experiment = swarm.variant(0.5, 0.99, 1.0)
    assert experiment.state is State.REJECTED
    assert swarm.best == "baseline-cpu"


@pytest.mark.parametrize("trust", [TrustRules(), STRICT])
def test_a_variant_whose_audits_never_come_to_an_end_is_given_up(trust: TrustRules) -> None:
    swarm = Machine(trust, [None] * 9)
    experiment = swarm.variant(0.9)
    assert experiment.state is State.REJECTED
    assert len(experiment.runs) == 4
    assert "could be audited: trust.mode=off would believe it" in experiment.reason
    assert swarm.best == "baseline-cpu"


def test_with_trust_off_nothing_is_asked_for_and_the_merge_says_so() -> None:
    swarm = Machine(OFF, [None] * 9)
    experiment = swarm.variant(0.9)
    assert (experiment.state, len(experiment.runs)) == (State.MERGED, 2)
    assert experiment.grounds is not None
    assert experiment.grounds.marks == "unaudited"
    assert experiment.reason.endswith("(unaudited)")
    assert {plan.share for plan in swarm.plans.values()} == {0.0}


@pytest.mark.parametrize(("trust", "tier", "state", "runs", "word"), [
    (TrustRules(), "F", State.REJECTED, 1,
    "but measured in sandbox F: set trust.allow_untrusted=true to believe it"),
    (TrustRules(), "D", State.REJECTED, 1, "sandbox D"),
    (OFF, "E", State.REJECTED, 1, "sandbox E"),
    (LENIENT, "F", State.MERGED, 2, "(untrusted sandbox F)"),
    (TrustRules(), "C-", State.MERGED, 2, "(sandbox C-, with gaps)"),
    (STRICT, "B-", State.MERGED, 2, "(sandbox B-, with gaps)"),
    (STRICT, "simulated", State.MERGED, 2, "(simulated)"),
])  # fmt: skip
def test_the_sandbox_decides_whether_a_better_variant_merges(
    trust: TrustRules, tier: str, state: State, runs: int, word: str
) -> None:
    swarm = Machine(trust, [], tier)
    experiment = swarm.variant(0.9)
    assert (experiment.state, len(experiment.runs)) == (state, runs)
    assert word in experiment.reason
    assert swarm.replayed() == swarm.state


def test_a_variant_that_is_worse_is_rejected_for_that_whatever_its_sandbox() -> None:
    assert "sandbox" not in Machine(TrustRules(), [], "F").variant(1.1).reason


@pytest.mark.parametrize(("trust", "state", "word"), [
    (STRICT, State.REJECTED, "but live-judged, not merged in strict mode"),
    (TrustRules(), State.MERGED, "(live-judged)"),
])  # fmt: skip
def test_what_was_only_probed_merges_marked_or_in_strict_mode_not_at_all(
    trust: TrustRules, state: State, word: str
) -> None:
    experiment = Machine(trust, [audit_of(kind="live")] * 9).variant(0.9)
    assert experiment.state is state
    assert word in experiment.reason


def test_a_cheat_ends_its_experiment_with_the_evidence_and_counts_for_its_arm() -> None:
    swarm = Machine(TrustRules(), [])
    screened = swarm.variant(Cheated("leak", "0.0180 better than its twin at 2048 positions"))
    confirmed = swarm.variant(0.9, Cheated("leak", "at confirm"))
    assert (screened.state, confirmed.state) == (State.CHEATED, State.CHEATED)
    assert screened.reason == "leak: 0.0180 better than its twin at 2048 positions"
    assert screened.runs[0].result is not None
    assert swarm.best == "baseline-cpu"
    assert swarm.state.arms["search"] == {"proposals": 2, "runs": 3, "cheated": 2}
    assert swarm.replayed() == swarm.state


@pytest.mark.parametrize(
    ("tier", "trust", "ends"), [("F", TrustRules(), True), ("F", LENIENT, False), ("C", TrustRules(), False)]
)
def test_a_campaign_whose_baseline_cannot_be_believed_ends_at_once(
    tier: str, trust: TrustRules, ends: bool
) -> None:
    class Untrusted(Swarm):
        def sandbox(self, run: str) -> str:  # noqa: ARG002
            return tier

    swarm = Untrusted(rules(trust=trust))
    swarm.join("a0")
    for _ in range(4):
        run = swarm.lease("a0")
        assert run is not None
        swarm.report("a0", run)
    finished = [event for _, event in swarm.journal if isinstance(event, CampaignFinished)]
    assert bool(finished) is ends
    if ends:
        assert swarm.state.phase is Phase.FINISHED
        assert (
            finished[0].reason
            == "the baseline of cpu was measured in sandbox F: set trust.allow_untrusted=true to believe it"
        )


def test_told_to_believe_it_the_same_campaign_goes_on() -> None:
    class Untrusted(Swarm):
        def sandbox(self, run: str) -> str:  # noqa: ARG002
            return "F"

    swarm = Untrusted(rules())
    swarm.join("a0")
    for _ in range(4):
        run = swarm.lease("a0")
        assert run is not None
        swarm.report("a0", run)
    swarm.commit_settled(campaign.begin(swarm.state, rules(trust=LENIENT), swarm.now))
    assert swarm.state.phase is Phase.RUNNING


@pytest.mark.parametrize("share", [0.0, 0.05, 1.0])
def test_the_first_baseline_run_is_audited_and_other_runs_by_lot(share: float) -> None:
    swarm = Machine(TrustRules(audit_share=share), [])
    for _ in range(200):
        swarm.variant(1.1)
    first, *others = swarm.plans.values()
    assert first == AuditPlan(share=1.0, share_positions=2048)
    assert sum(plan.share for plan in others) / len(others) == pytest.approx(share, abs=0.05)
    assert {plan.share_positions for plan in others} == {256}


@pytest.mark.parametrize(("lookahead", "pace"), [(0, 5.0), (4, None)])
def test_runs_are_leased_with_what_the_baseline_came_to_in_order_without_real_time(
    lookahead: int, pace: float | None
) -> None:
    swarm = Swarm(rules(lookahead=lookahead))
    swarm.join("a0")
    for number in range(4):
        run = swarm.lease("a0")
        assert run is not None
        assert audit_plans.baseline_facts(swarm.state, swarm.state.runs[run]) == BaselineFacts()
        result = replace(
            swarm.result(run, Measured(1.0 + number / 100)),
            details={"pace": 2.0 + number, "train_cpu": 3.0 - number, "twin": "said nothing"},
        )
        swarm.commit_settled(leases.report(swarm.state, "a0", swarm.token(run), result, gap=None))
    swarm.think("a0")
    run = swarm.lease("a0")
    assert run is not None
    facts = audit_plans.baseline_facts(swarm.state, swarm.state.runs[run])
    assert facts == BaselineFacts(pace=pace, train_cpu=3.0, largest=0.02)


def test_a_variant_run_before_there_is_a_best_is_audited_in_full() -> None:
    """1. Two agents; one holds the last baseline run. 2. The other screens a variant meanwhile: nobody knows
    yet what it has to beat.
    """
    swarm = Swarm()
    for agent in ("a0", "a1"):
        swarm.join(agent)
    for _ in range(3):
        run = swarm.lease("a0")
        assert run is not None
        swarm.report("a0", run)
    assert swarm.lease("a0") == "baseline-cpu.4"
    swarm.think("a1")
    run = swarm.lease("a1")
    assert run is not None
    assert swarm.plans[run].share == 1.0


class Worker(Machine):
    """Its baseline took 2 s of CPU to start and 3 s to train; its variants take what a list says."""

    def __init__(
        self,
        trust: TrustRules,
        *cpu: CpuSeconds | None,
        unit: Unit = Unit.FLOPS,
        lookahead: int = 0,
        **others: Any,
    ) -> None:
        self.cpu = list(cpu)
        super().__init__(trust, [], lookahead=lookahead, budget=Budget(unit, 10.0, 60.0), **others)

    def result(self, run: str, outcome: Outcome | None = None) -> RunResult:
        baseline = self.state.experiments[self.state.runs[run].experiment].baseline
        return replace(
            super().result(run, outcome),
            cpu=CpuSeconds(2.0, 3.0, 0.5) if baseline else self.cpu.pop(0),
        )


USUAL, MUCH = CpuSeconds(8.9, 14.4), CpuSeconds(2.0, 14.6)


@pytest.mark.parametrize(("cpu", "end"), [(MUCH, State.ROLLED_BACK), (USUAL, State.MERGED)])
def test_a_certificate_is_believed_no_more_than_a_merge_is(cpu: CpuSeconds, end: State) -> None:
    """The screen that made it a step used what is usual; its fresh run did not."""
    swarm = Worker(TrustRules(), USUAL, cpu, policy=Trunk(steps=1))
    experiment = swarm.variant(0.9)
    assert experiment.state is end
    assert ("more than the work it counted explains" in experiment.reason) is (end is State.ROLLED_BACK)


@pytest.mark.parametrize("lookahead", [0, 4])
@pytest.mark.parametrize("cpu", [MUCH, CpuSeconds(9.1, 3.0), CpuSeconds(2.0, 3.0, 2.1)])
def test_a_variant_that_used_more_cpu_than_its_counted_work_explains_does_not_merge(
    cpu: CpuSeconds, lookahead: int
) -> None:
    swarm = Worker(TrustRules(), cpu, USUAL, lookahead=lookahead)
    rejected = swarm.variant(0.9)
    assert rejected.state is State.REJECTED
    assert "more than the work it counted explains" in rejected.reason
    most = cpu.evaluate or max(cpu.startup, cpu.train)
    assert f"{most:.1f} s of CPU" in rejected.reason
    assert len(rejected.runs) == 1  # it costs no confirm run


@pytest.mark.parametrize(("trust", "cpu", "unit"), [
    (TrustRules(), (USUAL, USUAL), Unit.VIRTUAL_SECONDS),
    (TrustRules(), (None, None), Unit.FLOPS),
    (OFF, (MUCH, MUCH), Unit.FLOPS),
    (TrustRules(), (MUCH, MUCH), Unit.SECONDS),
])  # fmt: skip
def test_cpu_within_bounds_of_the_baseline_s_or_where_a_clock_keeps_the_budget_is_nobody_s_business(
    trust: TrustRules, cpu: tuple[CpuSeconds | None, ...], unit: Unit
) -> None:
    assert Worker(trust, *cpu, unit=unit).variant(0.9).state is State.MERGED


def test_a_confirm_run_that_works_too_much_is_enough() -> None:
    swarm = Worker(TrustRules(), USUAL, MUCH)
    assert swarm.variant(0.9).state is State.REJECTED


@pytest.mark.parametrize(("bound", "state"), [
    (2e-4, State.MERGED),
    (0.16, State.MERGED),
    (0.18, State.REJECTED),  # 0.1 better: 0.01 is proven over two runs, two standard errors are 0.0141
    (0.9, State.REJECTED),
])  # fmt: skip
def test_a_merge_has_to_pass_without_the_largest_leak_its_audits_cannot_exclude(
    bound: float, state: State
) -> None:
    audit = replace(audit_of(), leak_bound=bound)
    experiment = Machine(TrustRules(), [audit] * 9).variant(0.9)
    assert (experiment.state, len(experiment.runs)) == (state, 2)
    assert experiment.value == pytest.approx(0.9)
    if state is State.REJECTED:
        pooled = trust.pooled(experiment.measured)
        assert pooled is not None
        assert pooled.leak_bound == pytest.approx(bound / 2, rel=0.2)
        assert f"but the audit leaves {pooled.leak_bound:.2g} of that unproven" in experiment.reason
        assert "a higher trust.audit_positions proves more" in experiment.reason
        assert experiment.grounds is None


def test_where_no_audit_is_asked_for_nothing_is_taken_off() -> None:
    audit = replace(audit_of(), leak_bound=0.5)
    assert Machine(OFF, [audit] * 9).variant(0.9).state is State.MERGED
    assert Machine(TrustRules(), [None] * 9, tier="simulated").variant(0.9).state is State.MERGED


class Sequential(Confirm, frozen=True):
    """Asks for one run more, up to four, as long as the gain is not beyond the noise."""

    def decide(self, gains: Sequence[float], best_runs: int, noise: float, freedom: int = 0) -> Decision:
        decision = super().decide(gains, best_runs, noise, freedom)
        if decision.choice is Choice.REJECT and decision.gain > 0 and 1 < len(gains) < 4:
            return replace(decision, choice=Choice.CONFIRM, more=1)
        return decision


class Played(Swarm):
    """Measures what it is given, audited or not."""

    def __init__(self, wanted: Rules, values: list[tuple[float, bool]]) -> None:
        self.values = values
        super().__init__(wanted)

    def measure(self, run: str) -> Outcome:  # noqa: ARG002 - the next value, whatever run asks
        return Measured(self.values[0][0])

    def judged(self, run: str, outcome: Outcome) -> tuple[Outcome, Audit | None]:  # noqa: ARG002
        return outcome, audit_of() if self.values.pop(0)[1] else None


def test_a_policy_that_wants_more_of_the_believed_runs_gets_a_run_for_it() -> None:
    """1. Two audited runs are not enough, a third is asked for. 2. It comes without an audit, and together
    with it the policy would merge. 3. Of the believed ones alone it wants one more: that is queued.
    """
    values = [
        (1.0, True),
        (1.01, True),
        (0.99, True),
        (1.0, True),
        (0.985, True),
        (0.985, True),
        (0.93, False),
    ]
    swarm = Played(rules(policy=Sequential(confirm_runs=1, z=3.0)), values)
    swarm.join("a0")
    for _ in range(4):
        swarm.report("a0", leased(swarm))
    name = swarm.think("a0")
    for _ in range(3):
        swarm.report("a0", leased(swarm))
    swarm.state.validate()
    assert swarm.state.experiments[str(name)].state is State.CONFIRMING
    assert leased(swarm) == f"{name}.4"


def leased(swarm: Swarm) -> str:
    run = swarm.lease("a0")
    assert run is not None
    return run
