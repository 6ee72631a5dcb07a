"""What a command sees and what it does not, and that it ends as one without a view of its own does."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.proposers.command.command_proposer import CommandProposer
from agents.proposers.command.confinement import AS_ANYBODY
from agents.proposers.command.make_command import require_here
from agents.proposers.contract import ArmStopped, ProposerError
from configs.arms import Command
from configs.errors import ConfigError
from tests.integration.test_command import BRIEF, EDIT, EDITED, KEY, Play, environment, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is a part of Linux")


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    playing = Play(tmp_path)
    yield playing
    assert list(playing.scratch.iterdir()) == []
    assert not processes(tmp_path)


def viewed(
    play: Play, line: str, *, timeout: float = 30.0, env: tuple[str, ...] = (), hidden: tuple[str, ...] = ()
) -> CommandProposer:
    return play.proposer(line, timeout=timeout, env=env, hidden=hidden, unconfined=False)


def processes(folder: Path) -> list[int]:
    """Those whose command line names a test's folder: numbers inside are others than outside."""
    named = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in line and int(path.parent.name) != os.getpid():
            named.append(int(path.parent.name))
    return named


def sleeping(play: Play) -> str:
    """A command line that ``processes`` sees."""
    return f"sh -c 'while :; do sleep 1; done' {play.folder}/sleeps"


# ---------------------------------------------------------------------- what is seen


def test_data_campaigns_keys_and_the_scratch_of_others_are_not_seen(play: Play) -> None:
    data, campaigns, keys = play.folder / "data", play.folder / "campaigns", play.folder / ".env"
    for folder in (data, campaigns, play.scratch / "autoswarm-other"):
        folder.mkdir()
        (folder / "held").write_text(KEY)
    keys.write_text(KEY)
    (play.folder / "linked").symlink_to(data)
    look = (
        f"{{ cat {data}/* {campaigns}/* {keys} {play.folder}/linked/* {play.scratch}/*/held;"
        f" ls -A {data} {campaigns} {play.scratch}; }} > {play.folder}/sight 2>/dev/null\n"
    )
    hidden = (str(play.folder / "linked"), str(campaigns), str(keys))
    assert viewed(play, look + EDIT, hidden=hidden).propose(BRIEF).source == EDITED
    sight = play.note("sight")
    assert KEY not in sight
    assert "held" not in sight
    assert "other" not in sight
    assert sight.split()[-1].startswith("autoswarm-")  # its own
    assert (data / "held").read_text() == keys.read_text() == KEY
    (play.scratch / "autoswarm-other" / "held").unlink()
    (play.scratch / "autoswarm-other").rmdir()


def test_what_it_writes_in_place_of_something_hidden_goes_with_it(play: Play) -> None:
    data = play.folder / "data"
    data.mkdir()
    line = f"echo mine > {data}/left; cat {data}/left > {play.folder}/note\n"
    viewed(play, line + EDIT, hidden=(str(data),)).propose(BRIEF)
    assert play.note("note") == "mine\n"
    assert not list(data.iterdir())


def test_a_view_cannot_be_taken_away_from_inside(play: Play) -> None:
    data = play.folder / "data"
    data.mkdir()
    (data / "held").write_text(KEY)
    ways = [f"umount {data}", f"umount -l {data}", f"unshare -Urm umount -l {data}", f"mount --bind / {data}"]
    tried = "\n".join(
        f"{way} >> {play.folder}/sight 2>&1; cat {data}/* >> {play.folder}/sight" for way in ways
    )
    assert viewed(play, f"{tried}\n{EDIT}", hidden=(str(data),)).propose(BRIEF).source == EDITED
    assert KEY not in play.note("sight")


def test_what_is_not_there_yet_is_not_made(play: Play) -> None:
    absent = play.folder / "absent"
    assert viewed(play, EDIT, hidden=(str(absent), str(absent / "more"))).propose(BRIEF).source == EDITED
    assert not absent.exists()


def test_no_process_of_others_is_seen_nor_what_stands_in_its_environment(play: Play) -> None:
    other = subprocess.Popen(["sleep", "60"], env={"OTHER_API_KEY": KEY})
    try:
        look = f"cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n' > {play.folder}/sight\n"
        look += f"kill -9 {other.pid} 2>> {play.folder}/sight\n"
        viewed(play, look + EDIT).propose(BRIEF)
        assert KEY not in play.note("sight")
        assert "command.keeper" not in play.note("sight")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_home_the_network_and_what_is_listed_of_the_environment_are_as_outside(play: Play) -> None:
    home = play.folder / "home"
    home.mkdir()
    (home / "login").write_text("mine")
    look = (
        f"readlink /proc/self/ns/net > {play.folder}/net; cp $HOME/login {play.folder}/login;"
        f" echo $CODER_LOGIN > {play.folder}/listed; echo kept > $HOME/kept; echo > /dev/null;"
        f" git log --oneline | wc -l > {play.folder}/commits\n"
    )
    with environment(HOME=str(home), CODER_LOGIN=KEY):
        viewed(play, look + EDIT, env=("CODER_LOGIN",)).propose(BRIEF)
    assert play.note("net").strip() == str(Path("/proc/self/ns/net").readlink())
    assert play.note("login") == "mine"
    assert play.note("listed").strip() == KEY
    assert (home / "kept").read_text() == "kept\n"
    assert play.note("commits").strip() == "1"


def test_what_a_command_needs_is_not_hidden_without_a_word(play: Play) -> None:
    home = play.folder / "data" / "home"
    home.mkdir(parents=True)
    with environment(HOME=str(home)), pytest.raises(ArmStopped, match=r"home lies in .*data, .* not see.*"):
        viewed(play, EDIT, hidden=(str(play.folder / "data"),)).propose(BRIEF)
    assert play.calls() == 0


def test_an_agent_s_own_sandbox_works_inside(play: Play) -> None:
    """Landlock and seccomp need nothing; those that make namespaces need this."""
    inside = "bwrap --ro-bind / / --dev /dev --unshare-user --unshare-pid --unshare-net --bind $PWD $PWD --"
    assert viewed(play, f'{inside} sh -c "{EDIT.strip()}"').propose(BRIEF).source == EDITED


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_it_can_be_had_without_being_root() -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from agents.proposers.command.confinement import confinement;"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534); print(confinement().way)",
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert ran.stdout.strip() == repr(AS_ANYBODY), ran.stderr


def test_without_bubblewrap_an_arm_stops_unless_it_is_to_be_unconfined(play: Play) -> None:
    programs = play.folder / "programs"
    programs.mkdir()
    for name in ("sh", "git", "sed"):
        path = shutil.which(name)
        assert path is not None
        (programs / name).symlink_to(path)
    with environment(PATH=str(programs)):
        with pytest.raises(ArmStopped, match=r"bubblewrap is not installed.*Install.*unconfined: true"):
            viewed(play, EDIT).propose(BRIEF)
        with pytest.raises(ConfigError, match=r"arm 'coder': .* not installed"):
            require_here(Command(name="coder", template="codex"))
        require_here(Command(name="coder", template="codex", unconfined=True))
        assert play.calls() == 0
        assert play.proposer(EDIT).propose(BRIEF).source == EDITED


# ---------------------------------------------------------------------- how it ends


def test_exit_codes_are_those_of_the_command(play: Play) -> None:
    assert "ended with 3" in str(play_error(play, "exit 3"))
    with pytest.raises(ArmStopped, match="no-such-agent"):
        viewed(play, "no-such-agent < prompt.md").propose(BRIEF)
    program = play.folder / "broken"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(ArmStopped, match="cannot be started"):
        play.proposer("", template=None, command=(str(program),), unconfined=False).propose(BRIEF)


def play_error(play: Play, line: str, timeout: float = 30.0) -> Exception:
    with pytest.raises(ProposerError) as caught:
        viewed(play, line, timeout=timeout).propose(BRIEF)
    return caught.value


def test_a_command_in_a_view_is_asked_to_end_before_it_is_killed(play: Play) -> None:
    began = time.monotonic()
    line = f"trap 'sleep 0.2; echo told > {play.folder}/note; exit' TERM\nwhile :; do sleep 0.1; done"
    assert "not done in 1 s" in str(play_error(play, line, timeout=1.0))
    assert play.note("note") == "told\n"
    assert time.monotonic() - began < 6


def test_what_does_not_listen_is_killed_with_all_it_started(play: Play) -> None:
    line = f"trap '' TERM\nsetsid {sleeping(play)} &\n{sleeping(play)}"
    assert "not done in 1 s" in str(play_error(play, line, timeout=1.0))
    assert not processes(play.folder)


def test_a_daemon_in_a_view_does_not_outlive_its_command_nor_delay_it(play: Play) -> None:
    began = time.monotonic()
    assert viewed(play, f"setsid {sleeping(play)} &\n{EDIT}").propose(BRIEF).source == EDITED
    assert time.monotonic() - began < 10
    assert not processes(play.folder)


AGENT = """
import sys
from pathlib import Path
from tests.integration.test_command import BRIEF, Play
Play(Path(sys.argv[1])).proposer(sys.argv[2], unconfined=False).propose(BRIEF)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_in_a_view_dies_with_its_agent(play: Play, number: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    line = f"setsid {sleeping(play)} & echo > {play.folder}/began; exec {sleeping(play)}"
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(play.folder), line],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    until(lambda: (play.folder / "began").exists())
    assert len(processes(play.folder)) >= 3  # the agent, the command, its daemon
    agent.send_signal(number)
    agent.wait(10)
    until(lambda: not processes(play.folder) and not list(play.scratch.iterdir()))


def test_a_keeper_that_is_killed_takes_the_view_with_it(play: Play) -> None:
    """From outside: inside there is no keeper to be seen."""
    root = Path(__file__).parents[2]
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(play.folder), f"echo > {play.folder}/began; {sleeping(play)}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
    )
    until(lambda: (play.folder / "began").exists())
    keeper = next(pid for pid in map(parent, processes(play.folder)) if b"command.keeper" in line_of(pid))
    os.kill(keeper, signal.SIGKILL)
    _, errors = agent.communicate(timeout=20)
    assert b"is gone" in errors
    until(lambda: not processes(play.folder) and not list(play.scratch.iterdir()))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def line_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
