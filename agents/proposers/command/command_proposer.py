"""The ``command`` proposer: any coding agent's command line, in a throw-away repository that holds the
surface.

- Of all it does only the surface's text is taken, and only when it compiles, keeps the contract and is
  another program. For any other edit it is asked again once, within the same timeout. What is taken is judged
  as a text: an exit code other than 0 is no reason to throw a sound edit away.
- No edit is taken from a command whose time was up: nobody knows what it was in the middle of.
- An arm that brought nothing several times in a row rests, so that other arms answer: a brief is asked of the
  same arm until somebody does.
- Everything it prints is untrusted. One bounded, redacted line of it may reach the log; the environment it
  ran in never does (see ``account``).
- It is a person's tool and reaches what that person reaches, but for what variants are judged on: see
  ``confinement``.
"""

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
from agents.edits.outcome import Fault, Problem
from agents.proposers.command.account import Account, call_result, diagnosed
from agents.proposers.command.confinement import (
    UNCONFINED,
    Confinement,
    confinement,
    hidden_now,
    in_the_way,
)
from agents.proposers.command.environment import command_environment
from agents.proposers.command.instructions import problem_text, prompt_text
from agents.proposers.command.keeper import Call, CommandEnd
from agents.proposers.command.keeper_link import CommandLink
from agents.proposers.command.templates import TEMPLATES, Output, Template, filled, spread, words
from agents.proposers.command.worktree import Worktree
from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from agents.proposers.llm.answer import proposal_of
from agents.proposers.llm.calls import Calls
from agents.proposers.llm.completion import CompletionError, Failure, Message, Options
from agents.proposers.llm.prompt import grounded, situation
from agents.proposers.llm.redaction import redacted_answer
from agents.proposers.llm.tokens import count_tokens
from agents.proposers.permits import FreePermits, Permits
from configs.errors import ConfigError
from coordinator.arm_notes import ArmReason
from coordinator.protocol import Brief, Proposal

REASKS = 1
"""Times a command is asked again. A coding agent has looked at its own edit already; a second time costs as
much as another idea.
"""
FRUITLESS = 3
"""Briefs in a row without a proposal, after which the arm rests: a login that has run out, a service that is
down, a timeout that is too short.
"""
RESTS = (60.0, 1800.0)
"""Shortest and longest seconds of a rest; it doubles with every further brief without a proposal."""
READ_LINES = 200
"""Of the end of its stdout in which title and hypothesis are looked for."""
PROMPT, PROBLEM = "prompt.md", "problem.md"


class CommandOrder(Struct, frozen=True, kw_only=True):
    """What to run."""

    template: str | None
    """A name in ``TEMPLATES``, or None."""
    command: tuple[str, ...]
    """The arm's own words."""
    env: tuple[str, ...]
    """Names of variables that are handed on."""
    timeout: float
    """Seconds for one proposal, both runs together."""
    hidden: tuple[str, ...] = ()
    """Files and folders it is not to see, as absolute paths; with them goes the folder that holds commands'
    folders.
    """
    unconfined: bool = False
    """Whether it sees them all the same."""
    patterns: tuple[str, ...] = ()
    """Files that count, of a surface of several."""


class CommandProposer:
    """Runs one command line for every brief. Between briefs it remembers how many in a row brought nothing,
    and the charter the last one brought.
    """

    def __init__(
        self,
        order: CommandOrder,
        charter: str,
        frozen: Mapping[str, str],
        surface: str = SURFACE,
        *,
        permits: Permits | None = None,
        scratch: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """charter: its text. frozen: files a surface imports, by name. surface: name of the file that can
        change.

        permits: allows and counts calls, under the template's name or the program's; None allows all of them.
        scratch: folder that holds the commands' folders; None takes the system's. now: for the rests.
        """
        self._order = order
        self._template = TEMPLATES[order.template] if order.template else Template()
        self._charter = charter
        self._frozen = dict(frozen)
        self._surface = surface
        self._permits = permits or FreePermits()
        self._scratch = scratch
        self._now = now
        self._fruitless = 0
        self._rest_until = 0.0
        self._last = ProposerError("it was not asked yet")
        self._rests = Backoff(RESTS, random.Random(" ".join(order.command)))
        self._account = Account(self._name, self._model, order.env)
        self._confinement: Confinement | None = None

    def propose(self, brief: Brief) -> Proposal:
        """See ``Proposer.propose``. Raises ArmStopped without its program or where it cannot be confined,
        Unavailable while it rests, ProposerError without a sound edit.
        """
        if self._now() < self._rest_until:
            left = self._rest_until - self._now()
            raise Unavailable(
                f"{self._last.what}; nothing {self._fruitless} times in a row; {left:.0f} s of its rest left",
                self._last.reason,
            )
        self._require_programs()
        self._require_confinement()
        self._charter = brief.charter or self._charter
        brief = grounded(brief)
        try:
            with CommandLink(self._scratch) as link:
                proposal = self._work(brief, link, self._laid_out(link.folder, brief))
        except (ArmStopped, Unavailable):
            raise
        except (ProposerError, OSError) as error:
            reason = error.reason if isinstance(error, ProposerError) else ArmReason.FAILED
            raise self._nothing(self._account.redacted(str(error)), reason) from None
        self._fruitless = 0
        self._rests.reset()
        return proposal

    def _work(self, brief: Brief, link: CommandLink, tree: Worktree) -> Proposal:
        deadline = time.monotonic() + self._order.timeout
        calls = Calls(self._permits, brief)
        problem: Problem | None = None
        prompt_tokens = count_tokens(self._prompt(None))
        for turn in range(1 + REASKS):
            end, output = self._call(link, tree, problem, deadline - time.monotonic(), calls)
            result = self._taken(tree, brief)
            why = diagnosed(end, output, result)
            calls.answered(self._account.reply(end, output, prompt_tokens), call_result(end, result, why))
            self._account.log(brief, end, output, result, turn)
            if end.timed_out:
                raise ProposerError(f"not done in {self._order.timeout:g} s", ArmReason.TIMEOUT)
            if isinstance(result, str):
                answer = tree.proposal() or "\n".join(output.text.splitlines()[-READ_LINES:])
                return proposal_of(brief, result, self._account.redacted(answer), calls.made)
            if why is not None:
                self._account.refuse_failure(end, output, why, self._surface)
            problem = result
        message, kind = (problem.message, problem.kind) if problem else ("", Fault.NO_OP)
        silent = kind is Fault.NO_OP and not (output.text.strip() or end.errors.strip())
        what = f"no sound edit, asked again: {message}{', and it said nothing' * silent}"
        raise ProposerError(what, ArmReason.REPLY if silent else ArmReason.NO_EDIT)

    def _call(
        self, link: CommandLink, tree: Worktree, problem: Problem | None, seconds: float, calls: Calls
    ) -> tuple[CommandEnd, Output]:
        """One run of the command, with a permit. What it read beyond the prompt is known only if it says so.
        Raises Unavailable, OSError.
        """
        prompt = self._prompt(problem)
        calls.begin(
            self._model,
            [Message("user", prompt)],
            Options(max_tokens=0, timeout=max(0.0, seconds)),
            lambda _: None,
        )
        try:
            end = self._run(link, tree, prompt, problem, seconds)
        except OSError as error:
            calls.failed(CompletionError(Failure.CONNECTION, self._account.redacted(str(error))))
            raise
        return end, self._template.read(end.output)

    def _run(
        self, link: CommandLink, tree: Worktree, prompt: str, problem: Problem | None, seconds: float
    ) -> CommandEnd:
        if problem is not None:
            tree.replace({PROMPT: prompt, PROBLEM: problem_text(problem)})
        values = {
            "prompt": prompt,
            "prompt_file": PROMPT,
            "surface": self._surface,
            "folder": str(tree.folder),
        }
        line = words(self._template, self._order.command)
        environment = command_environment(os.environ, self._order.env, link.folder / "tmp")
        command = [
            shutil.which(line[0]) or line[0],
            *(line[1:] if self._template.shell else filled(spread(line[1:], list(tree.files)), values)),
        ]
        call = Call(
            command=self._confined(command, link.folder, tree.folder),
            environment=environment,
            folder=str(tree.folder),
            input=str(tree.folder / PROMPT) if self._template.prompted else os.devnull,
            seconds=max(0.0, seconds),
            wrapped=self._confinement is not None,
        )
        return link.call(call)

    def _confined(self, command: list[str], own: Path, folder: Path) -> list[str]:
        """The command line in its view. Raises ArmStopped where that would hide what it needs."""
        if self._confinement is None:
            return command
        hidden = hidden_now([*map(Path, self._order.hidden), own.parent])
        needed = [Path(command[0]), *(Path(home) for home in (os.environ.get("HOME"),) if home)]
        if covered := in_the_way(hidden, needed):
            raise ArmStopped(
                f"{covered[0]} lies in {covered[1]}, which commands do not see",
                ArmReason.SANDBOX,
                f"Move it, or campaigns_dir, data_dir or TMPDIR, {UNCONFINED}",
            )
        return self._confinement.wrapped(command, hidden, own, folder)

    def _taken(self, tree: Worktree, brief: Brief) -> str | Problem:
        """The new surface, or what is wrong with it; one that is no text is put back as it was."""
        text = tree.surface()
        if isinstance(text, Problem):
            tree.restore()
            return text
        source = redacted_answer(text, os.environ, self._order.env)
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
                remedy = "Install it there, or correct `command` of this arm"
                raise ArmStopped(what, ArmReason.PROGRAM, remedy)

    def _require_confinement(self) -> None:
        """Raises ArmStopped."""
        if self._order.unconfined or self._confinement is not None:
            return
        try:
            self._confinement = confinement()
        except ConfigError as error:
            raise ArmStopped(str(error), ArmReason.SANDBOX, error.remedy.rstrip(".")) from None

    def _nothing(self, why: str, reason: ArmReason) -> ProposerError:
        """What to raise for a brief without a proposal."""
        self._fruitless += 1
        self._last = ProposerError(f"{self._name}: {why}", reason)
        if self._fruitless < FRUITLESS:
            return self._last
        rest = self._rests.next()
        self._rest_until = self._now() + rest
        return Unavailable(
            f"{self._name}: {why}; nothing {self._fruitless} times in a row, it rests for {rest:.0f} s",
            reason,
        )

    def _laid_out(self, folder: Path, brief: Brief) -> Worktree:
        (folder / "tmp").mkdir()
        situated = situation(brief, self._charter + brief.source)
        own = {"program.md": self._charter, "brief.md": situated, PROMPT: self._prompt(None)}
        texts = self._frozen | own
        return Worktree(folder / "experiment", self._surface, brief.source, texts, self._order.patterns)

    def _prompt(self, problem: Problem | None) -> str:
        return prompt_text(self._surface, problem, self._order.patterns)
