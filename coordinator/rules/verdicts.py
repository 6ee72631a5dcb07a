"""Rules of verdicts: which is due, what it is, and what a stale winner has to do. Pure."""

from statistics import fmean

from msgspec.structs import replace

from coordinator.domain import Phase, Purpose, State, Verdict
from coordinator.rules import trust
from coordinator.rules.base import Rulebook
from coordinator.rules.trust import Standing
from coordinator.state.events import (
    AnyEvent,
    CampaignFinished,
    Rebased,
    VerdictGiven,
)
from coordinator.state.records import Best, Experiment, value_of
from evaluator.acceptance import Choice, Decision, decide

AUDIT_TRIES = 2
"""Runs asked for beyond the usual ones where a better variant has too few that could be audited: a twin that
fails twice more will go on failing.
"""


class Deciding(Rulebook):
    """From results to a verdict."""

    def decide(self) -> list[AnyEvent]:
        """The next verdict that is due, with the runs it asks for; [] when none is. A merge's commit is
        filled in by the shell.
        """
        experiment = self._due()
        return self._verdict(experiment) if experiment else []

    def _due(self) -> Experiment | None:
        for name in self.state.undecided:
            experiment = self.state.experiments[name]
            if experiment.baseline:
                return experiment
            in_turn = not self.rules.lookahead or experiment.ordinal == self.state.settled + 1
            if in_turn and self.state.divisions[experiment.division].best is not None:
                return experiment
        return None

    def _verdict(self, experiment: Experiment) -> list[AnyEvent]:
        best = self.state.divisions[experiment.division].best
        if best is None:
            return self._baseline_verdict(experiment)
        decision = self._decision(experiment, best, experiment.values)
        refusal = trust.refusal(experiment.measured, self.rules.trust) or self._overworked(experiment)
        if decision.choice is Choice.REJECT:
            return [self._given(experiment, Verdict.REJECT, decision.reason)]
        if refusal:
            return [self._given(experiment, Verdict.REJECT, f"{decision.reason}, but {refusal}")]
        if experiment.parent != best.commit:
            return [self._given(experiment, Verdict.RETEST, f"{decision.reason}; its parent is stale")]
        if decision.choice is Choice.CONFIRM:
            return self._confirm(experiment, decision.reason, self.rules.policy.confirm_runs)
        return self._merge_verdict(experiment, best)

    def _overworked(self, experiment: Experiment) -> str:
        """Why a value under a counted budget is not believed; empty where a clock keeps the budget."""
        if not self.rules.budget.unit.deterministic:
            return ""
        baseline = self.state.experiments[self.state.divisions[experiment.division].baseline]
        return trust.overworked(experiment.measured, baseline.measured, self.rules.trust)

    def _baseline_verdict(self, experiment: Experiment) -> list[AnyEvent]:
        """The baseline is the user's own program: nobody cheats with it. Where it could not be believed,
        ``surrender`` ends the campaign.
        """
        reason = f"the unmodified surface over {len(experiment.values)} runs"
        given = self._given(experiment, Verdict.MERGE, reason)
        return [
            replace(
                given, commit=self.state.start.commit, grounds=trust.baseline_grounds(experiment.measured)
            )
        ]

    def _merge_verdict(self, experiment: Experiment, best: Best) -> list[AnyEvent]:
        """What becomes of a variant that is better: a merge by its believed runs alone, more runs where those
        are too few, or a rejection.
        """
        believed = [
            each
            for each in experiment.measured
            if trust.standing(each, self.rules.trust) is Standing.BELIEVED
        ]
        missing = self.rules.policy.confirm_runs + 1 - len(believed)
        if missing > 0:
            return self._ask_for_audits(experiment, best, len(believed), missing)
        values = [value_of(each) for each in believed]
        decision = self._decision(experiment, best, values)
        grounds = trust.grounds(believed)
        reason = f"{decision.reason} ({grounds.marks})" if grounds.marks else decision.reason
        given = self._given(experiment, Verdict(decision.choice.value), reason)
        return [replace(given, value=fmean(values), grounds=grounds)]

    def _ask_for_audits(
        self, experiment: Experiment, best: Best, believed: int, missing: int
    ) -> list[AnyEvent]:
        """More runs, audited in full, for a better variant of which too few were; a rejection where that was
        tried.
        """
        reason = self._decision(experiment, best, experiment.values).reason
        share = f"{believed} of its {len(experiment.values)} runs"
        if len(experiment.counted) > self.rules.policy.confirm_runs + AUDIT_TRIES:
            return [
                self._given(
                    experiment,
                    Verdict.REJECT,
                    f"{reason}, but only {share} could be audited: trust.mode=off would believe it",
                )
            ]
        return self._confirm(experiment, f"{reason}, but only {share} were audited", missing)

    def _decision(self, experiment: Experiment, best: Best, values: list[float]) -> Decision:
        noise = self.state.divisions[experiment.division].sigma or 0.0
        return decide(
            [self.rules.metric.gain(best.value, each) for each in values], best.runs, noise, self.rules.policy
        )

    def _given(self, experiment: Experiment, verdict: Verdict, reason: str) -> VerdictGiven:
        return VerdictGiven(
            experiment=experiment.experiment, verdict=verdict, reason=reason, value=fmean(experiment.values)
        )

    def _confirm(self, experiment: Experiment, reason: str, runs: int) -> list[AnyEvent]:
        first = len(experiment.runs) + 1
        queued = [self.queued(experiment.experiment, first + more, Purpose.CONFIRM) for more in range(runs)]
        return [self._given(experiment, Verdict.CONFIRM, reason), *queued]

    def rebased(self, experiment: str, commit: str, digest: str) -> list[AnyEvent]:
        """A stale experiment has its program on the best; it is run again there, or rejected when nothing new
        is left of it.
        """
        stale = self.state.experiments[experiment]
        best = self.best_for(stale)
        known = self.state.known.get((stale.division, digest))
        if digest == self.state.digests[best.commit] or known not in (None, experiment):
            return self.conflict(
                experiment, f"on the best it is the same program as {known or best.experiment}"
            )
        purpose = Purpose.RETEST if stale.verdict is Verdict.RETEST else Purpose.SCREEN
        moved = Rebased(experiment=experiment, parent=best.commit, commit=commit, digest=digest)
        return [moved, self.queued(experiment, len(stale.runs) + 1, purpose)]

    def conflict(self, experiment: str, reason: str) -> list[AnyEvent]:
        """A stale experiment's edit does not apply to the best."""
        value = self.state.experiments[experiment].value
        return [VerdictGiven(experiment=experiment, verdict=Verdict.REJECT, reason=reason, value=value)]

    def surrender(self) -> list[AnyEvent]:
        """End a campaign whose baseline failed, or was measured where nothing can merge: nothing can be
        compared, or nothing can come of it.
        """
        if self.state.phase is Phase.FINISHED:
            return []
        for division in self.state.divisions.values():
            why = self._hopeless(self.state.experiments[division.baseline])
            if why:
                return [CampaignFinished(reason=f"the baseline of {division.name} {why}", failed=True)]
        return []

    def _hopeless(self, baseline: Experiment) -> str:
        if baseline.state in (State.CRASHED, State.CHEATED):
            return f"gave no value: {baseline.reason}"
        why = trust.hopeless(baseline.measured, self.rules.trust) if baseline.state.final else ""
        return f"was {why}" if why else ""
