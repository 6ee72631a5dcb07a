"""What a variant's shim and the judge say to each other.

A conversation: Hello → Welcome; NextBatch → Batch or BudgetSpent, as often as the variant likes; Evaluate →
HandOver → Weights or Unable → Rows → Losses → … → HandOver → Weights → Score. Where the live variant is
probed itself, Probe → Logits come after that. One of which a twin is wanted gets no Score: it is ended. With
a twin: Hello → Welcome; Ready → Model → Loaded or Unable → Probe → Logits → …, until the judge hangs up.
RunRefused ends either at any point.

Everything from a variant is untrusted: fields are typed and bounded here, and what does not fit breaks the
contract.
"""

from typing import Annotated

from msgspec import Meta, Struct

VERSION = 2
"""Of this protocol; the shim beside a variant must speak the same."""

TOKENS_LIMIT = 1 << 22
"""Most tokens of one batch: 16 times the device batch of a large single-GPU training, 8 MB on the wire."""

WEIGHTS_LIMIT = 1 << 38
"""Most bytes of a copy of the weights, which nobody but the twin reads: more than any accelerator's memory
today.
"""

Size = Annotated[int, Meta(ge=1, le=TOKENS_LIMIT)]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Counted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Work counted over one window of training, and the training tokens handed out within it."""

    flops: Count
    ops: Count
    bytes_written: Count
    tokens: Annotated[int, Meta(ge=1, le=1 << 53)]


class Hello(Struct, frozen=True, tag="hello", forbid_unknown_fields=True):
    """The variant imported ``prepare``."""

    version: int


class NextBatch(Struct, frozen=True, tag="next_batch", kw_only=True, forbid_unknown_fields=True):
    """The next training batch, please: ``rows`` of ``length`` target tokens."""

    rows: Size
    length: Size

    steps: Count
    """Optimizer steps taken so far."""

    counted: Counted | None = None
    """Work newly counted, or None; it prices every token from here on and those not priced yet."""


class Evaluate(Struct, frozen=True, tag="evaluate", kw_only=True, forbid_unknown_fields=True):
    """Training is over; send validation rows, ``rows`` at a time."""

    rows: Size

    steps: Count
    """Optimizer steps taken in all."""

    counted: Counted | None = None
    """As in NextBatch."""


class Weights(Struct, frozen=True, tag="weights", forbid_unknown_fields=True):
    """A copy of the model: once before any validation token was shown, once after the last. The payload is
    for the twin alone: a table in JSON, then raw tensors.
    """

    table: Annotated[int, Meta(ge=2, le=1 << 26)]
    """Bytes of the JSON."""


class Unable(Struct, frozen=True, tag="unable", forbid_unknown_fields=True):
    """There is no copy of this model, or no module that takes it."""

    reason: Annotated[str, Meta(max_length=300)]
    """The variant's own words, which go no further."""


class Losses(Struct, frozen=True, tag="losses", kw_only=True, forbid_unknown_fields=True):
    """Nats per target token of the rows just sent; the payload holds them as ``dtype``, row by row."""

    dtype: str
    shape: list[int]


class Ready(Struct, frozen=True, tag="ready", forbid_unknown_fields=True):
    """The twin has come to its first batch and gets a model instead."""


class Loaded(Struct, frozen=True, tag="loaded", forbid_unknown_fields=True):
    """The twin has taken over the weights."""


class Logits(Struct, frozen=True, tag="logits", kw_only=True, forbid_unknown_fields=True):
    """Answer to Probe; the payload holds a row of logits for each row, as ``dtype``."""

    dtype: str
    shape: list[int]


class Welcome(Struct, frozen=True, tag="welcome", kw_only=True):
    """Answer to Hello; the payload is ``vocab.json``. Fields without a word are those of the manifest."""

    max_seq_len: int

    time_budget: float
    """Seconds the variant plans with."""

    nominal: bool
    """Its clock is the one in Batch, not the machine's."""

    seed: int
    """Of the run."""

    vocab_size: int
    bos: int
    vocabulary: str
    pattern: str | None

    twin: bool = False
    """It is to answer for a trained model instead of training one."""


class Batch(Struct, frozen=True, tag="batch", kw_only=True):
    """The payload holds rows of ``length`` + 1 token ids, 16 bits each."""

    rows: int
    length: int

    epoch: int
    """Of the last document handed out; the first is 1."""

    seconds: float
    """Of the budget spent so far, on the nominal clock."""


class BudgetSpent(Struct, frozen=True, tag="budget_spent"):
    """No batch: the budget and its grace are spent. One more request ends the run."""


class HandOver(Struct, frozen=True, tag="hand_over"):
    """A copy of the weights, please."""


class Rows(Struct, frozen=True, tag="rows", kw_only=True):
    """Validation rows to answer with Losses; the payload is as in Batch."""

    rows: int
    length: int


class Model(Struct, frozen=True, tag="model"):
    """The payload is that of Weights, as the live variant sent it."""

    table: int


class Probe(Struct, frozen=True, tag="probe", kw_only=True):
    """Rows to answer with Logits. The payload holds ``length`` token ids and a position for each row, 16 bits
    each: the logits there are wanted.
    """

    rows: int
    length: int


class Score(Struct, frozen=True, tag="verdict"):
    """The metric as the judge computed it."""

    value: float


class RunRefused(Struct, frozen=True, tag="refusal"):
    """The run is over."""

    reason: str
    """For the variant's log."""


Request = Hello | NextBatch | Evaluate | Weights | Unable | Losses | Ready | Loaded | Logits
Reply = Welcome | Batch | BudgetSpent | HandOver | Rows | Model | Probe | Score | RunRefused
