"""Rules of when a slot makes a run that others made too, so that it can be compared with them (A/A). Pure.

- A slot's first run is one: while the baseline is measured there is nothing else to do, so that it takes no
  time. Four more follow within its first ten runs, for a slot that is off by noise is not told by fewer;
  then one every ``check_every`` runs. What it runs anyway of that kind (baselines, confirmations,
  certificates, the best once more) counts.
- A slot of which its runs say rather that it is off is looked at again at once. So is one that was set aside
  and whose agent was started anew.
- It is a run of the best where the policy runs that again anyway, and makes its value surer; else of the
  baseline, so that nothing changes but what is known of slots.
- Where slots make few runs it costs more than it can save: such runs are a twentieth of a slot's at most, and
  none where each is expected to make fewer than ten. In order there are none: they would depend on who is
  there. Among one slot or two they would say nothing.
"""

from math import inf
from statistics import fmean

from coordinator.domain import Phase, Purpose, State
from coordinator.rules.budget_cap import fits, run_usd
from coordinator.rules.lookups import enough_is_proposed
from coordinator.rules.seeds import queued
from coordinator.rules.wall_caps import division_cap
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Agent, Division
from coordinator.state.events import RunQueued
from coordinator.state.noise import REPEATED
from coordinator.state.records import Experiment
from evaluator.budget import Unit

LEAST_SLOTS = 3
"""Of a division, so that it can be said which one is off."""
FIRST_CHECKS, FIRST_GAP = 5, 1
"""Runs of the kind that are to come first, and other runs between two of them."""
AT_ONCE = 10
"""Runs of the kind up to which a slot that may be off is looked at again at once."""
MAY_BE_OFF = 1.1
"""E-value of a slot from which on that is done."""
SHARE = 0.05
"""Of a slot's runs, at most."""


def check_run(state: CampaignState, agent: str, calls_usd: float) -> RunQueued | None:
    """Another run of what other slots ran, for an agent that is to take it at once; None where none is due.
    calls_usd: set aside for open calls.
    """
    holder = state.agents[agent]
    division, rules = state.divisions[holder.card.division], state.rules
    if rules.lookahead or not rules.check_every or state.phase is not Phase.RUNNING:
        return None
    if believed_slots(state, division) < LEAST_SLOTS:
        return None
    if enough_is_proposed(rules, state.proposed):
        return None
    if division.queued and state.runs[division.next_run].purpose in REPEATED:
        return None
    program = _program(state, division)
    if program is None or not _is_due(state, holder, division):
        return None
    if not fits(state, run_usd(rules, division_cap(state, division.name)), calls_usd):
        return None
    return queued(state, program.experiment, len(program.runs) + 1, Purpose.REFRESH)


def believed_slots(state: CampaignState, division: Division) -> int:
    """Slots of a division that are there and not set aside."""
    aside = set(division.disbelieved.values())
    return state.present[division.name] - sum(
        state.agents[name].present and bool(state.agents[name].set_aside) for name in aside
    )


def _program(state: CampaignState, division: Division) -> Experiment | None:
    """What is run."""
    best, baseline = division.best, state.experiments[division.baseline]
    if best is not None and state.rules.policy.refresh_every:
        return state.experiments[best.experiment]
    return baseline if baseline.state not in (State.CRASHED, State.CHEATED) else None


def _is_due(state: CampaignState, holder: Agent, division: Division) -> bool:
    evidence = holder.evidence
    may_be_off = evidence is not None and evidence.e_value >= MAY_BE_OFF
    again = holder.life > 0 and holder.checks < FIRST_CHECKS
    if again or (may_be_off and holder.checks < AT_ONCE):
        return True
    if holder.checks >= _most(state, division):
        return False
    if holder.checks < FIRST_CHECKS:
        return holder.checks == 0 or holder.since_check >= FIRST_GAP
    return holder.since_check >= state.rules.check_every


def _most(state: CampaignState, division: Division) -> float:
    """Such runs that a slot makes at most, unless it looks off or comes back: by how many of all kinds it is
    expected to make.
    """
    rules, slots = state.rules, max(1, state.present.total())
    by_count = rules.max_experiments / slots if rules.max_experiments else inf
    by_runs = rules.max_runs / slots if rules.max_runs else inf
    seconds = _run_seconds(state, division)
    by_time = rules.max_hours * 3600 / seconds if rules.max_hours and seconds else inf
    expected = min(by_count, by_runs, by_time)
    return expected if expected == inf else round(SHARE * expected)


def _run_seconds(state: CampaignState, division: Division) -> float:
    """About how long a run takes; 0 where that is not known yet."""
    runs = [run.seconds for run in state.experiments[division.baseline].counted if run.seconds]
    if runs:
        return fmean(runs)
    budget = state.rules.budget
    return budget.amount if budget.unit is Unit.SECONDS else 0.0
