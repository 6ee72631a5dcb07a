"""The status page of a state. Pure: a function of a state and ``now``, it needs no running coordinator."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from coordinator.domain import Phase, State
from coordinator.rule_values.prices import HOUR
from coordinator.rules.budget_cap import reserved_usd
from coordinator.rules.heads import baselines
from coordinator.rules.lookups import proposes_in
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Agent, Best, Division
from coordinator.state.records import Experiment, Run
from coordinator.state.tallies.arm_tally import ArmTally
from coordinator.views.call_remarks import call_remarks
from coordinator.views.early_report import early_report
from coordinator.views.false_merges import FalseMerges, FalseMergesMemory, FalseMergesView
from coordinator.views.slots_report import doubtful, slot_view
from coordinator.views.status_page import (
    SCHEMA,
    AgentState,
    AgentView,
    ArmTroubleView,
    ArmView,
    BaselineView,
    BestView,
    DivisionView,
    ExperimentCounts,
    ModelSpend,
    OccupancyView,
    PageState,
    PairingView,
    RunCounts,
    SlotSpend,
    SpendView,
    StatusPage,
    TrustView,
)
from coordinator.views.transfers_view import TransfersView
from coordinator.views.value_by_rows import rows_of
from evaluator.result import Progress

NO_PROGRESS: Mapping[str, Progress] = {}


def status(
    state: CampaignState,
    now: float,
    alive: bool,
    progress: Mapping[str, Progress] = NO_PROGRESS,
    calls_usd: float = 0.0,
    missing: Collection[str] = (),
    metrics: str = "",
    false_merges: FalseMergesMemory | None = None,
) -> StatusPage:
    """One page about a campaign.

    now: seconds since the epoch. alive: whether a coordinator works on it now. progress: of open runs, by
    agent, as far as it is known. calls_usd: US dollars set aside for open calls. missing:
    agents that are late with their next call; nobody has to call once the campaign is finished. metrics:
    address they are served at. false_merges: what it remembers of a state that goes on.
    """
    late = () if state.phase is Phase.FINISHED else missing
    return StatusPage(
        schema=SCHEMA,
        campaign=state.start.campaign,
        state=_page_state(state, alive),
        reason=state.phase_reason,
        failed=state.failed,
        remedy=baselines.remedy(state),
        task=state.start.task,
        metric=state.metric,
        divisions=_divisions(state, false_merges or FalseMergesMemory()),
        experiments=ExperimentCounts(**{one.value: state.states[one] for one in State}),
        runs=_runs(state),
        verdicts=dict(state.verdicts),
        refusals=dict(state.refusals),
        arms=[_arm(state, name) for name in arm_names(state)],
        trust=_trust(state),
        agents=[
            _agent(state, name, agent, _doing(agent, alive, name in late), progress)
            for name, agent in sorted(state.agents.items())
        ],
        occupancy=_occupancy(state, now, alive),
        spend_usd=state.spend.usd,
        spend=spend(state, calls_usd if alive else 0.0),
        started_at=state.started_at,
        updated_at=state.last_at,
        metrics=metrics,
    )


def spend(state: CampaignState, calls_usd: float) -> SpendView:
    """What was spent. calls_usd: US dollars set aside for open calls; for open runs it is added here."""
    spent, total = state.spend, state.spend.total
    return SpendView(
        llm_usd=total.llm_usd,
        gpu_usd=spent.slots.gpu_usd,
        reserved_usd=reserved_usd(state, calls_usd),
        cap_usd=state.start.rules.money.cap_usd,
        capped=state.capped,
        calls=total.calls,
        unpriced_calls=total.unpriced,
        estimated_calls=total.estimated,
        prompt_tokens=total.prompt_tokens,
        completion_tokens=total.completion_tokens,
        llm_seconds=total.llm_seconds,
        gpu_hours=spent.slots.gpu_seconds / HOUR,
        models=[
            ModelSpend(arm=arm, model=model, **asdict(tally))
            for (arm, model), tally in spent.by_model.items()
        ],
        slots=[
            SlotSpend(arm=arm, gpu_hours=tally.gpu_seconds / HOUR, gpu_usd=tally.gpu_usd)
            for arm, tally in spent.by_arm.items()
        ],
        remarks=call_remarks(spent),
    )


def _divisions(state: CampaignState, memory: FalseMergesMemory) -> list[DivisionView]:
    said = memory.of(state)
    return [division_view(state, division, said.get(division.name)) for division in state.divisions.values()]


def arm_names(state: CampaignState) -> list[str]:
    """The configuration's arms in its order, then those that were there before."""
    return list(dict.fromkeys((*(arm.name for arm in state.start.rules.arms), *state.arms)))


def _page_state(state: CampaignState, alive: bool) -> PageState:
    return PageState(state.phase.value) if alive or state.phase is Phase.FINISHED else PageState.STOPPED


def _runs(state: CampaignState) -> RunCounts:
    return RunCounts(**{name: state.outcomes[name] for name in RunCounts.__struct_fields__})


def _trust(state: CampaignState) -> TrustView:
    rules = state.start.rules.trust
    return TrustView(mode=rules.mode, allow_untrusted=rules.allow_untrusted)


def _occupancy(state: CampaignState, now: float, alive: bool) -> OccupancyView:
    """Of a campaign nobody works on: up to its last event."""
    open_runs = [(run.agent, run.leased_at) for run in _open_runs(state) if run.agent] if alive else []
    shares = state.occupancy.shares(now if alive else state.last_at, open_runs)
    return OccupancyView(whole=shares.whole, last_10_min=shares.last_10_min)


def _open_runs(state: CampaignState) -> Iterator[Run]:
    return (state.runs[agent.run] for agent in state.agents.values() if agent.run)


def division_view(state: CampaignState, division: Division, said: FalseMerges | None = None) -> DivisionView:
    """A division, its baseline and its best. said: of its merges."""
    baseline = state.experiments[division.baseline]
    return DivisionView(
        name=division.name,
        baseline=BaselineView(value=baseline.value, sigma=division.sigma, runs=_runs_of(division, baseline)),
        best=_best(state, division, division.best) if division.best else None,
        floor=next((run.result.floor for run in baseline.runs if run.result), None),
        merges=max(0, len(division.history) - 1),
        steps=len(division.trunk),
        trunk=division.trunk[-1].value if division.trunk else None,
        pairing=_pairing(division),
        doubtful=doubtful(division),
        transfers=_transfers(state, division),
        false_merges=_false_merges(state, division, said) if said and said.merges else UNSET,
        early=early_report(state, division),
    )


def _runs_of(division: Division, baseline: Experiment) -> int:
    """That its value rests on."""
    as_best = bool(division.history) and division.history[0].value == baseline.value
    return division.history[0].runs if as_best else len(baseline.values)


def _false_merges(state: CampaignState, division: Division, said: FalseMerges) -> FalseMergesView:
    grounds = [state.experiments[best.experiment].grounds for best in division.history[1:]]
    return FalseMergesView(
        merges=said.merges,
        expected=said.expected,
        unknown=said.unknown,
        marked=sum(one is not None and bool(one.marks) for one in grounds),
    )


def _pairing(division: Division) -> PairingView | UnsetType:
    one = division.pairing
    if one is None:
        return UNSET
    return PairingView(correlation=one.correlation, freedom=one.freedom, taken_off=one.holds)


def _transfers(state: CampaignState, division: Division) -> TransfersView | UnsetType:
    """Nothing where there is none and everybody proposes."""
    ends, proposes = (
        [state.experiments[name].state for name in division.transfers],
        proposes_in(state, division),
    )
    if not ends and proposes:
        return UNSET
    return TransfersView(tried=len(ends), merged=ends.count(State.MERGED), proposes=proposes)


def _best(state: CampaignState, division: Division, best: Best) -> BestView:
    return BestView(
        experiment=best.experiment,
        commit=best.commit,
        value=best.value,
        sigma=division.sigma,
        runs=best.runs,
        title=state.experiments[best.experiment].title,
        rows=rows_of(state.experiments[best.experiment]),
    )


def _doing(agent: Agent, alive: bool, late: bool) -> AgentState:
    if not alive:
        return AgentState.GONE
    if not agent.present:
        return AgentState.LOST if agent.lost else AgentState.GONE
    if late:
        return AgentState.LOST
    return AgentState.TRAINING if agent.run else AgentState.IDLE


def _agent(
    state: CampaignState, name: str, agent: Agent, doing: AgentState, progress: Mapping[str, Progress]
) -> AgentView:
    return AgentView(
        id=name,
        state=doing,
        run=agent.run,
        division=agent.card.division,
        gpu=agent.card.gpu,
        sandbox=agent.card.sandbox,
        progress=progress[name].share if name in progress and agent.run else None,
        losses=agent.losses,
        why_lost=agent.why_lost if agent.losses else "",
        slot=slot_view(state, agent),
    )


def _arm(state: CampaignState, name: str) -> ArmView:
    counts, tally = state.arms.get(name, Counter()), state.tallies.get(name, ArmTally())
    return ArmView(
        name=name,
        proposals=counts["proposals"],
        refused=counts["refused"],
        runs=counts["runs"],
        **{final.value: counts[final.value] for final in State if final.final},
        gain=tally.gain,
        gpu_hours=tally.hours,
        trouble=arm_trouble(state, name),
    )


def arm_trouble(state: CampaignState, name: str) -> ArmTroubleView | UnsetType:
    """Why an arm gives nothing, as the agents say that are there, or that were when the last one left."""
    notes = state.troubles.of(name)
    if any(agent.present for agent in state.agents.values()):
        notes = [note for note in notes if state.agents[note.agent].present]
    if not notes:
        return UNSET
    return ArmTroubleView(
        reason=notes[0].reason,
        stopped=notes[0].stopped,
        briefs=max(note.briefs for note in notes),
        agents=sum(note.stopped == notes[0].stopped for note in notes),
        words=notes[0].words,
        remedy=notes[0].remedy,
        since=min(note.since for note in notes),
    )
