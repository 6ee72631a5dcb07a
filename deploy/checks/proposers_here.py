"""Whether anybody proposes where ``campaign.propose_in`` says."""

from collections.abc import Collection

from configs.errors import ConfigError
from configs.schema import Config


def unknown_divisions(config: Config, there: Collection[str]) -> ConfigError | None:
    """What to tell a person who named divisions that no slot is of; None where every one has a slot. there:
    the divisions of the slots there are.
    """
    missing = [name for name in config.campaign.propose_in if name not in there]
    if not missing:
        return None
    names = ", ".join(missing)
    divisions = ", ".join(sorted(there)) or "none"
    return ConfigError(
        f"campaign.propose_in names {names}, and no slot is of that division; there are: {divisions}",
        "Name divisions that are there, start a machine of the one that is missing, or leave it out.",
    )
