"""Other ways than attention to mix along the rows of the demo's model, all of them causal."""

from tests.attacks.attack import Edit
from tests.attacks.edits import both, replaced

MAKE = "        self.query, self.key, self.value, self.out = (matrix(WIDTH, WIDTH) for _ in range(4))\n"
CUT = "        B, T, C = x.shape\n        q, k, v"
ATTENTION = "class Attention(nn.Module):\n"


def replacing(mixer: str) -> Edit:
    """``mixer`` defines ``class Mixer``, which takes and gives [B, T, WIDTH]; it takes the place of attention."""

    def edit(source: str) -> str:
        source = replaced(ATTENTION, f"{mixer.strip()}\n\n\n{ATTENTION}", source)
        source = replaced(MAKE, "        self.mixer, self.out = Mixer(), matrix(WIDTH, WIDTH)\n", source)
        return replaced(CUT, "        return self.out(self.mixer(x))\n        q, k, v", source)

    return both(edit, lambda source: source.replace('OPTIMIZER = "muon"', 'OPTIMIZER = "adamw"'))


def mixing(module: str) -> Edit:
    """A recurrent module of torch's own, one for each block."""
    return replacing(
        f"class Mixer(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = {module}\n\n"
        "    def forward(self, x):\n        return self.inner(x)[0]\n"
    )


FILTER = """
class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(0.1 * torch.randn(WIDTH, MAX_SEQ_LEN))
        self.gate = matrix(WIDTH, WIDTH)

    def forward(self, x):
        T = x.size(1)
        spectrum = torch.fft.rfft(x.mT, n=2 * T) * torch.fft.rfft(self.filter[:, :T], n=2 * T)
        return torch.fft.irfft(spectrum, n=2 * T)[..., :T].mT * torch.sigmoid(self.gate(x))
"""
CONVOLUTION = """
class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Conv1d(WIDTH, WIDTH, 8, groups=WIDTH)
        self.gate = matrix(WIDTH, WIDTH)

    def forward(self, x):
        return self.filter(F.pad(x.mT, (7, 0))).mT * torch.sigmoid(self.gate(x))
"""
CUMULATED = """
class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (matrix(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x):
        shape = (*x.shape[:2], HEADS, -1)
        q, k, v = (f(x).view(shape) for f in (self.query, self.key, self.value))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        states = (k[..., :, None] * v[..., None, :]).cumsum(1)
        sums = (q * k.cumsum(1)).sum(-1, keepdim=True)
        return ((q[..., None, :] @ states)[..., 0, :] / (sums + 1e-6)).flatten(2)
"""
RECURRENCE = """
class Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, decay, inputs):
        states, state = [], torch.zeros_like(inputs[:, 0])
        for t in range(inputs.size(1)):
            state = decay[:, t] * state + inputs[:, t]
            states.append(state)
        states = torch.stack(states, 1)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx, gradient):
        decay, states = ctx.saved_tensors
        back, flow = [], torch.zeros_like(gradient[:, 0])
        for t in range(gradient.size(1) - 1, -1, -1):
            flow = gradient[:, t] + (flow * decay[:, t + 1] if t + 1 < gradient.size(1) else 0)
            back.append(flow)
        back = torch.stack(back[::-1], 1)
        return back * F.pad(states, (0, 0, 1, 0))[:, :-1], back


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.value = matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH)

    def forward(self, x):
        decay = torch.sigmoid(self.gate(x) + 2)
        return Scan.apply(decay, (1 - decay) * self.value(x))
"""
