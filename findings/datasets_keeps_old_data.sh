#!/usr/bin/env bash
# Hugging Face datasets gives yesterday's data after the file has changed, and the first vocabulary after a
# second.
#
# Guess:  Dataset.from_generator runs the generator; what it caches is remade when the file changes, as
#         from_text does. A map() whose function reads another file gives what that file says now.
# Is:     the cache is keyed by the function's code and arguments alone. A generator that is given a path, and
#         a map() function that opens one, are not run again: their old rows are served in later processes
#         too.
# Seen:   datasets 5.2.0.
# Costs:  a training on the text before it was cleaned, or tokenized with the tokenizer before the last, and a
#         result booked under the new one's name.
# Do:     make the content an argument (gen_kwargs={"path": p, "sha256": …}; fn_kwargs likewise), which joins
#         the key.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check datasets==5.2.0; } || exit 2
cd "$dir"
export HF_HOME=$dir/cache HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1

cat >rows.py <<'PY'
import hashlib
import pathlib

from datasets import Dataset


def lines(path, sha256=None):
    for line in open(path):
        yield {"text": line.strip()}


def encode(row):
    return {"ids": pathlib.Path("vocabulary").read_text().strip()}


digest = hashlib.sha256(pathlib.Path("corpus.txt").read_bytes()).hexdigest()
text = Dataset.from_text("corpus.txt")
print(
    "from_text:",
    text["text"][:],
    "from_generator:",
    Dataset.from_generator(lines, gen_kwargs={"path": "corpus.txt"})["text"][:],
    "with a digest:",
    Dataset.from_generator(lines, gen_kwargs={"path": "corpus.txt", "sha256": digest})["text"][:],
    "map:",
    Dataset.from_text("fixed.txt").map(encode)["ids"][:],
)
PY
bin/python -c 'import datasets; print("datasets", datasets.__version__)'
echo same >fixed.txt
for round in one two; do
  echo "text $round" >corpus.txt
  echo "vocabulary $round" >vocabulary
  bin/python rows.py | tee output
done
expected="from_text: ['text two'] from_generator: ['text one'] with a digest: ['text two']"
expected+=" map: ['vocabulary one']"
[ "$(cat output)" = "$expected" ] || { echo "changed: expected $expected"; exit 1; }
