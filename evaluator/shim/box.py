"""The first code of a box: does in its sandbox what the judge asks for, and nothing by itself.

- It is copied beside nothing else and imports the standard library alone. The judge's socket is inherited
  under the number in ``AUTOSWARM_JUDGE_FD``.
- Files come in, commands run in the folder they lie in, files go out. What runs here may be anybody's: it can
  end this process or speak for it. So whatever goes out is a claim, and the judge's clock is the judge's.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

LENGTHS = struct.Struct("<II")
LONGEST_HEADER = 1 << 16
CHUNK = 1 << 16
TAIL = 24_000
"""Bytes of a command's output that the judge is tail_text, the last ones."""
FOLDER = "work"


def main() -> None:
    """Serve until the judge hangs up."""
    judge = Line(int(os.environ["AUTOSWARM_JUDGE_FD"]))
    folder = Path.cwd() / FOLDER
    folder.mkdir(exist_ok=True)
    judge.send({"type": "ready"})
    while (asked := judge.receive()) is not None:
        message, payload = asked
        match message["type"]:
            case "put":
                put(folder, payload)
                judge.send({"type": "done"})
            case "do":
                judge.send({"type": "ended", **do(folder, message)})
            case "give":
                complete, files = give(folder, message["globs"], message["limit"])
                judge.send({"type": "given", "complete": complete}, files)


class Line:
    """The conversation: JSON headers, each with at most one payload (see evaluator/judging/wire.py)."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)
        self._packets = self._socket.type == getattr(socket, "SOCK_SEQPACKET", None)

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Say something."""
        encoded = json.dumps(header).encode()
        if not self._packets:
            self._socket.sendall(LENGTHS.pack(len(encoded), len(payload)) + encoded + payload)
        elif payload:
            descriptor = sealed(payload)
            socket.send_fds(self._socket, [encoded], [descriptor])
            os.close(descriptor)
        else:
            self._socket.send(encoded)

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """What is asked next; None once the judge has hung up."""
        try:
            encoded, payload = self._packet() if self._packets else self._frame()
        except OSError:
            return None
        return (json.loads(encoded), payload) if encoded else None

    def _packet(self) -> tuple[bytes, bytes]:
        encoded, descriptors, _, _ = socket.recv_fds(self._socket, LONGEST_HEADER, 1, socket.MSG_CMSG_CLOEXEC)
        if not descriptors:
            return encoded, b""
        with os.fdopen(descriptors[0], "rb") as file:
            file.seek(0)
            return encoded, file.read()

    def _frame(self) -> tuple[bytes, bytes]:
        header, payload = LENGTHS.unpack(self._exactly(LENGTHS.size))
        return self._exactly(header), self._exactly(payload)

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            chunk = self._socket.recv(size - len(received))
            if not chunk:
                raise ConnectionResetError
            received += chunk
        return received


def sealed(content: bytes) -> int:
    """A memfd that can never change again."""
    descriptor = os.memfd_create("block", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest[: 1 << 24]) :]
    fcntl.fcntl(
        descriptor,
        fcntl.F_ADD_SEALS,
        fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL,
    )
    return descriptor


def put(folder: Path, payload: bytes) -> None:
    """Write files: a length, their paths, sizes and modes as JSON, their bytes."""
    (size,) = struct.unpack_from("<I", payload)
    at = 4 + size
    for path, length, executable in json.loads(payload[4:at]):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if executable else 0o644  # set as it is made: some sandboxes allow no change of it
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(payload[at : at + length])
        at += length


def give(folder: Path, patterns: list[str], limit: int) -> tuple[bool, bytes]:
    """Files that match, in the same form, and whether these are all: no more bytes than the limit. Links are
    not followed.
    """
    wanted = [f"{pattern}/*" if pattern.endswith("**") else pattern for pattern in patterns]
    index, contents, size, complete = [], [], 0, True
    for place in sorted({place for pattern in wanted for place in folder.glob(pattern)}):
        if place.is_symlink() or not place.is_file():
            continue
        with place.open("rb") as file:
            content = file.read(limit - size + 1)
        size += len(content)
        if size > limit:
            complete = False
            break
        index.append([str(place.relative_to(folder)), len(content), os.access(place, os.X_OK)])
        contents.append(content)
    encoded = json.dumps(index).encode()
    return complete, struct.pack("<I", len(encoded)) + encoded + b"".join(contents)


def do(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Run a command of the shell in a session of its own; what it wrote goes to this process's output too."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, **asked["environment"], "PATH": path}
    environment.pop("AUTOSWARM_JUDGE_FD", None)
    began = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", asked["command"]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail: deque[bytes] = deque()
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    reader = threading.Thread(target=follow, args=(process.stdout, tail), daemon=True)
    reader.start()
    try:
        code: int | None = process.wait(asked["seconds"])
    except subprocess.TimeoutExpired:
        code = None
    seconds = time.monotonic() - began
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reader.join(1.0)
    tail_text = b"".join(list(tail))[-TAIL:].decode(errors="replace")
    return {"code": code, "seconds": seconds, "tail": tail_text}


def follow(stream: IO[bytes], tail: deque[bytes]) -> None:
    """Pass on what a command writes, and keep the end of it."""
    size = 0
    while chunk := os.read(stream.fileno(), CHUNK):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        tail.append(chunk)
        size += len(chunk)
        while size - len(tail[0]) > TAIL:
            size -= len(tail.popleft())


main()
