"""Calls of language models as people see them: a table, and what was said in one. Untrusted text, shown as it
is and without control characters.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from coordinator.state.arm_events import CallSettled
from coordinator.state.campaign_state import CampaignState
from coordinator.store.paths import Layout
from coordinator.store.transcripts import Transcript, Transcripts
from coordinator.views.experiment_page import CallRow
from deploy.exit_codes import NothingFoundError
from deploy.views.experiment import calls_table, cost
from deploy.views.sanitize import one_line, sanitize
from deploy.views.tables import pairs

ESTIMATED = ", estimated: its provider did not say"


def find(layout: Layout, state: CampaignState, name: str) -> tuple[CallSettled, Transcript | None]:
    """The call of that id, or the only one whose id begins so, and what was said in it, if that was kept.
    Raises NothingFoundError.
    """
    matches = [event for call, event in state.spend.calls.items() if call.startswith(name)]
    if len(matches) != 1:
        what = (
            f"{len(matches)} calls begin with {name!r}"
            if matches
            else f"there is no call {name!r} in {layout.name}"
        )
        raise NothingFoundError(
            what, "`autoswarm calls` lists them, `autoswarm show ID` those of an experiment."
        )
    return matches[0], Transcripts(layout.calls).read(matches[0].call)


def table(rows: Sequence[CallRow]) -> RenderableType:
    """Calls, oldest first."""
    return calls_table(rows) if rows else Text("No call of a model yet.")


def page(row: CallRow, transcript: Transcript | None) -> RenderableType:
    """One call and what was said in it."""
    facts = {
        "call": row.call,
        "model": row.model + (f", answered as {one_line(row.answered_by)}" if row.answered_by else ""),
        "by": f"{row.agent}, arm {row.arm}, for experiment {row.ordinal}, turn {row.turn + 1}",
        "tokens": f"{row.prompt_tokens} in, {row.completion_tokens} out{ESTIMATED if row.estimated else ''}",
        "cost": cost(row),
        "time": f"{row.seconds:.1f} s",
        "result": row.result.replace("_", " "),
    }
    return Group(pairs(facts), *_conversation(transcript))


def _conversation(transcript: Transcript | None) -> list[Text]:
    if transcript is None:
        return [Text("\nWhat was said was not kept.")]
    turns = [(message.role, message.content) for message in transcript.messages]
    turns += [("answer", transcript.answer)] if transcript.answer is not None else []
    turns += [("error", transcript.error)] if transcript.error else []
    return [
        Text.assemble((f"\n── {sanitize(role)}\n", "bold"), sanitize(text).rstrip()) for role, text in turns
    ]
