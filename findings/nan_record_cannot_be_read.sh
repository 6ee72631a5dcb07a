#!/usr/bin/env bash
# msgspec and pydantic write the record of a diverged training, and cannot read it back.
#
# Guess:  what encode() accepts for a type, decode() of that type accepts; a loss of NaN or inf comes back, or raises when
#         it is written.
# Is:     both write `null` for NaN and inf without a word. Reading raises: a float is not null. Where the field may be
#         None, it comes back as None: "diverged" has become "not measured". Only msgspec's msgpack keeps it.
# Seen:   msgspec 0.22.0, pydantic 2.14.4.
# Costs:  one run whose loss blew up makes a journal that no process can open again, found at the restart.
# Do:     check isfinite before a record is made, and give divergence a field of its own.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" && "$dir/bin/pip" install -q --no-compile --disable-pip-version-check \
  msgspec==0.22.0 pydantic==2.14.4; } || exit 2
cd "$dir"

bin/python - <<'PY'
import math

import msgspec
import pydantic


class Run(msgspec.Struct):
    loss: float
    best: float | None = None


class RunModel(pydantic.BaseModel):
    loss: float
    best: float | None = None


def read(decode, text):
    try:
        return decode(text)
    except ValueError as error:  # both libraries' ValidationError is one
        return f"{type(error).__name__}"


print("msgspec", msgspec.__version__, "pydantic", pydantic.VERSION)
libraries = {
    "msgspec json": (Run, msgspec.json.encode, lambda text: msgspec.json.decode(text, type=Run)),
    "pydantic json": (RunModel, lambda run: run.model_dump_json().encode(), RunModel.model_validate_json),
}
for name, (kind, encode, decode) in libraries.items():
    for value in (math.nan, math.inf):
        text, optional = encode(kind(loss=value)), encode(kind(loss=1.0, best=value))
        print(f"{name}: loss={value} is written as {text}, read as {read(decode, text)}; "
              f"best={value} is read as {read(decode, optional)}")
        assert b'"loss":null' in text and read(decode, text) == "ValidationError", "changed: loss"
        assert decode(optional).best is None, "changed: best"
kept = msgspec.msgpack.decode(msgspec.msgpack.encode(Run(math.nan)), type=Run)
print("msgspec msgpack: read as", kept)
assert math.isnan(kept.loss), "changed: msgpack"
PY
