"""Whose turn it is to propose."""

from coordinator.protocol import Brief, Proposal
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.proposing import briefs, proposals
from tests.unit.swarm_of_rules import Swarm, rules


def asked(swarm: Swarm) -> Brief:
    brief = briefs.brief(swarm.state, "a", 0)
    assert isinstance(brief, Brief)
    return brief


def refuse(swarm: Swarm, brief: Brief) -> None:
    """The answer is the baseline again."""
    answer = Proposal(
        proposal="p", ordinal=brief.ordinal, arm=brief.arm, parent=brief.parent, source="again", title="again"
    )
    refusal = proposals.refuse(swarm.state, "a", answer, "d-root")
    assert refusal is not None
    swarm.commit([refusal])


def test_an_arm_that_repeats_itself_hands_the_turn_on() -> None:
    swarm = Swarm(rules(arms=[ArmShare("talks"), ArmShare("works")]))
    swarm.join("a")
    arms = []
    for _ in range(4):
        brief = asked(swarm)
        arms.append(brief.arm)
        refuse(swarm, brief)
    assert set(arms) == {"talks", "works"}
    assert {each.reason for each in asked(swarm).tried} == {"refused: the program is the same as its parent"}
