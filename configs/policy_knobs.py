"""Knobs of acceptance policies, and which policy is meant where none is named.

- Knobs belong to a policy: where a later file, or the command line, names another one, those of the files
  before it do not hold any more.
- When there was one policy its knobs named none: whoever gives ``confirm_runs`` or ``screen_z`` alone means
  ``confirm``.
"""

from collections.abc import Mapping

from configs.schema import AcceptanceConfig
from configs.tree import Given

SECTION = "acceptance."
POLICY = f"{SECTION}policy"
KNOBS = frozenset(
    f"{SECTION}{name}"
    for name, field in AcceptanceConfig.model_fields.items()
    if field.default is None  # the policy's own value holds
)
"""Keys that are knobs of some policy."""
ONLY_POLICY, ITS_KNOBS = "confirm", (f"{SECTION}confirm_runs", f"{SECTION}screen_z")
"""The policy of the version before, and keys that only it would be given for."""


def with_policy(given: Mapping[str, Given]) -> dict[str, Given]:
    """All that is given, and the policy that it means where it names none."""
    knobs = [key for key in ITS_KNOBS if key in given and given[key].value is not None]
    if POLICY in given or not knobs:
        return dict(given)
    return {**given, POLICY: Given(ONLY_POLICY, given[knobs[0]].origin)}


def before(given: Mapping[str, Given], layer: Mapping[str, Given]) -> dict[str, Given]:
    """What holds of earlier layers when a layer comes on top of them."""
    same = _meant(given) == _meant({**given, **layer})
    return {key: value for key, value in given.items() if same or key not in KNOBS}


def _meant(given: Mapping[str, Given]) -> object:
    """The policy that holds."""
    meant = with_policy(given).get(POLICY)
    return meant.value if meant else AcceptanceConfig.model_fields["policy"].default
