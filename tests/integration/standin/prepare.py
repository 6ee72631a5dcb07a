"""Stands in for the judge's ``prepare``: random tokens, a clock that counts batches, and an evaluation that
looks at the model instead of scoring it.

It prints one JSON line: what the surface's model answered, for the tests to judge.
"""

# ruff: noqa: ARG001, N803, T201 (the five names and their arguments are the contract)
import json
import sys
import time

import torch

MAX_SEQ_LEN = 16
TIME_BUDGET = 4.0
VOCABULARY = 48
_batches = 0
time.perf_counter = lambda: float(_batches)


class Tokenizer:
    @classmethod
    def from_directory(cls):
        return cls()

    def get_vocab_size(self):
        return VOCABULARY


def make_dataloader(tokenizer, B, T, split):
    global _batches
    assert split == "train"
    while True:
        _batches += 1
        rows = torch.randint(VOCABULARY, (B, T + 1))
        yield rows[:, :-1], rows[:, 1:], 1


@torch.no_grad()
def evaluate_bpb(model, tokenizer, batch_size):
    x, y = torch.randint(VOCABULARY, (2, 3, MAX_SEQ_LEN))
    logits, losses = model(x), model(x, y, reduction="none")
    later = x.clone()
    later[:, -1] = (x[:, -1] + 1) % VOCABULARY
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(
        3, -1
    )
    sight = {
        "logits": list(logits.shape),
        "losses": list(losses.shape),
        "finite": bool(logits.isfinite().all()),
        "trained": bool(logits.abs().max() > 0),
        "mean": float(model(x, y)) - float(losses.mean()),
        "agree": float((losses - expected).abs().max()),
        "leak": float((model(later)[:, :-1] - logits[:, :-1]).abs().max()),
        "restored": float((_restored(model)(x) - logits).abs().max()),
        "batches": _batches,
    }
    print(json.dumps(sight), file=sys.stderr)
    return 1.0


def _restored(model):
    fresh = type(model)()
    fresh.load_state_dict(model.state_dict())
    return fresh.eval()
