"""What a status page says of a slot beside the others of its division."""

from typing import Annotated

from msgspec import Struct

from coordinator.views.described import says
from evaluator.slot_evidence import SlotTest


class SlotView(Struct, frozen=True, kw_only=True):
    """A slot, by runs of programs that others ran, too."""

    runs: Annotated[int, says("Such runs that it is judged by.")]
    offset: Annotated[
        float | None, says("How much more its values are than the others', in σ of runs; null if unknown.")
    ]
    spread: Annotated[
        float | None, says("Standard deviation of its runs, in that of the others'; null if unknown.")
    ]
    rate: Annotated[
        float | None, says("How much faster its runs are, as a share; negative when slower, or null.")
    ]
    off: Annotated[SlotTest | None, says("What it is off by, or was set aside for; null where it is not.")]
    why: Annotated[str, says("That in words; empty where it is not off.")]
    set_aside: Annotated[bool, says("Whether it gets no more runs, and its values are not believed.")]
    not_because: Annotated[str, says("Why it is not set aside though it is off; empty otherwise.")]
