"""A real judge process, and on the other end of its socket a real variant under torch or a test that speaks
the protocol, well or badly.
"""

import contextlib
import math
import re
import socket
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as nnf

from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.job import ClaimsIn, Evaluating, Final, FirstBatch, HandedOver, JudgeEvent, Spent
from evaluator.judging.data import read_tokens
from evaluator.judging.judge import CLOCK_LAGS
from evaluator.judging.messages import (
    TOKENS_LIMIT,
    Batch,
    BudgetSpent,
    Counted,
    Evaluate,
    HandOver,
    Hello,
    Losses,
    NextBatch,
    Rows,
    RunRefused,
    Score,
    Unable,
    Welcome,
)
from evaluator.judging.packing import Packer
from evaluator.judging.wire import LENGTHS, ClosedError
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Measured, TimedOut
from tests.integration.judged import (
    BOS,
    BUDGET,
    TINY,
    VOCAB,
    Run,
    channel,
    edited,
    judge_process,
    run_variant,
    tiny_data,
)

EVALUATE = "val_bpb = evaluate_bpb(model, tokenizer, 5)"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "tiny"
    tiny_data(folder)
    return folder


@pytest.fixture(scope="module")
def honest(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny surface as it is, with seed 1 on one thread."""
    return run_variant(TINY, data, tmp_path_factory.mktemp("honest") / "run")


def without_clocks(final: Final) -> Final:
    """All of it but what a clock told."""
    details = {
        name: figure
        for name, figure in final.details.items()
        if not name.endswith("_seconds") and name != "pace"
    }
    return msgspec.structs.replace(final, details=details)


def value_of(final: Final) -> float:
    assert isinstance(final.outcome, Measured), final
    return final.outcome.value


def crash_of(final: Final) -> tuple[CrashKind, str]:
    assert isinstance(final.outcome, Crashed), final
    return final.outcome.kind, final.outcome.message


# ---- a real variant


def in_process(data: Path, weights: dict[str, torch.Tensor]) -> float:
    """Bits per byte of the tiny surface's weights, by plain torch."""
    rows = torch.from_numpy(Packer(read_tokens(data, "val"), BOS, None).rows(1000 // 16, 17).astype(np.int64))
    x, y = rows[:, :-1], rows[:, 1:]
    h = nnf.embedding(x, weights["embedding.weight"])
    q, k, v = nnf.linear(h, weights["qkv.weight"], weights["qkv.bias"]).chunk(3, dim=-1)
    attention = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(
        torch.ones(16, 16).triu(1).bool(), -math.inf
    ).softmax(-1) @ v
    logits = nnf.linear(h + attention, weights["head.weight"], weights["head.bias"])
    sizes = torch.tensor([len(token or b"") for token in VOCAB])[y]
    losses = nnf.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
    return float(losses.double()[sizes > 0].sum() / math.log(2) / sizes.sum())


def test_an_honest_run_is_measured_as_plain_torch_would(data: Path, honest: Run) -> None:
    value = value_of(honest.final)
    weights, returned = torch.load(honest.folder / "weights.pt")
    assert value == pytest.approx(in_process(data, weights), abs=1e-6)
    assert returned == value
    assert f"val_bpb:          {value:.6f}" in honest.log
    assert value < 2.0 < math.log2(len(VOCAB)) / 1.1  # it has learned something
    assert honest.final.floor == 0.2


def test_a_model_is_evaluated_on_the_blocks_asked_for_each_as_if_it_were_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    tiny_data(data, blocks=3)
    plan = AuditPlan(share=1.0, share_positions=300)
    screen = run_variant(TINY, data, tmp_path / "screen").final
    fresh = run_variant(TINY, data, tmp_path / "fresh", blocks=(1,)).final
    everywhere = run_variant(TINY, data, tmp_path / "all", blocks=(0, 1, 2), audit=plan).final
    assert value_of(everywhere) == value_of(screen) != value_of(fresh)
    assert everywhere.details["value_block_1"] == value_of(fresh)
    assert everywhere.details["value_block_2"] not in (value_of(screen), value_of(fresh))
    assert everywhere.audit is not None
    assert everywhere.audit.positions == 300
    assert everywhere.audit.largest < 1e-5


def test_events_come_in_order(honest: Run) -> None:
    events = honest.events
    assert isinstance(events[0], FirstBatch)
    assert isinstance(events[-4], Evaluating)
    assert isinstance(events[-3], HandedOver)
    assert isinstance(events[-2], ClaimsIn)
    shares = [event.share for event in events[1:-4] if isinstance(event, Spent)]
    assert len(shares) == len(events) - 5
    assert shares == sorted(shares)
    assert 1 <= shares[-1] < 1.05


def test_the_same_seed_gives_the_same_bits_on_one_and_two_threads(
    data: Path, tmp_path: Path, honest: Run
) -> None:
    again, two = (
        run_variant(TINY, data, tmp_path / str(threads), threads=threads).final for threads in (1, 2)
    )
    assert without_clocks(again) == without_clocks(honest.final)
    assert (two.spent, two.steps) == (honest.final.spent, honest.final.steps)
    assert value_of(two) == pytest.approx(value_of(again), abs=1e-4)


def test_another_seed_of_the_run_gives_another_value_at_the_same_cost(
    data: Path, tmp_path: Path, honest: Run
) -> None:
    other = run_variant(TINY, data, tmp_path / "run", seed=2).final
    assert value_of(other) != value_of(honest.final)
    assert (honest.final.spent, honest.final.steps) == (other.spent, other.steps)


def test_the_counted_work_is_that_of_the_matrices(honest: Run) -> None:
    """2 FLOP per multiply-add; backward does the linears twice, less the input gradient of nothing; attention
    2 products forward, 5 backward.
    """
    final = honest.final
    tokens, width, vocabulary = 8 * 16, 16, len(VOCAB)
    linears = 3 * 2 * tokens * width * (3 * width + vocabulary)
    attention = (2 + 5) * 2 * 8 * 16 * 16 * width
    assert final.spent / final.steps == linears + attention


def test_accumulated_batches_are_priced_as_one_step(data: Path, tmp_path: Path, honest: Run) -> None:
    unchanged = honest.final
    run = run_variant(edited("ACCUMULATE = 1 ", "ACCUMULATE = 3 "), data, tmp_path / "run")
    assert run.final.spent / run.final.steps == pytest.approx(unchanged.spent / unchanged.steps)
    assert run.final.details["optimizer_steps"] == run.final.steps / 3
    assert isinstance(run.final.outcome, Measured)


def test_several_optimizers_make_one_step(data: Path, tmp_path: Path, honest: Run) -> None:
    two = edited("    optimizer.step()\n", "    optimizer.step()\n    other.step()\n")
    two = edited(
        "optimizer = torch.optim.AdamW(model.parameters(), LR)",
        "optimizer = torch.optim.AdamW(model.qkv.parameters(), LR)\nREST",
        two,
    )
    two = edited(
        "REST",
        "other = torch.optim.AdamW([*model.embedding.parameters(), *model.head.parameters()], LR)",
        two,
    )
    final = run_variant(
        edited("    optimizer.zero_grad()", "    model.zero_grad()", two), data, tmp_path / "run"
    ).final
    assert isinstance(final.outcome, Measured)
    assert final.details["optimizer_steps"] == final.steps == honest.final.steps
    assert final.spent == honest.final.spent


def test_a_loop_that_gets_dearer_is_counted_again(data: Path, tmp_path: Path, honest: Run) -> None:
    """From step 50 on every loss is computed twice; before, a step costs what it always does."""
    dearer = edited(
        "        loss.backward()\n",
        "        loss.backward()\n        steps >= 50 and model(x, y).backward()\n",
    )
    budget = Budget(Unit.FLOPS, 2 * BUDGET.amount, 60)
    final = run_variant(dearer, data, tmp_path / "run", budget=budget).final
    unchanged = honest.final.spent / honest.final.steps
    assert isinstance(final.outcome, Measured)
    assert final.spent == pytest.approx(unchanged * (50 + 2 * (final.steps - 50)), rel=0.03)


def test_a_crash_while_work_is_being_counted_is_only_a_crash(data: Path, tmp_path: Path) -> None:
    run = run_variant(
        edited("    steps += 1\n", "    steps += 1\n    if steps == 1:\n        raise ValueError('early')\n"),
        data,
        tmp_path / "run",
    )
    assert run.log.rstrip().endswith("ValueError: early")
    assert crash_of(run.final)[0] is CrashKind.NO_RESULT


def test_a_script_without_a_torch_optimizer_is_priced_too(data: Path, tmp_path: Path) -> None:
    by_hand = "[p.data.sub_(p.grad, alpha=0.5) for p in model.parameters()]"
    run = run_variant(edited("    optimizer.step()", f"    {by_hand}"), data, tmp_path / "run")
    assert isinstance(run.final.outcome, Measured)
    assert 1 <= run.final.spent / BUDGET.amount < 1.2


INNER = """    for _ in range({more}):
        loss = model(x, y)
        loss.backward()
        optimizer.step()
    optimizer.zero_grad()
"""


def test_any_number_of_steps_on_one_batch_is_counted(data: Path, tmp_path: Path, honest: Run) -> None:
    """One batch and ten steps on it: spent is what ten steps cost; as many as a hundred are too many for a
    budget of ten.
    """
    unchanged = honest.final.spent / honest.final.steps
    budget = Budget(Unit.FLOPS, 10 * unchanged, 60)
    for more, kept in ((9, True), (99, False)):
        once = edited("    optimizer.zero_grad()\n", INNER.format(more=more) + "    break\n")
        final = run_variant(once, data, tmp_path / str(more), budget=budget).final
        assert isinstance(final.outcome, Measured) is kept
        assert final.steps == 1
        assert final.spent == pytest.approx((more + 1) * unchanged, rel=0.02)
        if not kept:
            assert isinstance(final.outcome, TimedOut)


def test_a_loop_that_takes_more_steps_on_a_batch_is_counted_again(
    data: Path, tmp_path: Path, honest: Run
) -> None:
    """Three steps on each batch from step 10 on."""
    inner = edited("    optimizer.zero_grad()\n", INNER.format(more="2 if steps >= 10 else 0"))
    final = run_variant(inner, data, tmp_path / "run").final
    unchanged = honest.final.spent / honest.final.steps
    assert isinstance(final.outcome, Measured)
    assert final.spent == pytest.approx(unchanged * (10 + 3 * (final.steps - 10)), rel=0.1)


def test_a_run_of_two_batches_by_hand_is_priced_by_all_it_did(
    data: Path, tmp_path: Path, honest: Run
) -> None:
    by_hand = "[p.data.sub_(p.grad, alpha=0.5) for p in model.parameters()]\n    if steps == 1: break"
    budget = Budget(Unit.FLOPS, 2 * honest.final.spent / honest.final.steps, 60)
    by_hand_twice = edited("    optimizer.step()", f"    {by_hand}")
    final = run_variant(by_hand_twice, data, tmp_path / "run", budget=budget).final
    assert isinstance(final.outcome, Measured)
    assert final.spent == pytest.approx(2 * honest.final.spent / honest.final.steps, rel=0.05)


def test_larger_batches_in_mid_run_are_counted_again(data: Path, tmp_path: Path, honest: Run) -> None:
    grown = edited(
        "    steps += 1\n",
        "    steps += 1\n    if steps == 20:\n        loader = make_dataloader(tokenizer, 16, MAX_SEQ_LEN,"
        " 'train')\n",
    )
    run = run_variant(grown, data, tmp_path / "run").final
    assert isinstance(run.outcome, Measured)
    assert run.spent == pytest.approx(honest.final.spent, rel=0.05)
    assert 20 + 2 * (run.steps - 20) == pytest.approx(honest.final.steps, abs=2)


def test_virtual_seconds_are_the_clock_the_script_sees(data: Path, tmp_path: Path) -> None:
    run = run_variant(TINY, data, tmp_path / "run", budget=Budget(Unit.VIRTUAL_SECONDS, 0.02, 60))
    assert isinstance(run.final.outcome, Measured)
    assert f"training_seconds: {0.02:.2f}"[:-1] in run.log
    assert run.final.spent == pytest.approx(0.02, rel=0.2)


def test_a_printed_number_changes_nothing(data: Path, tmp_path: Path, honest: Run) -> None:
    faked = run_variant(edited('print("---")', 'val_bpb = 0.0001\nprint("---")'), data, tmp_path / "faked")
    assert "val_bpb:          0.000100" in faked.log
    assert without_clocks(faked.final) == without_clocks(honest.final)


def test_a_second_evaluation_gets_the_first_value(data: Path, tmp_path: Path) -> None:
    twice = f"{EVALUATE}\nmodel.head.bias.data += 5\nassert evaluate_bpb(model, tokenizer, 5) == val_bpb"
    run = run_variant(edited(EVALUATE, twice), data, tmp_path / "run")
    assert run.returncode == 0, run.log
    assert isinstance(run.final.outcome, Measured)


MIDWAY = """    steps += 1
    if steps == 20:
        print("midway", evaluate_bpb(model, tokenizer, 5))
"""


@pytest.mark.parametrize("budget", [BUDGET, Budget(Unit.VIRTUAL_SECONDS, 0.02, 60)])
def test_a_look_midway_ends_the_run_and_says_why(data: Path, tmp_path: Path, budget: Budget) -> None:
    run = run_variant(edited("    steps += 1\n", MIDWAY), data, tmp_path / "run", budget=budget)
    kind, message = crash_of(run.final)
    assert kind is CrashKind.CONTRACT
    assert re.match(
        r"evaluated after 20 steps, at [1-8]\d % of its budget: evaluate_bpb is called once", message
    )
    assert message in run.log  # its author reads it there
    assert "midway" not in run.log.splitlines()
    assert not any(isinstance(event, Evaluating) for event in run.events)  # it may be told to proposers


@pytest.mark.parametrize(("share", "measured"), [(0.97, True), (0.92, True), (0.8, False)])
def test_a_script_may_end_a_little_before_its_budget(
    data: Path, tmp_path: Path, share: float, measured: bool
) -> None:
    source = edited(") < TIME_BUDGET:", f") < {share} * TIME_BUDGET:")
    run = run_variant(source, data, tmp_path / "run")
    assert isinstance(run.final.outcome, Measured) is measured, run.log


def test_an_untrained_model_is_none_of_a_whole_training(data: Path, tmp_path: Path) -> None:
    run = run_variant(edited(") < TIME_BUDGET:", ") < 0:"), data, tmp_path / "run")
    assert crash_of(run.final)[1].startswith("evaluated after 0 steps, at 0 % of its budget")


FAILS = """
class Fails(torch.nn.Module):
    def __init__(self, model, most, after):
        super().__init__()
        self.model, self.most, self.after = model, most, after
    def state_dict(self, **named):
        return self.model.state_dict(**named)
    def forward(self, x, y=None, reduction="mean"):
        self.after -= 1
        if len(x) > self.most and self.after < 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.model(x, y, reduction)
rows, calls, failing = 40, 0, Fails(model, 11, AFTER)
while True:
    calls += 1
    try:
        val_bpb = evaluate_bpb(failing, tokenizer, rows)
        break
    except torch.OutOfMemoryError:
        rows //= 2
assert (calls, rows) == (3, 10)
"""
"""Out of memory with forty and with twenty rows at once."""


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("plan", [AuditPlan(share=0.0), AuditPlan(share=0.0, mode="off")])
def test_an_evaluation_that_ran_out_of_memory_is_called_again_with_fewer_rows(
    data: Path, tmp_path: Path, honest: Run, after: int, plan: AuditPlan
) -> None:
    source = edited(EVALUATE, FAILS.replace("AFTER", str(after)))
    run = run_variant(source, data, tmp_path / "run", audit=plan)
    assert value_of(run.final) == pytest.approx(value_of(honest.final), abs=1e-6), run.log


def test_what_is_trained_between_two_calls_is_seen(data: Path, tmp_path: Path) -> None:
    source = FAILS.replace("AFTER", "0").replace("rows //= 2", "rows //= 2; model.head.bias.data += 1")
    run = run_variant(edited(EVALUATE, source), data, tmp_path / "run")
    assert crash_of(run.final)[1].startswith("its weights changed while it was evaluated")


OTHER_GENERATORS = """
import copy, pickle
n = numpy.random
print(n.RandomState(1).rand(), n.mtrand.RandomState(1).rand(), n.RandomState(n.MT19937(1)).rand())
made = n.PCG64(1), n.MT19937(seed=1), n.Philox(1), n.Philox(key=1), n.SFC64(1), n.PCG64(n.SeedSequence(1))
for bits in made:
    print(n.Generator(bits).random())
    assert isinstance(bits, n.BitGenerator) and isinstance(pickle.loads(pickle.dumps(bits)), type(bits))
state = n.RandomState(1)
state.seed(1)
assert isinstance(state, n.RandomState) and state.rand() == n.RandomState(1).rand()
assert pickle.loads(pickle.dumps(state)).rand() == copy.deepcopy(state).rand() == state.rand()
assert isinstance(n.default_rng(1).bit_generator, n.PCG64)
draws = [n.Generator(n.PCG64(1)), n.default_rng(1), n.default_rng(n.SeedSequence(1))]
assert len({one.random() for one in draws}) == 1
torch.default_generator.manual_seed(1)
assert isinstance(torch.Generator(), torch.Generator)
print(torch.rand(1).item())
torch.random.default_generator.manual_seed(1)
print(torch.rand(1).item())
"""
"""Whatever else takes a seed, once each."""


def test_a_seed_literal_is_shifted_by_the_seed_of_the_run(data: Path, tmp_path: Path) -> None:
    source = (
        "import prepare, torch, random, numpy\ntorch.manual_seed(1); random.seed(1); numpy.random.seed(1)\n"
    )
    source += "own = torch.Generator(); own.manual_seed(1)\n"
    source += (
        "print(torch.rand(1).item(), random.random(), numpy.random.rand(), torch.rand(1,"
        " generator=own).item())\n"
    )
    source += (
        "print(random.Random(1).random(), numpy.random.default_rng(1).random(),"
        " isinstance(torch.default_generator, torch.Generator))"
    )
    source = f"{source}\n{OTHER_GENERATORS}"
    logs = {
        run: run_variant(source, data, tmp_path / str(run), seed=seed).log.split()
        for run, seed in ((1, 1), (2, 2), (3, 1))
    }
    assert logs[1] == logs[3]
    assert len(logs[1]) == 18
    assert (logs[1].pop(6), logs[2].pop(6)) == ("True", "True")
    assert all(one != other for one, other in zip(logs[1], logs[2], strict=True))
    assert logs[1][0] == logs[1][-1], "one seed, one shift"


def test_a_platform_without_packets_is_judged_the_same_and_probed_live(
    data: Path, tmp_path: Path, honest: Run
) -> None:
    run = run_variant(
        TINY, data, tmp_path / "run", ends=socket.socketpair, audit=AuditPlan(merge_below=100.0)
    )
    assert value_of(run.final) == value_of(honest.final)
    assert run.final.audit is not None
    assert run.final.audit.kind == "live"
    assert run.final.details["twin"] == "none could be started"


def test_validation_batches_are_refused(data: Path, tmp_path: Path) -> None:
    run = run_variant(edited('MAX_SEQ_LEN, "train"', 'MAX_SEQ_LEN, "val"'), data, tmp_path / "run")
    assert "validation tokens stay with the judge" in run.log
    assert crash_of(run.final)[0] is CrashKind.NO_RESULT


def test_a_run_that_never_evaluates_has_no_result(data: Path, tmp_path: Path) -> None:
    run = run_variant(edited(EVALUATE, "val_bpb = 0.5"), data, tmp_path / "run")
    assert run.returncode == 0
    assert crash_of(run.final)[0] is CrashKind.NO_RESULT


def test_a_loop_that_ends_when_batches_do_is_measured(data: Path, tmp_path: Path) -> None:
    source = edited(
        "while (elapsed := time.time() - began) < TIME_BUDGET:",
        "elapsed, batches = 0, iter(loader)\nfor first in batches:",
    )
    source = edited("        x, y, epoch = next(loader)\n", "        x, y, epoch = first\n", source)
    run = run_variant(source, data, tmp_path / "run")
    assert "the budget is spent" in run.log
    assert isinstance(run.final.outcome, Measured)
    assert run.final.spent <= 1.02 * BUDGET.amount + 2 * run.final.spent / run.final.steps


def test_a_loop_that_ignores_its_clock_is_timed_out(data: Path, tmp_path: Path) -> None:
    run = run_variant(edited("< TIME_BUDGET", "< 1e9"), data, tmp_path / "run")
    assert "prepare._BudgetSpent: the budget is spent, there are no more batches; call" in run.log
    assert run.returncode != 0
    assert isinstance(run.final.outcome, TimedOut)
    assert (run.final.outcome.limit, run.final.outcome.why) == (Limit.BUDGET, CLOCK_LAGS)


def test_losses_that_are_not_finite_mean_divergence(data: Path, tmp_path: Path) -> None:
    run = run_variant(
        edited(EVALUATE, f"model.head.bias.data[3] = float('nan')\n{EVALUATE}"), data, tmp_path / "run"
    )
    assert crash_of(run.final)[0] is CrashKind.DIVERGED
    assert "the losses are not finite" in run.log


def test_a_mean_instead_of_losses_breaks_the_contract(data: Path, tmp_path: Path) -> None:
    run = run_variant(
        edited('if reduction == "none" else loss', 'if reduction == "nothing" else loss.mean()'),
        data,
        tmp_path / "run",
    )
    assert crash_of(run.final) == (
        CrashKind.CONTRACT,
        "the judge received losses of another shape or type than [5, 16] and float32",
    )


def test_seeing_the_future_falls_below_the_floor(data: Path, tmp_path: Path) -> None:
    run = run_variant(
        edited('if reduction == "none" else loss', '* 0.01 if reduction == "none" else loss'),
        data,
        tmp_path / "run",
    )
    assert isinstance(run.final.outcome, Cheated)
    assert run.final.outcome.kind == "below_floor"
    assert "below 0.995 of the exact floor 0.200000" in run.final.outcome.evidence


@pytest.mark.alone
def test_a_budget_in_seconds_ends_within_two_per_cent_and_a_step(data: Path, tmp_path: Path) -> None:
    slow = edited("    optimizer.step()\n", "    time.sleep(0.02)\n    optimizer.step()\n")
    run = run_variant(slow, data, tmp_path / "run", budget=Budget(Unit.SECONDS, 0.5, 60))
    assert isinstance(run.final.outcome, Measured), run.log
    assert run.final.spent == pytest.approx(
        0.5, abs=0.01 + 2 * run.final.spent / run.final.steps
    )  # the loop goes by a clock of its own


def test_text_becomes_tokens_and_text_again(data: Path, tmp_path: Path) -> None:
    source = (
        "from prepare import Tokenizer\nt = Tokenizer.from_directory()\nprint(t.get_vocab_size(),"
        " t.get_bos_token_id(), t.encode('théa'), "
    )
    source += "t.encode(['b', 'a'], prepend=0), repr(t.decode([0, 22, 21])))"
    assert (
        run_variant(source, data, tmp_path / "run").log.strip() == "24 0 [22, 21, 1] [[0, 2], [0, 1]] 'thé'"
    )


# ---- a test that speaks the protocol


WHOLE = Counted(flops=int(BUDGET.amount), ops=10, bytes_written=10, tokens=64)
"""All of the budget, in a batch of 4 x 16 tokens."""


class Client:
    """A variant of which the test decides every word."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.channel = channel(connection)

    def ask(self, request: msgspec.Struct, payload: bytes = b"") -> tuple[msgspec.Struct, bytes]:
        self.channel.send(request, payload)
        reply, received = self.channel.receive(payload_limit=1 << 24)
        return reply, bytes(received)

    def evaluate(self, rows: int) -> msgspec.Struct:
        """Spend the budget on one batch, ask for the evaluation, hand over nothing; the first rows."""
        self.ask(NextBatch(rows=4, length=16, steps=0))
        assert self.ask(Evaluate(rows=rows, steps=1, counted=WHOLE))[0] == HandOver()
        return self.ask(Unable("a test"))[0]

    def losses(self, losses: np.ndarray, dtype: str = "float32") -> msgspec.Struct:
        return self.ask(Losses(dtype=dtype, shape=list(losses.shape)), losses.tobytes())[0]


def final_of(events: list[JudgeEvent]) -> Final:
    assert isinstance(events[-1], Final)
    assert not any(isinstance(event, Final) for event in events[:-1])
    return events[-1]


WORK = Counted(flops=1000, ops=10, bytes_written=10, tokens=64)


def test_the_judge_says_what_the_variant_may_know(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, seed=7) as (connection, events):
        welcome, vocabulary = Client(connection).ask(Hello(2))
    assert welcome == Welcome(
        max_seq_len=16,
        time_budget=6e7 * 7.12e-12,
        nominal=True,
        seed=7,
        vocab_size=24,
        bos=0,
        vocabulary="longest_match",
        pattern=None,
    )
    assert msgspec.json.decode(vocabulary) == [token.hex() if token is not None else None for token in VOCAB]
    assert crash_of(final_of(events))[0] is CrashKind.NO_RESULT


def test_training_rows_are_packed_in_the_order_of_the_seed(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, seed=7) as (connection, _):
        batch, payload = Client(connection).ask(NextBatch(rows=4, length=16, steps=0))
    assert batch == Batch(rows=4, length=16, epoch=1, seconds=0)
    assert np.array_equal(
        np.frombuffer(payload, "<u2").reshape(4, 17), Packer(read_tokens(data, "train"), BOS, 7).rows(4, 17)
    )


def test_asking_on_after_the_budget_is_timed_out(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, budget=Budget(Unit.FLOPS, 10_000, 9)) as (connection, events):
        client = Client(connection)
        request = NextBatch(rows=4, length=16, steps=0, counted=WORK)
        replies = [client.ask(request)[0] for _ in range(13)]
        assert {type(reply) for reply in replies[:-1]} == {Batch}
        assert replies[-1] == BudgetSpent()
        assert isinstance(client.ask(request)[0], RunRefused)
        with pytest.raises(ClosedError):
            client.ask(request)
    final = final_of(events)
    assert isinstance(final.outcome, TimedOut)
    assert (final.spent, final.steps) == (12_000, 12)


def test_batches_without_any_count_break_the_contract(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path) as (connection, events):
        client = Client(connection)
        client.ask(NextBatch(rows=4, length=16, steps=0))
        assert isinstance(client.ask(Evaluate(rows=4, steps=1))[0], RunRefused)
    kind, message = crash_of(final_of(events))
    assert kind is CrashKind.CONTRACT
    assert "no work was counted" in message


def test_a_count_of_nothing_breaks_the_contract(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path) as (connection, events):
        client = Client(connection)
        client.ask(NextBatch(rows=4, length=16, steps=0))
        free = msgspec.structs.replace(WORK, flops=0)
        assert isinstance(client.ask(NextBatch(rows=4, length=16, steps=1, counted=free))[0], RunRefused)
    assert crash_of(final_of(events)) == (
        CrashKind.CONTRACT,
        "the judge received a count of its work that costs no flops",
    )


def test_leaving_after_the_budget_without_evaluation_is_timed_out(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, budget=Budget(Unit.FLOPS, 1, 9)) as (connection, events):
        client = Client(connection)
        while client.ask(NextBatch(rows=4, length=16, steps=0, counted=WORK))[0] != BudgetSpent():
            pass
    assert isinstance(final_of(events).outcome, TimedOut)


def test_a_late_evaluation_is_timed_out_by_the_judges_clock(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, budget=Budget(Unit.SECONDS, 0.1, 9)) as (connection, events):
        client = Client(connection)
        for step in range(4):
            client.ask(NextBatch(rows=1, length=16, steps=step))
        time.sleep(0.3)
        assert isinstance(client.ask(Evaluate(rows=4, steps=4))[0], RunRefused)
    assert isinstance(final_of(events).outcome, TimedOut)


def test_losses_are_measured_whatever_model_they_come_from(data: Path, tmp_path: Path) -> None:
    """Losses of ln 2 everywhere are a bit per token, whatever the last batch is filled up with."""
    with judge_process(data, tmp_path) as (connection, events):
        client = Client(connection)
        reply = client.evaluate(50)
        shown = 0
        while isinstance(reply, Rows):
            assert (reply.rows, reply.length) == (50, 16)
            shown += reply.rows
            reply = client.losses(np.full((50, 16), math.log(2), dtype=np.float32))
        assert isinstance(reply, Score)
    final = final_of(events)
    assert shown == 100  # 62 rows count
    assert value_of(final) == pytest.approx(
        float(final.details["eval_tokens"]) / float(final.details["eval_bytes"])
    )
    assert reply.value == value_of(final)


@pytest.mark.parametrize(
    ("losses", "dtype"),
    [
        (np.ones((4, 15), dtype=np.float32), "float32"),
        (np.ones((2, 32), dtype=np.float32), "float32"),
        (np.ones((4, 16), dtype=np.float16), "float16"),
        (np.ones((4, 16), dtype=np.float16), "float32"),
        (np.ones((4, 16), dtype=np.float64), "float32"),
        (np.ones((4000, 16), dtype=np.float32), "float32"),
    ],
)
def test_losses_of_the_wrong_form_break_the_contract(
    data: Path, tmp_path: Path, losses: np.ndarray, dtype: str
) -> None:
    with judge_process(data, tmp_path) as (connection, events):
        client = Client(connection)
        client.evaluate(4)
        with contextlib.suppress(ClosedError):  # it hangs up on a payload it would not read
            assert isinstance(client.losses(losses, dtype), RunRefused)
    assert crash_of(final_of(events))[0] is CrashKind.CONTRACT


HEADERS = [
    b"GET / HTTP/1.1",
    b"\xff" * 64,
    b'{"type":"losses","dtype":"float32","shape":[1,1]}',
    b'{"type":"hello","version":9}',
    b'{"type":"next_batch","rows":1000000000,"length":16,"steps":0}',
    b'{"type":"next_batch","rows":60000,"length":1000,"steps":0}',
    b'{"type":"evaluate","rows":1000000,"steps":0}',
    b'{"type":"ready"}',
    b'{"type":"weights","table":2}',
]


@pytest.mark.parametrize("sent", [*HEADERS, b"{" * (1 << 17)])
def test_garbage_breaks_the_contract_and_never_the_judge(data: Path, tmp_path: Path, sent: bytes) -> None:
    with judge_process(data, tmp_path) as (connection, events):
        connection.send(sent)
        connection.shutdown(socket.SHUT_WR)
    assert crash_of(final_of(events))[0] is CrashKind.CONTRACT


@pytest.mark.parametrize(
    "sent",
    [
        b"\x05\0\0\0\0\0\0\0hello",
        b"\x02\0\0\0\xff\xff\xff\x7f{}",
        *(LENGTHS.pack(len(header), 0) + header for header in HEADERS),
    ],
)
def test_garbage_on_a_stream_does_no_more(data: Path, tmp_path: Path, sent: bytes) -> None:
    with judge_process(data, tmp_path, ends=socket.socketpair) as (connection, events):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
    assert crash_of(final_of(events))[0] is CrashKind.CONTRACT


def test_a_batch_just_within_the_limit_is_served(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path) as (connection, _):
        reply, payload = Client(connection).ask(NextBatch(rows=TOKENS_LIMIT // 1024, length=1023, steps=0))
    assert isinstance(reply, Batch)
    assert len(payload) == 2 * TOKENS_LIMIT


def test_a_variant_that_dies_within_a_message_has_no_result(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path, ends=socket.socketpair) as (connection, events):
        connection.sendall(b"\x20\0\0\0")
    assert crash_of(final_of(events))[0] is CrashKind.NO_RESULT


def test_nothing_heard_is_no_result(data: Path, tmp_path: Path) -> None:
    with judge_process(data, tmp_path) as (_, events):
        pass
    assert events == [final_of(events)]
    assert crash_of(final_of(events))[0] is CrashKind.NO_RESULT
