"""`autoswarm ablate` on a real campaign whose trainer is simulated."""

import json
from pathlib import Path
from typing import Any

import pytest

from coordinator.store.paths import Layout
from deploy.cli.comparisons.making_runs import Measuring
from tests.integration.finished_campaign import finished
from tests.integration.test_certify import call, read, seeds

SEED = ("--seed", "1")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return finished(tmp_path / "campaigns")


def page(layout: Layout, *words: str) -> Any:
    result = call(layout, "ablate", *words, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def test_every_piece_is_measured_against_the_same_runs_of_the_best(layout: Layout) -> None:
    shown = page(layout, "all", "-n", "4", *SEED)
    pieces, runs = shown["pieces"], shown["runs"]
    assert pieces
    assert [piece["experiment"] for piece in pieces] == [
        piece["experiment"] for piece in shown["plan"]["pieces"]
    ]
    measured = [piece for piece in pieces if piece["verdict"] != "not alone"]
    assert len(runs) == 4 * (len(measured) + 1)
    assert sum(run["which"] == "b" for run in runs) == 4
    drawn = [run["seed"] for run in runs]
    assert len(set(drawn)) == len(drawn)
    assert not set(drawn) & seeds(layout)
    for piece in measured:
        own = [run["value"] for run in runs if run["run"].startswith(f"{piece['experiment']}-")]
        best = [run["value"] for run in runs if run["which"] == "b"]
        assert piece["loss"] == pytest.approx(sum(own) / 4 - sum(best) / 4)
    result = call(layout, "ablate", "all", "-n", "4", *SEED)
    assert result.exit_code == 0
    assert "this was measured before: record a0001" in result.stderr
    assert pieces[0]["experiment"] in result.stdout
    assert "margin       1 σ" in result.stdout
    assert "a0001: " in call(layout, "records").stderr


def test_it_goes_on_where_it_was_interrupted(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = Measuring._made

    def third(self: Measuring, *arguments: Any) -> Any:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(arguments[0].run)
        return real(self, *arguments)

    monkeypatch.setattr(Measuring, "_made", third)
    broken = call(layout, "ablate", "-n", "3", *SEED)
    assert broken.exit_code == 130
    assert "the same command goes on" in broken.stderr
    monkeypatch.setattr(Measuring, "_made", real)
    result = call(layout, "ablate", "-n", "3", *SEED)
    assert result.exit_code == 0
    assert not [name for name in made if f"{name} =" in result.stderr], "none of them is made again"
    assert "record a0001: " in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("e00099",), 4, "there is no experiment 'e00099'"),
        (("baseline",), 4, "is no best of division cpu that a merge made"),
        (("-n", "1"), 2, "1 is not in the range"),
        (("--division", "gpu"), 4, "there is no division 'gpu'"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(
    layout: Layout, words: tuple[str, ...], code: int, what: str
) -> None:
    result = call(layout, "ablate", *words)
    assert result.exit_code == code
    assert what in result.stderr
    assert not list(layout.records.glob("a*"))


# ---------------------------------------------------------------------- the cap

PRICE = "money.gpu_hour_usd=3600"
"""A dollar a second: a run of the demo at size ci sets aside its wall cap."""


def capped(folder: Path, cap_usd: float) -> Layout:
    return finished(folder / "campaigns", keys=[PRICE, f"money.cap_usd={cap_usd}"])


def most(shown: Any) -> float:
    """US dollars that the runs of an ablation may cost."""
    question = next(piece["plan"]["question"] for piece in shown["plan"]["pieces"] if piece["plan"])
    return len(shown["runs"]) * float(question["budget"]["wall_cap"])


def test_what_may_not_fit_under_the_cap_is_not_begun(tmp_path: Path) -> None:
    words = ("all", "-n", "2", *SEED)
    wide = capped(tmp_path / "wide", 100_000.0)
    spent, once = read(wide, "status")["spend_usd"], most(page(wide, *words))
    records = read(wide, "status")["spend"]["records_usd"]
    tight = capped(tmp_path / "tight", spent + 0.9 * once)
    result = call(tight, "ablate", *words)
    assert result.exit_code == 5, result.stderr
    assert "money.cap_usd" in result.stderr
    assert "do: Ask for fewer with --runs, or say --no-cap." in result.stderr
    assert not list(tight.records.glob("*")), "nothing is begun"
    assert call(tight, "ablate", *words, "--no-cap").exit_code == 0
    exact = capped(tmp_path / "exact", spent + once + records / 2)
    assert call(exact, "ablate", *words).exit_code == 0
    assert call(exact, "ablate", *words).exit_code == 0, "it was measured before, and costs nothing"
    again = call(exact, "ablate", *words, "--again")
    assert again.exit_code == 5, "what records cost counts"
    assert [path.name for path in exact.records.glob("*")] == ["a0001"]


def test_what_is_missing_has_to_fit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("all", "-n", "2", *SEED)
    wide = capped(tmp_path / "wide", 100_000.0)
    spent, once = read(wide, "status")["spend_usd"], most(page(wide, *words))
    tight = capped(tmp_path / "tight", spent + 0.9 * once)
    made: list[str] = []
    real = Measuring._made

    def interrupted(after: int) -> None:
        def until(self: Measuring, *arguments: Any) -> Any:
            if len(made) == after:
                raise KeyboardInterrupt
            made.append(arguments[0].run)
            return real(self, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Measuring, "_made", until)
            assert call(tight, "ablate", *words, "--no-cap").exit_code == 130

    interrupted(after=0)
    assert call(tight, "ablate", *words).exit_code == 5
    assert not list(tight.records.glob("a*/runs/*/result.json"))
    interrupted(after=1)
    assert call(tight, "ablate", *words).exit_code == 0, "what is there is not paid for again"
    assert [path.name for path in tight.records.glob("*")] == ["a0001"]
