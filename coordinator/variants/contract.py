"""The contract with ``prepare``: what a surface imports from the judge's side, what it must use, and what is
refused. Values and sentences only.

- Everybody who asks for a surface, or holds one to its terms, reads it here: the gate, the check of an edit,
  and the prompts of the ``llm`` and ``command`` proposers.
- ``evaluator/shim/prepare.py`` offers exactly these names. A test compares both files.
- The gate refuses what surely leaves out a needed name. The check of an edit asks for no more than the parent
  keeps, so that a task without this contract can be searched too.
"""

from msgspec import Struct

from evaluator.judging.metering.early import EARLIEST

PREPARE = "prepare"
"""The judge's side inside a run. A task that lists it among its frozen modules asks for this contract."""


class OfferedName(Struct, frozen=True):
    """One name that a surface may import from ``prepare``."""

    name: str
    gives: str
    """What a surface gets by it."""
    needed: str = ""
    """Why no run comes to a number without it; empty where a surface can do without."""


LOADER = OfferedName(
    "make_dataloader",
    "training batches until the budget is spent",
    "only its batches are training data, and the clock runs by them",
)
EVALUATION = OfferedName(
    "evaluate_bpb",
    "the value of a model as the judge computes it; it ends training",
    "only what it reports to the judge becomes the value; call it once, at the end, when the budget is spent",
)
OFFERED = (
    OfferedName("MAX_SEQ_LEN", "tokens of a row of validation text"),
    OfferedName("TIME_BUDGET", "seconds of training, to plan a schedule with"),
    OfferedName("Tokenizer", "the tokenizer of the run's data"),
    LOADER,
    EVALUATION,
)
"""All of them. There is no other way to data, clock or value."""
NEEDED = tuple(offered for offered in OFFERED if offered.needed)
"""Those that a surface has to import and use: the clock starts with the first, the second asks for the
evaluation.
"""

# ---------------------------------------------------------------------- for whoever writes a surface

KEEPS = (
    f"It imports data, tokenizer and evaluation from `{PREPARE}`, trains until the budget is spent, and then"
    f" calls `{EVALUATION.name}` once, as now. A call before {EARLIEST:.0%} of the budget is spent is no look"
    " on the way: it ends the run as a crash, without a value, also where a program means to train less. A"
    " forward does not train: evaluating the model leaves all its parameters and buffers as they are."
)
RUNS = (
    "It compiles, runs as it stands, and differs from the file as a program: comments or layout alone are no"
    " experiment."
)

# ---------------------------------------------------------------------- for whoever wrote one that is refused

LOST_IMPORT = f"the edited file does not import from {PREPARE} any more; data and measurement come from there"
LOST_CALL = f"the edited file does not call {EVALUATION.name} any more; without it there is no result"


def never_imported(offered: OfferedName) -> str:
    """Why a program without this import is refused."""
    return f"it never imports {offered.name} from {PREPARE}: {offered.needed}"


def never_used(offered: OfferedName) -> str:
    """Why a program that imports this for show is refused."""
    return f"it never uses {offered.name} from {PREPARE}: {offered.needed}"


def replaced(offered: OfferedName, line: int) -> str:
    """Why a program that defines something else under this name, at that line, is refused."""
    return f"line {line} puts something else in the place of {offered.name} from {PREPARE}: {offered.needed}"
