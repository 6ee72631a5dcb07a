"""Evidence that a slot is off: sums that can be made by hand, errors of both kinds, and what it is not misled
by.
"""

import random
from math import log, sqrt

import pytest

from evaluator.beside_others import Contrast, Observations
from evaluator.slot_evidence import ALPHA, SlotEvidence, SlotTest, evidence_of

SIGMA = 0.001


def observed(*programs: dict[str, list[float]]) -> Observations:
    observations = Observations()
    for number, program in enumerate(programs):
        for slot, values in program.items():
            for value in values:
                observations.add(str(number), slot, value)
    return observations


def test_a_contrast_computed_by_hand() -> None:
    """Program 0: a 5; others 1, 3 (mean 2, squares 2): a is 3 more, weight 1·2/3. Program 1: a 2, 4 (mean 3,
    squares 2); others 1 (mean 1): 2 more, weight 2·1/3. Together (2 + 4/3) / (4/3) = 2.5 more.
    """
    contrast = observed({"a": [5.0], "b": [1.0], "c": [3.0]}, {"a": [2.0, 4.0], "b": [1.0]}).beside("a")
    assert contrast.runs == 3
    assert contrast.weight == pytest.approx(4 / 3)
    assert contrast.difference == pytest.approx(2.5)
    assert contrast.squares == pytest.approx(2 / 3 * 9 + 2 + 2 / 3 * 4)
    assert contrast.others == pytest.approx(2.0)
    assert contrast.freedom == 1
    assert contrast.sigma == pytest.approx(sqrt(2.0))


def test_a_program_that_nobody_else_ran_only_says_how_runs_differ_among_themselves() -> None:
    contrast = observed({"a": [1.0, 3.0]}, {"b": [0.0, 1.0], "c": [2.0]}).beside("a")
    assert (contrast.runs, contrast.weight, contrast.difference) == (1, 0.0, 0.0)
    assert contrast.squares == pytest.approx(2.0)
    assert contrast.others == pytest.approx(2.0)
    assert contrast.freedom == 2


def test_runs_before_the_first_that_counts_are_neither_its_own_nor_others() -> None:
    whole = observed({"a": [9.0, 5.0], "b": [1.0], "c": [3.0]})
    late = observed({"a": [5.0], "b": [1.0], "c": [3.0]})
    assert whole.beside("a", first=1) == late.beside("a")


def test_a_slot_that_is_removed_leaves_nothing() -> None:
    observations = observed({"a": [5.0, 7.0], "b": [1.0], "c": [3.0]}, {"a": [2.0], "b": [1.5]})
    observations.remove("a")
    left = observed({"b": [1.0], "c": [3.0]}, {"b": [1.5]})
    assert observations.squares == pytest.approx(left.squares)
    assert observations.freedom == left.freedom
    assert observations.beside("b").difference == pytest.approx(left.beside("b").difference)
    assert observations.runs_of("a") == 0


def test_the_order_of_runs_changes_nothing_but_last_bits() -> None:
    draw = random.Random(3)
    runs = [(str(draw.randrange(4)), draw.choice("abcd"), draw.gauss(1.0, 0.01)) for _ in range(60)]
    contrasts: list[Contrast] = []
    for _ in range(3):
        draw.shuffle(runs)
        observations = Observations()
        for program, slot, value in runs:
            observations.add(program, slot, value)
        contrasts.append(observations.beside("a"))
    first = contrasts[0]
    for other in contrasts[1:]:
        assert other.difference == pytest.approx(first.difference)
        assert other.squares == pytest.approx(first.squares)
        assert other.others == pytest.approx(first.others)
        assert (other.runs, other.freedom) == (first.runs, first.freedom)


class Bench:
    """Slots that all run one program, over and over; the first is off."""

    def __init__(self, slots: int, seed: int, *, offset: float = 0.0, noise: float = 1.0, rate: float = 1.0):
        self.values, self.rates = Observations(), Observations()
        self._names = [str(number) for number in range(slots)]
        self._draw = random.Random(seed)
        self._offset, self._noise, self._rate = offset, noise, rate

    def round(self, off: bool = True) -> None:
        """Another run of each."""
        for name in self._names:
            first = off and name == "0"
            z = self._draw.gauss(0.0, 1.0)
            z = z * self._noise + self._offset if first else z
            self.values.add("p", name, 0.99 + SIGMA * z)
            rate = (self._rate if first else 1.0) * self._draw.uniform(0.98, 1.02)
            self.rates.add("p", name, log(rate))

    def evidence(self, slot: str, by_rate: bool = True) -> SlotEvidence:
        return evidence_of(self.values, self.rates, slot, by_rate=by_rate)

    def found_after(self, rounds: int, by_rate: bool = True) -> int | None:
        """Rounds until the first slot is off."""
        for number in range(1, rounds + 1):
            self.round()
            if self.evidence("0", by_rate).off:
                return number
        return None


def share_found(slots: int, within: int, **off: float) -> float:
    benches = [Bench(slots, seed, **off) for seed in range(100)]
    return sum(bench.found_after(within) is not None for bench in benches) / len(benches)


@pytest.mark.parametrize(
    ("slots", "within", "off", "least"),
    [
        (3, 5, {"rate": 0.95}, 0.97),
        (8, 4, {"rate": 0.95}, 0.99),
        (3, 10, {"offset": 3.0}, 0.97),
        (8, 6, {"offset": -3.0}, 0.97),
        (3, 10, {"noise": 6.0}, 0.95),
        (8, 10, {"noise": 4.0}, 0.93),
    ],
)
def test_a_slot_that_is_off_is_found_within_ten_runs(
    slots: int, within: int, off: dict[str, float], least: float
) -> None:
    assert share_found(slots, within, **off) >= least


@pytest.mark.parametrize("slots", [3, 8])
def test_a_sound_slot_is_hardly_ever_called_off_however_often_it_is_looked_at(slots: int) -> None:
    """Ville's bound is α for each slot; 25 looks at each of 400."""
    wrong = looked = 0
    for seed in range(400 // slots):
        bench, off = Bench(slots, seed), set()
        for _ in range(25):
            bench.round()
            off |= {name for name in map(str, range(slots)) if bench.evidence(name).off}
        wrong, looked = wrong + len(off), looked + slots
    assert wrong / looked <= 2 * ALPHA


def test_beside_a_slot_that_is_off_the_others_are_not() -> None:
    wrong = 0
    for seed in range(60):
        bench = Bench(4, seed, offset=6.0)
        for _ in range(6):
            bench.round()
            if bench.evidence("0").off:
                break
            wrong += any(bench.evidence(name).off for name in "123")
    assert wrong <= 1


def test_a_slot_that_goes_off_late_is_found_though_it_was_well_for_long() -> None:
    after = []
    for seed in range(30):
        bench = Bench(8, seed, offset=4.0)
        for _ in range(40):
            bench.round(off=False)
        found = bench.found_after(20)
        assert found is not None
        after.append(found)
    assert sorted(after)[len(after) // 2] <= 8
    assert max(after) <= 14


def test_one_run_that_went_wrong_says_nothing_of_its_slot() -> None:
    bench = Bench(8, 1)
    for _ in range(4):
        bench.round()
    bench.values.add("p", "0", 0.99 + 80 * SIGMA)
    evidence = bench.evidence("0")
    assert evidence.e_value > 1 / ALPHA
    assert evidence.off is None


def test_less_than_matters_is_nothing_however_sure_it_is() -> None:
    values, rates = Observations(), Observations()
    draw = random.Random(1)
    for _ in range(300):
        for name in "abcd":
            first = name == "a"
            values.add("p", name, 1.0 + SIGMA * (draw.gauss(0.0, 1.0) + 0.7 * first))
            rates.add("p", name, log(draw.uniform(0.999, 1.001) * (0.98 if first else 1.0)))
    evidence = evidence_of(values, rates, "a", by_rate=True)
    assert evidence.e_value > 1e6
    assert evidence.off is None
    assert evidence.rate == pytest.approx(-0.02, abs=0.002)


def test_a_faster_slot_is_not_off_by_its_rate_and_a_counted_budget_asks_for_no_rate() -> None:
    assert Bench(8, 1, rate=1.2).found_after(12) is None
    assert Bench(8, 1, rate=0.8).found_after(12, by_rate=False) is None
    assert Bench(8, 1, rate=0.8).found_after(12) is not None


def test_without_a_spread_nothing_is_tested() -> None:
    values = observed({"a": [2.0, 2.0], "b": [1.0, 1.0], "c": [1.0, 1.0]})
    evidence = evidence_of(values, Observations(), "a", by_rate=True)
    assert evidence.e_value == pytest.approx(1.0)
    assert (evidence.off, evidence.offset) == (None, None)
    empty = evidence_of(Observations(), Observations(), "a", by_rate=True)
    assert empty.runs == 0
    assert empty.e_value == pytest.approx(1.0)


def test_an_offset_is_in_sigmas_of_one_run_of_the_others() -> None:
    bench = Bench(8, 5, offset=3.0)
    for _ in range(40):
        bench.round()
    evidence = bench.evidence("0")
    assert evidence.strongest is SlotTest.VALUE
    assert evidence.offset == pytest.approx(3.0, abs=0.5)
    noisy = Bench(8, 5, noise=3.0)
    for _ in range(40):
        noisy.round()
    assert noisy.evidence("0").spread == pytest.approx(3.0, abs=0.7)


def test_the_e_value_of_a_sound_slot_is_one_on_average() -> None:
    """The mean of a ratio of densities: what makes Ville's bound hold. It is heavy-tailed, so the estimate is
    held from above only.
    """
    total = 0.0
    for seed in range(1500):
        bench = Bench(4, seed)
        for _ in range(2):
            bench.round()
        total += min(bench.evidence("0").e_value, 100.0)
    assert total / 1500 < 1.1
    assert total / 1500 > 0.7


@pytest.mark.parametrize("runs", [0, 1, 2, 9, 40])
def test_a_slot_that_nobody_is_beside_says_nothing_and_costs_nothing(
    runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, rates, draw = Observations(), Observations(), random.Random(1)
    for number in range(runs):
        values.add(f"p{number // 3}", "a", draw.gauss(0, 1))
        rates.add(f"p{number // 3}", "a", draw.gauss(0, 0.1))
    with monkeypatch.context() as patched:
        patched.setattr(Observations, "is_alone", lambda *_: False)
        worked_out = evidence_of(values, rates, "a", by_rate=True)
    monkeypatch.delattr(Observations, "beside")
    assert evidence_of(values, rates, "a", by_rate=True) == worked_out
