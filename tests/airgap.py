"""A machine without a network, on this one: the system, what was carried there, and nothing else. Takes root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path("/mnt")  # where the machine's folder is there
_CHECKOUT = Path(__file__).parent.parent
_NAME = "closed"
_USER = 54321  # owns nothing
_SYSTEM = {
    "passwd": f"root:x:0:0:root:/root:/bin/sh\nreader:x:{_USER}:{_USER}::{INSIDE}/home:/bin/sh\n",
    "hosts": f"127.0.0.1 localhost {_NAME}\n::1 localhost\n",
    "resolv.conf": "nameserver 192.0.2.53\noptions timeout:1 attempts:1\n",  # nobody's address (RFC 5737)
}
# Its first process; all others end with it, and it with its input: with whoever made the machine, however that ends.
_FIRST = """
set -e
exec 3<&0
ip link set lo up
echo "$1" >/proc/sys/kernel/hostname
mount --make-rprivate /
mount --bind "$2" /mnt
for path in /mnt/etc/*; do mount --bind "$path" "/etc/${path##*/}"; done
[ -z "$3" ] || mount --bind "$3" /mnt/java
shift 3
for path do [ ! -d "$path" ] || mount -t tmpfs -o mode=755 cpullm "$path"; done
chmod 1777 /tmp /var/tmp
echo ready
cat <&3 >/dev/null &
wait
"""


@dataclass(frozen=True)
class Closed:
    """The machine as long as it is there; `folder` is its `INSIDE`, and `pid` its first process."""

    folder: Path
    pid: int

    def start(
        self, *command: str | Path, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in the home folder, without rights and environment; the log, or a pipe, gets what it says."""
        java = {"JAVA_HOME": str(INSIDE / "java")} if _java() else {}
        given = {"PATH": "/usr/bin:/bin", "HOME": str(INSIDE / "home"), **java, **(env or {})}
        within = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--uts"]
        user = [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        clean = ["env", "-i", *(f"{name}={value}" for name, value in given.items())]
        at_home = ["sh", "-c", 'cd && exec "$@"', "sh", *map(str, command)]
        with log.open("ab") if log else contextlib.nullcontext(subprocess.PIPE) as told:
            return subprocess.Popen(
                [*within, "setpriv", *user, *clean, *at_home],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None, seconds: float = 600) -> tuple[int, str]:
        """The exit code of a command, and what it said. AssertionError if it takes longer."""
        process = self.start(*command, env=env)
        try:
            told, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{command} took more than {seconds:.0f} s: {process.communicate()[0]}") from None
        return process.returncode, told

    def tries(self) -> int:
        """How often something here has sent to, or wanted a connection with, what no way leads to."""
        rows = Path(f"/proc/{self.pid}/net/snmp").read_text().splitlines()
        names, numbers = (row.split() for row in rows if row.startswith("Ip:"))
        ip6 = dict(row.split() for row in Path(f"/proc/{self.pid}/net/snmp6").read_text().splitlines())
        return int(numbers[names.index("OutNoRoutes")]) + int(ip6.get("Ip6OutNoRoutes", 0))


def can_close() -> bool:
    """Whether this process may make such a machine."""
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare", "nsenter", "setpriv")))


@contextlib.contextmanager
def closed(folder: Path) -> Iterator[Closed]:
    """A machine that has this folder, and neither the checkout, nor its Python, nor anybody's home folder."""
    for name, text in _SYSTEM.items():
        (folder / "etc").mkdir(exist_ok=True)
        (folder / "etc" / name).write_text(text)
    for name in ("home", "java"):
        (folder / name).mkdir(exist_ok=True)
    os.chown(folder / "home", _USER, _USER)
    folder.chmod(0o755)
    spaces = ["--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = ["unshare", *spaces, "sh", "-c", _FIRST, "sh", _NAME, str(folder), _java(), *_covered()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the closed machine cannot be made (see above)"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        yield Closed(folder, int(children))
        process.stdin.close()


def _java() -> str:
    """Java's folder, if it is not where the closed machine looks for it."""
    home = os.environ.get("JAVA_HOME")
    java = Path(home, "bin", "java") if home else Path(shutil.which("java") or "java")
    return "" if java.parent in (Path("/usr/bin"), Path("/bin")) else str(java.resolve().parent.parent)


def _covered() -> list[str]:
    """The folders that are empty there: every Python's, homes, temporary files, and what the checkout lies in."""
    above = _CHECKOUT.parent if _CHECKOUT.parent != Path("/") else _CHECKOUT
    pythons = [path for lib in ("/usr/lib", "/usr/local/lib") for path in Path(lib).glob("python3*")]
    pythons += [Path(sys.prefix), Path(sysconfig.get_path("stdlib"))]
    folders = [above, Path.home(), "/root", "/home", "/tmp", "/var/tmp", *pythons]
    return [str(folder) for folder in dict.fromkeys(folders)]
