#!/usr/bin/env bash
# Of an answer that comes in two text parts litellm keeps the last one, or it fails after the answer was paid for.
#
# Guess:  text parts are joined: a list of parts is one of the two forms that a message's content has.
# Is:     the Mistral route drops all text parts but the last without a word; the routes that speak OpenAI's protocol
#         raise an error that names the server, though the server answered with 200 and billed the tokens.
# Seen:   litellm 1.110.2.
# Costs:  half a program counts as the whole one, or the same call is made and paid again with every retry, and its
#         usage is in no count.
# Do:     read the provider's own body where it can be had (a logger function is handed it), and count usage before
#         anything is made of the answer.
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

litellm.suppress_debug_info = True
asked = 0


class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global asked
        asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        parts = [{"type": "text", "text": "first half, "}, {"type": "text", "text": "second half"}]
        choice = {"index": 0, "message": {"role": "assistant", "content": parts}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        body = json.dumps(reply | {"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer(model):
    try:
        reply = litellm.completion(
            model=model,
            messages=[{"role": "user", "content": "write train.py"}],
            api_base=f"http://127.0.0.1:{server.server_port}/v1",
            api_key="none",
            max_retries=0,
        )
    except Exception as error:
        return type(error).__name__
    return repr(reply.choices[0].message.content)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("litellm", version("litellm"))
came = {}
for model in ("mistral/mistral-small-latest", "openai/my-model", "openrouter/some/model"):
    came[model] = answer(model)
    print(f"{model:30} {came[model]}")
print(f"{asked} requests, each answered with 200 and 20 tokens")
assert came["mistral/mistral-small-latest"] == "'second half'", "changed: Mistral's parts"
assert came["openai/my-model"] == "InternalServerError", "changed: OpenAI's parts"
assert came["openrouter/some/model"] == "APIConnectionError", "changed: OpenRouter's parts"
PY
