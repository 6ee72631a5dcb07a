from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.judging.metering.cpu import CpuCount
from evaluator.judging.metering.cpu_price import (
    EXCESS,
    ONCE,
    ONCE_SECONDS,
    RUNG,
    SETTLED,
    PriceFactor,
    explained,
)

BASELINE = 10.0
"""CPU seconds of the baseline's training."""


def test_cpu_seconds_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    stat = tmp_path / "cpu.stat"
    count = CpuCount(stat)
    assert count.read() is None
    stat.write_text("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n")
    assert count.read() == 1.5
    stat.unlink()
    assert count.read() == 1.5


def test_without_a_group_nothing_is_known() -> None:
    assert CpuCount(None).read() is None


def priced(batches: list[tuple[float, float]]) -> PriceFactor:
    """counted share of the budget and CPU seconds so far, at each batch."""
    factor = PriceFactor()
    for counted, cpu in batches:
        factor.look(counted, explained(cpu, BASELINE), cpu / BASELINE)
    return factor


@given(st.floats(0, EXCESS), st.floats(0, ONCE * BASELINE), st.integers(1, 100))
def test_a_run_whose_cpu_fits_its_count_is_priced_by_the_count_alone(
    rate: float, once: float, steps: int
) -> None:
    shares = [(step + 1) / steps for step in range(steps)]
    assert priced([(share, once + rate * share * BASELINE) for share in shares]).value == 1.0


@given(st.floats(EXCESS + 0.001, 30.0), st.integers(10, 200))
def test_a_run_that_uses_more_is_priced_at_what_it_uses_or_a_rung_more(rate: float, steps: int) -> None:
    shares = [(step + 1) / steps for step in range(steps)]
    cpu = [rate * share * BASELINE for share in shares]
    factor = priced(list(zip(shares, cpu, strict=True))).value
    assert factor == 1.0 or rate <= factor * 1.000001 <= RUNG * rate * 1.000001
    assert rate < EXCESS + 2 * ONCE or factor > 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 50)), max_size=30))
def test_a_price_is_that_of_all_the_run_whatever_its_beginning_cost(looks: list[tuple[float, float]]) -> None:
    assert priced([*looks, (0.5, 30.0)]).value == priced([(0.5, 30.0)]).value


def test_what_is_used_once_raises_no_price_early() -> None:
    assert priced([(SETTLED / 2, 0.15 * BASELINE)]).value == 1.0
    assert priced([(SETTLED / 2, 0.9 * BASELINE)]).value > 1.0


@pytest.mark.parametrize(("cpu", "baseline", "share"), [(5.0, 0.0, 0.0), (0.15, 1.0, (0.15 - 0.1) / EXCESS)])
def test_short_budgets_have_seconds_for_what_is_used_once(cpu: float, baseline: float, share: float) -> None:
    assert ONCE_SECONDS == 0.1
    assert explained(cpu, baseline) == pytest.approx(share)
