"""Machines that are none: network, process, mount, name and IPC namespaces with a real sshd in them, on a
bridge of their own.

- Needs root, and of Debian openssh-server, openssh-client, rsync, iproute2; ``lacking`` says what is missing.
- Each has its own /tmp, /dev/shm, /run and home; everything else is this machine's. Nothing of them reaches
  this machine's network, and they reach only each other.
- The first process of each is a shell that reaps: an sshd in its place leaves zombies that Ray takes for
  living parents. All ends with that shell.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

NEEDED = ("sshd", "ssh", "ssh-keygen", "rsync", "ip", "unshare", "nsenter", "mount")
HOME = "/run/home"
SITE = f"autoswarm/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
"""Below the home: where hosts find the packages that this Python has, ours not among them."""

FIRST_PROCESS = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/home /run/over/upper /run/over/work /run/sshd /run/lock
cp -a "$TEMPLATE/." /run/home/
cd "/run/home/$SITE"
mount -t overlay -o "lowerdir=$PACKAGES,upperdir=/run/over/upper,workdir=/run/over/work" overlay .
cd "/run/home/$SITE"
rm -rf autoswarm-*.dist-info _editable_impl_autoswarm.pth
cp "$TEMPLATE/../ssh/"* /run/sshd/
sed 's#^root:\([^:]*\):0:0:\([^:]*\):.*#root:\1:0:0:\2:/run/home:/bin/bash#' /etc/passwd > /run/passwd
mount --bind /run/passwd /etc/passwd
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t proc proc /proc
hostname "$NAME"
ip link set lo up
touch /run/ready
cd /
while [ ! -e /run/wired ]; do sleep 0.05; done
/usr/sbin/sshd -f /run/sshd/config -E /run/sshd.log
trap : CHLD
while :; do sleep 1000 & wait $! || true; done
"""

SSHD = """
Port 22
HostKey /run/sshd/host
AuthorizedKeysFile /run/sshd/key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
"""


def lacking() -> str:
    """Why there can be no such machines here; empty where there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root, to make namespaces"
    missing = [name for name in NEEDED if _program(name) is None]
    if missing:
        return f"needs {', '.join(missing)}: openssh-server, openssh-client, rsync and iproute2 of Debian"
    tried = subprocess.run(
        [
            "unshare",
            "--net",
            "--pid",
            "--mount",
            "--uts",
            "--ipc",
            "--fork",
            "sh",
            "-c",
            "mount -t tmpfs x /tmp",
        ],
        capture_output=True,
        text=True,
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Host:
    """One machine."""

    def __init__(self, name: str, address: str, starter: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.address = address
        self.log = log
        self._starter = starter
        self.first = _child(starter.pid)
        """Its first process, by the number it has on this machine."""

    def file(self, path: str) -> Path:
        """A file of it, as this machine finds it. path: from its root, without the first slash."""
        return Path("/proc", str(self.first), "root", path)

    def run(self, command: str, seconds: float = 60.0) -> str:
        """What a login shell of its user prints on stdout. Raises AssertionError when it fails."""
        done = self.tried(command, seconds)
        assert done.returncode == 0, f"{self.name}: {command!r} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def tried(self, command: str, seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """The same, however it ends."""
        return subprocess.run(
            self.entering("bash", "-ic", command),
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        """The same, not waited for; what it says goes to the host's log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.entering("bash", "-ic", command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def entering(self, *command: str) -> list[str]:
        """A command line that runs ``command`` there, with an environment of its own."""
        environment = (
            f"HOME={HOME}",
            "USER=root",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        )
        where = ["nsenter", "--target", str(self.first), "--all", f"--wdns={HOME}"]
        return [*where, "env", "-i", *environment, *command]

    def processes(self) -> list[psutil.Process]:
        """All that lives there but its first process and sshd."""
        living = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if self._holds(process) and process.status() != psutil.STATUS_ZOMBIE:
                    living.append(process)
        return [
            process
            for process in living
            if process.pid != self.first and _name(process) not in ("sshd", "sleep")
        ]

    def _holds(self, process: psutil.Process) -> bool:
        return _namespace(process.pid, "pid") == _namespace(self.first, "pid")

    def end(self) -> None:
        """With all that is in it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)
        self._starter.wait(10)


class Network:
    """Hosts on a bridge. Addresses are 10.99.0.1 and up."""

    def __init__(self, folder: Path, template: Path, packages: Path) -> None:
        """folder: for keys and logs. template: the home folder each host begins with. packages: folder of
        Python packages that they see at ``SITE``.
        """
        self._folder = folder
        self._template = template
        self._packages = packages
        self.hosts: dict[str, Host] = {}
        self._switch = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        _until(
            lambda: _namespace(self._switch.pid, "net") != _namespace(os.getpid(), "net"),
            "a network of its own",
        )
        self._in_switch("ip", "link", "add", "bridge", "type", "bridge")
        self._in_switch("ip", "link", "set", "bridge", "up")
        self._make_keys()

    def add(self, name: str) -> Host:
        """A machine that answers to ssh."""
        number = len(self.hosts) + 1
        address, log = f"10.99.0.{number}", self._folder / f"{name}.log"
        environment = {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "NAME": name,
            "TEMPLATE": str(self._template),
            "PACKAGES": str(self._packages),
            "SITE": SITE,
        }
        kinds = ("--net", "--pid", "--mount", "--uts", "--ipc")
        with log.open("ab") as output:
            starter = subprocess.Popen(
                ["unshare", *kinds, "--fork", "--kill-child", "bash", "-c", FIRST_PROCESS],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        host = self.hosts[name] = Host(name, address, starter, log)
        self._wire(host)
        return host

    def cut(self, host: Host) -> None:
        """Pull its cable."""
        self._in_switch("ip", "link", "set", f"to-{host.name}", "down")

    def mend(self, host: Host) -> None:
        """Plug it in again."""
        self._in_switch("ip", "link", "set", f"to-{host.name}", "up")

    def close(self) -> None:
        """End every host, and the network."""
        for host in self.hosts.values():
            host.end()
        self._switch.kill()
        self._switch.wait()

    def _wire(self, host: Host) -> None:
        first, port = str(host.first), f"to-{host.name}"
        inside = ("nsenter", "--target", first, "--net", "--mount")
        _until(lambda: host.file("run/ready").exists(), f"{host.name} is set up", host.log)
        self._in_switch("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", first)
        self._in_switch("ip", "link", "set", port, "master", "bridge", "up")
        for words in (
            ("addr", "add", f"{host.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", "10.99.0.254", "onlink", "dev", "eth0"),
        ):
            _call(*inside, "ip", *words)
        host.file("run/wired").touch()
        _until(lambda: "Server listening" in _text(host.file("run/sshd.log")), "sshd", host.log)

    def _in_switch(self, *command: str) -> None:
        _call("nsenter", "--target", str(self._switch.pid), "--net", *command)

    def _make_keys(self) -> None:
        keys = self._template.parent / "ssh"
        keys.mkdir()
        for name in ("host", "key"):
            _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name))
        (keys / "config").write_text(SSHD, encoding="utf-8")
        folder = self._template / ".ssh"
        folder.mkdir(mode=0o700)
        shutil.copy2(keys / "key", folder / "id_ed25519")


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _child(parent: int) -> int:
    """The only child of a process, once there is one."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    _until(lambda: bool(_text(children).split()), "the first process")
    return int(_text(children).split()[0])


def _namespace(pid: int, kind: str) -> str:
    return str(Path("/proc", str(pid), "ns", kind).readlink())


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return str(process.name())
    return ""


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _until(true: object, what: str, log: Path | None = None, seconds: float = 15.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s {_text(log) if log else ''}"
        time.sleep(0.02)


@contextlib.contextmanager
def network(folder: Path, template: Path, packages: Path, names: Sequence[str]) -> Iterator[Network]:
    """A network with these machines; nothing of it is left."""
    made = Network(folder, template, packages)
    try:
        for name in names:
            made.add(name)
        yield made
    finally:
        made.close()
