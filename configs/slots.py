"""Where agents run, and how their slots are held against each other."""

from typing import Annotated

from pydantic import Field

from configs.section import Section, Whole, Word


class SlotsConfig(Section):
    """Where agents run."""

    per_gpu: bool = False
    """True: one agent per GPU of the cluster. False: `count` agents on CPU slots of this machine."""
    count: Annotated[Whole, Field(ge=1)] = 2
    """Agents on CPU slots."""
    cores: Annotated[Whole, Field(ge=1)] = 1
    """CPU cores of one slot: OMP_NUM_THREADS of its runs."""
    division: Word | None = None
    """Name of the hardware class; None takes the accelerator's model, or `cpu`."""
    check_every: Annotated[Whole, Field(ge=0)] = 25
    """Runs of a slot after which it makes one that others made too, so that a slot that is off is noticed;
    five of them come within its first ten runs, where it is expected to make a hundred or more
    (docs/slots.md). Not among fewer than three slots of a
    division, nor with a lookahead. 0: none on purpose.
    """
    set_aside: bool = True
    """Whether a slot that is off gets no more runs and its values are not believed; false only says so."""
