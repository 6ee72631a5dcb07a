"""The proposer that answers as slowly as a model."""

from collections.abc import Callable

import pytest

from agents.proposers.contract import ProposerError
from agents.proposers.paced import PacedProposer
from coordinator.domain import Direction, Metric
from coordinator.protocol import Brief, Proposal
from deploy.bench.ideas import Nudges, nudged

SOURCE = "LEARNING_RATE = 0.01  # a rate\nDEPTH = 4\nNAME = 'x'\nZERO = 0.0\n"
BRIEF = Brief(
    ordinal=1,
    seed=7,
    arm="search",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="p",
    source=SOURCE,
)


class Slow:
    """Answers after some seconds of a clock that is a number."""

    def __init__(self, seconds: float, fails: bool = False) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.fails = fails
        self.paused: list[float] = []

    def propose(self, brief: Brief) -> Proposal:
        self.now += self.seconds
        if self.fails:
            raise ProposerError("nothing")
        return Nudges().propose(brief)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)


def paced(inner: Slow, seconds: float) -> Callable[[Brief], Proposal]:
    return PacedProposer(inner, seconds, clock=lambda: inner.now, pause=inner.pause).propose


@pytest.mark.parametrize(("takes", "pause"), [(0.0, 10.0), (4.0, 6.0), (12.0, 0.0)])
def test_an_answer_comes_after_the_pace_or_when_it_is_there(takes: float, pause: float) -> None:
    inner = Slow(takes)
    assert paced(inner, 10.0)(BRIEF) == Nudges().propose(BRIEF)
    assert inner.paused == [pause]


def test_a_failure_comes_at_once() -> None:
    inner = Slow(1.0, fails=True)
    with pytest.raises(ProposerError, match="nothing"):
        paced(inner, 10.0)(BRIEF)
    assert inner.paused == []


def test_a_nudge_moves_one_number_and_nothing_else() -> None:
    for seed in range(50):
        source, title = nudged(SOURCE, seed)
        old, new = SOURCE.splitlines(), source.splitlines()
        changed = [number for number in range(len(old)) if old[number] != new[number]]
        assert len(changed) == 1
        assert old[changed[0]].partition(" = ")[0] == title.partition(" ")[0]


def test_equal_briefs_bring_equal_nudges_and_different_seeds_different_ones() -> None:
    assert nudged(SOURCE, 3) == nudged(SOURCE, 3)
    assert len({nudged(SOURCE, seed)[0] for seed in range(100)}) == 100
