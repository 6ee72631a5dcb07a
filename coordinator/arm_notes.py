"""What agents say of arms that gave nothing for a brief, and why: a closed list of reasons."""

from enum import StrEnum

from msgspec import Struct

NOTE_CHARS = 600
"""Of a note's words that are kept: a line for a person."""


class ArmReason(StrEnum):
    """Why an arm gave nothing. Words of what can come of a call mean the same here."""

    PAYMENT = "payment"
    """The account that pays for it is empty, or at a limit of its own."""
    AUTHENTICATION = "authentication"
    LOGIN = "login"
    """Its program is not logged in."""
    PERMISSION = "permission"
    MODEL = "model"
    PARAMETER = "parameter"
    CONTEXT = "context"
    POLICY = "policy"
    REQUEST = "request"
    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    REPLY = "reply"
    """What it asks answers with nothing that can be read."""
    NO_EDIT = "no_edit"
    """Answers, and no sound edit in them."""
    REFUSED = "refused"
    """Its proposals cost no training: tried before, no other program, outside the surface."""
    PROGRAM = "program"
    """Its program cannot be started."""
    SANDBOX = "sandbox"
    """Its program cannot be confined."""
    KILLED = "killed"
    """Its program was ended by a signal."""
    FAILED = "failed"
    """Its program says that it failed, or it came to nothing without another word."""
    UNAVAILABLE = "unavailable"
    """It may not, or cannot, be asked now."""
    EXHAUSTED = "exhausted"
    """It has no more ideas."""
    OURS = "error"
    """A mistake of ours; the agent's log has it."""


class ArmNote(Struct, frozen=True, kw_only=True):
    """One arm gave nothing for one brief."""

    arm: str
    reason: ArmReason
    words: str = ""
    """What, in one line without secrets; it may hold a provider's or a program's words."""
    remedy: str = ""
    """What a person can do about it; empty where it may pass by itself."""
    stopped: bool = False
    """The arm gives nothing more until a person has done that, or for ever."""
