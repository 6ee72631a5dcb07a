#!/usr/bin/env bash
# litellm prices a call by the model that the reply names, also when it is told which model to price.
#
# Guess:  completion_cost(reply, model="gpt-4o") is what gpt-4o costs; the reply's name matters only without
#         model=.
# Is:     where the reply names another model that litellm knows, that one's price is taken, model= or not.
#         The cost litellm attaches to the reply itself (what its callbacks and budgets see) is the same
#         number.
# Seen:   litellm 1.110.2.
# Costs:  behind a gateway whose replies carry an alias or a cheaper deployment's name, spending is booked 17
#         times too low here, and a cap on money never ends the campaign.
# Do:     price the tokens yourself: cost_per_token(model=<the one asked>, prompt_tokens=…,
#         completion_tokens=…).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check litellm==1.110.2; } || exit 2
cd "$dir"
export LITELLM_LOCAL_MODEL_COST_MAP=True # the price list inside the package, not a newer one

bin/python -W ignore - <<'PY'
import http.server, json, threading
from importlib.metadata import version

import litellm

named = ""


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers every request with 1,000 tokens in, 1,000 out, under the name `named`."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "ok"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": named}
        body = json.dumps(reply | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("litellm", version("litellm"))
price = {model: sum(litellm.cost_per_token(model, 1000, 1000)) for model in ("gpt-4o", "gpt-4o-mini")}
print("by the price list:", price)
for named in ("gpt-4o", "gpt-4o-mini"):
    reply = litellm.completion(
        model="openai/gpt-4o",
        messages=[{"role": "user", "content": "hello"}],
        api_base=f"http://127.0.0.1:{server.server_port}/v1",
        api_key="none",
    )
    asked = litellm.completion_cost(reply, model="gpt-4o")
    print(
        f"asked gpt-4o, the reply names {named}: completion_cost(reply, model='gpt-4o') = {asked:.5f}, "
        f"attached to the reply = {reply._hidden_params['response_cost']:.5f}"
    )
    assert abs(asked - price[named]) < 1e-9, "changed: the price no longer follows the reply"
    assert abs(reply._hidden_params["response_cost"] - price[named]) < 1e-9, (
        "changed: the attached cost differs"
    )
PY
