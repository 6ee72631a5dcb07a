"""Rules of what is thought about: whose turn it is, and what its brief tells. Pure."""

from collections.abc import Container

from msgspec import Struct

from coordinator.domain import Origin, Phase, Strategy
from coordinator.protocol import Brief, Piece, Wait
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.lookups import division_of, enough_is_proposed, horizon_of, proposes_in
from coordinator.rules.proposing import recall
from coordinator.rules.proposing.turns.arm_choice import arm_for
from coordinator.rules.proposing.turns.strategy import dry_spell, strategy_of, subjects
from coordinator.rules.seeds import drawn
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best, Division
from coordinator.state.records import Experiment


class Scope(Struct, frozen=True, kw_only=True):
    """What a brief may rest on."""

    division: Division
    arm: ArmShare
    salt: str
    """What tells briefs of the same ordinal apart; empty in order, where there is one at a time."""
    best: Best | None
    """The division's head, as far as it may be known."""
    finished: list[str]
    """Experiments with a verdict that it may tell of, oldest first."""
    now: float | None
    """Seconds since the epoch; None in order, where nothing may depend on time."""


def brief(
    state: CampaignState, agent: str, thinking: int, now: float | None = None, offered: Container[str] = ()
) -> Brief | Wait:
    """What to think about next, without the sources and the charter.

    thinking: other agents of the division that hold a brief now. now: seconds since the epoch. offered:
    crashed experiments that somebody was asked to repair.
    """
    scope = scope_of(state, agent, thinking, now)
    return scope if isinstance(scope, Wait) else _brief(state, scope, offered)


def scope_of(state: CampaignState, agent: str, thinking: int, now: float | None = None) -> Scope | Wait:
    """Whether an agent is to think now, and what its brief may rest on. Arguments as of ``brief``."""
    division = division_of(state, agent)
    if state.phase is not Phase.RUNNING:
        return Wait(state.phase_reason, stop=state.phase is Phase.FINISHED)
    if not proposes_in(state, division):
        return Wait("campaign.propose_in names other divisions")
    if enough_is_proposed(state.rules, state.proposed + thinking):
        return Wait("enough is proposed")
    if state.rules.lookahead:
        return _scope_in_order(state, division, thinking)
    return _scope_now(state, division, thinking, agent, now)


def parent_of(state: CampaignState, scope: Scope) -> str:
    """The commit that the brief of that scope starts from."""
    best = _starting_point(scope)
    return best.commit if best else state.start.commit


def _starting_point(scope: Scope) -> Best | None:
    alone = scope.arm.parent is Origin.BASELINE
    return scope.division.history[0] if alone and scope.best else scope.best


def _scope_now(
    state: CampaignState, division: Division, thinking: int, agent: str, now: float | None
) -> Scope | Wait:
    if division.screens + thinking >= state.present[division.name] * state.rules.ahead:
        return Wait("enough proposals are ready")
    return Scope(
        division=division,
        arm=arm_for(state, thinking),
        salt=f"{agent}:{thinking}",
        best=division.head,
        finished=[*state.finished[-state.rules.history :], *(one.experiment for one in division.trunk)],
        now=now,
    )


def _scope_in_order(state: CampaignState, division: Division, thinking: int) -> Scope | Wait:
    horizon = horizon_of(state, len(state.by_ordinal) + 1)
    if thinking or state.settled < horizon or division.best is None:
        return Wait("earlier experiments have no verdict yet")
    return Scope(
        division=division,
        arm=arm_for(state, 0),
        salt="",
        best=division.head_as_of(horizon),
        finished=state.by_ordinal[max(0, horizon - state.rules.history) : horizon],
        now=None,
    )


def _brief(state: CampaignState, scope: Scope, offered: Container[str]) -> Brief:
    rules, division, arm, ordinal = state.rules, scope.division, scope.arm, len(state.by_ordinal) + 1
    horizon = horizon_of(state, ordinal)
    best = _starting_point(scope)
    open_names = [name for name in state.live if not state.experiments[name].stepped]
    unfinished = state.by_ordinal[horizon:] if rules.lookahead else open_names
    seed = drawn(state, f"brief:{ordinal}:{state.refused}:{scope.salt}")
    repair = recall.repair(state, arm, division, horizon, offered)
    strategy = Strategy.FREE if repair else _strategy(state, arm, division, horizon)
    experiments = [
        experiment
        for experiment in map(state.experiments.__getitem__, scope.finished)
        if recall.may_know(arm, experiment, division)
    ]
    about = (
        subjects(strategy, arm, experiments, best, division.sigma or 0.0, rules.metric, seed) if best else []
    )
    return Brief(
        ordinal=ordinal,
        seed=seed,
        arm=arm.name,
        division=division.name,
        metric=rules.metric,
        parent=parent_of(state, scope),
        source="",
        baseline=state.experiments[division.baseline].value,
        best=best.value if best else None,
        sigma=best.sigma if best and best.sigma is not None else division.sigma,
        below_trunk=_below_trunk(state, division, best, horizon),
        tried=recall.tried(state, experiments, arm, division, horizon),
        running=recall.running(state, unfinished, arm, division, scope.now),
        strategy=strategy,
        pieces=[_piece(experiment) for experiment in about],
        barred=[other.name for other in rules.arms if other.parent is Origin.BASELINE and other is not arm],
        hints=state.hints.newest,
        lessons=[] if arm.parent is Origin.BASELINE else recall.lessons(state, horizon),
        repair=repair,
    )


def _below_trunk(state: CampaignState, division: Division, head: Best | None, horizon: int) -> float | None:
    """Value of the best where the brief starts from another commit, the trunk's; else None. In order it is
    what was known of it then: a best is run again.
    """
    best = division.best_as_of(horizon) if state.rules.lookahead else division.best
    if head is None or best is None or head.commit == best.commit or head not in division.heads:
        return None
    values = (one for one in reversed(division.heads) if one.commit == best.commit and one.since <= horizon)
    return next(values, best).value if state.rules.lookahead else best.value


def _strategy(state: CampaignState, arm: ArmShare, division: Division, horizon: int) -> Strategy:
    dry = dry_spell(division, horizon if state.rules.lookahead else None)
    return strategy_of(arm, dry, state.rules.plateau)


def _piece(experiment: Experiment) -> Piece:
    return Piece(
        experiment=experiment.experiment,
        title=experiment.title,
        parent=experiment.parent,
        commit=experiment.commit,
    )
