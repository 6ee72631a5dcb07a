"""The ``command`` proposer with real processes: scripts that stand in for coding agents, well behaved and
badly.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.proposers.command.command_proposer import CommandOrder, CommandProposer
from agents.proposers.contract import ArmStopped, ProposerError, Unavailable
from coordinator.arm_notes import ArmReason
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief, Repair, Tried
from coordinator.variants.source import MAX_BYTES
from tests.unit.transcripts import NotedPermits

KEY = "planted-4f8b2c91d7e6a3"
SOURCE = "from prepare import evaluate_bpb\n\nDEPTH = 4\nLR = 0.1\nevaluate_bpb(DEPTH)\n"
BRIEF = Brief(
    ordinal=3,
    seed=1,
    arm="coder",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="c0ffee",
    source=SOURCE,
    baseline=1.25,
    best=1.2,
    sigma=0.01,
    tried=[Tried(experiment="e1", title="twice the heads", state=State.REJECTED, arm="other", value=1.3)],
)
FROZEN = {"prepare.py": "def evaluate_bpb(model): ...\n"}
EDIT = "sed -i 's/DEPTH = 4/DEPTH = 6/' train.py\n"
EDITED = SOURCE.replace("DEPTH = 4", "DEPTH = 6")
SAY = "printf 'TITLE: two blocks more\\nHYPOTHESIS: depth pays\\n' > PROPOSAL.md\n"


class Play:
    """A folder for one test: scratch holds what commands work in, notes what they write down to be looked
    at.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self.seconds = 0.0
        self.permits = NotedPermits()

    def proposer(
        self,
        line: str,
        *,
        template: str | None = "shell",
        command: tuple[str, ...] = (),
        env: tuple[str, ...] = (),
        timeout: float = 30.0,
        unconfined: bool = True,
        hidden: tuple[str, ...] = (),
    ) -> CommandProposer:
        """Runs ``line`` in a shell, or ``command``."""
        order = CommandOrder(
            template=template,
            command=command or (self.counted(line),),
            env=env,
            timeout=timeout,
            hidden=hidden,
            unconfined=unconfined,
        )
        return CommandProposer(
            order, "Go deeper.", FROZEN, permits=self.permits, scratch=self.scratch, now=lambda: self.seconds
        )

    def counted(self, line: str) -> str:
        return f"echo call >> {self.folder}/calls\n{line}"

    def calls(self) -> int:
        path = self.folder / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def note(self, name: str) -> str:
        return (self.folder / name).read_text()

    def refused(self, line: str, *, timeout: float = 30.0, kind: type[ProposerError] = ProposerError) -> str:
        with pytest.raises(ProposerError) as caught:
            self.proposer(line, timeout=timeout).propose(BRIEF)
        assert type(caught.value) is kind
        return str(caught.value)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Whatever a command does, its folder is gone afterwards."""
    playing = Play(tmp_path)
    yield playing
    assert list(playing.scratch.iterdir()) == []


@contextmanager
def environment(**planted: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(planted)
    try:
        yield
    finally:
        for name in planted:
            os.environ.pop(name)
        os.environ.update(before)


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


# ---------------------------------------------------------------------- what it is given, and what is taken


def test_an_edit_becomes_a_proposal(play: Play) -> None:
    proposal = play.proposer(EDIT + SAY).propose(BRIEF)
    assert proposal.source == EDITED
    assert (proposal.title, proposal.hypothesis) == ("two blocks more", "depth pays")
    assert proposal.settings == {"DEPTH": "6", "LR": "0.1"}
    assert (proposal.ordinal, proposal.arm, proposal.parent) == (3, "coder", "c0ffee")
    assert play.calls() == 1


@pytest.mark.parametrize(("line", "title", "hypothesis"), [
    (f"{EDIT}seq 2000; echo 'Title: go deep'; echo 'Hypothesis: it pays'", "go deep", "it pays"),
    (f"{EDIT}echo done", "DEPTH 4 → 6", ""),
    (f"{EDIT}ln -s /etc/passwd PROPOSAL.md", "DEPTH 4 → 6", ""),
    (f"{EDIT}mkdir PROPOSAL.md", "DEPTH 4 → 6", ""),
    (f"{EDIT}yes 'TITLE: long' | head -c 50000000 > PROPOSAL.md", "long", ""),
])  # fmt: skip
def test_title_and_hypothesis_are_taken_from_where_they_are(
    play: Play, line: str, title: str, hypothesis: str
) -> None:
    proposal = play.proposer(line).propose(BRIEF)
    assert (proposal.source, proposal.title, proposal.hypothesis) == (EDITED, title, hypothesis)


def test_it_works_in_a_repository_with_all_there_is_to_read(play: Play) -> None:
    look = f"""
    cat > {play.folder}/stdin
    cp program.md brief.md prepare.py prompt.md {play.folder}
    git log --format=%s > {play.folder}/log; git status --porcelain > {play.folder}/status; git diff > \
{play.folder}/diff
    stat -c '%n %a' train.py program.md brief.md prepare.py > {play.folder}/modes
    """
    play.proposer(look + EDIT).propose(BRIEF)
    assert play.note("program.md") == "Go deeper."
    assert play.note("prepare.py") == FROZEN["prepare.py"]
    assert "twice the heads" in play.note("brief.md")
    assert "noise σ" in play.note("brief.md")
    assert play.note("stdin") == play.note("prompt.md")
    assert "PROPOSAL.md" in play.note("prompt.md")
    assert (len(play.note("log").splitlines()), play.note("status"), play.note("diff")) == (1, "", "")
    assert play.note("modes").splitlines() == [
        "train.py 644",
        "program.md 444",
        "brief.md 444",
        "prepare.py 444",
    ]


@pytest.mark.parametrize("more", [
    "chmod u+w program.md; echo mine > program.md; echo 'import os' > prepare.py; echo new > other.py;"
    " rm brief.md",
    "git commit --all --message mine; echo x > other; git add other; git commit --message other",
    "git checkout -q -b mine; git commit -qam mine; git gc --quiet",
    "rm -rf .git",
    "git reset -q --soft HEAD; rm -rf .git/refs",
])  # fmt: skip
def test_of_all_it_does_only_the_surface_is_taken(play: Play, more: str) -> None:
    assert play.proposer(f"{EDIT}{more}").propose(BRIEF).source == EDITED


def test_a_crash_is_repaired_on_the_program_that_crashed_with_the_charter_of_the_brief(play: Play) -> None:
    broken = SOURCE.replace("DEPTH = 4", "DEPTH = 4\nHEADS = 9")
    repair = Repair(
        experiment="e00007",
        title="nine heads",
        parent="older",
        source=broken,
        failure="exception",
        message="IndexError",
        tail="IndexError: head 9",
    )
    line = f"cp brief.md program.md {play.folder}\nsed -i 's/HEADS = 9/HEADS = 8/' train.py\n"
    proposal = play.proposer(line).propose(replace(BRIEF, repair=repair, charter="Go wider."))
    assert proposal.source == broken.replace("HEADS = 9", "HEADS = 8")
    assert (proposal.parent, proposal.repairs) == ("older", "e00007")
    assert "| IndexError: head 9" in play.note("brief.md")
    assert "Go wider." in play.note("program.md")


def test_words_are_arguments_and_never_a_shell_s(play: Play) -> None:
    script = play.folder / "agent.py"
    script.write_text(
        f"import pathlib, sys\npathlib.Path({str(play.folder / 'said')!r}).write_text(repr((sys.argv[1:],"
        " sys.stdin.read())))\nsurface ="
        " pathlib.Path(sys.argv[2])\nsurface.write_text(surface.read_text().replace('DEPTH = 4', 'DEPTH ="
        " 6'))\n"
    )
    words = (
        sys.executable,
        str(script),
        "{prompt}",
        "{surface}",
        "--file={prompt_file}",
        "$(touch x); `touch y`",
        "{folder}",
    )
    assert play.proposer("", template=None, command=words).propose(BRIEF).source == EDITED
    (prompt, surface, file, odd, folder), stdin = eval(play.note("said"))
    assert (surface, file, odd, stdin) == ("train.py", "--file=prompt.md", "$(touch x); `touch y`", "")
    assert prompt.startswith("You are a researcher who improves one training script, train.py")
    assert Path(folder).name == "experiment"


def test_an_exit_code_is_no_reason_to_throw_a_sound_edit_away(play: Play) -> None:
    assert play.proposer(f"{EDIT}exit 3").propose(BRIEF).source == EDITED
    assert play.calls() == 1


def test_what_a_known_agent_says_of_its_cost_is_logged(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer = (
        '{"result": "TITLE: go deep", "total_cost_usd": 0.25, "usage": {"input_tokens": 30,'
        ' "output_tokens": 4}}'
    )
    command = ("sh", "-c", f"{EDIT}echo '{answer}'")
    assert play.proposer("", template="claude-code", command=command).propose(BRIEF).title == "go deep"
    (record,) = [vars(record) for record in caplog.records if record.message == "command answered"]
    assert (record["cost_usd"], record["prompt_tokens"], record["completion_tokens"], record["result"]) == (
        0.25,
        30,
        4,
        "edited",
    )


def test_a_command_is_a_call_that_costs_what_it_says(play: Play) -> None:
    answer = (
        '{"result": "TITLE: go deep", "total_cost_usd": 0.25, "usage": {"input_tokens": 30,'
        ' "output_tokens": 4}}'
    )
    command = ("sh", "-c", f"{EDIT}echo '{answer}'")
    proposal = play.proposer("", template="claude-code", command=command).propose(BRIEF)
    (record,) = play.permits.records
    assert (record.model, record.arm, record.ordinal, record.result) == ("claude-code", "coder", 3, "whole")
    assert (record.cost_usd, record.prompt_tokens, record.completion_tokens) == (0.25, 30, 4)
    assert proposal.calls == [record.call]
    assert play.permits.transcripts[0].answer == "TITLE: go deep"


def test_a_command_that_does_not_say_what_it_cost_is_unpriced_and_not_free(play: Play) -> None:
    proposal = play.proposer(f"if [ -e problem.md ]; then {EDIT.strip()}; fi").propose(BRIEF)
    assert [(record.result, record.turn, record.cost_usd) for record in play.permits.records] == [
        ("no_op", 0, None),
        ("whole", 1, None),
    ]
    assert all(record.prompt_tokens > 0 for record in play.permits.records)
    assert len(proposal.calls) == 2


def test_a_command_whose_time_was_up_is_settled_too(play: Play) -> None:
    play.refused("sleep 60", timeout=0.5)
    assert [record.result for record in play.permits.records] == ["timeout"]


def test_without_a_permit_no_command_runs_and_its_arm_does_not_rest(play: Play) -> None:
    play.permits.allowed = 0
    for _ in range(4):
        assert play.refused(EDIT, kind=Unavailable) == "the money is spent"
    play.permits.allowed = 1
    play.proposer(EDIT).propose(BRIEF)
    assert play.calls() == 1


# ---------------------------------------------------------------------- what is sent back


@pytest.mark.parametrize(("line", "why"), [
    ("rm train.py", "train.py is gone"),
    ("ln -sf /etc/passwd train.py", "is a link"),
    ("rm train.py; mkdir -p train.py/deep", "a folder"),
    ("rm train.py; mkfifo train.py", "unreadable"),
    ("printf 'x = \"\\351\"\\n' >> train.py", "is not UTF-8"),
    (f"head -c {MAX_BYTES} /dev/zero | tr '\\0' '#' >> train.py", f"{MAX_BYTES} bytes"),
    ("true", "the file as it was"),
    ("echo '# a word' >> train.py", "only comments or layout"),
    ("echo 'x = (' >> train.py", "was never closed"),
    ("echo 'x = 1' > train.py", "does not import from prepare"),
    ("sed -i '/^evaluate/d' train.py; echo 'x = 1' >> train.py", "does not call evaluate_bpb"),
    ("echo 'x = (' >> train.py; exit 3", "was never closed"),
])  # fmt: skip
def test_for_what_is_no_sound_edit_it_is_asked_again_once(play: Play, line: str, why: str) -> None:
    assert why in play.refused(line)
    assert play.calls() == 2


@pytest.mark.parametrize(
    "bad",
    [
        "echo 'x = (' >> train.py",
        "rm train.py",
        "ln -sf /etc/passwd train.py",
        "rm -rf .git train.py; chmod a-w .",
    ],
)
def test_an_edit_can_be_corrected(play: Play, bad: str) -> None:
    reask = (
        f"cp problem.md train.py {play.folder}; grep -q 'cannot be used' prompt.md && sed -i '/^x = (/d'"
        f" train.py\n{EDIT}"
    )
    proposal = play.proposer(f"if [ -e problem.md ]; then {reask} else {bad}\nfi").propose(BRIEF)
    assert proposal.source == EDITED
    assert "What is wrong" in play.note("problem.md")
    assert SOURCE in play.note("train.py")


def test_nothing_is_written_through_a_link_in_place_of_its_folder(play: Play) -> None:
    aside = play.folder / "aside"
    aside.mkdir()
    assert "replaced by a link" in play.refused(
        f"echo mine > {aside}/prompt.md; mv ../experiment ../moved; ln -s {aside} ../experiment"
    )
    assert [path.name for path in aside.iterdir()] == ["prompt.md"]
    assert (aside / "prompt.md").read_text() == "mine\n"


def test_a_command_that_failed_before_it_edited_is_not_asked_again(play: Play) -> None:
    assert (
        play.refused("echo first; echo 'quota exceeded' >&2; exit 3")
        == "sh: ended with 3 and left train.py as it was: quota exceeded"
    )
    assert play.calls() == 1


def claude(play: Play, result: str, code: int = 0) -> CommandProposer:
    """A program that speaks as that agent does where its service refused it: is_error, and any exit code."""
    agent = play.folder / "claude"
    said = json.dumps({"type": "result", "subtype": "success", "is_error": True, "result": result})
    agent.write_text(f"#!/bin/sh\ncat >/dev/null\n{play.counted('')}\necho '{said}'\nexit {code}\n")
    agent.chmod(0o755)
    return play.proposer("", template="claude-code", command=(str(agent), "-p"))


@pytest.mark.parametrize(
    ("result", "kind", "reason"),
    [
        ("API Error: Rate limit reached", ProposerError, ArmReason.RATE_LIMIT),
        ("Something went wrong", ProposerError, ArmReason.FAILED),
        ("Not logged in. Please run /login", ArmStopped, ArmReason.LOGIN),
        ("Credit balance is too low", ArmStopped, ArmReason.PAYMENT),
    ],
)
def test_an_agent_that_failed_and_ended_with_0_is_not_asked_again_and_counted_by_its_reason(
    play: Play, result: str, kind: type[ProposerError], reason: ArmReason
) -> None:
    with pytest.raises(ProposerError, match=result) as caught:
        claude(play, result).propose(BRIEF)
    assert type(caught.value) is kind
    assert caught.value.reason is reason
    assert bool(caught.value.remedy) == (kind is ArmStopped)
    assert play.calls() == 1
    assert [record.result for record in play.permits.records] == [reason.value]


def test_a_command_that_is_killed_or_says_nothing_has_its_reason(play: Play) -> None:
    for line, reason, result in (
        ("kill -9 $$", ArmReason.KILLED, "killed"),
        ("true", ArmReason.REPLY, "no_op"),
        ("echo I leave it", ArmReason.NO_EDIT, "no_op"),
    ):
        play.permits.records.clear()
        with pytest.raises(ProposerError) as caught:
            play.proposer(line).propose(BRIEF)
        assert caught.value.reason is reason
        assert {record.result for record in play.permits.records} == {result}


# ---------------------------------------------------------------------- what never starts


def test_without_its_program_an_arm_stops_and_says_what_to_do(play: Play) -> None:
    with pytest.raises(ArmStopped, match=r"'no-such-agent' is not a program on the PATH .* Install it there"):
        play.proposer("", template=None, command=("no-such-agent", "{prompt}")).propose(BRIEF)


def test_a_program_that_cannot_be_executed_stops_its_arm(play: Play) -> None:
    agent = play.folder / "agent"
    agent.write_text("#!/no/such/interpreter\n")
    with pytest.raises(ArmStopped, match="is not a program"):
        play.proposer("", template=None, command=(str(agent),)).propose(BRIEF)
    agent.chmod(0o755)
    with pytest.raises(ArmStopped, match=r"agent cannot be started: .*No such file"):
        play.proposer("", template=None, command=(str(agent),)).propose(BRIEF)


def test_a_shell_s_line_that_finds_nothing_stops_its_arm(play: Play) -> None:
    assert "no-such-agent" in play.refused("no-such-agent < prompt.md", kind=ArmStopped)


# ---------------------------------------------------------------------- what does not end


def test_a_command_whose_time_is_up_is_ended_and_its_edit_not_taken(play: Play) -> None:
    began = time.monotonic()
    assert "not done in 1 s" in play.refused(f"{EDIT}sleep 100", timeout=1.0)
    assert time.monotonic() - began < 5
    assert play.calls() == 1


def test_a_command_is_told_to_end_before_it_is_killed(play: Play) -> None:
    play.refused(
        f"trap 'echo told > {play.folder}/told; exit' TERM\nwhile :; do sleep 0.1; done", timeout=1.0
    )
    assert play.note("told") == "told\n"


def test_one_that_does_not_listen_is_killed_with_all_it_started(play: Play) -> None:
    play.refused(
        f"trap '' TERM\n(trap '' TERM; setsid sleep 1000 & echo $! >> {play.folder}/pids) &\necho $$ >>"
        f" {play.folder}/pids\nsleep 1000",
        timeout=1.0,
    )
    pids = [int(pid) for pid in play.note("pids").split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if alive(pid)]


def test_a_daemon_does_not_outlive_its_command(play: Play) -> None:
    daemon = (
        f"setsid sh -c 'sh -c \"echo \\$\\$ > {play.folder}/pid; exec sleep 1000\" &' > /dev/null 2>&1 <"
        " /dev/null\n"
    )
    wait = f"while [ ! -s {play.folder}/pid ]; do sleep 0.02; done\n"
    assert play.proposer(daemon + wait + EDIT).propose(BRIEF).source == EDITED
    assert not alive(int(play.note("pid")))


def test_a_daemon_that_holds_its_stdout_delays_nobody(play: Play) -> None:
    began = time.monotonic()
    assert play.proposer(f"sleep 1000 &\n{EDIT}").propose(BRIEF).source == EDITED
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("bad", "timeout"), [("sleep 100", 0.5), ("exit 1", 30.0), ("kill -9 $PPID; sleep 9", 30.0)]
)
def test_three_briefs_for_nothing_rest_the_arm_for_a_time_that_grows(
    play: Play, bad: str, timeout: float
) -> None:
    slow = play.proposer(f"[ -e {play.folder}/well ] || {{ {bad}; }}\n{EDIT}", timeout=timeout)
    errors = []
    for _ in range(4):
        with pytest.raises(ProposerError) as caught:
            slow.propose(BRIEF)
        errors.append(type(caught.value))
    assert errors == [ProposerError, ProposerError, Unavailable, Unavailable]
    assert play.calls() == 3
    play.seconds += 61.0
    with pytest.raises(Unavailable):
        slow.propose(BRIEF)
    assert play.calls() == 4
    play.seconds += 59.0
    with pytest.raises(Unavailable, match=r"^sh: .* of its rest left") as resting:
        slow.propose(BRIEF)
    assert play.calls() == 4
    assert resting.value.reason in (ArmReason.FAILED, ArmReason.TIMEOUT)
    play.seconds += 62.0
    (play.folder / "well").touch()
    assert slow.propose(BRIEF).source == EDITED
    (play.folder / "well").unlink()
    with pytest.raises(ProposerError) as caught:
        slow.propose(BRIEF)
    assert type(caught.value) is ProposerError


# ---------------------------------------------------------------------- what it prints and leaves


def test_a_flood_is_read_and_only_its_end_is_kept(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    proposal = play.proposer(
        f"{EDIT}head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; echo 'TITLE: after the flood'"
    ).propose(BRIEF)
    assert proposal.title == "after the flood"
    (record,) = [vars(record) for record in caplog.records if record.message == "command answered"]
    assert record["output_bytes"] > 50_000_000
    assert len(str(record)) < 5_000


def test_what_is_left_read_only_goes_too(play: Play) -> None:
    assert play.proposer(
        f"{EDIT}mkdir -p a/b; touch a/b/c; chmod 500 a/b a; chmod 000 a/b/c; touch $TMPDIR/x; chmod 500"
        " $TMPDIR ."
    ).propose(BRIEF)


def test_only_what_is_listed_of_the_environment_is_seen_and_none_of_it_is_told(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    planted = {
        "OTHER_API_KEY": f"{KEY}-other",
        "RAY_AUTH_TOKEN": f"{KEY}-ray",
        "CODER_LOGIN": f"{KEY}-handed-on",
    }
    tell = f"""
    env | grep -o '{KEY}[-a-z]*' | sort -u | sed 's/{KEY}//' > {play.folder}/seen
    env > all; env > "$TMPDIR/all"; git add all; git commit -qm "$CODER_LOGIN"
    echo "# $CODER_LOGIN" >> train.py; env | sed 's/^/LR_/; s/=.*/ = 1/' | head -0
    echo "TITLE: $CODER_LOGIN" > PROPOSAL.md; env; env >&2; echo "login $CODER_LOGIN" >&2
    """
    with environment(**planted):
        proposal = play.proposer(EDIT + tell, env=("CODER_LOGIN",)).propose(BRIEF)
        with pytest.raises(ProposerError) as caught:
            play.proposer('echo "no $CODER_LOGIN" >&2; exit 1', env=("CODER_LOGIN",)).propose(BRIEF)
    assert play.note("seen").split() == ["-handed-on"]
    assert KEY not in f"{proposal} {caught.value}"
    assert "[redacted]" in proposal.source
    assert "no [redacted]" in str(caught.value)
    assert not [record for record in caplog.records if KEY in str(vars(record))]
    assert not [
        path for path in play.folder.rglob("*") if path.is_file() and KEY in path.read_text(errors="replace")
    ]


def test_no_process_beside_the_command_knows_its_key(play: Play) -> None:
    look = f"cat /proc/$PPID/environ /proc/$PPID/cmdline | tr '\\0' '\\n' > {play.folder}/keeper\n"
    with environment(CODER_LOGIN=KEY):
        play.proposer(look + EDIT, env=("CODER_LOGIN",)).propose(BRIEF)
    assert "command.keeper" in play.note("keeper")
    assert KEY not in play.note("keeper")


# ---------------------------------------------------------------------- who dies first

AGENT = """
import sys
from pathlib import Path
from tests.integration.test_command import BRIEF, Play
Play(Path(sys.argv[1])).proposer(sys.argv[2]).propose(BRIEF)
"""
HANG = (
    "setsid sh -c 'echo $$ > {0}/daemon; exec sleep 1000' &\necho $PPID > {0}/keeper\necho $$ >"
    " {0}/command\nexec sleep 1000"
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_dies_with_its_agent(play: Play, number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(play.folder), HANG.format(play.folder)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    until(
        lambda: all(
            (play.folder / name).exists() and play.note(name) for name in ("daemon", "keeper", "command")
        )
    )
    pids = [int(play.note(name)) for name in ("daemon", "keeper", "command")]
    assert all(alive(pid) for pid in pids)
    agent.send_signal(number)
    agent.wait(10)
    until(lambda: not any(alive(pid) for pid in pids) and not list(play.scratch.iterdir()))


def test_a_keeper_that_is_killed_leaves_nothing_and_costs_one_proposal(play: Play) -> None:
    killed = "kill -9 $PPID; sleep 1000"
    assert "is gone" in play.refused(
        f"{HANG.format(play.folder).splitlines()[0]}\nwhile [ ! -s {play.folder}/daemon ]; do sleep 0.02;"
        f" done\n{killed}"
    )
    assert not alive(int(play.note("daemon")))
    assert play.proposer(EDIT).propose(BRIEF).source == EDITED
