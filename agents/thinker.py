"""The half of an agent that thinks: brief → proposer → proposal, one after the other, beside the runner.

- How far ahead it thinks is the coordinator's decision: it answers ``Wait`` while enough is queued.
- When an arm has nothing, the next one in the campaign's order answers the brief, so that no slot waits for
  one arm while another has an idea. An arm whose answers are of no use rests for a time that grows, one that
  is stopped or played to its end for much longer. When no arm has anything, the thinker waits, longer each
  time.
- Which arms gave nothing for a brief, and why, the coordinator hears with the brief's end.
- A refused proposal goes back to its proposer, if that can be asked again, with what came of the same program
  earlier. The coordinator also says so in the next brief, so that no proposer repeats itself without end.
- What is for the brief's own arm alone, its charter and an experiment to repair, is shown to no other arm.
"""

import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping
from threading import Event

import msgspec

from agents.backoff import Backoff
from agents.context import AgentContext
from agents.proposers.contract import (
    ArmStopped,
    Exhausted,
    Fruitless,
    Proposer,
    ProposerError,
    ReAsking,
    Unavailable,
)
from coordinator.arm_notes import ArmNote, ArmReason
from coordinator.domain import Refusal
from coordinator.protocol import Accepted, Brief, Proposal, Refused, Wait

logger = logging.getLogger(__name__)


class Thinker:
    """Thinks in steps, one brief each."""

    def __init__(
        self, context: AgentContext, proposers: Mapping[str, Proposer], accepted: Callable[[], None]
    ) -> None:
        """proposers: by arm, in the campaign's order. accepted: called when there may be a run to lease."""
        self._agent = context.agent
        self._link = context.link
        self._closing, self._over = context.shutdown.closing, context.shutdown.over
        self._clock = context.clock
        self._proposers = proposers
        self._accepted = accepted
        rng = random.Random(context.agent)
        self._poll = Backoff(context.waits.poll, rng)
        self._failure = Backoff(context.waits.failure, rng)
        self._rests = {arm: Backoff(context.waits.failure, rng) for arm in proposers}
        self._long_rests = {arm: Backoff(context.waits.stopped, rng) for arm in proposers}
        self._rest_until: dict[str, float] = {}
        """On the clock, by arm."""
        self._exhausted: set[str] = set()
        self._logged: set[tuple[str, str]] = set()
        """Errors of our own, by arm and text, that are in the log."""
        self._notes: dict[str, ArmNote] = {}
        """Arms that gave nothing for the brief in hand, and why."""
        self._noted = 0
        """Briefs of which the coordinator heard that."""
        self._refused = False
        """Whether the last proposal was refused."""
        self.stopped: dict[str, str] = {}
        """Arms that a person has to fix something for, and why."""
        self.wake = Event()
        """To be set when a proposal may be wanted."""

    def step(self) -> bool:
        """One brief and its answer; whether to go on."""
        if self._closing.is_set():
            return False
        answer = self._link.retry_until(
            lambda coordinator: coordinator.brief(self._agent), until=self._closing
        )
        match answer:
            case Brief():
                self._poll.reset()
                self._answer(answer)
            case Wait(stop=True):
                return False
            case Wait() | None:
                self._pause(self._poll.next())
        return True

    def _answer(self, brief: Brief) -> None:
        try:
            proposal = self._think(brief)
        except ProposerError as error:
            logger.warning(
                "no proposal",
                extra={"agent": self._agent, "arm": brief.arm, "ordinal": brief.ordinal, "error": str(error)},
            )
            self._say_notes()
            self._clock.wait(self._closing, self._failure.next())
            return
        answer = self._hand_in(proposal)
        while isinstance(answer, Refused) and (reasked := self._reasked(proposal, answer)) is not None:
            proposal = reasked
            answer = self._hand_in(proposal)
        match answer:
            case Accepted():
                self._failure.reset()
                self._refused = False
                self._accepted()
            case Refused() as refused:
                self._note_refusal(proposal, refused)
                self._say_notes()
                self._take_refusal(refused)
            case None:
                pass
        self._say_notes()

    def _say_notes(self) -> None:
        """Tell the coordinator which arms gave nothing, once for a brief."""
        notes = list(self._notes.values())
        self._notes.clear()
        if notes:
            self._noted += 1
            self._link.retry_until(
                lambda coordinator: coordinator.note_arms(self._agent, self._noted, notes),
                until=self._closing,
            )

    def _hand_in(self, proposal: Proposal) -> Accepted | Refused | None:
        """The coordinator's answer; None when the agent has come to its end."""
        if self._over.is_set():
            return None
        return self._link.retry_until(
            lambda coordinator: coordinator.propose(self._agent, proposal), until=self._over
        )

    def _reasked(self, proposal: Proposal, refused: Refused) -> Proposal | None:
        """What its proposer answers to a refusal; None when it has no other answer."""
        proposer = self._proposers[proposal.arm]
        if self._closing.is_set() or not refused.refusal.reaskable or not isinstance(proposer, ReAsking):
            return None
        try:
            return proposer.reask(proposal, refused)
        except ProposerError as error:
            logger.info(
                "refused proposal is not answered again",
                extra={"agent": self._agent, "arm": proposal.arm, "error": str(error)},
            )
            return None

    def _think(self, brief: Brief) -> Proposal:
        for arm in self._arms(brief):
            try:
                proposal = self._proposers[arm].propose(_for_arm(brief, arm))
            except ProposerError as error:
                self._note(arm, error)
            except Exception as error:  # noqa: BLE001 - an error of ours in one proposer must not silence the others
                self._note_bug(arm, error)
            else:
                self._gave(arm)
                return proposal
        raise ProposerError("no arm has another idea now" if self._proposers else "there are no arms")

    def _gave(self, arm: str) -> None:
        self._rests[arm].reset()
        self._long_rests[arm].reset()
        self._exhausted.discard(arm)
        self.stopped.pop(arm, None)

    def _arms(self, brief: Brief) -> Iterator[str]:
        """The brief's arm, then the others in the campaign's order, without those that may not answer it;
        none that rests.
        """
        others = [arm for arm in self._proposers if arm != brief.arm and arm not in brief.barred]
        order = [brief.arm] * (brief.arm in self._proposers) + others
        return (arm for arm in order if self._clock.now() >= self._rest_until.get(arm, -math.inf))

    def _note_bug(self, arm: str, error: Exception) -> None:
        """Logged whole, and only once when it repeats itself."""
        words = f"the arm failed by a mistake of ours, see the log of {self._agent}: {type(error).__name__}"
        self._notes[arm] = ArmNote(arm=arm, reason=ArmReason.OURS, words=words)
        if (arm, repr(error)) not in self._logged:
            self._logged.add((arm, repr(error)))
            logger.exception(
                "proposer failed, another arm is asked", extra={"agent": self._agent, "arm": arm}
            )

    def _note(self, arm: str, why: ProposerError) -> None:
        facts = {"agent": self._agent, "arm": arm, "reason": str(why)}
        self._notes[arm] = ArmNote(
            arm=arm,
            reason=why.reason,
            words=why.what,
            remedy=why.remedy,
            stopped=isinstance(why, Exhausted),
        )
        if isinstance(why, Exhausted):
            self._rest_until[arm] = self._clock.now() + self._long_rests[arm].next()
        match why:
            case Exhausted() if arm in self._exhausted:
                pass
            case ArmStopped():
                self._exhausted.add(arm)
                self.stopped[arm] = str(why)
                logger.error("arm is stopped", extra=facts)
            case Exhausted():
                self._exhausted.add(arm)
                logger.info("arm is exhausted", extra=facts)
            case Fruitless():
                rest = self._rests[arm].next()
                self._rest_until[arm] = self._clock.now() + rest
                logger.warning(
                    "arm has nothing that can be used and rests", extra=facts | {"seconds": round(rest, 1)}
                )
            case Unavailable():
                logger.info("arm does not answer, another one does", extra=facts)
            case _:
                logger.warning("arm had no proposal, another one is asked", extra=facts)

    def _note_refusal(self, proposal: Proposal, answer: Refused) -> None:
        logger.info(
            "proposal refused",
            extra={
                "agent": self._agent,
                "arm": proposal.arm,
                "refusal": answer.refusal.value,
                "reason": answer.reason,
            },
        )
        if answer.refusal.reaskable:
            self._notes[proposal.arm] = ArmNote(
                arm=proposal.arm,
                reason=ArmReason.REFUSED,
                words=f"its proposals are refused: {answer.reason}",
            )

    def _take_refusal(self, answer: Refused) -> None:
        match answer.refusal:
            case Refusal.STALE_BRIEF | Refusal.CLOSED:
                self._pause(self._poll.next())
            case _:
                self._pause(self._failure.next() if self._refused else 0.0)
                self._refused = True

    def _pause(self, seconds: float) -> None:
        """Wait for something to change, at most that long."""
        if not self._closing.is_set():
            self._clock.wait(self.wake, seconds)
            self.wake.clear()


def _for_arm(brief: Brief, arm: str) -> Brief:
    """The brief as an arm gets it: without what is for another arm alone."""
    return brief if arm == brief.arm else msgspec.structs.replace(brief, arm=arm, charter="", repair=None)
