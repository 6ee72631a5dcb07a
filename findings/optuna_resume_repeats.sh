#!/usr/bin/env bash
# A resumed Optuna study with a seeded sampler tries its first points again.
#
# Guess:  the study lives in the database with all its trials, so a resumed one goes on where it stopped; a
#         seed makes the whole search reproducible.
# Is:     the sampler's generator is not stored. Every process that opens the study with seed=0 draws the same
#         first points (TPE: as long as it has fewer than 10 results), and Optuna measures them again without
#         a word. Workers that start side by side with one seed do the same.
# Seen:   optuna 5.0.0, sqlite storage.
# Costs:  here 6 (TPE) and 8 (random) of 12 trainings are exact repeats; a preempted worker pays for the same
#         runs after each restart.
# Do:     a seed per process, such as a hash of the seed and len(study.trials), or ask before running whether
#         the parameters are known.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check optuna==5.0.0; } || exit 2
cd "$dir"

cat >worker.py <<'PY'
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def train(trial):
    return trial.suggest_float("lr", 1e-4, 1e-1, log=True) + trial.suggest_float("dropout", 0, 0.5)


sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[sys.argv[1]](seed=0)
study = optuna.create_study(
    storage=f"sqlite:///{sys.argv[1]}.db", study_name="s", load_if_exists=True, sampler=sampler
)
study.optimize(train, n_trials=4)
PY
bin/python -c 'import optuna; print("optuna", optuna.__version__)'
for sampler in tpe random; do
  for _ in 1 2 3; do bin/python worker.py $sampler; done
  bin/python - $sampler <<'PY'
import sys

import optuna

trials = optuna.load_study(study_name="s", storage=f"sqlite:///{sys.argv[1]}.db").trials
points = [tuple(trial.params.values()) for trial in trials]
repeats = len(points) - len(set(points))
for start in (0, 4, 8):
    print(
        f"{sys.argv[1]:6} process {start // 4 + 1}: lr", *(f"{lr:.5f}" for lr, _ in points[start : start + 4])
    )
print(f"{sys.argv[1]:6} {repeats} of {len(points)} trials are repeats")
assert points[4:8] == points[:4], "changed: a resumed study does not begin again"
assert repeats >= 6, "changed: fewer repeats"
PY
done
