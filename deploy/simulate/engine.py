"""One simulated campaign: slots lease what the rules give, train for virtual minutes and report; their agents
think of the next proposal meanwhile. Pure: no disk, no git, no threads, no clock but a heap of times.

Everything that is decided is decided by ``coordinator.rules`` over a ``CampaignState``, as in a real
campaign. What is made up is what a proposal does, what a run measures, and how long both take.
"""

from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise

from coordinator.domain import Phase
from coordinator.protocol import AgentCard, Proposal, Token, Wait
from coordinator.rules import campaign
from coordinator.rules.last_runs import runs_left
from coordinator.rules.next_step import next_lease
from coordinator.rules.proposing import briefs, proposals
from coordinator.rules.slots import early_stops, leases
from coordinator.state.events import CampaignStarted
from coordinator.state.records import Run
from deploy.simulate.campaign_in_memory import CampaignInMemory
from deploy.simulate.effect_model import FURTHER
from deploy.simulate.measuring import Conditions
from deploy.simulate.programs import Programs
from deploy.simulate.swarm_scenario import SwarmScenario
from deploy.simulate.virtual_slot import Slot, agent_name
from evaluator.early_stop import EarlyLook
from evaluator.result import Measured, RunResult, Seconds
from trainer.simulated.early_end import looked_at

ROOT = "root"
"""Commit of the baseline."""
MADE_OF_TWO = 1 << 40
"""What is made of two experiments, or transferred, is drawn for beyond all proposals: these stay the same."""
STEPS = 1_000
"""Of every run: the work that a slot of another speed takes longer or shorter for."""
REPORTED = 4_096
"""Steps between two words of how far it is, less than a second."""
SIMULATED = "simulated"
"""The tier of its runs, and the name of its one arm's proposals."""


class Engine:
    """Plays one campaign. Times are virtual seconds from 0."""

    def __init__(self, scenario: SwarmScenario, seed: int, keep: bool = False) -> None:
        """seed: another one is another campaign. keep: remember its events."""
        self.scenario = scenario
        self._seed = seed
        self.divisions = list(dict.fromkeys(slot.division for slot in scenario.slots))
        """Names, by their numbers."""
        self.programs = Programs(scenario.model, seed, ROOT, scenario.conflicts, len(self.divisions))
        self.campaign = CampaignInMemory(self.programs, keep)
        self.state = self.campaign.state
        self.now = 0.0
        self.leased = 0
        """Runs that have begun."""
        self._slots = {agent_name(number): slot for number, slot in enumerate(scenario.slots)}
        self._heap: list[tuple[float, int, str, str]] = []
        """When, in which order of equals, which agent; and the parent of its proposal, empty for a report."""
        self._scheduled = 0
        self._results: dict[str, RunResult] = {}
        """What the runs under way will come to, by agent."""
        self._idle: dict[str, deque[str]] = {}
        """Agents whose slots wait, by division."""
        self._free: dict[str, deque[str]] = {}
        """Agents that have nothing to think about, by division."""
        self._proposed: Counter[str] = Counter()
        """Proposals by division: the k-th of each is the same idea, whatever the others do."""
        self._numbers: dict[str, int] = {}
        """Which of the proposals an experiment is, by its name."""
        self._thinking = dict.fromkeys((slot.division for slot in scenario.slots), 0)
        """Agents that hold a brief, by division."""
        self.staleness = 0
        """Heads that came between briefs and the first results of their proposals, all of them together."""
        self._heads_at_brief: dict[str, int] = {}
        """How many its division had had, by the agent that holds a brief."""
        self._heads_at_proposal: dict[str, int] = {}
        """The same by experiments that have no result yet."""
        self._open()

    def play(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """To the end of the campaign. progress: called now and then with the share that is done."""
        steps = 0
        while self._heap and self.state.phase is not Phase.FINISHED:
            self.step()
            steps += 1
            if not steps % REPORTED:
                progress(min(1.0, self.leased / self.scenario.expected_runs))

    def step(self) -> None:
        """The next thing that happens."""
        self.now, _, agent, parent = heappop(self._heap)
        if parent:
            self._propose(agent, parent)
        else:
            self._report(agent)
        self.campaign.settle(self.now)
        self._go_on()

    def _open(self) -> None:
        rules = self.scenario.rules_for(self._seed)
        started = CampaignStarted(
            campaign=SIMULATED, task=SIMULATED, surface="train.py", commit=ROOT, digest="d-root", rules=rules
        )
        self.campaign.commit([started], self.now)
        self.campaign.commit(campaign.begin(self.state, rules, self.now), self.now)
        for agent, slot in self._slots.items():
            card = AgentCard(agent=agent, incarnation="1", division=slot.division, sandbox=SIMULATED)
            self.campaign.commit(campaign.join(self.state, card), self.now)
            self._idle.setdefault(slot.division, deque()).append(agent)
            self._free.setdefault(slot.division, deque()).append(agent)
        self._go_on()

    # ------------------------------------------------------------------ agents

    def _go_on(self) -> None:
        """Let those who wait have what the rules give now: runs for idle slots, briefs for free agents."""
        for division in self._idle:
            idle = self._idle[division]
            while idle and (self.state.agents[idle[0]].set_aside or self._lease(idle[0])):
                idle.popleft()
            while self._free[division] and self._think(self._free[division][0]):
                self._free[division].popleft()

    def _lease(self, agent: str) -> bool:
        """Take the next run; whether there was one."""
        holder = self.state.agents[agent]
        while holder.run is None and (step := next_lease(self.state, agent)) is not None:
            self.campaign.perform(step, self.now)
            if holder.run is None:  # it went stale, or was made of two
                self.campaign.settle(self.now)
        name = holder.run
        if name is None:
            return False
        self.leased += 1
        run = self.state.runs[name]
        self._results[agent] = result = self._result(run, self._slots[agent])
        self._schedule(result.finished_at - result.started_at, agent, "")
        if not runs_left(self.state):
            self.campaign.settle(self.now)
        return True

    def _think(self, agent: str) -> bool:
        """Take a brief; whether there was one."""
        division = self._slots[agent].division
        scope = briefs.scope_of(self.state, agent, self._thinking[division], self.now)
        if isinstance(scope, Wait):
            return False
        self._thinking[division] += 1
        self._heads_at_brief[agent] = len(scope.division.heads)
        self._schedule(60 * self.scenario.thinking, agent, briefs.parent_of(self.state, scope))
        return True

    def _propose(self, agent: str, parent: str) -> None:
        division = self._slots[agent].division
        self._thinking[division] -= 1
        self._free[division].append(agent)
        number = self._proposed[division] + 1 + FURTHER * self.divisions.index(division)
        proposal = Proposal(
            proposal=f"p{number}",
            ordinal=len(self.state.by_ordinal) + 1,
            arm=self.state.rules.arms[0].name,
            parent=parent,
            source="",
            title=SIMULATED,
        )
        digest = f"d-p{number}"
        if proposals.refuse(self.state, agent, proposal, digest) is not None:
            return  # the campaign has ended meanwhile
        name = proposals.next_experiment(self.state)
        self._heads_at_proposal[name], self._numbers[name] = self._heads_at_brief[agent], number
        self._proposed[division] += 1
        commit = self.programs.propose(number, parent)
        self.campaign.commit(proposals.propose(self.state, agent, proposal, digest, commit, {}), self.now)

    def _report(self, agent: str) -> None:
        name = self.state.agents[agent].run
        if name is None:  # its slot was set aside meanwhile
            return
        run = self.state.runs[name]
        token = run.token
        assert isinstance(token, Token)  # noqa: S101 - it was leased to be reported
        division = self._slots[agent].division
        self._idle[division].append(agent)
        if (before := self._heads_at_proposal.pop(run.experiment, None)) is not None:
            heads = self.state.divisions[division].heads[max(0, before - 1) :]
            self.staleness += sum(new.commit != old.commit for old, new in pairwise(heads))
        self.campaign.commit(
            leases.report(self.state, agent, token, self._results.pop(agent), None), self.now
        )

    def _result(self, run: Run, slot: Slot) -> RunResult:
        ordinal, number = self._place(run)
        value = self._conditions.value(
            self.state.metric,
            self.programs.gain(
                self.state.experiments[run.experiment].commit, self.divisions.index(slot.division)
            ),
            slot,
            (self._seed, ordinal, number),
            run.seed,
            run.leased_at / 3600,
        )
        seconds = self._conditions.seconds(slot, self._seed, ordinal, number)
        whole = RunResult(
            run=run.run,
            outcome=Measured(value),
            seed=run.seed,
            sandbox=SIMULATED,
            started_at=self.now,
            finished_at=self.now + seconds,
            seconds=Seconds(train=seconds, total=seconds),
            steps=STEPS,
        )
        plan = early_stops.stop_plan(self.state, run)
        loss = 0.0 if plan is None else self._conditions.early_loss(value, (self._seed, ordinal, number))
        return whole if plan is None else looked_at(whole, EarlyLook(plan, self.state.metric.gain(loss, 0.0)))

    def _place(self, run: Run) -> tuple[int, int]:
        """Which of the proposals its experiment is, 0 and below for the baselines of divisions and beyond all
        proposals for what the coordinator made or transferred; and the run's number there.
        """
        experiment, number = self.state.experiments[run.experiment], int(run.run.rpartition(".")[2])
        if experiment.baseline:
            return -list(self.state.divisions).index(experiment.division), number
        return self._numbers.get(run.experiment, MADE_OF_TWO + experiment.ordinal), number

    @property
    def _conditions(self) -> Conditions:
        return self.scenario.conditions

    def _schedule(self, seconds: float, agent: str, parent: str) -> None:
        self._scheduled += 1
        heappush(self._heap, (self.now + seconds, self._scheduled, agent, parent))
