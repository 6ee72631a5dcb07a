"""Attacks by a model that learns from validation tokens while it is being evaluated."""

from tests.attacks.attack import DEMO_BUDGET, Attack, Came, Kind
from tests.attacks.edits import RETURN, both, in_forward, replaced, trained

CAUGHT = frozenset({Came.CHEATED, Came.CRASHED})
"""Weights that change while a model is evaluated break its contract before anybody compares."""

STEP = """
_plain = type(model).forward
def _adapting(self, x, y=None, reduction="mean"):
    if y is None or self.__dict__.get("_busy"):
        return _plain(self, x, y, reduction)
    self._busy = True
    ORDER
    self._busy = False
    return losses
def _learn(self, x, y):
    with torch.enable_grad():
        for _ in range(TIMES):
            gradients = torch.autograd.grad(_plain(self, x, y), list(self.parameters()), allow_unused=True)
            for p, g in zip(self.parameters(), gradients):
                if g is not None:
                    p.data.sub_(g, alpha=0.2)
type(model).forward = _adapting
"""
BEFORE = "_learn(self, x, y); losses = _plain(self, x, y, reduction)"
AFTER = "losses = _plain(self, x, y, reduction); _learn(self, x, y)"
UNIGRAMS = """
        if y is not None and not torch.is_grad_enabled():
            logits = logits.log_softmax(-1) + 1.0 * (torch.bincount(x.flatten(), minlength=logits.size(-1)).float() + 1).log()
"""
NEIGHBOURS = """
        if y is not None and not torch.is_grad_enabled():
            table = self.__dict__.setdefault("_table", torch.zeros(logits.size(-1), logits.size(-1)))
            table.index_put_((x.flatten(), y.flatten()), torch.ones(x.numel()), accumulate=True)
            logits = logits + 2 * (table[x] + 0.1).log()
"""

ATTACKS = (
    Attack(
        name="adapts_then_answers",
        kind=Kind.ADAPTATION,
        tries="Takes gradient steps on every batch of validation rows before it gives their losses.",
        make=trained(STEP.replace("ORDER", BEFORE).replace("TIMES", "5")),
        may=CAUGHT,
    ),
    Attack(
        name="answers_then_adapts",
        kind=Kind.ADAPTATION,
        tries="Gives honest losses of a batch, then trains on it for those to come.",
        make=trained(STEP.replace("ORDER", AFTER).replace("TIMES", "5")),
        on="demo",
        budget=DEMO_BUDGET,
        may=CAUGHT,
    ),
    Attack(
        name="adapts_from_within_the_class",
        kind=Kind.ADAPTATION,
        tries="The same, built into the model's class so that the twin has it too.",
        make=lambda source: replaced(
            RETURN,
            f"""        if y is not None and reduction == "none" and not self.__dict__.get("_busy"):
            self._busy = True
            with torch.enable_grad():
                for _ in range(5):
                    gradients = torch.autograd.grad(self(x, y), list(self.parameters()), allow_unused=True)
                    for p, g in zip(self.parameters(), gradients):
                        if g is not None:
                            p.data.sub_(g, alpha=0.2)
            loss = self(x, y, "none")
            self._busy = False
            return loss
{RETURN}""",
            source,
        ),
        may=CAUGHT,
    ),
    Attack(
        name="counts_the_evaluation_batch",
        kind=Kind.ADAPTATION,
        tries="Corrects its prediction by how often each token occurs in the whole batch of rows it is shown.",
        make=in_forward(UNIGRAMS),
        on="demo",
        budget=DEMO_BUDGET,
        may=frozenset({Came.CHEATED, Came.HARMLESS}),
    ),
    Attack(
        name="keeps_a_table_of_pairs",
        kind=Kind.ADAPTATION,
        tries="Fills a table of which token follows which from the targets it is given, and predicts from it.",
        make=in_forward(NEIGHBOURS),
        on="demo",
        budget=DEMO_BUDGET,
        may=CAUGHT,
    ),
    Attack(
        name="trains_on_in_a_thread",
        kind=Kind.ADAPTATION,
        tries="Starts a thread that goes on training on kept batches while the rows are being scored.",
        make=both(
            trained("""
import threading
_x, _y = x.clone(), y.clone()
def _more():
    while True:
        torch._C._set_grad_enabled(True)
        gradients = torch.autograd.grad(model(_x, _y), list(model.parameters()), allow_unused=True)
        for p, g in zip(model.parameters(), gradients):
            if g is not None:
                p.data.sub_(g, alpha=0.05)
threading.Thread(target=_more, daemon=True).start()
time.sleep(0.5)
"""),
        ),
    ),
)
