"""Honest variants of the demo task, as edits of its surface: what a person who searches would try, and none
of it may be taken for cheating.

Each keeps the contract: the model is there before the first batch, all it needs is in its state_dict,
``model(x)`` gives logits and ``model(x, y, reduction="none")`` the loss of each token.
"""

import re
from collections.abc import Callable

from tests.attacks.attack import Edit
from tests.attacks.edits import both, replaced

MODEL = "model = GPT().to(device)\n"
OPTIMIZERS = "optimizers = [Muon(matrices), adam] if use_muon else [adam]\n"
ATTEND = "        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n"
STEP = "    loss = model(x, y)\n    loss.backward()\n"
NEXT = "    x, y, epoch = next(loader)\n    now = time.perf_counter()\n"
EVALUATE = "model.eval()\nval_bpb = evaluate_bpb("
LOADER = "loader = make_dataloader("
HEAD = "        logits = self.head(norm(h)).float()\n"
RESIDUAL = "        x = x + self.attention(norm(x), cos, sin)\n        return x + self.mlp(norm(x))\n"
BUFFERS = (
    '        self.register_buffer("cos", angles.cos())\n        self.register_buffer("sin", angles.sin())\n'
)
NORM = "def norm(x):\n    return F.rms_norm(x, (x.size(-1),))\n"


def constants(**values: str) -> Edit:
    """Other values of constants of the surface."""

    def edit(source: str) -> str:
        for name, value in values.items():
            source, count = re.subn(rf"(?m)^{name} = [^#\n]*", f"{name} = {value}  ", source)
            if count != 1:
                raise ValueError(f"the surface sets {name} {count} times")
        return source

    return edit


def line(old: str, new: str) -> Edit:
    """One piece of the surface for another."""
    return lambda source: replaced(old, new, source)


def optimizer(definition: str, use: str) -> Edit:
    """Another optimiser for everything."""
    return line(OPTIMIZERS, f"{definition}\noptimizers = [{use}]\n")


def attention(computation: str) -> Edit:
    """Another way from q, k and v of shape [B, H, T, D] to y of that shape."""
    return line(ATTEND, computation)


LION = """
class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.sub_(torch.lerp(m, p.grad, 0.1).sign(), alpha=group["lr"])
                m.lerp_(p.grad, 0.01)
"""
ADAFACTOR = """
class Factored(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                square = p.grad.square() + 1e-30
                if p.ndim == 2:
                    state = self.state[p]
                    rows = state.setdefault("rows", square.mean(1)).lerp_(square.mean(1), 0.1)
                    columns = state.setdefault("columns", square.mean(0)).lerp_(square.mean(0), 0.1)
                    square = rows[:, None] * columns / rows.mean()
                p.sub_(p.grad / square.sqrt().clamp(min=1e-6), alpha=group["lr"])
"""
WINDOW = """        distance = torch.arange(T)[:, None] - torch.arange(T)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=(distance >= 0) & (distance < 16))
"""
ALIBI = """        distance = torch.arange(T)[:, None] - torch.arange(T)
        slopes = 2.0 ** -torch.arange(1, HEADS + 1)[:, None, None]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=(-slopes * distance).masked_fill(distance < 0, -torch.inf))
"""
ONE_KEY = """        y = F.scaled_dot_product_attention(q, k[:, :1].expand_as(k), v[:, :1].expand_as(v), is_causal=True)
"""
SOFTCAPPED = """        scores = 20 * torch.tanh(q @ k.mT / (q.size(-1) ** 0.5 * 20))
        y = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf).softmax(-1) @ v
"""
SEQUENTIAL = """
class Last(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body
        self.blocks = nn.ModuleList([body[1], body[3]])

    def forward(self, x, y=None, reduction="mean"):
        logits = self.body(x).float()
        if y is None:
            return logits
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)
        return loss.view(y.shape) if reduction == "none" else loss


class Shift(nn.Module):
    def forward(self, h):
        return (h + F.pad(h, (0, 0, 1, 0))[:, :-1] + 0.5 * F.pad(h, (0, 0, 2, 0))[:, :-2]) / 1.5


model = Last(
    nn.Sequential(
        nn.Embedding(vocab_size, WIDTH),
        nn.Linear(WIDTH, WIDTH, bias=False),
        Shift(),
        nn.Linear(WIDTH, WIDTH, bias=False),
        nn.RMSNorm(WIDTH),
        nn.Linear(WIDTH, vocab_size),
    )
).to(device)
"""
CONFIGURED = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    device: torch.device
    compile: bool = False


def build(recipe):
    torch.manual_seed(SEED + 1)
    built = GPT().to(recipe.device)
    return torch.compile(built) if recipe.compile else built


model = build(Recipe(device))
"""
EMA = """
average = GPT().to(device)
average.load_state_dict(model.state_dict())
for parameter in average.parameters():
    parameter.requires_grad_(False)
"""
AVERAGED = """    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 0.3)
"""
EXTRA_HEAD = """
further = nn.Linear(WIDTH, vocab_size, bias=False).to(device)
GPT.hidden = None
"""
CHECKPOINTED = """            arguments = h, self.cos[:T], self.sin[:T]
            h = torch.utils.checkpoint.checkpoint(block, *arguments, use_reentrant=False) if self.training else block(*arguments)
"""
FOR_LOOP = re.compile(
    r"x, y, epoch = next\(loader\)\nspent, step, began = (.*)\nwhile spent < TIME_BUDGET:\n"
)


def as_for_loop(source: str) -> str:
    """Batches by a for statement; the loop leaves when its clock says so."""
    source, count = FOR_LOOP.subn(
        r"spent, step, began = \1\nfor x, y, epoch in loader:\n    if spent >= TIME_BUDGET:\n        break\n",
        source,
    )
    if count != 1:
        raise ValueError("the surface's loop has changed")
    return replaced(NEXT, "    now = time.perf_counter()\n", source)


def accumulated(times: int) -> Edit:
    """Gradients of several batches a step."""
    more = f"""    for part in range({times}):
        if part:
            x, y, epoch = next(loader)
        loss = model(x, y) / {times}
        loss.backward()
    loss = {times} * loss.detach()
"""
    return line(STEP, more)


def dropped(share: float) -> Edit:
    """Dropout after every block's parts."""
    return line(
        RESIDUAL,
        RESIDUAL.replace(
            "self.attention(norm(x), cos, sin)",
            f"F.dropout(self.attention(norm(x), cos, sin), {share}, self.training)",
        ),
    )


VARIANTS: dict[str, Edit | Callable[[str], str]] = {
    "unchanged": lambda source: source,
    "deeper": constants(DEPTH="6"),
    "shallower": constants(DEPTH="2"),
    "wider": constants(WIDTH="96", HEADS="3"),
    "narrower": constants(WIDTH="32", HEADS="1"),
    "adamw": constants(OPTIMIZER='"adamw"'),
    "sgd_with_momentum": optimizer("", "torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)"),
    "lion": optimizer(LION, "Lion(model.parameters(), 0.001)"),
    "factored_second_moments": optimizer(ADAFACTOR, "Factored(model.parameters(), 0.003)"),
    "sliding_window": attention(WINDOW),
    "alibi": both(constants(POSITIONS='"none"'), attention(ALIBI)),
    "one_key_and_value_head": attention(ONE_KEY),
    "softcapped_attention": attention(SOFTCAPPED),
    "no_qk_norm": constants(QK_NORM="False"),
    "no_softcap": constants(SOFTCAP="0.0"),
    "tied_weights": line(
        "        turns = ROPE_BASE",
        "        self.head.weight = self.embedding.weight\n        turns = ROPE_BASE",
    ),
    "swiglu": constants(ACTIVATION='"swiglu"'),
    "gelu": constants(ACTIVATION='"gelu"'),
    "learned_positions": constants(POSITIONS='"learned"'),
    "no_positions": constants(POSITIONS='"none"'),
    "rope_made_anew_in_every_forward": both(
        line(BUFFERS, "        self.turns = turns\n"),
        line(
            "        h = self.embedding(x)\n        if POSITIONS",
            "        h = self.embedding(x)\n        angles = torch.arange(T)[:, None] * self.turns\n"
            "        self.cos, self.sin = angles.cos(), angles.sin()\n        if POSITIONS",
        ),
    ),
    "buffers_that_are_not_saved": line(BUFFERS, BUFFERS.replace(")\n", ", persistent=False)\n")),
    "running_statistics": both(
        line(
            BUFFERS,
            BUFFERS
            + '        self.register_buffer("scale", torch.ones(WIDTH))\n        self.register_buffer("seen", torch.zeros((), dtype=torch.long))\n',
        ),
        line(
            HEAD,
            "        if self.training:\n            self.scale.lerp_(h.detach().square().mean((0, 1)).sqrt(), 0.1)\n            self.seen += 1\n"
            "        h = h / (self.scale + 0.1)\n" + HEAD,
        ),
    ),
    "dropout": dropped(0.1),
    "bf16": both(
        line(
            "        logits = self.head(norm(h)).float()\n",
            "        logits = self.head(norm(h).to(self.head.weight.dtype)).float()\n",
        ),
        line(
            "        for block in self.blocks:\n",
            "        for block in self.blocks:\n            assert not h.isnan().any()\n",
        ),
        line(
            STEP,
            '    with torch.autocast("cpu", torch.bfloat16):\n        loss = model(x, y)\n    loss.backward()\n',
        ),
    ),
    "bf16_at_evaluation_too": both(
        line(
            STEP,
            '    with torch.autocast("cpu", torch.bfloat16):\n        loss = model(x, y)\n    loss.backward()\n',
        ),
        line(
            "        T = x.size(1)\n        h = self.embedding(x)\n",
            "        T = x.size(1)\n        h = self.embedding(x).bfloat16().float()\n",
        ),
    ),
    "bf16_weights": both(
        line(MODEL, "model = GPT().to(device).bfloat16()\n"),
        constants(OPTIMIZER='"adamw"'),
    ),
    "gradients_of_two_batches": accumulated(2),
    "gradients_of_four_batches": both(accumulated(4), constants(BATCH_SIZE="4")),
    "gradient_clipping": line(STEP, STEP + "    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.05)\n"),
    "averaged_weights": both(
        line(LOADER, f"{EMA}{LOADER}"),
        line("    loss = loss.item()  # waits", f"{AVERAGED}    loss = loss.item()  # waits"),
        line(EVALUATE, "average.eval()\nmodel = average\nval_bpb = evaluate_bpb("),
    ),
    "averaged_weights_copied_back": both(
        line(LOADER, f"{EMA}{LOADER}"),
        line("    loss = loss.item()  # waits", f"{AVERAGED}    loss = loss.item()  # waits"),
        line(EVALUATE, f"model.load_state_dict(average.state_dict())\n{EVALUATE}"),
    ),
    "layer_norm": line(NORM, "def norm(x):\n    return F.layer_norm(x, (x.size(-1),))\n"),
    "parallel_blocks": line(
        RESIDUAL, "        n = norm(x)\n        return x + self.attention(n, cos, sin) + self.mlp(n)\n"
    ),
    "weight_decay": constants(WEIGHT_DECAY="0.1"),
    "warm_up": constants(WARMUP="0.2"),
    "cosine_schedule": line(
        "    left = (1 - progress) / WARMDOWN if WARMDOWN else 1.0\n    return FINAL_LR + (1 - FINAL_LR) * min(max(left, 0.0), 1.0)\n",
        "    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))\n",
    ),
    "constant_rate": constants(WARMDOWN="0.0"),
    "final_rate": constants(FINAL_LR="0.1"),
    "label_smoothing": line(
        STEP,
        "    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), label_smoothing=0.05)\n    loss.backward()\n",
    ),
    "z_loss": line(
        STEP,
        "    logits = model(x)\n    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten()) "
        "+ 1e-3 * logits.logsumexp(-1).square().mean()\n    loss.backward()\n",
    ),
    "a_head_for_the_token_after_next": both(
        line(
            "        nn.init.zeros_(self.head.weight)\n",
            "        nn.init.zeros_(self.head.weight)\n        self.further = matrix(WIDTH, vocab_size)\n",
        ),
        line(
            "        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)\n",
            "        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction=reduction)\n"
            '        if self.training and reduction == "mean":\n'
            "            loss = loss + 0.3 * F.cross_entropy(self.further(norm(h))[:, :-1].flatten(0, 1), y[:, 1:].flatten())\n",
        ),
    ),
    "made_by_a_function_from_a_dataclass": line(MODEL, CONFIGURED),
    "sequential": both(line(MODEL, SEQUENTIAL), constants(OPTIMIZER='"adamw"')),
    "gradient_checkpointing": both(
        line("            h = block(h, self.cos[:T], self.sin[:T])\n", CHECKPOINTED),
        line("import torch.nn as nn\n", "import torch.nn as nn\nimport torch.utils.checkpoint\n"),
    ),
    "a_for_loop": as_for_loop,
    "batches_that_grow": line(
        NEXT,
        f"    if step == 1:\n        loader = make_dataloader(tokenizer, 2 * BATCH_SIZE, MAX_SEQ_LEN, 'train')\n{NEXT}",
    ),
    "shorter_rows_in_training": line(
        f"{LOADER}tokenizer, BATCH_SIZE, MAX_SEQ_LEN,",
        f"{LOADER}tokenizer, BATCH_SIZE * 2, MAX_SEQ_LEN // 2,",
    ),
    "compiled": line(MODEL, 'model = torch.compile(GPT().to(device), backend="aot_eager")\n'),
    "compiled_in_place": line(MODEL, 'model = GPT().to(device)\nmodel.compile(backend="aot_eager")\n'),
    "token_shift": line(
        "        h = norm(h)\n        for block",
        "        h = norm(h + 0.5 * F.pad(h, (0, 0, 1, 0))[:, :-1])\n        for block",
    ),
    "a_causal_recurrence": line(
        "        h = norm(h)\n        for block",
        "        decay = 0.9 ** torch.arange(T).float()\n"
        "        h = norm(h + 0.1 * decay[:, None] * (h / decay[:, None]).cumsum(1))\n        for block",
    ),
    "another_evaluation_batch": constants(EVAL_BATCH_SIZE="7"),
    "in_training_mode_to_the_end": line("model.eval()\nval_bpb", "val_bpb"),
    "evaluated_twice": line(
        "val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)\n",
        "val_bpb = evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE)\nassert evaluate_bpb(model, tokenizer, EVAL_BATCH_SIZE) == val_bpb\n",
    ),
}
