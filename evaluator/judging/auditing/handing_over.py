"""The weights, as a variant hands them over: once before a validation token is shown, and once more after the
last claim, when they must be the same.

Nothing in them is looked at but whether the two copies are equal; the first one goes to the twin as it came.
"""

from collections.abc import Callable

from msgspec import Struct

from evaluator.judging.evaluation_calls import never_again
from evaluator.judging.messages import WEIGHTS_LIMIT, Evaluate, HandOver, Request, Unable, Weights
from evaluator.judging.run_end import RunEndedError, contract_breach
from evaluator.judging.wire import Channel, Held
from evaluator.result import Crashed, CrashKind

CHANGED = (
    "its weights changed while it was evaluated: a forward in eval mode leaves every parameter and every"
    " buffer as it is"
)


class Handed(Struct, frozen=True):
    """The weights as the variant handed them over, not looked at."""

    header: Weights
    content: Held


Again = Callable[[Evaluate], int]
"""Takes another call of ``evaluate_bpb``, see ``EvaluationCalls.again``."""


def ask_for_weights(channel: Channel[Request], again: Again = never_again) -> Handed | Unable:
    """A copy of the weights, sealed; asked for again where the evaluation is called again instead. Raises
    RunEndedError where it answers with something else; WireError, ClosedError.
    """
    channel.send(HandOver())
    answer, content = channel.receive_held(WEIGHTS_LIMIT)
    while isinstance(answer, Evaluate):
        content.close()
        again(answer)
        channel.send(HandOver())
        answer, content = channel.receive_held(WEIGHTS_LIMIT)
    match answer:
        case Weights() if content.size >= answer.table:
            return Handed(answer, content)
        case Unable():
            return answer
        case _:
            raise contract_breach("something else where the weights were expected")


def check_unchanged(channel: Channel[Request], handed: Handed, again: Again = never_again) -> None:
    """Ask for the weights again. Raises RunEndedError where they are not the same; WireError, ClosedError."""
    second = ask_for_weights(channel, again)
    try:
        if isinstance(second, Unable) or not _same(handed, second):
            raise RunEndedError(Crashed(CrashKind.CONTRACT, CHANGED), CHANGED)
    finally:
        if isinstance(second, Handed):
            second.content.close()


def _same(one: Handed, other: Handed) -> bool:
    return one.header == other.header and one.content.equals(other.content)
