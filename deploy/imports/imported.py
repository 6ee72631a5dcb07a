"""What an import comes to, and what every form answers. Values only."""

from typing import Any, Protocol

from msgspec import Struct, field

from deploy.imports.other_folder import OtherFolder
from evaluator.box_job import BoxFile


class Imported(Struct, frozen=True, kw_only=True):
    """A task and what is told with it."""

    task: dict[str, Any]
    """``task.yaml``, as a tree."""
    files: dict[str, BoxFile]
    """Beside it, by path."""
    charter: str
    """Markdown: what proposers are told."""
    left_out: list[str] = field(default_factory=list)
    """What could not be kept, each by its name in a sentence."""
    notes: list[str] = field(default_factory=list)
    """What is to be known of what was kept."""


class Form(Protocol):
    """One form that people have their search in."""

    @property
    def name(self) -> str:
        """As ``--as`` takes it."""

    @property
    def title(self) -> str:
        """Whose form it is, with the version that was read."""

    def recognises(self, folder: OtherFolder) -> bool:
        """Whether the folder is of this form."""

    def convert(self, folder: OtherFolder) -> Imported:
        """The folder as a task. Raises ConfigError where it cannot be one, and says what is missing."""
