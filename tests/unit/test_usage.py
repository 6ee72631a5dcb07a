"""What a run used, as people read it; and the reference a trial is held to."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from deploy.cli.reference import Circumstances, Reference
from deploy.cli.trial import Tried, page_of
from deploy.views.trial_page import trial
from deploy.views.usage import cpu_in_words, details_in_words, memory_in_words, spent_in_words
from evaluator.budget import Budget, Unit
from evaluator.result import Audit, CpuSeconds, Crashed, CrashKind, Measured, Outcome, RunResult, Seconds
from tests.unit.swarm_of_rules import audit_of

BUDGET = Budget(Unit.VIRTUAL_SECONDS, 3.0, 60.0)
WHERE = Circumstances(
    data="abc",
    surface="x = 1\n",
    budget=BUDGET,
    cores=1,
    sandbox="A",
    machine="a processor",
    software="torch 2",
)


def measured(
    value: float = 1.0,
    cpu: CpuSeconds | None = None,
    audit: Audit | None = None,
    sandbox: str = "A",
    **details: float | str,
) -> RunResult:
    return RunResult(
        run="try", outcome=Measured(value), seed=1, seconds=Seconds(1, 2, 3, 6), sandbox=sandbox, cpu=cpu,
        audit=audit, spent=2.98, steps=50, peak_memory=610_000_000, details=details,
    )  # fmt: skip


def shown(tried: Tried) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(trial(page_of(tried), "the end of a log"))
    return capture.get()


# ---------------------------------------------------------------------- in words


def test_what_was_spent_has_its_unit_and_its_share_of_the_budget() -> None:
    assert spent_in_words(2.98, BUDGET) == "2.98 virtual seconds, 99.3% of the budget"
    assert spent_in_words(1e11, Budget(Unit.FLOPS, 1e11, 60.0)) == "1e+11 flops, 100.0% of the budget"


@pytest.mark.parametrize(
    ("counted", "words"), [(True, ", counted by the kernel"), (False, "not counted by the")]
)
def test_cpu_is_said_by_phase_and_by_whom_it_was_counted(counted: bool, words: str) -> None:
    said = cpu_in_words(CpuSeconds(1.9, 2.6, 0.5, counted))
    assert said.startswith("startup 1.90 s, train 2.60 s, evaluate 0.50 s")
    assert words in said


def test_memory_is_in_gigabytes_or_unknown() -> None:
    assert (memory_in_words(610_000_000), memory_in_words(0)) == ("0.61 GB", "–")


def test_every_detail_of_the_judge_is_said_with_its_unit_the_important_ones_first() -> None:
    details: dict[str, float | str] = {
        "claim_seconds": 0.4321,
        "eval_tokens": 8192.0,
        "pages": "all of 218,000 files were resident",
        "pace": 1.25,
        "price_factor": 1.5625,
        "train_cpu": 2.6,
        "twin_cpu": 1.1,
        "warmup_seconds": 0.0,
        "epochs": 1.0,
        "twin": "it said\x1b[2J\nnothing",
    }
    assert details_in_words(details) == (
        "warmup 0 s, 1.25 s for each second of its price, price × 1.562 by its CPU, claim 0.4321 s, epochs 1,"
        " eval 8192 tokens, pages: all of 218,000 files were resident, twin: it said�[2J nothing,"
        " twin 1.1 s of CPU"
    )
    assert len(details_in_words({"pages": "x" * 999})) < 200


# ---------------------------------------------------------------------- a trial's page


def test_a_trial_says_what_it_spent_used_and_was_held_to() -> None:
    cpu = CpuSeconds(1.9, 2.6, 0.5, counted=True)
    page = shown(Tried(measured(1.25, cpu, audit_of(), price_factor=1.0), BUDGET, measured(1.5, cpu)))
    for words in (
        "2.98 virtual seconds, 99.3% of the budget, 50 batches",
        "startup 1.90 s, train 2.60 s, evaluate 0.50 s, counted by the kernel",
        "0.61 GB at most",
        "price × 1 by its CPU",
        "the unmodified surface 1.5000, train 2.0 s; CPU startup 1.90 s",
        "twin of 2048 positions",
    ):
        assert words in page
    assert "open " not in page


@pytest.mark.parametrize(("result", "word"), [
    (measured(audit=audit_of(), cpu=CpuSeconds(1.9, 2.6)), ""),
    (measured(audit=audit_of(), cpu=CpuSeconds(1.9, 60.0)), "60.0 s of CPU to train, the baseline 2.6 s"),
    (measured(audit=audit_of(kind="live")), "live-judged"),
    (measured(audit=audit_of(), sandbox="F"), "measured in sandbox F"),
    (measured(twin="it did not answer"), "not audited: it did not answer"),
    (measured(audit=audit_of(256)), "not audited"),
])  # fmt: skip
def test_a_trial_says_why_a_campaign_would_not_merge_it(result: RunResult, word: str) -> None:
    reference = measured(cpu=CpuSeconds(1.9, 2.6))
    why = page_of(Tried(result, BUDGET, reference)).open
    assert word in why
    assert bool(why) == bool(word)


def test_cpu_is_nobody_s_business_without_a_reference_or_where_a_clock_keeps_the_budget() -> None:
    much = measured(audit=audit_of(), cpu=CpuSeconds(1.9, 60.0))
    assert page_of(Tried(much, BUDGET)).open == ""
    clocked = Budget(Unit.SECONDS, 3.0, 60.0)
    assert page_of(Tried(much, clocked, measured(cpu=CpuSeconds(1.9, 2.6)))).open == ""


def test_a_trial_that_was_not_measured_has_nothing_open() -> None:
    crashed = replace(measured(), outcome=Crashed(CrashKind.EXCEPTION, "KeyError: 1"))
    page = page_of(Tried(crashed, BUDGET))
    assert (page.value, page.open, page.reason) == (None, "", "exception: KeyError: 1")


# ---------------------------------------------------------------------- the reference


def kept(folder: Path, circumstances: Circumstances, outcome: Outcome) -> tuple[RunResult, int]:
    """The reference, and how often it had to be measured for two trials."""
    measurements = 0

    def measure() -> RunResult:
        nonlocal measurements
        measurements += 1
        return replace(measured(), outcome=outcome, tail="a log")

    results = [Reference(folder, circumstances).of(measure) for _ in range(2)]
    assert results[0].outcome == results[1].outcome
    return results[1], measurements


def test_a_reference_is_measured_once_and_kept_for_the_next_trial(tmp_path: Path) -> None:
    result, measurements = kept(tmp_path, WHERE, Measured(1.5))
    assert (result.outcome, result.tail, measurements) == (Measured(1.5), "", 1)


def test_one_that_gave_no_value_is_measured_again(tmp_path: Path) -> None:
    assert kept(tmp_path, WHERE, Crashed(CrashKind.EXCEPTION, "no"))[1] == 2


@pytest.mark.parametrize("change", [
    {"data": "abd"},
    {"surface": "x = 2\n"},
    {"budget": Budget(Unit.VIRTUAL_SECONDS, 4.0, 60.0)},
    {"cores": 2},
    {"sandbox": "B"},
    {"machine": "another processor"},
    {"software": "torch 3"},
    {"noted": ("pace",)},
])  # fmt: skip
def test_what_its_figures_depend_on_makes_another_reference(
    tmp_path: Path, change: dict[str, object]
) -> None:
    Reference(tmp_path, WHERE).keep(measured(1.5))
    assert kept(tmp_path, replace(WHERE, **change), Measured(1.7)) == (measured(1.7), 1)
    assert kept(tmp_path, WHERE, Measured(1.9))[0] == measured(1.5)


def test_one_that_cannot_be_read_or_written_is_measured(tmp_path: Path) -> None:
    Reference(tmp_path, WHERE).keep(measured(1.5))
    [file] = (tmp_path / "references").iterdir()
    file.write_text("{")
    assert kept(tmp_path, WHERE, Measured(1.6)) == (measured(1.6), 1)
    (tmp_path / "file").touch()
    assert kept(tmp_path / "file", WHERE, Measured(1.6))[1] == 2
