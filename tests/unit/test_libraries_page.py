"""docs/libraries.md: what it points to is there, and it speaks of the libraries that the project takes."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8")
NOT_PACKAGES = {"git", "SQLite", "GitPython"}
"""Of the machine, or of whoever reads a campaign's repository."""


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", PAGE)
    assert links
    for path, anchor in links:
        target = ROOT / "docs" / path
        assert target.is_file(), path
        titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not anchor or anchor[1:] in slugs, f"{path}{anchor}"


def test_every_finding_about_a_library_of_ours_is_on_the_page() -> None:
    of_others = {"datasets_keeps_old_data", "inspect_crashes_raise_the_score", "submitit_jobs_share_gpu"}
    scripts = {path.stem for path in (ROOT / "findings").glob("*.sh")}
    assert {name for name in scripts - of_others if f"findings/{name}.sh" not in PAGE} == set()


def test_every_heading_names_libraries_that_the_project_takes_with_a_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    names = {re.split(r"[^a-z0-9-]", line.lower())[0] for line in [*project["dependencies"], *extras]}
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert len(headings) > 8
    for heading in headings:
        for name, version in re.findall(r"([A-Za-z-]+) (\d[\d.]*)", heading):
            assert name in NOT_PACKAGES or name.lower() in names, name
            assert version
        assert re.search(r" \d", heading), heading


def test_every_row_says_what_happens_and_what_is_done() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line != "| what happens | here |"]
    assert len(rows) > 25
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 2, row
        assert all(cells), row
