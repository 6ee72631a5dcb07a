"""A small GPT in the form of upstream's: one file, a fixed time, constants at its end. Usage: python train.py"""

import os

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import gc
import math
import sys
import time
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, evaluate_bpb, make_dataloader

# ---------------------------------------------------------------------------
# Model


@dataclass
class GPTConfig:
    sequence_len: int = 2048
    vocab_size: int = 32768
    n_layer: int = 12
    n_head: int = 6
    n_kv_head: int = 6
    n_embd: int = 768
    window_pattern: str = "SL"


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotary(x, cos, sin):
    half = x.shape[3] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos + b * sin, b * cos - a * sin], 3)


class SelfAttention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.n_head, self.n_kv_head = config.n_head, config.n_kv_head
        self.head_dim = config.n_embd // config.n_head
        self.short = config.window_pattern[layer % len(config.window_pattern)] == "S" and layer < config.n_layer - 1
        self.c_q = nn.Linear(config.n_embd, self.n_head * self.head_dim, bias=False)
        self.c_k = nn.Linear(config.n_embd, self.n_kv_head * self.head_dim, bias=False)
        self.c_v = nn.Linear(config.n_embd, self.n_kv_head * self.head_dim, bias=False)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.ve_gate = nn.Linear(8, self.n_kv_head, bias=False) if layer % 2 else None

    def forward(self, x, ve, cos_sin, near):
        B, T, _ = x.size()
        q = self.c_q(x).view(B, T, self.n_head, self.head_dim)
        k = self.c_k(x).view(B, T, self.n_kv_head, self.head_dim)
        v = self.c_v(x).view(B, T, self.n_kv_head, self.head_dim)
        if ve is not None:
            gate = 2 * torch.sigmoid(self.ve_gate(x[..., :8]))
            v = v + gate.unsqueeze(-1) * ve.view(B, T, self.n_kv_head, self.head_dim)
        q, k = norm(rotary(q, *cos_sin)), norm(rotary(k, *cos_sin))
        q, k, v = q.transpose(1, 2), k.transpose(1, 2).to(v.dtype), v.transpose(1, 2)
        q = q.to(v.dtype)
        if self.n_kv_head < self.n_head:
            k, v = (t.repeat_interleave(self.n_head // self.n_kv_head, 1) for t in (k, v))
        if self.short:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=near[:T, :T])
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=False)

    def forward(self, x):
        return self.c_proj(F.relu(self.c_fc(x)).square())


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.attn = SelfAttention(config, layer)
        self.mlp = MLP(config)

    def forward(self, x, ve, cos_sin, near):
        x = x + self.attn(norm(x), ve, cos_sin, near)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "h": nn.ModuleList([Block(config, layer) for layer in range(config.n_layer)]),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.resid_lambdas = nn.Parameter(torch.ones(config.n_layer))
        self.x0_lambdas = nn.Parameter(torch.zeros(config.n_layer))
        width = config.n_kv_head * (config.n_embd // config.n_head)
        self.value_embeds = nn.ModuleDict(
            {str(layer): nn.Embedding(config.vocab_size, width) for layer in range(1, config.n_layer, 2)}
        )
        cos, sin = self.turns(2 * config.sequence_len, config.n_embd // config.n_head)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        distance = torch.arange(config.sequence_len)[:, None] - torch.arange(config.sequence_len)
        near = (distance >= 0) & (distance < max(config.sequence_len // 2, 1))
        self.register_buffer("near", near, persistent=False)

    @torch.no_grad()
    def init_weights(self):
        nn.init.normal_(self.transformer.wte.weight, mean=0.0, std=1.0)
        nn.init.normal_(self.lm_head.weight, mean=0.0, std=0.001)
        s = 3**0.5 * self.config.n_embd**-0.5
        for block in self.transformer.h:
            for linear in (block.attn.c_q, block.attn.c_k, block.attn.c_v, block.mlp.c_fc):
                nn.init.uniform_(linear.weight, -s, s)
            nn.init.zeros_(block.attn.c_proj.weight)
            nn.init.zeros_(block.mlp.c_proj.weight)
            if block.attn.ve_gate is not None:
                nn.init.zeros_(block.attn.ve_gate.weight)
        for table in self.value_embeds.values():
            nn.init.uniform_(table.weight, -s, s)

    def turns(self, length, head_dim, base=10000):
        inverse = 1.0 / (base ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
        freqs = torch.outer(torch.arange(length, dtype=torch.float32), inverse)
        return freqs.cos()[None, :, None, :], freqs.sin()[None, :, None, :]

    def setup_optimizer(self, embedding_lr, unembedding_lr, matrix_lr, scalar_lr, weight_decay, betas):
        scale = (self.config.n_embd / 32) ** -0.5
        groups = [
            {"kind": "adamw", "params": list(self.lm_head.parameters()), "lr": unembedding_lr * scale},
            {"kind": "adamw", "params": list(self.transformer.wte.parameters()), "lr": embedding_lr * scale},
            {"kind": "adamw", "params": list(self.value_embeds.parameters()), "lr": embedding_lr * scale},
            {"kind": "adamw", "params": [self.resid_lambdas], "lr": scalar_lr * 0.01},
            {"kind": "adamw", "params": [self.x0_lambdas], "lr": scalar_lr},
        ]
        groups = [group | {"betas": betas, "weight_decay": 0.0} for group in groups if group["params"]]
        by_shape = {}
        for p in self.transformer.h.parameters():
            by_shape.setdefault(p.shape, []).append(p)
        groups += [
            {"kind": "muon", "params": ps, "lr": matrix_lr, "momentum": 0.95, "weight_decay": weight_decay}
            for ps in by_shape.values()
        ]
        optimizer = MuonAdamW(groups)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        return optimizer

    def forward(self, idx, targets=None, reduction="mean"):
        T = idx.size(1)
        cos_sin = self.cos[:, :T], self.sin[:, :T]
        x = x0 = norm(self.transformer.wte(idx))
        for i, block in enumerate(self.transformer.h):
            x = self.resid_lambdas[i] * x + self.x0_lambdas[i] * x0
            ve = self.value_embeds[str(i)](idx) if str(i) in self.value_embeds else None
            x = block(x, ve, cos_sin, self.near)
        softcap = 15
        logits = self.lm_head(norm(x)).float()
        logits = softcap * torch.tanh(logits / softcap)
        if targets is None:
            return logits
        loss = F.cross_entropy(
            logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1, reduction=reduction
        )
        return loss.view(targets.shape) if reduction == "none" else loss


# ---------------------------------------------------------------------------
# Optimizer


def orthogonalized(g, steps=5):
    x = g.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if tall else x).to(g.dtype)


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the matrices of the blocks, AdamW for the rest."""

    def __init__(self, groups):
        super().__init__(groups, defaults={})

    def _adamw(self, group):
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                state |= {"step": 0, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
            state["step"] += 1
            b1, b2 = group["betas"]
            state["exp_avg"].lerp_(p.grad, 1 - b1)
            state["exp_avg_sq"].lerp_(p.grad.square(), 1 - b2)
            root = (state["exp_avg_sq"] / (1 - b2 ** state["step"])).sqrt() + 1e-10
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(state["exp_avg"] / root, alpha=-group["lr"] / (1 - b1 ** state["step"]))

    def _muon(self, group):
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        state = self.state[params[0]]
        grads = torch.stack([p.grad for p in params])
        velocity = state.setdefault("velocity", torch.zeros_like(grads)).lerp_(grads, 1 - group["momentum"])
        update = orthogonalized(grads.lerp(velocity, group["momentum"]))
        rate = group["lr"] * max(1.0, grads.size(-2) / grads.size(-1)) ** 0.5
        for p, u in zip(params, update):
            p.mul_(1 - rate * group["weight_decay"]).sub_(u, alpha=rate)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (self._adamw if group["kind"] == "adamw" else self._muon)(group)


# ---------------------------------------------------------------------------
# Hyperparameters: edit these, there are no flags

ASPECT_RATIO = 16
HEAD_DIM = 16
WINDOW_PATTERN = "SL"
KV_GROUPS = 1

TOTAL_BATCH_SIZE = 256  # tokens a step
EMBEDDING_LR = 0.1
UNEMBEDDING_LR = 0.01
MATRIX_LR = 0.02
SCALAR_LR = 0.2
WEIGHT_DECAY = 0.1
ADAM_BETAS = (0.8, 0.95)
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.5
FINAL_LR_FRAC = 0.0

DEPTH = 2
DEVICE_BATCH_SIZE = 16
BACKEND = "aot_eager"

# ---------------------------------------------------------------------------
# Setup

t_start = time.time()
torch.manual_seed(42)
if torch.cuda.is_available():
    torch.cuda.manual_seed(42)
torch.set_float32_matmul_precision("high")
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
autocast_ctx = torch.amp.autocast(device_type=device.type, dtype=torch.bfloat16)

tokenizer = Tokenizer.from_directory()
vocab_size = tokenizer.get_vocab_size()
print(f"Vocab size: {vocab_size:,}")


def build_model_config(depth):
    n_embd = -(-depth * ASPECT_RATIO // HEAD_DIM) * HEAD_DIM
    heads = n_embd // HEAD_DIM
    return GPTConfig(MAX_SEQ_LEN, vocab_size, depth, heads, heads // KV_GROUPS, n_embd, WINDOW_PATTERN)


config = build_model_config(DEPTH)
print(f"Model config: {asdict(config)}")

model = GPT(config).to(device)
model.init_weights()
num_params = sum(p.numel() for p in model.parameters())

tokens_per_fwdbwd = DEVICE_BATCH_SIZE * MAX_SEQ_LEN
assert TOTAL_BATCH_SIZE % tokens_per_fwdbwd == 0
grad_accum_steps = TOTAL_BATCH_SIZE // tokens_per_fwdbwd

optimizer = model.setup_optimizer(EMBEDDING_LR, UNEMBEDDING_LR, MATRIX_LR, SCALAR_LR, WEIGHT_DECAY, ADAM_BETAS)
model = torch.compile(model, dynamic=False, backend=BACKEND)

train_loader = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")
x, y, epoch = next(train_loader)
print(f"Time budget: {TIME_BUDGET}s")

# Schedules, by progress = training time / TIME_BUDGET


def get_lr_multiplier(progress):
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress < 1.0 - WARMDOWN_RATIO:
        return 1.0
    cooldown = (1.0 - progress) / WARMDOWN_RATIO
    return cooldown + (1 - cooldown) * FINAL_LR_FRAC


def get_muon_momentum(step):
    share = min(step / 300, 1)
    return (1 - share) * 0.85 + share * 0.95


def get_weight_decay(progress):
    return WEIGHT_DECAY * (1 - progress)


# ---------------------------------------------------------------------------
# Training loop

smooth_train_loss = 0
total_training_time = 0
step = 0
while True:
    if device.type == "cuda":
        torch.cuda.synchronize()
    t0 = time.time()
    for _ in range(grad_accum_steps):
        with autocast_ctx:
            loss = model(x, y)
        train_loss = loss.detach()
        (loss / grad_accum_steps).backward()
        x, y, epoch = next(train_loader)

    progress = min(total_training_time / TIME_BUDGET, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * get_lr_multiplier(progress)
        if group["kind"] == "muon":
            group["momentum"] = get_muon_momentum(step)
            group["weight_decay"] = get_weight_decay(progress)
    optimizer.step()
    model.zero_grad(set_to_none=True)

    train_loss_f = train_loss.item()
    if math.isnan(train_loss_f) or train_loss_f > 100:
        print("FAIL")
        sys.exit(1)

    if device.type == "cuda":
        torch.cuda.synchronize()
    dt = time.time() - t0
    if step > 10:
        total_training_time += dt

    smooth_train_loss = 0.9 * smooth_train_loss + 0.1 * train_loss_f
    shown = smooth_train_loss / (1 - 0.9 ** (step + 1))
    left = max(0, TIME_BUDGET - total_training_time)
    print(f"\rstep {step:05d} ({100 * progress:.1f}%) | loss: {shown:.6f} | dt: {dt * 1000:.0f}ms | epoch: {epoch} | remaining: {left:.0f}s    ", end="", flush=True)

    if step == 0:
        gc.collect()
        gc.freeze()
        gc.disable()
    elif (step + 1) % 5000 == 0:
        gc.collect()
    step += 1
    if step > 10 and total_training_time >= TIME_BUDGET:
        break

print()
total_tokens = step * TOTAL_BATCH_SIZE

model.eval()
with autocast_ctx:
    val_bpb = evaluate_bpb(model, tokenizer, DEVICE_BATCH_SIZE)

t_end = time.time()
peak_vram_mb = torch.cuda.max_memory_allocated() / 1024 / 1024 if device.type == "cuda" else 0.0
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {total_training_time:.1f}")
print(f"total_seconds:    {t_end - t_start:.1f}")
print(f"peak_vram_mb:     {peak_vram_mb:.1f}")
print("mfu_percent:      0.00")
print(f"total_tokens_M:   {total_tokens / 1e6:.1f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {num_params / 1e6:.1f}")
print(f"depth:            {DEPTH}")
