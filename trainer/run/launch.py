"""First code of a variant's process: reads the surface's text from its stdin, puts it at its place and runs
it as ``__main__``.

Started by path as ``python -S -P launch.py SURFACE [--stand-by [MODULE ...]]``: without ``site``, so that no
``.pth`` file can put our packages on the path, and without this file's own folder on it. What ``site`` would
have given a script is made up for here. Imports nothing of ours.

Until the text is there nothing but this file and the modules named runs. A standby says on its stdin, a
socket, when it waits: a twin does so while the variant it is to check is ended.
"""

import importlib
import os
import runpy
import site
import sys
from pathlib import Path

STAND_BY = "--stand-by"

CHUNK = 1 << 16


def main() -> None:
    """Wait for the text, and run it with its own folder first on the path and ``exit()`` defined. No text:
    nobody wants it run.
    """
    surface, *standby = sys.argv[1:]
    del sys.argv[1:]
    site.setquit()
    site.sethelper()
    if standby[:1] == [STAND_BY]:
        _stand_by(standby[1:])
    if text := _given():
        Path(surface).write_bytes(text)  # where inspect, dataclasses and compilers look for it
        sys.path.insert(0, str(Path(surface).parent))
        runpy.run_path(surface, run_name="__main__")


def _stand_by(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    os.write(0, b".")


def _given() -> bytes:
    """All of stdin, which is empty from then on."""
    chunks = []
    while chunk := os.read(0, CHUNK):
        chunks.append(chunk)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return b"".join(chunks)


if __name__ == "__main__":
    main()
