"""The secret of a campaign: what it draws cannot be computed from what is public, and stays the same."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.errors import ConfigError
from coordinator.rules.seeds import drawn
from coordinator.service.service import Service
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from coordinator.store.secret_file import fingerprint
from deploy.cli.main import main
from tests.integration.campaign_folder import card, measure_baseline, open_service, propose, rules, take

WORD = "a word that nobody guesses"


def seeds(service: Service) -> list[int]:
    """What a campaign has drawn and would draw: seeds of runs, lots of audits, arms, briefs."""
    wants = ("audit:e00001.1", "brief:1:0:", "arm:1")
    return [*(run.seed for run in service.state.runs.values()), *(drawn(service.state, w) for w in wants)]


def drawn_in(folder: Path, secret: str | None) -> list[int]:
    with open_service(folder, secret=secret) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 5")
        return seeds(service)


def test_two_campaigns_of_one_seed_draw_nothing_alike_unless_they_share_a_word(tmp_path: Path) -> None:
    one, other = drawn_in(tmp_path / "one", None), drawn_in(tmp_path / "other", None)
    assert not set(one) & set(other)
    public = drawn_in(tmp_path / "public", "")
    assert not set(one) & set(public)
    assert drawn_in(tmp_path / "a", WORD) == drawn_in(tmp_path / "b", WORD) != public


def test_a_secret_is_random_and_its_user_s_alone_and_stays_over_restarts(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    before = drawn_in(layout.folder, None)
    kept = layout.secret.read_text().strip()
    assert len(bytes.fromhex(kept)) == 16
    assert stat.S_IMODE(layout.secret.stat().st_mode) == 0o600
    with open_service(layout.folder, secret=None) as service:
        assert seeds(service) == before
    assert layout.secret.read_text().strip() == kept


def test_a_campaign_without_a_secret_has_no_file(tmp_path: Path) -> None:
    drawn_in(tmp_path / "demo", "")
    with open_service(tmp_path / "demo", secret=None) as service:
        assert service.state.secret == service.state.start.secret_digest == ""
    assert not Layout(tmp_path / "demo").secret.exists()


def test_nothing_that_is_written_or_shown_holds_the_secret(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    drawn_in(layout.folder, None)
    secret = layout.secret.read_text().strip()
    with open_service(layout.folder, secret=None) as service:
        assert secret not in repr(service.state)
        service.join(card("a0"))
        assert secret not in f"{take(service, 'a0')}{service.status()}"
    written = [path for path in layout.folder.rglob("*") if path.is_file() and path != layout.secret]
    assert not [path for path in written if secret.encode() in path.read_bytes()]
    for command in (["status"], ["status", "--json"], ["show", "baseline", "--json"], ["export"]):
        shown = CliRunner().invoke(main, [*command, "--campaigns", str(tmp_path)])
        assert shown.exit_code == 0, shown.output
        assert secret not in shown.output


def test_a_secret_that_is_gone_or_another_is_one_line_what_and_one_line_what_to_do(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    before = drawn_in(layout.folder, None)
    kept = layout.secret.read_text()
    for wrong in ("", "0" * 32):
        layout.secret.unlink()
        if wrong:
            layout.secret.write_text(wrong)
        with pytest.raises(ConfigError, match="demo has lost its secret: ") as refused:
            open_service(layout.folder, secret=None)
        assert "Restore the file from a copy" in refused.value.remedy
        assert "\n" not in f"{refused.value}{refused.value.remedy}"
        layout.secret.write_text(kept)
    with open_service(layout.folder, secret=None) as service:
        assert seeds(service) == before


def test_a_word_that_was_given_makes_a_lost_file_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    before = drawn_in(layout.folder, WORD)
    layout.secret.unlink()
    with open_service(layout.folder, secret=WORD) as service:
        assert seeds(service) == before
    assert layout.secret.read_text().strip() == WORD


@pytest.mark.parametrize(("first", "then"), [(None, ""), (None, WORD), ("", WORD), (WORD, ""), (WORD, "x")])
def test_a_campaign_goes_on_with_the_secret_it_was_started_with(
    tmp_path: Path, first: str | None, then: str
) -> None:
    drawn_in(tmp_path / "demo", first)
    with pytest.raises(ConfigError, match="started with another campaign") as refused:
        open_service(tmp_path / "demo", secret=then)
    assert "Leave the key out" in refused.value.remedy


def test_a_start_that_came_to_nothing_leaves_a_secret_that_the_next_one_takes(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    layout.folder.mkdir()
    layout.secret.write_text("f" * 32 + "\n")
    with open_service(layout.folder, secret=None) as service:
        assert service.state.secret == "f" * 32
    assert stat.S_IMODE(layout.secret.stat().st_mode) == 0o600


def test_the_journal_says_which_secret_it_is_but_not_what(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    with open_service(layout.folder, rules(seed=7), secret=WORD):
        pass
    journal = Journal.read(layout.journal)
    started = next(journal.entries()).event
    journal.close()
    assert getattr(started, "secret_digest", "") == fingerprint(WORD)
    assert WORD not in f"{started}"
