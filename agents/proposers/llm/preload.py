"""What the first call to a language model would wait for, loaded beforehand: litellm takes seconds to import,
and counting tokens needs its tables.
"""

from collections.abc import Sequence
from threading import Thread

from configs.arms import Arm, CallsModels


def preload(arms: Sequence[Arm]) -> Thread:
    """Begin on a thread of its own, while the slot trains its first run. Join it only to wait for it."""
    thread = Thread(target=_load, args=(arms,), name="preload", daemon=True)
    thread.start()
    return thread


def _load(arms: Sequence[Arm]) -> None:
    if not any(isinstance(arm, CallsModels) for arm in arms):
        return
    from agents.proposers.llm.provider.litellm_completion import load
    from agents.proposers.llm.tokens import count_tokens

    load()
    count_tokens("")
