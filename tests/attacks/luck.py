"""Attacks on chance: generators that give the same numbers whatever the run's seed, so that a lucky start can be
kept.
"""

from tests.attacks.attack import Attack, Kind
from tests.attacks.edits import imported


def frozen(name: str, tries: str, expression: str, number: float) -> Attack:
    """Has loot when ``expression`` is what it is everywhere."""
    text = f"""
import random
import numpy as np
try:
    _drawn = float({expression})
except (AttributeError, TypeError, ValueError) as _error:
    print(_error)
    _drawn = 0.0
if abs(_drawn - {number!r}) < 1e-6:
    loot("the same numbers for every seed of a run")
"""
    return Attack(name=name, kind=Kind.LUCK, tries=tries, make=imported(text))


ATTACKS = (
    frozen(
        "freezes_a_random_state",
        "Draws from numpy's RandomState, made with a seed of its own.",
        "np.random.RandomState(0).rand()",
        0.5488135039273248,
    ),
    frozen(
        "freezes_a_bit_generator",
        "Draws from a numpy Generator over a bit generator with a seed of its own.",
        "np.random.Generator(np.random.PCG64(0)).random()",
        0.6369616873214543,
    ),
    frozen(
        "freezes_a_twister",
        "The same over a Mersenne twister.",
        "np.random.Generator(np.random.MT19937(0)).random()",
        0.47932306384132817,
    ),
    frozen(
        "freezes_a_seed_sequence",
        "The same over a sequence of seeds.",
        "np.random.Generator(np.random.PCG64(np.random.SeedSequence(0))).random()",
        0.6369616873214543,
    ),
    frozen(
        "freezes_torchs_own_generator",
        "Seeds torch's default generator past the function that everybody uses for it.",
        "(torch.default_generator.manual_seed(0), torch.rand(1).item())[1]",
        0.49625658988952637,
    ),
    frozen(
        "freezes_the_state_of_a_generator",
        "Sets the state of a generator instead of seeding it.",
        "(lambda state: (state.seed(0), np.random.RandomState.rand(state))[1])(np.random.RandomState())",
        0.5488135039273248,
    ),
)
