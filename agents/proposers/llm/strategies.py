"""What a brief's strategy asks of a language model, in words. Pure.

Titles and changes come from other models: they are quoted as data, and the rules of the conversation say so.
"""

from collections.abc import Sequence

from agents.proposers.llm.quoting import TITLE_CHARS, quoted, quoted_code
from coordinator.domain import Strategy
from coordinator.protocol import Brief, Piece
from coordinator.variants.text_diff import diff_lines
from evaluator.bundle import is_bundle

HEADING = "What is asked for"
CHANGE_CHARS = 1_500
"""Of each change that is shown: two of them leave room for what was tried."""

EXPLORE = """Explore: try a kind of change that nothing listed above has tried. Take another part of the \
program or another mechanism, not
another value of a constant. It may well fail; what counts is that it could gain much, and that its result \
says something about ideas of its
kind."""

TUNE = """Tune: change numbers that the program already has, one to three constants, sizes or schedules, by \
enough to be seen above σ. Where
results above say which way a number helps, go on that way. Add no new mechanism."""

SIMPLIFY = """Simplify: take code out, or do the same with less of it. The same value with less code is what \
is looked for, but the rule is
that of every experiment: it merges only when its value is better beyond the noise. So take out what also \
costs something, such as time,
memory or steps."""

ABLATE = """Ablate: take back one change that was merged, and nothing else. What came after it may have made \
it useless or harmful. It stays
out only when the value without it is better beyond the noise. Take back {which}"""
ANY = "the part of the file that you doubt most."

COMBINE = """Combine: put {which} together in one edit of the file. None of it is in the file now. Make the \
parts fit where they touch, and
change nothing else."""
ALONE = "this and one small change of your own that should go well with it"
NOTHING = "two small changes that should help each other"


def asked_for(brief: Brief) -> str:
    """A section about the brief's strategy; empty where it leaves everything free."""
    match brief.strategy:
        case Strategy.FREE:
            return ""
        case Strategy.EXPLORE:
            text = EXPLORE
        case Strategy.TUNE:
            text = TUNE
        case Strategy.SIMPLIFY:
            text = SIMPLIFY
        case Strategy.ABLATE:
            text = ABLATE.format(which="this one:" if brief.pieces else ANY)
        case Strategy.COMBINE:
            text = COMBINE.format(which=(NOTHING, ALONE, "these two")[len(brief.pieces[:2])])
    return "\n\n".join([f"# {HEADING}", text, *_shown(brief.pieces[:2])]) + "\n"


def _shown(pieces: Sequence[Piece]) -> list[str]:
    return [
        f"{quoted(piece.title, TITLE_CHARS)}\n{quoted_code(_change(piece), CHANGE_CHARS)}" for piece in pieces
    ]


def _change(piece: Piece) -> str:
    """What the experiment changed, as a diff; without the name of the file where there is only one."""
    lines = list(diff_lines(piece.before, piece.after, "", context=1))
    return "\n".join(lines if is_bundle(piece.before) else lines[2:])
