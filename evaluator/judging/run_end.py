"""How whatever the judge does with a run comes to its end."""

from evaluator.result import Crashed, CrashKind, Outcome


class RunEndedError(Exception):
    """The run has its outcome. ``str`` is sent to the variant, if it still listens."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def contract_breach(what: str) -> RunEndedError:
    """The variant sent something that keeps no contract."""
    return RunEndedError(Crashed(CrashKind.CONTRACT, f"the judge received {what}"), what)
