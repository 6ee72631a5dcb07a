from evaluator.baseline_facts import BaselineFacts, facts_of, without_real_time
from evaluator.result import CpuSeconds, Measured, RunResult


def result(cpu: CpuSeconds | None = None, **details: float) -> RunResult:
    return RunResult(run="r", outcome=Measured(1.0), seed=0, cpu=cpu, details=dict(details))


def test_each_fact_is_the_most_that_any_run_came_to() -> None:
    facts = facts_of(
        [
            result(train_cpu=3.0, evaluate_cpu=0.4, step_price=9.0, warmup_tokens=1024.0),
            result(train_cpu=2.0, evaluate_cpu=0.5, train_tokens=5000.0),
        ]
    )
    assert facts == BaselineFacts(
        train_cpu=3.0, evaluate_cpu=0.5, step_price=9.0, warmup_tokens=1024, train_tokens=5000
    )


def test_where_the_kernel_does_not_count_what_was_seen_of_its_processes_stands_for_it() -> None:
    assert facts_of([result(CpuSeconds(1.0, 2.5)), result(CpuSeconds(1.0, 2.7))]).train_cpu == 2.7
    assert facts_of([result(CpuSeconds(1.0, 9.9), train_cpu=2.0)]).train_cpu == 2.0


def test_a_campaign_in_order_keeps_what_is_no_real_time() -> None:
    facts = BaselineFacts(pace=2.0, step_seconds=0.1, step_price=9.0, train_cpu=3.0, train_tokens=5000)
    assert without_real_time(facts) == BaselineFacts(step_price=9.0, train_cpu=3.0, train_tokens=5000)
