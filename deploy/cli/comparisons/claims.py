"""What a package claims, read as data. The package is somebody else's: nothing it says is believed, and what
cannot be read is said.

Digests show that files were changed after the record was written, by accident or by somebody who forgot
them. They do not show who wrote it: whoever changes a program can write its digest too. What speaks for a
program are the runs made here.
"""

from math import isfinite
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.cli.comparisons.package_folder import MADE
from deploy.cli.comparisons.question import Claim
from deploy.cli.comparisons.record_folders import RECORD
from deploy.cli.comparisons.untrusted_files import digest_at, read_bytes
from evaluator.budget import Budget

LARGEST_RECORD = 2 << 20
"""Bytes."""
MOST_FILES = 2000
"""Of a package: two for each run, and some more."""
MOST_SAID = 20
"""Files that are named, of those that differ."""
WORD = 40
"""Characters of a word that is kept."""


class _Program(Struct, frozen=True):
    sha256: str = ""


class _Question(Struct, frozen=True):
    task: str
    budget: Budget
    program: _Program
    against: _Program | None = None
    data: str = ""
    sandbox: str = ""


class _Plan(Struct, frozen=True):
    question: _Question


class _Side(Struct, frozen=True):
    runs: int
    mean: float


class _Comparison(Struct, frozen=True):
    gain: float
    a: _Side
    p: float | None = None


class _Conclusion(Struct, frozen=True):
    shown: str
    certified: bool = False
    comparison: _Comparison | None = None


class _Record(Struct, frozen=True):
    """As much of ``record.json`` as a claim is made of; what else is there is passed over."""

    plan: _Plan
    conclusion: _Conclusion
    files: dict[str, str] = {}


def read_claim(folder: Path) -> tuple[Claim | None, str]:
    """What the package in a folder claims, and why that is nothing; empty where it is something, or where
    there is no record at all.
    """
    path = folder / RECORD
    if not path.is_symlink() and not path.exists():
        return None, ""
    try:
        record = msgspec.json.decode(read_bytes(path, LARGEST_RECORD), type=_Record)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        return None, f"{RECORD} cannot be read: {str(error).splitlines()[0] if str(error) else 'no record'}"
    question, comparison = record.plan.question, record.conclusion.comparison
    numbers = (comparison.gain, comparison.a.mean) if comparison else ()
    sound = all(map(isfinite, numbers))
    claim = Claim(
        word=record.conclusion.shown[:WORD],
        certified=record.conclusion.certified,
        gain=comparison.gain if comparison and sound else None,
        value=comparison.a.mean if comparison and sound else None,
        p=comparison.p if comparison else None,
        runs=comparison.a.runs if comparison else 0,
        program=question.program.sha256[:64],
        against=question.against.sha256[:64] if question.against else "",
        task=question.task[:64],
        data=question.data[:64],
        budget=question.budget,
        sandbox=question.sandbox[:WORD],
        differs=tuple(_differing(folder, record.files)[:MOST_SAID]),
    )
    return claim, ""


def _differing(folder: Path, files: dict[str, str]) -> list[str]:
    """What is not as a record says, a line each."""
    if not files:
        return [f"{RECORD} gives no digest of any file"]
    if len(files) > MOST_FILES:
        return [f"{RECORD} names {len(files)} files, more than {MOST_FILES}"]
    lines = []
    for name, digest in sorted(files.items()):
        real = digest_at(folder, name)
        if real != digest:
            lines.append(f"{name[:200]} {'differs from its digest' if real else 'is missing or no file'}")
    lines += [f"{name} has no digest" for name in MADE if name not in files and (folder / name).exists()]
    return lines
