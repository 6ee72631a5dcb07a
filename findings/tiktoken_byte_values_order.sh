#!/usr/bin/env bash
# tiktoken's token_byte_values() is not indexed by token id.
#
# Guess:  encoding.token_byte_values()[i] are the bytes of token i, so the table of lengths that bits per byte
#         needs is [len(b) for b in encoding.token_byte_values()].
# Is:     the list is sorted by the bytes, and special tokens are left out of it.
# Seen:   tiktoken 0.14.0.
# Costs:  each target counts with another token's length: bits per byte is off by a factor (here 2) that is
#         nearly the same for all runs, so that nobody notices until it is compared with another program's.
# Do:     encoding.decode_single_token_bytes(i) for i in range(encoding.n_vocab), with 0 for special tokens.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check tiktoken==0.14.0; } || exit 2
cd "$dir"

bin/python - <<'PY'
from importlib.metadata import version

import tiktoken

words = [b"th", b"the", b" th", b" the", b"in", b"ing", b"an", b"and", b" a", b" an", b" and", b"er", b"on"]
ranks = {bytes([i]): i for i in range(256)} | {word: 256 + i for i, word in enumerate(words)}
encoding = tiktoken.Encoding(
    "trial", pat_str=r" ?\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|bos|>": len(ranks)}
)
text = "the king and the singer and another thing on the land" * 10
ids = encoding.encode(text)
table = encoding.token_byte_values()
by_list = sum(len(table[i]) for i in ids)
by_id = sum(len(encoding.decode_single_token_bytes(i)) for i in ids)
print("tiktoken", version("tiktoken"))
print(
    f"token 259: decode_single_token_bytes {encoding.decode_single_token_bytes(259)}, in the list {table[259]}"
)
print(
    f"n_vocab {encoding.n_vocab}, entries in the list {len(table)}, sorted by bytes: {table == sorted(table)}"
)
print(f"bytes of the text {len(text.encode())}; by id {by_id}; by the list {by_list}")
assert table == sorted(table) and len(table) == encoding.n_vocab - 1, "changed: another order or length"
assert by_id == len(text.encode()) != by_list, "changed: the list is indexed by id"
PY
