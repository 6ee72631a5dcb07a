"""Parts ``occupancy`` and its gaps: how busy real agents keep their slots, beside plain actors that do the
same sleeps at the same time.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from configs.schema import Config
from deploy.bench.endpoint import endpoint
from deploy.bench.intervals import Busy, Window, gaps, occupancy, quantile, whole
from deploy.bench.readings import Goal, Part, Reading
from deploy.bench.scenario import Scenario, config_of, trainings
from deploy.bench.stage import AgentsUnderTest, CoordinatorUnderTest, Sleepers
from deploy.wiring import layout_of

MARGIN = 15.0
"""Seconds cut from both ends for the steady state: the baseline and the first proposals, and the last runs
coming in.
"""
BARE, SERIAL = "bare Ray", "serial loop"
NOTE = (
    "Real actors, journal and git; trainings sleep. Share of slot time in which a training ran, by the"
    " trainers' own clocks, from the first\nstart to the last end ({seconds:g} s and what then still runs);"
    " the steady state leaves out {margin:g} s at both ends. Bare Ray proposes\nnothing: ray.wait hands each"
    " plain actor its next training. The serial loop proposes, then trains. All three run at the same time."
)


class Case(Struct, frozen=True, kw_only=True):
    """A scenario and what it must reach."""

    scenario: Scenario
    whole: float | None = None

    steady: float | None = None
    """Of occupancy without its ends."""

    gap: float | None = None
    """Milliseconds, median."""


CASES = [
    Case(
        scenario=Scenario(name="p1-t2-s4", slots=4, thinking=1.0, training=2.0),
        whole=0.95,
        steady=0.98,
        gap=20.0,
    ),
    Case(
        scenario=Scenario(name="p1-t2-s8", slots=8, thinking=1.0, training=2.0),
        whole=0.95,
        steady=0.98,
        gap=20.0,
    ),
    Case(
        scenario=Scenario(name="p1-t2-s4-crashes", slots=4, thinking=1.0, training=2.0, crash_ratio=0.3),
        whole=0.93,
    ),
    Case(scenario=Scenario(name="p0-t1-s8", slots=8, thinking=0.0, training=1.0), steady=0.98, gap=20.0),
]

MODEL_CASES = [
    Case(
        scenario=Scenario(name="http-p1-t2-s4", slots=4, thinking=1.0, training=2.0, http=True),
        whole=0.95,
        steady=0.98,
    ),
    Case(
        scenario=Scenario(name="http-p1-t2-s8", slots=8, thinking=1.0, training=2.0, http=True),
        whole=0.95,
        steady=0.98,
    ),
    Case(
        scenario=Scenario(
            name="http-p06-t2-s4-failing", slots=4, thinking=0.6, training=2.0, http=True, failing=0.2
        ),
        whole=0.93,
    ),
]
"""A language model's answers: prompt, litellm, HTTP on loopback, edit and checks, with everything that
costs.
"""

LARGEST = max((case.scenario for case in CASES), key=lambda scenario: scenario.slots)
"""Decides how many slots Ray is asked for."""


class MeasuredCase(Struct, frozen=True):
    """Trainings of one scenario: by the swarm, by plain actors, by actors that propose, then train."""

    swarm: list[Busy]
    bare: list[Busy]
    serial: list[Busy]

    cpu: float
    """Coordinator's, seconds a result."""


def run_case(
    scenario: Scenario, folder: Path, seconds: float, sleepers: tuple[Sleepers, Sleepers]
) -> MeasuredCase:
    """Rehearse for ``seconds``, the three side by side: they sleep nearly all the time, so none is in the
    others' way.
    """
    with ExitStack() as stack:
        base = (
            stack.enter_context(endpoint(scenario.thinking, scenario.failing)).base if scenario.http else None
        )
        return _run_case(scenario, config_of(scenario, folder, base), seconds, sleepers)


def _run_case(
    scenario: Scenario, config: Config, seconds: float, sleepers: tuple[Sleepers, Sleepers]
) -> MeasuredCase:
    coordinator = CoordinatorUnderTest(config)
    with (
        AgentsUnderTest(scenario, config, coordinator.name) as agents,
        coordinator,
        ThreadPoolExecutor(2) as pool,
    ):
        bare = pool.submit(sleepers[0].loop, scenario.slots, 0.0, scenario.durations(), seconds)
        serial = pool.submit(
            sleepers[1].loop, scenario.slots, scenario.thinking, scenario.durations(), seconds
        )
        used = coordinator.cpu_seconds()
        time.sleep(seconds)
        used = coordinator.cpu_seconds() - used
        coordinator.finish()
        agents.leave()
        done = trainings(layout_of(config))
        return MeasuredCase(done, bare.result(), serial.result(), used / len(done))


def readings(case: Case, measured: MeasuredCase, margin: float = MARGIN) -> list[Reading]:
    """Occupancy of the whole loop and of its steady state, idle gaps, and the coordinator's CPU time."""
    scenario = case.scenario
    who = "model over HTTP" if scenario.http else "proposer"
    what = f"{scenario.slots} slots, {who} {scenario.thinking:g} s, training {scenario.training:g} s"
    what += (
        f", {scenario.crash_ratio:.0%} crash at {scenario.crash_seconds:g} s" if scenario.crash_ratio else ""
    )
    what += f", {scenario.failing:.0%} of the edits fail" if scenario.failing else ""
    references = {BARE: measured.bare} | ({SERIAL: measured.serial} if scenario.thinking else {})
    return [
        _occupancy(f"{what}: whole loop", measured.swarm, references, scenario.slots, 0.0, case.whole),
        _occupancy(
            "  steady state", measured.swarm, {BARE: measured.bare}, scenario.slots, margin, case.steady
        ),
        _gap("  idle gap, median", measured, 0.5, case.gap),
        _gap("  idle gap, 95 of 100", measured, 0.95, None),
        Reading(what="  coordinator's CPU a result", value=measured.cpu * 1e3, unit="ms"),
    ]


def part(folder: Path, seconds: float, cases: list[Case] | None = None) -> Part:
    """Rehearse and measure every case. Needs a connection to Ray."""
    readings_taken = measure_cases(folder, seconds, CASES if cases is None else cases)
    return Part(
        name="occupancy",
        title="Slot occupancy and idle gaps",
        readings=readings_taken,
        note=NOTE.format(seconds=seconds, margin=MARGIN),
    )


def model_part(folder: Path, seconds: float) -> Part:
    """The same with language models. Needs a connection to Ray."""
    note = (
        NOTE.format(seconds=seconds, margin=MARGIN)
        + "\nThe model is a server on loopback that is asked through litellm and changes one constant."
    )
    return Part(
        name="models",
        title="Slot occupancy with a language model over HTTP",
        readings=measure_cases(folder, seconds, MODEL_CASES),
        note=note,
    )


def measure_cases(folder: Path, seconds: float, cases: list[Case]) -> list[Reading]:
    """Readings of every case."""
    most = max(case.scenario.slots for case in cases)
    sleepers = Sleepers(most), Sleepers(most)
    taken = [
        reading
        for case in cases
        for reading in readings(case, run_case(case.scenario, folder, seconds, sleepers))
    ]
    for sleeper in sleepers:
        sleeper.end()
    return taken


def _occupancy(
    what: str, swarm: list[Busy], others: dict[str, list[Busy]], slots: int, margin: float, goal: float | None
) -> Reading:
    references = {name: _share(done, slots, margin) for name, done in others.items()}
    return Reading(
        what=what,
        value=_share(swarm, slots, margin),
        goal=None if goal is None else Goal(goal),
        references=references,
    )


def _share(done: list[Busy], slots: int, margin: float) -> float:
    window: Window = whole(done).without_ends(margin)
    return occupancy(done, slots, window)


def _gap(what: str, measured: MeasuredCase, share: float, goal: float | None) -> Reading:
    swarm, bare = (quantile(gaps(done), share) * 1e3 for done in (measured.swarm, measured.bare))
    return Reading(
        what=what,
        value=swarm,
        unit="ms",
        goal=None if goal is None else Goal(goal, at_most=True),
        references={BARE: bare},
    )
