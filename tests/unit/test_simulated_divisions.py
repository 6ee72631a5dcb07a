"""Simulated campaigns of several divisions: effects that carry over, and merges that are tried elsewhere."""

from collections import Counter

import pytest
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.load import load
from coordinator.state.events import ExperimentProposed, RunLeased, RunReported
from deploy.simulate.campaign_in_memory import replayed
from deploy.simulate.comparison import rows
from deploy.simulate.effect_model import shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.named_policies import rules_apart
from deploy.simulate.played import Played, play
from deploy.simulate.programs import Programs
from deploy.simulate.request_options import Options, request_of
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.any_policy import KINDS, AnyPolicy
from evaluator.policies.one_step import Naive
from evaluator.policies.trunk import Trunk
from tests.unit.swarm_of_rules import RULES

SLOTS = (*(Slot(division="cheap"),) * 3, Slot(division="dear"))


def scenario(
    policy: AnyPolicy, transfer: bool = True, carries: float = 1.0, runs: int = 200
) -> SwarmScenario:
    return SwarmScenario(
        rules=replace(RULES, policy=policy, transfer=transfer),
        model=replace(shaped_model(), carries=carries),
        slots=SLOTS,
        runs=runs,
    )


def ended(wanted: SwarmScenario, seed: int) -> Engine:
    engine = Engine(wanted, seed, keep=True)
    engine.play()
    return engine


@pytest.mark.parametrize("policy", [kind() for kind in KINDS.values()], ids=list(KINDS))
def test_transfers_are_played_by_the_rules_under_every_policy(policy: AnyPolicy) -> None:
    engine = ended(scenario(policy, runs=400), 7)
    events = [event for _, event in engine.campaign.journal]
    leased = [event.run for event in events if isinstance(event, RunLeased)]
    reported = [event.run for event in events if isinstance(event, RunReported)]
    assert Counter(leased) == Counter(reported) == Counter(set(leased))
    assert engine.state.transfers > 0
    assert replayed(engine.campaign.journal) == engine.state
    engine.state.validate()


def test_the_kth_proposal_of_a_division_is_the_same_idea_with_transfers_and_without() -> None:
    """What it does to its parent: nothing where that holds the idea already, by a transfer or otherwise."""
    with_them, without = (ended(scenario(Naive(), transfer), 3) for transfer in (True, False))
    assert with_them.state.transfers > 2 > without.state.transfers == 0
    for number, division in enumerate(with_them.divisions):
        pairs = list(zip(*(effects(one, division, number) for one in (with_them, without)), strict=False))
        assert len(pairs) > 20, "enough to compare"
        held = [(one, other) for one, other in pairs if one != pytest.approx(other)]
        assert all(0.0 in pair for pair in held)
        assert len(held) < len(pairs) / 4
        assert sum(one != 0.0 for one, _ in pairs) > len(pairs) / 3


def effects(engine: Engine, division: str, number: int) -> list[float]:
    """Of each proposal of a division on its parent there, in their order. number: the division's."""
    gain = engine.programs.gain
    return [
        gain(event.commit, number) - gain(event.parent, number)
        for _, event in engine.campaign.journal
        if isinstance(event, ExperimentProposed) and event.division == division and not event.transfers
    ]


def test_effects_that_carry_over_are_the_same_everywhere_and_others_are_drawn_anew() -> None:
    def gains(carries: float) -> tuple[list[float], list[float]]:
        programs = Programs(replace(shaped_model(), carries=carries), 5, "root", divisions=2)
        commits = [programs.propose(ordinal, "root") for ordinal in range(1, 3001)]
        return [programs.gain(one, 0) for one in commits], [programs.gain(one, 1) for one in commits]

    first, second = gains(1.0)
    assert first == second
    first, second = gains(0.7)
    same = sum(one == other for one, other in zip(first, second, strict=True)) / 3000
    assert same == pytest.approx(0.7 + 0.25 * 0.3 * 0.55, abs=0.06), "and null edits stay null by chance"
    helps = [other for one, other in zip(first, second, strict=True) if one <= 0]
    assert max(helps) == 0, "what helps in no division cannot be collected without end in another"
    assert min(other for one, other in zip(first, second, strict=True) if one > 0) < 0


def test_what_one_division_finds_helps_the_other() -> None:
    ends = {
        name: [play(scenario(Naive(), transfer, runs=400), seed) for seed in range(1, 9)]
        for name, transfer in (("alone", False), ("together", True))
    }
    _, together = rows(ends)
    assert together.less is not None
    assert together.less.mean < -0.001
    dear = together.divisions["dear"].less
    assert dear is not None
    assert dear.mean < -0.002, "the one with the fewer slots"


def test_a_row_says_nothing_of_divisions_where_there_is_one() -> None:
    one = Played(
        true=1.0, trues={"gpu": 1.0}, reported=1.0, merges=0, false=0, runs=1, gpu_hours=1.0, hours=1.0,
        proposals=0, said=0.0, said_of=0, staleness=0.0, rebased=0, conflicts=0,
    )  # fmt: skip
    (row,) = rows({"naive": [one]})
    assert row.divisions == {}


def test_transfers_and_who_proposes_are_compared_as_knobs() -> None:
    assert rules_apart("trunk:transfer=false:still=5") == ("trunk:still=5", {"transfer": False})
    assert rules_apart("trunk:propose_in=a+b") == ("trunk", {"propose_in": ["a", "b"]})
    assert rules_apart("trunk") == ("trunk", {})
    with pytest.raises(ConfigError, match="true or false"):
        rules_apart("trunk:transfer=maybe")


def test_where_one_division_proposes_the_other_makes_transfers_and_certificates_only() -> None:
    wanted = scenario(Trunk(), runs=600)
    engine = ended(replace(wanted, rules=replace(wanted.rules, propose_in=["cheap"])), 4)
    dear = [one for one in engine.state.experiments.values() if one.division == "dear" and not one.baseline]
    assert dear
    assert all(one.transfers for one in dear)
    assert engine.state.divisions["dear"].history[1:], "certified though nobody proposes there"


def test_divisions_are_named_once_and_with_their_slots() -> None:
    config = load([], [], {}).config
    with pytest.raises(ConfigError, match="both --slots and --division"):
        request_of(config, Options(slots=3, division=(("a", 1),)))
    with pytest.raises(ConfigError, match="given twice"):
        request_of(config, Options(division=(("a", 1), ("a", 2))))
    with pytest.raises(ConfigError, match="there is no division 'c'"):
        request_of(config, Options(division=(("a", 1), ("b", 2)), compare="trunk:propose_in=a+c"))
    there = load([], ["slots.per_gpu=true", "campaign.propose_in=[c]"], {}).config
    with pytest.raises(ConfigError, match=r"campaign\.propose_in: there is no division 'c'"):
        request_of(there, Options())
    request = request_of(config, Options(division=(("a", 1), ("b", 2)), compare="trunk,trunk:propose_in=a"))
    assert [slot.division for slot in request.slots] == ["a", "b", "b"]
    assert request.changes == {"trunk": {}, "trunk:propose_in=a": {"propose_in": ["a"]}}
