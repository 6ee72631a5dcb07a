"""``python -m tests.attacks.matrix``: every attack in the best tier, and in all others those they may decide.

- A tier that this machine cannot offer is said to be missing; nothing is guessed for it.
- ``--write`` puts the table between the markers in docs/trust.md.
- It ends with 1 if anything came that is neither in what an attack may come to nor written down as open.
"""

import datetime
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec import Struct

from evaluator.result import Cheated, Crashed, RunResult
from tests.attacks.attack import REFUSED, Attack, Came, Kind, Seen
from tests.attacks.catalogue import ATTACKS, BY_NAME
from tests.attacks.stage import CONFINED, Data, Stage, staged, tiers_here

TRUST = Path(__file__).parents[2] / "docs" / "trust.md"
BEGIN, END = "<!-- attack matrix: begin -->", "<!-- attack matrix: end -->"


class Cell(Struct, frozen=True):
    """One attack in one tier. expected: it may come to this there. detail: what the judge or the attack
    said.
    """

    attack: Attack
    tier: str
    came: Came
    expected: bool
    detail: str

    def __str__(self) -> str:
        if self.came is not Came.SUCCEEDED:
            return self.came.value + ("" if self.expected else " (!)")
        return "**open**" if self.expected else "**SUCCEEDED**"


def tried(attack: Attack, tier: str, stage: Stage) -> Cell:
    """Try one attack."""
    what, sight = stage.attack(attack)
    return Cell(attack, tier, what, what in attack.may | REFUSED or attack.is_open(tier), detail_of(sight))


def detail_of(sight: Seen) -> str:
    """One line for the person who reads the progress."""
    return "; ".join([*sight.loot, *sight.left])[:200] or said(sight.result)


def said(result: RunResult) -> str:
    """What the outcome says beyond its name."""
    match result.outcome:
        case Cheated(kind, evidence):
            return f"{kind}: {evidence}"
        case Crashed(kind, message):
            return f"{kind}: {message}"
        case other:
            return str(other)


def table(cells: Sequence[Cell], tiers: Sequence[str]) -> str:
    """Attack × tier, grouped by class."""
    by_place = {(cell.attack.name, cell.tier): cell for cell in cells}
    lines = ["| attack | what it tries | " + " | ".join(tiers) + " |", "|---|---|" + "---|" * len(tiers)]
    for kind in Kind:
        attacks = [
            attack
            for attack in ATTACKS
            if attack.kind is kind and any((attack.name, tier) in by_place for tier in tiers)
        ]
        lines += [f"| **{kind}** | |" + " |" * len(tiers)] if attacks else []
        lines += [
            f"| `{a.name}` | {a.tries} | "
            + " | ".join(str(by_place.get((a.name, tier), "–")) for tier in tiers)
            + " |"
            for a in attacks
        ]
    return "\n".join(lines)


def openings(cells: Sequence[Cell]) -> str:
    """What succeeded and why it may."""
    reasons = dict.fromkeys(
        (cell.attack.name, cell.attack.open)
        for cell in cells
        if cell.came is Came.SUCCEEDED and cell.expected
    )
    return "\n".join(f"- `{name}`: {why}" for name, why in reasons)


def report(cells: Sequence[Cell], tiers: Sequence[str], missing: Sequence[str], day: str) -> str:
    """The text between the markers."""
    marked, gone = (sum(cell.came is came for cell in cells) for came in (Came.MARKED, Came.SUCCEEDED))
    where = f"Measured on {day}, Linux {platform.release().split('-')[0]} on {platform.machine()}, Python {platform.python_version()}, CPU only."
    lacking = f" Tiers {', '.join(missing)} are not to be had on that machine." if missing else ""
    ends = f"{len(cells) - marked - gone} stopped, {marked} measured and marked, so that it does not merge, {gone} open"
    count = f"{len({cell.attack.name for cell in cells})} attacks, {len(cells)} trials: {ends}."
    dash = "A dash: not tried there, because what stops it is the judge and no sandbox."
    return (
        f"{where}{lacking} {count}\n{dash}\n\n{table(cells, tiers)}\n\nOpen, and why:\n\n{openings(cells)}\n"
    )


def written(document: str, text: str) -> str:
    """``document`` with ``text`` between its markers. Raises ValueError when they are not there."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{head}{BEGIN}\n{text}{END}{tail}"


def depends(attack: Attack) -> bool:
    """Whether what comes of it depends on what confines it."""
    return attack.kind in CONFINED or bool(attack.openly)


def sweep(
    attacks: Sequence[Attack], tiers: Sequence[str], folder: Path, thorough: bool = False
) -> Iterator[Cell]:
    """Every attack in every tier, a stage for each tier. What the judge alone decides is tried in the first,
    or in all if ``thorough``.
    """
    data = Data(folder)
    for tier in tiers:
        with staged(tier, data) as stage:
            for attack in attacks:
                if not (thorough or tier == tiers[0] or depends(attack)):
                    continue
                begun = time.monotonic()
                cell = tried(attack, tier, stage)
                click.echo(
                    f"{tier:2} {attack.name:36} {cell} [{time.monotonic() - begun:.1f} s] {cell.detail}",
                    err=True,
                )
                yield cell


@click.command()
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    help="This tier; may be repeated. All that this machine has, if none is given.",
)
@click.option(
    "--only", "names", multiple=True, type=click.Choice(list(BY_NAME)), help="This attack; may be repeated."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/attacks"),
    show_default=True,
    help="Prepared data.",
)
@click.option("--thorough", is_flag=True, help="Also those in every tier that no sandbox has a part in.")
@click.option("--write", is_flag=True, help="Put the table into docs/trust.md.")
def main(tiers: tuple[str, ...], names: tuple[str, ...], data: Path, thorough: bool, write: bool) -> None:
    """Try every attack in the sandbox tiers of this machine and print what came of it."""
    here, missing = tiers_here()
    chosen = list(tiers) or here
    cells = list(sweep([BY_NAME[name] for name in names] or ATTACKS, chosen, data, thorough))
    text = report(cells, chosen, missing, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
    click.echo(text)
    if write:
        TRUST.write_text(written(TRUST.read_text(encoding="utf-8"), text), encoding="utf-8")
    wrong = [cell for cell in cells if not cell.expected]
    for cell in wrong:
        click.echo(
            f"not as it must be: {cell.attack.name} in {cell.tier}: {cell.came.value} ({cell.detail})",
            err=True,
        )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
