"""Rules of what is thought about: briefs, whose turn it is, and what becomes of a proposal. Pure."""

from collections.abc import Container

from coordinator.domain import Origin, Phase, Purpose, Refusal, Strategy
from coordinator.protocol import Brief, Piece, Proposal, Wait
from coordinator.rules.arm_choice import Choosing
from coordinator.rules.base import seed_of
from coordinator.rules.recall import Remembering, may_know
from coordinator.rules.strategy import dry_spell, strategy_of, subjects
from coordinator.state.events import (
    ArmShare,
    ExperimentProposed,
    ProposalRefused,
    RunQueued,
)
from coordinator.state.records import Best, Division, Experiment


class Proposing(Remembering, Choosing):
    """From a brief to an experiment."""

    def brief(
        self, agent: str, thinking: int, now: float | None = None, offered: Container[str] = ()
    ) -> Brief | Wait:
        """What to think about next, without the sources and the charter.

        thinking: other agents of the division that hold a brief now. now: seconds since the epoch. offered:
        crashed experiments that somebody was asked to repair.
        """
        division = self.division_of(agent)
        if self.state.phase is not Phase.RUNNING:
            return Wait(self.state.phase_reason, stop=self.state.phase is Phase.FINISHED)
        if 0 < self.rules.max_experiments <= len(self.state.by_ordinal) + thinking:
            return Wait("enough is proposed")
        if self.rules.lookahead:
            return self._brief_in_step(division, thinking, offered)
        present = sum(
            other.present and other.card.division == division.name for other in self.state.agents.values()
        )
        if division.screens + thinking >= present * self.rules.ahead:
            return Wait("enough proposals are ready")
        tried, running = self.state.finished[-self.rules.history :], list(self.state.live)
        return self._brief(
            division,
            f"{agent}:{thinking}",
            self.arm_for(thinking),
            division.best,
            tried,
            running,
            now,
            offered,
        )

    def _brief_in_step(self, division: Division, thinking: int, offered: Container[str]) -> Brief | Wait:
        seen = max(0, len(self.state.by_ordinal) + 1 - self.rules.lookahead)
        if thinking or self.state.settled < seen or division.best is None:
            return Wait("earlier experiments have no verdict yet")
        tried, running = (
            self.state.by_ordinal[max(0, seen - self.rules.history) : seen],
            self.state.by_ordinal[seen:],
        )
        return self._brief(
            division, "", self.arm_for(0), division.best_as_of(seen), tried, running, None, offered
        )

    def _brief(
        self,
        division: Division,
        salt: str,
        arm: ArmShare,
        best: Best | None,
        tried: list[str],
        running: list[str],
        now: float | None,
        offered: Container[str],
    ) -> Brief:
        ordinal = len(self.state.by_ordinal) + 1
        seen = self.seen_by(ordinal)
        start = self.state.experiments[division.baseline]
        alone = arm.parent is Origin.BASELINE
        if alone:
            best = division.history[0] if best else None
        seed = seed_of(self.rules.seed, f"brief:{ordinal}:{self.state.refused}:{salt}")
        repair = self.repair(arm, division, seen, offered)
        strategy = (
            Strategy.FREE
            if repair
            else strategy_of(
                arm, dry_spell(division, seen if self.rules.lookahead else None), self.rules.plateau
            )
        )
        known = [
            each for each in map(self.state.experiments.__getitem__, tried) if may_know(arm, each, division)
        ]
        pieces = (
            subjects(strategy, arm, known, best, division.sigma or 0.0, self.rules.metric, seed)
            if best
            else []
        )
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
            tried=self.tried(known, arm, division),
            running=self.running(running, arm, division, now),
            strategy=strategy,
            pieces=[_piece(each) for each in pieces],
            barred=[
                other.name
                for other in self.rules.arms
                if other.parent is Origin.BASELINE and other is not arm
            ],
            hints=self.state.hints.told,
            lessons=[] if alone else self.lessons(seen),
            repair=repair,
        )

    def refuse(self, agent: str, proposal: Proposal, digest: str, place: str = "") -> ProposalRefused | None:
        """Why the proposal costs no training, or None when it is welcome. place: the division, where no agent
        but a person proposes.
        """
        division = self._division(agent, place)
        if self.state.phase is not Phase.RUNNING:
            return self.refused(agent, proposal, Refusal.CLOSED, self.state.phase_reason, place)
        if self.rules.lookahead and proposal.ordinal != len(self.state.by_ordinal) + 1:
            return self.refused(
                agent,
                proposal,
                Refusal.STALE_BRIEF,
                f"experiment {proposal.ordinal} was proposed already",
                place,
            )
        if digest == self.state.digests.get(proposal.parent):
            return self.refused(
                agent, proposal, Refusal.NO_OP, "the program is the same as its parent", place
            )
        known = self.state.known.get((division.name, digest))
        if known is not None and not self.again(
            self.state.experiments[known], division, len(self.state.by_ordinal) + 1
        ):
            return self.refused(
                agent, proposal, Refusal.DUPLICATE, f"the same program as {known}", place, known
            )
        return None

    def _division(self, agent: str, place: str) -> Division:
        return self.state.divisions[place] if place else self.division_of(agent)

    def refused(
        self, agent: str, proposal: Proposal, refusal: Refusal, reason: str, place: str = "", known: str = ""
    ) -> ProposalRefused:
        """A refusal; also one that was found by looking at the text. known: the experiment it repeats."""
        return ProposalRefused(
            agent=agent,
            arm=proposal.arm,
            proposal=proposal.proposal,
            division=self._division(agent, place).name,
            refusal=refusal,
            reason=reason,
            known=known,
            title=proposal.title,
            settings=proposal.settings,
            repairs=self.repair_target(proposal.arm, proposal.repairs),
        )

    def propose(
        self, agent: str, proposal: Proposal, digest: str, place: str = ""
    ) -> tuple[ExperimentProposed, RunQueued]:
        """Accept a proposal that ``refuse`` had nothing against. The commit, and what it moved, are filled in
        by the shell.
        """
        ordinal = len(self.state.by_ordinal) + 1
        experiment = f"e{ordinal:05d}"
        accepted = ExperimentProposed(
            experiment=experiment,
            ordinal=ordinal,
            division=self._division(agent, place).name,
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
            origin=self.origin(proposal),
            repairs=self.repair_target(proposal.arm, proposal.repairs),
        )
        return accepted, self.queued(experiment, 1, Purpose.SCREEN)


def _piece(experiment: Experiment) -> Piece:
    return Piece(
        experiment=experiment.experiment,
        title=experiment.title,
        parent=experiment.parent,
        commit=experiment.commit,
    )
