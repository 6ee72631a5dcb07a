"""The parts of the ``command`` proposer that start no process, and its place in a configuration."""

import pickle
from pathlib import Path
from typing import get_args

import pytest

from agents.edits.outcome import Fault, Problem
from agents.proposers.command.command_proposer import CommandProposer
from agents.proposers.command.environment import command_environment
from agents.proposers.command.instructions import problem_text, prompt_text
from agents.proposers.command.templates import (
    TEMPLATES,
    Output,
    Template,
    Usage,
    filled,
    program_of,
    read_aider,
    read_claude,
    unknown_field,
    words,
)
from agents.proposers.factory import make_proposers
from agents.proposers.llm.redaction import HIDDEN, redacted, redacted_answer
from configs.arms import Command
from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config
from deploy.absolute_paths import rooted
from trainer.task_loading import load_task

CALLER = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",
    "TERM": "dumb",
    "TMPDIR": "/elsewhere",
    "ANTHROPIC_API_KEY": "planted-1",
    "OPENAI_API_KEY": "planted-2",
    "RAY_AUTH_TOKEN": "planted-3",
    "RAY_JOB_ID": "planted-4",
    "PYTHONPATH": "planted-5",
    "LD_PRELOAD": "planted-6",
    "AUTOSWARM_CAMPAIGN__SEED": "planted-7",
}


def coder(**settings: object) -> Command:
    return Command.model_validate({"name": "coder"} | settings)


def test_a_command_learns_a_few_names_and_those_of_its_arm() -> None:
    environment = command_environment(CALLER, ["ANTHROPIC_API_KEY", "NOT_SET"], Path("/scratch/tmp"))
    assert environment == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "TERM": "dumb",
        "TMPDIR": "/scratch/tmp",
        "ANTHROPIC_API_KEY": "planted-1",
    }


def test_the_templates_are_those_the_configuration_knows() -> None:
    names, _ = get_args(Command.model_fields["template"].annotation)
    assert sorted(get_args(names)) == sorted(TEMPLATES)


def test_every_template_names_only_what_there_is() -> None:
    assert {name: unknown_field(template.command) for name, template in TEMPLATES.items()} == dict.fromkeys(
        TEMPLATES
    )


@pytest.mark.parametrize(("template", "own", "line"), [
    (Template(), ("mine", "{surface}"), ("mine", "{surface}")),
    (Template(command=("theirs",)), (), ("theirs",)),
    (Template(command=("theirs",)), ("mine", "-x"), ("mine", "-x")),
    (TEMPLATES["shell"], ("mine < brief.md", "zero"), ("sh", "-c", "mine < brief.md", "zero")),
])  # fmt: skip
def test_an_arm_s_own_words_replace_those_of_its_template(
    template: Template, own: tuple[str, ...], line: tuple[str, ...]
) -> None:
    assert words(template, own) == line


@pytest.mark.parametrize(
    ("template", "own", "program"),
    [("codex", [], "codex"), ("codex", ["x", "-y"], "x"), ("shell", ["x"], "sh"), (None, [], "")],
)
def test_the_program_of_an_arm_is_its_first_word(template: str | None, own: list[str], program: str) -> None:
    assert program_of(template, own) == program


def test_fields_are_filled_in_once_and_into_one_word() -> None:
    values = {"prompt": "say {surface}; rm -rf $HOME `x`", "surface": "train.py"}
    assert filled(("--message", "{prompt}", "--file={surface}", "{}", "{a b}"), values) == [
        *("--message", "say {surface}; rm -rf $HOME `x`", "--file=train.py", "{}", "{a b}"),
    ]


@pytest.mark.parametrize(("output", "result"), [
    (
        '{"type":"result","result":"TITLE: deep","total_cost_usd":0.25,"usage":'
        '{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}\n',
        Output("TITLE: deep", Usage(cost_usd=0.25, prompt_tokens=7, completion_tokens=5)),
    ),
    ('a warning\n{"result":"x","total_cost_usd":1}', Output("x", Usage(cost_usd=1.0))),
    ('{"result":null,"total_cost_usd":"much","usage":[]}', Output("")),
    ('{"result":"x","total_cost_usd":-1,"usage":{"output_tokens":true}}', Output("x")),
    ('{"result":"x","total_cost_usd":NaN}', Output("x")),
    ("[1, 2]", Output("[1, 2]")),
    ("TITLE: deep\n", Output("TITLE: deep\n")),
    ("", Output("")),
    ("[" * 100_000, Output("[" * 100_000)),
])  # fmt: skip
def test_what_claude_code_says_is_its_result_and_its_cost(output: str, result: Output) -> None:
    assert read_claude(output) == result


@pytest.mark.parametrize(("output", "cost"), [
    ("Tokens: 2k sent. Cost: $0.01 message, $0.01 session.\n"
    "Tokens: 3k sent. Cost: $0.02 message, $0.03 session.\n", 0.03),
    ("Tokens: 2k sent, 30 received.\n", None),
    ("Cost: $.. message, $. session.", None),
])  # fmt: skip
def test_what_aider_says_last_about_its_session_is_its_cost(output: str, cost: float | None) -> None:
    assert read_aider(output) == Output(output, Usage(cost_usd=cost))


def test_the_prompt_names_the_file_and_a_second_one_says_what_was_wrong() -> None:
    problem = Problem(
        Fault.DOES_NOT_COMPILE, "line 3 of the edited file: invalid syntax", "  3> DEPTH = (\n```"
    )
    first, second = prompt_text("model.py", None), prompt_text("model.py", problem)
    assert "model.py" in first
    assert "train.py" not in first
    assert second.startswith(first)
    assert "line 3 of the edited file: invalid syntax" in second
    assert "````\n  3> DEPTH = (\n```\n````" in second
    assert "line 3 of the edited file: invalid syntax" in problem_text(problem)


def test_what_is_handed_on_is_hidden_whatever_it_is_called() -> None:
    environ = {"MY_LOGIN": "0123456789abcdef", "HOME": "/where/a/person/is"}
    assert (
        redacted("0123456789abcdef /where/a/person/is", environ, ["MY_LOGIN"])
        == f"{HIDDEN} /where/a/person/is"
    )
    assert redacted_answer("x = '0123456789abcdef'", environ, ["MY_LOGIN"]) == f"x = '{HIDDEN}'"
    assert redacted("0123456789abcdef", environ) == "0123456789abcdef"


def test_what_a_surface_imports_can_be_read() -> None:
    texts = load_task("demo").frozen_texts
    assert list(texts) == ["prepare.py"]
    assert "def evaluate_bpb" in texts["prepare.py"]


# ---------------------------------------------------------------------- in a configuration


@pytest.mark.parametrize(
    "arm",
    [
        coder(command=["mine", "{prompt}"]),
        coder(template="claude-code"),
        coder(template="shell", command=["mine {x}"]),
    ],
)
def test_an_arm_with_a_command_can_be_sent_to_another_machine(arm: Command) -> None:
    assert isinstance(pickle.loads(pickle.dumps(make_proposers([arm], {})["coder"])), CommandProposer)


@pytest.mark.parametrize(("arm", "what", "remedy"), [
    (coder(), "runs no command", "template: claude-code"),
    (coder(template="shell"), "runs no command", "command"),
    (coder(command=["mine", "{promt}"]), "in place of {promt}", "Did you mean {prompt}?"),
    (coder(command=["mine", "{weather}"]), "in place of {weather}",
    "There are {prompt}, {prompt_file}, {surface}, {folder}."),
    (coder(template="codex", charter="no/such.md"), "cannot read the charter", "`charter`"),
])  # fmt: skip
def test_an_arm_that_can_run_nothing_is_a_configuration_error_with_a_remedy(
    arm: Command, what: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make_proposers([arm], {})
    assert what in str(raised.value)
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(("settings", "what", "remedy"), [
    ("proposer: command, template: claud-code", "'claud-code'", "Did you mean claude-code?"),
    ("proposer: comand", "'comand'", "Did you mean command?"),
    ("proposer: command, env: [KEY=sk-planted-1234]", "no variable's name",
    "their values come from the environment"),
    ("proposer: command, env: ['']", "no variable's name", "names alone"),
    ("proposer: command, env: [RAY_AUTH_TOKEN]", "a variable of Ray's", "join the cluster"),
])  # fmt: skip
def test_what_is_wrong_with_an_arm_is_said_without_a_secret(
    tmp_path: Path, settings: str, what: str, remedy: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"arms: [{{name: coder, {settings}}}]")
    with pytest.raises(ConfigError) as raised:
        load([file], [], {})
    assert what in str(raised.value)
    assert remedy in raised.value.remedy
    assert "planted" not in f"{raised.value} {raised.value.remedy}"


@pytest.mark.parametrize(("template", "command", "first"), [
    (None, ["tools/agent", "tools/x"], str(Path("tools/agent").absolute())),
    (None, ["agent"], "agent"),
    ("shell", ["tools/agent < brief.md"], "tools/agent < brief.md"),
])  # fmt: skip
def test_a_program_named_by_its_path_is_found_from_everywhere(
    template: str | None, command: list[str], first: str
) -> None:
    (arm,) = rooted(
        Config.model_validate({"arms": [coder(template=template, command=command).model_dump()]})
    ).arms
    assert isinstance(arm, Command)
    assert arm.command == [first, *command[1:]]
