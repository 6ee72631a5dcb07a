"""Rules of what is thought about: briefs, whose turn it is, and what becomes of a proposal. Pure."""

from coordinator.arms import ArmTally
from coordinator.bandit import Candidate, choose
from coordinator.domain import ArmChoice, Origin, Phase, Purpose, Refusal, State
from coordinator.events import (
    ArmShare,
    ExperimentProposed,
    ProposalRefused,
    RunQueued,
)
from coordinator.protocol import Brief, Piece, Proposal, Tried, Wait
from coordinator.records import Best, Division, Experiment
from coordinator.rulebook import Rulebook, seed_of
from coordinator.strategy import dry_spell, strategy_of, subjects

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples fill the unit interval evenly, so arms get their shares without drawing lots."""


class Proposing(Rulebook):
    """From a brief to an experiment."""

    def brief(self, agent: str, thinking: int) -> Brief | Wait:
        """What to think about next, without the parent's source. thinking: other agents of the division that hold a brief now."""
        division = self.division_of(agent)
        if self.state.phase is not Phase.RUNNING:
            return Wait(self.state.phase_reason, stop=self.state.phase is Phase.FINISHED)
        if 0 < self.rules.max_experiments <= len(self.state.by_ordinal) + thinking:
            return Wait("enough is proposed")
        if self.rules.lookahead:
            return self._brief_in_step(division, thinking)
        present = sum(other.present and other.card.division == division.name for other in self.state.agents.values())
        if division.screens + thinking >= present * self.rules.ahead:
            return Wait("enough proposals are ready")
        tried, running = self.state.finished[-self.rules.history :], list(self.state.live)
        return self._brief(division, f"{agent}:{thinking}", self._arm(thinking), division.best, tried, running)

    def _brief_in_step(self, division: Division, thinking: int) -> Brief | Wait:
        seen = max(0, len(self.state.by_ordinal) + 1 - self.rules.lookahead)
        if thinking or self.state.settled < seen or division.best is None:
            return Wait("earlier experiments have no verdict yet")
        tried, running = self.state.by_ordinal[max(0, seen - self.rules.history) : seen], self.state.by_ordinal[seen:]
        return self._brief(division, "", self._arm(0), division.best_as_of(seen), tried, running, seen)

    def _brief(
        self, division: Division, salt: str, arm: ArmShare, best: Best | None, tried: list[str], running: list[str], seen: int | None = None
    ) -> Brief:
        ordinal = len(self.state.by_ordinal) + 1
        start = self.state.experiments[division.baseline]
        if arm.parent is Origin.BASELINE:
            best = division.history[0] if best else None
        seed = seed_of(self.rules.seed, f"brief:{ordinal}:{self.state.refused}:{salt}")
        strategy = strategy_of(arm, dry_spell(division, seen), self.rules.plateau)
        told = [self.state.experiments[name] for name in tried if self._tells(name, division, arm)]
        pieces = subjects(strategy, arm, told, best, division.sigma or 0.0, self.rules.metric, seed) if best else []
        return Brief(
            ordinal=ordinal,
            seed=seed,
            arm=arm.name,
            division=division.name,
            metric=self.rules.metric,
            parent=best.commit if best else self.state.start.commit,
            source="",
            baseline=start.value,
            best=best.value if best else None,
            sigma=division.sigma,
            tried=[
                *(_tried(each, told=True) for each in told),
                *(_turned_away(event) for event in self.state.turned_away if event.division == division.name and _may_know(arm, event.arm)),
            ],
            running=[_tried(self.state.experiments[name], told=False) for name in running if self._tells(name, division, arm)],
            strategy=strategy,
            pieces=[_piece(each) for each in pieces],
            barred=[other.name for other in self.rules.arms if other.parent is Origin.BASELINE and other is not arm],
        )

    def _tells(self, name: str, division: Division, arm: ArmShare) -> bool:
        experiment = self.state.experiments[name]
        return experiment.division == division.name and not experiment.baseline and _may_know(arm, experiment.arm)

    def _arm(self, thinking: int) -> ArmShare:
        """Whose turn it is; an arm that repeats itself hands it on. In step by weights alone: what arms cost hangs on how fast slots are."""
        turn = len(self.state.by_ordinal) + 1 + thinking + len(self.state.turned_away)
        if self.rules.arm_choice is ArmChoice.BANDIT and not self.rules.lookahead:
            return self._bandit(turn + self.state.refused)
        arms = self.rules.arms
        point = turn * GOLDEN % 1 * sum(arm.weight for arm in arms)
        for arm in arms:
            point -= arm.weight
            if point < 0:
                return arm
        return arms[-1]

    def _bandit(self, turn: int) -> ArmShare:
        """Cost is dollars where every arm that has had runs spent some, else hours of slots."""
        arms, finished = self.rules.arms, len(self.state.finished)
        dollars = {name: self.state.spend.usd_of(name) for name in self.state.tallies}
        priced = all(dollars[name] > 0 for name, tally in self.state.tallies.items() if tally.hours > 0)
        candidates = []
        for arm in arms:
            floor = max(self.rules.arm_floor, self.rules.control_floor if arm.control else 0.0)
            tally = self.state.tallies.get(arm.name, ArmTally())
            recent = tally.recent.at(finished)
            price = dollars[arm.name] / tally.hours if priced and tally.hours > 0 else 1.0
            candidates.append(Candidate(arm.name, floor, recent.merges, recent.gain, recent.hours * price))
        name = choose(candidates, turn * GOLDEN % 1, seed_of(self.rules.seed, f"arm:{turn}"))
        return next(arm for arm in arms if arm.name == name)

    def _origin(self, proposal: Proposal) -> Origin:
        """BASELINE only where the arm draws from the baseline and this really is made from it: the rules may have changed since its brief."""
        drawing = any(arm.name == proposal.arm and arm.parent is Origin.BASELINE for arm in self.rules.arms)
        return Origin.BASELINE if drawing and proposal.parent == self.state.start.commit else Origin.BEST

    def refuse(self, agent: str, proposal: Proposal, digest: str) -> ProposalRefused | None:
        """Why the proposal costs no training, or None when it is welcome."""
        division = self.division_of(agent)
        if self.state.phase is not Phase.RUNNING:
            return self._refused(agent, proposal, Refusal.CLOSED, self.state.phase_reason)
        if self.rules.lookahead and proposal.ordinal != len(self.state.by_ordinal) + 1:
            return self._refused(agent, proposal, Refusal.STALE_BRIEF, f"experiment {proposal.ordinal} was proposed already")
        if digest == self.state.digests.get(proposal.parent):
            return self._refused(agent, proposal, Refusal.NO_OP, "the program is the same as its parent")
        known = self.state.known.get((division.name, digest))
        if known is not None:
            return self._refused(agent, proposal, Refusal.DUPLICATE, f"the same program as {known}", known)
        return None

    def refused(self, agent: str, proposal: Proposal, refusal: Refusal, reason: str) -> ProposalRefused:
        """A refusal that was found by looking at the text."""
        return self._refused(agent, proposal, refusal, reason)

    def _refused(self, agent: str, proposal: Proposal, refusal: Refusal, reason: str, known: str = "") -> ProposalRefused:
        return ProposalRefused(
            agent=agent,
            arm=proposal.arm,
            proposal=proposal.proposal,
            division=self.state.agents[agent].card.division,
            refusal=refusal,
            reason=reason,
            known=known,
            title=proposal.title,
            settings=proposal.settings,
        )

    def propose(self, agent: str, proposal: Proposal, digest: str) -> tuple[ExperimentProposed, RunQueued]:
        """Accept a proposal that ``refuse`` had nothing against. The commit is filled in by the shell."""
        ordinal = len(self.state.by_ordinal) + 1
        experiment = f"e{ordinal:05d}"
        accepted = ExperimentProposed(
            experiment=experiment,
            ordinal=ordinal,
            division=self.division_of(agent).name,
            arm=proposal.arm,
            agent=agent,
            proposal=proposal.proposal,
            parent=proposal.parent,
            commit="",
            digest=digest,
            title=proposal.title,
            hypothesis=proposal.hypothesis,
            settings=proposal.settings,
            calls=proposal.calls,
            origin=self._origin(proposal),
        )
        return accepted, self.queued(experiment, 1, Purpose.SCREEN)


def _may_know(arm: ArmShare, other: str) -> bool:
    """Whether the arm is told of another's experiments: one that draws from the baseline learns from nobody else."""
    return arm.parent is Origin.BEST or arm.name == other


def _piece(experiment: Experiment) -> Piece:
    return Piece(experiment=experiment.experiment, title=experiment.title, parent=experiment.parent, commit=experiment.commit)


def _tried(experiment: Experiment, told: bool) -> Tried:
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=experiment.state if told else State.RUNNING,
        arm=experiment.arm,
        settings=experiment.settings,
        value=experiment.value if told else None,
        reason=experiment.reason if told else "",
    )


def _turned_away(event: ProposalRefused) -> Tried:
    return Tried(
        experiment=event.known or event.proposal,
        title=event.title,
        state=State.REJECTED,
        arm=event.arm,
        settings=event.settings,
        reason=f"refused: {event.reason}",
    )
