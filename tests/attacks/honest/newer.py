"""More honest variants of the demo task: other mixers than attention, conditional computation, several models, two
passes a step, compilers, workers.
"""

from tests.attacks.attack import Edit
from tests.attacks.edits import both
from tests.attacks.honest import mixers
from tests.attacks.honest.variants import EVALUATE, LOADER, MODEL, STEP, constants, line

WAITS = "    loss = loss.item()  # waits"
MLP_SUM = "        return x + self.mlp(norm(x))\n"
BLOCKS = "            h = block(h, self.cos[:T], self.sin[:T])\n"
MAKE_MLP = "        self.attention, self.mlp = Attention(), MLP()\n"
UPDATE = """    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
"""

EXPERTS = """
class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(MLP() for _ in range(3))
        self.router = matrix(WIDTH, 3)

    def forward(self, x):
        weights = self.router(x).softmax(-1)
        best = weights.max(-1, keepdim=True)
        chosen = torch.zeros_like(weights).scatter(-1, best.indices, best.values)
        return sum(chosen[..., i : i + 1] * expert(x) for i, expert in enumerate(self.experts))


class Block(nn.Module):
"""
DEPTHS = """            take = torch.sigmoid(self.gates[index](h))
            h = torch.where(take > 0.4, h + take * (block(h, self.cos[:T], self.sin[:T]) - h), h)
"""
TWO_AVERAGES = """
slow, quick = GPT().to(device), GPT().to(device)
for average in (slow, quick):
    average.load_state_dict(model.state_dict())
    average.requires_grad_(False)
"""
LERPS = """    with torch.no_grad():
        torch._foreach_lerp_(list(quick.parameters()), list(model.parameters()), 0.5)
        torch._foreach_lerp_(list(slow.parameters()), list(model.parameters()), 0.2)
"""
ONE_OF_THREE = """with torch.no_grad():
    for p, a, b in zip(model.parameters(), slow.parameters(), quick.parameters()):
        p.copy_((p + a + b) / 3)
"""
SLOW_WEIGHTS = f"""{UPDATE}    if step % 5 == 4:
        with torch.no_grad():
            for p, slow in zip(model.parameters(), slow_weights):
                slow.lerp_(p, 0.5)
                p.copy_(slow)
"""
SHARPNESS = """    model(x, y).backward()
    with torch.no_grad():
        gradients = [p.grad for p in model.parameters()]
        scale = 0.02 / (sum(g.square().sum() for g in gradients).sqrt() + 1e-12)
        moves = [scale * g for g in gradients]
        torch._foreach_add_(list(model.parameters()), moves)
    model.zero_grad()
    loss = model(x, y)
    loss.backward()
    with torch.no_grad():
        torch._foreach_sub_(list(model.parameters()), moves)
"""
NOISE = """    with torch.no_grad():
        for p in model.parameters():
            p.grad.add_(torch.randn_like(p.grad), alpha=0.0003 / (1 + step) ** 0.5)
"""
SECOND_EPOCH = """kept = []
loader_of_new, loader = loader, None


def batches():
    for batch in loader_of_new:
        kept.append(batch[:2])
        yield batch
        if len(kept) % 4 == 0:
            for old in kept[-4:]:
                rest = model(*old)
                rest.backward()
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad()


loader = batches()
"""
WORKERS = """

class Mirrored(torch.utils.data.Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        return row[:-1].clone(), row[1:].clone()


def shuffled():
    rows = torch.cat([torch.cat((x, y[:, -1:]), 1) for x, y, _ in (next(loader_of_new) for _ in range(4))])
    loader = torch.utils.data.DataLoader(Mirrored(rows), BATCH_SIZE, shuffle=True, num_workers=2)
    for x, y in loader:
        yield x, y, 1
    del loader
    yield from loader_of_new


loader_of_new, loader = loader, None
loader = shuffled()
"""

AHEAD = """
import queue
import threading


def fill(ready, inner):
    for batch in inner:
        ready.put(batch)
    ready.put(None)


def ahead(inner):
    ready = queue.Queue(maxsize=1)
    threading.Thread(target=fill, args=(ready, inner), daemon=True).start()
    return iter(ready.get, None)


loader = ahead(loader)
"""

NEWER: dict[str, Edit] = {
    "an_lstm": mixers.mixing("nn.LSTM(WIDTH, WIDTH, batch_first=True)"),
    "a_gru": mixers.mixing("nn.GRU(WIDTH, WIDTH, batch_first=True)"),
    "long_filters": mixers.replacing(mixers.FILTER),
    "short_convolutions": mixers.replacing(mixers.CONVOLUTION),
    "cumulated_attention": mixers.replacing(mixers.CUMULATED),
    "a_recurrence_with_its_own_gradient": mixers.replacing(mixers.RECURRENCE),
    "compiled_by_the_default_backend": line(MODEL, "model = torch.compile(GPT().to(device))\n"),
    "a_function_compiled_by_the_default_backend": line(
        "def orthogonal(g):\n", "@torch.compile(dynamic=False)\ndef orthogonal(g):\n"
    ),
    "the_average_of_three_models": both(
        line(LOADER, f"{TWO_AVERAGES}{LOADER}"),
        line(WAITS, f"{LERPS}{WAITS}"),
        line(EVALUATE, f"{ONE_OF_THREE}{EVALUATE}"),
    ),
    "lookahead": both(
        line(LOADER, f"slow_weights = [p.detach().clone() for p in model.parameters()]\n{LOADER}"),
        line(UPDATE, SLOW_WEIGHTS),
    ),
    "sharpness_aware": line(STEP, SHARPNESS),
    "noise_on_gradients": line(STEP, STEP + NOISE),
    "several_epochs_of_kept_batches": line(
        "x, y, epoch = next(loader)\nspent", f"{SECOND_EPOCH}x, y, epoch = next(loader)\nspent"
    ),
    "a_large_evaluation_batch": constants(EVAL_BATCH_SIZE="512"),
    "experts": both(
        line("class Block(nn.Module):\n", EXPERTS.lstrip()),
        line(MAKE_MLP, "        self.attention, self.mlp = Attention(), Experts()\n"),
    ),
    "blocks_used_twice": line(BLOCKS, BLOCKS + BLOCKS),
    "mixture_of_depths": both(
        line("        for block in self.blocks:\n", "        for index, block in enumerate(self.blocks):\n"),
        line(BLOCKS, DEPTHS),
        line(
            "        self.head = matrix(WIDTH, vocab_size)\n",
            "        self.gates = nn.ModuleList(matrix(WIDTH, 1) for _ in range(DEPTH))\n"
            "        self.head = matrix(WIDTH, vocab_size)\n",
        ),
    ),
    "stochastic_depth": line(
        MLP_SUM, "        kept = (torch.rand(()) >= 0.1).float() if self.training else 0.9\n"
        "        return x + kept * self.mlp(norm(x))\n",
    ),
    "rates_by_width": line("        for p, update in zip", "        updates *= (64 / WIDTH) ** 0.5\n        for p, update in zip"),
    "batches_fetched_ahead": line(
        "x, y, epoch = next(loader)\nspent", f"{AHEAD}\nx, y, epoch = next(loader)\nspent"
    ),
    "workers_of_a_loader": line(
        "x, y, epoch = next(loader)\nspent", f"{WORKERS}\nx, y, epoch = next(loader)\nspent"
    ),
}  # fmt: skip
"""Names and edits."""
