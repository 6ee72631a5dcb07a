"""Attacks on chance: generators that give the same numbers whatever the run's seed, so that a lucky start can be
kept.
"""

from tests.attacks.attack import Attack, Kind
from tests.attacks.edits import imported

DRAWS = """
import random
import numpy as np
for _name, _draw, _everywhere in DRAWN:
    try:
        _same = abs(float(_draw()) - _everywhere) < 1e-6
    except (AttributeError, TypeError, ValueError) as _error:
        print(_name, _error)
        continue
    if _same:
        loot(f"the same numbers for every seed of a run from {_name}")
"""


def frozen(name: str, tries: str, *draws: tuple[str, str, float]) -> Attack:
    """Has loot when one of some draws comes to what it comes to everywhere: its name, an expression, a number."""
    drawn = ", ".join(f"({what!r}, lambda: {expression}, {number})" for what, expression, number in draws)
    return Attack(name=name, kind=Kind.LUCK, tries=tries, make=imported(DRAWS.replace("DRAWN", f"[{drawn}]")))


ATTACKS = (
    frozen(
        "freezes_numpys_old_generator",
        "Draws from numpy's RandomState, made or seeded afterwards with a seed of its own.",
        ("RandomState", "np.random.RandomState(0).rand()", 0.5488135039273248),
        (
            "RandomState.seed",
            "(lambda state: (state.seed(0), state.rand())[1])(np.random.RandomState())",
            0.5488135039273248,
        ),
    ),
    frozen(
        "freezes_numpys_bit_generators",
        "Draws from numpy Generators over bit generators and sequences with seeds of its own.",
        ("PCG64", "np.random.Generator(np.random.PCG64(0)).random()", 0.6369616873214543),
        ("MT19937", "np.random.Generator(np.random.MT19937(0)).random()", 0.47932306384132817),
        (
            "SeedSequence",
            "np.random.Generator(np.random.PCG64(np.random.SeedSequence(0))).random()",
            0.6369616873214543,
        ),
    ),
    frozen(
        "freezes_torchs_own_generator",
        "Seeds torch's default generator past the function that everybody uses for it.",
        (
            "default_generator",
            "(torch.default_generator.manual_seed(0), torch.rand(1).item())[1]",
            0.49625658988952637,
        ),
        (
            "random.default_generator",
            "(torch.random.default_generator.manual_seed(0), torch.rand(1).item())[1]",
            0.49625658988952637,
        ),
    ),
)
