"""Plays many campaigns in as many processes as are wanted, and never more.

- A result depends on its scenario and seed alone, so the order in which processes come to an end changes
  nothing.
- Processes begin anew (spawn) and end with the command, however that ends.
"""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.parent_watch import end_with
from deploy.simulate.played import Played, play
from deploy.simulate.swarm_scenario import SwarmScenario

RUN_BYTES = 4_200
"""Memory that a run takes in the state of a campaign, measured at 110,000 to 650,000 runs."""
CHUNK_RUNS = 5_000
"""Runs that a process plays before it says so: about a second."""


class Job(Struct, frozen=True):
    """One campaign to play."""

    scenario: SwarmScenario
    seed: int


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes that this machine has; very many where it does not say."""
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return 2**60
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def fitting(jobs: Sequence[Job], workers: int, has: int) -> int:
    """As many of the workers as there is memory for. has: bytes. Raises ConfigError where one campaign takes
    more.
    """
    largest = max((job.scenario.expected_runs for job in jobs), default=0.0) * RUN_BYTES
    if largest > has:
        takes, here = (f"{size / 2**30:.0f} GiB" for size in (largest, has))
        many = f"{largest / RUN_BYTES:.3g} runs"
        raise ConfigError(
            f"a campaign of {many} takes about {takes} of memory, and this machine has {here}",
            "Take fewer --slots, --hours or --runs: a campaign keeps every run it made.",
        )
    return max(1, min(workers, int(has / max(1.0, largest))))


def play_all(jobs: Sequence[Job], workers: int, progress: Callable[[float], None]) -> list[Played]:
    """What each came to, in their order. progress: told how many are done, in parts too where no process but
    this one plays. Raises ConfigError where there is too little memory.
    """
    results: dict[int, Played] = {}
    spans = list(chunks(jobs))
    workers = min(fitting(jobs, workers, memory()), len(spans))
    if workers < 2:
        for number, job in enumerate(jobs):
            results[number] = _play(job, lambda share: progress(len(results) + share))
            progress(len(results))
        return [results[number] for number in range(len(jobs))]
    for start, played in _in_processes(jobs, spans, workers):
        results.update(enumerate(played, start))
        progress(len(results))
    return [results[number] for number in range(len(jobs))]


def chunks(jobs: Sequence[Job]) -> Iterator[range]:
    """Stretches of jobs, of about as many runs."""
    start, runs = 0, 0.0
    for number, job in enumerate(jobs):
        runs += job.scenario.expected_runs
        if runs >= CHUNK_RUNS or number == len(jobs) - 1:
            yield range(start, number + 1)
            start, runs = number + 1, 0.0


def _in_processes(
    jobs: Sequence[Job], spans: Sequence[range], workers: int
) -> Iterator[tuple[int, list[Played]]]:
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(os.getpid(),))
    try:
        futures = {executor.submit(_play_some, [jobs[n] for n in span]): span.start for span in spans}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """Ctrl-C is for the command, which ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)


def _play_some(jobs: list[Job]) -> list[Played]:
    return [_play(job) for job in jobs]


def _play(job: Job, progress: Callable[[float], None] = lambda _: None) -> Played:
    """A campaign holds millions of objects and no circle among them; to look for one takes a fifth of the
    time.
    """
    gc.disable()
    try:
        return play(job.scenario, job.seed, progress)
    finally:
        gc.enable()
