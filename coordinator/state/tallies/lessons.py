"""What the whole history says, in a few lines: which way each constant won or lost, and what runs failed of.
Pure.

- Kept by counts alone: an experiment costs the same whatever came before it, and what it taught can be taken
  away again exactly. So a brief in order tells what its ordinal may see, although later experiments have
  ended already.
- Only experiments that moved one to three constants say something about a constant.
- Names come from programs. They are identifiers, and bounded; whoever shows them treats them as data.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from coordinator.domain import State
from coordinator.state.records import Experiment

MAX_LINES = 20
MAX_FAILURES = 6
"""Lines about failures at most, of those."""
MAX_CAUSES = 4
MAX_MOVED = 3
NAME_CHARS = 40
RAISED = re.compile(r": (?:\w+\.)*(\w{1,60}(?:Error|Exception|Interrupt))\b")
"""The exception's name in the reason of a crash."""
WAYS = ("up", "down", "changed")
ENDS = ("won", "near", "lost", "failed")

Fact = tuple[str, str, str]
"""``name, way, end`` of a constant; ``"", class, cause`` of a failure, with an empty cause once for the
failure itself.
"""


class Lessons(Struct):
    """Counts of facts."""

    counts: Counter[Fact] = field(default_factory=Counter)

    def learn(self, experiment: Experiment) -> None:
        """Take in an experiment that has its last verdict."""
        for fact in _facts(experiment):
            self.counts[fact] += 1

    def lines(self, without: Iterable[Experiment] = ()) -> list[str]:
        """At most ``MAX_LINES``: failures, then constants, the most moved ones first. without: experiments
        learned that are not to count.
        """
        counts = self.counts.copy()
        for experiment in without:
            counts.subtract(_facts(experiment))
        failures = _failures(counts)[:MAX_FAILURES]
        return [*failures, *_constants(counts)[: MAX_LINES - len(failures)]]


def _facts(experiment: Experiment) -> Iterator[Fact]:
    changes = experiment.constant_changes if len(experiment.constant_changes) <= MAX_MOVED else {}
    end = _end(experiment)
    for name, way in changes.items():
        yield name[:NAME_CHARS], way, end
    if experiment.failure:
        raised = RAISED.search(experiment.public_reason)
        causes = [f"{name[:NAME_CHARS]} {way}" for name, way in changes.items()] or (
            [raised[1][:NAME_CHARS]] if raised else []
        )
        for cause in ("", *causes):
            yield "", experiment.failure, cause


def _end(experiment: Experiment) -> str:
    if experiment.state is State.MERGED:
        return "won"
    return "failed" if experiment.failure else "near" if experiment.near else "lost"


def _failures(counts: Counter[Fact]) -> list[str]:
    causes: dict[str, Counter[str]] = {}
    for (name, kind, cause), count in counts.items():
        if not name and count > 0:
            causes.setdefault(kind, Counter())[cause] = count
    kinds = sorted(causes, key=lambda kind: (-causes[kind][""], kind))
    return [
        f"{kind.replace('_', ' ')}: {causes[kind].pop('')} in all{_causes(causes[kind])}" for kind in kinds
    ]


def _causes(causes: Counter[str]) -> str:
    """The most frequent ones; of equals the first by name, so that the order of learning does not matter."""
    most = sorted(causes.items(), key=lambda item: (-item[1], item[0]))[:MAX_CAUSES]
    return f"; {', '.join(f'{cause} {count}' for cause, count in most)}" if most else ""


def _constants(counts: Counter[Fact]) -> list[str]:
    ways: dict[str, dict[str, Counter[str]]] = {}
    totals: Counter[str] = Counter()
    for (name, way, end), count in counts.items():
        if name and count > 0:
            ways.setdefault(name, {}).setdefault(way, Counter())[end] = count
            totals[name] += count
    names = sorted(ways, key=lambda name: (-totals[name], name))[:MAX_LINES]
    return [
        f"{name} {'; '.join(f'{way}: {_ends(ways[name][way])}' for way in WAYS if way in ways[name])}"
        for name in names
    ]


def _ends(ends: Counter[str]) -> str:
    return ", ".join(f"{ends[end]} {end}" for end in ENDS if ends[end])
