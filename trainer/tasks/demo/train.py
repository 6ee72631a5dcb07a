"""Train a small causal transformer on the demo language until the budget is spent, then evaluate it once.

This file is what a swarm changes. Everything in it is fair game as long as
  - it stays one file that imports only torch, the standard library and `prepare`;
  - the model exists before the first batch is asked for, and its state_dict holds all it needs;
  - model(x) returns logits [B, T, V] and model(x, y, reduction="none") the loss of each token [B, T];
  - it ends with one call of evaluate_bpb.
"""

import math
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

# ---------------------------------------------------------------------------
# The model. Round figures throughout: nothing here is tuned.

DEPTH = 4  # blocks
WIDTH = 64  # residual stream; WIDTH / HEADS must be even
HEADS = 2  # 32 dimensions each
MLP_RATIO = 4  # hidden width of the MLP over WIDTH, the customary four
ACTIVATION = "relu2"  # choices: relu2, gelu, swiglu, linear
POSITIONS = "rope"  # choices: rope, learned, none
ROPE_BASE = 10000.0  # slowest rotation, in positions: the customary value
QK_NORM = True  # keeps attention logits bounded however high the rates
SOFTCAP = 15.0  # logits are squashed into (-SOFTCAP, SOFTCAP); 0 is off
EMBEDDING_STD = 0.02  # of the initial embedding; the head starts at zero

# ---------------------------------------------------------------------------
# Its training

BATCH_SIZE = 16  # rows a step: 1024 tokens
OPTIMIZER = "muon"  # choices: muon, adamw; for the matrices of the blocks
MUON_LR = 0.02  # size of an orthogonal update
MUON_MOMENTUM = 0.95  # a memory of about 20 steps
ADAM_LR = 0.003  # embedding and head; under adamw the matrices too
BETA1 = 0.9  # Adam's memory of gradients
BETA2 = 0.95  # and of their squares: short, as the run is
WEIGHT_DECAY = 0.0  # decoupled, in units of the learning rate
WARMUP = 0.0  # share of the budget in which rates rise
WARMDOWN = 0.5  # share of the budget at its end in which they fall
FINAL_LR = 0.0  # share of them left at the very end
SEED = 42  # fixed: the swarm offsets it
EVAL_BATCH_SIZE = 64  # fixed: rows at a time; no influence on the score
LOG_EVERY = 10  # fixed: steps between two lines of progress

# ---------------------------------------------------------------------------
# Layers

started = time.perf_counter()
torch.manual_seed(SEED)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
tokenizer = Tokenizer.from_directory()
vocab_size = tokenizer.get_vocab_size()


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos + right * sin, right * cos - left * sin), dim=-1)


def matrix(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (matrix(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x, cos, sin):
        B, T, C = x.shape
        q, k, v = (f(x).view(B, T, HEADS, C // HEADS).transpose(1, 2) for f in (self.query, self.key, self.value))
        if POSITIONS == "rope":
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if QK_NORM:
            q, k = norm(q), norm(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = MLP_RATIO * WIDTH
        if ACTIVATION == "swiglu":
            hidden = 2 * hidden // 3  # three matrices in place of two: the same number of parameters
            self.gate = matrix(WIDTH, hidden)
        self.up, self.down = matrix(WIDTH, hidden), matrix(hidden, WIDTH)

    def forward(self, x):
        h = self.up(x)
        if ACTIVATION == "relu2":
            h = F.relu(h).square()
        elif ACTIVATION == "gelu":
            h = F.gelu(h)
        elif ACTIVATION == "swiglu":
            h = F.silu(self.gate(x)) * h
        elif ACTIVATION != "linear":
            raise ValueError(f"ACTIVATION = {ACTIVATION!r}")
        return self.down(h)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.mlp = Attention(), MLP()
        for name, weight in self.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.zeros_(weight)  # a block starts as the identity
            else:
                nn.init.normal_(weight, std=WIDTH**-0.5)  # keeps the variance of a normed input

    def forward(self, x, cos, sin):
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        if POSITIONS == "learned":
            self.positions = nn.Parameter(EMBEDDING_STD * torch.randn(MAX_SEQ_LEN, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = matrix(WIDTH, vocab_size)
        nn.init.zeros_(self.head.weight)
        turns = ROPE_BASE ** -torch.linspace(0, 1, WIDTH // HEADS // 2)
        angles = torch.arange(MAX_SEQ_LEN)[:, None] * turns
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, x, y=None, reduction="mean"):
        T = x.size(1)
        h = self.embedding(x)
        if POSITIONS == "learned":
            h = h + self.positions[:T]
        h = norm(h)
        for block in self.blocks:
            h = block(h, self.cos[:T], self.sin[:T])
        logits = self.head(norm(h)).float()
        if SOFTCAP:
            logits = SOFTCAP * torch.tanh(logits / SOFTCAP)
        if y is None:
            return logits
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)
        return loss.view(y.shape) if reduction == "none" else loss


# ---------------------------------------------------------------------------
# Optimisers


def orthogonal(g):
    """Stack [N, R, C] of matrices, their singular values brought near 1 by Newton-Schulz steps."""
    x = g.mT if g.size(-2) > g.size(-1) else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):  # the quintic of Keller Jordan's Muon: steep at zero, loose about 1
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if g.size(-2) > g.size(-1) else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal. Matrices of one shape form a group and are done at once."""

    def __init__(self, params):
        shapes = {}
        for p in params:
            shapes.setdefault(p.shape, []).append(p)
        super().__init__([{"params": group, "velocity": 0.0} for group in shapes.values()], {"lr": MUON_LR})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            grads = torch.stack([p.grad for p in group["params"]])
            group["velocity"] = velocity = MUON_MOMENTUM * group["velocity"] + (1 - MUON_MOMENTUM) * grads
            updates = orthogonal(torch.lerp(grads, velocity, MUON_MOMENTUM))
            updates *= max(1, grads.size(-2) / grads.size(-1)) ** 0.5
            for p, update in zip(group["params"], updates):
                p.mul_(1 - group["lr"] * WEIGHT_DECAY).sub_(update, alpha=group["lr"])


model = GPT().to(device)
matrices = list(model.blocks.parameters())
others = [p for name, p in model.named_parameters() if not name.startswith("blocks.")]
use_muon = {"muon": True, "adamw": False}[OPTIMIZER]
adam = torch.optim.AdamW(others if use_muon else others + matrices, ADAM_LR, (BETA1, BETA2), weight_decay=WEIGHT_DECAY)
optimizers = [Muon(matrices), adam] if use_muon else [adam]
groups = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]

# ---------------------------------------------------------------------------
# Training: rates follow the share of the budget that is spent


def rate(progress):
    if progress < WARMUP:
        return max(progress / WARMUP, 0.01)
    left = (1 - progress) / WARMDOWN if WARMDOWN else 1.0
    return FINAL_LR + (1 - FINAL_LR) * min(max(left, 0.0), 1.0)


loader = make_dataloader(tokenizer, BATCH_SIZE, MAX_SEQ_LEN, "train")
x, y, epoch = next(loader)
spent, step, began = 0.0, 0, time.perf_counter()
while spent < TIME_BUDGET:
    lrm = rate(spent / TIME_BUDGET)
    for group, peak in groups:
        group["lr"] = peak * lrm
    loss = model(x, y)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    loss = loss.item()  # waits for the device
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss of step {step} is {loss}")
    x, y, epoch = next(loader)
    now = time.perf_counter()
    dt, began = now - began, now  # without a gap between steps, or the judge's clock would run ahead of this one
    spent += dt
    if step % LOG_EVERY == 0:
        share, pace = 100 * spent / TIME_BUDGET, BATCH_SIZE * MAX_SEQ_LEN / max(dt, 1e-9)
        print(f"step {step:05d} ({share:5.1f}%) | loss: {loss:.6f} | lrm: {lrm:.2f} | dt: {1e3 * dt:.0f}ms | tok/sec: {pace:,.0f}", flush=True)
    step += 1

# ---------------------------------------------------------------------------
# The one number

model.eval()
val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {spent:.1f}")
print(f"total_seconds:    {time.perf_counter() - started:.1f}")
print(f"peak_vram_mb:     {torch.cuda.max_memory_allocated() / 2**20 if device.type == 'cuda' else 0.0:.1f}")
print("mfu_percent:      0.0")  # not counted: the model is far too small to fill a device
print(f"total_tokens_M:   {step * BATCH_SIZE * MAX_SEQ_LEN / 1e6:.3f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {sum(p.numel() for p in model.parameters()) / 1e6:.3f}")
print(f"depth:            {DEPTH}")
