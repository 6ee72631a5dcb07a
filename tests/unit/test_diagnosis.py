"""Why a command left the surface as it was: by its exit code, by its signal, by what it says."""

import json

import pytest

from agents.proposers.command.diagnosis import diagnosis
from agents.proposers.command.keeper import CommandEnd
from agents.proposers.command.templates import TEMPLATES, Template
from coordinator.arm_notes import ArmReason
from coordinator.model_calls import CALL_RESULTS

LASTING = {
    ArmReason.LOGIN,
    ArmReason.PAYMENT,
    ArmReason.AUTHENTICATION,
    ArmReason.MODEL,
    ArmReason.PROGRAM,
    ArmReason.PARAMETER,
    ArmReason.PERMISSION,
}


def claude(result: str, **fields: object) -> str:
    return json.dumps({"type": "result", "subtype": "success", "is_error": True, "result": result} | fields)


ROWS: list[tuple[str, str, int, str, str, ArmReason | None]] = [
    (
        "claude: rate limit",
        "claude-code",
        0,
        claude("API Error: Rate limit reached"),
        "",
        ArmReason.RATE_LIMIT,
    ),
    ("claude: 429", "claude-code", 0, claude("API Error: 429 Too Many Requests"), "", ArmReason.RATE_LIMIT),
    ("claude: status alone", "claude-code", 1, claude("API Error (429)"), "", ArmReason.RATE_LIMIT),
    (
        "claude: session",
        "claude-code",
        0,
        claude("You've hit your limit · resets 3pm"),
        "",
        ArmReason.RATE_LIMIT,
    ),
    (
        "claude: usage",
        "claude-code",
        1,
        claude("AI usage limit reached|1755806400"),
        "",
        ArmReason.RATE_LIMIT,
    ),
    (
        "claude: not logged in",
        "claude-code",
        0,
        claude("Not logged in · Please run /login"),
        "",
        ArmReason.LOGIN,
    ),
    (
        "claude: key and login",
        "claude-code",
        1,
        claude("Invalid API key · Please run /login"),
        "",
        ArmReason.LOGIN,
    ),
    ("claude: token expired", "claude-code", 0, claude("OAuth token has expired"), "", ArmReason.LOGIN),
    ("claude: no credit", "claude-code", 0, claude("Credit balance is too low"), "", ArmReason.PAYMENT),
    ("claude: overloaded", "claude-code", 0, claude("API Error: 529 Overloaded"), "", ArmReason.SERVER),
    ("claude: model", "claude-code", 0, claude("API Error: 404 model: x not found"), "", ArmReason.MODEL),
    ("claude: too long", "claude-code", 0, claude("Prompt is too long"), "", ArmReason.CONTEXT),
    ("claude: no reason", "claude-code", 0, claude("Something went wrong"), "", ArmReason.FAILED),
    ("claude: nothing said", "claude-code", 0, claude(""), "", ArmReason.FAILED),
    (
        "claude: turns are used up",
        "claude-code",
        0,
        json.dumps({"type": "result", "subtype": "error_max_turns", "is_error": False}),
        "",
        ArmReason.FAILED,
    ),
    (
        "claude: a list of messages",
        "claude-code",
        0,
        json.dumps([{"type": "system"}, json.loads(claude("Credit balance is too low"))]),
        "",
        ArmReason.PAYMENT,
    ),
    (
        "claude: over several lines",
        "claude-code",
        0,
        json.dumps(json.loads(claude("Not logged in")), indent=2),
        "",
        ArmReason.LOGIN,
    ),
    (
        "claude: errors in a list",
        "claude-code",
        0,
        json.dumps({"is_error": True, "errors": ["No credits left"]}),
        "",
        ArmReason.PAYMENT,
    ),
    ("codex: logged out", "codex", 1, "", "ERROR: Not logged in. Run `codex login` first.", ArmReason.LOGIN),
    ("codex: status", "codex", 1, "", "stream error: unexpected status 401", ArmReason.AUTHENTICATION),
    (
        "codex: quota",
        "codex",
        1,
        "",
        "ERROR: Quota exceeded. Check your plan and billing.",
        ArmReason.PAYMENT,
    ),
    (
        "codex: usage",
        "codex",
        1,
        "",
        "You've hit your usage limit, try again in 3 days.",
        ArmReason.RATE_LIMIT,
    ),
    (
        "codex: as JSON with 0",
        "codex",
        0,
        '{"type":"turn.failed","error":{"message":"insufficient_quota"}}',
        "",
        ArmReason.PAYMENT,
    ),
    ("aider: ends with 0", "aider", 0, "Tokens: 1\nInsufficient Balance\n", "", ArmReason.PAYMENT),
    ("gemini: no method", "shell", 1, "", "Please set an Auth method in settings.json", ArmReason.LOGIN),
    ("a shell without its program", "shell", 127, "", "sh: 1: coder: not found", ArmReason.PROGRAM),
    ("not executable", "", 126, "", "Permission denied", ArmReason.PROGRAM),
    ("killed", "", -9, "", "", ArmReason.KILLED),
    ("killed in its view", "", 137, "", "", ArmReason.KILLED),
    ("a segment violation", "", -11, "half a line", "", ArmReason.KILLED),
    ("an error of its own", "", 2, "", "Traceback: ValueError", ArmReason.FAILED),
    ("nothing said", "", 0, "", "", None),
    ("an honest refusal", "claude-code", 0, claude("I see no way to do better.", is_error=False), "", None),
    (
        "words that only sound like it",
        "shell",
        0,
        "The rate limit of 3 per minute is fine.\nI leave the learning rate.",
        "",
        None,
    ),
    ("one that waits, and ends well", "shell", 0, "429 Too Many Requests", "", None),
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_command_that_edited_nothing_has_its_reason(
    row: tuple[str, str, int, str, str, ArmReason | None],
) -> None:
    _, template, code, output, errors, reason = row
    end = CommandEnd(
        code=code, timed_out=False, output=output, errors=errors, written=len(output), seconds=1.0
    )
    why = diagnosis(end, (TEMPLATES[template] if template else Template()).read(output))
    assert (why.reason if why else None) is reason
    if why is not None:
        assert why.reason.value in CALL_RESULTS
        assert why.lasting == (why.reason in LASTING) == bool(why.remedy)
        assert why.what
