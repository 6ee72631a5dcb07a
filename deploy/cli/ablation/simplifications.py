"""What an ablation leaves for the coordinator: the best without a piece that it is not worse without. By the
inbox, as a person's variant; the coordinator measures it by its own rule before anything merges.
"""

from coordinator.store.inbox import Idea
from coordinator.store.paths import Layout
from deploy.campaigns.inbox_items import FirstAnswer, in_words, leave_simplification
from deploy.cli.ablation.ablation_case import AblationCase
from deploy.cli.ablation.ablation_record import AblationRecord, PieceResult, PieceVerdict
from deploy.cli.comparisons.record_folders import keep_text

TITLE_CHARS = 120
"""Of a piece's title."""
LEFT = "left.txt"
"""In the record: what was left, so that it is left once."""
WAIT = 5.0
"""Seconds for the coordinator's answer."""


def simpler(record: AblationRecord) -> list[PieceResult]:
    """Pieces that the best is not worse without, and no longer."""
    wanted = (PieceVerdict.NOT_NEEDED, PieceVerdict.IN_THE_WAY)
    return [piece for piece in record.pieces if piece.verdict in wanted and piece.shorter]


def left(layout: Layout, case: AblationCase, record: AblationRecord) -> list[str]:
    """Leave each of them, once; what became of it then, a line each. Raises ConfigError."""
    kept = case.records / record.plan.record / LEFT
    if kept.exists():
        return kept.read_text(encoding="utf-8").splitlines()
    answers = [(piece, _left(layout, case, piece)) for piece in simpler(record)]
    lines = [f"without {piece.experiment}: {in_words(answer)}" for piece, answer in answers]
    keep_text(kept, "".join(f"{line}\n" for line in lines))
    return lines


def _left(layout: Layout, case: AblationCase, piece: PieceResult) -> FirstAnswer:
    idea = Idea(
        title=f"without {piece.experiment}: {piece.title[:TITLE_CHARS]}",
        source=case.sources[piece.experiment],
        division=case.plan.division,
        takes_back=piece.experiment,
        parent=case.plan.best.commit,
    )
    return leave_simplification(layout, idea, WAIT)
