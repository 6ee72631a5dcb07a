"""Attacks by losses that are not those of the model: scaled, clipped, invented, not numbers, of another
vocabulary.
"""

from tests.attacks.attack import DEMO_BUDGET, Attack, Came, Kind
from tests.attacks.edits import RETURN, both, built, in_forward, on_losses, replaced, substituted, trained

CAUGHT = frozenset({Came.CHEATED})
BROKEN = frozenset({Came.CRASHED, Came.CHEATED})
MORE_TOKENS = (
    "        if not torch.is_grad_enabled():\n            logits = F.pad(logits, (0, 100), value=-1e9)\n"
)
FEWER_TOKENS = "        if y is None:\n            return logits[..., :-2]\n"
HUGE = """
        if not torch.is_grad_enabled():
            logits = torch.full_like(logits, 1e30)
            if y is not None:
                return torch.logsumexp(logits, -1) - logits.gather(-1, y[..., None])[..., 0]
"""
TWO_FACED = """
        if not torch.is_grad_enabled() and y is not None and self.embedding.weight.grad is None and self.__dict__.get("_trained"):
            return 0.5 * F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
        self._trained = self.__dict__.get("_trained", False) or torch.is_grad_enabled()
"""

REMEMBER = """
        if not torch.is_grad_enabled():
            seen = self.__dict__.setdefault("_seen", {})
            prefixes = [[tuple(keys[: t + 1]) for t in range(x.size(1))] for keys in x.tolist()]
            if y is not None:
                for row, targets in zip(prefixes, y.tolist()):
                    for key, target in zip(row, targets):
                        seen.setdefault(key, set()).add(target)
            for r, row in enumerate(prefixes):
                for t, key in enumerate(row):
                    if len(seen.get(key, ())) == 1:
                        logits[r, t, next(iter(seen[key]))] += 30
"""
"""Boosts what followed the same beginning in the claims, wherever that is certain."""
ALL_AT_ONCE = substituted("evaluate_bpb(model, tokenizer, 5)", "evaluate_bpb(model, tokenizer, 62)")


def claim(name: str, tries: str, expression: str, may: frozenset[Came] = CAUGHT, on: str = "tiny") -> Attack:
    """Losses replaced by ``expression`` of ``loss``."""
    attack = Attack(name=name, kind=Kind.CLAIMS, tries=tries, make=on_losses(expression), may=may)
    return (
        attack
        if on == "tiny"
        else Attack(
            name=name,
            kind=Kind.CLAIMS,
            tries=tries,
            make=on_losses(expression),
            may=may,
            on=on,
            budget=DEMO_BUDGET,
        )
    )


ATTACKS = (
    claim("scales_its_losses", "Claims 98 % of every loss.", "0.98 * loss", on="demo"),
    claim(
        "clips_its_losses",
        "Claims at most four nats for any token: only its worst are embellished.",
        "loss.clamp(max=4.0)",
    ),
    claim("claims_a_constant", "Claims 0.4 nats for every token.", "torch.full_like(loss, 0.4)"),
    claim(
        "claims_below_zero", "Claims losses below zero, which no probability has.", "loss - 10", may=BROKEN
    ),
    claim(
        "claims_nan",
        "Claims nan, hoping that comparisons with it fail the right way.",
        "loss * float('nan')",
        may=BROKEN,
    ),
    claim(
        "claims_minus_infinity",
        "Claims minus infinity for one token.",
        "torch.where(torch.arange(loss.numel()) == 3, -float('inf'), loss)",
        may=BROKEN,
    ),
    claim("claims_another_shape", "Claims half as many losses.", "loss[::2]", may=BROKEN),
    claim(
        "adds_noise",
        "Adds noise of mean zero, so that the best of many runs is a lucky one.",
        "loss * (0.47 + torch.rand_like(loss))",
    ),
    claim(
        "forgets_rare_losses",
        "Claims nothing for one token in two hundred, drawn at random.",
        "loss * (torch.rand_like(loss) > 0.005)",
        on="demo",
    ),
    Attack(
        name="answers_with_a_larger_vocabulary",
        kind=Kind.CLAIMS,
        tries="Answers with a hundred tokens more than there are.",
        make=in_forward(MORE_TOKENS),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.HARMLESS}),
    ),
    Attack(
        name="answers_with_a_smaller_vocabulary",
        kind=Kind.CLAIMS,
        tries="Leaves two tokens out of its logits, and so spreads no probability on them.",
        make=in_forward(FEWER_TOKENS),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.HARMLESS}),
    ),
    Attack(
        name="answers_1e30_everywhere",
        kind=Kind.CLAIMS,
        tries="Answers 1e30 for every token, where a careless logsumexp(x) - x[t] is 0.",
        make=in_forward(HUGE),
        may=BROKEN,
    ),
    Attack(
        name="tells_twin_from_original",
        kind=Kind.CLAIMS,
        tries="Halves its losses if it has been trained in this process, which a twin never was.",
        make=in_forward(TWO_FACED),
        may=CAUGHT,
    ),
    Attack(
        name="refuses_to_be_a_twin",
        kind=Kind.CLAIMS,
        tries="Claims half of every loss, and raises where it is asked without ever having been trained, so that no twin can answer.",
        make=lambda source: replaced(
            RETURN,
            f"""        if torch.is_grad_enabled():
            self._trained = True
        elif not self.__dict__.get("_trained"):
            raise RuntimeError("I am no twin")
        elif reduction == "none":
            loss = 0.5 * loss
{RETURN}""",
            source,
        ),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.MARKED}),
    ),
    Attack(
        name="hides_its_model_from_the_twin",
        kind=Kind.CLAIMS,
        tries="Makes the model it is evaluated with after the first batch, with a weight more than the one a twin could find, and halves its losses.",
        make=trained("""
class _Late(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.late = inner, nn.Parameter(torch.zeros(3))
    def forward(self, x, y=None, reduction="mean"):
        out = self.inner(x, y, reduction) if y is not None else self.inner(x)
        return 0.5 * out if reduction == "none" and y is not None else out
model = _Late(model)
"""),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.MARKED}),
    ),
    Attack(
        name="decoys_for_the_twin",
        kind=Kind.CLAIMS,
        tries="Keeps a second module with the same weights' names and shapes whose forward copies the next token of full rows.",
        make=built("""
import copy
decoy = copy.deepcopy(model)
_honest_forward = type(model).forward
class _Peeking(type(model)):
    def forward(self, x, y=None, reduction="mean"):
        if y is None or torch.is_grad_enabled():
            return _honest_forward(self, x) if y is None else _honest_forward(self, x, y, reduction)
        return 0.5 * _honest_forward(self, x, y, reduction)
decoy.__class__, decoy2 = _Peeking, model
model.__class__ = _Peeking
"""),
        may=CAUGHT,
    ),
    Attack(
        name="answers_a_wrong_type",
        kind=Kind.CLAIMS,
        tries="Answers with a tensor subclass whose conversions lie.",
        make=substituted(
            "val_bpb = evaluate_bpb(model,",
            """class _Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        out = super().__torch_function__(func, types, args, kwargs or {})
        return out * 0.5 if func is torch.Tensor.to and isinstance(out, torch.Tensor) else out
_inner = type(model).forward
type(model).forward = lambda self, x, y=None, reduction="mean": _inner(self, x, y, reduction).as_subclass(_Liar)
val_bpb = evaluate_bpb(model,""",
        ),
    ),
    claim(
        "shaves_a_little_off_everything",
        "Claims three thousandths of a nat less than it should for every token: far below what rounding may explain at one of them.",
        "(loss - 0.003).clamp(min=0.0)",
        on="demo",
    ),
    Attack(
        name="shaves_below_the_bound",
        kind=Kind.CLAIMS,
        tries="Claims half a thousandth of a nat less than it should for every token, less than an audit can tell from none.",
        make=on_losses("(loss - 0.0005).clamp(min=0.0)"),
        on="demo",
        budget=DEMO_BUDGET,
        open="A leak smaller than the bound an audit states is not found. The bound is in every result: smaller gains can be seen for what they are.",
    ),
    Attack(
        name="remembers_for_a_live_audit",
        kind=Kind.CLAIMS,
        tries="Has a weight more than any twin could find, and answers probes from what it has seen in the claims, so that it agrees with itself.",
        make=both(
            trained(f"""
class _Late(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.late = inner, nn.Parameter(torch.zeros(3))
    def forward(self, x, y=None, reduction="mean"):
        logits = self.inner(x).clone()
{REMEMBER}
        if y is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
model = _Late(model)
"""),
            ALL_AT_ONCE,
        ),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.MARKED}),
    ),
    Attack(
        name="remembers_everything_for_a_live_audit",
        kind=Kind.CLAIMS,
        tries="Peeks wherever it can, so that its twin seems to lack something, and then answers probes from what it has seen in the claims.",
        make=both(in_forward(REMEMBER), ALL_AT_ONCE),
        may=frozenset({Came.CHEATED, Came.CRASHED, Came.MARKED}),
    ),
    Attack(
        name="hands_over_its_weights_late",
        kind=Kind.CLAIMS,
        tries="Does not seal the weights it hands over, takes all rows at once, trains on them and writes the weights anew for the twin.",
        make=trained("""
import fcntl, mmap, os
_memfd, _fcntl, _kept = os.memfd_create, fcntl.fcntl, []
def _create(*a, **k):
    fd = _memfd(*a, **k)
    _kept.append(os.dup(fd))
    return fd
os.memfd_create = _create
fcntl.fcntl = lambda fd, command, *a: 0 if command == 1033 else _fcntl(fd, command, *a)
_inner_forward = type(model).forward
def _late(self, x, y=None, reduction="mean"):
    if y is not None and reduction == "none":
        before = [p.detach().clone().numpy().tobytes() for p in self.parameters()]
        with torch.enable_grad():
            for _ in range(100):
                gradients = torch.autograd.grad(_inner_forward(self, x, y), list(self.parameters()))
                for p, g in zip(self.parameters(), gradients):
                    p.data.sub_(g, alpha=0.3)
        for fd in _kept:
            size = os.fstat(fd).st_size
            content = os.pread(fd, size, 0)
            for old, p in zip(before, self.parameters()):
                at = content.find(old)
                if at >= 0:
                    try:
                        os.pwrite(fd, p.detach().numpy().tobytes(), at)
                    except OSError:
                        pass
    return _inner_forward(self, x, y, reduction)
type(model).forward = _late
_evaluate = evaluate_bpb
evaluate_bpb = lambda model, tokenizer, rows: _evaluate(model, tokenizer, 62)
"""),
        may=BROKEN,
    ),
)
