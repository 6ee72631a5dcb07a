"""The state of a campaign and its only mutator, ``CampaignState.apply``.

- State is a pure function of the events applied, in order; replaying the journal gives the live state.
- Every step of an experiment is checked against the successor table; one that does not fit raises
  ``InvalidTransition`` with its story.
- Queries are constant-time or proportional to what they return, never to the number of experiments.
- What each attribute means stands in ``coordinator.state.facts``; what must hold among them, in
  ``coordinator.state.invariants``.
"""

from typing import assert_never

from msgspec.structs import replace

from coordinator.domain import Phase, State
from coordinator.state import experiments, runs
from coordinator.state.arm_events import ArmNoted, CallSettled, HintGiven, HintsWithdrawn
from coordinator.state.events import (
    AgentJoined,
    AgentLeft,
    AnyEvent,
    CampaignDraining,
    CampaignFinished,
    CampaignResumed,
    CampaignStarted,
    DivisionOpened,
    EpochBegan,
    ExperimentProposed,
    LateReport,
    PairRefused,
    ProposalRefused,
    Rebased,
    RulesChanged,
    RunLeased,
    RunLost,
    RunQueued,
    RunReported,
    Settled,
    VerdictGiven,
    WentStale,
    subject,
)
from coordinator.state.facts import Facts
from coordinator.state.invariants import broken
from coordinator.state.lifecycle import experiment_of, settle, settle_one, step
from coordinator.state.slot_events import SlotSetAside
from coordinator.state.slots import slot_checks


class InconsistentStateError(Exception):
    """The state contradicts itself: a function that changes it is wrong. Its words say what does not hold."""


class CampaignState(Facts):
    """Everything known about a campaign. Read freely; change only through ``apply`` and ``go_by``."""

    def __repr__(self) -> str:
        """Short, and without the secret: a state may be shown in an error."""
        return f"CampaignState({self.started.campaign if self.started else None!r}, events={self.events})"

    def apply(self, event: AnyEvent, at: float) -> None:
        """Take in one event that happened ``at`` (seconds since the epoch). Raises InvalidTransition."""
        self._dispatch(event, at)
        name = subject(event)
        if name in self.experiments:
            self.experiments[name].story.append(f"{at:.3f} {event.__struct_config__.tag}")
        self.events += 1
        self.last_at = at

    def go_by(self, name: str) -> None:
        """Go by the name of the folder: whoever renames that renames the campaign."""
        if self.start.campaign != name:
            self.started = replace(self.start, campaign=name)

    def validate(self) -> None:
        """Check everything that must hold between two steps; for tests, it looks at every experiment. Raises
        InconsistentStateError.
        """
        if wrong := list(broken(self)):
            raise InconsistentStateError("; ".join(wrong))

    def _dispatch(self, event: AnyEvent, at: float) -> None:
        match event:
            case RunQueued() | RunLeased() | RunLost() | RunReported() | LateReport():
                self._run(event, at)
            case DivisionOpened() | ExperimentProposed() | ProposalRefused() | PairRefused():
                self._propose(event, at)
            case WentStale(experiment=name):
                step(self, experiment_of(self, name), State.STALE)
            case Settled(experiment=name):
                settle_one(self, experiment_of(self, name))
            case Rebased():
                experiments.rebase(self, event)
            case VerdictGiven():
                experiments.decide(self, event, at)
            case CampaignStarted():
                self.started, self.started_at = event, at
                self.digests[event.commit] = event.digest
            case RulesChanged(rules=rules):
                self.started = replace(self.start, rules=rules)
                settle(self)  # what awaited its turn under rules that settle one by one
            case EpochBegan():
                self._begin_epoch(event, at)
            case AgentJoined():
                self._join(event, at)
            case AgentLeft():
                self._leave(event, at)
            case SlotSetAside():
                slot_checks.set_aside(self, event)
            case CallSettled():
                self.spend.settle(event)
            case ArmNoted():
                self.troubles.note(event, at)
            case HintGiven():
                self.hints.give(event)
            case HintsWithdrawn():
                self.hints.withdraw()
            case CampaignDraining() | CampaignFinished() | CampaignResumed():
                self._turn(event)
            case _:
                assert_never(event)

    def _propose(
        self, event: DivisionOpened | ExperimentProposed | ProposalRefused | PairRefused, at: float
    ) -> None:
        match event:
            case DivisionOpened():
                experiments.open_division(self, event, at)
            case ExperimentProposed():
                experiments.propose(self, event, at)
            case ProposalRefused():
                experiments.refuse(self, event)
            case PairRefused(division=division, pair=pair):
                experiments.remember_pair(self, division, pair)
            case _:
                assert_never(event)

    def _run(self, event: RunQueued | RunLeased | RunLost | RunReported | LateReport, at: float) -> None:
        match event:
            case RunQueued():
                runs.queue(self, event)
            case RunLeased():
                runs.lease(self, event, at)
            case RunLost():
                runs.lose(self, event, at)
            case RunReported():
                runs.report(self, event, at)
            case LateReport():
                runs.late(self, event)
            case _:
                assert_never(event)

    def _begin_epoch(self, event: EpochBegan, at: float) -> None:
        if self.epoch:
            self.worked_before += max(0.0, self.last_at - self.epoch_at)
        self.epoch, self.tokens, self.epoch_at = event.epoch, 0, at
        self.present.clear()
        for agent in self.agents.values():  # lost until it joins again, unless it had left
            agent.present, agent.lost = False, agent.present or agent.lost
        self.occupancy.interrupted(self.last_at)

    def _join(self, event: AgentJoined, at: float) -> None:
        earlier = self.agents.get(event.card.agent)
        if earlier is None or earlier.card.incarnation != event.card.incarnation:
            self.troubles.begins(event.card.agent)
        if earlier is not None and earlier.present:
            self.present[earlier.card.division] -= 1
        self.present[event.card.division] += 1
        self.agents[event.card.agent] = slot_checks.joined(self, event.card)
        self.occupancy.joined(event.card.agent, at)

    def _leave(self, event: AgentLeft, at: float) -> None:
        agent = self.agents[event.agent]
        self.present[agent.card.division] -= agent.present
        agent.present, agent.lost = False, event.lost
        self.occupancy.left(event.agent, at)

    def _turn(self, event: CampaignDraining | CampaignFinished | CampaignResumed) -> None:
        match event:
            case CampaignDraining(reason=reason, capped=capped, failed=failed):
                self.phase, self.phase_reason, self.failed = Phase.DRAINING, reason, failed
                self.capped = capped
            case CampaignFinished(reason=reason, failed=failed):
                self.phase, self.phase_reason, self.failed = Phase.FINISHED, reason, failed
            case CampaignResumed():
                self.phase, self.phase_reason, self.failed, self.capped = Phase.RUNNING, "", False, False
            case _:
                assert_never(event)
