"""How a command ends: exit codes, and errors as one line what and one line what to do.

exit code  what it means, and what raises it
  0        ok; also when a limit that a person set, other than money, ended the campaign
  1        failed: a campaign that could not go on (its baseline, or every arm), a variant that was
           refused or not measured, a value that did not come out again, or a mistake of ours (any other
           exception; -vv shows where)
  2        wrong usage; click says so itself
  3        configuration, or something the machine lacks: ConfigError, CampaignBusyError (another
           coordinator has the campaign), ShadowedError (another distribution is in the way of ours)
  4        no such campaign, experiment, run or agent: NothingFoundError
  5        the money is spent: at a campaign's end, before a start that could begin nothing any more, and
           before runs of `certify` or `verify` that may not fit: MoneySpentError
  6        this start of a campaign tried nothing: it came to its end, by a limit of time or by
           `autoswarm stop`, without one experiment
  7        a result, and not the one that was hoped for: `certify` or `verify` measured, and it is not
           better, not certified, or not what a package says
129        ended by SIGHUP: its terminal was closed
130        ended by Ctrl-C: KeyboardInterrupt
141        whoever read the output went away: BrokenPipeError
143        ended by SIGTERM
"""

import errno
import os
import sys
import traceback

from deploy.packages import ShadowedError, require_own_packages

OK, FAILURE, CONFIG, NOTHING, LIMIT, UNTRIED, NOT_SHOWN = 0, 1, 3, 4, 5, 6, 7
HUNG_UP, INTERRUPTED, BROKEN_PIPE, TERMINATED = 129, 130, 141, 143


class NothingFoundError(Exception):
    """What was asked for is not there. ``str`` says what; ``remedy`` says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def report_error(error: BaseException, verbose: bool) -> int:
    """Tell the person about an error, on stderr, and return the exit code. verbose: with the traceback."""
    if isinstance(error, BrokenPipeError):
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains when it flushes at its end
        return BROKEN_PIPE
    if verbose:
        traceback.print_exception(error)
    code, what, remedy = _read(_cause(error))
    for line in (f"error: {what}", f"  do: {remedy}") if what else ():
        print(line, file=sys.stderr)  # noqa: T201 - this is where people are told
    return code


def _cause(error: BaseException) -> BaseException:
    """An import that failed because the package is not ours is that first of all."""
    if isinstance(error, ImportError):
        try:
            require_own_packages()
        except ShadowedError as shadowed:
            return shadowed
    return error


def _read(error: BaseException) -> tuple[int, str, str]:
    if isinstance(error, ShadowedError):
        return CONFIG, str(error), error.remedy
    from configs.errors import ConfigError, MoneySpentError  # not at the top: it may be what is shadowed

    match error:
        case KeyboardInterrupt():
            return INTERRUPTED, "", ""
        case ConfigError():
            spent = isinstance(error, MoneySpentError)
            return LIMIT if spent else CONFIG, str(error), error.remedy
        case NothingFoundError():
            return NOTHING, str(error), error.remedy
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EROFS):
            where = f" to {error.filename}" if error.filename else ""
            return CONFIG, f"cannot write{where}: {error.strerror}", "Make room there, or write elsewhere."
        case PermissionError() if error.filename:
            return CONFIG, f"may not use {error.filename}", "Become the user that owns it."
        case _:
            first = (str(error).splitlines() or [""])[0]
            return (
                FAILURE,
                f"{type(error).__name__}: {first}",
                "See where it happened with `autoswarm -vv …`, and report it with that text.",
            )
