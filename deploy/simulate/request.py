"""What a person wants simulated, and all of it played: every policy, σ and length over the same campaigns."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from coordinator.rule_values.rule_set import Rules
from deploy.simulate.comparison import Cell, rows
from deploy.simulate.effect_model import EffectModel
from deploy.simulate.measuring import Conditions
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot
from deploy.simulate.workers import Job, play_all
from evaluator.policies.any_policy import AnyPolicy


class Request(Struct, frozen=True, kw_only=True):
    """Cells to fill. σ is in the metric's unit."""

    rules: Rules
    policies: dict[str, AnyPolicy]
    """By name, the one that the others are compared with first."""
    changes: dict[str, dict[str, Any]] = {}
    """By the same names: what else of the rules is another."""
    model: EffectModel
    conditions: Conditions
    """But for σ."""
    sigmas: tuple[float, ...]
    slots: tuple[Slot, ...]
    runs: tuple[int, ...]
    """After which campaigns end, for each a cell; (0,) where hours end them."""
    hours: float
    """Virtual, after which they end; 0 where runs end them."""
    thinking: float
    """Minutes from a brief to its proposal."""
    repetitions: int
    seed: int
    """Of the first campaign; the others count on from there."""

    def cells(self) -> Iterator[tuple[float, int]]:
        """σ and runs of each."""
        yield from product(self.sigmas, self.runs)

    def jobs(self) -> list[Job]:
        """Every campaign: by cell, then by policy, then by seed."""
        return [
            Job(self._scenario(name, sigma, runs), seed)
            for sigma, runs in self.cells()
            for name in self.policies
            for seed in range(self.seed, self.seed + self.repetitions)
        ]

    def _scenario(self, name: str, sigma: float, runs: int) -> SwarmScenario:
        return SwarmScenario(
            rules=replace(self.rules, policy=self.policies[name], **self.changes.get(name, {})),
            model=self.model,
            conditions=replace(self.conditions, sigma=sigma),
            slots=self.slots,
            runs=runs,
            hours=self.hours,
            thinking=self.thinking,
        )


def compared(request: Request, workers: int, progress: Callable[[float, int], None]) -> list[Cell]:
    """Play all of it. progress: told how many campaigns of how many are done."""
    jobs = request.jobs()
    played = iter(play_all(jobs, workers, lambda done: progress(done, len(jobs))))
    return [
        Cell(
            sigma=sigma,
            runs=runs,
            hours=request.hours,
            slots=len(request.slots),
            repetitions=request.repetitions,
            rows=rows(
                {name: [next(played) for _ in range(request.repetitions)] for name in request.policies},
            ),
        )
        for sigma, runs in request.cells()
    ]
