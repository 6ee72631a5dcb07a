"""The priority of a process that Ray started: Ray's workers run at niceness 15 and are the kernel's first
choice when memory runs out, unless Ray was started otherwise, and hand both on to all they start.
"""

import os
from contextlib import suppress
from pathlib import Path

OOM_SCORE = Path("/proc/self/oom_score_adj")


def take_usual_priority() -> None:
    """Undo it for this process and what it starts, as far as the system lets it: the score always, niceness
    only for root and for whoever may raise it.
    """
    with suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, 0) > 0:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
    with suppress(OSError, ValueError):
        if int(OOM_SCORE.read_text(encoding="ascii")) > 0:
            OOM_SCORE.write_text("0", encoding="ascii")
