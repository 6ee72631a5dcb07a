"""The one error for people. It imports nothing, so that raising it costs a command nothing: the loader beside
it brings pydantic along.
"""


class ConfigError(Exception):
    """The configuration cannot be used. ``str`` says what; ``remedy`` says what to do. Exit code 3."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class MoneySpentError(ConfigError):
    """The campaign's cap is spent: nothing new may begin. Exit code 5."""
