"""Where an attack's text goes into a surface. The tiny surface and the demo's share these lines; a place that
is not there is an error.
"""

from collections.abc import Callable

from tests.attacks.attack import LOOT, Edit

FORWARD = "        if y is None:\n            return logits\n"
"""Between the model's logits and its loss; ``self``, ``x``, ``y`` and ``logits`` are at hand."""
LOSS = "        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)\n"
RETURN = '        return loss.view(y.shape) if reduction == "none" else loss\n'

PRELUDE = f"""
import sys as _sys


def loot(what):
    _sys.stdout.write("\\n{LOOT}" + str(what)[:150].replace("\\n", " ") + "\\n")
    _sys.stdout.flush()

"""


def replaced(old: str, new: str, source: str, count: int = 1) -> str:
    """``source`` with ``old``, which must be there ``count`` times, replaced. Raises ValueError."""
    if source.count(old) != count:
        raise ValueError(f"{old!r} is {source.count(old)} times in the surface, not {count}")
    return source.replace(old, new)


def before(line: str) -> Callable[[str], Edit]:
    """An edit maker: its text goes before the line, which starts somewhere in the surface once."""

    def edit(text: str) -> Edit:
        return lambda source: replaced(line, f"{PRELUDE}{text.strip()}\n{line}", source)

    return edit


first = before("import torch\n")
"""Before torch and ``prepare`` are imported."""
imported = before("torch.manual_seed(SEED)\n")
"""With everything imported and nothing built."""
built = before("loader = make_dataloader(")
"""With the model built and no batch asked for."""
trained = before("val_bpb = evaluate_bpb(")
"""With the model trained."""
printed = before('print("---")\n')
"""With the number known."""


def in_forward(text: str) -> Edit:
    """``text``, indented for a method, between the logits and the loss."""
    return lambda source: replaced(FORWARD, f"{text.rstrip()}\n{FORWARD}", source)


def on_losses(expression: str) -> Edit:
    """The losses asked for one by one become ``expression`` of ``loss``; the training's mean stays."""
    return lambda source: replaced(
        LOSS, f'{LOSS}        if reduction == "none":\n            loss = {expression}\n', source
    )


def substituted(old: str, new: str) -> Edit:
    """One line for another."""
    return lambda source: replaced(old, new, source)


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(source: str) -> str:
        for edit in edits:
            source = edit(source)
        return source

    return edit
