"""What must hold in the state of a campaign between two steps. Pure; for tests, as it looks at everything.

Each check yields what is wrong, in words with the names of what it is about. Together they are what a reader
of ``coordinator.state.facts`` may rely on.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from coordinator.domain import PRIORITY, Purpose, State, Verdict
from coordinator.state.divisions import Division
from coordinator.state.facts import Facts
from coordinator.state.near_misses import is_parked
from coordinator.state.records import Experiment
from coordinator.state.slots.slot_invariants import slots

WAITING = (State.QUEUED, State.RUNNING, State.CONFIRMING)
"""States in which runs of an experiment may wait for a slot."""


def broken(facts: Facts) -> Iterator[str]:
    """Everything that does not hold; nothing in a state that is sound."""
    for check in CHECKS:
        yield from check(facts)
    for experiment in facts.experiments.values():
        yield from _experiment(facts, experiment)
    for division in facts.divisions.values():
        yield from _queue(facts, division)
        yield from _bests(facts, division)
        yield from _parked(facts, division)


def _indexes(facts: Facts) -> Iterator[str]:
    """Each index holds exactly the experiments of its states, each once."""
    states = {name: experiment.state for name, experiment in facts.experiments.items()}
    yield from _same("undecided", set(facts.undecided), {n for n, s in states.items() if s is State.MEASURED})
    yield from _same("stale", set(facts.stale), {n for n, s in states.items() if s is State.STALE})
    yield from _same("live", set(facts.live), {n for n, s in states.items() if not s.final})
    yield from _same("finished", sorted(facts.finished), sorted(n for n, s in states.items() if s.final))


def _ordinals(facts: Facts) -> Iterator[str]:
    """Ordinals count what was proposed from 1, and ``settled`` is how far all of them have ended."""
    proposed = [one for one in facts.experiments.values() if not one.baseline]
    yield from _same("by_ordinal", facts.by_ordinal, [one.experiment for one in proposed])
    yield from _same("ordinals", [one.ordinal for one in proposed], list(range(1, len(proposed) + 1)))
    ended = [one.settled for one in proposed]
    most = (*ended, False).index(False)
    if facts.settled != most and not (facts.rules.settles_one_by_one and facts.settled < most):
        yield f"settled: {facts.settled} where {most} is expected"
    if not set(facts.proposals.values()) <= set(facts.by_ordinal):
        yield "proposals: names an experiment that nobody proposed"


def _programs(facts: Facts) -> Iterator[str]:
    """Every commit's digest is known, and every program of a division leads to one that was it."""
    for experiment in facts.experiments.values():
        for commit in filter(None, (experiment.commit, experiment.merge_commit)):
            yield from _same(f"digest of {commit}", facts.digests.get(commit), experiment.digest)
        if experiment.parent and experiment.parent not in facts.digests:
            yield f"{experiment.experiment}: its parent {experiment.parent} has no digest"
        if (experiment.division, experiment.digest) not in facts.by_digest:
            yield f"{experiment.experiment}: its program is not in by_digest"
    for (division, digest), name in facts.by_digest.items():
        if facts.experiments[name].division != division:
            yield f"by_digest: {digest} of {division} leads to {name} of another division"


def _counts(facts: Facts) -> Iterator[str]:
    """Counters agree with what they count."""
    experiments, runs = facts.experiments.values(), facts.runs.values()
    yield from _same("states", +facts.states, Counter(one.state for one in experiments))
    reported = sum(run.result is not None for run in runs)
    yield from _same("outcomes", facts.outcomes.total() - facts.outcomes["lost"], reported)
    bests = sum(len(division.history) for division in facts.divisions.values())
    given_up = sum(
        one.baseline
        and one.state is State.MERGED
        and one.experiment != facts.divisions[one.division].baseline
        for one in experiments
    )
    yield from _same("merges", facts.verdicts["merge"], bests + given_up)
    yield from _same("refusals", facts.refusals.total() >= facts.refused >= len(facts.turned_away), True)


def _arms(facts: Facts) -> Iterator[str]:
    """Counts of an arm agree with its experiments, and its tally with those that have ended."""
    for arm, counts in facts.arms.items():
        experiments = [one for one in facts.experiments.values() if one.arm == arm]
        ends = Counter(one.state.value for one in experiments if one.state.final)
        runs = sum(run.result is not None for one in experiments for run in one.runs)
        expected = Counter({"proposals": len(experiments), "runs": runs, **ends})
        yield from _same(f"arm {arm}", counts - Counter(refused=counts["refused"]), +expected)
        if ends:
            tally = facts.tallies[arm]
            sums = (ends.total(), ends[State.MERGED.value])
            yield from _same(f"tally of {arm}", (tally.experiments, tally.merges), sums)


def _leases(facts: Facts) -> Iterator[str]:
    """An agent holds at most one run and a run has at most one holder, each knowing the other."""
    held = {name: agent.run for name, agent in facts.agents.items() if agent.run is not None}
    leased = {run.agent: run.run for run in facts.runs.values() if run.agent is not None}
    yield from _same("leases", held, leased)
    yield from _same("holders", len(leased), sum(run.open for run in facts.runs.values()))
    begun = sum(run.open or run.result is not None for run in facts.runs.values())
    yield from _same("made", facts.made, begun)
    for name in leased.values():
        run = facts.runs[name]
        if run.result is not None or run.token is None:
            yield f"{name}: leased with a result or without a token"
        elif not 0 < run.token.epoch <= facts.epoch or (
            run.token.epoch == facts.epoch and (run.token.counter > facts.tokens)
        ):
            yield f"{name}: its token {run.token} is newer than the campaign"
    present = {name for name, agent in facts.agents.items() if agent.present}
    yield from _same("slots", set(facts.occupancy.since), present)
    counted = Counter(facts.agents[name].card.division for name in present)
    yield from _same("present", +facts.present, counted)


def _runs(facts: Facts) -> Iterator[str]:
    """Every run belongs to one experiment, which knows it."""
    owned = {run.run: run for one in facts.experiments.values() for run in one.runs}
    yield from _same("runs", set(facts.runs), set(owned))
    for name, run in facts.runs.items():
        if owned.get(name) is not run or run.round > facts.experiments[run.experiment].round:
            yield f"{name}: not the run its experiment knows, or of a round to come"


def _repairs(facts: Facts) -> Iterator[str]:
    """What waits to be repaired has crashed and was not repaired; a repair and its target know each other."""
    for name in facts.to_repair:
        experiment = facts.experiments[name]
        if experiment.state is not State.CRASHED or experiment.repaired or experiment.repairs:
            yield f"to_repair: {name} is not to be repaired"
    for name, experiment in facts.experiments.items():
        if experiment.repaired and facts.experiments[experiment.repaired].repairs != name:
            yield f"{name}: {experiment.repaired} does not repair it"


def _transfers(facts: Facts) -> Iterator[str]:
    """What was brought from one division to another merged there, and was brought once."""
    brought = [one for one in facts.experiments.values() if one.transfers]
    listed = sorted(name for division in facts.divisions.values() for name in division.transfers)
    yield from _same("transfers", listed, sorted(one.experiment for one in brought))
    for one in brought:
        source = facts.experiments[one.transfers]
        if source.division == one.division or source.state is not State.MERGED:
            yield f"{one.experiment}: brings {source.experiment}, {source.state} in {source.division}"
        yield from _same(f"transfer of {one.transfers}", source.transferred.get(one.division), one.experiment)
    for division in facts.divisions.values():
        for other, taken in division.taken.items():
            if other == division.name or not 1 < taken <= len(facts.divisions[other].history):
                yield f"{division.name}: took {taken} bests of {other}"


def _experiment(facts: Facts, experiment: Experiment) -> Iterator[str]:
    """Runs of the present round fit the state."""
    counted, name = experiment.counted, f"{experiment.experiment} in {experiment.state}"
    begun = any(run.open or run.result for run in counted)
    match experiment.state:
        case State.QUEUED if begun:
            yield f"{name}: a run of this round has begun"
        case State.STALE if begun != (experiment.verdict is Verdict.RETEST):
            yield f"{name}: stale before its first run and retested exclude each other"
        case State.RUNNING if not begun:
            yield f"{name}: no run of this round has begun"
        case State.MEASURED | State.MERGED if not _has_its_runs(experiment):
            yield f"{name}: not every run of this round is measured"
        case State.CONFIRMING if experiment.complete:
            yield f"{name}: no run is to come"
    if experiment.state.final != (experiment.finished_at is not None):
        yield f"{name}: finished_at is {experiment.finished_at}"
    holds = experiment.state is State.MERGED or (experiment.stepped and not experiment.state.final)
    if holds != bool(experiment.merge_commit):
        yield f"{name}: its merge commit is {experiment.merge_commit!r}"
    if experiment.division not in facts.divisions:
        yield f"{name}: there is no division {experiment.division}"


def _has_its_runs(experiment: Experiment) -> bool:
    """Whether every run is measured; of a baseline's, two and no other is to come."""
    measured, counted = len(experiment.measured), len(experiment.counted)
    if experiment.baseline:
        return measured >= 2 and experiment.complete
    return experiment.complete if experiment.stepped else measured == counted > 0


def _parked(facts: Facts, division: Division) -> Iterator[str]:
    """What is parked has ended so, and only such are in pairs, each pair once and in order."""
    members = [one for one in map(facts.experiments.get, facts.finished) if one]
    parked = [one.experiment for one in members if one.division == division.name and is_parked(one)]
    yield from _same(f"parked of {division.name}", list(division.parked), parked)
    made = [tuple(one.combines) for one in facts.experiments.values() if one.combines]
    yield from _same(f"pairs of {division.name}", len(made), len(set(made)))
    for first, second in division.combined:
        ordinals = facts.experiments[first].ordinal, facts.experiments[second].ordinal
        if not {first, second} <= set(parked) or ordinals[0] >= ordinals[1]:
            yield f"pairs of {division.name}: {first} and {second} are none"


def _queue(facts: Facts, division: Division) -> Iterator[str]:
    """Exactly the runs wait that may be leased: of the present round, without holder and result."""
    waiting = {
        run.run: (PRIORITY[run.purpose], experiment.ordinal, number)
        for experiment in facts.experiments.values()
        if experiment.division == division.name
        for number, run in enumerate(experiment.runs)
        if experiment.state in WAITING or run.purpose is Purpose.REFRESH
        if run.round == experiment.round and run.result is None and not run.open
    }
    yield from _same(f"queue of {division.name}", division.queued, waiting)
    screens = sum(key[0] == PRIORITY[Purpose.SCREEN] for key in division.queued.values())
    first = min(waiting, key=waiting.__getitem__, default=None)
    yield from _same(f"next of {division.name}", division.next_run if division.line else None, first)
    yield from _same(f"screens of {division.name}", division.screens, screens)


def _bests(facts: Facts, division: Division) -> Iterator[str]:
    """Every best is a measured experiment that merged, made on the best before it; the first is the
    baseline.
    """
    name, history = division.name, division.history
    for best in history:
        experiment = facts.experiments[best.experiment]
        again = sum(run.purpose is Purpose.REFRESH and run.value is not None for run in experiment.runs)
        merged = (experiment.state, experiment.merge_commit)
        yield from _same(f"best {best.experiment}", merged, (State.MERGED, best.commit))
        if not again and not _was_corrected(division, experiment):
            yield from _same(f"value of {best.experiment}", experiment.value, best.value)
        if not 0 < best.runs <= len(experiment.values) + again:
            yield f"best {best.experiment}: rests on {best.runs} runs of {len(experiment.values)} measured"
    steps = {one.merge_commit: one.parent for one in facts.experiments.values() if one.stepped}
    for before, after in pairwise(history):
        parent = facts.experiments[after.experiment].parent
        while parent != before.commit and parent in steps:
            parent = steps[parent]
        yield from _same(f"parent of best {after.experiment}", parent, before.commit)
    for before, after in pairwise([*history[-1:], *division.trunk]):
        parent = facts.experiments[after.experiment].parent
        yield from _same(f"parent of step {after.experiment}", parent, before.commit)
    yield from _same(
        f"first best of {name}",
        [best.experiment for best in history[:1]],
        ([division.baseline] if history else []),
    )
    yield from _same(f"σ of {name}", division.sigma is not None, bool(history))
    members = [one for one in map(facts.experiments.get, facts.finished) if one and one.division == name]
    dry = 0
    for one in members:
        dry = 0 if one.state is State.MERGED else dry + 1
    yield from _same(f"dry of {name}", division.dry, dry)
    ordinals = [o for o, one in enumerate(facts.by_ordinal, 1) if facts.experiments[one].division == name]
    yield from _same(f"ordinals of {name}", division.ordinals, ordinals)


def _was_corrected(division: Division, experiment: Experiment) -> bool:
    """Whether runs of it were made on slots that were set aside."""
    return any(run.slot in division.disbelieved for run in experiment.runs)


def _same(what: str, value: object, expected: object) -> Iterator[str]:
    if value != expected:
        yield f"{what}: {value!r} where {expected!r} is expected"


CHECKS = (_indexes, _ordinals, _programs, _counts, _arms, _leases, _runs, _repairs, _transfers, slots)
