"""Seeds of whatever is drawn, and of the runs that are queued. Pure."""

import hashlib
import hmac

from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunQueued


def drawn(state: CampaignState, what: str) -> int:
    """31 bits drawn for a name from the campaign's seed and its secret."""
    return seed_of(state.rules.seed, what, state.secret)


def seed_of(campaign_seed: int, what: str, secret: str = "") -> int:
    """31 bits drawn from a seed and a name: the same on every machine and after every restart. secret: with
    one nobody who does not know it can draw them too.
    """
    words = f"{campaign_seed}:{what}".encode()
    digest = hmac.digest(secret.encode(), words, "sha256") if secret else hashlib.sha256(words).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def queued(state: CampaignState, experiment: str, number: int, purpose: Purpose) -> RunQueued:
    """The experiment's run of that number, from 1, waiting for a slot."""
    run = f"{experiment}.{number}"
    return RunQueued(run=run, experiment=experiment, purpose=purpose, seed=drawn(state, run))
