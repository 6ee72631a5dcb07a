"""Rules of the swarm's memory: what a brief tells of experiments, what is offered to be repaired, what may be
tried again. Pure.
"""

from collections.abc import Container, Iterable

from coordinator.domain import Origin, State
from coordinator.protocol import Accepted, Refused, Repair, Tried
from coordinator.rules.base import Rulebook
from coordinator.state.events import ArmShare, ProposalRefused
from coordinator.state.records import Division, Experiment
from evaluator.result import Crashed

TAIL_LINES = 20
TAIL_CHARS = 1_500
"""Of a crashed run's log that is told to whoever repairs it; the end says what was wrong."""


class Remembering(Rulebook):
    """What is told, and what is known. In step all of it is a function of what the ordinal may see."""

    def tried(self, known: Iterable[Experiment], arm: ArmShare, division: Division) -> list[Tried]:
        """Experiments that have their verdict, then what was refused since the last acceptance."""
        refused = (
            event
            for event in self.state.turned_away
            if event.division == division.name and learns_from(arm, event.arm)
        )
        return [*map(told, known), *map(_turned_away, refused)]

    def running(
        self, names: Iterable[str], arm: ArmShare, division: Division, now: float | None
    ) -> list[Tried]:
        """Experiments without a verdict. now: seconds since the epoch, None where ages are not told."""
        return [
            _in_hand(each, now)
            for name in names
            if may_know(arm, each := self.state.experiments[name], division)
        ]

    def lessons(self, seen: int) -> list[str]:
        """Of all experiments that ended, in step of those up to the ordinal that is seen."""
        if not self.rules.lookahead:
            return self.state.lessons.lines()
        later = (self.state.experiments[name] for name in self.state.by_ordinal[seen:])
        return self.state.lessons.lines(without=[each for each in later if each.state.final])

    def repair(self, arm: ArmShare, division: Division, seen: int, offered: Container[str]) -> Repair | None:
        """The oldest crashed experiment of the arm that nobody has repaired, without its source. offered:
        those that were offered already.

        In step nobody is asked who was offered what: only one brief is out at a time, and its answer is
        journaled.
        """
        if not self.state.to_repair:
            return None
        to_repair = [
            self.state.experiments[name]
            for name in self.state.to_repair
            if self.rules.lookahead or name not in offered
        ]
        mine = [
            each
            for each in to_repair
            if each.arm == arm.name and each.division == division.name and self._visible(each, seen)
        ]
        return _repair_of(min(mine, key=lambda each: each.ordinal)) if mine else None

    def _visible(self, experiment: Experiment, seen: int) -> bool:
        return not self.rules.lookahead or experiment.ordinal <= seen

    def seen_by(self, ordinal: int) -> int:
        """The last experiment whose verdict the proposal of that ordinal may know; in step only."""
        return max(0, ordinal - self.rules.lookahead)

    def again(self, experiment: Experiment, division: Division, ordinal: int) -> bool:
        """Whether the very program of an experiment may be tried once more: a near miss, after the best has
        moved often enough since.

        Anything else that was measured would only come to the same value. The same idea on a newer best is
        another program, and always welcome.
        """
        if not (
            self.rules.retry_after_moves
            and experiment.near
            and self._visible(experiment, self.seen_by(ordinal))
        ):
            return False
        since = division.history[experiment.bests :]
        moved = sum(self._knows(best.ordinal, ordinal) for best in since)
        return moved >= self.rules.retry_after_moves

    def _knows(self, ordinal: int, by: int) -> bool:
        return not self.rules.lookahead or ordinal <= self.seen_by(by)

    def earlier(self, name: str, to: str) -> Tried | None:
        """What came of the experiment a duplicate repeats, as the next proposal of the arm ``to`` may know
        it.
        """
        experiment = self.state.experiments.get(name)
        arm = next((each for each in self.rules.arms if each.name == to), None)
        if experiment is None or (arm is not None and not learns_from(arm, experiment.arm)):
            return None
        known = experiment.state.final and self._knows(experiment.ordinal, len(self.state.by_ordinal) + 1)
        return told(experiment) if known else _in_hand(experiment, None)

    def still_thinks(self, arm: str, answer: Accepted | Refused) -> bool:
        """Whether the agent goes on with its brief after that answer, so that in step nobody else is asked
        meanwhile.
        """
        able = any(each.repairs and each.name == arm for each in self.rules.arms)
        return self.rules.lookahead > 0 and able and isinstance(answer, Refused) and answer.refusal.reaskable

    def repair_target(self, arm: str, wanted: str) -> str:
        """The experiment a proposal may say it repairs: a crashed one of its own arm that nobody has
        repaired; else nothing.
        """
        experiment = self.state.experiments.get(wanted)
        fits = experiment is not None and experiment.state is State.CRASHED and experiment.arm == arm
        return wanted if fits and experiment is not None and not experiment.repaired else ""


def told(experiment: Experiment) -> Tried:
    """An experiment with its last verdict."""
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=experiment.state,
        arm=experiment.arm,
        settings=experiment.settings,
        value=experiment.value,
        reason=experiment.reason,
        delta=experiment.delta,
        near=experiment.near,
        failure=experiment.failure,
    )


def _in_hand(experiment: Experiment, now: float | None) -> Tried:
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=State.RUNNING,
        arm=experiment.arm,
        settings=experiment.settings,
        age=None if now is None else max(0.0, now - experiment.proposed_at),
    )


def _turned_away(event: ProposalRefused) -> Tried:
    return Tried(
        experiment=event.known or event.proposal,
        title=event.title,
        state=State.REJECTED,
        arm=event.arm,
        settings=event.settings,
        reason=f"refused: {event.reason}",
    )


def learns_from(arm: ArmShare, other: str) -> bool:
    """Whether the arm is told of another's experiments: one that draws from the baseline learns from nobody
    else.
    """
    return arm.parent is Origin.BEST or arm.name == other


def may_know(arm: ArmShare, experiment: Experiment, division: Division) -> bool:
    """Whether an experiment is told to an arm at all."""
    return (
        experiment.division == division.name and not experiment.baseline and learns_from(arm, experiment.arm)
    )


def _repair_of(experiment: Experiment) -> Repair:
    result = next(
        run.result
        for run in reversed(experiment.runs)
        if run.result and isinstance(run.result.outcome, Crashed)
    )
    assert isinstance(result.outcome, Crashed)  # noqa: S101 - as just chosen
    return Repair(
        experiment=experiment.experiment,
        title=experiment.title,
        parent=experiment.parent,
        source="",
        failure=experiment.failure,
        message=result.outcome.message[-TAIL_CHARS:],
        tail="\n".join(result.tail[-TAIL_CHARS:].splitlines()[-TAIL_LINES:]),
    )
