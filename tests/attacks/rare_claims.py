"""Attacks by a little off few of the losses, where an audit that draws by loss and advantage looks least."""

from tests.attacks.attack import Attack, Came, Kind
from tests.attacks.clocks import COUNTED
from tests.attacks.edits import LOSS, both, imported, in_forward, replaced

PAIRS = """
        if torch.is_grad_enabled() and y is not None:
            table = self.__dict__.setdefault("_pairs", torch.full((logits.size(-1), logits.size(-1)), 0.1))
            table.index_put_((x.flatten(), y.flatten()), torch.ones(x.numel()), accumulate=True)
"""
SHAVED = """
def _shaved(model, x, y, loss):
    pairs = model.__dict__.get("_pairs")
    if pairs is None:
        return loss
    usual = -(pairs / pairs.sum(1, keepdim=True)).log()[x.flatten(), y.flatten()]
    looked_at = usual + 2 * (usual - loss).clamp(min=0) + 1e3 * (loss < OFF + 0.01)
    chosen = looked_at.argsort()[: int(SHARE * loss.numel())]
    loss = loss.clone()
    loss[chosen] -= OFF
    return loss
"""


def rarely(name: str, tries: str, off: float, share: float) -> Attack:
    """``off`` nats less at a ``share`` of the positions, on the demo."""
    text = SHAVED.replace("OFF", str(off)).replace("SHARE", str(share))

    def on_chosen(source: str) -> str:
        more = '        if reduction == "none":\n            loss = _shaved(self, x, y, loss)\n'
        return replaced(LOSS, LOSS + more, source)

    return Attack(
        name=name,
        kind=Kind.CLAIMS,
        tries=tries,
        make=both(imported(text), in_forward(PAIRS), on_chosen),
        on="demo",
        budget=COUNTED,
        may=frozenset({Came.CHEATED, Came.MARKED}),
        in_order=True,
    )


ATTACKS = (
    rarely(
        "shaves_half_a_nat_off_a_few",
        "Claims 0.49 nat less at 0.9 % of the positions, those that an audit draws least.",
        0.49,
        0.009,
    ),
    rarely(
        "shaves_a_tenth_off_some",
        "Claims 0.1 nat less at 1.9 % of the positions, those that an audit draws least.",
        0.1,
        0.019,
    ),
)
