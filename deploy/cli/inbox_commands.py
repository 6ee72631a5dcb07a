"""What a person leaves for a campaign, and what became of it. Works from any process, whether the campaign
runs or not.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from coordinator.state.campaign_state import CampaignState
from coordinator.state.hints import HINT_CHARS
from coordinator.store.inbox import Content, Hint, Idea, Inbox, Withdrawal
from coordinator.store.journal import locked
from coordinator.store.paths import Layout
from coordinator.variants.gate import Gate
from coordinator.views.status import Json
from deploy.campaigns.open import Follower
from deploy.exit_codes import NothingFoundError
from trainer.task import load_task

TITLE_CHARS = 200
LOOK_SECONDS = 0.2


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


def hints(layout: Layout) -> Json:
    """Hints in force, oldest first, then letters that wait. Raises ConfigError."""
    found: list[Json] = [
        {"hint": name, "state": "told", "text": text} for name, text in _state(layout).hints.hints.items()
    ]
    for item in Inbox(layout.inbox).waiting():
        match item.content:
            case Hint(text=text):
                found.append({"hint": item.name, "state": "waiting", "text": text})
            case Withdrawal():
                found.append(
                    {"hint": item.name, "state": "waiting", "text": "(all hints before it are withdrawn)"}
                )
            case Idea():
                pass
    return {"schema": 1, "hints": found}


def leave_idea(layout: Layout, file: Path, title: str, division: str, wait: float) -> Json:
    """Leave a variant and wait ``wait`` seconds for its answer; see ``answer``. Raises ConfigError,
    NothingFoundError.
    """
    state = _state(layout)
    if division and division not in state.divisions:
        raise NothingFoundError(
            f"there is no division {division!r}",
            f"There are: {', '.join(state.divisions)}." if state.divisions else "Wait.",
        )
    source = _read(file)
    _require_sound(state, file, source)
    name = _leave(layout, Idea(" ".join(title.split())[:TITLE_CHARS], source, division))
    return _answered(layout, name, wait if locked(layout.folder) else 0.0)


def _answered(layout: Layout, name: str, wait: float) -> Json:
    deadline = time.monotonic() + wait
    with closing(Follower(layout)) as follower:
        while (found := answer(follower.refresh(), name))[
            "state"
        ] == "waiting" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    return {**found, "running": locked(layout.folder)}


def answer(state: CampaignState, name: str) -> Json:
    """What became of a person's variant: ``accepted`` with its experiment, ``refused`` with the reason, else
    ``waiting``.
    """
    experiment = state.experiments.get(state.proposals.get(name, ""))
    if experiment is not None:
        return {
            "proposal": name,
            "state": "accepted",
            "experiment": experiment.experiment,
            "title": experiment.title,
            "reason": "",
        }
    refused = state.hints.answers.get(name)
    if refused is None:
        return {"proposal": name, "state": "waiting", "experiment": None, "title": "", "reason": ""}
    earlier = state.experiments.get(refused.known)
    value = "" if earlier is None or earlier.value is None else f" at {earlier.value:.6g}"
    became = "" if earlier is None else f", which is {earlier.state.value}{value}"
    return {
        "proposal": name,
        "state": "refused",
        "experiment": refused.known or None,
        "title": refused.title,
        "reason": f"{refused.reason}{became}",
    }


def ideas(layout: Layout) -> Json:
    """What people proposed, oldest first, with what became of each. Raises ConfigError."""
    state = _state(layout)
    names = [name for name, experiment in state.proposals.items() if not state.experiments[experiment].agent]
    known = [answer(state, name) for name in sorted([*names, *state.hints.answers])]
    waiting = [
        (item.name, item.content.title)
        for item in Inbox(layout.inbox).waiting()
        if isinstance(item.content, Idea)
    ]
    taken = {each["proposal"] for each in known}
    return {
        "schema": 1,
        "proposals": (
            known + [{**answer(state, name), "title": title} for name, title in waiting if name not in taken]
        ),
    }


def line(found: Json) -> str:
    """A variant and what became of it, for a list."""
    state = f"accepted as {found['experiment']}" if found["state"] == "accepted" else found["state"]
    return ": ".join(each for each in (state, found["title"], found["reason"]) if each)


def in_words(found: dict[str, Any]) -> str:
    """An answer as a sentence."""
    match found["state"]:
        case "accepted":
            return (
                f"accepted as {found['experiment']}; `autoswarm show {found['experiment']}` says what becomes"
                " of it"
            )
        case "refused":
            return f"refused: {found['reason']}"
        case _ if found["running"]:
            return (
                "it lies in the campaign's folder; the coordinator has not taken it yet, `autoswarm propose`"
                " lists what became of it"
            )
        case _:
            return "it waits for the next `autoswarm run`"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {file}: {error}", "It is to be a whole program, as text in UTF-8."
        ) from error


def _require_sound(state: CampaignState, file: Path, source: str) -> None:
    """Raises ConfigError for what the coordinator would refuse by the text alone. A task that is not on this
    machine is held to there.
    """
    try:
        task = load_task(state.start.task)
    except ConfigError:
        return
    objection = Gate(task.frozen, task.imports).look(source)
    if objection is not None:
        raise ConfigError(
            f"{file} would be refused: {objection.reason}",
            "Correct it and propose it again; nothing was left behind.",
        )


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
