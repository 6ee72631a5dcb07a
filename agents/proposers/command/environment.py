"""What a command learns of the agent's environment: a few names, and those a person listed for its arm. No
other key, nothing of Ray's.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

PASSED = frozenset({"PATH", "HOME", "LANG", "TERM"})
"""With ``LC_*``. HOME: coding agents keep their logins there."""


def command_environment(
    inherited: Mapping[str, str], names: Collection[str], temporary: Path
) -> dict[str, str]:
    """The environment of an arm's command. names: the arm's ``env``. temporary: its TMPDIR, which goes with
    its folder.
    """
    passed = {
        name: value
        for name, value in inherited.items()
        if name in PASSED or name.startswith("LC_") or name in names
    }
    return passed | {"TMPDIR": str(temporary)}
