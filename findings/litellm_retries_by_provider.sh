#!/usr/bin/env bash
# litellm's max_retries is obeyed for one provider and ignored for the next; num_retries loses the error
# instead.
#
# Guess:  max_retries=2 is two more tries when a server says 500, whoever is asked; num_retries=2 is litellm's
#         own loop.
# Is:     OpenAI is asked three times, also when nothing is said; Anthropic, DeepSeek, Mistral, Gemini and a
#         vLLM server once, whatever is said. num_retries needs `tenacity`, which litellm does not install:
#         the 500 then arrives as a bare Exception about an import, without the status.
# Seen:   litellm 1.110.2.
# Costs:  one blip of a provider ends an agent's turn, while with another the caller's own loop of n tries
#         makes 3n requests; a handler that chooses by status sees none and takes an outage for a fault of the
#         installation.
# Do:     max_retries=0 everywhere and one retry loop of your own around the call.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check litellm==1.110.2; } || exit 2
cd "$dir"
export LITELLM_LOCAL_MODEL_COST_MAP=True

bin/python -W ignore - <<'PY'
import http.server, threading
from importlib.metadata import version

import litellm

requests = 0


class Down(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global requests
        requests += 1
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "overloaded", "type": "server_error"}}'
        self.send_response(500)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Down)
threading.Thread(target=server.serve_forever, daemon=True).start()
litellm.suppress_debug_info = True
print("litellm", version("litellm"))


def ask(model, **options):
    """Requests that one failed call made, and what it raised."""
    global requests
    requests, base = 0, f"http://127.0.0.1:{server.server_port}/v1"
    try:
        litellm.completion(
            model, [{"role": "user", "content": "hello"}], api_base=base, api_key="none", **options
        )
    except Exception as error:
        return requests, type(error).__name__, getattr(error, "status_code", None), str(error)


others = (
    "anthropic/claude-sonnet-4-5",
    "deepseek/deepseek-chat",
    "mistral/mistral-large-latest",
    "gemini/gemini-2.5-pro",
    "hosted_vllm/my-model",
)
for model, expected in {"openai/gpt-4o": 3, **dict.fromkeys(others, 1)}.items():
    plain, asked, none = ask(model)[0], ask(model, max_retries=2)[0], ask(model, max_retries=0)[0]
    print(f"{model:30} requests: {plain} by default, {asked} with max_retries=2, {none} with max_retries=0")
    assert (plain, asked, none) == (expected, expected, 1), "changed: another number of requests"
_, name, status, text = ask(others[0], num_retries=2)
print(f"{others[0]:30} num_retries=2 raises {name}, status {status}: {text[:52]}")
assert (name, status) == ("Exception", None) and "tenacity" in text, "changed: num_retries tells of the 500"
PY
