"""The benchmark of judging, with real runs of few steps. Nothing here says how fast anything should be."""

import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.bench.trust import KINDS, MISSING, part

pytestmark = [pytest.mark.cluster, pytest.mark.alone, pytest.mark.timeout(600)]

FEW_STEPS = {kind: replace(errand, flops=4e9) for kind, errand in KINDS.items()}


def test_a_rehearsal_without_a_build_before_says_so_and_has_its_own_figures(tmp_path: Path) -> None:
    rehearsed = part(tmp_path, before="no-such-commit", pairs=1, kinds=FEW_STEPS)
    figures = {reading.what: reading.value for reading in rehearsed.readings}
    assert MISSING in rehearsed.note
    assert not any("before" in reading.references for reading in rehearsed.readings)
    assert all(math.isfinite(value) and value > 0 for what, value in figures.items() if "start" not in what)
    assert 100 < figures["peak memory of an audited run"] < 10_000
