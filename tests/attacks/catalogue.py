"""Every attack, by the class it belongs to."""

from tests.attacks import (
    adaptations,
    channels,
    clocks,
    counts,
    crossings,
    escapes,
    evaluations,
    fake_numbers,
    false_claims,
    floods,
    leaks,
    leftovers,
    luck,
    rare_claims,
    thefts,
)
from tests.attacks.attack import Attack

ATTACKS: tuple[Attack, ...] = (
    *fake_numbers.ATTACKS,
    *leaks.ATTACKS,
    *channels.ATTACKS,
    *adaptations.ATTACKS,
    *false_claims.ATTACKS,
    *rare_claims.ATTACKS,
    *clocks.ATTACKS,
    *evaluations.ATTACKS,
    *counts.ATTACKS,
    *crossings.ATTACKS,
    *thefts.ATTACKS,
    *escapes.ATTACKS,
    *leftovers.ATTACKS,
    *luck.ATTACKS,
    *floods.ATTACKS,
)

BY_NAME = {attack.name: attack for attack in ATTACKS}
