"""What a variant's shim and the judge say to each other.

A conversation: Hello → Welcome; NextBatch → Batch or BudgetSpent, as often as the variant likes; Evaluate → Rows, then Losses → Rows … until Verdict.
Refusal ends it at any point. Everything from a variant is untrusted: fields are typed and bounded here, and what does not fit breaks the contract.
"""

from typing import Annotated

from msgspec import Meta, Struct

VERSION = 1
"""Of this protocol; the shim beside a variant must speak the same."""

TOKENS_LIMIT = 1 << 22
"""Most tokens of one batch: 16 times the device batch of a large single-GPU training, 8 MB on the wire."""

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
    """The next training batch, please: ``rows`` of ``length`` target tokens.

    steps: optimizer steps taken so far. counted: work newly counted, or None; it prices every token from here on and those not priced yet.
    """

    rows: Size
    length: Size
    steps: Count
    counted: Counted | None = None


class Evaluate(Struct, frozen=True, tag="evaluate", kw_only=True, forbid_unknown_fields=True):
    """Training is over; send validation rows, ``rows`` at a time."""

    rows: Size
    steps: Count
    counted: Counted | None = None


class Losses(Struct, frozen=True, tag="losses", kw_only=True, forbid_unknown_fields=True):
    """Nats per target token of the rows just sent; the payload holds them as ``dtype``, row by row."""

    dtype: str
    shape: list[int]


class Welcome(Struct, frozen=True, tag="welcome", kw_only=True):
    """Answer to Hello; the payload is ``vocab.json``.

    time_budget: seconds the variant plans with. nominal: its clock is the one in Batch, not the machine's. seed: of the run.
    """

    max_seq_len: int
    time_budget: float
    nominal: bool
    seed: int
    vocab_size: int
    bos: int
    vocabulary: str
    pattern: str | None


class Batch(Struct, frozen=True, tag="batch", kw_only=True):
    """The payload holds rows of ``length`` + 1 token ids, 16 bits each. seconds: of the budget spent so far, on the nominal clock."""

    rows: int
    length: int
    epoch: int
    seconds: float


class BudgetSpent(Struct, frozen=True, tag="budget_spent"):
    """No batch: the budget and its grace are spent. One more request ends the run."""


class Rows(Struct, frozen=True, tag="rows", kw_only=True):
    """Validation rows to answer with Losses; the payload is as in Batch."""

    rows: int
    length: int


class Verdict(Struct, frozen=True, tag="verdict"):
    """The metric as the judge computed it."""

    value: float


class Refusal(Struct, frozen=True, tag="refusal"):
    """The run is over; ``reason`` is for the variant's log."""

    reason: str


Request = Hello | NextBatch | Evaluate | Losses
Reply = Welcome | Batch | BudgetSpent | Rows | Verdict | Refusal
