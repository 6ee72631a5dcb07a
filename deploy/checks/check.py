"""What a check of a machine comes to."""

from enum import StrEnum

from msgspec import Struct


class Grade(StrEnum):
    """How ready the machine is in one respect."""

    OK = "ok"
    WARN = "warn"
    """Works, but look."""
    FAIL = "fail"
    """Will not work."""


class Check(Struct, frozen=True):
    """One question answered."""

    name: str
    grade: Grade
    what: str
    """What was found."""
    remedy: str = ""
    """What to do; empty when all is well."""
