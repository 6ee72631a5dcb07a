"""What the noise of a division is taken from: runs of the same program, and seeds that programs share.
Changed by ``CampaignState.apply`` only.
"""

from collections.abc import Mapping
from math import sqrt
from statistics import fmean, stdev

from coordinator.domain import Purpose
from coordinator.state.divisions import Division
from coordinator.state.records import Experiment, Run, value_of
from evaluator.policies.noise import Noise, pooled
from evaluator.policies.pairing import Pair, paired

REPEATED = (Purpose.BASELINE, Purpose.CONFIRM, Purpose.REFRESH)
"""Runs that no value of their own was chosen for: what they differ by is noise."""
SHOWN = 3
"""Runs on seeds of the baseline by which a program shows that it goes by its seed."""
SPREAD = 2.0
"""Times the σ of paired runs that these may spread then, and its screen with them: four that do spread less
99 times in 100 (χ² of 3 degrees below 12), four of a program that does not, at a correlation of .98, 7 times.
"""


def from_baseline(division: Division, baseline: Experiment) -> None:
    """The division's noise is that of its measured baseline, and each of its seeds is worth what it deviates
    there, on each block of rows.
    """
    division.pools = {f"{baseline.experiment}/0": baseline.values}
    division.pairs, division.pairings = {}, []
    noise = pooled(division.pools.values())
    division.sigma = noise.sigma if noise else None
    division.seeds = _seeds(division, baseline)


def pool_again(division: Division, experiments: Mapping[str, Experiment], since: int) -> None:
    """The same from everything that was run more than once, as a slot is not believed any more. since: as of
    ``pool``.
    """
    names = dict.fromkeys((*(key.rpartition("/")[0] for key in division.pools), *division.pairs))
    division.seeds = _seeds(division, experiments[division.baseline])
    division.pools, division.pairs = {}, {}
    division.pairings.append((since, None))
    for name in names:
        pool(division, experiments[name], since)


def _seeds(division: Division, baseline: Experiment) -> dict[int, tuple[float, ...]]:
    """What each seed is worth; nothing where its run was made on a slot that is not believed."""
    measured = [run for run in baseline.counted if run.value is not None]
    rows = {run.seed: _on_blocks(run) for run in measured if run.slot not in division.disbelieved}
    blocks = min(map(len, rows.values()), default=0)
    means = [fmean(values[block] for values in rows.values()) for block in range(blocks)]
    return {
        run.seed: tuple(value - mean for value, mean in zip(rows.get(run.seed, ()), means, strict=False))
        for run in measured
    }


def _on_blocks(run: Run) -> list[float]:
    """Values of a run of the baseline on block 0 and on those after it, as far as they are there."""
    assert run.result is not None  # noqa: S101 - it was measured
    values = [value_of(run.result)]
    while isinstance(value := run.result.details.get(f"value_block_{len(values)}"), float | int):
        values.append(float(value))
    return values


def pool(division: Division, experiment: Experiment, since: int) -> None:
    """Take what was run more than once for the noise: σ is that within all such pools together, or that of
    paired runs where seeds are alike. since: ordinal whose verdict has to be known for this to be known.
    """
    if len(experiment.runs) < 2:
        return
    division.pools = with_repeats(division, experiment)
    pairs = _pairs(division, experiment)
    if len(pairs) > 1 and not experiment.baseline:
        division.pairs[experiment.experiment] = pairs
        division.pairings.append((since, paired(division.pairs.values())))
    if (noise := known_noise(division)) is not None:
        division.sigma = noise.sigma


def known_noise(division: Division) -> Noise | None:
    """σ of one run of the division and how well it is known; None before anything was run twice."""
    pairing = division.pairing
    if pairing is not None and pairing.holds:
        return Noise(pairing.sigma, pairing.freedom - 1)
    return pooled(division.pools.values())


def with_repeats(division: Division, experiment: Experiment) -> dict[str, list[float]]:
    """The division's pools, and in them the runs of an experiment, those on other rows apart."""
    pools = dict(division.pools)
    runs = [
        run
        for run in experiment.runs
        if run.purpose in REPEATED and run.round == experiment.round and run.slot not in division.disbelieved
    ]
    for block in {run.block for run in runs}:
        values = [value for run in runs if run.block == block and (value := _plain(run)) is not None]
        if len(values) > 1:
            pools[f"{experiment.experiment}/{block}"] = values
    return pools


def noise_of(division: Division, experiment: Experiment) -> Noise:
    """σ of one run of an experiment that is run again, its own repeats included.

    Where seeds are taken off that is the σ of paired runs, once the program has shown that it goes by its
    seed: on several seeds of the baseline its values spread no more than such runs do. Before, and where it
    sets a seed of its own, what was taken off is noise that was added.
    """
    plain = pooled(with_repeats(division, experiment).values()) or Noise(division.sigma or 0.0, 0)
    pairing, resting = division.pairing, experiment.resting
    if pairing is None or not pairing.holds:
        return plain
    own = stdev(experiment.values) if len(resting) > 1 else 0.0
    left = [value - pairing.slope * part for part, value in _pairs(division, experiment)]
    shown = len(left) >= len(resting) >= SHOWN and all(run.seed in division.seeds for run in resting)
    if shown and max(own, stdev(left)) <= SPREAD * pairing.sigma:
        return Noise(max(pairing.sigma, own), pairing.freedom - 1)
    return Noise(max(sqrt(2) * plain.sigma, own), plain.freedom)


def _pairs(division: Division, experiment: Experiment) -> list[Pair]:
    """Of the measured runs of the present round, those on seeds of the baseline."""
    return [
        (division.seeds[run.seed][run.block], value)
        for run in experiment.runs
        if run.round == experiment.round
        and run.slot not in division.disbelieved
        and run.block < len(division.seeds.get(run.seed, ()))
        and (value := _plain(run)) is not None
    ]


def _plain(run: Run) -> float | None:
    """Its comparable value with its seed's part."""
    return None if run.value is None else run.value + run.seed_offset
