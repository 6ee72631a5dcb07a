"""Rules of which validation rows a run is evaluated on, and how values on different rows compare. Pure.

- Whatever is chosen by a value on some rows is too good on them: by luck, because a search fits what it is
  shown, or because a program carried text of theirs from one run to the next. So what decides a merge is
  measured on rows that no screen saw.
- A task's data holds one block of rows or several. Screens see block 0; confirm and retest runs block 1; the
  last of three is kept for `autoswarm certify`, and no purpose uses it.
- The baseline is measured on all of them, with the same weights. What it differs is taken off: it is the same
  text for every variant. Where a baseline has no value on a block, as in journals of before, all runs are on
  block 0.
"""

from statistics import fmean

from configs.reserved import SIMPLER
from coordinator.domain import Purpose
from coordinator.state.campaign_state import CampaignState
from coordinator.state.records import Experiment, Run, value_of
from evaluator.policies.contract import Policy
from evaluator.policies.non_inferior import NonInferior

FRESH = (Purpose.CONFIRM, Purpose.RETEST, Purpose.REFRESH)
"""A merge may rest on these."""


def block_of(purpose: Purpose, blocks: int) -> int:
    """The block of validation rows, from 0, for a run of that purpose. blocks: that the data has."""
    return 1 if purpose in FRESH and blocks > 1 else 0


def blocks_of(state: CampaignState, run: Run) -> tuple[int, ...]:
    """The blocks that the run is evaluated on, the one of its value first."""
    return tuple(range(state.rules.val_blocks)) if run.purpose is Purpose.BASELINE else (run.block,)


def unseen_block(state: CampaignState, blocks: int) -> int | None:
    """The last block, where no run that chooses or confirms a variant was evaluated on it, or will be; None
    where one was. blocks: that the data has.
    """
    last, searching = blocks - 1, [purpose for purpose in Purpose if purpose is not Purpose.BASELINE]
    planned = {block_of(purpose, state.rules.val_blocks) for purpose in searching}
    tried = (experiment for experiment in state.experiments.values() if not experiment.baseline)
    used = {run.block for experiment in tried for run in experiment.runs}
    return None if last in planned | used else last


def offset_of(state: CampaignState, division: str, block: int) -> float | None:
    """How much more the baseline's value is on that block than on block 0, in the metric's unit; None where
    that was not measured.
    """
    baseline = state.experiments[state.divisions[division].baseline]
    differences = [
        float(value) - value_of(result)
        for result in baseline.measured
        if isinstance(value := result.details.get(f"value_block_{block}"), float | int)
    ]
    return fmean(differences) if differences else None


def policy_for(state: CampaignState, experiment: Experiment) -> Policy:
    """The policy for what an experiment's verdict rests on: of the runs it wants, those are left out that
    only chose the experiment. A simplification has one of its own.
    """
    if experiment.arm == SIMPLER:
        return NonInferior(margin=state.rules.simpler_margin)
    policy, left_out = state.rules.policy, len(experiment.measured) - len(experiment.resting)
    return policy.after_screen(left_out) if left_out else policy
