"""Judges that a task may have: which of them measures it, and the commands it is made of.

- ``bits_per_byte``: the surface is a training script, and the judge computes the metric from its losses.
- ``command``: what the surface does runs in a box; what comes out of it is measured by a command in another
  box, which hidden files are in and which the surface's code was never in.
- ``speed``: how long it takes, in turns with the unmodified surface on the same slot.

Which of them a task has decides what a merge of it rests on; docs/tasks.md has the table.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line for ``/bin/sh``, in the folder where the task's files lie."""

    command: Annotated[str, Meta(min_length=1)]
    seconds: Positive = 60.0
    """Of real time that it may take; of ``run`` the budget's amount counts."""


class BitsPerByte(Struct, frozen=True, tag="bits_per_byte", tag_field="kind", forbid_unknown_fields=True):
    """The losses of a training script over text it has not seen."""


class _Commands(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the judges of commands share."""

    build: Command | None = None
    """Once, in a box of its own; ``artifacts`` of it go on."""
    artifacts: list[str] = []
    """Patterns of files that ``build`` leaves."""
    outputs: list[str] = []
    """Patterns of files that ``run`` leaves, for ``check`` and ``measure``."""
    check: Command | None = None
    """Guard: where it does not exit with 0 the variant has failed, whatever it measures."""


class ByCommand(_Commands, frozen=True, kw_only=True, tag="command", tag_field="kind"):
    """A command says the value."""

    run: Command | None = None
    """What the surface does; its seconds are the budget's."""
    measure: Command
    """Prints ``METRIC name=value``, or as its last line a JSON object, or leaves ``reward.json``."""
    runs_variant: bool = False
    """``check`` and ``measure`` get the surface, too, and run its code: then that could speak for them, and
    every merge says so.
    """


class Speed(_Commands, frozen=True, kw_only=True, tag="speed", tag_field="kind"):
    """Its time as a multiple of the unmodified surface's: both run in turns, each in a new box."""

    inputs: Command | None = None
    """Makes what it runs on, before its time counts; AUTOSWARM_SEED is another one each time."""
    run: Command
    """What is timed."""
    pairs: Annotated[int, Meta(ge=1, le=100)] = 3
    """How often each of the two runs."""
    clock: Literal["cpu", "wall"] = "cpu"
    """What is counted: CPU seconds by the kernel, or real seconds where it does not count or CPU is not the
    point.
    """


AnyJudge = BitsPerByte | ByCommand | Speed


class Guard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bound of a further metric; what is beyond it has failed."""

    at_least: float | None = None
    at_most: float | None = None

    def breach(self, name: str, value: float) -> str:
        """In words; empty where the value is within it."""
        if self.at_least is not None and not value >= self.at_least:
            return f"{name} is {value:g}, at least {self.at_least:g} is wanted"
        if self.at_most is not None and not value <= self.at_most:
            return f"{name} is {value:g}, at most {self.at_most:g} is allowed"
        return ""
