"""What a check of a machine comes to."""

from enum import StrEnum

from msgspec import Struct

from configs.errors import ConfigError


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
    detail: bool = False
    """Whether it is for those who ask for details, as long as all is well."""
    cause: ConfigError | None = None
    """What a start is refused with, where it is."""

    def page(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "name": self.name,
            "grade": self.grade,
            "what": self.what,
            "remedy": self.remedy,
            "detail": self.detail,
        }
