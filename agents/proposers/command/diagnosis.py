"""Why a command left the surface as it was, as far as its end and its words say. Pure.

- It is asked only where nothing was edited: a sound edit is taken whatever a command says of itself.
- Some agents end with 0 when the service they ask refused them, so an exit code alone proves nothing.
- The words of a command that does not say that it failed may be about anything; only its last line counts.
"""

import re

from msgspec import Struct

from agents.proposers.command.keeper import CommandEnd
from agents.proposers.command.templates import Output
from agents.proposers.llm.completion import LASTING, Failure
from agents.proposers.llm.provider.provider_errors import meaning
from coordinator.arm_notes import ArmReason

NOT_STARTED = (126, 127)
"""Exit codes of a program, or of a shell's last one, that is not executable or not there."""
SIGNALLED = 128
"""A shell, or the view a command runs in, ends with this and the number of the signal that ended it."""
LAST_SIGNAL = 64
LAST_LINES = 12
"""Of what a failed command said, in which the reason is looked for."""
LOGGED_OUT = re.compile(
    r"not (?:logged|signed) in|(?:please |must |need to )(?:run )?\W{0,2}(?:log|sign)[ -]?in\b"
    r"|\brun\W+(?:[\w-]+ )*(?:auth |/)?login\b|\blog(?:ged)? ?in (?:again|first)|/login\b"
    r"|(?:login|session|oauth token|credentials?) (?:has |have |is |are )?(?:expired|required|missing)"
    r"|set an auth method|no (?:stored |saved )?(?:login|credentials)",
    re.IGNORECASE,
)
STATUS = re.compile(r"\b(?:status|error|code|http)\b\D{0,12}\b(?P<status>[45]\d\d)\b", re.IGNORECASE)


class Diagnosis(Struct, frozen=True):
    """One reason."""

    reason: ArmReason
    what: str
    """Without the command's words."""
    lasting: bool = False
    """A person has to do something about it."""
    remedy: str = ""
    """What, without a full stop; ``{command}`` stands for the program."""


REMEDIES = {
    ArmReason.LOGIN: "Log {command} in as the user that runs autoswarm, or name its key in `env` of this arm",
    ArmReason.PAYMENT: "Pay in or raise the limit of the account that {command} uses",
    ArmReason.AUTHENTICATION: "Set the key that {command} reads, and name its variable in `env` of this arm",
    ArmReason.PERMISSION: "Have the provider allow {command} what it asks for",
    ArmReason.MODEL: "Correct the model in `command` of this arm",
    ArmReason.PARAMETER: "Correct the options in `command` of this arm",
    ArmReason.PROGRAM: "Install what is missing, or correct `command` of this arm",
}
WHAT = {
    ArmReason.LOGIN: "is not logged in",
    ArmReason.PAYMENT: "is not paid for",
    ArmReason.AUTHENTICATION: "has no key that is taken",
    ArmReason.PERMISSION: "is not allowed what it asks for",
    ArmReason.MODEL: "asks for a model that is not there",
    ArmReason.PARAMETER: "asks in a way that is not taken",
    ArmReason.PROGRAM: "cannot be started",
    ArmReason.RATE_LIMIT: "is at a limit that passes",
    ArmReason.CONTEXT: "asks for more than its model reads",
    ArmReason.POLICY: "is refused by a filter",
    ArmReason.SERVER: "meets a fault of its provider",
    ArmReason.TIMEOUT: "waits for its provider in vain",
}


def diagnosis(end: CommandEnd, output: Output) -> Diagnosis | None:
    """Of a command that ended by itself and edited nothing; None where it may be asked again."""
    failed = end.code != 0 or output.failed
    if end.code in NOT_STARTED:
        return _of(ArmReason.PROGRAM)
    if (reason := _said(end, output, failed)) is not None:
        return _of(reason)
    if (signal := -end.code if end.code < 0 else end.code - SIGNALLED) in range(1, LAST_SIGNAL + 1):
        return Diagnosis(ArmReason.KILLED, f"was ended by signal {signal}")
    if end.code:
        return Diagnosis(ArmReason.FAILED, f"ended with {end.code}")
    return Diagnosis(ArmReason.FAILED, "says that it failed") if output.failed else None


def _of(reason: ArmReason) -> Diagnosis:
    remedy = REMEDIES.get(reason, "")
    return Diagnosis(reason, WHAT.get(reason, "failed"), bool(remedy), remedy)


def _said(end: CommandEnd, output: Output, failed: bool) -> ArmReason | None:
    """The reason in its words, if there is one."""
    lines = [line for text in (output.text, end.errors) for line in text.splitlines() if line.strip()]
    words = "\n".join(lines[-LAST_LINES:] if failed else lines[-1:])
    if LOGGED_OUT.search(words):
        return ArmReason.LOGIN
    said = STATUS.search(words) if failed else None
    meant = meaning(int(said["status"]) if said else None, words)
    if meant is None or meant.failure is Failure.REQUEST or not (failed or meant.failure in LASTING):
        return None
    return ArmReason(meant.failure.value)
