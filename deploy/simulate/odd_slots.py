"""A slot that is off on purpose, to see whether a campaign notices: how it is asked for, and what came of it.
Pure.
"""

from collections.abc import Sequence
from math import isfinite

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.state.campaign_state import CampaignState
from deploy.simulate.virtual_slot import Slot, agent_name

KEYS = ("speed", "noise", "offset", "drift")
ABOVE_ZERO = ("speed", "noise")


class SlotsFound(Struct, frozen=True):
    """Slots that a campaign set aside."""

    after: list[int]
    """Of those that were off, the runs that they had made by then."""
    missed: int
    """Those that were off and are not set aside."""
    wrongly: int
    """Those that were not off, and are."""
    sound: int
    """Those that were not off."""


def with_odd_slot(slots: tuple[Slot, ...], words: str) -> tuple[Slot, ...]:
    """The slots, the last of them off. words: ``speed=0.95,noise=3``, see ``Slot``. Raises ConfigError."""
    remedy = f"Give one or several of {', '.join(f'{key}=NUMBER' for key in KEYS)}, with commas between them."
    changes: dict[str, float] = {}
    for word in words.split(","):
        key, _, number = word.strip().partition("=")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if key not in KEYS or not isfinite(value) or (key in ABOVE_ZERO and value <= 0):
            raise ConfigError(f"--odd-slot: {word.strip()!r} says nothing of a slot", remedy)
        changes[key] = value
    return (*slots[:-1], replace(slots[-1], odd=True, **changes))


def slots_found(state: CampaignState, slots: Sequence[Slot]) -> SlotsFound:
    """What the campaign set aside of them."""
    off = [agent_name(number) for number, slot in enumerate(slots) if slot.odd]
    aside = {name for name, agent in state.agents.items() if agent.set_aside}
    made = dict.fromkeys(off, 0)
    for run in state.runs.values() if off else ():
        if run.slot in made and run.result is not None:
            made[run.slot] += 1
    return SlotsFound(
        after=[made[name] for name in off if name in aside],
        missed=sum(name not in aside for name in off),
        wrongly=len(aside.difference(off)),
        sound=len(slots) - len(off),
    )
