"""What the doctor found, as people see it."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from deploy.checks.check import Check, Grade
from deploy.views.tables import headed

COLOUR_OF = {Grade.OK: "green", Grade.WARN: "yellow", Grade.FAIL: "red"}


def checklist(checks: Sequence[Check], details: bool = True) -> RenderableType:
    """A line for each check, what to do below it. details: those too that say nothing to worry about."""
    table = headed("", "check", "found")
    table.columns[0].min_width, table.columns[1].min_width, table.columns[2].no_wrap = 4, 12, False
    for check in checks:
        if check.detail and check.grade is Grade.OK and not details:
            continue
        grade = Text(check.grade.value, style=COLOUR_OF[check.grade])
        table.add_row(grade, check.name, Text(check.what))
        if check.remedy:
            table.add_row("", "", Text(f"→ {check.remedy}"))
    return table
