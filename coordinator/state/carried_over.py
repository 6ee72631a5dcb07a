"""What a merge of one division that is tried in another changes. Called by ``CampaignState.apply`` only."""

from coordinator.state.divisions import Division
from coordinator.state.events import ExperimentProposed, ProposalRefused
from coordinator.state.facts import Facts


def carry_over(facts: Facts, event: ExperimentProposed) -> None:
    """A merge is an experiment here, too."""
    division = facts.divisions[event.division]
    division.transfers.append(event.experiment)
    _take(facts, division, event.transfers, event.experiment)


def leave_behind(facts: Facts, event: ProposalRefused) -> None:
    """A merge is not to be tried here: it does not apply, or it is nothing new."""
    _take(facts, facts.divisions[event.division], event.transfers, event.reason)


def _take(facts: Facts, division: Division, source: str, what: str) -> None:
    experiment = facts.experiments[source]
    experiment.transferred[division.name] = what
    bests = facts.divisions[experiment.division].history
    upto = next(number for number, best in enumerate(bests, 1) if best.experiment == source)
    division.taken[experiment.division] = upto
