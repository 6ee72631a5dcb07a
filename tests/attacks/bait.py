"""What must not be had: a process of the same user with a secret in its environment, a private file, a service on
loopback and two on unix sockets. Their names hold a token, which attacks are given.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from evaluator.result import RunResult
from tests.attacks.attack import CARRIED, NUMBER


class Bait(Struct, frozen=True, kw_only=True):
    """What must not be had."""

    token: str
    process: int
    file: Path
    port: int
    socket: Path

    def named_in(self, source: str) -> str:
        """``source`` with the bait's names filled in."""
        names = {
            "@TOKEN@": self.token,
            "@TOKEN8@": self.token[:8],
            NUMBER: str(self.number),
            "@BAIT_PID@": str(self.process),
            "@BAIT_FILE@": str(self.file),
            "@PORT@": str(self.port),
            "@SOCKET@": str(self.socket),
        }
        for name, value in names.items():
            source = source.replace(name, value)
        return source

    @property
    def number(self) -> int:
        """Ten digits that nobody would write by chance."""
        return 1_000_000_000 + int(self.token[:7], 16)

    def carried_by(self, result: RunResult, log: str) -> list[str]:
        """Where text of the evaluation would reach whoever proposes next: the result, or the log of the run."""
        said = self.named_in(CARRIED), str(self.number)
        places = {"the result": msgspec.json.encode(result).decode(), "the log": log}
        return [f"text in {place}" for place, text in places.items() if any(word in text for word in said)]

    def is_whole(self) -> bool:
        """Whether the private file is as it was."""
        return self.file.exists() and self.file.read_text() == self.token


@contextlib.contextmanager
def bait_in(folder: Path) -> Iterator[Bait]:
    """Put out bait, and take it in again."""
    token = secrets.token_hex(8)
    private = folder / "private" / "keys"
    private.parent.mkdir(mode=0o700)
    private.write_text(token)
    private.chmod(0o600)
    environment = {"PATH": os.environ["PATH"], "AUTOSWARM_BAIT_SECRET": token}
    with contextlib.ExitStack() as stack:
        waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        process = stack.enter_context(subprocess.Popen(waiting, stdin=subprocess.PIPE, env=environment))
        stack.callback(process.kill)
        loopback = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        named = folder / "s"
        for address in (str(named), f"\0autoswarm-{token}"):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            listening.bind(address)
            listening.listen()
        yield Bait(
            token=token, process=process.pid, file=private, port=loopback.getsockname()[1], socket=named
        )
