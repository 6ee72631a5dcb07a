"""How one start of a campaign ended: its exit code, and the last words to whoever looks at the terminal."""

from coordinator.views.status_page import ArmTroubleView, StatusPage
from deploy.exit_codes import FAILURE, LIMIT, OK, UNTRIED
from deploy.views.sanitize import one_line

LOOK = "`autoswarm arms` and the agents' logs say more of the arms"
LONGER = "Give it longer than its baselines take"


def exit_code(page: StatusPage, by_signal: int, untried: bool) -> int:
    """Of a campaign that is finished. by_signal: what a signal asked for, or 0. untried: whether there was
    work and nothing of it was done.
    """
    if page.failed:
        return FAILURE
    if page.spend.capped:
        return LIMIT
    return by_signal or (UNTRIED if untried else OK)


def last_words(page: StatusPage, code: int) -> list[str]:
    """One line what and one line what to do, where there is no baseline, every arm gave up or nothing was
    tried; else nothing.
    """
    if code == FAILURE and page.remedy:
        return [f"error: {one_line(page.reason)}", f"  do: {one_line(page.remedy)}"]
    troubles = [arm.trouble for arm in page.arms if isinstance(arm.trouble, ArmTroubleView)]
    remedies = dict.fromkeys(trouble.remedy for trouble in troubles if trouble.remedy)
    to_do = "; ".join(remedies) or (LOOK if troubles else LONGER)
    if code == UNTRIED:
        what = f"no experiment was tried: {page.reason}"
    elif code == FAILURE and troubles:
        what = page.reason
    else:
        return []
    return [f"error: {one_line(what)}", f"  do: {one_line(to_do)}. The same command goes on."]
