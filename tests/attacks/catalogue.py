"""Every attack, by the class it belongs to."""

from tests.attacks import (
    adaptations,
    clocks,
    escapes,
    fake_numbers,
    false_claims,
    floods,
    leaks,
    leftovers,
    thefts,
)
from tests.attacks.attack import Attack

ATTACKS: tuple[Attack, ...] = (
    *fake_numbers.ATTACKS,
    *leaks.ATTACKS,
    *adaptations.ATTACKS,
    *false_claims.ATTACKS,
    *clocks.ATTACKS,
    *thefts.ATTACKS,
    *escapes.ATTACKS,
    *leftovers.ATTACKS,
    *floods.ATTACKS,
)

BY_NAME = {attack.name: attack for attack in ATTACKS}
