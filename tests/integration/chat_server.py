"""An HTTP server on loopback that speaks the OpenAI chat protocol by a script: what it answers, how late, and
how badly.

For a swarm of agents, which ask in no order, an answer may instead be given by model, and depend on what was
asked.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from typing import Any

from msgspec import Struct

from deploy.bench.endpoint import completion, edit


class Answer(Struct, frozen=True, kw_only=True):
    """One answer. text: of a completion, or None to send ``body`` with ``status``. delay: seconds before it.
    sent: share of its bytes that are sent before the connection is closed; 0 closes it without a word.
    """

    text: str | None = None
    status: int = 200
    body: str = ""
    headers: dict[str, str] = {}
    delay: float = 0.0
    sent: float = 1.0
    finish: str = "stop"


def said(text: str, *, delay: float = 0.0, finish: str = "stop") -> Answer:
    return Answer(text=text, delay=delay, finish=finish)


def refused(
    status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    return Answer(
        status=status,
        body=json.dumps({"error": {"message": message, "type": "test", "code": code}}),
        headers=headers or {},
    )


Mind = Callable[[dict[str, Any]], Answer]
"""Answers a request's body."""


def moving(delay: float = 0.0) -> Mind:
    """A model that moves one constant of the program it is shown, another way each time."""
    numbers = count(1)
    return lambda body: said(edit(body["messages"], next(numbers)), delay=delay)


class ChatServer(ThreadingHTTPServer):
    """Answers in the order of ``script``; the last answer is repeated. minds: models that answer by
    themselves. down: whether it closes every connection without a word. requests: bodies received, in order.
    keys: authorisations received. open, most_open: requests it has not answered yet, now and at most.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Answer] = []
        self.minds: dict[str, Mind] = {}
        self.down = False
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.open = self.most_open = 0
        self._lock = Lock()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def play(self, *answers: Answer) -> None:
        """Begin a new script, with nothing received."""
        with self._lock:
            self.script, self.requests, self.keys, self.most_open = list(answers), [], [], 0

    def take(self, body: dict[str, Any], key: str) -> Answer:
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            if self.down:
                return Answer(sent=0)
            if body.get("model") in self.minds:  # Gemini's protocol has it in the address
                return self.minds[body["model"]](body)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def over(self) -> None:
        """A request is answered, or as good as that."""
        with self._lock:
            self.open -= 1

    def asked(self, model: str) -> int:
        """How often a model was asked."""
        with self._lock:
            return sum(request["model"] == model for request in self.requests)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, after its timeout, is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.take(body, self.headers.get("Authorization", ""))
        time.sleep(answer.delay)
        self.server.over()  # before the answer: its caller may ask again as soon as it is there
        data = (
            completion(body["model"], answer.text, answer.finish) if answer.text is not None else answer.body
        ).encode()
        if answer.sent > 0:
            self.send_response(answer.status)
            for name, value in (
                {"Content-Type": "application/json", "Content-Length": str(len(data))} | answer.headers
            ).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: round(answer.sent * len(data))])
        self.close_connection = answer.sent < 1

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
