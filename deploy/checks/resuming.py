"""Whether a campaign that is there already can go on as it is configured now. Takes the campaign's lock for a
moment, and changes nothing else.
"""

import sqlite3
from contextlib import closing

from msgspec import ValidationError

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.service.opening import require_same
from coordinator.state.campaign_state import CampaignState
from coordinator.state.lifecycle import InvalidTransition
from coordinator.store.journal import CampaignLock, Journal
from coordinator.store.paths import Layout
from coordinator.store.secret_file import require_secret
from deploy.rules_from_config import rules_of
from deploy.wiring import card_of, layout_of
from trainer.task_loading import load_task


def require_resumable(config: Config) -> None:
    """Raises CampaignBusyError when another coordinator works on the campaign, and ConfigError when it is
    another task's or budget's, has lost its secret or cannot be read.
    """
    layout = layout_of(config)
    if not layout.folder.is_dir():
        return
    _require_free(layout)
    state = _state(layout) if layout.journal.is_file() else CampaignState()
    if state.started is None:
        return
    task = load_task(config.task.name)
    rules = rules_of(config, task)
    require_same(state, layout, card_of(task), rules)
    require_secret(layout.secret, config.campaign.secret, state.started)


def _require_free(layout: Layout) -> None:
    if (layout.folder / "campaign.lock").is_file():  # or nobody ever worked on it
        CampaignLock(layout.folder).release()


def _state(layout: Layout) -> CampaignState:
    state = CampaignState()
    try:
        with closing(Journal.read(layout.journal)) as journal:
            for entry in journal.entries():
                state.apply(entry.event, entry.at)
    except (sqlite3.DatabaseError, ValidationError, InvalidTransition) as error:
        raise ConfigError(
            f"cannot read the journal {layout.journal}: {error}",
            "Restore it from a copy, or use a newer autoswarm; `--new` starts another campaign.",
        ) from None
    return state
