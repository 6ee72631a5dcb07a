"""What is said of a command's run: to whoever counts calls, in the log, and in errors. All of it is redacted
and bounded.
"""

import logging
import os

from agents.edits.outcome import Fault, Problem
from agents.proposers.command.diagnosis import Diagnosis, diagnosis
from agents.proposers.command.keeper import CommandEnd
from agents.proposers.command.templates import Output
from agents.proposers.contract import ArmStopped, ProposerError
from agents.proposers.llm.completion import Failure, Reply
from agents.proposers.llm.quoting import one_line
from agents.proposers.llm.redaction import redacted
from coordinator.protocol import Brief

logger = logging.getLogger(__name__)

LAST_LINE = 300
"""Characters of a command's last line that are passed on."""


class Account:
    """Speaks of one arm's command."""

    def __init__(self, command: str, model: str, secrets: tuple[str, ...]) -> None:
        """command: the program's name. model: what its calls are counted under. secrets: names of variables
        whose values are never shown, beside those that are named like secrets.
        """
        self._command = command
        self._model = model
        self._secrets = secrets

    def redacted(self, text: str) -> str:
        """``text`` without secrets."""
        return redacted(text, os.environ, self._secrets)

    def reply(self, end: CommandEnd, output: Output, prompt_tokens: int) -> Reply:
        """What a run used by its own account. One that gives none has read its prompt at least, so that it
        counts as unpriced and not as free.
        """
        usage = output.usage
        return Reply(
            text=self.redacted(output.text),
            model=self._model,
            prompt_tokens=usage.prompt_tokens or prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            seconds=end.seconds,
        )

    def log(self, brief: Brief, end: CommandEnd, output: Output, result: str | Problem, turn: int) -> None:
        """One line for a run. result: the new surface, or what is wrong with it."""
        facts = {
            "arm": brief.arm,
            "ordinal": brief.ordinal,
            "command": self._command,
            "turn": turn,
            "code": end.code,
            "timed_out": end.timed_out,
            "seconds": round(end.seconds, 3),
            "output_bytes": end.written,
            "prompt_tokens": output.usage.prompt_tokens,
            "completion_tokens": output.usage.completion_tokens,
            "cost_usd": output.usage.cost_usd,
            "result": "edited" if isinstance(result, str) else result.kind.value,
            "last_words": self.last_words(end, output),
        }
        logger.info("command answered", extra=facts)

    def last_words(self, end: CommandEnd, output: Output) -> str:
        """Its last line on stderr, else on stdout; redacted before it is cut, so that no half of a key is
        left.
        """
        lines = (
            line for text in (end.errors, output.text) for line in reversed(text.splitlines()) if line.strip()
        )
        return one_line(self.redacted(next(lines, ""))[-LAST_LINE:], LAST_LINE)

    def refuse_failure(self, end: CommandEnd, output: Output, why: Diagnosis, surface: str) -> None:
        """Raises ArmStopped or ProposerError: asking again is of no use, as the command failed before it
        edited anything.
        """
        words = self.last_words(end, output) or "it said nothing"
        if why.lasting:
            what = f"{self._command} {why.what}: {words}"
            raise ArmStopped(what, why.reason, why.remedy.format(command=self._command))
        raise ProposerError(f"{why.what} and left {surface} as it was: {words}", why.reason)


def diagnosed(end: CommandEnd, output: Output, result: str | Problem) -> Diagnosis | None:
    """Why a command edited nothing, where that is so and asking again is of no use."""
    if end.timed_out or isinstance(result, str) or result.kind is not Fault.NO_OP:
        return None
    return diagnosis(end, output)


def call_result(end: CommandEnd, result: str | Problem, why: Diagnosis | None = None) -> str:
    """What came of a call, as it is counted: a word of ``CALL_RESULTS``."""
    if end.timed_out:
        return Failure.TIMEOUT.value
    if isinstance(result, str):
        return "whole"
    return why.reason.value if why else result.kind.value
