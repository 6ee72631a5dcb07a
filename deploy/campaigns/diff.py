"""What is different between two surfaces of a campaign."""

from typing import Literal

from msgspec import Struct

from coordinator.state.campaign_state import CampaignState
from coordinator.store.paths import Layout
from coordinator.variants.text_diff import diff_lines
from coordinator.views.status_page import SCHEMA
from deploy.campaigns.find import find_experiment
from deploy.campaigns.open import Text, read_source
from deploy.exit_codes import NothingFoundError


class NamedCommit(Struct, frozen=True):
    """One side of a diff."""

    name: str
    commit: str


class Difference(Struct, frozen=True, kw_only=True):
    """What ``autoswarm diff --json`` prints."""

    schema: Literal[1]
    old: NamedCommit
    new: NamedCommit
    diff: str
    """Unified, file by file where a surface has several."""


def compare(layout: Layout, state: CampaignState, a: str, b: str | None) -> Difference:
    """A unified diff: of ``a`` against its parent, or from ``a`` to ``b``. Raises NothingFoundError."""
    old, new = (
        (_parent(layout, state, a), _text(layout, state, a))
        if b is None
        else (_text(layout, state, a), _text(layout, state, b))
    )
    return Difference(
        schema=SCHEMA, old=_named(old), new=_named(new), diff=_diff(state.start.surface, old, new)
    )


def _text(layout: Layout, state: CampaignState, name: str) -> Text:
    experiment = find_experiment(state, name)
    return read_source(layout, experiment.experiment, experiment.commit)


def _parent(layout: Layout, state: CampaignState, name: str) -> Text:
    experiment = find_experiment(state, name)
    if not experiment.parent:
        raise NothingFoundError(
            f"{experiment.experiment} is the unmodified surface and has no parent",
            "Name two: `autoswarm diff baseline best`.",
        )
    return read_source(layout, "parent", experiment.parent)


def _named(text: Text) -> NamedCommit:
    return NamedCommit(text.name, text.commit)


def _diff(surface: str, old: Text, new: Text) -> str:
    marks = (f" {old.name} {old.commit[:10]}", f" {new.name} {new.commit[:10]}")
    return "".join(f"{line}\n" for line in diff_lines(old.source, new.source, surface, marks))
