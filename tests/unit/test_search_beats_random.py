"""The ``search`` proposer in simulated campaigns: constants with quadratic effects, noise between seeds, four
in flight, confirm before merge.

``python tests/unit/test_search_beats_random.py 20`` prints the share of the possible gain that is left after
80 experiments (mean and standard error over 20 campaigns) for random edits, for TPE over all constants at
once, and for ``search``.
"""

import math
import random
import statistics
import sys
from collections.abc import Callable

import optuna

from agents.proposers.contract import proposal_id
from agents.proposers.search.constants import evaluate, read_surface
from agents.proposers.search.search_proposer import SearchProposer
from agents.proposers.search.space import Dimension, Scale, dimensions
from agents.proposers.search.surrogate import as_param, distribution
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief, Proposal, Tried

SURFACE = """\
DEPTH = 4
WIDTH = 64
MLP_RATIO = 4
BATCH = 2**14
ADAM_LR = 3e-3
MUON_LR = 0.02
WARMDOWN = 0.5
WARMUP = 0.1
BETA2 = 0.95
MOMENTUM = 0.9
SOFTCAP = 15.0
INIT_SCALE = 0.5
ACTIVATION = "relu2"  # choices: relu2, swiglu, gelu
VALUE_EMBEDDINGS = False
"""
SIGMA = 0.0065
START = 1.0637


class World:
    """True values of variants: each constant has an optimum somewhere and a gain, in sigmas, waiting
    there.
    """

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.noise = random.Random(seed + 1_000_000)
        self.space = dimensions(read_surface(SURFACE).constants, {})
        self.optimum = {dimension.name: self._optimum(dimension, draw) for dimension in self.space}
        self.gain = {dimension.name: SIGMA * draw.choice([0, 0, 1, 2, 3, 5, 8]) for dimension in self.space}
        self.start = self.true(read_settings(SURFACE))

    def true(self, settings: dict[str, str]) -> float:
        return START + sum(
            self.gain[dimension.name] * (self._miss(dimension, settings[dimension.name]) - 1)
            for dimension in self.space
        )

    def run(self, settings: dict[str, str]) -> float:
        return self.true(settings) + self.noise.gauss(0, SIGMA)

    def left(self, settings: dict[str, str]) -> float:
        """Share of all that can be gained which is still to be gained."""
        most = sum(self.gain.values())
        return (self.true(settings) - START + most) / most if most else 0.0

    def _optimum(self, dimension: Dimension, draw: random.Random) -> float:
        here = dimension.coordinate(dimension.here) or 0.0
        if not dimension.ordered:
            return float(draw.choice([index for index in range(len(dimension.values)) if index != here]))
        return here + draw.choice([-1, 1]) * draw.uniform(0.3, 2.2)

    def _miss(self, dimension: Dimension, text: str) -> float:
        """1 at the start, 0 at the optimum; saturating, so that far away is bad and not infinitely so."""
        at, here = evaluate(text), dimension.coordinate(dimension.here) or 0.0
        assert at is not None
        if not dimension.ordered:
            return float(dimension.coordinate(at) != self.optimum[dimension.name])
        coordinate = (
            math.log2(float(at)) if dimension.scale is Scale.LOG else -math.log2(max(1e-9, 1 - float(at)))
        )
        return min(
            ((coordinate - self.optimum[dimension.name]) / (here - self.optimum[dimension.name])) ** 2, 12.0
        )


def read_settings(source: str) -> dict[str, str]:
    return {name: constant.literal for name, constant in read_surface(source).constants.items()}


def campaign(propose: Callable[[Brief], Proposal], seed: int, experiments: int = 80, slots: int = 4) -> float:
    """Share of the possible gain that is left at the end."""
    world, source, best = World(seed), SURFACE, [World(seed).run(read_settings(SURFACE)) for _ in range(4)]
    tried: list[Tried] = []
    running: list[tuple[Tried, str]] = []
    for ordinal in range(experiments + slots):
        if len(running) == slots or ordinal >= experiments:
            experiment, variant = running.pop(0)
            value = world.run(experiment.settings)
            if value < statistics.mean(best):
                runs = [value, world.run(experiment.settings)]
                value = statistics.mean(runs)
                if value < statistics.mean(best) - 2 * SIGMA * math.sqrt(1 / 2 + 1 / len(best)):
                    source, best = variant, runs
            tried.append(
                Tried(
                    experiment=experiment.experiment,
                    title=experiment.title,
                    state=State.REJECTED,
                    arm="a",
                    settings=experiment.settings,
                    value=value,
                )
            )
        if ordinal < experiments:
            proposal = propose(
                _brief(
                    ordinal,
                    seed,
                    source,
                    statistics.mean(best),
                    tried,
                    [experiment for experiment, _ in running],
                )
            )
            running.append(
                (
                    Tried(
                        experiment=str(ordinal),
                        title=proposal.title,
                        state=State.RUNNING,
                        arm="a",
                        settings=proposal.settings,
                    ),
                    proposal.source,
                )
            )
    return world.left(read_settings(source))


def propose_at_random(brief: Brief) -> Proposal:
    """The control: one to three constants anywhere in their range."""
    surface = read_surface(brief.source)
    space, rng = dimensions(surface.constants, {}), random.Random(brief.seed)
    values = {
        it.name: it.value(rng.uniform(it.low, it.high)) for it in rng.sample(space, rng.choice([1, 2, 3]))
    }
    source = surface.edit({name: repr(value) for name, value in values.items()})
    return Proposal(
        proposal=proposal_id(brief, source),
        ordinal=brief.ordinal,
        arm="a",
        parent="",
        source=source,
        title="",
        settings=read_settings(source),
    )


def propose_by_tpe_alone(brief: Brief) -> Proposal:
    """The other control: TPE over all constants at once, as it is commonly used."""
    surface = read_surface(brief.source)
    space = dimensions(surface.constants, {})
    if len(brief.tried) < 10:
        return propose_at_random(brief)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(
            seed=brief.seed, multivariate=True, n_startup_trials=0, constant_liar=True
        )
    )
    distributions = {it.name: distribution(it) for it in space}
    worst = max(tried.value for tried in brief.tried if tried.value is not None)
    for tried in (*brief.tried, *brief.running):
        at = {it.name: it.coordinate(evaluate(tried.settings[it.name]) or 0) for it in space}
        if None not in at.values():
            placed = {name: as_param(it, at[name]) for name, it in zip(at, space, strict=True)}
            value = worst if tried.value is None else tried.value
            study.add_trial(
                optuna.trial.create_trial(params=placed, distributions=distributions, value=value)
            )
    drawn = study.ask(distributions).params
    source = surface.edit({it.name: repr(it.value(float(drawn[it.name]))) for it in space})
    return Proposal(
        proposal=proposal_id(brief, source),
        ordinal=brief.ordinal,
        arm="a",
        parent="",
        source=source,
        title="",
        settings=read_settings(source),
    )


def test_search_gains_more_than_random_edits_in_as_many_experiments() -> None:
    """Deterministic: every draw is seeded."""
    searched = [campaign(SearchProposer().propose, seed, experiments=50) for seed in range(4)]
    drawn = [campaign(propose_at_random, seed, experiments=50) for seed in range(4)]
    means = f"search {statistics.mean(searched):.3f}, random {statistics.mean(drawn):.3f}"
    print(f"left after 50 experiments: {means}")  # noqa: T201 - a bench too
    assert statistics.mean(searched) < 0.75 * statistics.mean(drawn)


def main(campaigns: int) -> None:
    proposers = {
        "random": propose_at_random,
        "TPE over all": propose_by_tpe_alone,
        "search": SearchProposer().propose,
    }
    for name, propose in proposers.items():
        left = [campaign(propose, seed) for seed in range(campaigns)]
        print(f"{name:12}  {statistics.mean(left):.3f} ± {statistics.stdev(left) / campaigns**0.5:.3f} left")  # noqa: T201


def _brief(
    ordinal: int, seed: int, source: str, best: float, tried: list[Tried], running: list[Tried]
) -> Brief:
    return Brief(
        ordinal=ordinal,
        seed=seed * 1000 + ordinal,
        arm="a",
        division="cpu",
        metric=Metric("val_bpb", Direction.MINIMIZE),
        parent="",
        source=source,
        best=best,
        tried=tried,
        running=running,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
