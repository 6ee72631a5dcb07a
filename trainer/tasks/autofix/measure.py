"""Counts the tests that fail: they run here, and what they test runs in another process.

- The surface is imported by a child alone, a new one for each test. A test calls a function by name and
  gets back a value as JSON, or the name of an exception: that is all a surface can answer with. It cannot
  reach unittest, a test or the count, and its exit is a test that fails.
- This file and the tests are read, and gone, before the first child starts.
- Nobody of the same user reads this process's memory or its open files, and no child outlives the count.
"""

import builtins
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import types
import unittest
from pathlib import Path

CHILD = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, os.getcwd())
import timetable
for line in sys.stdin:
    number, name, arguments = json.loads(line)
    try:
        answer = {"value": getattr(timetable, name)(*arguments)}
    except Exception as error:
        answer = {"raises": type(error).__name__}
    answers.write(json.dumps([number, answer]) + "\\n")
    answers.flush()
"""
SECONDS = 2.0
"""A call may take, its process's start included."""
LONGEST = 1 << 16
"""Bytes of an answer."""
SAME_NAMES = ("IndexError", "KeyError", "TypeError", "ValueError", "ZeroDivisionError")
"""Exceptions that are raised here as what they were there."""
DUMPABLE, SUBREAPER = 4, 36
"""Numbers of prctl's options."""


class NoAnswerError(Exception):
    """The child has ended, or said nothing that is an answer."""


class Elsewhere:
    """The module, as far as its functions can be called in a child."""

    def __init__(self):
        self._child, self._calls = None, 0

    def __getattr__(self, name):
        return lambda *arguments: self._call(name, arguments)

    def renew(self):
        """End the child; the next call starts another."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None

    def _call(self, name, arguments):
        if self._child is None:
            self._child = _started()
        self._calls += 1
        try:
            self._child.stdin.write(json.dumps([self._calls, name, arguments]).encode() + b"\n")
            self._child.stdin.flush()
            number, answer = json.loads(self._line())
            said = number == self._calls and isinstance(answer, dict) and len(answer) == 1
        except (OSError, ValueError, TypeError, RecursionError):
            said = False
        if not said:
            self.renew()
            raise NoAnswerError(name)
        if "raises" in answer:
            raised = answer["raises"] if answer["raises"] in SAME_NAMES else "RuntimeError"
            raise getattr(builtins, raised)(name)
        return answer.get("value")

    def _line(self):
        """What it answers, up to the end of the line."""
        stream, end, line = self._child.stdout.fileno(), time.monotonic() + SECONDS, b""
        while not line.endswith(b"\n"):
            if len(line) > LONGEST or not select.select([stream], [], [], max(0.0, end - time.monotonic()))[0]:
                raise ValueError("too long")
            part = os.read(stream, LONGEST)
            if not part:
                raise ValueError("it has ended")
            line += part
        return line


class Count(unittest.TestResult):
    """A result that gives every test a new child."""

    def __init__(self, elsewhere):
        super().__init__()
        self._elsewhere = elsewhere

    def stopTest(self, test):  # noqa: N802 - unittest's name
        """The test is over, and so is its child."""
        super().stopTest(test)
        self._elsewhere.renew()


def main():
    """Run the tests and say how many failed."""
    if Path("task.yaml").exists():
        sys.exit("this is the task's own folder: what runs here deletes files, and belongs into a box")
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(DUMPABLE, 0, 0, 0, 0) or prctl(SUBREAPER, 1, 0, 0, 0):
        sys.exit("this machine does not let a process keep to itself")
    tests = types.ModuleType("tests")
    text = Path("tests.py").read_text(encoding="utf-8")
    for name in ("tests.py", Path(__file__).name):
        Path(name).unlink()
    tests.timetable = elsewhere = Elsewhere()
    exec(compile(text, "tests.py", "exec"), tests.__dict__)  # noqa: S102 - the task's own tests
    count = Count(elsewhere)
    unittest.defaultTestLoader.loadTestsFromModule(tests).run(count)
    end_children()
    failing = {id(test) for test, _ in count.failures + count.errors}
    print(f"METRIC tests={count.testsRun}")
    print(f"METRIC failing={len(failing)}")


def _started():
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        start_new_session=True,
        preexec_fn=_bounded,
    )


def _bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def end_children():
    """Kill whatever is left of those that were started, whoever started it: it comes to this process."""
    while children := [pid for pid, parent in _processes() if parent == os.getpid()]:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _processes():
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text(errors="replace").rpartition(")")
        except OSError:
            continue
        yield int(path.parent.name), int(rest.split()[1])


if __name__ == "__main__":
    main()
