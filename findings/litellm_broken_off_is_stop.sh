#!/usr/bin/env bash
# litellm reports a reply that its provider broke off as finished.
#
# Guess:  finish_reason is passed on, or becomes something that is not "stop".
# Is:     "error" and "network_error", with which gateways say that the model broke off in the middle, become
#         "stop", without a warning; every reason litellm has not heard of becomes "stop" with one in the log.
# Seen:   litellm 1.110.2.
# Costs:  the first half of a training script counts as the whole one: a GPU runs it, and the verdict is about
#         a program that nobody wrote.
# Do:     let the answer's own form prove that it is whole (a closing marker, a block that must end), and read
#         choices[0].provider_specific_fields["native_finish_reason"] where it is there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check litellm==1.110.2; } || exit 2
cd "$dir"
export LITELLM_LOCAL_MODEL_COST_MAP=True

bin/python -W ignore - <<'PY'
import http.server, json, threading
from importlib.metadata import version

import litellm

reason = ""


class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "def train():\n    for step in ra"}
        usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        body = json.dumps(reply | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("litellm", version("litellm"))
for reason in ("stop", "length", "error", "network_error", "aborted", "incomplete"):
    reply = litellm.completion(
        model="openai/my-model",
        messages=[{"role": "user", "content": "write train.py"}],
        api_base=f"http://127.0.0.1:{server.server_port}/v1",
        api_key="none",
    )
    choice = reply.choices[0]
    print(
        f"sent {reason:14} arrives as {choice.finish_reason:7} {choice.get('provider_specific_fields') or ''}"
    )
    expected = "length" if reason == "length" else "stop"
    assert choice.finish_reason == expected, "changed: the reason is told"
PY
