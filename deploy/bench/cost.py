"""Part ``cost``: the coordinator's CPU time for one experiment, brief to verdict, early in a campaign and
late.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from coordinator.service.service import Service
from deploy.bench.model_calls import experiment, fill, measure_baseline, opened
from deploy.bench.readings import Goal, Part, Reading
from deploy.bench.scenario import Scenario, config_of

SIZES = (100, 10_000)
SAMPLES = 60
MOST_MS = 10.0
MOST_GROWTH = 1.2
AGENT = "slot0"


def part(folder: Path, sizes: Sequence[int] = SIZES, samples: int = SAMPLES) -> Part:
    """Grow one campaign and measure at each size. Needs neither Ray nor agents."""
    config = config_of(Scenario(name="cost", slots=1, thinking=0.0, training=0.0), folder)
    with opened(config) as service:
        measure_baseline(service, AGENT)
        seconds_of = [measured(service, size, samples) for size in sizes]
    readings = [
        Reading(
            what=f"CPU an experiment, {size:,} before it",
            value=seconds * 1e3,
            unit="ms",
            goal=Goal(MOST_MS, at_most=True),
        )
        for size, seconds in zip(sizes, seconds_of, strict=True)
    ]
    readings.append(
        Reading(
            what=f"growth from {sizes[0]:,} to {sizes[-1]:,}",
            value=seconds_of[-1] / seconds_of[0],
            goal=Goal(MOST_GROWTH, at_most=True),
        )
    )
    note = (
        "One process, no Ray: brief, proposal (a surface of 10 kB), lease, report and verdict, each on the"
        f" disk, git included;\nmedian of {samples}. A brief tells up to 300 experiments and grows until"
        " there are so many."
    )
    return Part(name="cost", title="Coordinator's CPU time", readings=readings, note=note)


def measured(service: Service, size: int, samples: int) -> float:
    """Median CPU seconds of a complete experiment once ``size`` of them are there."""
    there = len(service.state.by_ordinal)
    fill(service, AGENT, range(there, size))
    there = len(service.state.by_ordinal)
    return median(_cpu_seconds(service, there + number) for number in range(samples))


def _cpu_seconds(service: Service, number: int) -> float:
    start = time.process_time()
    experiment(service, AGENT, number)
    return time.process_time() - start
