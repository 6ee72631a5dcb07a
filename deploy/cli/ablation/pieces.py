"""The pieces of a best, and its program without each. Pure.

A piece is an experiment that merged. Its edit is taken back by the three-way merge that puts variants on a
new head, turned round: what it was made from is *theirs*, its own text the base, and the best's *ours*.
"""

from collections.abc import Callable
from difflib import SequenceMatcher

from msgspec import Struct

from coordinator.rules.lookups import stack_since
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.records import Experiment
from coordinator.variants.gate import Gate
from coordinator.variants.merge import MergeConflictError, merge
from coordinator.variants.source import SurfaceError, digest
from deploy.campaigns.find import find_experiment
from deploy.exit_codes import NothingFoundError

LAST, ALL = "last", "all"
"""Words for pieces: of the last certificate or merge, or of everything since the baseline."""


class Piece(Struct, frozen=True, kw_only=True):
    """A merged experiment, and the best without it."""

    experiment: str
    title: str
    added: int
    """Lines that it put in, or put in the place of others."""
    removed: int
    """Lines that it took out, or put others in the place of."""
    without: str = ""
    """The best's text without it; empty where it cannot be taken out alone."""
    trouble: str = ""
    """Why it cannot; empty where it can."""
    shorter: bool = False
    """Whether the best has no more lines without it."""


def stack_of(state: CampaignState, division: Division, which: str) -> list[Experiment]:
    """The experiments that merged with a best, the oldest first. which: ``last``, ``all``, or a best's id.
    Raises NothingFoundError.
    """
    if len(division.history) < 2:
        raise NothingFoundError(
            f"nothing has merged in division {division.name}: its best has no pieces",
            "See `autoswarm leaderboard`; `autoswarm certify FILE` puts any other program to the test.",
        )
    place = len(division.history) - 1
    if which not in (LAST, ALL):
        name = find_experiment(state, which).experiment
        bests = [best.experiment for best in division.history]
        if name not in bests[1:]:
            raise NothingFoundError(
                f"{name} is no best of division {division.name} that a merge made",
                f"These are: {', '.join(bests[1:])}.",
            )
        place = bests.index(name)
    base = division.history[0 if which == ALL else place - 1].commit
    return stack_since(state, base, state.experiments[division.history[place].experiment])


def taken_back(piece: Experiment, best: str, source: Callable[[str], str], gate: Gate) -> Piece:
    """A piece, and the best's text without it. source: the text at a commit. Raises what that raises."""
    own, parent = source(piece.commit), source(piece.parent)
    added, removed = changed_lines(parent, own)

    def made(without: str = "", trouble: str = "") -> Piece:
        return Piece(
            experiment=piece.experiment,
            title=piece.title,
            added=added,
            removed=removed,
            without=without,
            trouble=trouble,
            shorter=bool(without) and len(without.splitlines()) <= len(best.splitlines()),
        )

    try:
        without = merge(own, best, parent)
        same = digest(without) == digest(best)
    except MergeConflictError as conflict:
        return made(trouble=f"cannot be taken out alone: later pieces build on it ({conflict})")
    except SurfaceError:
        return made(trouble="cannot be taken out alone: what is left is no program")
    if same:
        return made(trouble="nothing of it is left in the best")
    objection = gate.look(without)
    return made(trouble=f"cannot be taken out alone: {objection.reason}") if objection else made(without)


def changed_lines(before: str, after: str) -> tuple[int, int]:
    """Lines that came and that went."""
    old, new = before.splitlines(), after.splitlines()
    came = went = 0
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            came, went = came + new_end - new_start, went + end - start
    return came, went
