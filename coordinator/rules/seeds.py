"""Seeds of whatever is drawn, and of the runs that are queued. Pure."""

import hashlib
import hmac

from coordinator.domain import Purpose
from coordinator.rules.fresh_rows import block_of, offset_of
from coordinator.rules.lookups import horizon_of
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import RunQueued
from evaluator.policies.pairing import Pairing


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


def queued(
    state: CampaignState, experiment: str, number: int, purpose: Purpose, division: str = ""
) -> RunQueued:
    """The experiment's run of that number, from 1, waiting for a slot. division: of an experiment that is not
    there yet.
    """
    run, block = f"{experiment}.{number}", block_of(purpose, state.rules.val_blocks)
    place = division or state.experiments[experiment].division
    offset = offset_of(state, place, block) if block else 0.0
    block = block if offset is not None else 0
    seed, seed_offset = _seed(state, experiment, number, state.divisions.get(place), block)
    return RunQueued(
        run=run,
        experiment=experiment,
        purpose=purpose,
        seed=seed,
        block=block,
        offset=offset or 0.0,
        seed_offset=seed_offset,
    )


def _seed(
    state: CampaignState, experiment: str, number: int, division: Division | None, block: int
) -> tuple[int, float]:
    """The seed of an experiment's run, and what is taken off for it. The first runs of a variant are made on
    seeds of the baseline, in an order of its own, so that it shows whether these do the same to both; no seed
    comes twice.
    """
    own = drawn(state, f"{experiment}.{number}")
    if division is None or experiment == division.baseline or number > len(division.seeds):
        return own, 0.0
    seeds = list(division.seeds)
    seed = seeds[(drawn(state, f"seeds:{experiment}") + number) % len(seeds)]
    pairing, parts = _pairing(state, experiment, number, division), division.seeds[seed]
    shared = pairing is not None and pairing.holds and block < len(parts)
    return seed, pairing.slope * parts[block] if pairing is not None and shared else 0.0


def _pairing(state: CampaignState, experiment: str, number: int, division: Division) -> Pairing | None:
    """What is known of seeds. In order a screen is queued whenever its proposal comes, and may rest on what
    its brief could know alone.
    """
    if not state.rules.lookahead or number > 1:
        return division.pairing
    there = state.experiments.get(experiment)
    return division.pairing_as_of(horizon_of(state, there.ordinal if there else len(state.by_ordinal) + 1))
