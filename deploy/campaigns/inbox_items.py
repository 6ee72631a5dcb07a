"""What a person leaves for a campaign, and what became of it. Works from any process, whether the campaign
runs or not.
"""

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from agents.proposers.surface_files import surface_at
from configs.errors import ConfigError
from configs.reserved import PEOPLES
from coordinator.state.campaign_state import CampaignState
from coordinator.state.tallies.hints import HINT_CHARS
from coordinator.store.inbox import Content, Hint, Idea, Inbox, Withdrawal
from coordinator.store.journal import locked
from coordinator.store.paths import Layout
from coordinator.variants.gate import Gate
from deploy.campaigns.open import Follower
from deploy.exit_codes import NothingFoundError
from evaluator.bundle import BundleError
from trainer.task import Task
from trainer.task_loading import load_task

TITLE_CHARS = 200
LOOK_SECONDS = 0.2


class HintLine(Struct, frozen=True):
    """A hint, or the wish to withdraw those before it."""

    hint: str
    """Its id."""
    state: Literal["told", "waiting"]
    text: str


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a person's variant."""

    proposal: str
    """Its id."""
    state: Literal["accepted", "refused", "waiting"]
    experiment: str | None = None
    """The experiment it is, or the one that tried the same before."""
    title: str = ""
    reason: str = ""
    """Why it was refused."""


class FirstAnswer(Answer, frozen=True, kw_only=True):
    """The same, just after it was left."""

    running: bool
    """Whether a coordinator works on the campaign."""


def leave_hint(layout: Layout, text: str) -> str:
    """Leave a hint; what becomes of it, in words. Raises ConfigError."""
    words = text.strip()
    if not words or len(words) > HINT_CHARS:
        what = (
            f"the hint has {len(words)} characters, and {HINT_CHARS} at most can be told"
            if words
            else "the hint is empty"
        )
        raise ConfigError(what, "Say it in a sentence or two; what is to stay belongs in the charter.")
    _leave(layout, Hint(words))
    return (
        "every proposer is told with its next brief"
        if locked(layout.folder)
        else "it waits for the next `autoswarm run`"
    )


def withdraw_hints(layout: Layout) -> str:
    """Withdraw all hints; what becomes of that, in words. Raises ConfigError."""
    _leave(layout, Withdrawal())
    return (
        "no proposer is told a hint from its next brief on"
        if locked(layout.folder)
        else "they are withdrawn with the next `autoswarm run`"
    )


def hints(layout: Layout) -> list[HintLine]:
    """Hints in force, oldest first, then inbox items that wait. Raises ConfigError."""
    lines = [HintLine(name, "told", text) for name, text in _state(layout).hints.hints.items()]
    for item in Inbox(layout.inbox).waiting():
        match item.content:
            case Hint(text=text):
                lines.append(HintLine(item.name, "waiting", text))
            case Withdrawal():
                lines.append(HintLine(item.name, "waiting", "(all hints before it are withdrawn)"))
            case Idea():
                pass
    return lines


def leave_idea(layout: Layout, file: Path, title: str, division: str, wait: float) -> FirstAnswer:
    """Leave a variant and wait ``wait`` seconds for its answer. Raises ConfigError,
    NothingFoundError.
    """
    state = _state(layout)
    if division and division not in state.divisions:
        raise NothingFoundError(
            f"there is no division {division!r}",
            f"There are: {', '.join(state.divisions)}." if state.divisions else "Wait.",
        )
    source = _sound(layout, state, file)
    name = _leave(layout, Idea(" ".join(title.split())[:TITLE_CHARS], source, division))
    return _answered(layout, name, wait if locked(layout.folder) else 0.0)


def leave_simplification(layout: Layout, idea: Idea, wait: float) -> FirstAnswer:
    """Leave the best without one of its pieces, and wait ``wait`` seconds for the answer. Raises
    ConfigError.
    """
    return _answered(layout, _leave(layout, idea), wait if locked(layout.folder) else 0.0)


def _answered(layout: Layout, name: str, wait: float) -> FirstAnswer:
    deadline = time.monotonic() + wait
    with closing(Follower(layout)) as follower:
        while (idea := answer(follower.refresh(), name)).state == "waiting" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    return FirstAnswer(**asdict(idea), running=locked(layout.folder))


def answer(state: CampaignState, name: str) -> Answer:
    """What became of a person's variant."""
    experiment = state.experiments.get(state.proposals.get(name, ""))
    if experiment is not None:
        return Answer(
            proposal=name, state="accepted", experiment=experiment.experiment, title=experiment.title
        )
    refused = state.hints.answers.get(name)
    if refused is None:
        return Answer(proposal=name, state="waiting")
    earlier = state.experiments.get(refused.repeats)
    value = "" if earlier is None or earlier.value is None else f" at {earlier.value:.6g}"
    became = "" if earlier is None else f", which is {earlier.state.value}{value}"
    return Answer(
        proposal=name,
        state="refused",
        experiment=refused.repeats or None,
        title=refused.title,
        reason=f"{refused.reason}{became}",
    )


def ideas(layout: Layout) -> list[Answer]:
    """What people proposed, oldest first, with what became of each. Raises ConfigError."""
    state = _state(layout)
    names = [name for name, one in state.proposals.items() if state.experiments[one].arm in PEOPLES]
    answers = [answer(state, name) for name in sorted([*names, *state.hints.answers])]
    taken = {idea.proposal for idea in answers}
    waiting = [item for item in Inbox(layout.inbox).waiting() if item.name not in taken]
    return answers + [
        replace(answer(state, item.name), title=item.content.title)
        for item in waiting
        if isinstance(item.content, Idea)
    ]


def line(idea: Answer) -> str:
    """A variant and what became of it, for a list."""
    state = f"accepted as {idea.experiment}" if idea.state == "accepted" else idea.state
    return ": ".join(part for part in (state, idea.title, idea.reason) if part)


def in_words(idea: FirstAnswer) -> str:
    """An answer as a sentence."""
    match idea.state:
        case "accepted":
            return (
                f"accepted as {idea.experiment}; `autoswarm show {idea.experiment}` says what becomes of it"
            )
        case "refused":
            return f"refused: {idea.reason}"
        case _ if idea.running:
            return (
                "it lies in the campaign's folder; the coordinator has not taken it yet, `autoswarm propose`"
                " lists what became of it"
            )
        case _:
            return "it waits for the next `autoswarm run`"


def _read(file: Path, patterns: Sequence[str]) -> str:
    try:
        return surface_at(file, patterns)
    except (OSError, UnicodeDecodeError, BundleError) as error:
        raise ConfigError(
            f"cannot read {file}: {error}",
            "It is to be a whole program, as text in UTF-8, or a folder with all files of the surface.",
        ) from error


def _sound(layout: Layout, state: CampaignState, file: Path) -> str:
    """The surface that lies there. Raises ConfigError for what the coordinator would refuse by the text
    alone. A task that is not on this machine is held to there.
    """
    task = _task(layout, state)
    if task is None:
        return _read(file, ())
    if file.is_dir() and not task.patterns:
        raise ConfigError(f"{file} is a folder, and the surface is one file", f"Name a {task.surface}.")
    source = _read(file, task.patterns)
    objection = Gate(task.frozen, task.imports, task.patterns).look(source)
    if objection is not None:
        raise ConfigError(
            f"{file} would be refused: {objection.reason}",
            "Correct it and propose it again; nothing was left behind.",
        )
    return source


def _task(layout: Layout, state: CampaignState) -> Task | None:
    """The campaign's task, where it is on this machine: as configured, or by its name."""
    from deploy.campaigns.terms import config_of  # all that makes runs comes with it

    with suppress(ConfigError):
        return load_task(config_of(layout).task.name)
    with suppress(ConfigError):
        return load_task(state.start.task)
    return None


def _leave(layout: Layout, content: Content) -> str:
    try:
        return Inbox(layout.inbox).leave(content)
    except OSError as error:
        raise ConfigError(
            f"cannot write in {layout.folder}: {error.strerror}",
            "Do it as the user that started the campaign.",
        ) from error


def _state(layout: Layout) -> CampaignState:
    with closing(Follower(layout)) as follower:
        return follower.refresh()
