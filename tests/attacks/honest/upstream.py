"""Honest edits of a surface in the form of upstream's: what people and agents try there, twenty of them.

The surface compiles its model, trains it under bfloat16 by a budget in seconds and leaves eleven steps uncharged.
"""

from evaluator.budget import Budget, Unit
from tests.attacks.attack import Edit
from tests.attacks.edits import both, replaced
from tests.attacks.honest.variants import constants

BUDGET = Budget(Unit.SECONDS, 2.0, 240.0)
WARM_UP = 11
"""Steps before its clock runs."""

ACTIVATION = "        return self.c_proj(F.relu(self.c_fc(x)).square())\n"
COMPILED = "model = torch.compile(model, dynamic=False, backend=BACKEND)\n"
LOSS = "            loss = model(x, y)\n"
STEP = "    optimizer.step()\n"
EVALUATE = "model.eval()\nwith autocast_ctx:\n"
AVERAGE = """average = GPT(config).to(device)
average.load_state_dict(model.state_dict())
"""
LERP = """    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 0.05)
"""


def line(old: str, new: str) -> Edit:
    """One piece of the surface for another."""
    return lambda source: replaced(old, new, source)


EDITS: dict[str, Edit] = {
    "deeper": constants(DEPTH="3"),
    "wider": constants(ASPECT_RATIO="24", HEAD_DIM="24"),
    "one_key_head": constants(KV_GROUPS="2"),
    "full_windows": constants(WINDOW_PATTERN='"L"'),
    "no_value_embeddings": both(
        line("for layer in range(1, config.n_layer, 2)}", "for layer in ()}"),
        line("if layer % 2 else None", "if layer < 0 else None"),
    ),
    "higher_rates": constants(MATRIX_LR="0.04", EMBEDDING_LR="0.3"),
    "warm_up": constants(WARMUP_RATIO="0.1", FINAL_LR_FRAC="0.1"),
    "cosine_schedule": line(
        "    cooldown = (1.0 - progress) / WARMDOWN_RATIO\n    return cooldown + (1 - cooldown) * FINAL_LR_FRAC\n",
        "    return 0.5 * (1 + math.cos(math.pi * progress))\n",
    ),
    "larger_batch": constants(TOTAL_BATCH_SIZE="1024"),
    "larger_device_batch": constants(TOTAL_BATCH_SIZE="1024", DEVICE_BATCH_SIZE="64"),
    "not_compiled": line(COMPILED, ""),
    "blocks_compiled": line(
        COMPILED, "for block in model.transformer.h:\n    block.mlp.compile(dynamic=False, backend=BACKEND)\n"
    ),
    "step_compiled": line(
        "def orthogonalized(g", '@torch.compile(backend="aot_eager", dynamic=False)\ndef orthogonalized(g'
    ),
    "single_precision": line(
        "dtype=torch.bfloat16)\n\ntokenizer", "dtype=torch.bfloat16, enabled=False)\n\ntokenizer"
    ),
    "swiglu": both(
        line("        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)\n",
             "        self.c_fc = nn.Linear(config.n_embd, 8 * config.n_embd, bias=False)\n"),
        line(ACTIVATION, "        a, b = self.c_fc(x).chunk(2, -1)\n        return self.c_proj(F.silu(a) * b)\n"),
    ),
    "gelu": line(ACTIVATION, "        return self.c_proj(F.gelu(self.c_fc(x)))\n"),
    "averaged_weights": both(
        line(COMPILED, AVERAGE + COMPILED),
        line(STEP, STEP + LERP),
        line(EVALUATE, f"model = average\n{EVALUATE}"),
    ),
    "label_smoothing": line(
        LOSS,
        "            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), label_smoothing=0.05)\n",
    ),
    "clipped_gradients": line(STEP, f"    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n{STEP}"),
    "dropout": line(
        "        return x + self.mlp(norm(x))\n",
        "        return x + F.dropout(self.mlp(norm(x)), 0.1, self.training)\n",
    ),
}  # fmt: skip
"""Names and edits."""
