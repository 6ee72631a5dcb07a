"""What is kept of slots beside each other, and what it changes to set one aside. Called by
``CampaignState.apply`` only.

Observed are the runs that are made more than once of one program and that no value of their own was chosen
for: of baselines, certificates and confirmations, and of bests that are run again.
"""

from math import log
from statistics import fmean

from msgspec.structs import replace

from coordinator.domain import Purpose
from coordinator.protocol import AgentCard
from coordinator.state import noise
from coordinator.state.divisions import Agent, Division
from coordinator.state.facts import Facts
from coordinator.state.records import Experiment, Run
from coordinator.state.slot_events import SlotSetAside
from evaluator.result import RunResult
from evaluator.slot_evidence import evidence_of


def joined(facts: Facts, card: AgentCard) -> Agent:
    """The agent as it is from now on. Its slot begins anew where it is another machine's, or where it was set
    aside and the agent was started anew; else what is known of it stays.
    """
    earlier = facts.agents.get(card.agent)
    if earlier is None:
        return Agent(card=card)
    begins_anew = _machine(earlier.card) != _machine(card) or (
        bool(earlier.set_aside) and earlier.card.incarnation != card.incarnation
    )
    if begins_anew:
        facts.off_slots.pop(card.agent, None)
        return Agent(card=card, run=earlier.run, life=earlier.life + 1)
    return Agent(
        card=card,
        run=earlier.run,
        life=earlier.life,
        checks=earlier.checks,
        since_check=earlier.since_check,
        evidence=earlier.evidence,
        set_aside=earlier.set_aside,
        set_aside_by=earlier.set_aside_by,
    )


def _machine(card: AgentCard) -> tuple[str, str, str]:
    return card.division, card.node, card.gpu


def leased(agent: Agent, run: Run) -> None:
    """The agent's slot makes the run."""
    run.slot = agent.slot
    if run.purpose in noise.REPEATED:
        agent.checks, agent.since_check = agent.checks + 1, 0
    else:
        agent.since_check += 1


def observe(facts: Facts, experiment: Experiment, run: Run, agent: Agent) -> None:
    """A run is measured: what it says of the agent's slot, where others make the same run."""
    division = facts.divisions[experiment.division]
    if run.purpose not in noise.REPEATED or run.value is None or run.result is None:
        return
    if run.slot != agent.slot or run.slot in division.disbelieved:
        return
    program = f"{experiment.experiment}/{run.round}"
    division.values.add(program, run.slot, run.value)
    if (rate := rate_of(run.result)) is not None:
        division.rates.add(program, run.slot, log(rate))
    judge(facts, agent)


def rate_of(result: RunResult) -> float | None:
    """Batches a second of training, by the judge's count; of one program they tell slots apart. None where
    that is not known.
    """
    seconds = result.seconds.train
    return result.steps / seconds if result.steps > 0 and seconds > 0 else None


def judge(facts: Facts, agent: Agent) -> None:
    """Take down how the agent's slot stands beside the others."""
    division = facts.divisions[agent.card.division]
    by_rate = not facts.rules.budget.unit.deterministic
    agent.evidence = evidence_of(division.values, division.rates, agent.slot, by_rate=by_rate)
    if agent.evidence.off is not None and not agent.set_aside:
        facts.off_slots[agent.card.agent] = None
    else:
        facts.off_slots.pop(agent.card.agent, None)


def set_aside(facts: Facts, event: SlotSetAside) -> None:
    """The slot gets no more runs. What it measured leaves the noise, the best and verdicts to come."""
    agent = facts.agents[event.agent]
    division, slot = facts.divisions[agent.card.division], agent.slot
    agent.set_aside, agent.set_aside_by = event.reason, event.test
    division.disbelieved[slot] = event.agent
    for run in open_runs_of(facts, slot):
        run.void = True
    division.values.remove(slot)
    division.rates.remove(slot)
    division.looks = [look for look in division.looks if look.slot != slot]
    noise.pool_again(division, facts.experiments, facts.settled + 1)
    _correct_best(facts, division, event)
    _correct_baseline(facts, division)
    for other in facts.agents.values():
        if other.card.division == division.name:
            judge(facts, other)


def open_runs_of(facts: Facts, slot: str) -> list[Run]:
    """Measured runs of the slot that verdicts to come would rest on. The screen of a step is none: its
    certificate rests on other runs.
    """
    experiments = [facts.experiments[name] for name in facts.live]
    return [
        run
        for experiment in experiments
        if not experiment.baseline
        for run in experiment.resting
        if run.slot == slot and (run.purpose is Purpose.CONFIRM or not experiment.stepped)
    ]


def _correct_baseline(facts: Facts, division: Division) -> None:
    """Its value is that of the runs that are believed, where there are any."""
    baseline = facts.experiments[division.baseline]
    if not division.history or not any(run.slot in division.disbelieved for run in baseline.runs):
        return
    if len(division.history) > 1:
        believed = [run for run in baseline.runs if run.slot not in division.disbelieved]
        left = [run.value for run in believed if run.value is not None]
        if left:
            first = division.history[0]
            division.history[0] = replace(first, value=fmean(left), runs=len(left))
    baseline.value = division.history[0].value


def _correct_best(facts: Facts, division: Division, event: SlotSetAside) -> None:
    best = division.best
    if best is None:
        return
    if event.doubtful:
        division.doubtful = event.agent
    elif event.best_value is not None:
        again = replace(
            best,
            value=event.best_value,
            runs=event.best_runs,
            since=facts.settled + 1,
            sigma=division.sigma,
        )
        division.history[-1] = replace(again, since=best.since)
        if not division.trunk:
            division.heads.append(again)
