"""What the results so far say about each constant, and where to look next.

1. *Ridge regression*: value = a sum of one quadratic per ordered constant and one step per choice, in
   coordinates around the parent. It says which constants promise most and takes the effect of the others out
   of every result.
2. *TPE* (Bergstra et al. 2011, Optuna's): over the few constants that were picked, on those cleaned results,
   with what is running counted as bad (constant liar), so that parallel agents do not try the same.

In simulated campaigns (tests/unit/test_search_beats_random.py) TPE over all constants at once was no better
than random edits; this is. Everything is a function of its arguments: no state, no clock, every draw from
``seed``. Values here are losses: less is better.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from agents.proposers.search.space import Dimension, Point

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings(
    "ignore", category=optuna.exceptions.ExperimentalWarning
)  # Optuna 4 says it of `multivariate`, at every call

Array = NDArray[np.float64]

RIDGE = 1.0
"""Noise variance over the prior variance of an effect per coordinate step: an effect is expected to be about
as large as the noise.
"""
TAIL = 3.0
"""Losses are cut at this many times the median's distance to the least, above the median: a divergence says
no more than "bad".
"""
MAX_TRIALS = 96
"""Results given to TPE, the newest: Optuna copies each one in 0.1 ms. The regression takes all of them."""
GRID = 17
"""Points per constant at which the fitted effect is looked at."""


class Surrogate:
    """The fitted effects of constants around a parent."""

    def __init__(
        self, space: Sequence[Dimension], parent: Mapping[str, float], points: Sequence[Point]
    ) -> None:
        """points: at least one with a loss."""
        self._space = {dimension.name: dimension for dimension in space}
        self._parent = parent
        measured = [point for point in points if point.loss is not None]
        self._running = [point for point in points if point.loss is None]
        self._points = measured
        self._losses = _cut(np.array([point.loss for point in measured], dtype=np.float64))
        self._columns: dict[str, slice] = {}
        self._design = self._features()
        self._weights = _ridge(self._design, self._losses)

    def promising(self, names: Sequence[str], count: int) -> list[str]:
        """The ``count`` of ``names`` whose fitted effect reaches lowest somewhere."""
        return sorted(names, key=lambda name: self._lowest(self._space[name]))[:count]

    def suggest(self, names: Sequence[str], seed: int, asks: int) -> list[dict[str, float]]:
        """Coordinates for these constants: ``asks`` draws of TPE, the least fitted loss first."""
        study = self._study(names, seed)
        distributions = {name: distribution(self._space[name]) for name in names}
        draws = [_coordinates(study.ask(distributions).params) for _ in range(asks)]
        return sorted(
            draws, key=lambda draw: sum(self._effect(self._space[name], draw[name]) for name in names)
        )

    def _features(self) -> Array:
        columns: list[Array] = [np.ones((len(self._points), 1))]
        start = 1
        for dimension in self._space.values():
            part = _encode(
                dimension,
                self._parent[dimension.name],
                [point.at.get(dimension.name) for point in self._points],
            )
            self._columns[dimension.name] = slice(start, start + part.shape[1])
            start += part.shape[1]
            columns.append(part)
        return np.concatenate(columns, axis=1)

    def _effect(self, dimension: Dimension, at: float) -> float:
        part = _encode(dimension, self._parent[dimension.name], [at])
        return float((part @ self._weights[self._columns[dimension.name]])[0])

    def _lowest(self, dimension: Dimension) -> float:
        at = (
            list(np.linspace(dimension.low, dimension.high, GRID))
            if dimension.ordered
            else list(range(len(dimension.values)))
        )
        part = _encode(dimension, self._parent[dimension.name], at)
        return float((part @ self._weights[self._columns[dimension.name]]).min())

    def _cleaned(self, names: Sequence[str]) -> Array:
        """Losses without the fitted effects of all constants but ``names``."""
        others = self._weights.copy()
        others[0] = 0.0
        for name in names:
            others[self._columns[name]] = 0.0
        return np.asarray(self._losses - self._design @ others, dtype=np.float64)

    def _study(self, names: Sequence[str], seed: int) -> optuna.Study:
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, n_startup_trials=0, constant_liar=True
        )
        study = optuna.create_study(sampler=sampler)
        losses = self._cleaned(names)
        recent = list(zip(self._points, losses, strict=True))[-MAX_TRIALS:]
        trials = [*recent, *((point, losses.max()) for point in self._running)]
        distributions = {name: distribution(self._space[name]) for name in names}
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: as_param(self._space[name], point.at[name]) for name in names},
                    distributions=distributions,
                    value=float(loss),
                )
                for point, loss in trials
                if all(point.at.get(name) is not None for name in names)
            ]
        )
        return study


def _encode(dimension: Dimension, parent: float, at: Sequence[float | None]) -> Array:
    """Shape [points, 2] for an ordered constant: offset from the parent and its square. Else [points,
    choices]: one-hot, zero for the parent's.
    """
    coordinates = np.array([parent if value is None else value for value in at], dtype=np.float64)
    if dimension.ordered:
        offset = (coordinates - parent) / dimension.step
        return np.stack([offset, offset * offset], axis=1)
    choices = np.arange(len(dimension.values))
    return np.asarray((coordinates[:, None] == choices) & (choices != parent), dtype=np.float64)


def _ridge(design: Array, losses: Array) -> Array:
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 1e-6  # the level is not an effect
    return np.asarray(
        np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ losses), dtype=np.float64
    )


def _cut(losses: Array) -> Array:
    median = float(np.median(losses))
    return np.asarray(np.minimum(losses, median + TAIL * (median - float(losses.min()))), dtype=np.float64)


def distribution(dimension: Dimension) -> BaseDistribution:
    """A constant's freedom in Optuna's words."""
    if dimension.ordered:
        return FloatDistribution(dimension.low, dimension.high)
    return CategoricalDistribution(list(range(len(dimension.values))))


def as_param(dimension: Dimension, at: float | None) -> float | int:
    """A coordinate in Optuna's words."""
    coordinate = 0.0 if at is None else at
    if not dimension.ordered:
        return round(coordinate)
    return min(max(coordinate, dimension.low), dimension.high)


def _coordinates(params: Mapping[str, float]) -> dict[str, float]:
    return {name: float(at) for name, at in params.items()}
