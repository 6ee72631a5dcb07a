"""The commands' page says what the commands say."""

import pytest

from deploy.cli.help_pages import PAGE, page
from deploy.cli.main import ORDER, main


def test_the_page_of_the_commands_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m deploy.cli.help_pages"


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
