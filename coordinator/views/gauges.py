"""The present as gauges: what a status page says, in the shape a metrics system takes. Pure; which system is
no concern of this module.

What is gone is not on the page, so it has no gauge: an agent that left, the commit that was the best before.
"""

from collections.abc import Iterator
from typing import get_args

from msgspec import Struct
from msgspec.structs import asdict

from coordinator.arm_notes import ArmReason
from coordinator.domain import Phase, State, Verdict
from coordinator.views.early_stop_view import EarlyStopView
from coordinator.views.slots_report import is_set_aside
from coordinator.views.status_page import (
    AgentState,
    AgentView,
    ArmTroubleView,
    ArmView,
    DivisionView,
    SpendView,
    StatusPage,
)
from evaluator.result import Outcome

OUTCOMES = tuple(kind.__struct_config__.tag for kind in get_args(Outcome))
SHOWN = (AgentState.IDLE, AgentState.TRAINING, AgentState.LOST)

Samples = list[tuple[tuple[str, ...], float]]
"""Label values and the number under them."""


class MetricFamily(Struct, frozen=True):
    """One gauge, or with ``total`` one counter, and all its samples."""

    name: str
    text: str
    """What it means, one sentence."""
    labels: tuple[str, ...]
    samples: Samples
    total: bool = False


def present(page: StatusPage) -> Iterator[MetricFamily]:
    """Gauges of a status page."""
    yield from _of_campaign(page)
    yield from _of_bests(page)
    yield from _of_divisions(page)
    yield from _of_early_stops(page.divisions)
    yield from _of_experiments(page)
    yield from _of_arms(page.arms, page.metric.name)
    yield from _of_idle_arms(page.arms)
    yield from _of_agents([agent for agent in page.agents if agent.state in SHOWN])
    yield from _of_calls(page.spend)
    yield from _of_money(page.spend)


def _of_campaign(page: StatusPage) -> Iterator[MetricFamily]:
    info = (page.task, page.metric.name, page.metric.direction.value)
    yield MetricFamily(
        "campaign_info", "1; what the campaign searches.", ("task", "metric", "direction"), [(info, 1.0)]
    )
    states: Samples = [((phase.value,), float(page.state == phase.value)) for phase in Phase]
    yield MetricFamily(
        "campaign_state", "1 for the state the campaign is in, 0 for the others.", ("state",), states
    )
    shares = {"whole": page.occupancy.whole, "10m": page.occupancy.last_10_min}
    occupancy: Samples = [((window,), share) for window, share in shares.items() if share is not None]
    yield MetricFamily(
        "occupancy_ratio",
        "Share of the time slots existed in which a training ran on them.",
        ("window",),
        occupancy,
    )


def _of_bests(page: StatusPage) -> Iterator[MetricFamily]:
    """Values of divisions whose baseline is measured."""
    bests: Samples = []
    baselines: Samples = []
    gains: Samples = []
    sigmas: Samples = []
    for division in page.divisions:
        labels, best, baseline = (division.name, page.metric.name), division.best, division.baseline
        if best is None or baseline.value is None:
            continue
        bests.append((labels, best.value))
        baselines.append((labels, baseline.value))
        gains.append((labels, page.metric.gain(baseline.value, best.value)))
        if baseline.sigma is not None:
            sigmas.append((labels, baseline.sigma))
    for name, text, samples in (
        ("best_value", "Value of the best, the mean of its runs, in the metric's unit.", bests),
        (
            "baseline_value",
            "Value of the unmodified surface, the mean of its runs, in the metric's unit.",
            baselines,
        ),
        ("best_gain_value", "How much better the best is than the baseline, in the metric's unit.", gains),
        (
            "noise_sigma_value",
            "Standard deviation between runs of unchanged code, in the metric's unit.",
            sigmas,
        ),
    ):
        yield MetricFamily(name, text, ("division", "metric"), samples)


def _of_divisions(page: StatusPage) -> Iterator[MetricFamily]:
    depths: Samples = [((division.name,), division.merges) for division in page.divisions]
    yield MetricFamily("best_depth", "Merges between the baseline and the best.", ("division",), depths)
    false: Samples = [
        ((division.name,), division.false_merges.expected)
        for division in page.divisions
        if division.false_merges and division.false_merges.expected is not None
    ]
    yield MetricFamily(
        "false_merges_expected",
        "How many of these merges are expected to be no better in truth, by noise alone.",
        ("division",),
        false,
    )
    commits: Samples = [(_commit(division), 1.0) for division in page.divisions if division.best]
    yield MetricFamily("best_commit_info", "1; the commit that is the best.", ("division", "commit"), commits)


def _of_early_stops(divisions: list[DivisionView]) -> Iterator[MetricFamily]:
    """Every division has them, so that a first one is seen as a change."""
    stops = [(one.name, one.early if isinstance(one.early, EarlyStopView) else None) for one in divisions]
    over: Samples = []
    for name, early in stops:
        ended, audited, better = (early.ended, early.audited, early.better) if early else (0, 0, 0)
        over += [((name, "ended"), ended), ((name, "worse"), audited - better), ((name, "better"), better)]
    yield MetricFamily(
        "early_stops",
        "Screens over their bars: ended early, or audited and worse or better than their heads.",
        ("division", "result"),
        over,
        total=True,
    )
    saved: Samples = [((name,), early.saved_hours * 3600 if early else 0.0) for name, early in stops]
    yield MetricFamily(
        "early_stops_saved_seconds", "Seconds of slots that early stops saved, about.", ("division",), saved
    )


def _commit(division: DivisionView) -> tuple[str, str]:
    return division.name, division.best.commit if division.best else ""


def _of_experiments(page: StatusPage) -> Iterator[MetricFamily]:
    counts, outcomes, verdicts = asdict(page.experiments), asdict(page.runs), page.verdicts
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
    ended: Samples = [((outcome,), outcomes[outcome]) for outcome in OUTCOMES]
    yield MetricFamily(
        "runs", "Runs that ended, by outcome; a lost one is made again.", ("outcome",), ended, total=True
    )
    given: Samples = [((verdict.value,), verdicts.get(verdict.value, 0)) for verdict in Verdict]
    yield MetricFamily(
        "verdicts", "Verdicts given; an experiment may get several.", ("verdict",), given, total=True
    )


def _of_arms(arms: list[ArmView], metric: str) -> Iterator[MetricFamily]:
    asked: Samples = []
    for arm in arms:
        asked += [((arm.name, "accepted"), arm.proposals), ((arm.name, "refused"), arm.refused)]
    yield MetricFamily(
        "arm_proposals",
        "Proposals of an arm: accepted, or refused for a fault of their own.",
        ("arm", "result"),
        asked,
        total=True,
    )
    merged: Samples = [((arm.name,), arm.merged) for arm in arms]
    yield MetricFamily("arm_merges", "Experiments of an arm that merged.", ("arm",), merged, total=True)
    gains: Samples = [((arm.name, metric), arm.gain) for arm in arms]
    yield MetricFamily(
        "arm_gain_value",
        "How much better an arm's merges made the best, in the metric's unit.",
        ("arm", "metric"),
        gains,
    )
    busy: Samples = [((arm.name,), arm.gpu_hours * 3600) for arm in arms]
    yield MetricFamily(
        "arm_busy_seconds",
        "Seconds for which runs of an arm's finished experiments kept slots busy.",
        ("arm",),
        busy,
        total=True,
    )


def _of_idle_arms(arms: list[ArmView]) -> Iterator[MetricFamily]:
    """Arms that give nothing. A reason is there from the start at 0, so that a change is seen."""
    troubles = [(arm.name, arm.trouble if isinstance(arm.trouble, ArmTroubleView) else None) for arm in arms]
    stopped: Samples = [
        ((name, reason.value), float(trouble is not None and trouble.reason is reason))
        for name, trouble in troubles
        for reason in ArmReason
    ]
    yield MetricFamily(
        "arm_stopped",
        "1 while an arm gives nothing for that reason: it is stopped, or gave nothing for many briefs.",
        ("arm", "reason"),
        stopped,
    )
    briefs: Samples = [((name,), trouble.briefs if trouble else 0) for name, trouble in troubles]
    yield MetricFamily(
        "arm_briefs_without_result",
        "Briefs in a row for which an arm gave nothing, from the number on that people are warned after.",
        ("arm",),
        briefs,
    )


def _of_agents(agents: list[AgentView]) -> Iterator[MetricFamily]:
    counts: Samples = [((state,), sum(agent.state is state for agent in agents)) for state in SHOWN]
    yield MetricFamily("agents", "Agents that have not left, by state.", ("state",), counts)
    states: Samples = [
        ((agent.id, state), float(agent.state is state)) for agent in agents for state in SHOWN
    ]
    yield MetricFamily(
        "agent_state", "1 for the state the agent is in, 0 for the others.", ("agent", "state"), states
    )
    infos: Samples = [((agent.id, agent.division, agent.gpu), 1.0) for agent in agents]
    yield MetricFamily("agent_info", "1; what the agent owns.", ("agent", "division", "gpu"), infos)
    tiers: Samples = [((agent.id, agent.sandbox), 1.0) for agent in agents]
    yield MetricFamily(
        "sandbox_tier_info", "1; the sandbox the agent's runs are confined by.", ("agent", "tier"), tiers
    )
    aside: Samples = [((agent.id,), float(is_set_aside(agent.slot))) for agent in agents]
    yield MetricFamily(
        "agent_set_aside", "1 for an agent whose slot is set aside, 0 for the others.", ("agent",), aside
    )
    progress: Samples = [((agent.id,), agent.progress) for agent in agents if agent.progress is not None]
    yield MetricFamily(
        "agent_progress_ratio", "Share of its budget the agent's run has spent.", ("agent",), progress
    )


def _of_calls(spend: SpendView) -> Iterator[MetricFamily]:
    """Dollars are gauges: a call that counted at its estimate may turn out cheaper."""
    labels = ("arm", "model")
    tallies = [((tally.arm, tally.model), tally) for tally in spend.models]
    calls: Samples = [(names, tally.calls) for names, tally in tallies]
    yield MetricFamily(
        "llm_calls", "Calls of language models that came to their end.", labels, calls, total=True
    )
    tokens: Samples = []
    for names, tally in tallies:
        tokens += [
            ((*names, "prompt"), tally.prompt_tokens),
            ((*names, "completion"), tally.completion_tokens),
        ]
    yield MetricFamily(
        "llm_tokens", "Tokens of calls of language models, by kind.", (*labels, "kind"), tokens, total=True
    )
    dollars: Samples = [(names, tally.llm_usd) for names, tally in tallies]
    yield MetricFamily(
        "llm_spent_usd", "US dollars of calls of language models, without unpriced ones.", labels, dollars
    )
    unpriced: Samples = [(names, tally.unpriced) for names, tally in tallies]
    yield MetricFamily(
        "llm_unpriced_calls", "Calls that used tokens and have no known price.", labels, unpriced
    )
    estimated: Samples = [(names, tally.estimated) for names, tally in tallies]
    yield MetricFamily(
        "llm_estimated_calls", "Calls whose tokens or dollars are an estimate.", labels, estimated
    )


def _of_money(spend: SpendView) -> Iterator[MetricFamily]:
    slots: Samples = [((tally.arm,), tally.gpu_usd) for tally in spend.slots]
    yield MetricFamily(
        "gpu_spent_usd",
        "US dollars of slots while trainings ran on them; a baseline's arm is empty.",
        ("arm",),
        slots,
    )
    yield MetricFamily(
        "reserved_usd", "US dollars set aside for open calls and runs.", (), [((), spend.reserved_usd)]
    )
    yield MetricFamily(
        "cap_usd", "US dollars that the campaign may cost; 0 means no cap.", (), [((), spend.cap_usd)]
    )
