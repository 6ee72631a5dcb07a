"""A record of ``autoswarm certify`` or ``verify`` in a line. Pages are given them: they lie on disk beside
the journal, and no state knows them.
"""

from typing import Annotated

from msgspec import Struct

from coordinator.views.described import says


class RecordLine(Struct, frozen=True, kw_only=True):
    """What came of putting a program to the test."""

    record: Annotated[str, says("Its id: c0001 of certify, v0001 of verify.")]
    kind: Annotated[str, says("certify or verify.")]
    program: Annotated[str, says("The program, as a person named it.")]
    experiment: Annotated[str, says("Its id in the campaign; empty for one from elsewhere.")]
    against: Annotated[str, says("What it was compared with; empty: the value that is claimed.")]
    shown: Annotated[str, says("What the runs show, in a word: better, not better, worse.")]
    certified: Annotated[
        bool,
        says("Better on rows that no search saw, judged strictly: only that is called certified."),
    ]
    open: Annotated[str, says("What is open about where it was measured, in words; empty where nothing is.")]
    test: Annotated[str, says("The test that was made; empty without one.")]
    statistic: Annotated[float | None, says("The gain, in standard errors; null where nothing is tested.")]
    p: Annotated[float | None, says("Probability of it by luck, 0 to 1; null where nothing is tested.")]
    runs: Annotated[int, says("Runs of each side that the test rests on.")]
    finished_at: Annotated[float, says("When it was done, in seconds since the epoch.")]
