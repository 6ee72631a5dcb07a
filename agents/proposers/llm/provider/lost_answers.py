"""Whether a call that failed may have been paid for all the same, by what clients say of its causes. Pure.

A provider that was never reached wrote nothing. One that was, and is too late, or whose line broke in the
midst of its answer, may charge for all of it.
"""

import re
from collections.abc import Iterator

UNREACHED = re.compile(r"Connect(Timeout|Error)|ClientConnect|ConnectionTimeoutError|PoolTimeout")
"""Names of causes, as httpx and aiohttp have them."""
HALF = re.compile(r"payload is not completed|incomplete chunked|complete message body|Received: 'data: ")
"""What is said of a body that ended in its midst, or came in pieces that nobody asked for."""


def may_be_paid(error: BaseException, timed_out: bool) -> bool:
    """Whether an answer was, or may have been, written. timed_out: whether the call came to the end of its
    time.
    """
    causes = list(_causes(error))
    if any(UNREACHED.match(type(cause).__name__) for cause in causes):
        return False
    return timed_out or any(HALF.search(str(cause)) for cause in causes)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
