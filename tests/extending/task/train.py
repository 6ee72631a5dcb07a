"""A real surface of a few thousand parameters."""

import importlib
import sys
import time
import types

import torch
import torch.nn as nn
import torch.nn.functional as F
from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader


class Later(types.ModuleType):
    """In the place of torch's compiler until something is compiled. Every optimizer imports it to say that it is not to be
    compiled, which takes a second in each of a run's two processes.
    """

    disable = staticmethod(lambda function, *_, **__: function)
    graph_break = staticmethod(lambda: None)

    def __getattr__(self, name):
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


sys.modules["torch._dynamo"] = Later("torch._dynamo")

WIDTH = 16
BATCH_SIZE = 8
ACCUMULATE = 1  # fixed: batches a step
LR = 0.02
SEED = 42  # fixed

torch.manual_seed(SEED)
tokenizer = Tokenizer.from_directory()
vocab_size = tokenizer.get_vocab_size()


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, x, y=None, reduction="mean"):
        h = self.embedding(x)
        q, k, v = self.qkv(h)[:, None].chunk(3, dim=-1)
        logits = self.head(h + F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0])
        if y is None:
            return logits
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)
        return loss.view(y.shape) if reduction == "none" else loss


model = Tiny()
optimizer = torch.optim.AdamW(model.parameters(), LR)
loader = make_dataloader(tokenizer, BATCH_SIZE, MAX_SEQ_LEN, "train")
began, steps = time.time(), 0
while (elapsed := time.time() - began) < TIME_BUDGET:
    optimizer.param_groups[0]["lr"] = LR * (1 - elapsed / TIME_BUDGET)
    for _ in range(ACCUMULATE):
        x, y, epoch = next(loader)
        loss = model(x, y) / ACCUMULATE
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    steps += 1

val_bpb = evaluate_bpb(model, tokenizer, 5)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {time.time() - began:.6f}")
print(f"num_steps:        {steps}")
