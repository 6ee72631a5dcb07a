"""First code of a variant's process: runs the surface as ``__main__``.

Started by path as ``python -S -P launch.py SURFACE``: without ``site``, so that no ``.pth`` file can put our
packages on the path, and without this file's own folder on it. What ``site`` would have given a script is
made up for here. Imports nothing of ours.
"""

import runpy
import site
import sys
from pathlib import Path


def main() -> None:
    """Run the surface named on the command line, with its own folder first on the path and ``exit()``
    defined.
    """
    surface = sys.argv.pop(1)
    site.setquit()
    site.sethelper()
    sys.path.insert(0, str(Path(surface).parent))
    runpy.run_path(surface, run_name="__main__")


if __name__ == "__main__":
    main()
