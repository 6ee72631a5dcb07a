"""An experiment's deciding runs made once more: the same program, seeds, rows, budget, trainer, sandbox."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from threading import Event

from coordinator.state.records import Experiment, Run
from coordinator.views.status_page import SCHEMA
from deploy.campaigns.open import read_source
from deploy.campaigns.terms import Terms
from deploy.cli.quarters import Quarters
from deploy.cli.trial import reason
from deploy.exit_codes import NothingFoundError
from deploy.views.reproduction_page import ReproductionPage, RunAgain
from evaluator.result import Measured, RunResult, outcome_name
from trainer.contract import Trainer

EXACT = 1e-9
"""Of the value: two floating-point sums of the same runs may differ by that much where σ is 0."""


def reproduce(
    terms: Terms, experiment: Experiment, keep: Path | None, tell: Callable[[str], None]
) -> ReproductionPage:
    """Make the deciding runs again. keep: folder that gets one folder per run. Raises ConfigError,
    NothingFoundError.
    """
    deciding = experiment.resting
    if not deciding:
        raise NothingFoundError(
            f"{experiment.experiment} of campaign {terms.layout.name} has no value: it is"
            f" {experiment.state.value}",
            "Name one that was measured: `autoswarm leaderboard` lists them.",
        )
    source = read_source(terms.layout, experiment.experiment, experiment.commit).source
    budget = terms.budget
    if not terms.prepared:
        tell(f"preparing the data of task {terms.task.name} in {terms.config.data_dir}")
    trainer = terms.trainer()
    runs = []
    for number, run in enumerate(deciding, start=1):
        tell(
            f"run {number} of {len(deciding)}: {run.run} again, seed {run.seed}, {budget.amount:g}"
            f" {budget.unit}, {budget.wall_cap:g} s at most"
        )
        runs.append(_again(terms, trainer, source, run, keep, tell))
    return _page(terms, experiment, runs)


def _again(
    terms: Terms, trainer: Trainer, source: str, run: Run, keep: Path | None, tell: Callable[[str], None]
) -> RunAgain:
    blocks = terms.blocks(run)
    with tempfile.TemporaryDirectory(prefix="autoswarm-reproduce-") as fleeting:
        directory = keep / run.run if keep is not None else Path(fleeting)
        order = terms.order(source, run.seed, directory, blocks)
        result = trainer.train(order, Quarters(tell).hear, Event())
    return RunAgain(
        run=run.run,
        seed=run.seed,
        blocks=blocks,
        board_value=run.value or 0.0,
        value=_comparable(run, result),
        outcome=outcome_name(result.outcome),
        reason=reason(result.outcome),
        seconds=result.seconds.total,
        sandbox=result.sandbox,
    )


def _comparable(run: Run, result: RunResult) -> float | None:
    """As the board compares it: less what the baseline differs on those rows."""
    return result.outcome.value - run.offset if isinstance(result.outcome, Measured) else None


def _page(terms: Terms, experiment: Experiment, runs: list[RunAgain]) -> ReproductionPage:
    sigma, board = terms.division.sigma, fmean(run.board_value for run in runs)
    values = [run.value for run in runs if run.value is not None]
    value = fmean(values) if len(values) == len(runs) else None
    apart = None if value is None else value - board
    return ReproductionPage(
        schema=SCHEMA,
        campaign=terms.layout.name,
        experiment=experiment.experiment,
        commit=experiment.commit,
        title=experiment.title,
        division=experiment.division,
        agrees=apart is not None and abs(apart) <= max(sigma or 0.0, EXACT * abs(board)),
        board_value=board,
        value=value,
        sigma=sigma,
        difference=apart,
        difference_sigmas=apart / sigma if apart is not None and sigma else None,
        runs=runs,
    )
