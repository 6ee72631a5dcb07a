"""Arms: one class per kind of proposer, each with its own keys, and the traits that say what a kind needs.

A trait is a base class. It brings the keys that belong to it, and whoever serves it asks for it by
``isinstance``, never for a kind by name::

    ReadsCharter   its briefs bring a charter and ask for a kind of idea
    Repairs        it is given experiments of its arm that crashed
    CallsModels    it costs money by asking language models: keys are checked, prices known beforehand
    RunsProgram    it starts a program that has to be on the agents' machines
    CostsMoney     its calls need permits, are journaled and count against the cap

A new kind is a class here, in ``AnyArm``, and a module of its name that makes its proposer: docs/arms.md.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from configs.charter import charter_path
from configs.section import Number, Positive, Section, Whole, Word

DEFAULT_KIND = "search"
"""What an arm is that names no proposer."""


class Arm(Section):
    """A named way of proposing, with the keys that every arm has."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """Label of the arm. `person` is taken: by the variants of `autoswarm propose`."""
    proposer: str
    """What proposes; ``agents.proposers.factory`` finds the module that makes it by this name."""
    weight: Positive = 1.0
    """Share of the briefs this arm gets, relative to the others."""
    parent: Literal["best", "baseline"] = "best"
    """What its variants are made from. `baseline`: always the unmodified surface, knowing no other arm's
    results: best of N, a control.
    """
    control: bool = False
    """Whether the other arms are compared with this one; then `bandit` keeps `campaign.control_floor` of the
    briefs for it.
    """

    def absolute(self) -> dict[str, object]:
        """Its keys that name files, with every path absolute: agents live in other folders."""
        return {}


class ReadsCharter(Arm):
    """Trait: reads what its briefs bring in words, a charter and a kind of idea."""

    charter: Word | None = None
    """A research charter of its own: a file in configs/charters or a path; null takes the campaign's."""
    strategy: Literal["free", "explore", "tune", "simplify", "ablate", "combine", "rotate"] = "free"
    """What kind of idea its briefs ask for. `rotate` goes through the kinds while nothing merges."""

    def absolute(self) -> dict[str, object]:
        """See ``Arm.absolute``."""
        own = {} if self.charter is None else {"charter": charter_path(self.charter)}
        return {**super().absolute(), **own}


class Repairs(Arm):
    """Trait: can repair an experiment of its arm that crashed."""


class CostsMoney(Arm):
    """Trait: what it does for a brief may cost dollars."""


class CallsModels(CostsMoney):
    """Trait: asks language models, which may cost dollars."""

    models: list[Word] = []
    """Models by litellm's names, such as `anthropic/...` or `openai/...`. The first that answers is taken."""
    api_base: Word | None = None
    """Address of an endpoint, such as `http://host:8000/v1`; null means the provider's own."""


class RunsProgram(Arm):
    """Trait: starts a program. The module that makes its proposer says which, by ``program(arm)``: empty
    where it has none.
    """

    env: list[str] = []
    """Names of variables the program is given besides PATH, HOME, LANG, LC_*, TERM and a TMPDIR of its own,
    such as a provider's key.
    """
    unconfined: bool = False
    """Whether the program sees the campaigns, the data they are judged on and the file of keys as you do.
    `false` hides them, which needs bubblewrap.
    """


class Search(Arm):
    """Moves constants of the surface; asks no model and costs nothing."""

    proposer: Literal["search"] = "search"


class Scripted(Arm):
    """Plays surfaces that somebody wrote."""

    proposer: Literal["scripted"] = "scripted"
    files: list[Word] = []
    """The surfaces to play, in order."""

    def absolute(self) -> dict[str, object]:
        """See ``Arm.absolute``."""
        return {**super().absolute(), "files": [str(Path(file).absolute()) for file in self.files]}


class Llm(ReadsCharter, CallsModels, Repairs):
    """Asks a language model for the next edit."""

    proposer: Literal["llm"] = "llm"
    temperature: Annotated[Number, Field(ge=0)] | None = None
    """How much models may vary their answers; null takes each model's own."""
    max_tokens: Annotated[Whole, Field(ge=1)] = 16_000
    """Longest answer, in tokens, with what a model thinks before it."""
    timeout: Positive = 300.0
    """Seconds one call may take."""


class Command(ReadsCharter, RunsProgram, Repairs, CostsMoney):
    """Runs a coding agent's command line for every brief."""

    proposer: Literal["command"] = "command"
    template: Literal["claude-code", "codex", "aider", "shell"] | None = None
    """The coding agent whose command line and output are known. `shell` runs the first word of `command` as a
    line for `sh`.
    """
    command: list[str] = []
    """Program and arguments, instead of the template's. Each may name {prompt}, {prompt_file}, {surface} or
    {folder}.
    """
    timeout: Positive = 300.0
    """Seconds for one proposal, with the one time its edit may be sent back."""

    def absolute(self) -> dict[str, object]:
        """See ``Arm.absolute``. A program named by a path is found by it from everywhere; a shell's line
        stays what it is.
        """
        return {**super().absolute(), "command": self._words()}

    def _words(self) -> list[str]:
        if self.template == "shell" or not self.command or "/" not in self.command[0]:
            return self.command
        return [str(Path(self.command[0]).absolute()), *self.command[1:]]


def _of_a_kind(value: object) -> object:
    """An arm as it was written down, with the default kind where it names none."""
    return {"proposer": DEFAULT_KIND, **value} if isinstance(value, dict) else value


AnyArm = Annotated[
    Search | Scripted | Llm | Command,
    Field(discriminator="proposer"),
    BeforeValidator(_of_a_kind),
]
"""Every kind of arm; the key `proposer` says which."""

KINDS: dict[str, type[Arm]] = {
    kind.model_fields["proposer"].default: kind for kind in get_args(get_args(AnyArm)[0])
}
"""The same by the name that `proposer` gives."""
