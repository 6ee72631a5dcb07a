#!/usr/bin/env bash
# A pinned litellm does not pin its prices: importing it downloads the price list of the project's main
# branch.
#
# Guess:  litellm==X has the prices that X was released with; an import makes no request.
# Is:     the import fetches today's list and uses it in place of the packaged one; without a network it falls
#         back to the packaged list. Two machines with one lock file, or one machine on two days, count
#         different dollars.
# Seen:   litellm 1.110.2. Shown with a list of our own on loopback, through litellm's variable for the list's
#         address.
# Costs:  a cap on spending moves between two halves of a campaign; a head without a network and agents with
#         one disagree about what a call costs.
# Do:     LITELLM_LOCAL_MODEL_COST_MAP=True in the environment of every process before litellm is imported.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check litellm==1.110.2; } || exit 2
cd "$dir"
unset LITELLM_LOCAL_MODEL_COST_MAP

bin/python - <<'PY'
import http.server, json, os, subprocess, sys, threading
from importlib.metadata import files, version

packaged = next(f for f in files("litellm") if f.name == "model_prices_and_context_window_backup.json")
today = json.loads(packaged.locate().read_text())
today["gpt-4o"]["input_cost_per_token"] *= 3  # the provider raises a price after the release
requests = []


class Today(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        requests.append(self.path)
        body = json.dumps(today).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Today)
threading.Thread(target=server.serve_forever, daemon=True).start()


def dollars(**variables):
    """What a million tokens into gpt-4o cost, and the address of the list, in a new process."""
    code = (
        "import litellm; print(litellm.cost_per_token('gpt-4o', 1_000_000, 0)[0], litellm.model_cost_map_url)"
    )
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    price, url = out.stdout.split()
    return float(price), url


print("litellm", version("litellm"))
offline, url = dollars(LITELLM_LOCAL_MODEL_COST_MAP="True")
print(f"packaged list: {offline} dollars; the address by default has /main/ in it: {'/main/' in url}")
online, _ = dollars(LITELLM_MODEL_COST_MAP_URL=f"http://127.0.0.1:{server.server_port}/prices.json")
print(f"list of the day: {online} dollars; requests made by the import: {requests}")
assert "/main/" in url, "changed: the list is pinned by default"
assert requests == ["/prices.json"] and abs(online - 3 * offline) < 1e-9, (
    "changed: the packaged prices were used"
)
PY
