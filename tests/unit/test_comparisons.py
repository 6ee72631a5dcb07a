"""Questions, and what runs show of them: order, seeds, what ends a matter, what is doubted and claimed."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.domain import Direction, Metric, Purpose
from coordinator.rule_values.trust_rules import Mode, TrustRules
from coordinator.rules.fresh_rows import block_of, unseen_block
from coordinator.rules.trust import DISAGREES
from deploy.cli.comparisons import record_folders
from deploy.cli.comparisons.claims import read_claim
from deploy.cli.comparisons.conclusion import conclude, ends, made, settled
from deploy.cli.comparisons.conditions import shipped
from deploy.cli.comparisons.making_runs import QUIET, Sparingly
from deploy.cli.comparisons.package_page import page
from deploy.cli.comparisons.question import (
    Claim,
    NamedProgram,
    Plan,
    PlannedRun,
    Question,
    RecordKind,
    Rows,
    Which,
    planned_runs,
)
from deploy.cli.comparisons.record import Record, Shown
from deploy.cli.comparisons.untrusted_files import digest_at, read_surface, sha256_of
from evaluator.budget import Budget, Unit
from evaluator.result import (
    Audit,
    Cheated,
    CpuSeconds,
    Crashed,
    CrashKind,
    Limit,
    Measured,
    Outcome,
    Progress,
    RunResult,
    TimedOut,
)
from tests.unit.swarm_of_rules import Swarm, rules

MINE = sha256_of("mine")
BASE = sha256_of("base")
BUDGET = Budget(unit=Unit.FLOPS, amount=1e11, wall_cap=60)
QUESTION = Question(
    kind=RecordKind.CERTIFY,
    campaign="night",
    task="demo",
    surface="train.py",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    division="cpu",
    budget=BUDGET,
    block=2,
    rows=Rows.UNSEEN,
    program=NamedProgram(name="e00007", sha256=MINE, title="ADAM_LR 0.003 → 0.006"),
    against=NamedProgram(name="baseline-cpu", sha256=BASE),
    claim=None,
    runs=8,
    sigma=None,
    margin=0.0,
    level=0.01,
    trust=TrustRules(mode=Mode.STRICT),
    sandbox="A",
    machine="a machine",
    software="python 3",
    data="d",
)
CLAIM = Claim(
    word="better",
    certified=True,
    gain=0.02,
    value=0.98,
    p=1e-6,
    runs=8,
    program=MINE,
    against=BASE,
    task="demo",
    data="d",
    budget=BUDGET,
    sandbox="A",
)
AGREED = Audit(kind="twin", positions=2048, correction=0.0, standard_error=0.0, leak_bound=0.0, largest=0.0)


def planned(question: Question = QUESTION, attempt: int = 1, reference: bool = False) -> Plan:
    runs = planned_runs(question, (), iter(range(1, 100)).__next__, reference)
    return Plan(record="c0001", question=question, runs=runs, attempt=attempt, made_at=1e9)


def result(run: PlannedRun, outcome: Outcome, audit: Audit | None = AGREED, **others: Any) -> RunResult:
    return RunResult(
        run=run.run, seed=run.seed, outcome=outcome, audit=audit, **{"sandbox": "A", "spent": 1e11, **others}
    )


def results(
    plan: Plan, gain: float = 0.02, audit: Audit | None = AGREED, **others: Any
) -> dict[str, RunResult]:
    """All runs measured: σ .002, side A better by ``gain``."""
    draw = Random(4)
    noise = {run.run: draw.gauss(0, 0.002) for run in plan.runs}
    for which in Which:  # so that the means are exactly apart by the gain
        names = [run.run for run in plan.runs if run.which is which]
        middle = fmean(noise[name] for name in names) if names else 0.0
        noise |= {name: noise[name] - middle for name in names}
    return {
        run.run: result(run, Measured(1 + noise[run.run] - gain * (run.which is Which.A)), audit, **others)
        for run in plan.runs
    }


# ---------------------------------------------------------------------- the plan


@given(st.integers(1, 40), st.booleans())
def test_sides_alternate_and_pairs_are_turned_round(runs: int, reference: bool) -> None:
    plan = planned(replace(QUESTION, runs=runs), reference=reference)
    sides = [run.which for run in plan.runs][reference:]
    assert Counter(sides) == {Which.A: runs, Which.B: runs}
    pairs = [tuple(sides[place : place + 2]) for place in range(0, 2 * runs, 2)]
    assert all(pair == ((Which.B, Which.A), (Which.A, Which.B))[n % 2] for n, pair in enumerate(pairs))
    assert len({run.run for run in plan.runs}) == len(plan.runs)
    assert (plan.runs[0].which is Which.REFERENCE) == reference


def test_seeds_are_new_and_no_two_alike() -> None:
    used, draws = {3, 4, 5}, iter([3, 7, 7, 4, 9, 5, 11, 12])
    plan = planned_runs(replace(QUESTION, runs=2), used, draws.__next__, False)
    assert [run.seed for run in plan] == [7, 9, 11, 12]


def test_against_a_claim_only_the_program_is_run() -> None:
    plan = planned(replace(QUESTION, against=None, claim=CLAIM))
    assert {run.which for run in plan.runs} == {Which.A}
    assert len(plan.runs) == 8


# ---------------------------------------------------------------------- which rows


@pytest.mark.parametrize(("ran_with", "data", "block"), [
    (3, 3, 2), (3, 4, 3), (2, 2, None), (2, 3, 2), (1, 1, None), (1, 2, 1), (1, 3, 2),
])  # fmt: skip
def test_rows_are_those_that_no_purpose_but_the_baseline_has(
    ran_with: int, data: int, block: int | None
) -> None:
    swarm = Swarm(rules(val_blocks=ran_with))
    assert unseen_block(swarm.state, data) == block
    if block is not None:
        searching = set(Purpose) - {Purpose.BASELINE}
        assert block not in {block_of(purpose, ran_with) for purpose in searching}


def test_rows_that_a_run_did_see_are_seen_whatever_the_rules_say() -> None:
    swarm = Swarm(rules(val_blocks=3))
    swarm.join("a0")
    while run := swarm.lease("a0"):
        swarm.report("a0", run, Measured(1.0))
    name = swarm.think("a0")
    assert name is not None
    assert unseen_block(swarm.state, 3) == 2
    swarm.state.experiments[name].runs[0].block = 2
    assert unseen_block(swarm.state, 3) is None


# ---------------------------------------------------------------------- what is shown


def test_a_gain_beyond_noise_on_unseen_rows_is_certified() -> None:
    plan = planned()
    conclusion = conclude(plan, results(plan), [])
    assert (conclusion.shown, conclusion.certified, conclusion.reason) == (Shown.BETTER, True, "")
    assert conclusion.comparison is not None
    assert conclusion.comparison.gain == pytest.approx(0.02)


@pytest.mark.parametrize(("gain", "shown"), [(0.0, Shown.NOT_BETTER), (-0.02, Shown.WORSE)])
def test_what_is_no_better_is_said_as_that(gain: float, shown: Shown) -> None:
    plan = planned()
    conclusion = conclude(plan, results(plan, gain), [])
    assert (conclusion.shown, conclusion.certified) == (shown, False)
    assert conclusion.reason


@pytest.mark.parametrize(("rows", "kind", "certified"), [
    (Rows.SEEN, RecordKind.CERTIFY, False),
    (Rows.NONE, RecordKind.CERTIFY, False),
    (Rows.UNSEEN, RecordKind.VERIFY, False),
    (Rows.LAST, RecordKind.VERIFY, False),
    (Rows.UNSEEN, RecordKind.CERTIFY, True),
])  # fmt: skip
def test_only_a_certificate_on_unseen_rows_has_the_word(
    rows: Rows, kind: RecordKind, certified: bool
) -> None:
    plan = planned(replace(QUESTION, rows=rows, kind=kind))
    conclusion = conclude(plan, results(plan), [])
    assert (conclusion.shown, conclusion.certified) == (Shown.BETTER, certified)
    assert bool(conclusion.reason) == (not certified and kind is RecordKind.CERTIFY)


@pytest.mark.parametrize(("outcome", "shown", "words"), [
    (Cheated("leak", "0.4 bits"), Shown.CHEATED, "run a2: leak: 0.4 bits"),
    (Crashed(CrashKind.DIVERGED, "nan"), Shown.NOT_MEASURED, "run a2: diverged: nan"),
    (TimedOut(Limit.WALL_CAP, 60.0), Shown.NOT_MEASURED, "run a2: ended at its wall cap"),
])  # fmt: skip
def test_one_run_without_a_value_ends_the_matter(outcome: Outcome, shown: Shown, words: str) -> None:
    """A mean over the runs that came through would hide it."""
    plan = planned()
    a2 = next(run for run in plan.runs if run.run == "a2")
    conclusion = conclude(plan, results(plan) | {"a2": result(a2, outcome)}, [])
    assert (conclusion.shown, conclusion.certified, conclusion.comparison) == (shown, False, None)
    assert words in conclusion.reason


def test_what_it_is_compared_with_may_fail_and_that_is_no_cheat_of_the_program() -> None:
    plan = planned()
    b1 = plan.runs[0]
    conclusion = conclude(plan, {"b1": result(b1, Cheated("leak", "x"))}, [])
    assert conclusion.shown is Shown.NOT_MEASURED
    assert conclusion.reason.startswith("what it is compared with came to no value: run b1")


LIVE = replace(AGREED, kind="live")


@pytest.mark.parametrize(("audit", "sandbox", "words"), [
    (None, "A", "not audited: no twin answered"),
    (replace(AGREED, positions=10), "A", "not audited"),
    (LIVE, "A", "run a1: live-judged, not merged in strict mode"),
    (AGREED, "F", "run a1: measured in sandbox F"),
])  # fmt: skip
def test_what_no_strict_audit_vouches_for_is_not_believed(
    audit: Audit | None, sandbox: str, words: str
) -> None:
    plan = planned()
    conclusion = conclude(plan, results(plan, audit=audit, sandbox=sandbox), [])
    assert (conclusion.shown, conclusion.certified) == (Shown.NOT_BELIEVED, False)
    assert words in conclusion.reason


def test_of_a_program_that_no_run_could_vouch_for_no_more_runs_are_made() -> None:
    plan = planned()
    a1 = plan.runs[1]
    other = result(a1, Measured(0.5), None, details={"twin": f"it {DISAGREES}"})
    assert settled(other, QUESTION)
    assert ends(a1, other, QUESTION)
    assert not ends(plan.runs[0], other, QUESTION), "what it is compared with is not in question"
    conclusion = conclude(plan, {"b1": result(plan.runs[0], Measured(1.0)), "a1": other}, [])
    assert (conclusion.shown, conclusion.comparison) == (Shown.NOT_BELIEVED, None)
    assert conclusion.reason == f"run a1: not audited: it {DISAGREES}"
    silent = result(a1, Measured(0.5), None)
    assert not settled(silent, QUESTION)
    assert not ends(a1, silent, QUESTION)


def test_work_that_its_count_does_not_explain_is_not_believed() -> None:
    plan = planned()
    usual, much = CpuSeconds(1.0, 5.0, 1.0), CpuSeconds(1.0, 500.0, 1.0)
    baseline = [result(plan.runs[0], Measured(1.0), cpu=usual)]
    conclusion = conclude(plan, results(plan, cpu=much), baseline)
    assert conclusion.shown is Shown.NOT_BELIEVED
    assert "more than the work it counted explains" in conclusion.reason


def test_a_gain_pays_for_what_audits_leave_unproven() -> None:
    plan = planned()
    leak = replace(AGREED, correction=0.019, leak_bound=0.019)
    conclusion = conclude(plan, results(plan, audit=leak), [])
    assert (conclusion.shown, conclusion.certified) == (Shown.NOT_BETTER, False)
    assert "audits leave 0.019 of the gain unproven" in conclusion.reason


def test_of_a_metric_that_is_better_when_higher_the_higher_is_better() -> None:
    plan = planned(replace(QUESTION, metric=Metric("accuracy", Direction.MAXIMIZE)))
    assert conclude(plan, results(plan, gain=-0.02), []).certified
    assert conclude(plan, results(plan, gain=0.02), []).shown is Shown.WORSE


def test_asking_again_is_said() -> None:
    plan = planned(attempt=3)
    assert "number 3 of this campaign" in " ".join(conclude(plan, results(plan), []).remarks)
    assert conclude(planned(), results(planned()), []).remarks == ()


def test_two_runs_a_side_work_and_say_so() -> None:
    plan = planned(replace(QUESTION, runs=2, sigma=None))
    assert "2 runs a side, fewer than 8" in " ".join(conclude(plan, results(plan), []).remarks)


# ---------------------------------------------------------------------- claims


def verified(claim: Claim, gain: float = 0.02, **question: Any) -> Any:
    plan = planned(replace(QUESTION, kind=RecordKind.VERIFY, claim=claim, **question))
    return conclude(plan, results(plan, gain), []).claim


def test_a_claim_that_is_true_holds_and_one_that_is_not_does_not() -> None:
    assert verified(CLAIM).holds is True
    false = verified(replace(CLAIM, gain=0.05))
    assert false.holds is False
    assert false.reason == "a gain of 0.0500 is claimed, 0.0200 was measured: it does not hold"
    assert verified(replace(CLAIM, gain=0.01)).holds is True


@pytest.mark.parametrize(("change", "words"), [
    ({"differs": ("train.py differs",)}, "not believed"),
    ({"program": BASE}, "another program"),
    ({"against": MINE}, "over another program"),
    ({"task": "gpt"}, "another task or budget"),
    ({"budget": replace(BUDGET, amount=4e11)}, "another task or budget"),
    ({"sandbox": "simulated"}, "a rehearsal"),
    ({"gain": None}, "no gain is claimed"),
])  # fmt: skip
def test_a_claim_that_does_not_compare_is_not_held_against_anything(
    change: dict[str, Any], words: str
) -> None:
    checked = verified(msgspec.structs.replace(CLAIM, **change))
    assert checked.holds is None
    assert words in checked.reason


@pytest.mark.parametrize(("claimed", "shown"), [
    (0.98, Shown.NOT_BETTER), (0.96, Shown.WORSE), (1.0, Shown.BETTER),
])  # fmt: skip
def test_runs_against_the_value_that_is_claimed(claimed: float, shown: Shown) -> None:
    claim = replace(CLAIM, value=claimed)
    plan = planned(replace(QUESTION, kind=RecordKind.VERIFY, against=None, claim=claim))
    assert conclude(plan, results(plan), []).shown is shown


def record(plan: Plan, conclusion: Any = None) -> Record:
    runs = results(plan)
    return Record(
        schema=1,
        plan=plan,
        runs=tuple(made(run, runs[run.run]) for run in plan.runs),
        conclusion=conclusion or conclude(plan, runs, []),
        finished_at=1e9,
    )


def package(folder: Path, **files: str) -> dict[str, Any]:
    """A folder with a record, as JSON, whose digests are right."""
    for name, text in {"train.py": "mine", **files}.items():
        (folder / name).write_text(text)
    value: dict[str, Any] = msgspec.to_builtins(record(planned()))
    value["files"] = {"train.py": MINE}
    return value


def written(folder: Path, value: Any) -> tuple[Claim | None, str]:
    (folder / "record.json").write_text(json.dumps(value))
    return read_claim(folder)


def test_a_package_is_read_as_what_it_claims(tmp_path: Path) -> None:
    claim, trouble = written(tmp_path, package(tmp_path))
    assert trouble == ""
    assert claim is not None
    assert (claim.program, claim.against, claim.task, claim.runs) == (MINE, BASE, "demo", 8)
    assert claim.gain == pytest.approx(0.02)
    assert (claim.certified, claim.differs) == (True, ())
    assert read_claim(tmp_path / "elsewhere") == (None, "")


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    value = package(tmp_path)
    (tmp_path / "train.py").write_text("another")
    value["files"] |= {"logs/a1.log": MINE}
    claim, _ = written(tmp_path, value)
    assert claim is not None
    assert claim.differs == ("logs/a1.log is missing or no file", "train.py differs from its digest")


def test_files_without_a_digest_are_named(tmp_path: Path) -> None:
    value = package(tmp_path, **{"README.md": "10 times better"})
    claim, _ = written(tmp_path, value)
    assert claim is not None
    assert claim.differs == ("README.md has no digest",)
    claim, _ = written(tmp_path, value | {"files": {}})
    assert claim is not None
    assert claim.differs == ("record.json gives no digest of any file",)


@pytest.mark.parametrize("text", [
    "", "[]", "{", "null", '{"plan": 1}', '{"plan": {"question": {"task": 3}}}', "\udcff", "[" * 100_000,
    '{"schema": 1e999}',
])  # fmt: skip
def test_a_record_that_is_none_claims_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_bytes(text.encode(errors="surrogateescape"))
    claim, trouble = read_claim(tmp_path)
    assert claim is None
    assert trouble.startswith("record.json cannot be read")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", '"0.02"', "null"])
def test_a_claim_of_no_number_is_none(tmp_path: Path, number: str) -> None:
    value = package(tmp_path)
    value["conclusion"]["comparison"]["gain"] = "HERE"
    (tmp_path / "record.json").write_text(json.dumps(value).replace('"HERE"', number))
    claim, trouble = read_claim(tmp_path)
    assert claim is None or claim.gain is None
    assert claim is not None or trouble


@pytest.mark.parametrize("name", ["../tests/tasks/tiny", "/etc", "nosuch", "", ".", "demo/../demo"])
def test_no_task_is_taken_from_where_a_package_says(name: str) -> None:
    """Its recipe would be run."""
    assert shipped("demo") == "demo"
    with pytest.raises(ConfigError):
        shipped(name)


def test_nothing_is_read_through_a_link_or_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    inside = tmp_path / "package"
    (inside / "logs").mkdir(parents=True)
    (inside / "link.py").symlink_to(tmp_path / "secret")
    (inside / "up").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe")
    (inside / "real").write_text("mine")
    assert digest_at(inside, "real") == MINE
    names = [
        "../secret",
        str(tmp_path / "secret"),
        "link.py",
        "up/secret",
        "pipe",
        "logs",
        "",
        "a\0b",
        "x" * 5000,
    ]
    assert [digest_at(inside, name) for name in names] == [""] * len(names)
    (inside / "record.json").symlink_to(tmp_path / "secret")
    claim, trouble = read_claim(inside)
    assert claim is None
    assert "cannot be read" in trouble
    with pytest.raises(ConfigError):
        read_surface(inside / "link.py")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 200_001])
def test_what_is_no_program_is_refused_in_two_lines(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.py").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_surface(tmp_path / "train.py")
    assert caught.value.remedy


# ---------------------------------------------------------------------- on disk and on the page


def test_a_question_finds_its_own_record_and_no_other(tmp_path: Path) -> None:
    name = record_folders.new_record(tmp_path, RecordKind.CERTIFY)
    plan = replace(planned(), record=name)
    record_folders.keep(tmp_path / name / record_folders.PLAN, plan)
    assert record_folders.same(tmp_path, QUESTION) == plan
    slower = replace(QUESTION, budget=replace(BUDGET, wall_cap=90))
    assert record_folders.same(tmp_path, slower) == plan
    for other in (
        replace(QUESTION, runs=9),
        replace(QUESTION, sigma=0.01),
        replace(QUESTION, machine="another"),
        replace(QUESTION, program=replace(QUESTION.program, sha256=BASE)),
    ):
        assert record_folders.same(tmp_path, other) is None
    assert record_folders.attempts(tmp_path, QUESTION) == 1
    assert record_folders.attempts(tmp_path, replace(QUESTION, block=1)) == 0


def test_records_are_numbered_and_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    names = [record_folders.new_record(tmp_path, kind) for kind in (*RecordKind, RecordKind.CERTIFY)]
    assert names == ["c0001", "v0002", "a0003", "c0003"]
    (tmp_path / "c0001" / record_folders.PLAN).write_text("{")
    (tmp_path / "notes").mkdir()
    assert record_folders.plans(tmp_path) == []
    assert record_folders.plans(tmp_path / "nowhere") == []


def test_two_do_not_work_on_one_record(tmp_path: Path) -> None:
    with (
        record_folders.working_on(tmp_path),
        pytest.raises(ConfigError),
        record_folders.working_on(tmp_path),
    ):
        raise AssertionError
    with record_folders.working_on(tmp_path):
        pass


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    made_one = record(planned())
    (tmp_path / "c0001").mkdir()
    record_folders.keep(tmp_path / "c0001" / record_folders.RECORD, made_one)
    assert record_folders.record_of(tmp_path, "c0001") == made_one


def test_what_a_crash_said_is_text_on_the_page() -> None:
    plan = planned()
    said = Crashed(CrashKind.EXCEPTION, "<img src=x> **certified** | \x1b[2J")
    conclusion = conclude(
        plan, {"b1": result(plan.runs[0], Measured(1.0)), "a1": result(plan.runs[1], said)}, []
    )
    line = next(line for line in page(record(plan, conclusion)).splitlines() if "img" in line)
    assert line.startswith("- it came to no value: run a1: exception: \\<img src=x\\> \\*\\*certified")
    assert not re.search(r"(?<!\\)[<>*|]|\x1b", line)


def test_the_page_says_the_claim_in_numbers_and_shows_names_as_text() -> None:
    odd = replace(QUESTION.program, title="<b>|x|</b> \x1b[31m`rm`\n# head")
    text = page(record(planned(replace(QUESTION, program=odd))))
    first = text.splitlines()[0]
    assert first.endswith("certified, better, p < .001")
    assert "\x1b" not in text
    assert "<b>" not in text
    assert "| this program | 0.98000 ± " in text
    assert "| b1 | against | 1 |" in text
    assert text.count("| measured |") == 16


def test_progress_of_a_long_run_is_said_now_and_then() -> None:
    lines: list[str] = []
    now = [0.0]
    hear = Sparingly(lines.append, "a1", lambda: now[0]).hear
    for second in range(100):
        now[0] = float(second)
        hear(Progress(second / 100))
    assert lines == [f"  a1: {share} % of the budget spent".replace(" %", "%") for share in (20, 40, 60, 80)]
    assert QUIET == 20.0
