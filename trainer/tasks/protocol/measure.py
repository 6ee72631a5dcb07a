"""Plays every trace on a new server and counts the invariants that were violated, each once in all.

A trace is data: ``{"note": "…", "calls": [["grant", "ann", ["pay"], 100, 60], …]}``. Its note is for readers.
A call the server refuses is part of a trace; one it does not have, or with arguments of another form, makes
the trace malformed: it is not played at all.
"""

import json
from pathlib import Path

from invariants import NAMES, Books
from machine import Machine, Refused

FORMS = {
    "grant": (str, list, int, int),
    "delegate": (int, str, list, int),
    "act": (int, str),
    "spend": (int, int),
    "refund": (int, int),
    "revoke": (int,),
    "renew": (int, int),
    "join": (int, int),
    "wait": (int,),
}
MOST_TRACES, MOST_CALLS, LARGEST = 50, 40, 10**9


def main():
    """Say what was violated, by trace and in all."""
    try:
        traces = json.loads(Path("traces.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        traces = [None]
    if not isinstance(traces, list) or len(traces) > MOST_TRACES:
        traces = [None]
    sound = [trace["calls"] for trace in traces if is_sound(trace)]
    violated = set().union(*(played(calls) for calls in sound))
    print(f"METRIC malformed={len(traces) - len(sound)}")
    print(f"METRIC traces={len(traces)}")
    for name in NAMES:
        print(f"METRIC violated_{name}={int(name in violated)}")
    print(f"METRIC violated={len(violated)}")


def played(calls):
    """Names of the invariants that a trace violates."""
    machine, books = Machine(), Books()
    for call, *arguments in calls:
        try:
            value = getattr(machine, call)(*arguments)
        except Refused:
            continue
        books.allowed(call, arguments, value)
    return books.violated


def is_sound(trace):
    """Whether it has the form of a trace."""
    calls = trace.get("calls") if isinstance(trace, dict) else None
    return isinstance(calls, list) and 0 < len(calls) <= MOST_CALLS and all(map(is_call, calls))


def is_call(call):
    """Whether the server has such a call."""
    if not isinstance(call, list) or not call or not isinstance(call[0], str) or call[0] not in FORMS:
        return False
    form, arguments = FORMS[call[0]], call[1:]
    return len(arguments) == len(form) and all(
        type(value) is kind and is_small(value) for kind, value in zip(form, arguments, strict=True)
    )


def is_small(value):
    """A number, a text or a list of texts of a size that a call takes."""
    if isinstance(value, list):
        return len(value) <= 8 and all(isinstance(one, str) for one in value)
    return len(value) <= 40 if isinstance(value, str) else abs(value) <= LARGEST


if __name__ == "__main__":
    main()
