from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget, Unit
from evaluator.job import JudgeEvent, JudgeJob
from evaluator.judging.data import Manifest
from evaluator.judging.messages import Counted
from evaluator.judging.metering.budget_use import BudgetUse
from evaluator.judging.run_end import RunEndedError

AMOUNT = 10_000.0
BASELINE = BaselineFacts(train_cpu=100.0, step_price=100.0)
"""A hundred steps, each a CPU second and a hundredth of the budget."""
MANIFEST = Manifest(
    task="t",
    digest="d",
    vocab_size=4,
    bos=0,
    max_seq_len=8,
    eval_tokens=8,
    vocabulary="longest_match",
    train_tokens=100,
    val_tokens=100,
    floor=None,
    pattern=None,
)


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Loop:
    """A loop over steps of ``parts`` batches, each of ``price`` and ``cpu`` seconds, that ends when its clock
    says so. It asks for the next batch as soon as it has used one.
    """

    def __init__(
        self, folder: Path, price: int, cpu: float, baseline: BaselineFacts = BASELINE, parts: int = 1
    ) -> None:
        self._stat = folder / "cpu.stat"
        self._price, self._cpu, self._parts, self._used = price, cpu, parts, 0.0
        self._spend(0.0)
        job = JudgeJob(
            run="r",
            data=folder,
            budget=Budget(Unit.FLOPS, AMOUNT, 9),
            seed=0,
            baseline=baseline,
            cpu_stat=self._stat,
        )
        self.events: list[JudgeEvent] = []
        self.use = BudgetUse(job, MANIFEST, self.events.append, lambda: self._used)
        self.shown = 0.0
        self.steps = self.batches = 0
        self.starved = False

    def _spend(self, seconds: float) -> None:
        self._used += seconds
        self._stat.write_text(f"usage_usec {round(self._used * 1e6)}\n")

    def batch(self) -> bool:
        """Ask for the next batch; False where there is none."""
        counted = Counted(flops=self._price, ops=0, bytes_written=0, tokens=1) if self.steps else None
        self.use.batch_wanted(self.steps, counted)
        if self.use.ends:
            return False
        self.shown = self.use.nominal
        self.use.hand_out(1)
        return True

    def train(self, late: bool = False, hidden: dict[int, float] | None = None) -> None:
        """Until the clock says so, or a step later. hidden: more CPU seconds in some steps. ``starved`` if it
        was not over where batches ended.
        """
        end = self.use._job.budget.amount * 7.12e-12
        assert self.batch()
        over = False
        while not over:
            for part in range(1, self._parts + 1):
                self._spend(self._cpu + (hidden or {}).get(self.steps, 0.0) / self._parts)
                self.batches += 1
                self.steps += part == self._parts
                over = late and part == self._parts and self.shown >= end
                if not self.batch():
                    self.starved = not over
                    return
            over = over or (not late and self.shown >= end)

    def evaluate(self, more: float = 0.0) -> bool:
        """Whether its evaluation comes in time, ``more`` CPU seconds after its last batch."""
        self._spend(more)
        self.use.training_ended(self.steps, None)
        return not self.use.is_late


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@settings(deadline=None, max_examples=40)
@given(
    st.integers(80, 2500),
    st.floats(0.0, 8.0),
    st.sampled_from([6, 12, 60, 300]),
    st.sampled_from([1, 2, 4, 8]),
    st.booleans(),
)
def test_a_loop_that_ends_by_its_clock_is_measured_whatever_a_step_costs(
    tmp_path_factory: pytest.TempPathFactory, price: int, rate: float, steps: int, parts: int, late: bool
) -> None:
    """rate: CPU by count, in that of the baseline. steps: the baseline's in a budget. A step costs at most a
    quarter of the budget: of larger ones the first is over before anybody knows what they cost.
    """
    assume(price * max(rate, 1.0) <= AMOUNT / 4)
    baseline = BaselineFacts(train_cpu=100.0, step_price=AMOUNT / steps)
    price = max(price // parts, 1)
    loop = Loop(tmp_path_factory.mktemp("use"), price, rate * price / 100, baseline, parts)
    loop.train(late)
    assert not loop.starved
    assert loop.evaluate(), (loop.steps, loop.use.spent)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(80, 2500),
    st.floats(0.8, 3.0),
    st.integers(0, 60),
    st.floats(0.0, 0.4),
    st.sampled_from([1, 2, 4, 8]),
    st.booleans(),
)
def test_a_neighbour_that_comes_costs_steps_and_no_run(
    tmp_path_factory: pytest.TempPathFactory,
    price: int,
    rate: float,
    begins: int,
    noise: float,
    parts: int,
    late: bool,
) -> None:
    """From step ``begins`` on every step takes more CPU than before."""
    assume(price * max(rate, 1.0) * (1 + noise) <= AMOUNT / 4)
    price = max(price // parts, 1)
    cpu = rate * price / 100
    loop = Loop(tmp_path_factory.mktemp("use"), price, cpu, parts=parts)
    loop.train(late, hidden=dict.fromkeys(range(begins, 200), noise * cpu * parts))
    assert not loop.starved
    assert loop.evaluate(), (loop.steps, loop.use.spent)


@settings(deadline=None, max_examples=25)
@given(st.integers(80, 2000), st.sampled_from([1, 2, 4]), st.booleans())
def test_nobody_overspends_by_more_than_two_largest_steps(
    tmp_path_factory: pytest.TempPathFactory, price: int, parts: int, late: bool
) -> None:
    price = max(price // parts, 1)
    loop = Loop(tmp_path_factory.mktemp("use"), price, price / 100, parts=parts)
    loop.train(late)
    used = loop.batches * price
    assert used <= 1.02 * AMOUNT + 2 * max(1.25 * 100, 0.005 * AMOUNT)


def test_cpu_that_fits_the_count_changes_nothing(folder: Path) -> None:
    loop = Loop(folder, 100, 1.1)
    loop.train()
    assert loop.steps == 100
    assert loop.evaluate()
    assert loop.use.spent == 101 * 100
    assert loop.use.details()["price_factor"] == 1.0


def test_cpu_beyond_the_count_is_paid_for(folder: Path) -> None:
    loop = Loop(folder, 100, 4.0)
    loop.train()
    assert loop.evaluate()
    assert 22 <= loop.steps <= 26
    assert loop.use.details()["price_factor"] == pytest.approx(1.1**15)  # 4.18, the rung above 4


def test_a_beginning_that_was_dear_is_no_price_for_the_rest(folder: Path) -> None:
    loop = Loop(folder, 100, 1.0)
    loop.train(hidden={0: 12.0})
    assert loop.evaluate()
    assert loop.steps == 100
    assert loop.use.details()["price_factor"] == 1.0


def test_the_clock_of_a_run_never_goes_back(folder: Path) -> None:
    loop, clocks = Loop(folder, 100, 1.0), []
    for step in range(90):
        assert loop.batch()
        clocks.append(loop.shown)
        loop._spend(14.0 if step == 0 else 1.0)
        loop.steps += 1
    assert clocks == sorted(clocks)
    assert len(set(clocks)) < 90  # it stood still while the dear beginning was worked off


@pytest.mark.parametrize("step", [20, 60, 97])
def test_much_hidden_work_in_one_step_is_late_or_leaves_less(folder: Path, step: int) -> None:
    loop = Loop(folder, 100, 1.0)
    loop.train(hidden={step: 200.0})
    assert not loop.evaluate()


def test_a_little_hidden_work_costs_its_steps(folder: Path) -> None:
    loop = Loop(folder, 100, 1.0)
    loop.train(hidden={30: 40.0})
    assert loop.evaluate()
    assert loop.steps < 90


def test_work_after_the_last_batch_is_late(folder: Path) -> None:
    loop = Loop(folder, 100, 1.0)
    loop.train()
    assert not loop.evaluate(more=30.0)


def test_batches_without_a_count_break_the_contract(folder: Path) -> None:
    loop = Loop(folder, 100, 1.0)
    assert loop.batch()
    with pytest.raises(RunEndedError, match="no work was counted"):
        loop.evaluate()


@pytest.mark.parametrize(("step", "grace"), [(0.1, 0.5), (None, 15.0)])
def test_a_clock_is_late_by_one_step_where_the_baseline_s_is_known_else_by_three(
    folder: Path, step: float | None, grace: float
) -> None:
    """Steps of six seconds, of which at most 0.5 % or 5 % of the budget counts as one."""
    for over in (-0.1, 0.1):
        now = Now()
        facts = BaselineFacts(step_seconds=step)
        job = JudgeJob(run="r", data=folder, budget=Budget(Unit.SECONDS, 100.0, 999), seed=0, baseline=facts)
        use = BudgetUse(job, MANIFEST, lambda _: None, now)
        for steps in range(5):
            use.batch_wanted(steps, None)
            use.hand_out(1)
            now.seconds += 6.0
        now.seconds = 102.0 + grace + over
        use.training_ended(5, None)
        assert use.is_late is (over > 0)


def test_without_a_baseline_cpu_prices_nothing(folder: Path) -> None:
    loop = Loop(folder, 100, 9.0, msgspec.structs.replace(BASELINE, train_cpu=None))
    loop.train()
    assert loop.steps == 100
    assert loop.evaluate()


@pytest.mark.parametrize(("seconds", "slow"), [(1.0, False), (6.0, True)])
def test_one_that_is_late_by_real_time_alone_is_slow(folder: Path, seconds: float, slow: bool) -> None:
    """Ten steps on a machine whose baseline took a second for each: 45 s are explained."""
    now = Now()
    facts = BaselineFacts(pace=1 / 0.00712, step_price=1e9)
    job = JudgeJob(run="r", data=folder, budget=Budget(Unit.FLOPS, 1e10, 9), seed=0, baseline=facts)
    use = BudgetUse(job, MANIFEST, lambda _: None, now)
    for steps in range(10):
        counted = Counted(flops=10**9, ops=0, bytes_written=0, tokens=1) if steps else None
        use.batch_wanted(steps, counted)
        use.hand_out(1)
        now.seconds += seconds
    use.training_ended(10, None)
    assert (use.is_late, use.is_slow) == (slow, slow)
    assert not use.evaluated_early
