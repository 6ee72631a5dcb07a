"""Which mounts would note that a file was read."""

from pathlib import Path

from trainer.sandbox.bind_mounts import MS_NODEV, MS_NOSUID, Mounted, timed

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw,nosuid,nodev,noexec,relatime shared:2 - proc proc rw
24 22 8:1 / /usr rw,nosuid,nodev,relatime shared:3 - xfs /dev/sda1 rw
25 24 8:2 / /usr/share rw,noatime shared:4 - xfs /dev/sda2 rw
26 22 8:3 / /srv rw,relatime shared:5 - xfs /dev/sda3 rw
27 22 8:4 / /opt ro,relatime shared:6 - xfs /dev/sda4 ro
"""


def test_mounts_that_hold_what_is_read_are_those_that_note_it() -> None:
    assert timed([Path("/usr/lib"), Path("/bin"), Path("/opt/python"), Path("/proc/cpuinfo")], MOUNTS) == [
        Mounted(Path("/"), 0),
        Mounted(Path("/usr"), MS_NOSUID | MS_NODEV),
    ]


def test_layers_of_containers_note_nothing() -> None:
    assert timed([Path("/usr")], "22 1 0:40 / / rw,relatime - overlay overlay rw\n") == []


def test_a_mount_whose_name_has_a_blank_is_one_like_others() -> None:
    line = r"36 25 8:1 / /mnt/my\040disk rw,relatime - ext4 /dev/sda rw"
    [mounted] = timed([Path("/mnt/my disk/venv")], line)
    assert mounted.place == Path("/mnt/my disk")
