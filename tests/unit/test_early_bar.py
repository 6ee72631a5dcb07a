"""What a bar is learnt from, and whom it ends."""

import random
from math import inf, nan, sqrt
from statistics import NormalDist, fmean, stdev

import pytest
from msgspec.structs import replace

from evaluator.early_bar import LEAST, RISK, BothKnown, learn, rank_correlation, too_many_losses

NOISE = 0.05


def loss_of(worse: float, draw: random.Random) -> float:
    """Of a run that comes to that value: a line and noise."""
    return line(worse) + draw.gauss(0.0, NOISE)


def line(worse: float) -> float:
    return 2.0 + 1.5 * worse


def finished(count: int, draw: random.Random, first: int = 1) -> list[BothKnown]:
    worse = [1.0 + abs(draw.gauss(0.0, 0.3)) for _ in range(count)]
    return [
        BothKnown(ordinal=first + number, loss=loss_of(value, draw), worse=value)
        for number, value in enumerate(worse)
    ]


@pytest.mark.parametrize("count", [LEAST, 40, 150])
def test_a_run_that_would_be_as_good_as_the_head_is_ended_with_the_stated_probability_at_most(
    count: int,
) -> None:
    draw = random.Random(count)
    ended = tries = 0
    for _ in range(300):
        bar = learn(finished(count, draw), head=1.0).bar
        assert bar is not None
        ended += sum(loss_of(1.0, draw) > bar for _ in range(20))
        tries += 20
    assert ended / tries <= RISK


def test_most_of_what_ends_far_worse_is_ended() -> None:
    draw = random.Random(1)
    bar = learn(finished(60, draw), head=1.0).bar
    assert bar is not None
    assert sum(loss_of(1.3, draw) > bar for _ in range(200)) > 190
    assert sum(loss_of(0.95, draw) > bar for _ in range(200)) == 0


def test_nobody_is_ended_before_enough_runs_have_a_loss_and_a_value() -> None:
    runs = finished(LEAST - 1, random.Random(2))
    learnt = learn(runs, head=1.0)
    assert learnt.bar is None
    assert learnt.off == f"{LEAST - 1} of {LEAST} runs with a loss and a value are there"


def test_nobody_is_ended_where_the_loss_says_nothing_of_the_value() -> None:
    draw = random.Random(3)
    runs = [replace(run, loss=3.5 + draw.gauss(0.0, 0.1)) for run in finished(100, draw)]
    learnt = learn(runs, head=1.0)
    assert learnt.bar is None
    assert "too little" in learnt.off


def test_nobody_is_ended_where_the_loss_says_the_opposite() -> None:
    runs = [replace(run, loss=7.0 - run.loss) for run in finished(100, random.Random(4))]
    assert learn(runs, head=1.0).bar is None


def test_equal_losses_and_equal_values_end_nobody() -> None:
    runs = [BothKnown(ordinal=n, loss=3.0, worse=1.0) for n in range(50)]
    assert learn(runs, head=1.0).bar is None


@pytest.mark.parametrize("lie", [0.0, -1e6, 1e6, inf, nan, 30.0])
def test_a_few_losses_that_are_no_losses_move_the_bar_little(lie: float) -> None:
    runs = finished(100, random.Random(5))
    honest = learn(runs, head=1.0).bar
    liars = [BothKnown(ordinal=1000 + n, loss=lie, worse=1.05) for n in range(5)]
    lied = learn([*runs, *liars], head=1.0).bar
    assert honest is not None
    assert lied == pytest.approx(honest, abs=0.02)


def test_losses_that_look_a_little_too_good_never_lower_the_bar_for_the_honest_by_more_than_they_lie() -> (
    None
):
    runs = finished(100, random.Random(6))
    liars = [replace(run, ordinal=1000 + run.ordinal, loss=run.loss - 0.1) for run in runs[:20]]
    honest, lied = learn(runs, head=1.0).bar, learn([*runs, *liars], head=1.0).bar
    assert honest is not None
    assert lied is not None
    assert lied > honest - 0.1


def test_the_latest_runs_count_whatever_order_they_come_in() -> None:
    draw = random.Random(7)
    old, new = finished(300, draw), finished(200, draw, first=1000)
    together = [*new, *old]
    draw.shuffle(together)
    assert learn(together, head=1.0).bar == pytest.approx(learn(new, head=1.0).bar)


def audited(count: int, better: bool) -> list[BothKnown]:
    return [
        BothKnown(ordinal=500 + n, loss=4.2, worse=0.95, over=True, chance=0.1, better=better)
        for n in range(count)
    ]


def test_the_margin_widens_with_an_audited_run_that_came_out_better() -> None:
    runs = finished(100, random.Random(9))
    narrow, wide = learn(runs, head=1.0), learn([*runs, *audited(1, better=True)], head=1.0)
    assert narrow.bar is not None
    assert wide.bar is not None
    assert wide.bar > narrow.bar + 0.1
    assert wide.bar > 4.2  # it would not be ended again


def winners(count: int, lost: int, chance: float = 0.1) -> list[BothKnown]:
    return [
        BothKnown(ordinal=n, loss=3.0, worse=0.9, over=n < lost, chance=chance, better=True)
        for n in range(count)
    ]


def test_it_is_off_where_more_better_runs_were_over_their_bars_than_the_risk_explains() -> None:
    assert too_many_losses(winners(40, lost=0)) == ""
    assert too_many_losses(winners(40, lost=1)).startswith(
        "1 of 40 better runs"
    )  # a hundredth of a tenth each
    assert too_many_losses(winners(80, lost=1)) == ""
    assert too_many_losses(winners(40, lost=1, chance=1.0)) == ""  # each with a hundredth
    assert too_many_losses(winners(40, lost=3, chance=1.0)) != ""
    runs = [*finished(100, random.Random(10)), *winners(40, lost=4)]
    assert learn(runs, head=1.0).off != ""


def risk_after_ends(spread: float, draw: random.Random) -> tuple[float, int]:
    """With what probability a run as good as the head is over the bars of a search that ends runs by them,
    but for a tenth, and how many it ended; runs are worse than the head by that spread.
    """
    runs, risks = finished(LEAST, draw), list[float]()
    for ordinal in range(LEAST, 350):
        if ordinal % 5 == 0:
            bar = learn(runs, head=1.0).bar or inf
            risks += [1 - NormalDist(line(1.0), NOISE).cdf(bar)] * (ordinal >= 200)
        worse = 1.0 + abs(draw.gauss(0.0, spread))
        loss = loss_of(worse, draw)
        over = loss > bar
        if not over or draw.random() < 0.1:
            runs.append(BothKnown(ordinal=ordinal, loss=loss, worse=worse, over=over, chance=0.1))
    return fmean(risks), 350 - len(runs)


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.2])
def test_what_is_ended_does_not_bring_the_risk_above_the_stated_one(spread: float) -> None:
    draw = random.Random(11)
    risks, ends = zip(*(risk_after_ends(spread, draw) for _ in range(120)), strict=True)
    assert fmean(ends) > 30
    assert fmean(risks) + 2 * stdev(risks) / sqrt(len(risks)) <= RISK


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 4e9]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert rank_correlation([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1.0)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0.0
    assert rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)


def test_odd_losses_of_every_tenth_run_lose_few_winners() -> None:
    """Tails that no normal distribution has: the audits and the wider margin hold the losses down."""
    draw = random.Random(12)

    def odd(worse: float) -> float:
        return line(worse) + draw.gauss(0.0, NOISE) * (10 if draw.random() < 0.1 else 1)

    lost = winners = ends = 0
    for _ in range(12):
        runs: list[BothKnown] = []
        for ordinal in range(300):
            wins = draw.random() < 0.1
            worse = 1.0 - abs(draw.gauss(0.0, 0.02)) if wins else 1.0 + abs(draw.gauss(0.0, 0.2))
            if ordinal % 5 == 0:
                learnt = learn(runs, head=1.0)
            over = (loss := odd(worse)) > (learnt.bar or inf)
            ended = over and not learnt.off and draw.random() >= 0.1
            ends, winners, lost = ends + ended, winners + wins, lost + (ended and wins)
            if not ended:
                chance, better = 1.0 if learnt.off else 0.1, None if learnt.bar is None else wins
                run = BothKnown(
                    ordinal=ordinal, loss=loss, worse=worse, over=over, chance=chance, better=better
                )
                runs.append(run)
    assert ends > 500
    assert lost / winners < 0.03
