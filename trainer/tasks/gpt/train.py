"""Train a GPT on one GPU until the budget is spent, then evaluate it once.

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
# The model. Round figures, not tuned ones.

DEPTH = 8  # blocks: about 50 M parameters with the embeddings
ASPECT_RATIO = 64  # width is DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = 128  # what attention kernels are fastest with
KV_GROUPS = 1  # query heads that share a key and a value head
MLP_RATIO = 4  # hidden width of the MLP over the model's, the customary four
ACTIVATION = "relu2"  # choices: relu2, gelu, silu
WINDOW_PATTERN = "L"  # by block, repeated; L sees everything, S the last SHORT_WINDOW; S pays for a mask, flash kernels take none
SHORT_WINDOW = 0.5  # share of MAX_SEQ_LEN
VALUE_EMBEDDINGS = True  # every second block mixes an embedding of the token into its values
ROPE_BASE = 10000.0  # slowest rotation, in positions: the customary value
QK_NORM = True  # keeps attention logits bounded however high the rates
SOFTCAP = 15.0  # logits are squashed into (-SOFTCAP, SOFTCAP); 0 is off
EMBEDDING_STD = 1.0  # of the initial embedding; the head starts at zero

# ---------------------------------------------------------------------------
# Its training

TOTAL_BATCH_SIZE = 2**18  # tokens a step; twice as many, half as often, are known to do worse at this size
DEVICE_BATCH_SIZE = 64  # rows at a time: 64 x 2048 tokens; halve it where memory runs out
MUON_LR = 0.02  # size of an orthogonal update: the matrices of the blocks
MUON_MOMENTUM = 0.95  # a memory of about 20 steps
EMBEDDING_LR = 0.3  # Adam's; high, as a row is touched only when its token comes up
HEAD_LR = 0.004  # Adam's; low, as every row is touched by every token
ADAM_BETA1 = 0.8  # memory of gradients
ADAM_BETA2 = 0.95  # and of their squares: short, as the run is
WEIGHT_DECAY = 0.0  # of the matrices, in units of the learning rate
WARMUP = 0.0  # share of the budget in which rates rise
WARMDOWN = 0.5  # share of the budget at its end in which they fall
FINAL_LR = 0.0  # share of them left at the very end
COMPILE = True  # on CUDA only; slow at the start, which is not charged
UNCHARGED_STEPS = 11  # compile and warm up; the judge's clock leaves them out too
PEAK_FLOPS = 989.5e12  # dense bf16 of an H100 or H200, for mfu_percent
SEED = 42  # the swarm offsets it
LOG_EVERY = 10  # steps between two lines of progress

# ---------------------------------------------------------------------------
# Layers

started = time.perf_counter()
torch.manual_seed(SEED)
torch.set_float32_matmul_precision("high")
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
on_cuda = device.type == "cuda"
tokenizer = Tokenizer.from_directory()
vocab_size = tokenizer.get_vocab_size()
heads = -(-DEPTH * ASPECT_RATIO // HEAD_DIM)
width = heads * HEAD_DIM
kv_heads = heads // KV_GROUPS


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos + right * sin, right * cos - left * sin), dim=-1)


def matrix(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.short = WINDOW_PATTERN[layer % len(WINDOW_PATTERN)] == "S"
        self.query, self.out = matrix(width, width), matrix(width, width)
        self.key, self.value = matrix(width, kv_heads * HEAD_DIM), matrix(width, kv_heads * HEAD_DIM)

    def forward(self, x, extra, cos, sin, near):
        B, T, C = x.shape
        q, k, v = (f(x).view(B, T, -1, HEAD_DIM).transpose(1, 2) for f in (self.query, self.key, self.value))
        if extra is not None:
            v = v + extra.view(B, T, -1, HEAD_DIM).transpose(1, 2).to(v.dtype)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if QK_NORM:
            q, k = norm(q), norm(k)
        q, k = q.to(v.dtype), k.to(v.dtype)  # rotation promotes to float32
        mask = near if self.short else None
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=KV_GROUPS > 1)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = matrix(width, MLP_RATIO * width), matrix(MLP_RATIO * width, width)
        self.activate = {"relu2": lambda h: F.relu(h).square(), "gelu": F.gelu, "silu": F.silu}[ACTIVATION]

    def forward(self, x):
        return self.down(self.activate(self.up(x)))


class Block(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.attention, self.mlp = Attention(layer), MLP()
        for name, weight in self.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.zeros_(weight)  # a block starts as the identity
            else:
                nn.init.normal_(weight, std=width**-0.5)  # keeps the variance of a normed input

    def forward(self, x, extra, cos, sin, near):
        x = x + self.attention(norm(x), extra, cos, sin, near)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        mixed = range(1, DEPTH, 2) if VALUE_EMBEDDINGS else ()
        self.values = nn.ModuleDict({str(layer): nn.Embedding(vocab_size, kv_heads * HEAD_DIM) for layer in mixed})
        self.blocks = nn.ModuleList(Block(layer) for layer in range(DEPTH))
        self.head = matrix(width, vocab_size)
        nn.init.zeros_(self.head.weight)
        angles = torch.arange(MAX_SEQ_LEN)[:, None] * ROPE_BASE ** -torch.linspace(0, 1, HEAD_DIM // 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        ago = torch.arange(MAX_SEQ_LEN)[:, None] - torch.arange(MAX_SEQ_LEN)
        self.register_buffer("near", (ago >= 0) & (ago < max(1, round(SHORT_WINDOW * MAX_SEQ_LEN))))

    def forward(self, x, y=None, reduction="mean"):
        T = x.size(1)
        with torch.autocast(device.type, torch.bfloat16, enabled=on_cuda):
            h = norm(self.embedding(x).to(torch.bfloat16 if on_cuda else torch.float32))
            for layer, block in enumerate(self.blocks):
                extra = self.values[str(layer)](x) if str(layer) in self.values else None
                h = block(h, extra, self.cos[:T], self.sin[:T], self.near[:T, :T])
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
    x = g.bfloat16() if on_cuda else g
    x = x.mT if g.size(-2) > g.size(-1) else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):  # the quintic of Keller Jordan's Muon: steep at zero, loose about 1
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    x = x.mT if g.size(-2) > g.size(-1) else x
    return x.to(g.dtype)


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
tables = [*model.embedding.parameters(), *model.values.parameters()]
adam = [{"params": tables, "lr": EMBEDDING_LR}, {"params": list(model.head.parameters()), "lr": HEAD_LR}]
optimizers = [Muon(model.blocks.parameters()), torch.optim.AdamW(adam, betas=(ADAM_BETA1, ADAM_BETA2), eps=1e-10, weight_decay=0.0, fused=on_cuda)]
groups = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
num_params = sum(p.numel() for p in model.parameters())
flops_per_token = 6 * (num_params - sum(p.numel() for p in tables)) + 12 * DEPTH * width * MAX_SEQ_LEN

# ---------------------------------------------------------------------------
# Training: rates follow the share of the budget that is spent


def rate(progress):
    if progress < WARMUP:
        return max(progress / WARMUP, 0.01)
    left = (1 - progress) / WARMDOWN if WARMDOWN else 1.0
    return FINAL_LR + (1 - FINAL_LR) * min(max(left, 0.0), 1.0)


accumulate, rest = divmod(TOTAL_BATCH_SIZE, DEVICE_BATCH_SIZE * MAX_SEQ_LEN)
if rest or not accumulate:
    raise ValueError(f"TOTAL_BATCH_SIZE is no multiple of {DEVICE_BATCH_SIZE} rows of {MAX_SEQ_LEN} tokens")
trained = torch.compile(model, dynamic=False) if COMPILE and on_cuda else model
loader = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
x, y, epoch = next(loader)
spent, step, began = 0.0, 0, time.perf_counter()
while spent < TIME_BUDGET:
    lrm = rate(spent / TIME_BUDGET)
    for group, peak in groups:
        group["lr"] = peak * lrm
    mean = 0.0
    for _ in range(accumulate):
        loss = trained(x, y) / accumulate
        mean += loss.detach()
        loss.backward()
        x, y, epoch = next(loader)  # while the device is busy
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    mean = float(mean)
    if not math.isfinite(mean):
        raise FloatingPointError(f"the loss of step {step} is {mean}")
    if on_cuda:
        torch.cuda.synchronize()
    now = time.perf_counter()
    dt, began = now - began, now  # without a gap between steps, or the judge's clock would run ahead of this one
    spent += dt if step >= UNCHARGED_STEPS else 0.0
    if step % LOG_EVERY == 0:
        done, pace = 100 * spent / TIME_BUDGET, TOTAL_BATCH_SIZE / max(dt, 1e-9)
        print(f"step {step:05d} ({done:5.1f}%) | loss: {mean:.6f} | lrm: {lrm:.2f} | dt: {1e3 * dt:.0f}ms | tok/sec: {pace:,.0f}", flush=True)
    step += 1

# ---------------------------------------------------------------------------
# The one number

model.eval()
val_bpb = evaluate_bpb(model, tokenizer, DEVICE_BATCH_SIZE)  # not compiled: another graph would cost more than it saves
charged_tokens = max(step - UNCHARGED_STEPS, 0) * TOTAL_BATCH_SIZE
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {spent:.1f}")
print(f"total_seconds:    {time.perf_counter() - started:.1f}")
print(f"peak_vram_mb:     {torch.cuda.max_memory_allocated() / 2**20 if on_cuda else 0.0:.1f}")
print(f"mfu_percent:      {100 * flops_per_token * charged_tokens / max(spent, 1e-9) / PEAK_FLOPS:.2f}")
print(f"total_tokens_M:   {step * TOTAL_BATCH_SIZE / 1e6:.1f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {num_params / 1e6:.1f}")
print(f"depth:            {DEPTH}")
