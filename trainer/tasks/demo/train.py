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
# Model

DEPTH = 4  # blocks; a usual small shape, not a tuned one
WIDTH = 64  # residual stream; a multiple of 2 * HEADS
HEADS = 2  # 32 dimensions each
MLP_RATIO = 4  # hidden width of the MLP over WIDTH
ACTIVATION = "relu2"  # choices: relu2, gelu, swiglu, linear
POSITIONS = "rope"  # choices: rope, learned, none
ROPE_BASE = 10000.0  # slowest rotation, in positions: the customary value
NORM_QK = True  # normalise queries and keys: keeps attention logits bounded at high rates
SOFTCAP = 15.0  # logits are squashed into (-SOFTCAP, SOFTCAP); 0 is off
TIE_HEAD = False  # one matrix for embedding and head
INIT_STD = 0.02  # embedding and, if untied, nothing else: the head starts at zero

# ---------------------------------------------------------------------------
# Optimisation

BATCH_SIZE = 16  # rows a step: 1024 tokens
OPTIMIZER = "muon"  # choices: muon, adamw; for the matrices of the blocks
MUON_LR = 0.02  # per step, of an orthogonalised update
MUON_MOMENTUM = 0.95  # about 20 steps of memory
ADAM_LR = 0.003  # embedding and head, and the matrices under adamw
BETA1 = 0.9  # Adam's memory of gradients
BETA2 = 0.95  # and of their squares: short, for a short run
WEIGHT_DECAY = 0.0  # decoupled, times the learning rate
GRAD_CLIP = 1.0  # norm of all gradients together; 0 is off
WARMUP = 0.0  # share of the budget in which rates rise
WARMDOWN = 0.5  # share of the budget at its end in which rates fall
FINAL_LR = 0.0  # share of the rates left at the very end

# ---------------------------------------------------------------------------
# The rest

EVAL_BATCH_SIZE = 64  # rows at a time; no influence on the score
LOG_EVERY = 10  # steps between two lines of progress
SEED = 42  # the swarm offsets it

started = time.perf_counter()
torch.manual_seed(SEED)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
tokenizer = Tokenizer.from_directory()
vocab_size = tokenizer.get_vocab_size()

# ---------------------------------------------------------------------------
# Layers


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos + right * sin, right * cos - left * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH, bias=False)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x, cos, sin):
        B, T, C = x.shape
        q, k, v = (f(x).view(B, T, HEADS, C // HEADS).transpose(1, 2) for f in (self.query, self.key, self.value))
        if POSITIONS == "rope":
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if NORM_QK:
            q, k = norm(q), norm(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = MLP_RATIO * WIDTH
        if ACTIVATION == "swiglu":
            hidden = 2 * hidden // 3  # three matrices instead of two: the same number of parameters
            self.gate = nn.Linear(WIDTH, hidden, bias=False)
        self.up = nn.Linear(WIDTH, hidden, bias=False)
        self.down = nn.Linear(hidden, WIDTH, bias=False)

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
        self.attention = Attention()
        self.mlp = MLP()

    def forward(self, x, cos, sin):
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        if POSITIONS == "learned":
            self.positions = nn.Embedding(MAX_SEQ_LEN, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, vocab_size, bias=False)
        self.initialise()
        turns = ROPE_BASE ** -torch.linspace(0, 1, WIDTH // HEADS // 2)
        angles = torch.arange(MAX_SEQ_LEN)[:, None] * turns
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def initialise(self):
        bound = (3 / WIDTH) ** 0.5  # uniform with a standard deviation of 1 / sqrt(WIDTH)
        for block in self.blocks:
            for name, weight in block.named_parameters():
                if name.endswith(("out.weight", "down.weight")):
                    nn.init.zeros_(weight)  # every block starts as the identity
                else:
                    nn.init.uniform_(weight, -bound, bound)
        for module in self.children():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=INIT_STD)
        nn.init.zeros_(self.head.weight)
        if TIE_HEAD:
            self.head.weight = self.embedding.weight

    def forward(self, x, y=None, reduction="mean"):
        T = x.size(1)
        h = self.embedding(x)
        if POSITIONS == "learned":
            h = h + self.positions.weight[:T]
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


def orthogonal(g, steps=5):
    """The nearest orthogonal matrices to a stack [N, R, C], roughly: singular values end between 0.7 and 1.2."""
    tall = g.size(-2) > g.size(-1)
    x = g.mT if tall else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):  # a quintic iteration with coefficients chosen for speed near zero
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal. One group holds matrices of one shape, done together."""

    def __init__(self, matrices):
        shapes = {}
        for matrix in matrices:
            shapes.setdefault(matrix.shape, []).append(matrix)
        super().__init__([{"params": group} for group in shapes.values()], {"lr": MUON_LR})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = group["params"]
            grads = torch.stack([p.grad for p in params])
            state = self.state[params[0]]
            velocity = state.setdefault("velocity", torch.zeros_like(grads))
            velocity.lerp_(grads, 1 - MUON_MOMENTUM)
            update = orthogonal(grads.lerp(velocity, MUON_MOMENTUM))
            update *= max(1, grads.size(-2) / grads.size(-1)) ** 0.5
            for p, u in zip(params, update):
                p.mul_(1 - group["lr"] * WEIGHT_DECAY).sub_(u, alpha=group["lr"])


model = GPT().to(device)
matrices = list(model.blocks.parameters())
others = [p for p in model.parameters() if not any(p is m for m in matrices)]
if OPTIMIZER == "muon":
    optimizers = [Muon(matrices), torch.optim.AdamW(others, ADAM_LR, (BETA1, BETA2), weight_decay=WEIGHT_DECAY)]
elif OPTIMIZER == "adamw":
    optimizers = [torch.optim.AdamW(matrices + others, ADAM_LR, (BETA1, BETA2), weight_decay=WEIGHT_DECAY)]
else:
    raise ValueError(f"OPTIMIZER = {OPTIMIZER!r}")
groups = [group for optimizer in optimizers for group in optimizer.param_groups]
peaks = [group["lr"] for group in groups]

# ---------------------------------------------------------------------------
# Training: rates follow the share of the budget that is spent


def rate(progress):
    if progress < WARMUP:
        return max(progress / WARMUP, 0.01)
    left = max(1 - progress, 0) / WARMDOWN if WARMDOWN else 1
    return FINAL_LR + (1 - FINAL_LR) * min(left, 1)


loader = make_dataloader(tokenizer, BATCH_SIZE, MAX_SEQ_LEN, "train")
x, y, epoch = next(loader)
spent, step = 0.0, 0
while spent < TIME_BUDGET:
    began = time.perf_counter()
    lrm = rate(spent / TIME_BUDGET)
    for group, peak in zip(groups, peaks):
        group["lr"] = peak * lrm
    loss = model(x, y)
    loss.backward()
    if GRAD_CLIP:
        nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad(set_to_none=True)
    loss = loss.item()  # waits for the device
    if not math.isfinite(loss):
        raise FloatingPointError(f"loss is {loss} at step {step}")
    x, y, epoch = next(loader)
    dt = time.perf_counter() - began
    spent += dt
    if step % LOG_EVERY == 0:
        done = 100 * spent / TIME_BUDGET
        pace = BATCH_SIZE * MAX_SEQ_LEN / max(dt, 1e-9)
        print(f"step {step:05d} ({done:5.1f}%) | loss: {loss:.6f} | lrm: {lrm:.2f} | dt: {1e3 * dt:.0f}ms | tok/sec: {pace:,.0f} | epoch: {epoch}", flush=True)
    step += 1

# ---------------------------------------------------------------------------
# The one number

model.eval()
val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)
num_params = sum(p.numel() for p in model.parameters())
peak_vram = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {spent:.1f}")
print(f"total_seconds:    {time.perf_counter() - started:.1f}")
print(f"peak_vram_mb:     {peak_vram / 2**20:.1f}")
print("mfu_percent:      0.0")  # no peak to compare with on a CPU
print(f"total_tokens_M:   {step * BATCH_SIZE * MAX_SEQ_LEN / 1e6:.3f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {num_params / 1e6:.3f}")
print(f"depth:            {DEPTH}")
