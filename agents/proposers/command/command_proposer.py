"""The ``command`` proposer: any coding agent's command line, in a throw-away repository that holds the
surface.

- Of all it does only the surface's text is taken, and only when it compiles, keeps the contract and is
  another program. An edit that is not is sent back once, within the same timeout. What is taken is judged as
  a text: an exit code other than 0 is no reason to throw a sound edit away.
- An edit is not taken from a command whose time was up: nobody knows what it was in the middle of.
- An arm that brought nothing several times in a row rests, so that other arms answer: a brief is asked of the
  same arm until somebody does.
- Everything it prints is untrusted. One bounded, redacted line of it may reach the log; the environment it
  ran in never does.
- It is a person's tool, confined by nothing: docs/command.md says what it can reach.
"""

import logging
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from agents.backoff import Backoff
from agents.edits.apply import SURFACE
from agents.edits.check import check
from agents.edits.outcome import Kind, Problem
from agents.proposers.command.environment import command_environment
from agents.proposers.command.instructions import problem_text, prompt_text
from agents.proposers.command.keeper import Call, CommandEnd
from agents.proposers.command.keeper_link import CommandLink
from agents.proposers.command.templates import TEMPLATES, Heard, Template, filled, words
from agents.proposers.command.worktree import Worktree
from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from agents.proposers.llm.answer import proposal_of
from agents.proposers.llm.calls import Calls
from agents.proposers.llm.completion import CompletionError, Failure, Message, Options, Reply
from agents.proposers.llm.prompt import grounded, situation
from agents.proposers.llm.quoting import one_line
from agents.proposers.llm.redaction import redacted, redacted_answer
from agents.proposers.llm.tokens import count_tokens
from agents.proposers.permits import FreePermits, Permits
from coordinator.protocol import Brief, Proposal

logger = logging.getLogger(__name__)

REPAIRS = 1
"""Times an edit is sent back. A coding agent has looked at its own edit already; a second time costs as much
as another idea.
"""
FRUITLESS = 3
"""Briefs in a row without a proposal, after which the arm rests: a login that has run out, a service that is
down, a timeout that is too short.
"""
RESTS = (60.0, 1800.0)
"""Shortest and longest seconds of a rest; it doubles with every further brief without a proposal."""
NOT_STARTED = (126, 127)
"""Exit codes of a program, or of a shell's last one, that is not executable or not there."""
SAID_LINES = 200
"""Of the end of its stdout in which title and hypothesis are looked for."""
LAST_LINE = 300
"""Characters of a command's last line that are told."""
PROMPT, PROBLEM = "prompt.md", "problem.md"


class CommandOrder(Struct, frozen=True, kw_only=True):
    """What to run. template: a name in ``TEMPLATES``, or None. command: the arm's own words. env: names of
    variables that are handed on.

    timeout: seconds for one proposal, its repair included.
    """

    template: str | None
    command: tuple[str, ...]
    env: tuple[str, ...]
    timeout: float


class CommandProposer:
    """Runs one command line for every brief. Between briefs it remembers how many in a row brought nothing,
    and the charter the last one brought.
    """

    def __init__(
        self,
        order: CommandOrder,
        program: str,
        frozen: Mapping[str, str],
        surface: str = SURFACE,
        *,
        permits: Permits | None = None,
        scratch: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """program: the charter's text. frozen: files a surface imports, by name. surface: name of the file
        that can change.

        purse: allows and counts calls, under the template's name or the program's; None lets all of them be.
        scratch: folder that holds the commands' folders; None takes the system's. now: for the rests.
        """
        self._order = order
        self._template = TEMPLATES[order.template] if order.template else Template()
        self._program = program
        self._frozen = dict(frozen)
        self._surface = surface
        self._permits = permits or FreePermits()
        self._scratch = scratch
        self._now = now
        self._fruitless = 0
        self._until = 0.0
        self._rests = Backoff(RESTS, random.Random(" ".join(order.command)))

    def propose(self, brief: Brief) -> Proposal:
        """See ``Proposer.propose``. Raises ArmStopped without its program, Unavailable while it rests,
        ProposerError without a sound edit.
        """
        if self._now() < self._until:
            left = self._until - self._now()
            raise Unavailable(
                f"{self._name}: brought nothing {self._fruitless} times in a row; {left:.0f} s of its rest"
                " are left"
            )
        self._require_programs()
        self._program = brief.charter or self._program
        brief = grounded(brief)
        try:
            with CommandLink(self._scratch) as link:
                proposal = self._work(
                    brief, link, _laid_out(link.folder, brief, self._surface, self._texts(brief))
                )
        except (ArmStopped, Unavailable):
            raise
        except (ProposerError, OSError) as error:
            raise self._nothing(self._redacted(str(error))) from None
        self._fruitless = 0
        self._rests.reset()
        return proposal

    def _work(self, brief: Brief, link: CommandLink, tree: Worktree) -> Proposal:
        deadline = time.monotonic() + self._order.timeout
        calls = Calls(self._permits, brief)
        problem: Problem | None = None
        for turn in range(1 + REPAIRS):
            ending, heard = self._call(link, tree, problem, deadline - time.monotonic(), calls)
            result = self._taken(tree, brief)
            calls.answered(self._reply(ending, heard), _word(ending, result))
            self._log(brief, ending, heard, result, turn)
            if ending.timed_out:
                raise ProposerError(f"not done in {self._order.timeout:g} s")
            if isinstance(result, str):
                said = tree.proposal() or "\n".join(heard.text.splitlines()[-SAID_LINES:])
                return proposal_of(brief, result, self._redacted(said), calls.made)
            self._refuse_failure(ending, heard, result)
            problem = result
        raise ProposerError(f"no sound edit after a repair: {problem.message if problem else ''}")

    def _call(
        self, link: CommandLink, tree: Worktree, problem: Problem | None, seconds: float, calls: Calls
    ) -> tuple[CommandEnd, Heard]:
        """One run of the command, with a permit. What it read beyond the prompt is known only where it says
        so. Raises Unavailable, OSError.
        """
        prompt = prompt_text(self._surface, problem)
        calls.begin(
            self._model,
            [Message("user", prompt)],
            Options(max_tokens=0, timeout=max(0.0, seconds)),
            lambda _: None,
        )
        try:
            ending = self._run(link, tree, prompt, problem, seconds)
        except OSError as error:
            calls.failed(CompletionError(Failure.CONNECTION, self._redacted(str(error))))
            raise
        return ending, self._template.hear(ending.output)

    def _reply(self, ending: CommandEnd, heard: Heard) -> Reply:
        """What it used by its own account. One that gives none has read its prompt at least, so that it
        counts as unpriced and not as free.
        """
        usage = heard.usage
        return Reply(
            text=self._redacted(heard.text),
            model=self._model,
            prompt_tokens=usage.prompt_tokens or count_tokens(prompt_text(self._surface, None)),
            completion_tokens=usage.completion_tokens,
            cost_usd=usage.cost_usd,
            seconds=ending.seconds,
        )

    def _run(
        self, link: CommandLink, tree: Worktree, prompt: str, problem: Problem | None, seconds: float
    ) -> CommandEnd:
        if problem is not None:
            tree.tell({PROMPT: prompt, PROBLEM: problem_text(problem)})
        values = {
            "prompt": prompt,
            "prompt_file": PROMPT,
            "surface": self._surface,
            "folder": str(tree.folder),
        }
        line = words(self._template, self._order.command)
        environment = command_environment(os.environ, self._order.env, link.folder / "tmp")
        call = Call(
            command=[
                shutil.which(line[0]) or line[0],
                *(line[1:] if self._template.shell else filled(line[1:], values)),
            ],
            environment=environment,
            folder=str(tree.folder),
            input=str(tree.folder / PROMPT) if self._template.prompted else os.devnull,
            seconds=max(0.0, seconds),
        )
        return link.call(call)

    def _taken(self, tree: Worktree, brief: Brief) -> str | Problem:
        """The new surface, or what is wrong with it; one that is no text is put back as it was."""
        found = tree.surface()
        if isinstance(found, Problem):
            tree.restore()
            return found
        source = redacted_answer(found, os.environ, self._order.env)
        return check(source, brief.source) or source

    # ------------------------------------------------------------------ what goes wrong

    @property
    def _model(self) -> str:
        """What its calls are counted under."""
        return self._order.template or self._name

    @property
    def _name(self) -> str:
        return Path(words(self._template, self._order.command)[0]).name

    def _require_programs(self) -> None:
        for program in (words(self._template, self._order.command)[0], "git"):
            if shutil.which(program) is None:
                what = f"{program!r} is not a program on the PATH of this agent's machine"
                raise ArmStopped(f"{what}. Install it there, or correct `command` of this arm.")

    def _refuse_failure(self, ending: CommandEnd, heard: Heard, problem: Problem) -> None:
        """Raises ArmStopped or ProposerError where asking again is of no use: the command failed before it
        edited anything.
        """
        if ending.code == 0 or problem.kind is not Kind.NO_OP:
            return
        said = self._last_words(ending, heard) or "it said nothing"
        if ending.code in NOT_STARTED:
            raise ArmStopped(
                f"{self._name} cannot be started: {said}. Install what is missing, or correct `command` of"
                " this arm."
            )
        raise ProposerError(f"ended with {ending.code} and left {self._surface} as it was: {said}")

    def _nothing(self, why: str) -> ProposerError:
        """What to raise for a brief without a proposal."""
        self._fruitless += 1
        if self._fruitless < FRUITLESS:
            return ProposerError(f"{self._name}: {why}")
        rest = self._rests.next()
        self._until = self._now() + rest
        return Unavailable(
            f"{self._name}: {why}; nothing {self._fruitless} times in a row, it rests for {rest:.0f} s"
        )

    # ------------------------------------------------------------------ what is told

    def _texts(self, brief: Brief) -> dict[str, str]:
        told = {
            "program.md": self._program,
            "brief.md": situation(brief, self._program + brief.source),
            PROMPT: prompt_text(self._surface, None),
        }
        return self._frozen | told

    def _redacted(self, text: str) -> str:
        return redacted(text, os.environ, self._order.env)

    def _last_words(self, ending: CommandEnd, heard: Heard) -> str:
        """Its last line on stderr, else on stdout; redacted before it is cut, so that no half of a key is
        left.
        """
        lines = (
            line
            for text in (ending.errors, heard.text)
            for line in reversed(text.splitlines())
            if line.strip()
        )
        return one_line(self._redacted(next(lines, ""))[-LAST_LINE:], LAST_LINE)

    def _log(self, brief: Brief, ending: CommandEnd, heard: Heard, result: str | Problem, turn: int) -> None:
        facts = {
            "arm": brief.arm,
            "ordinal": brief.ordinal,
            "command": self._name,
            "turn": turn,
            "code": ending.code,
            "timed_out": ending.timed_out,
            "seconds": round(ending.seconds, 3),
            "output_bytes": ending.written,
            "prompt_tokens": heard.usage.prompt_tokens,
            "completion_tokens": heard.usage.completion_tokens,
            "cost_usd": heard.usage.cost_usd,
            "result": "edited" if isinstance(result, str) else result.kind.value,
            "last_words": self._last_words(ending, heard),
        }
        logger.info("command answered", extra=facts)


def _word(ending: CommandEnd, result: str | Problem) -> str:
    """What came of a call, as it is counted."""
    if ending.timed_out:
        return Failure.TIMEOUT.value
    return "whole" if isinstance(result, str) else result.kind.value


def _laid_out(folder: Path, brief: Brief, surface: str, texts: Mapping[str, str]) -> Worktree:
    (folder / "tmp").mkdir()
    return Worktree(folder / "experiment", surface, brief.source, texts)
