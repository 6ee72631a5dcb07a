#!/usr/bin/env bash
# Trials of killed workers steer Optuna away from the best region, for good.
#
# Guess:  a trial whose worker was killed stays RUNNING in the storage and is ignored: it has no result.
# Is:     since Optuna 5 TPESampler has constant_liar=True by default: each RUNNING trial is told to the
#         sampler as a bad result, so that workers side by side spread out. Nothing ends the dead ones, so
#         they stay bad results.
# Seen:   optuna 5.0.0: after 30 results around an optimum, 40 of 40 next suggestions lie near it; with three
#         dead trials there, about a third; with six, a tenth. (A single one changes nothing.)
# Costs:  spot machines are lost mostly while they train, and mostly near the best; each loss pushes the
#         search off.
# Do:     tell(trial, state=FAIL) for trials whose worker is gone, before every start; or
#         RDBStorage(heartbeat_interval=…) with fail_stale_trials; or constant_liar=False with one worker.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check optuna==5.0.0; } || exit 2
cd "$dir"

bin/python -W ignore - <<'PY'
import optuna
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)
space = {"x": optuna.distributions.FloatDistribution(-10, 10)}


def near(dead, **options):
    """Of 40 seeds, how many next suggestions lie within 1 of the optimum x = 1."""
    count = 0
    for seed in range(40):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **options))
        for x in (-10 + 20 * (i + 0.5) / 30 for i in range(30)):
            study.add_trial(create_trial(params={"x": x}, distributions=space, value=(x - 1) ** 2))
        for i in range(dead):
            study.add_trial(
                create_trial(params={"x": 1 + 0.1 * i}, distributions=space, state=TrialState.RUNNING)
            )
        count += abs(study.ask().suggest_float("x", -10, 10) - 1) < 1
    return count


print("optuna", optuna.__version__)
counts = {dead: (near(dead), near(dead, constant_liar=False)) for dead in (0, 1, 3, 6)}
for dead, (default, off) in counts.items():
    print(f"{dead} dead trials: {default} of 40 suggestions near the optimum; with constant_liar=False {off}")
assert counts[0][0] == 40 and counts[3][0] < 20 and counts[6][0] < 10, "changed: dead trials do not repel"
assert all(off == 40 for _, off in counts.values()), "changed: they repel without constant_liar too"
PY
