"""Records of a campaign as its pages mention them: of each ``record.json`` what a line needs. What cannot be
read is left out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from coordinator.rule_values.prices import MoneyRules
from coordinator.store.paths import Layout
from coordinator.views.experiment_page import ExperimentPage
from coordinator.views.record_line import RecordLine

RECORD, RESULTS = "record.json", "runs/*/result.json"
LARGEST = 1 << 24
"""Bytes of a file that is read."""

AnyStruct = TypeVar("AnyStruct", bound=Struct)


class _LineProgram(Struct, frozen=True):
    name: str
    experiment: str = ""


class _LineQuestion(Struct, frozen=True):
    kind: str
    program: _LineProgram
    against: _LineProgram | None = None


class _LinePlan(Struct, frozen=True):
    record: str
    question: _LineQuestion


class _LineSide(Struct, frozen=True):
    runs: int


class _LineComparison(Struct, frozen=True):
    test: str
    a: _LineSide
    statistic: float | None = None
    p: float | None = None
    p_worse: float | None = None


class _LineConclusion(Struct, frozen=True):
    shown: str
    certified: bool
    marks: str = ""
    comparison: _LineComparison | None = None


class _LineRecord(Struct, frozen=True):
    plan: _LinePlan
    conclusion: _LineConclusion
    finished_at: float


class _LineRun(Struct, frozen=True):
    started_at: float
    finished_at: float


def record_lines(folder: Path) -> list[RecordLine]:
    """Of a folder of records, the oldest first."""
    read = (_read(path, _LineRecord) for path in folder.glob(f"*/{RECORD}"))
    return sorted((_line(record) for record in read if record is not None), key=lambda line: line.finished_at)


def runs_usd(folder: Path, money: MoneyRules) -> float:
    """US dollars of slots for all runs of a folder of records, of those that are not finished too."""
    runs = (_read(path, _LineRun) for path in folder.glob(f"*/{RESULTS}"))
    return sum(money.slot_usd(max(0.0, run.finished_at - run.started_at)) for run in runs if run is not None)


def with_records(page: ExperimentPage, layout: Layout) -> ExperimentPage:
    """The page of an experiment with the records of its program, where there are some."""
    own = [line for line in record_lines(layout.records) if line.experiment == page.experiment]
    return replace(page, records=own or UNSET)


def latest_by_experiment(lines: Sequence[RecordLine]) -> dict[str, RecordLine]:
    """Of each experiment the last one that certified it, else the last."""
    return {
        line.experiment: line for line in sorted(lines, key=lambda line: line.certified) if line.experiment
    }


def _line(record: _LineRecord) -> RecordLine:
    question, conclusion = record.plan.question, record.conclusion
    comparison = conclusion.comparison
    worse = conclusion.shown == "worse"
    return RecordLine(
        record=record.plan.record,
        kind=question.kind,
        program=question.program.name,
        experiment=question.program.experiment,
        against=question.against.name if question.against else "",
        shown=conclusion.shown,
        certified=conclusion.certified,
        open=conclusion.marks,
        test=comparison.test if comparison else "",
        statistic=comparison.statistic if comparison else None,
        p=(comparison.p_worse if worse else comparison.p) if comparison else None,
        runs=comparison.a.runs if comparison else 0,
        finished_at=record.finished_at,
    )


def _read(path: Path, kind: type[AnyStruct]) -> AnyStruct | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
