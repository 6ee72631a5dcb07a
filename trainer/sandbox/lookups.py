"""Names that were looked up are remembered by the kernel, those that are not there too: to ask a second time
takes half the time of the first. Whoever asks next can read from that what was asked before, a bit a name.

- It needs no file: any folder that both may look into will do. That all files are resident is not enough.
- A control group with a bound of memory gives back what was charged to it, names among it. Where there is
  none root can make the kernel forget all names, for the whole machine; else they stay.
"""

from pathlib import Path

from trainer.process.control_group import ControlGroup

SWITCH = Path("/proc/sys/vm/drop_caches")

NAMES, QUIETLY = 2, 4
"""Bits of the switch by Documentation/admin-guide/sysctl/vm.rst: dentries and inodes, no line in the log."""


def forget(group: ControlGroup | None = None, switch: Path = SWITCH) -> bool:
    """Have the kernel forget the names that were looked up so far. group: of who looked them up. Returns
    whether it was asked to.
    """
    if group is not None and group.give_back():
        return True
    try:
        switch.write_text(str(NAMES | QUIETLY))
    except OSError:  # not root, or a container where /proc/sys is read-only
        return False
    return True
