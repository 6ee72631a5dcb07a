"""What is asked of two programs, and the runs that are to answer it. Values and pure functions.

- A question says everything that its answer depends on: programs, task, budget, rows, test, machine,
  versions. So the same command finds what it began, and nothing else goes on with that.
- The number of runs is set before the first of them, and nothing is tested before the last: whoever looks
  after every run and stops when it suits finds a difference where there is none.
- Runs of both sides alternate, and every other pair is turned round: a machine that gets slower or faster
  meanwhile does so to both.
"""

from collections.abc import Callable, Collection
from enum import StrEnum

from msgspec import Struct

from coordinator.domain import Metric
from coordinator.rule_values.trust_rules import TrustRules
from evaluator.budget import Budget

SEEDS = 1 << 31
"""Seeds are below that, as those of a campaign."""


class RecordKind(StrEnum):
    """What a record is of."""

    CERTIFY = "certify"
    VERIFY = "verify"
    ABLATE = "ablate"
    """Of an ablation's pieces, one question for each."""


class Rows(StrEnum):
    """What the validation rows of a record are to the search that made its program."""

    UNSEEN = "no run of the campaign's search saw them"
    FRESH = "what merges rest on; no screen saw them"
    SEEN = "runs of the campaign's search saw them"
    LAST = "the last of the task's data, outside a campaign"
    NONE = "a simulation has no rows"


class Which(StrEnum):
    """Whose run it is."""

    A = "a"
    """Of the program in question."""
    B = "b"
    """Of what it is compared with."""
    REFERENCE = "r"
    """Of the unmodified surface, where neither is that: what the judge holds a run to."""


class NamedProgram(Struct, frozen=True, kw_only=True):
    """One of the programs, as a record names it."""

    name: str
    """As a person named it."""
    sha256: str
    """Of its text, in hex."""
    experiment: str = ""
    """Its id in the campaign; empty for one from elsewhere."""
    commit: str = ""
    title: str = ""


class Claim(Struct, frozen=True, kw_only=True):
    """What a package says of its program: data, and never believed. Values are in the metric's unit."""

    word: str
    """What it says was shown."""
    certified: bool
    gain: float | None
    """Over what it was compared with; None where it gives none."""
    value: float | None
    p: float | None
    runs: int
    """Of the program."""
    program: str
    """SHA-256 of its text, like the next."""
    against: str
    """Of what it was compared with."""
    task: str
    data: str
    """Digest of the prepared data."""
    budget: Budget
    sandbox: str = ""
    """In which it was measured."""
    differs: tuple[str, ...] = ()
    """What speaks against the package itself: a file that is not what its record says, a line each."""


class Question(Struct, frozen=True, kw_only=True):
    """Is A better than B? Values are in the metric's unit."""

    kind: RecordKind
    campaign: str
    """By whose terms; empty outside one."""
    task: str
    surface: str
    """File name of the program in its task."""
    metric: Metric
    division: str
    budget: Budget
    block: int
    """Of validation rows, from 0."""
    rows: Rows
    program: NamedProgram
    against: NamedProgram | None
    """None: the value that is claimed."""
    claim: Claim | None
    runs: int
    """A side."""
    sigma: float | None
    """Of one run, as declared."""
    margin: float
    """By more than so much it is to be better."""
    level: float
    """p that is asked for."""
    trust: TrustRules
    """The judge is strict."""
    sandbox: str
    """Letter of the tier, or ``simulated``."""
    machine: str
    software: str
    """Versions of autoswarm, Python and torch."""
    data: str
    """Digest of the prepared data; empty where there is none."""


class PlannedRun(Struct, frozen=True):
    """One run that is to be made."""

    run: str
    which: Which
    seed: int


class Plan(Struct, frozen=True, kw_only=True):
    """A question and its runs, in their order."""

    record: str
    """Its id."""
    question: Question
    runs: tuple[PlannedRun, ...]
    attempt: int
    """How often a program of the campaign was to be certified on these rows, this time counted; 1 where one
    is verified.
    """
    made_at: float
    """Seconds since the epoch."""


def planned_runs(
    question: Question, used: Collection[int], draw: Callable[[], int], reference: bool
) -> tuple[PlannedRun, ...]:
    """The runs of a question. used: seeds that are not to be taken. draw: gives a seed, at random. reference:
    whether the unmodified surface is measured once before.
    """
    order = [Which.REFERENCE] * reference
    for pair in range(question.runs):
        sides = (Which.B, Which.A) if pair % 2 == 0 else (Which.A, Which.B)
        order += [side for side in sides if side is Which.A or question.against is not None]
    seeds = _fresh(len(order), set(used), draw)
    counts = dict.fromkeys(Which, 0)
    planned = []
    for which, seed in zip(order, seeds, strict=True):
        counts[which] += 1
        planned.append(PlannedRun(f"{which}{counts[which]}", which, seed))
    return tuple(planned)


def _fresh(count: int, used: set[int], draw: Callable[[], int]) -> list[int]:
    """So many seeds, no two alike and none of those used."""
    seeds: list[int] = []
    while len(seeds) < count:
        seed = draw()
        if seed not in used:
            used.add(seed)
            seeds.append(seed)
    return seeds
