"""The ``llm`` proposer: a brief becomes a conversation with a language model, its answer an edit of the
surface.

- When the edit of an answer does not apply, compile, keep the contract or change anything, the model is
  asked again in the same conversation, with what helps to correct it. What reaches a slot has passed all of
  that.
- It is also asked again when the coordinator refuses the program, with what the same program gave earlier.
  Both together happen at most twice for a brief.
- The answer is untrusted. It is parsed and compiled, never executed, and never becomes a program unless it
  holds a whole edit.
"""

import logging
from collections.abc import Sequence

from msgspec import Struct

from agents.edits.apply import SURFACE, apply
from agents.edits.outcome import Edited, Fault, Problem, bounded
from agents.proposers.contract import ArmStopped, Fruitless, ProposerError
from agents.proposers.llm.answer import proposal_of
from agents.proposers.llm.calls import Calls
from agents.proposers.llm.completion import Message, Reply
from agents.proposers.llm.prompt import first_messages, grounded, refusal_message
from agents.proposers.llm.retry import FallbackModels, TooLongError
from agents.proposers.permits import FreePermits, Permits
from coordinator.protocol import Brief, Proposal, Refused

logger = logging.getLogger(__name__)

REASKS = 2
"""Times a model is asked again. Each costs the whole conversation again, and a third one seldom helps when
two did not.
"""
TOO_LONG_REMEDY = "The surface does not fit: choose a model that reads more"
CUT_REMEDY = "Raise max_tokens of this arm, or have the model think less"
REPEATED_CHARS = 60_000
"""Of an answer that are repeated to the model when it is asked again: more than a whole file of 26 kB."""


class _Conversation(Struct):
    """A conversation about one brief."""

    brief: Brief
    messages: list[Message]
    calls: Calls
    turns: int = 0
    """Answers asked for."""
    proposal: str = ""
    """Id of the last one that came of it."""


class LlmProposer:
    """Asks the first of its models that answers. Between briefs it remembers nothing but the charter the last
    one brought.
    """

    def __init__(
        self,
        fallback_models: FallbackModels,
        charter: str,
        surface: str = SURFACE,
        permits: Permits | None = None,
        patterns: Sequence[str] = (),
    ) -> None:
        """charter: its text, until a brief brings another. surface: name of the file that can change.
        permits: allows and counts calls. patterns: files that can change, of a surface of several.
        """
        self._fallback_models = fallback_models
        self._charter = charter
        self._surface = surface
        self._patterns = tuple(patterns)
        self._permits = permits or FreePermits()
        self._conversation: _Conversation | None = None
        self._too_long: TooLongError | None = None
        """Why no first prompt of this arm can be answered, once that is so."""

    def propose(self, brief: Brief) -> Proposal:
        """See ``Proposer.propose``. Raises ArmStopped without a model to ask, Unavailable while none answers,
        Fruitless without a sound edit.
        """
        if self._too_long is not None:
            raise self._stopped(self._too_long)
        self._charter = brief.charter or self._charter
        messages = first_messages(brief, self._charter, self._surface, self._patterns)
        self._conversation = _Conversation(
            brief=grounded(brief), messages=messages, calls=Calls(self._permits, brief)
        )
        return self._continue(self._conversation)

    def reask(self, proposal: Proposal, refused: Refused) -> Proposal:
        """See ``ReAsking.reask``: the next turn of that conversation. Raises ProposerError when there were
        ``REASKS`` of them.
        """
        conversation = self._conversation
        if conversation is None or conversation.proposal != proposal.proposal:
            raise ProposerError("the conversation it came from is over")
        conversation.messages += [Message("user", refusal_message(conversation.brief, refused))]
        return self._continue(conversation)

    def _continue(self, conversation: _Conversation) -> Proposal:
        problem, remedy = "the program was refused", ""
        brief, calls = conversation.brief, conversation.calls
        while conversation.turns <= REASKS:
            reply = self._reply(conversation.messages, calls, first=conversation.turns == 0)
            result = _result(reply, brief.source, self._surface, self._patterns)
            calls.answered(reply, _word(result))
            _log(brief, reply, result, conversation.turns)
            conversation.turns += 1
            if isinstance(result, Edited):
                conversation.messages.append(_as_message(reply))
                proposal = proposal_of(brief, result.source, reply.text, calls.made)
                conversation.proposal = proposal.proposal
                return proposal
            if reply.cut and not reply.text.strip():  # the same again would cost the same again
                raise Fruitless(f"{reply.model}: {result.message}", remedy=CUT_REMEDY)
            conversation.messages += _reask_messages(reply, result)
            problem = f"{reply.model}: no sound edit, asked again {REASKS} times: {result.message}"
            remedy = CUT_REMEDY if reply.cut else ""
        raise Fruitless(problem, remedy=remedy)

    def _reply(self, messages: list[Message], calls: Calls, *, first: bool) -> Reply:
        try:
            return self._fallback_models.complete(messages, calls)
        except TooLongError as error:
            if first:
                self._too_long = error
                raise self._stopped(error) from error
            raise

    def _stopped(self, error: TooLongError) -> ArmStopped:
        return ArmStopped(error.what, error.reason, error.remedy or TOO_LONG_REMEDY)


def _result(reply: Reply, parent: str, surface: str, patterns: Sequence[str]) -> Edited | Problem:
    """The edit of a reply. One that is not whole holds none, even where what is left of it would apply."""
    if reply.cut and not reply.text.strip():
        return Problem(
            Fault.TRUNCATED, f"truncated before it began: {reply.completion_tokens} tokens went into thought"
        )
    if reply.cut:
        return Problem(
            Fault.TRUNCATED,
            "the answer was truncated: cut off at the limit of its length",
            "Answer again, shorter: only the lines that change.",
        )
    return apply(reply.text, parent, surface, patterns)


def _word(result: Edited | Problem) -> str:
    """What came of a call, as it is counted."""
    return result.format.name.lower() if isinstance(result, Edited) else result.kind.value


def _as_message(reply: Reply) -> Message:
    return Message("assistant", bounded(reply.text, REPEATED_CHARS) if reply.text.strip() else "(nothing)")


def _reask_messages(reply: Reply, problem: Problem) -> list[Message]:
    gap = "\n\n" if "\n" in problem.hint else " "
    hint = f"{gap}{problem.hint}" if problem.hint else ""
    asked = (
        "Nothing of your answer was applied. Answer again in full: TITLE, HYPOTHESIS, and every block, for"
        " the file as it was given."
    )
    return [
        _as_message(reply),
        Message("user", f"Your edit cannot be used: {problem.message}.{hint}\n\n{asked}"),
    ]


def _log(brief: Brief, reply: Reply, result: Edited | Problem, turn: int) -> None:
    facts = {
        "arm": brief.arm,
        "ordinal": brief.ordinal,
        "model": reply.model,
        "turn": turn,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "cost_usd": reply.cost_usd,
        "seconds": round(reply.seconds, 3),
        "result": _word(result),
    }
    logger.info("model answered", extra=facts)
