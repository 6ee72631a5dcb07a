"""The checks of a state find what they are for: each damage is named."""

import random
from collections.abc import Callable

import pytest

from coordinator.domain import State
from coordinator.protocol import Token
from coordinator.state.campaign_state import CampaignState, InconsistentStateError
from coordinator.state.records import Experiment
from tests.unit.swarm_of_rules import Swarm
from tests.unit.test_campaign_properties import play

Damage = Callable[[CampaignState], object]


def any_in(state: CampaignState, wanted: State) -> Experiment:
    return next(one for one in state.experiments.values() if one.state is wanted and not one.baseline)


def forget_a_best(state: CampaignState) -> None:
    state.divisions["cpu"].history.pop(1)


def give_a_run_twice(state: CampaignState) -> None:
    held = next(agent.run for agent in state.agents.values() if agent.run)
    state.agents["idle"].run = held


def queue_a_finished_run(state: CampaignState) -> None:
    run = any_in(state, State.REJECTED).runs[0]
    state.divisions["cpu"].queued[run.run] = (5, 1, 0)


def swap_a_program(state: CampaignState) -> None:
    state.digests[any_in(state, State.MERGED).commit] = "another"


def lose_a_measured_result(state: CampaignState) -> None:
    any_in(state, State.MERGED).counted[0].result = None


def move_a_best_off_its_parent(state: CampaignState) -> None:
    any_in(state, State.MERGED).parent = "elsewhere"


def lease_from_the_future(state: CampaignState) -> None:
    held = next(agent.run for agent in state.agents.values() if agent.run)
    state.runs[held].token = Token(state.epoch, state.tokens + 1)


DAMAGES: dict[str, Damage] = {
    "undecided": lambda state: state.undecided.update({any_in(state, State.REJECTED).experiment: None}),
    "stale": lambda state: state.stale.update({any_in(state, State.MERGED).experiment: None}),
    "live": lambda state: state.live.update({state.finished[0]: None}),
    "finished": lambda state: state.finished.append(state.finished[0]),
    "by_ordinal": lambda state: state.by_ordinal.pop(),
    "settled": lambda state: setattr(state, "settled", state.settled - 1),
    "digest of": swap_a_program,
    "by_digest": lambda state: state.by_digest.clear(),
    "states": lambda state: state.states.update({State.QUEUED: 1}),
    "outcomes": lambda state: state.outcomes.update({"measured": 1}),
    "merges": forget_a_best,
    "arm search": lambda state: state.arms["search"].update({"proposals": 1}),
    "tally of search": lambda state: state.tallies["search"].finish(0.0, 0.0, 1),
    "leases": give_a_run_twice,
    "token": lease_from_the_future,
    "slots": lambda state: state.occupancy.since.clear(),
    "runs": lambda state: state.runs.popitem(),
    "to_repair": lambda state: state.to_repair.update({any_in(state, State.REJECTED).experiment: None}),
    "queue of cpu": queue_a_finished_run,
    "screens of cpu": lambda state: setattr(state.divisions["cpu"], "screens", 99),
    "is measured": lose_a_measured_result,
    "parent of best": move_a_best_off_its_parent,
    "dry of cpu": lambda state: setattr(state.divisions["cpu"], "dry", 99),
    "σ of cpu": lambda state: setattr(state.divisions["cpu"], "sigma", None),
}


def played() -> Swarm:
    """A sound state with verdicts of every kind, and one lease."""
    swarm = Swarm()
    play(swarm, random.Random(4), 600, agents=3)
    swarm.join("idle")
    swarm.join("busy")
    assert swarm.lease("busy") or (swarm.think("busy") and swarm.lease("busy"))
    return swarm


@pytest.fixture(scope="module")
def journal() -> Swarm:
    return played()


def test_a_sound_state_has_nothing_to_say(journal: Swarm) -> None:
    journal.replayed().validate()


@pytest.mark.parametrize("named", DAMAGES)
def test_a_damage_is_named(journal: Swarm, named: str) -> None:
    state = journal.replayed()
    DAMAGES[named](state)
    with pytest.raises(InconsistentStateError, match=named):
        state.validate()
