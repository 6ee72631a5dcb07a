"""A language model's endpoint on loopback, for rehearsals: it speaks the OpenAI chat protocol and answers as
late, and as badly, as it is told.

Its ideas are those of ``ideas``: one constant of the program it is shown moves. What is measured is the way
to a model and back, not the model.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from typing import Any

from deploy.bench.ideas import nudged

PROGRAM = re.compile(r"^(`{3,})python\n(?P<source>.*?)^\1$", re.MULTILINE | re.DOTALL)
"""The parent, as a prompt shows it."""


class Endpoint(ThreadingHTTPServer):
    """seconds: of every answer. failing: share of answers whose edit does not fit, spread evenly. answered:
    how many there were.
    """

    daemon_threads = True

    def __init__(self, seconds: float, failing: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.answered = 0
        self._failing = failing
        self._owed = 0.0
        self._seeds = count(1)
        self._lock = Lock()

    @property
    def base(self) -> str:
        """What ``api_base`` of an arm is to be."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def answer(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The next answer to a conversation."""
        with self._lock:
            self.answered += 1
            seed = next(self._seeds)
            self._owed += self._failing
            fails = self._owed >= 1.0
            self._owed -= fails
        return edit(messages, seed, fits=not fails)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of a rehearsal's end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet: else each answer waits 40 ms for an acknowledgement
    server: Endpoint

    def do_POST(self) -> None:
        """One completion."""
        asked = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = completion(body["model"], self.server.answer(body["messages"])).encode()
        time.sleep(max(0.0, self.server.seconds - (time.monotonic() - asked)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def edit(messages: Sequence[Mapping[str, str]], seed: int, *, fits: bool = True) -> str:
    """An answer to a conversation of ``agents.proposers.llm.prompt``: the program it shows with one constant
    moved. Raises ValueError without one.
    """
    shown = PROGRAM.search(messages[1]["content"])
    if shown is None:
        raise ValueError("the prompt shows no program")
    source = shown["source"]
    moved, title = nudged(source, seed)
    before, after = next(
        pair for pair in zip(source.splitlines(), moved.splitlines(), strict=True) if pair[0] != pair[1]
    )
    searched = before if fits else f"{before} of another file"
    return (
        f"TITLE: {title}\nHYPOTHESIS: it has a better value nearby\n\n<<<<<<<"
        f" SEARCH\n{searched}\n=======\n{after}\n>>>>>>> REPLACE\n"
    )


def completion(model: str, text: str, finish: str = "stop") -> str:
    """A reply of the chat protocol."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 100, "completion_tokens": len(text), "total_tokens": 100 + len(text)}
    return json.dumps(
        {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
    )


@contextmanager
def endpoint(seconds: float, failing: float = 0.0) -> Iterator[Endpoint]:
    """One that answers until the end of ``with``."""
    server = Endpoint(seconds, failing)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
