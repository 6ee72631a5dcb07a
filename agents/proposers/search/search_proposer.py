"""The ``search`` proposer: no language model, it changes module constants of the surface.

- A pure function of the brief: equal briefs give equal proposals in any process, whatever was asked before.
- One to three constants change at a time, so that an improvement can be read.
- Never a no-op, and never settings that were tried or are running.
"""

import math
import random
from collections.abc import Iterator, Mapping

from msgspec import Struct

from agents.proposers.contract import Exhausted, ProposerError, proposal_id
from agents.proposers.search.constants import (
    Surface,
    SurfaceOfFiles,
    Value,
    evaluate,
    read_surface,
    write,
)
from agents.proposers.search.space import Dimension, Point, dimensions
from coordinator.domain import Direction, State
from coordinator.protocol import Brief, Proposal, Tried

STARTUP_RESULTS = 10
"""Results before the surrogate is asked; until then constants change one at a time."""
SINGLE_SHARE = 0.5
"""Share of proposals after that which still change one constant that nobody has changed that way."""
WIDTHS = (1, 2, 3, 3)
"""How many constants change together, drawn evenly from these."""
POOL = 3
"""Constants drawn at random per constant that is then picked: promise decides, chance keeps it from deciding
alone.
"""
ASKS = 4
"""Draws of TPE per proposal."""
LEAST_STEP = 0.15
"""Steps below which a constant stays as it is."""
TRIES = 64
"""Random changes of one constant before giving up."""


class Candidate(Struct, frozen=True):
    """New values by constant, and why."""

    values: dict[str, Value]
    why: str


class SearchProposer:
    """Changes constants. Holds nothing but the task's choices."""

    def __init__(self, choices: Mapping[str, list[str]] | None = None) -> None:
        """choices: the task's, by constant, as Python literals; they go before a comment's. A constant with
        one choice stays as it is.
        """
        self._choices = choices or {}

    def propose(self, brief: Brief) -> Proposal:
        """See ``Proposer.propose``. Raises Exhausted when the surface has no constants to change,
        ProposerError when no draw is new.
        """
        try:
            surface = read_surface(brief.source)
        except SyntaxError as error:
            raise ProposerError(f"the parent cannot be read: {' '.join(str(error).split())}") from error
        space, of_files = dimensions(surface.constants, self._choices), isinstance(surface, SurfaceOfFiles)
        if not space:
            where = (
                "no Python file of the surface has a constant" if of_files else "the surface has no constants"
            )
            raise Exhausted(f"{where} to change")
        taken = {_key(tried.settings) for tried in (*brief.tried, *brief.running)}
        taken.add(_key(_settings(surface, {})))
        for candidate in Draws(brief, surface, space).candidates():
            settings = _settings(surface, candidate.values)
            if _key(settings) not in taken:
                return _proposal(brief, surface, candidate, settings)
        raise ProposerError("every variant drawn was tried already")


class Draws:
    """One brief's draws. Equal briefs draw equally."""

    def __init__(self, brief: Brief, surface: Surface | SurfaceOfFiles, space: list[Dimension]) -> None:
        self._brief = brief
        self._space = space
        self._rng = random.Random(brief.seed)
        self._parent = {
            dimension.name: dimension.coordinate(surface.constants[dimension.name].value) or 0.0
            for dimension in space
        }
        self._tried = [(self._place(tried), tried) for tried in brief.tried if tried.settings]
        self._running = [self._place(tried) for tried in brief.running if tried.settings]
        self._measured = sum(tried.value is not None for _, tried in self._tried)

    def candidates(self) -> Iterator[Candidate]:
        """Candidates, best first."""
        untouched = self._untouched()
        if untouched and (self._measured < STARTUP_RESULTS or self._rng.random() < SINGLE_SHARE):
            yield self._single(*self._rng.choice(untouched))
        if self._measured >= STARTUP_RESULTS:
            yield from self._by_surrogate()
        for _ in range(TRIES):
            dimension = self._rng.choice(self._space)
            yield self._single(dimension, self._rng.uniform(dimension.low, dimension.high))

    def _untouched(self) -> list[tuple[Dimension, float]]:
        """One step up and down of every ordered constant, every other choice of the rest: those that no
        variant has taken from here.
        """
        variants = [place for place, _ in self._tried] + self._running
        untouched = []
        for dimension in self._space:
            here = self._parent[dimension.name]
            taken = {
                _direction(dimension, here, at)
                for at in (place[dimension.name] for place in variants)
                if at is not None
            }
            untouched += [
                (dimension, at)
                for at in _steps(dimension, here)
                if _direction(dimension, here, at) not in taken
            ]
        return untouched

    def _single(self, dimension: Dimension, at: float) -> Candidate:
        return Candidate(
            {dimension.name: dimension.value(at)}, "Moved by itself, this constant shows its own effect."
        )

    def _by_surrogate(self) -> Iterator[Candidate]:
        from agents.proposers.search.surrogate import (
            Surrogate,
        )  # optuna and numpy: only where they are needed

        surrogate = Surrogate(self._space, self._parent, self._points())
        width = min(self._rng.choice(WIDTHS), len(self._space))
        pool = self._rng.sample(
            [dimension.name for dimension in self._space], min(POOL * width, len(self._space))
        )
        names = surrogate.promising(pool, width)
        for at in surrogate.suggest(names, self._rng.getrandbits(31), ASKS):
            values = {
                dimension.name: dimension.value(at[dimension.name])
                for dimension in self._space
                if self._far_enough(dimension, at)
            }
            yield Candidate(values, f"{self._measured} results so far say that these values do better.")

    def _far_enough(self, dimension: Dimension, at: Mapping[str, float]) -> bool:
        """Whether a draw changes a constant by enough to be seen in the noise."""
        return (
            dimension.name in at
            and abs(at[dimension.name] - self._parent[dimension.name]) >= LEAST_STEP * dimension.step
        )

    def _points(self) -> list[Point]:
        """What the surrogate is fitted to: values as losses, failures as the worst of them, estimates of what
        was ended early as no worse than that, what is running without one.
        """
        sign = 1.0 if self._brief.metric.direction is Direction.MINIMIZE else -1.0
        worst = max(sign * tried.value for _, tried in self._tried if tried.value is not None)
        points = [Point(dict(self._parent), sign * self._brief.best)] if self._brief.best is not None else []
        for place, tried in self._tried:
            if tried.value is not None:
                points.append(Point(place, sign * tried.value))
            elif tried.estimate is not None:
                points.append(Point(place, min(worst, sign * tried.estimate)))
            elif tried.state in (State.CRASHED, State.CHEATED):
                points.append(Point(place, worst))
        return points + [Point(place, None) for place in self._running]

    def _place(self, tried: Tried) -> dict[str, float | None]:
        """Coordinates of a variant; the parent's where it says nothing about a constant."""
        return {
            dimension.name: self._coordinate(dimension, tried.settings.get(dimension.name))
            for dimension in self._space
        }

    def _coordinate(self, dimension: Dimension, text: str | None) -> float | None:
        if text is None:
            return self._parent[dimension.name]
        value = evaluate(text)
        return None if value is None else dimension.coordinate(value)


def _steps(dimension: Dimension, here: float) -> list[float]:
    """Coordinates one step away that mean another value."""
    if not dimension.ordered:
        return [float(index) for index in range(len(dimension.values)) if index != here]
    ends = (max(here - dimension.step, dimension.low), min(here + dimension.step, dimension.high))
    return [at for at in ends if dimension.value(at) != dimension.here]


def _direction(dimension: Dimension, here: float, at: float) -> float:
    """Which way a variant went from here: down, nowhere, up; or to which choice."""
    if not dimension.ordered:
        return at
    return 0.0 if abs(at - here) < 1e-6 else math.copysign(1.0, at - here)


def _settings(surface: Surface | SurfaceOfFiles, changes: Mapping[str, Value]) -> dict[str, str]:
    """All constants of a variant as literals, however they are written."""
    return {name: repr(changes.get(name, constant.value)) for name, constant in surface.constants.items()}


def _key(settings: Mapping[str, str]) -> frozenset[tuple[str, Value]]:
    """Settings compared by value: ``2**15`` is ``32768``."""
    return frozenset(
        (name, text if (value := evaluate(text)) is None else value) for name, text in settings.items()
    )


def _proposal(
    brief: Brief, surface: Surface | SurfaceOfFiles, candidate: Candidate, settings: dict[str, str]
) -> Proposal:
    changed = {
        name: value for name, value in candidate.values.items() if value != surface.constants[name].value
    }
    texts = {name: write(value, surface.constants[name].text) for name, value in changed.items()}
    source = surface.edit(texts)
    return Proposal(
        proposal=proposal_id(brief, source),
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=source,
        title=", ".join(f"{name} {surface.constants[name].text} → {text}" for name, text in texts.items()),
        hypothesis=candidate.why,
        settings=settings,
    )
