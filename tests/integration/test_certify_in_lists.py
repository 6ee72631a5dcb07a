"""Records where a campaign is shown, and the cap that holds for their runs. The trainer is simulated."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from coordinator.store.paths import Layout
from deploy.campaigns.record_lines import latest_by_experiment, record_lines, runs_usd
from deploy.cli.main import main
from tests.integration.finished_campaign import finished

SEED = ("--seed", "1", "-n", "3")


def call(layout: Layout, *arguments: str) -> Result:
    words = [*arguments, "--campaigns", str(layout.folder.parent)]
    return CliRunner().invoke(main, words, prog_name="autoswarm")


def read(layout: Layout, *arguments: str) -> Any:
    result = call(layout, *arguments, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def edited(layout: Layout, name: str, **conclusion: object) -> None:
    """A record that came to something else: what no rehearsal comes to."""
    path = layout.records / name / "record.json"
    record = json.loads(path.read_text())
    record["conclusion"] |= conclusion
    path.write_text(json.dumps(record))


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A campaign with a record of its best that certifies, one of another that does not, and a broken one."""
    layout = finished(tmp_path_factory.mktemp("campaigns"))
    for words in (("certify", "best"), ("certify", "e00001")):
        call(layout, *words, *SEED[:2])
    edited(layout, "c0001", certified=True)
    (layout.records / "c0003").mkdir()
    (layout.records / "c0003" / "record.json").write_text("{")
    return layout


def best(layout: Layout) -> str:
    return str(read(layout, "show", "best")["experiment"])


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_a_status_page_says_what_is_certified_and_what_else_was_tested(tested: Layout) -> None:
    text = words_of(call(tested, "status").stdout)
    assert "certified c0001: certified, better, Welch's t" in text
    assert "8 runs a side" in text
    assert "records c0002: worse" in text
    assert "(simulated)" in text, "a rehearsal is marked as one"
    page = read(tested, "status")
    assert [(line["record"], line["certified"]) for line in page["records"]] == [
        ("c0001", True),
        ("c0002", False),
    ]
    assert page["records"][0]["experiment"] == best(tested)
    assert page["records"][0]["p"] == read(tested, "records", "c0001")["conclusion"]["comparison"]["p"]


def test_leaderboard_show_and_list_mention_records(tested: Layout) -> None:
    assert "certified, p " in words_of(wide(tested, "leaderboard"))
    assert "record c0001: certified, better" in words_of(call(tested, "show", "best").stdout)
    assert [line["record"] for line in read(tested, "show", "best")["records"]] == ["c0001"]
    assert "records" not in read(tested, "show", "e00003")
    assert "1 certified of 2" in wide(tested, "list")
    assert len(read(tested, "list")["campaigns"][0]["records"]) == 2
    assert len(read(tested, "leaderboard")["records"]) == 2


def wide(layout: Layout, *words: str) -> str:
    arguments = [*words, "--campaigns", str(layout.folder.parent)]
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "220"}).stdout


def test_without_records_pages_are_as_they_were(tmp_path: Path) -> None:
    layout = finished(tmp_path / "campaigns")
    assert "records" not in read(layout, "status")
    assert "record" not in call(layout, "leaderboard").stdout
    assert "records" not in wide(layout, "list")


TRUNK = ("acceptance.policy=trunk", "acceptance.steps=1")
AT_ONCE = "campaign.lookahead=0"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "better by "),
        ((*TRUNK, AT_ONCE), "its certificate passed: "),
        (TRUNK, "a certificate of 1 step begins"),
        ((*TRUNK, AT_ONCE, "acceptance.first_z=100"), "its certificate failed: "),
    ],
)
def test_only_what_certify_showed_is_called_certified(tmp_path: Path, keys: Sequence[str], said: str) -> None:
    """Whatever the policy: a trunk's certificate passes, goes on or fails."""
    layout = finished(tmp_path / "campaigns", keys=keys)
    assert said in words_of(wide(layout, "show", "e00002"))
    pages: Sequence[tuple[str, ...]] = (
        *(("status",), ("leaderboard",), ("list",)),
        *(("show", "best"), ("show", "e00001"), ("show", "e00002")),
    )
    for words in pages:
        assert "certified" not in wide(layout, *words)
        assert "certified" not in json.dumps(read(layout, *words))


def test_the_last_certified_record_stands_for_a_program(tested: Layout) -> None:
    line = record_lines(tested.records)[0]
    later = msgspec.structs.replace(line, record="c0009", certified=False)
    assert latest_by_experiment([line, later])[line.experiment] == line


# ---------------------------------------------------------------------- the cap

PRICE = "money.gpu_hour_usd=3600"
"""A dollar a second: a run of the demo at size ci sets aside its wall cap."""


def capped(folder: Path, cap_usd: float) -> Layout:
    return finished(folder / "campaigns", keys=[PRICE, f"money.cap_usd={cap_usd}"])


def wall_cap(layout: Layout) -> float:
    return float(
        read(layout, "certify", "--no-cap", "-n", "2", "--seed", "9")["plan"]["question"]["budget"][
            "wall_cap"
        ]
    )


def test_what_may_not_fit_is_not_begun(tmp_path: Path) -> None:
    layout = capped(tmp_path, 100_000.0)
    once = 6 * wall_cap(layout)
    spent = read(layout, "status")["spend_usd"] + runs_usd(layout.records, rules(layout))
    tight = capped(tmp_path / "tight", spent + 0.9 * once)
    result = call(tight, "certify", *SEED)
    assert result.exit_code == 5, result.stderr
    assert "6 runs of" in result.stderr
    assert "money.cap_usd" in result.stderr
    assert "do: Ask for fewer with --runs, or say --no-cap." in result.stderr
    assert not list(tight.records.glob("*")), "and no record is left of it, which would count as a try"
    assert call(tight, "certify", "--seed", "1", "-n", "2").exit_code == 7, "fewer fit"
    assert call(tight, "verify", "best", "-c", "night", *SEED).exit_code == 5
    assert call(tight, "certify", *SEED, "--no-cap").exit_code == 7


def rules(layout: Layout) -> Any:
    from deploy.campaigns.open import open_campaign

    return open_campaign(layout.name, layout.folder.parent)[1].rules.money


def test_what_records_cost_counts_for_the_next_and_is_shown(tmp_path: Path) -> None:
    layout = capped(tmp_path, 100_000.0)
    assert call(layout, "certify", *SEED).exit_code == 7
    usd = runs_usd(layout.records, rules(layout))
    assert usd > 0
    page = read(layout, "status")
    assert page["spend"]["records_usd"] == pytest.approx(usd)
    assert "and records " in words_of(call(layout, "status").stdout)


def test_without_a_price_or_a_cap_nothing_is_held_back(tmp_path: Path) -> None:
    free = finished(tmp_path / "free", keys=["money.cap_usd=0.01"])
    assert call(free, "certify", *SEED).exit_code == 7
    uncapped = finished(tmp_path / "uncapped", keys=[PRICE])
    assert call(uncapped, "certify", *SEED).exit_code == 7
