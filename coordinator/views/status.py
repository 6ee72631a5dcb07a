"""What people are shown: views of a state, as plain values ready for JSON. Schema 1; keys are only ever
added.

- Values are in the metric's unit, times are seconds since the epoch, durations are seconds, shares are 0 to
  1.
- A view is a function of a state and ``now``; it needs no running coordinator.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import stdev
from typing import Any

from msgspec import to_builtins

from coordinator.domain import Phase, State
from coordinator.rules import trust
from coordinator.rules.budget_cap import reserved_usd
from coordinator.state.arm_tally import ArmTally
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import CallSettled
from coordinator.state.prices import HOUR
from coordinator.state.records import Agent, Division, Experiment, Run
from evaluator.result import Progress

SCHEMA = 1

Json = dict[str, Any]


def status(
    state: CampaignState,
    now: float,
    alive: bool,
    progress: dict[str, Progress] | None = None,
    calls_usd: float = 0.0,
) -> Json:
    """One page about a campaign. alive: whether a coordinator works on it now; progress: of open runs,
    calls_usd: of open calls, where known.
    """
    held = [(run.agent, run.leased_at) for run in _open_runs(state) if run.agent]
    shares = state.occupancy.shares(now if alive else state.last_at, held if alive else [])
    return {
        "schema": SCHEMA,
        "campaign": state.start.campaign,
        "state": _phase(state, alive),
        "reason": state.phase_reason,
        "failed": state.failed,
        "task": state.start.task,
        "metric": {"name": state.metric.name, "direction": state.metric.direction.value},
        "divisions": [_division(state, division) for division in state.divisions.values()],
        "experiments": {each.value: state.states[each] for each in State},
        "runs": {
            name: state.outcomes[name] for name in ("measured", "crashed", "timed_out", "cheated", "lost")
        },
        "verdicts": dict(state.verdicts),
        "refusals": dict(state.refusals),
        "arms": [_arm(state, name) for name in arm_names(state)],
        "trust": {
            "mode": state.start.rules.trust.mode.value,
            "allow_untrusted": state.start.rules.trust.allow_untrusted,
        },
        "agents": [
            _agent(name, agent, alive, progress or {}) for name, agent in sorted(state.agents.items())
        ],
        "occupancy": {"whole": shares.whole, "last_10_min": shares.last_10_min},
        "spend_usd": state.spend.usd,
        "spend": spend(state, calls_usd if alive else 0.0),
        "started_at": state.started_at,
        "updated_at": state.last_at,
    }


def spend(state: CampaignState, calls_usd: float) -> Json:
    """What was spent, in dollars, tokens, hours and seconds. calls_usd: set aside for open calls; for open
    runs it is added here.
    """
    spent, total = state.spend, state.spend.total
    return {
        "llm_usd": total.llm_usd,
        "gpu_usd": spent.slots.gpu_usd,
        "reserved_usd": reserved_usd(state, calls_usd),
        "cap_usd": state.start.rules.money.cap_usd,
        "capped": state.capped,
        "calls": total.calls,
        "unpriced_calls": total.unpriced,
        "prompt_tokens": total.prompt_tokens,
        "completion_tokens": total.completion_tokens,
        "llm_seconds": total.llm_seconds,
        "gpu_hours": spent.slots.gpu_seconds / HOUR,
        "models": [
            {"arm": arm, "model": model, **to_builtins(tally)}
            for (arm, model), tally in spent.by_model.items()
        ],
        "slots": [
            {"arm": arm, "gpu_hours": tally.gpu_seconds / HOUR, "gpu_usd": tally.gpu_usd}
            for arm, tally in spent.by_arm.items()
        ],
    }


def call_row(event: CallSettled) -> Json:
    """One call of a model."""
    row: Json = to_builtins(event)
    del row["event"]
    return row


def rows(state: CampaignState) -> list[Json]:
    """One row per experiment: bests first, newest best on top, then by value, then those without one."""
    held = {
        best.experiment: number
        for division in state.divisions.values()
        for number, best in enumerate(division.history)
    }

    def rank(experiment: Experiment) -> tuple[int, float]:
        value = _value(experiment)
        if experiment.experiment in held:
            return (0, -held[experiment.experiment])
        return (2, experiment.ordinal) if value is None else (1, -state.metric.gain(0.0, value))

    return [row(experiment) for experiment in sorted(state.experiments.values(), key=rank)]


def row(experiment: Experiment) -> Json:
    """One experiment."""
    grounds = experiment.grounds or trust.grounds([run.result for run in experiment.counted if run.result])
    spread = stdev(experiment.values) if len(experiment.values) > 1 else None
    return {
        "experiment": experiment.experiment,
        "commit": experiment.merge_commit or experiment.commit,
        "parent": experiment.parent or None,
        "division": experiment.division,
        "value": _value(experiment),
        "spread": spread,
        "runs": experiment.grounds.runs if experiment.grounds else len(experiment.values),
        "sandbox": grounds.tier or None,
        "audit": to_builtins(grounds.audit),
        "open": grounds.marks if experiment.values else "",
        "state": experiment.state.value,
        "verdict": experiment.verdict.value if experiment.verdict else None,
        "reason": experiment.reason,
        "arm": experiment.arm or None,
        "agent": experiment.agent or None,
        "title": experiment.title,
        "started_at": experiment.started_at,
        "finished_at": experiment.finished_at,
    }


def experiment_page(experiment: Experiment, calls: Iterable[CallSettled] = ()) -> Json:
    """Everything about one experiment. calls: of models, that led to it."""
    return {
        "schema": SCHEMA,
        **row(experiment),
        "hypothesis": experiment.hypothesis,
        "settings": experiment.settings,
        "calls": [call_row(event) for event in calls],
        "moves": experiment.constant_changes,
        "delta": experiment.delta,
        "near": experiment.near,
        "failure": experiment.failure or None,
        "repairs": experiment.repairs or None,
        "repaired": experiment.repaired or None,
        "story": experiment.story,
        "all_runs": [
            {
                "run": run.run,
                "purpose": run.purpose.value,
                "seed": run.seed,
                "counts": run.round == experiment.round,
                "outcome": run.result.outcome if run.result else None,
                "seconds": run.result.seconds if run.result else None,
                "floor": run.result.floor if run.result else None,
                "sandbox": run.result.sandbox if run.result else None,
                "audit": run.result.audit if run.result else None,
                "spent": run.result.spent if run.result else None,
                "cpu": run.result.cpu if run.result else None,
                "steps": run.result.steps if run.result else None,
                "tail": run.result.tail if run.result else "",
            }
            for run in experiment.runs
        ],
    }


def find(state: CampaignState, name: str) -> Experiment | None:
    """The experiment of an id, a short id (``12`` for ``e00012``), a commit's beginning, or ``best`` (of the
    first division).
    """
    if name == "best":
        bests = [division.best for division in state.divisions.values() if division.best]
        return state.experiments[bests[0].experiment] if bests else None
    padded = f"e{int(name):05d}" if name.isdecimal() and len(name) <= 5 else name
    for candidate in (padded, f"e{int(name[1:]):05d}" if name[:1] == "e" and name[1:].isdecimal() else name):
        if candidate in state.experiments:
            return state.experiments[candidate]
    if len(name) < 6:
        return None
    return next(
        (
            each
            for each in state.experiments.values()
            if each.commit.startswith(name) or each.merge_commit.startswith(name)
        ),
        None,
    )


def best_so_far(state: CampaignState, division: str) -> list[Json]:
    """Finished experiments of a division in the order of their verdicts: number, value, whether it merged,
    and the best after it.
    """
    best: float | None = None
    points = []
    for number, experiment in enumerate(_finished(state, division)):
        merged = experiment.state is State.MERGED
        best = experiment.value if merged else best
        points.append(
            {
                "number": number,
                "experiment": experiment.experiment,
                "value": _value(experiment),
                "merged": merged,
                "best": best,
            }
        )
    return points


def _finished(state: CampaignState, division: str) -> Iterator[Experiment]:
    return (
        state.experiments[name] for name in state.finished if state.experiments[name].division == division
    )


def _phase(state: CampaignState, alive: bool) -> str:
    return state.phase.value if alive or state.phase is Phase.FINISHED else "stopped"


def _division(state: CampaignState, division: Division) -> Json:
    baseline = state.experiments[division.baseline]
    best = division.best
    return {
        "name": division.name,
        "baseline": {"value": baseline.value, "sigma": division.sigma, "runs": len(baseline.values)},
        "best": best
        and {
            "experiment": best.experiment,
            "commit": best.commit,
            "value": best.value,
            "sigma": division.sigma,
            "runs": best.runs,
            "title": state.experiments[best.experiment].title,
        },
        "floor": next((run.result.floor for run in baseline.runs if run.result), None),
        "merges": max(0, len(division.history) - 1),
    }


def _agent(name: str, agent: Agent, alive: bool, progress: dict[str, Progress]) -> Json:
    state = "gone" if not (alive and agent.present) else "training" if agent.run else "idle"
    share = progress[name].share if name in progress and agent.run else None
    return {
        "id": name,
        "state": state,
        "run": agent.run,
        "division": agent.card.division,
        "gpu": agent.card.gpu,
        "sandbox": agent.card.sandbox,
        "progress": share,
    }


def arm_names(state: CampaignState) -> list[str]:
    """The configuration's arms in its order, then those that were there before."""
    return list(dict.fromkeys((*(arm.name for arm in state.start.rules.arms), *state.arms)))


def _arm(state: CampaignState, name: str) -> Json:
    """What came of an arm: proposals accepted and refused, runs, last verdicts, what its merges gained, and
    hours its runs kept slots busy.
    """
    counts, tally = state.arms.get(name, Counter()), state.tallies.get(name, ArmTally())
    counted = ("proposals", "refused", "runs", *(each.value for each in State if each.final))
    return {
        "name": name,
        **{what: counts.get(what, 0) for what in counted},
        "gain": tally.gain,
        "gpu_hours": tally.hours,
    }


def _open_runs(state: CampaignState) -> Iterator[Run]:
    return (state.runs[agent.run] for agent in state.agents.values() if agent.run)


def _value(experiment: Experiment) -> float | None:
    if experiment.value is not None:
        return experiment.value
    return sum(experiment.values) / len(experiment.values) if experiment.values else None
