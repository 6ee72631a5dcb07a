"""One honest variant tried for real: trained for a moment, claimed, audited in full."""

import sys
import tempfile
from pathlib import Path

import click
from msgspec import Struct
from msgspec.structs import replace

from evaluator.budget import Unit
from evaluator.result import Measured, RunResult, TimedOut
from tests.attacks.attack import proof
from tests.attacks.honest.every import EVERY
from tests.attacks.matrix import said
from tests.attacks.stage import HONEST_TRIES, LONGEST, Data, Stage, baseline_facts, source_of, staged
from trainer.sandbox.probe import AUTO

LARGEST_CORRECTION = 0.002
"""bits per byte between claim and audit that rounding may explain: bf16 differs most between batches of other
shapes.
"""


BUSY = 3.0
"""Times the baseline's warm-up that is taken for it: other tests have come or gone meanwhile, and what is over is
charged to a budget of two seconds, where it is one of minutes elsewhere.
"""


class Trial(Struct, frozen=True):
    """A variant and what came of it."""

    name: str
    result: RunResult
    log: str

    @property
    def accepted(self) -> bool:
        """Whether it was measured, and the audit found nothing that rounding does not explain."""
        audit = self.result.audit
        return isinstance(self.result.outcome, Measured) and (
            audit is None or abs(audit.correction) <= LARGEST_CORRECTION
        )

    def __str__(self) -> str:
        audit = self.result.audit
        proven = (
            f"{proof(self.result)} n={audit.positions} {audit.correction:+.1e} ± {audit.standard_error:.1e}, largest {audit.largest:.1e}"
            if audit
            else "no audit"
        )
        return f"{'accepted' if self.accepted else 'REJECTED'} {said(self.result)} [{proven}]"


def tried(name: str, stage: Stage) -> Trial:
    """One of them, judged by all that the unmodified surface came to under its budget; made again where a
    machine may have stumbled within a second or two.
    """
    one = EVERY[name]
    facts = baseline_facts(stage.honest(one.on, one.budget, one.warm_up), in_order=False)
    if facts.warmup_seconds is not None:
        facts = replace(facts, warmup_seconds=BUSY * facts.warmup_seconds)
    budget = replace(one.budget, wall_cap=max(one.budget.wall_cap, 2 * LONGEST))
    for _ in range(HONEST_TRIES if one.budget.unit is Unit.SECONDS else 1):
        result, log = stage.train(one.edit(source_of(one.on)), one.on, budget, one.warm_up, baseline=facts)
        if not isinstance(result.outcome, TimedOut):
            break
    return Trial(name, result, log)


@click.command()
@click.option(
    "--only", "names", multiple=True, type=click.Choice(list(EVERY)), help="This variant; may be repeated."
)
@click.option("--tier", default=AUTO, show_default=True, help="The sandbox tier.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Prepared data; made if missing."
)
def main(names: tuple[str, ...], tier: str, data: Path | None) -> None:
    """Try the honest variants and end with 1 if any is rejected."""
    chosen = names or tuple(EVERY)
    rejected = 0
    with tempfile.TemporaryDirectory() as temporary, staged(tier, Data(data or Path(temporary))) as stage:
        for name in chosen:
            trial = tried(name, stage)
            click.echo(f"{trial.name:36} {trial}")
            rejected += not trial.accepted
            if not trial.accepted:
                click.echo(trial.log[-1500:], err=True)
    click.echo(f"{len(chosen)} honest variants, {rejected} rejected")
    sys.exit(bool(rejected))


if __name__ == "__main__":
    main()
