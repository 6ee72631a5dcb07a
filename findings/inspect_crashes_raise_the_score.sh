#!/usr/bin/env bash
# In Inspect an agent that crashes where it would have failed scores higher, and a failed evaluation exits
# with 0.
#
# Guess:  with --no-fail-on-error a sample whose agent crashed counts as wrong: it was attempted and not
#         solved. Without it the evaluation fails, and the command's exit code says so.
# Is:     crashed samples are left out of the metrics: three right of five are 0.6, and 1.0 once the other two
#         crash, with status "success". A failed evaluation has status "error" in its log, no score, and exit
#         code 0 all the same.
# Seen:   inspect-ai 0.3.285, its model mockllm, no requests.
# Costs:  two agents' scores compare different sets of samples, in favour of the one that crashes on the hard
#         ones; a pipeline goes on after an evaluation that did not happen.
# Do:     read the log: status, and scored_samples == total_samples; and --score-on-error, which counts
#         crashes as wrong.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check inspect-ai==0.3.285; } || exit 2
cd "$dir"
export HOME=$dir INSPECT_DISPLAY=none

cat >tasks.py <<'PY'
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes
from inspect_ai.solver import solver


@solver
def agent(crashes):
    async def solve(state, generate):
        if state.sample_id in crashes:
            raise RuntimeError("the agent crashed")
        state.output = ModelOutput.from_content("m", "yes" if state.sample_id <= 3 else "no")
        return state

    return solve


def five(crashes):
    samples = [Sample(id=i, input="solve it", target="yes") for i in range(1, 6)]
    return Task(dataset=samples, solver=agent(crashes), scorer=includes())


@task
def wrong_on_two():
    return five(())


@task
def crashes_on_two():
    return five((4, 5))
PY
evaluate() { # folder, task, options
  status=0
  bin/inspect eval "tasks.py@$2" --model mockllm/model --log-dir "$1" "${@:3}" >out 2>&1 || status=$?
  echo "${*:2}: exit code $status"
}
evaluate a wrong_on_two
evaluate b crashes_on_two --no-fail-on-error
evaluate c crashes_on_two --no-fail-on-error --score-on-error
evaluate d crashes_on_two
[ "$status" = 0 ] || { echo "changed: exit code $status"; exit 1; }
bin/python - <<'PY'
from importlib.metadata import version

from inspect_ai.log import list_eval_logs, read_eval_log

print("inspect-ai", version("inspect-ai"))
outcomes = []
for folder in "abcd":
    log = read_eval_log(list_eval_logs(folder)[0])
    score = log.results.scores[0] if log.results else None
    outcomes.append((log.status, score and score.metrics["accuracy"].value, score and score.scored_samples))
    print(f"{log.eval.task}: status, accuracy, samples scored {outcomes[-1]}")
assert outcomes == [("success", 0.6, 5), ("success", 1.0, 3), ("success", 0.6, 5), ("error", None, None)], (
    "changed"
)
PY
