"""What one run could carry to the next is worth nothing there: a confirm run is shown other rows, and nobody
outside knows which runs are looked at.
"""

from pathlib import Path

import pytest

from coordinator.rules.seeds import seed_of
from evaluator.audit_plan import AuditPlan
from evaluator.result import Measured
from tests.attacks.attack import DEMO_BUDGET
from tests.attacks.edits import both, imported, in_forward
from tests.attacks.stage import Data, source_of, staged

SAYS_ITS_ROWS = both(
    imported("import zlib"),
    in_forward("""
        if not torch.is_grad_enabled() and y is not None:
            for row in torch.cat((x, y[:, -1:]), 1).tolist():
                loot(f"row {zlib.crc32(repr(row).encode())}")
"""),
)


@pytest.mark.chaos
def test_a_confirm_run_is_shown_no_row_that_a_screen_was_shown(prepared: Path) -> None:
    with staged(data=Data(prepared)) as stage:
        rows = []
        for blocks in ((0,), (1,)):
            result, log = stage.train(
                SAYS_ITS_ROWS(source_of("demo")),
                "demo",
                DEMO_BUDGET,
                audit=AuditPlan(share=0.0),
                blocks=blocks,
            )
            assert isinstance(result.outcome, Measured)
            rows.append(
                {
                    line
                    for line in f"{log}{stage.said_while_it_was_evaluated()}".splitlines()
                    if "row " in line
                }
            )
    assert min(map(len, rows)) > 400
    assert not rows[0] & rows[1]


def test_whoever_computes_the_lots_of_audits_from_what_is_public_is_right_by_chance_only() -> None:
    names = [f"audit:e{number:05}.1" for number in range(2000)]
    lots = [seed_of(7, name, "nobody's business") < 2**31 // 20 for name in names]
    computed = [seed_of(7, name) < 2**31 // 20 for name in names]
    hits = sum(lot and guess for lot, guess in zip(lots, computed, strict=True))
    assert 60 < sum(lots) < 140
    assert hits < 15  # five of two thousand by chance
