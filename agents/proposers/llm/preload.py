"""What the first call to a language model would wait for, done beforehand: litellm takes seconds to import,
the token counts their tables.
"""

from collections.abc import Sequence
from threading import Thread

from configs.arms import Arm, CallsModels


def warm_up(arms: Sequence[Arm]) -> Thread:
    """Begin on a thread of its own, while the slot trains its first run. To be joined only by who wants to
    wait.
    """
    thread = Thread(target=_warm, args=(arms,), name="warming", daemon=True)
    thread.start()
    return thread


def _warm(arms: Sequence[Arm]) -> None:
    if not any(isinstance(arm, CallsModels) for arm in arms):
        return
    from agents.proposers.llm.litellm_completion import load
    from agents.proposers.llm.tokens import count_tokens

    load()
    count_tokens("")
