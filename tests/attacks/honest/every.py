"""Every honest program there is, by the surface it is an edit of and the budget it is tried under."""

from collections.abc import Mapping

from msgspec import Struct

from evaluator.budget import Budget
from tests.attacks.attack import DEMO_BUDGET, Edit
from tests.attacks.clocks import COUNTED
from tests.attacks.honest import upstream
from tests.attacks.honest.newer import NEWER
from tests.attacks.honest.variants import VARIANTS


class Honest(Struct, frozen=True):
    """edit: of the surface ``on``. warm_up: optimizer steps the data leaves uncharged."""

    edit: Edit
    on: str = "demo"
    budget: Budget = DEMO_BUDGET
    warm_up: int = 0


LONGER = ("several_epochs_of_kept_batches", "workers_of_a_loader", "cumulated_attention", "an_lstm")
"""These are themselves only in a run of more than six steps."""

DEMO: Mapping[str, Honest] = {name: Honest(edit) for name, edit in VARIANTS.items()} | {
    name: Honest(edit, budget=COUNTED if name in LONGER else DEMO_BUDGET) for name, edit in NEWER.items()
}
UPSTREAM: Mapping[str, Honest] = {
    f"upstream_{name}": Honest(edit, "upstream", upstream.BUDGET, upstream.WARM_UP)
    for name, edit in upstream.EDITS.items()
}
EVERY: Mapping[str, Honest] = {**DEMO, **UPSTREAM}
