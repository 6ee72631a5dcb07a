"""Steps of an experiment from state to state, and the indexes and counts that follow them. Changed by
``CampaignState.apply`` only.

Every step is checked against the successor table; one that does not fit raises ``InvalidTransition`` with the
experiment's story.
"""

from collections import Counter

from coordinator.domain import SUCCESSORS, State
from coordinator.state import queues
from coordinator.state.facts import Facts
from coordinator.state.near_misses import is_parked
from coordinator.state.records import Experiment
from coordinator.state.tallies.arm_tally import ArmTally


class InvalidTransition(Exception):  # noqa: N818 - the field's name for it
    """An event does not fit its experiment's state: the journal is damaged or a rule is wrong."""

    def __init__(self, experiment: str, why: str, story: list[str]) -> None:
        lines = "".join(f"\n  {line}" for line in story)
        super().__init__(f"experiment {experiment}: {why}; its story:{lines or ' (none)'}")
        self.story = story
        """That experiment's events so far."""


def experiment_of(facts: Facts, name: str) -> Experiment:
    """The experiment of that name. Raises InvalidTransition where there is none."""
    if name not in facts.experiments:
        raise InvalidTransition(name, "was never proposed", [])
    return facts.experiments[name]


def add(facts: Facts, experiment: Experiment) -> None:
    """A new experiment, in QUEUED. Raises InvalidTransition for a name that is taken."""
    name = experiment.experiment
    if name in facts.experiments:
        raise InvalidTransition(name, "proposed twice", facts.experiments[name].story)
    facts.experiments[name] = experiment
    facts.live[name] = None
    facts.by_digest[experiment.division, experiment.digest] = name
    facts.digests[experiment.commit] = experiment.digest
    facts.states[experiment.state] += 1


def step(facts: Facts, experiment: Experiment, state: State) -> None:
    """The experiment is in that state now. Raises InvalidTransition where the table has no such step."""
    if state not in SUCCESSORS[experiment.state]:
        why = f"{experiment.state} → {state} is no step"
        raise InvalidTransition(experiment.experiment, why, experiment.story)
    facts.states[experiment.state] -= 1
    facts.states[state] += 1
    experiment.state = state
    _keep(facts.undecided, experiment.experiment, state is State.MEASURED)
    _keep(facts.stale, experiment.experiment, state is State.STALE)
    if state is State.STALE:
        queues.take_all(facts, experiment)


def finish(facts: Facts, experiment: Experiment, state: State, reason: str, at: float) -> None:
    """The experiment has come to its last state."""
    step(facts, experiment, state)
    experiment.reason, experiment.finished_at = reason, at
    count(facts, experiment.arm, state.value)
    facts.finished.append(experiment.experiment)
    _account(facts, experiment, state)
    facts.live.pop(experiment.experiment, None)
    facts.lessons.learn(experiment)
    if not facts.rules.lookahead and not experiment.baseline:
        _quiet(facts, experiment)
    if is_parked(experiment):
        facts.divisions[experiment.division].parked[experiment.experiment] = None
    settle(facts)


def settle(facts: Facts) -> None:
    """Go on over what is settled in the order of proposal; in order it is counted here what was no step."""
    while not facts.rules.settles_one_by_one and (experiment := next_to_settle(facts)) is not None:
        settle_one(facts, experiment)


def next_to_settle(facts: Facts) -> Experiment | None:
    """The experiment behind the last one that is settled, where nothing more has to come of it."""
    if facts.settled >= len(facts.by_ordinal):
        return None
    experiment = facts.experiments[facts.by_ordinal[facts.settled]]
    return experiment if experiment.settled else None


def settle_one(facts: Facts, experiment: Experiment) -> None:
    """It is the turn of the next one. Raises InvalidTransition for another than ``next_to_settle``."""
    if experiment is not next_to_settle(facts):
        raise InvalidTransition(experiment.experiment, "settled out of turn", experiment.story)
    facts.settled += 1
    if facts.rules.lookahead:
        _quiet(facts, experiment)


def _quiet(facts: Facts, experiment: Experiment) -> None:
    """Count what was made from the head and did not move it. What was made from an earlier one says nothing
    of it.
    """
    division = facts.divisions[experiment.division]
    head = division.head
    if not experiment.stepped and head is not None and experiment.parent == head.commit:
        division.quiet += 1


def count(facts: Facts, arm: str, what: str) -> None:
    """Count for an arm: proposals, those refused, runs, and experiments by their last state. A baseline has
    none.
    """
    if arm:
        facts.arms.setdefault(arm, Counter())[what] += 1


def _account(facts: Facts, experiment: Experiment, state: State) -> None:
    division = facts.divisions[experiment.division]
    division.dry = 0 if state is State.MERGED else division.dry + 1
    if experiment.arm:
        tally = facts.tallies.setdefault(experiment.arm, ArmTally())
        tally.finish(experiment.gain, experiment.hours, len(facts.finished))


def _keep(index: dict[str, None], name: str, wanted: bool) -> None:
    if wanted:
        index[name] = None
    else:
        index.pop(name, None)
