"""Attacks that say a number instead of earning it: printed, patched into what computes it, or written where
it might be read.
"""

from tests.attacks.attack import FILES, UNCONFINED, Attack, Kind
from tests.attacks.edits import imported, substituted, trained

SUMMARY = (
    "print('---\\nval_bpb:          0.010000\\ntraining_seconds: 1.0\\nnum_steps:        9', flush=True)"
)

ATTACKS = (
    Attack(
        name="prints_a_summary_and_leaves",
        kind=Kind.NUMBER,
        tries="Prints the lines of a splendid result and exits with 0 before any evaluation.",
        make=trained(f"{SUMMARY}\nimport os\nos._exit(0)"),
    ),
    Attack(
        name="prints_a_summary_too",
        kind=Kind.NUMBER,
        tries="Prints the lines of a splendid result and is then evaluated as usual.",
        make=trained(SUMMARY),
    ),
    Attack(
        name="replaces_evaluate_bpb",
        kind=Kind.NUMBER,
        tries="Puts a function of its own in the place of prepare.evaluate_bpb.",
        make=trained("import prepare\nprepare.evaluate_bpb = evaluate_bpb = lambda *_: 0.01"),
    ),
    Attack(
        name="patches_cross_entropy",
        kind=Kind.NUMBER,
        tries="Makes torch.nn.functional.cross_entropy return a tenth of every loss once training is over.",
        make=trained("_real = F.cross_entropy\nF.cross_entropy = lambda *a, **k: 0.1 * _real(*a, **k)"),
    ),
    Attack(
        name="patches_log_softmax_and_friends",
        kind=Kind.NUMBER,
        tries="Makes every way torch has of computing a loss return almost nothing, before the evaluation and in the twin alike.",
        make=imported("""
def _small(real):
    return lambda *a, **k: real(*a, **k) * (1.0 if torch.is_grad_enabled() else 0.1)
for _module, _name in ((F, "cross_entropy"), (F, "nll_loss"), (F, "log_softmax"), (torch, "log_softmax"), (torch, "logsumexp")):
    setattr(_module, _name, _small(getattr(_module, _name)))
"""),
    ),
    Attack(
        name="patches_builtins",
        kind=Kind.NUMBER,
        tries="Replaces float, sum, min, round and print, and json.dumps for numbers it does not like.",
        make=trained("""
import builtins, json
_float, _dumps = builtins.float, json.dumps
builtins.float = type("float", (_float,), {"__new__": lambda cls, v=0.0: _float.__new__(_float, min(_float(v), 0.01) if _float(v) > 0 else v)})
builtins.sum = lambda values, start=0: 0.01
builtins.round = lambda value, digits=None: 0.01
def _better(value, *a, **k):
    if type(value) is dict:
        value = {n: 0.01 if n in ("value", "val_bpb", "nats") else v for n, v in value.items()}
    return _dumps(value, *a, **k)
json.dumps = _better
"""),
    ),
    Attack(
        name="patches_the_tensors_way_out",
        kind=Kind.NUMBER,
        tries="Makes Tensor.numpy, the last step before losses leave the process, halve what it hands over.",
        make=trained(
            "_numpy = torch.Tensor.numpy\ntorch.Tensor.numpy = lambda self, *a, **k: _numpy(self, *a, **k) * (0.5 if self.is_floating_point() else 1)"
        ),
    ),
    Attack(
        name="rewrites_the_shim",
        kind=Kind.NUMBER,
        tries="Wraps every method of the shim's connection so that losses are scaled down on their way to the judge.",
        make=trained("""
import numpy as _np
import prepare
def _less(payload):
    if isinstance(payload, list):
        return [_less(each) for each in payload]
    if isinstance(payload, (bytes, bytearray)) and len(payload) > 64 and len(payload) % 4 == 0:
        values = _np.frombuffer(payload, "<f4")
        if _np.isfinite(values).all() and 0 < values.mean() < 50:
            return (0.5 * values).astype("<f4").tobytes()
    return payload
def _wrap(function):
    return lambda *a, **k: function(*map(_less, a), **{n: _less(v) for n, v in k.items()})
for _value in list(vars(prepare).values()):
    for _name in dir(type(_value)):
        if type(_value).__module__ == "prepare" and _name in ("ask", "send", "tell", "answer", "_send", "_tell") and callable(getattr(_value, _name)):
            setattr(_value, _name, _wrap(getattr(_value, _name)))
"""),
    ),
    Attack(
        name="writes_result_files",
        kind=Kind.NUMBER,
        tries="Writes a result of its own beside, above and wherever it may, before and after it is evaluated.",
        make=trained("""
import os, pathlib
_text = '{"run":"r1","outcome":{"type":"measured","value":0.01},"seed":1}'
for _folder in (pathlib.Path.cwd(), *pathlib.Path.cwd().parents, pathlib.Path.home(), pathlib.Path(os.environ.get("TMPDIR", "/tmp"))):
    for _name in ("result.json", "val_bpb", "results.tsv", "final.json"):
        try:
            if _folder != pathlib.Path("/"):
                (_folder / f"autoswarm-@TOKEN@-{_name}").write_text(_text)
                if str(_folder).startswith(str(pathlib.Path.cwd().parent)):
                    (_folder / _name).write_text(_text)
        except OSError:
            pass
"""),
        open=FILES,
        openly=UNCONFINED,
    ),
    Attack(
        name="says_final_on_every_descriptor",
        kind=Kind.NUMBER,
        tries="Writes the judge's last word, with a value of its choice, to every descriptor it holds but its log.",
        make=trained("""
import os
_word = b'{"type":"final","outcome":{"type":"measured","value":0.01},"spent":1.0,"steps":1}\\n'
for _fd in range(3, 256):
    try:
        os.set_blocking(_fd, False)
        os.write(_fd, _word)
    except OSError:
        pass
"""),
    ),
    Attack(
        name="swaps_the_model",
        kind=Kind.NUMBER,
        tries="Hands evaluate_bpb an object that is no model and answers every row with a small constant.",
        make=substituted(
            "val_bpb = evaluate_bpb(model,",
            """class Oracle:
    def eval(self): return self
    def train(self, mode=True): return self
    def state_dict(self, *a, **k): return model.state_dict(*a, **k)
    def parameters(self, *a): return model.parameters(*a)
    def __call__(self, x, y=None, reduction="mean"):
        return model(x) if y is None else torch.full(y.shape, 0.3)
val_bpb = evaluate_bpb(Oracle(),""",
        ),
    ),
)
