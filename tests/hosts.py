"""What a host has of its own on this machine: an address behind a cable, a small disk. Both take root."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ZEROS = bytes(16 << 20)


@dataclass(frozen=True)
class Link:
    """A host of its own in a network namespace, at the far end of a cable that can be pulled. Takes root."""

    namespace: str
    near: str = "10.231.77.1"
    far: str = "10.231.77.2"

    @property
    def command(self) -> list[str]:
        """What a command is put behind to run there."""
        return ["ip", "netns", "exec", self.namespace]

    def make(self) -> None:
        """Make the namespace and the cable."""
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self.namespace, "type", "veth", "peer", "name", "far", "netns", self.namespace)
        _ip("addr", "add", f"{self.near}/24", "dev", self.namespace)
        _ip("link", "set", self.namespace, "up")
        inside = ("netns", "exec", self.namespace, "ip")
        _ip(*inside, "addr", "add", f"{self.far}/24", "dev", "far")
        _ip(*inside, "link", "set", "far", "up")
        _ip(*inside, "link", "set", "lo", "up")

    def pull(self) -> None:
        """Cut the host off."""
        _ip("link", "set", self.namespace, "down")

    def plug(self) -> None:
        """Join the host again."""
        _ip("link", "set", self.namespace, "up")

    def remove(self) -> None:
        """The namespace and the cable are gone."""
        _ip("netns", "delete", self.namespace)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Disk:
    """A small disk of its own at this folder, in memory. Takes root."""

    folder: Path
    n_bytes: int

    def mount(self) -> None:
        """An empty one."""
        self.folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.n_bytes}", "cpullm", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self, n_left: int = 0) -> None:
        """No more than so many bytes fit, until `free`."""
        with self._filling.open("ab", buffering=0) as stream, contextlib.suppress(OSError):
            while (n := self._n_free() - n_left) > 0:
                stream.write(_ZEROS[:n])

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filling.unlink(missing_ok=True)

    def unmount(self) -> None:
        """It is gone with all that lies on it, though somebody may still be reading it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @property
    def _filling(self) -> Path:
        return self.folder / "filling"

    def _n_free(self) -> int:
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize


def can_mount() -> bool:
    """Whether this process may have a disk of its own."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(OSError, subprocess.CalledProcessError):
        disk = Disk(Path(folder, "disk"), 1 << 20)
        disk.mount()
        disk.unmount()
        return True
    return False
