"""How far a run is, in words."""

from collections.abc import Callable

from evaluator.result import Progress


class Quarters:
    """Says when another quarter of the budget is spent."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._quarter = 0

    def hear(self, progress: Progress) -> None:
        """Take the trainer's word on how far the run is."""
        quarter = min(4, int(progress.share * 4))
        if quarter > self._quarter:
            self._quarter = quarter
            self._tell(
                f"{quarter * 25} % of the budget spent"
                + ("" if progress.step is None else f", step {progress.step}")
            )
