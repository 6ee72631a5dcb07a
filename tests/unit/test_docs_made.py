"""What is made from the code says what the code says."""

import re
from pathlib import Path

import pytest

from deploy import exit_codes
from deploy.cli.main import ORDER, main
from deploy.docs.__main__ import made
from deploy.docs.commands import page
from deploy.docs.file_table import PACKAGES, SURFACES, first_sentence, of_a_box
from trainer.process.environment import ROOT


@pytest.mark.parametrize("path", made(), ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == made()[path], "run `make docs`"


def test_every_module_says_first_what_it_is() -> None:
    modules = [
        path
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] in PACKAGES and not of_a_box(path)
    ]
    assert modules
    assert not [path for path in modules if not first_sentence(path) and path.name != SURFACES]


@pytest.mark.parametrize("name", ORDER)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    assert main.commands[name].help
    assert f"## autoswarm {name}\n" in page()


def test_every_option_says_what_it_is() -> None:
    missing = [
        f"{name} {option.name}"
        for name, command in main.commands.items()
        for option in command.params
        if option.param_type_name == "option" and not getattr(option, "help", None)
    ]
    assert not missing


def test_exit_codes_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("| exit code | meaning |\n")[2].partition("\n\n")[0]
    on_the_page = {int(code) for code in re.findall(r"^\| (\d+) ", table, re.MULTILINE)}
    in_the_module = {int(code) for code in re.findall(r"^ *(\d+) {2,}\S", exit_codes.__doc__, re.MULTILINE)}
    named = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert on_the_page == in_the_module == named | {2}, "2 is click's"
