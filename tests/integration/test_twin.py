"""Honest and dishonest variants of a tiny surface, trained and audited for real: supervisor, sandbox, judge
and twin.
"""

import contextlib
import time
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from evaluator.audit_plan import AuditPlan
from evaluator.judging.auditing.handing_over import CHANGED
from evaluator.result import Audit, Cheated, Crashed, CrashKind, Measured, RunResult
from tests.integration.judged import BUDGET, TINY, edited, tiny_data, uncompiled
from trainer.contract import RunOrder, Slot
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task

TASK = load_task(str(Path(__file__).parents[1] / "tasks" / "tiny"))
FULL = AuditPlan(merge_below=100.0)
EVALUATE = "val_bpb = evaluate_bpb(model, tokenizer, 5)"
RETURN = '    return loss.view(y.shape) if reduction == "none" else loss\n'
LOGITS = "            return logits\n"
MODEL = "model = Tiny()\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without a floor, so that nothing but the audit stands in a cheat's way."""
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    tiny_data(folder, floor=None)
    return folder


def run(source: str, data: Path, folder: Path, audit: AuditPlan = FULL) -> RunResult:
    order = RunOrder(
        run="r1", source=uncompiled(source), seed=1, budget=BUDGET, directory=folder / "run", audit=audit
    )
    return SubprocessTrainer(TASK, data, Slot("test"), 1 << 20).train(order, lambda _: None, Event())


def audit_of(result: RunResult) -> Audit:
    assert isinstance(result.outcome, Measured), (result.outcome, result.tail)
    assert result.audit is not None
    return result.audit


def claiming(code: str) -> str:
    """The surface with ``code`` before its per-token losses are returned."""
    lines = "".join(
        f"        {line}\n"
        for line in ['if reduction == "none":', *(f"    {line}" for line in code.splitlines())]
    )
    return edited("        return loss.view", f"{lines}        return loss.view")


HONEST = {
    "as it is": TINY,
    "dropout, left in train mode": edited(
        "self.head(h + F", "self.head(F.dropout(h, 0.3, self.training) + F"
    ),
    "compiled": edited(MODEL, 'model = torch.compile(Tiny(), backend="eager")\n'),
    "autocast to bfloat16": edited(EVALUATE, f"with torch.autocast('cpu', torch.bfloat16):\n    {EVALUATE}"),
    "tied, with buffers and an average of its weights": edited(
        "        self.head = nn.Linear(WIDTH, vocab_size)\n",
        "        self.head = nn.Linear(WIDTH, vocab_size)\n        self.head.weight = self.embedding.weight\n"
        "        self.register_buffer('turns', torch.arange(3.0))\n        self.register_buffer('seen',"
        " torch.tensor(0), persistent=False)\n",
        edited(
            MODEL,
            f"{MODEL}import copy\naverage = copy.deepcopy(model)\n",
            edited(EVALUATE, f"average.load_state_dict(model.state_dict())\nmodel = average\n{EVALUATE}"),
        ),
    ),
    "made smaller after training, with a padded vocabulary": edited(
        EVALUATE,
        f"model.bfloat16()\n{EVALUATE}",
        TINY.replace("nn.Linear(WIDTH, vocab_size)", "nn.Linear(WIDTH, -(-vocab_size // 64) * 64)"),
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_variant_agrees_with_its_twin(name: str, data: Path, tmp_path: Path) -> None:
    result = run(HONEST[name], data, tmp_path)
    audit = audit_of(result)
    assert (audit.kind, audit.positions) == ("twin", 2048)
    assert abs(audit.correction) < 1e-3
    assert audit.largest < 0.05
    assert 0 < audit.leak_bound < 0.01
    assert "num_steps" not in result.tail  # it was ended before its twin began
    assert not (tmp_path / "run" / "twin.log").exists()


CHEATING = {
    "it sees the future": edited("is_causal=True", "is_causal=False"),
    "it sees the mean of each block": edited(
        "h = self.embedding(x)\n",
        "h = self.embedding(x)\n        h = h + h.unflatten(1, (-1, 4)).mean(2).repeat_interleave(4, 1)\n",
    ),
    "one claim in a hundred is made up": claiming(
        "loss = torch.where(torch.rand_like(loss) < 0.01, 1e-3, loss)"
    ),
    "claims are rescaled": claiming("loss = 0.9 * loss"),
    "claims are clipped": claiming("loss = loss.clamp(max=1.5)"),
    "its logits are all enormous": edited(
        LOGITS,
        "            return torch.full_like(logits, 1e30)\n        if reduction == 'none':\n           "
        " return torch.zeros_like(logits[..., 0])\n",
    ),
    "its logits are not numbers": edited(LOGITS, "            return logits * float('nan')\n"),
    "its vocabulary is smaller": edited(LOGITS, "            return logits[..., :20]\n"),
}


@pytest.mark.parametrize("name", CHEATING)
def test_a_cheat_is_caught_with_figures(name: str, data: Path, tmp_path: Path) -> None:
    result = run(CHEATING[name], data, tmp_path)
    assert isinstance(result.outcome, Cheated), (result.outcome, result.audit, result.details, result.tail)
    assert result.outcome.kind == "leak"
    assert result.outcome.evidence


WITHOUT_TWIN = {
    "it leaves when it is the twin": edited(
        "tokenizer = Tok", "import prepare\nif prepare._run['twin']:\n    raise SystemExit\ntokenizer = Tok"
    ),
    "its model is made after the first batch": (
        edited(MODEL, "").replace(
            "optimizer = torch.optim",
            "next(make_dataloader(tokenizer, BATCH_SIZE, MAX_SEQ_LEN, 'train'))\nmodel = Tiny()\noptimizer ="
            " torch.optim",
        )
    ),
    "its model is a function": edited(
        EVALUATE, f"inner, model = model, lambda *given, **named: inner(*given, **named)\n{EVALUATE}"
    ),
    "it keeps a part of its model elsewhere": (
        edited(EVALUATE, f"elsewhere.data = torch.randn(vocab_size)\n{EVALUATE}")
        .replace("class Tiny", "elsewhere = torch.zeros(vocab_size)\n\n\nclass Tiny")
        .replace("        if y is None", "        logits = logits + elsewhere\n        if y is None")
    ),
}


@pytest.mark.parametrize("name", WITHOUT_TWIN)
def test_where_no_twin_answers_the_variant_is_probed_itself_and_marked(
    name: str, data: Path, tmp_path: Path
) -> None:
    result = run(WITHOUT_TWIN[name], data, tmp_path)
    audit = audit_of(result)
    assert audit.kind == "live"
    assert audit.largest < 1e-3
    assert result.details["twin"]


def test_a_cheat_that_sends_no_twin_is_still_asked_itself(data: Path, tmp_path: Path) -> None:
    source = WITHOUT_TWIN["it leaves when it is the twin"].replace("is_causal=True", "is_causal=False")
    assert isinstance(run(source, data, tmp_path).outcome, Cheated)


def test_a_model_that_gives_no_logits_crashes_where_they_are_asked_for(data: Path, tmp_path: Path) -> None:
    result = run(NO_LOGITS, data, tmp_path)
    assert isinstance(result.outcome, Crashed)
    assert result.outcome.kind is CrashKind.EXCEPTION


STRICT = AuditPlan(merge_below=100.0, mode="strict")
NO_LOGITS = edited(LOGITS, "            raise NotImplementedError\n")
ZEROS = (
    "    def state_dict(self, *given, **named):\n"
    "        return {name: 0 * value for name, value in super().state_dict(*given, **named).items()}\n\n"
)


def test_weights_other_than_those_evaluated_are_no_proof(data: Path, tmp_path: Path) -> None:
    """What is handed over is nothing, so the twin disagrees everywhere; the variant agrees with itself, which
    is all that can be said, and nothing in strict mode.
    """
    source = edited("    def forward", f"{ZEROS}    def forward")
    for plan, kind in ((FULL, "live"), (STRICT, "none")):
        result = run(source, data, tmp_path / kind, plan)
        assert audit_of(result).kind == kind
        assert result.details["twin"] == "it disagrees nearly everywhere"


def test_in_strict_mode_only_a_variant_without_weights_to_hand_over_is_probed_itself(
    data: Path, tmp_path: Path
) -> None:
    kinds = {
        name: audit_of(run(WITHOUT_TWIN[name], data, tmp_path / str(number), STRICT)).kind
        for number, name in enumerate(WITHOUT_TWIN)
        if name in ("it leaves when it is the twin", "its model is a function")
    }
    assert kinds == {"it leaves when it is the twin": "none", "its model is a function": "live"}
    assert audit_of(run(NO_LOGITS, data, tmp_path / "none", STRICT)).kind == "none"
    assert "NotImplementedError" in (tmp_path / "none" / "run" / "twin.log").read_text()


CHANGING = {
    "it learns from what it is shown": claiming(
        "with torch.enable_grad():\n"
        "    again = model(x, y)\n"
        "    for p, g in zip(model.parameters(), torch.autograd.grad(again, list(model.parameters()))):\n"
        "        p.data -= 0.5 * g\n"
    ),
    "it counts its forwards": claiming("self.head.bias.data[0] += 1e-7"),
    "it is never the same": edited(
        "    def forward", f"{ZEROS.replace('0 * value', 'torch.randn_like(value)')}    def forward"
    ),
}


@pytest.mark.parametrize("name", CHANGING)
def test_weights_that_change_while_they_are_evaluated_break_the_contract(
    name: str, data: Path, tmp_path: Path
) -> None:
    result = run(CHANGING[name], data, tmp_path)
    assert result.outcome == Crashed(CrashKind.CONTRACT, CHANGED)


def test_whether_and_how_much_is_audited_follows_the_plan(data: Path, tmp_path: Path) -> None:
    rejected = AuditPlan(merge_below=0.1, share=1.0, share_positions=64)
    assert audit_of(run(TINY, data, tmp_path / "share", rejected)).positions == 64
    assert run(TINY, data, tmp_path / "none", AuditPlan(merge_below=0.1, share=0.0)).audit is None
    assert run(TINY, data, tmp_path / "off", AuditPlan(merge_below=100.0, mode="off")).audit is None


def twin_below(marker: str) -> psutil.Process | None:
    """The first process of a twin, by its home below ``marker``."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(marker) and process.cwd().endswith("/twin/home"):
                return process
    return None


def test_a_twin_that_is_killed_gives_no_free_run(data: Path, tmp_path: Path) -> None:
    """A variant can kill itself when it does not like its value."""
    (tmp_path / "scratch").mkdir()
    order = RunOrder(
        run="r1", source=uncompiled(TINY), seed=1, budget=BUDGET, directory=tmp_path / "run", audit=FULL
    )
    trainer = SubprocessTrainer(TASK, data, Slot("test"), 1 << 20, scratch=tmp_path / "scratch")
    results: list[RunResult] = []
    training = Thread(target=lambda: results.append(trainer.train(order, lambda _: None, Event())))
    training.start()
    while training.is_alive() and (twin := twin_below(str(tmp_path / "scratch"))) is None:
        time.sleep(0.005)
    assert twin is not None
    twin.kill()
    training.join()
    assert isinstance(results[0].outcome, Measured)
    assert results[0].audit is not None
    assert results[0].audit.kind != "twin"
    assert "did not answer" in str(results[0].details["twin"])
