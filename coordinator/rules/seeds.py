"""Seeds of whatever is drawn, and of the runs that are queued. Pure."""

import hashlib

from coordinator.domain import Purpose
from coordinator.rules.fresh_rows import block_of, offset_of
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunQueued


def seed_of(campaign_seed: int, what: str) -> int:
    """31 bits drawn from the campaign's seed and a name: the same on every machine and after every
    restart.
    """
    return int.from_bytes(hashlib.sha256(f"{campaign_seed}:{what}".encode()).digest()[:4], "big") >> 1


def queued(state: CampaignState, experiment: str, number: int, purpose: Purpose) -> RunQueued:
    """The experiment's run of that number, from 1, waiting for a slot."""
    run, block = f"{experiment}.{number}", block_of(purpose, state.rules.val_blocks)
    offset = offset_of(state, state.experiments[experiment].division, block) if block else 0.0
    return RunQueued(
        run=run,
        experiment=experiment,
        purpose=purpose,
        seed=seed_of(state.rules.seed, run),
        block=block if offset is not None else 0,
        offset=offset or 0.0,
    )
