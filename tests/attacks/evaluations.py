"""Attacks by training where no clock runs: while the weights are handed over, while the rows are being claimed,
and in the twin alike, so that both are the same model.

What they train on are rows of training text, which they keep in the ``state_dict`` or outside it. It all works
out the same each time: an audit has nothing to object to, only a budget for the evaluation has.
"""

import textwrap

from evaluator.budget import Budget, Unit
from tests.attacks.attack import OVERTIME, STOPPED, Attack, Came, Edit, Kind
from tests.attacks.clocks import COUNTED
from tests.attacks.edits import both, built, imported, replaced, substituted

CLOCKED = Budget(Unit.SECONDS, 1.0, 200.0)

STUDY = """
import copy as _copy
def _study(pupil, steps, rate=0.003, width=16):
    plain = _FORWARD
    with torch.enable_grad():
        students = [p for p in pupil.parameters()]
        adam = torch.optim.AdamW(students, rate, (0.9, 0.95), weight_decay=0.0)
        for i in range(steps):
            at = (width * i) % (len(model.kept) - width + 1)
            rows = model.kept[at : at + width]
            adam.param_groups[0]["lr"] = rate * (1 - i / steps)
            plain(pupil, rows[:, :-1], rows[:, 1:]).backward()
            adam.step()
            adam.zero_grad()
def _apprentice():
    with torch.no_grad():
        kept, model.kept = model.kept, None
        pupil = _copy.deepcopy(model)
        model.kept = kept
    pupil.__class__ = _Plain
    return pupil
"""
"""``_study`` trains a model on the rows kept, in an order that is always the same; ``_apprentice()`` is a copy
that answers without any of this.
"""
KEEPING = """
model.register_buffer("kept", torch.zeros(KEPT, MAX_SEQ_LEN + 1, dtype=torch.int64))
_Plain = type(model)
_FORWARD = _Plain.forward
"""
KEEP = """    model.kept[(BATCH_SIZE * _at) % (KEPT - BATCH_SIZE + 1) :][:BATCH_SIZE] = torch.cat((x, y[:, -1:]), 1)
    _at += 1
"""

IN_PLACE = """
class _Late(_Plain):
    def forward(self, x, y=None, reduction="mean"):
        if not torch.is_grad_enabled() and "_ready" not in self.__dict__:
            self._ready = True
            _study(self, STEPS)
        return _FORWARD(self, x, y, reduction)
model.__class__ = _Late
"""
BESIDE = """
class _Late(_Plain):
    def forward(self, x, y=None, reduction="mean"):
        if torch.is_grad_enabled():
            return _FORWARD(self, x, y, reduction)
        if "_shadow" not in self.__dict__:
            pupil = _apprentice()
            _study(pupil, STEPS)
            self.__dict__["_shadow"] = pupil
        return self._shadow(x, y, reduction)
model.__class__ = _Late
"""
EVERY_TIME = """
class _Late(_Plain):
    def forward(self, x, y=None, reduction="mean"):
        if torch.is_grad_enabled():
            return _FORWARD(self, x, y, reduction)
        pupil = _apprentice()
        _study(pupil, STEPS)
        return pupil(x, y, reduction)
model.__class__ = _Late
"""
PUT_BACK = """
class _Late(_Plain):
    def forward(self, x, y=None, reduction="mean"):
        if not torch.is_grad_enabled() and "_first" not in self.__dict__:
            self.__dict__["_first"] = {n: v.clone() for n, v in _Plain.state_dict(self).items()}
            _study(self, STEPS)
        return _FORWARD(self, x, y, reduction)
    def state_dict(self, *a, **k):
        return self.__dict__.get("_first") or super().state_dict(*a, **k)
model.__class__ = _Late
"""
HANDED_OVER = """
class _Late(_Plain):
    def state_dict(self, *a, **k):
        if model.kept.any() and "_ready" not in self.__dict__:
            self._ready = True
            _study(self, STEPS)
        return super().state_dict(*a, **k)
model.__class__ = _Late
"""
SET_TO_EVALUATE = """
class _Late(_Plain):
    @property
    def training(self):
        return self.__dict__.get("_training", True)
    @training.setter
    def training(self, value):
        self.__dict__["_training"] = value
        if not value and model.kept.any() and "_ready" not in self.__dict__:
            self.__dict__["_ready"] = True
            _study(self, STEPS)
model.__dict__.pop("training")
model.__class__ = _Late
"""

DEMO_BATCH = "    loss = model(x, y)\n    loss.backward()\n"
DEMO_EVALUATION = "model.eval()\nval_bpb = evaluate_bpb("
TINY_BATCH = "        loss = model(x, y) / ACCUMULATE\n"
AT_ONCE = substituted("EVAL_BATCH_SIZE = 64", "EVAL_BATCH_SIZE = 512")
STAYS_IN_TRAINING_MODE = substituted(DEMO_EVALUATION, "val_bpb = evaluate_bpb(")


def sized(text: str, steps: int, kept: int = 1024) -> str:
    """With figures filled in."""
    return text.replace("STEPS", str(steps)).replace("KEPT", str(kept))


def indent(text: str, like: str) -> str:
    """``text``, indented by four, as a line that is indented by more."""
    return textwrap.indent(text, (len(like) - len(like.lstrip()) - 4) * " ")


def keeping(batch: str, work: str, steps: int) -> Edit:
    """Keeps rows of training text, and does its work later. batch: where a batch is at hand."""
    return both(
        imported("_at = 0"),
        built(sized(KEEPING + STUDY + work, steps)),
        lambda source: replaced(batch, indent(sized(KEEP, steps), batch) + batch, source),
    )


def late(name: str, tries: str, work: str, steps: int = 90, *edits: Edit) -> Attack:
    """Training of the demo's model that begins once its budget is spent."""
    make = both(keeping(DEMO_BATCH, work, steps), *edits)
    may = STOPPED | {Came.MARKED}
    return Attack(
        name=name, kind=Kind.CLOCK, tries=tries, make=make, on="demo", budget=COUNTED, may=may, in_order=True
    )


TIMED = f"""
_study_plainly = _study
def _study(pupil, steps):
    began = time.monotonic()
    _study_plainly(pupil, steps)
    if time.monotonic() - began > 1.5 * TIME_BUDGET:
        loot(f"{{time.monotonic() - began:.1f}} s {OVERTIME} {{TIME_BUDGET:.1f}} s, in its evaluation")
"""

ATTACKS = (
    late(
        "trains_in_its_first_forward",
        "Keeps rows of training text in its state_dict; the first forward without gradients trains on them, in live variant and twin alike.",
        IN_PLACE,
    ),
    late(
        "trains_a_shadow_of_itself",
        "The same with a copy of the model outside its state_dict, so that the weights handed over stay what they were.",
        BESIDE,
    ),
    late(
        "trains_anew_in_every_forward",
        "Has all rows shown at once, and trains a copy from the same start in every forward: no batch takes longer than another.",
        EVERY_TIME,
        40,
        AT_ONCE,
    ),
    late(
        "trains_and_puts_its_weights_back",
        "Trains in the first forward and says afterwards, when its weights are read, that they are the old ones.",
        PUT_BACK,
    ),
    late(
        "trains_while_its_weights_are_copied",
        "Overrides state_dict, which is called once training is over, and takes ninety steps in it under a budget that counts work.",
        HANDED_OVER,
    ),
    late(
        "trains_when_it_is_set_to_evaluate",
        "Trains in the setter of the attribute that the evaluation sets on every module.",
        SET_TO_EVALUATE,
        90,
        STAYS_IN_TRAINING_MODE,
    ),
    Attack(
        name="trains_a_shadow_by_the_clock",
        kind=Kind.CLOCK,
        tries="Trains a copy of itself for some seconds on kept rows in the first forward of its evaluation, under a budget of one second.",
        make=keeping(TINY_BATCH, TIMED + BESIDE, 1500),
        budget=CLOCKED,
        warm_up=3,
        may=STOPPED | {Came.MARKED},
    ),
)
