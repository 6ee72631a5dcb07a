"""``python -m deploy.bench``: every part, or those asked for; tables on stdout, progress on stderr."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click
from msgspec import Struct

from deploy.bench import cost, occupancy, reports, trust
from deploy.bench.readings import Part, as_json, as_text
from deploy.bench.scenario import config_of
from deploy.swarm.cluster import connected


class Choices(Struct, frozen=True):
    """What a person may choose."""

    seconds: float
    """Of each rehearsal of occupancy."""

    before: str | None
    """Commit of the build that part trust is compared with."""


MEASURES: dict[str, tuple[bool, Callable[[Path, Choices], Part]]] = {
    "cost": (False, lambda folder, _: cost.part(folder)),
    "trust": (False, lambda folder, choices: trust.part(folder, choices.before)),
    "reports": (True, lambda folder, _: reports.part(folder)),
    "occupancy": (True, lambda folder, choices: occupancy.part(folder, choices.seconds)),
    "models": (True, lambda folder, choices: occupancy.model_part(folder, choices.seconds)),
}
"""By name: whether it needs Ray, and how it is measured."""


@click.command()
@click.argument("parts", type=click.Choice(list(MEASURES)), nargs=-1, metavar="[PART]...")
@click.option("--only", type=click.Choice(list(MEASURES)), multiple=True, help="As PART; may be repeated.")
@click.option(
    "--seconds",
    default=45.0,
    show_default=True,
    help="Of each rehearsal of occupancy; over 30 for a steady state.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Made if missing; its disk is measured.",
)
@click.option(
    "--before",
    metavar="COMMIT",
    help="The build that part trust is compared with; the newest tag, else the one before the last change"
    " of how runs are judged.",
)
@click.option("--json", "as_data", is_flag=True, help="One JSON document instead of tables.")
def main(
    parts: tuple[str, ...],
    only: tuple[str, ...],
    seconds: float,
    folder: Path | None,
    before: str | None,
    as_data: bool,
) -> None:
    """Measure the swarm on this machine: slot occupancy, durable reports, the coordinator's cost, what
    judging costs. All PARTs, or those named: cost, trust, reports, occupancy, models.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    measured = []
    for part in measure((*parts, *only) or tuple(MEASURES), Choices(seconds, before), folder):
        measured.append(part)
        if not as_data:
            click.echo(f"{as_text(part)}\n")
    if as_data:
        click.echo(json.dumps(as_json(measured), ensure_ascii=False, indent=2))


def measure(wanted: tuple[str, ...], choices: Choices, where: Path | None) -> Iterator[Part]:
    """The parts, one after the other, with one Ray for all that need it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoswarm-bench-", dir=where)))
        started = False
        for name, (on_ray, part) in MEASURES.items():
            if name not in wanted:
                continue
            if on_ray and not started:
                say("starting Ray")
                stack.enter_context(connected(config_of(occupancy.LARGEST, folder)))
                started = True
            begun = time.monotonic()
            say(f"measuring {name}")
            yield part(folder, choices)
            say(f"measured {name} in {time.monotonic() - begun:.0f} s")


def say(text: str) -> None:
    """A line of progress."""
    click.echo(f"bench: {text}", err=True)


if __name__ == "__main__":
    sys.exit(main())
