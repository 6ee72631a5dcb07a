"""First code of a variant's process: reads the surface's text from stdin, puts it at its place and runs it as
``__main__``.

Started by path as ``python -S -P launch.py SURFACE [MODULE ...]``: without ``site``, so that no ``.pth`` file
can put our packages on the path, and without this file's own folder on it. What ``site`` would have given a
script is made up for here. Imports nothing of ours.

Until the text is there nothing but this file and the modules named runs: a twin waits here while the variant
it is to check is ended.
"""

import importlib
import os
import runpy
import site
import sys
from pathlib import Path

CHUNK = 1 << 16


def main() -> None:
    """Import the modules named, wait for the text, and run it with its own folder first on the path and
    ``exit()`` defined. No text: nobody wants it run.
    """
    surface, *modules = sys.argv[1:]
    del sys.argv[1:]
    site.setquit()
    site.sethelper()
    for module in modules:
        importlib.import_module(module)
    if text := _given():
        Path(surface).write_bytes(text)  # where inspect, dataclasses and compilers look for it
        sys.path.insert(0, str(Path(surface).parent))
        runpy.run_path(surface, run_name="__main__")


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
