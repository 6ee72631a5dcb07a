"""The present as figures: what a status page says, in the shape a metrics system takes. Pure; which system is
no concern of this module.

What is gone is not on the page, so it has no figure: an agent that left, the commit that was the best before.
"""

from collections.abc import Iterator
from typing import get_args

from msgspec import Struct

from coordinator.domain import Direction, Metric, Phase, State, Verdict
from coordinator.views.status import Json
from evaluator.result import Outcome

OUTCOMES = tuple(kind.__struct_config__.tag for kind in get_args(Outcome))
AGENT_STATES = ("idle", "training")
ARM_RESULTS = {"accepted": "proposals", "refused": "refused"}
"""Label and key of what became of an arm's proposals."""
WINDOWS = {"whole": "whole", "last_10_min": "10m"}
"""Keys of the page's occupancy and the label of each."""

Samples = list[tuple[tuple[str, ...], float]]
"""Label values and the number under them."""


class MetricFamily(Struct, frozen=True):
    """One gauge, or with ``total`` one counter, and all its samples. text: what it means, one sentence."""

    name: str
    text: str
    labels: tuple[str, ...]
    samples: Samples
    total: bool = False


def present(page: Json) -> Iterator[MetricFamily]:
    """Figures of a ``leaderboard.status`` page."""
    yield from _of_campaign(page)
    yield from _of_bests(page)
    yield from _of_experiments(page)
    yield from _of_arms(page)
    yield from _of_agents(page)
    yield from _of_spend(page["spend"])


def _of_campaign(page: Json) -> Iterator[MetricFamily]:
    metric, shares = page["metric"], page["occupancy"]
    info = (page["task"], metric["name"], metric["direction"])
    yield MetricFamily(
        "campaign_info", "1; what the campaign searches.", ("task", "metric", "direction"), [(info, 1.0)]
    )
    states: Samples = [((phase.value,), float(page["state"] == phase.value)) for phase in Phase]
    yield MetricFamily(
        "campaign_state", "1 for the state the campaign is in, 0 for the others.", ("state",), states
    )
    occupancy: Samples = [
        ((label,), shares[key]) for key, label in WINDOWS.items() if shares[key] is not None
    ]
    yield MetricFamily(
        "occupancy_ratio",
        "Share of the time slots existed in which a training ran on them.",
        ("window",),
        occupancy,
    )


def _of_bests(page: Json) -> Iterator[MetricFamily]:
    metric = Metric(page["metric"]["name"], Direction(page["metric"]["direction"]))
    measured = [division for division in page["divisions"] if division["best"]]
    values = {
        division["name"]: (
            division["best"]["value"],
            division["baseline"]["value"],
            division["baseline"]["sigma"],
        )
        for division in measured
    }
    labels = ("division", "metric")
    bests: Samples = [((name, metric.name), best) for name, (best, _, _) in values.items()]
    yield MetricFamily(
        "best_value", "Value of the best, the mean of its runs, in the metric's unit.", labels, bests
    )
    baselines: Samples = [((name, metric.name), baseline) for name, (_, baseline, _) in values.items()]
    yield MetricFamily(
        "baseline_value",
        "Value of the unmodified surface, the mean of its runs, in the metric's unit.",
        labels,
        baselines,
    )
    gains: Samples = [
        ((name, metric.name), metric.gain(baseline, best)) for name, (best, baseline, _) in values.items()
    ]
    yield MetricFamily(
        "best_gain_value",
        "How much better the best is than the baseline, in the metric's unit.",
        labels,
        gains,
    )
    sigmas: Samples = [
        ((name, metric.name), sigma) for name, (_, _, sigma) in values.items() if sigma is not None
    ]
    yield MetricFamily(
        "noise_sigma_value",
        "Standard deviation between runs of unchanged code, in the metric's unit.",
        labels,
        sigmas,
    )
    depths: Samples = [((division["name"],), division["merges"]) for division in page["divisions"]]
    yield MetricFamily("best_depth", "Merges between the baseline and the best.", ("division",), depths)
    commits: Samples = [((division["name"], division["best"]["commit"]), 1.0) for division in measured]
    yield MetricFamily("best_commit_info", "1; the commit that is the best.", ("division", "commit"), commits)


def _of_experiments(page: Json) -> Iterator[MetricFamily]:
    counts, outcomes, verdicts = page["experiments"], page["runs"], page["verdicts"]
    live: Samples = [((state.value,), counts[state.value]) for state in State if not state.final]
    yield MetricFamily(
        "experiments_open", "Experiments without their last verdict, by state.", ("state",), live
    )
    final: Samples = [((state.value,), counts[state.value]) for state in State if state.final]
    yield MetricFamily(
        "experiments_finished",
        "Experiments with their last verdict, by state; a baseline is one.",
        ("state",),
        final,
        total=True,
    )
    ended: Samples = [((outcome,), outcomes.get(outcome, 0)) for outcome in OUTCOMES]
    yield MetricFamily(
        "runs", "Runs that ended, by outcome; a lost one is made again.", ("outcome",), ended, total=True
    )
    given: Samples = [((verdict.value,), verdicts.get(verdict.value, 0)) for verdict in Verdict]
    yield MetricFamily(
        "verdicts", "Verdicts given; an experiment may get several.", ("verdict",), given, total=True
    )


def _of_arms(page: Json) -> Iterator[MetricFamily]:
    arms, metric = page["arms"], page["metric"]["name"]
    asked: Samples = [
        ((arm["name"], result), arm[key]) for arm in arms for result, key in ARM_RESULTS.items()
    ]
    yield MetricFamily(
        "arm_proposals",
        "Proposals of an arm: accepted, or refused for a fault of their own.",
        ("arm", "result"),
        asked,
        total=True,
    )
    merged: Samples = [((arm["name"],), arm["merged"]) for arm in arms]
    yield MetricFamily("arm_merges", "Experiments of an arm that merged.", ("arm",), merged, total=True)
    gains: Samples = [((arm["name"], metric), arm["gain"]) for arm in arms]
    yield MetricFamily(
        "arm_gain_value",
        "How much better an arm's merges made the best, in the metric's unit.",
        ("arm", "metric"),
        gains,
    )
    busy: Samples = [((arm["name"],), arm["gpu_hours"] * 3600) for arm in arms]
    yield MetricFamily(
        "arm_busy_seconds",
        "Seconds for which runs of an arm's finished experiments kept slots busy.",
        ("arm",),
        busy,
        total=True,
    )


def _of_agents(page: Json) -> Iterator[MetricFamily]:
    agents = [agent for agent in page["agents"] if agent["state"] in AGENT_STATES]
    counts: Samples = [((state,), sum(agent["state"] == state for agent in agents)) for state in AGENT_STATES]
    yield MetricFamily("agents", "Agents present, by state.", ("state",), counts)
    states: Samples = [
        ((agent["id"], state), float(agent["state"] == state)) for agent in agents for state in AGENT_STATES
    ]
    yield MetricFamily(
        "agent_state", "1 for the state the agent is in, 0 for the other.", ("agent", "state"), states
    )
    infos: Samples = [((agent["id"], agent["division"], agent["gpu"]), 1.0) for agent in agents]
    yield MetricFamily("agent_info", "1; what the agent owns.", ("agent", "division", "gpu"), infos)
    tiers: Samples = [((agent["id"], agent["sandbox"]), 1.0) for agent in agents]
    yield MetricFamily(
        "sandbox_tier_info", "1; the sandbox the agent's runs are confined by.", ("agent", "tier"), tiers
    )
    progress: Samples = [
        ((agent["id"],), agent["progress"]) for agent in agents if agent["progress"] is not None
    ]
    yield MetricFamily(
        "agent_progress_ratio", "Share of its budget the agent's run has spent.", ("agent",), progress
    )


def _of_spend(spend: Json) -> Iterator[MetricFamily]:
    """Dollars are gauges: a call that counted at its estimate may turn out cheaper."""
    labels = ("arm", "model")
    tallies = [((each["arm"], each["model"]), each) for each in spend["models"]]
    calls: Samples = [(names, each["calls"]) for names, each in tallies]
    yield MetricFamily(
        "llm_calls", "Calls of language models that came to their end.", labels, calls, total=True
    )
    tokens: Samples = [
        ((*names, kind), each[f"{kind}_tokens"])
        for names, each in tallies
        for kind in ("prompt", "completion")
    ]
    yield MetricFamily(
        "llm_tokens", "Tokens of calls of language models, by kind.", (*labels, "kind"), tokens, total=True
    )
    dollars: Samples = [(names, each["llm_usd"]) for names, each in tallies]
    yield MetricFamily(
        "llm_spent_usd", "US dollars of calls of language models, without unpriced ones.", labels, dollars
    )
    unpriced: Samples = [(names, each["unpriced"]) for names, each in tallies]
    yield MetricFamily(
        "llm_unpriced_calls", "Calls that used tokens and have no known price.", labels, unpriced
    )
    slots: Samples = [((each["arm"],), each["gpu_usd"]) for each in spend["slots"]]
    yield MetricFamily(
        "gpu_spent_usd",
        "US dollars of slots while trainings ran on them; a baseline's arm is empty.",
        ("arm",),
        slots,
    )
    yield MetricFamily(
        "reserved_usd", "US dollars set aside for open calls and runs.", (), [((), spend["reserved_usd"])]
    )
    yield MetricFamily(
        "cap_usd", "US dollars that the campaign may cost; 0 means no cap.", (), [((), spend["cap_usd"])]
    )
