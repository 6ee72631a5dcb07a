#!/usr/bin/env bash
# torch's FLOP counter gives attention, LSTMs and whole encoder layers away for nothing on a CPU.
#
# Guess:  FlopCounterMode counts every matrix product, scaled_dot_product_attention by its formula, on any
#         device; the same layer counts the same in eval().
# Is:     on a CPU the fused kernels have no formula and count 0: attention forward and backward, LSTM, matrix
#         times vector; and TransformerEncoderLayer as a whole in eval() without gradients, where it takes its
#         fast path. The same attention written out, and a GRU, are counted. Nothing warns.
# Seen:   torch 2.13.0 on a CPU.
# Costs:  a budget in FLOP is longer for whoever fuses: the search finds "better" models that only train
#         longer.
# Do:     entries of your own for these operators (custom_mapping=…), and a floor under a run's price by its
#         CPU time.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check torch==2.13.0 numpy==2.4.6; } || exit 2
cd "$dir"

CUDA_VISIBLE_DEVICES="" bin/python -W ignore - <<'PY'
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

x = torch.randn(4, 64, 256)
q = torch.randn(4, 4, 64, 64, requires_grad=True)
matrix = torch.randn(256, 256)


def flops(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def evaluated(layer):
    with torch.no_grad():
        layer.eval()(x)


def layer():
    return nn.TransformerEncoderLayer(256, 4, batch_first=True)


print("torch", torch.__version__)
counted = {
    "attention written out, forward and backward": flops(
        lambda: (torch.softmax(q @ q.mT / 8, -1) @ q).sum().backward()
    ),
    "GRU": flops(lambda: nn.GRU(256, 256, batch_first=True)(x)),
    "matrix times matrix": flops(lambda: matrix @ matrix),
    "TransformerEncoderLayer, train()": flops(lambda: layer()(x)),
}
free = {
    "attention fused, forward and backward": flops(
        lambda: scaled_dot_product_attention(q, q, q).sum().backward()
    ),
    "LSTM": flops(lambda: nn.LSTM(256, 256, batch_first=True)(x)),
    "matrix times vector": flops(lambda: matrix @ matrix[0]),
    "TransformerEncoderLayer, eval()": flops(lambda: evaluated(layer())),
}
for name, count in (counted | free).items():
    print(f"{name:45} {count:>12,} FLOP")
assert all(count > 0 for count in counted.values()), "changed: less is counted"
assert not any(free.values()), "changed: more is counted"
PY
