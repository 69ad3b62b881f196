"""A standalone cluster of Spark on this machine: a master and workers as processes, from pyspark alone."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.hosts import Disk, Link

STANDIN = Path(__file__).parent / "standin"
_ROOT = Path(__file__).parent.parent
_START_SECONDS = 60.0


@dataclass
class Node:
    """A worker daemon of Spark, with a model cache of its own as a host has; `start` again after it was killed."""

    cluster: Cluster
    name: str
    host: str
    n_cpus: int
    link: Link | None = None
    disk_bytes: int | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Its work and its models."""
        return self.cluster.folder / self.name

    @property
    def cache(self) -> Path:
        """Where it keeps models."""
        return self.folder / "models"

    @property
    def disk(self) -> Disk:
        """The disk of its own, with all it writes but its daemon's log."""
        assert self.disk_bytes is not None
        return Disk(self.folder, self.disk_bytes)

    def start(self) -> None:
        """Start the daemon; it joins the master by itself."""
        local = self.folder / "tmp"
        shutil.rmtree(local, ignore_errors=True)  # what was killed left its files
        local.mkdir(parents=True, exist_ok=True)
        self.process = self.cluster.start(
            self.name,
            ["Worker", "-h", self.host, "-c", str(self.n_cpus), "-m", "2g", "-d", str(self.folder / "work"),
             "--webui-port", "0", self.cluster.master],
            env={"CPULLM_MODEL_CACHE": str(self.cache), "SPARK_LOCAL_DIRS": str(local)},
            within=self.link.command if self.link else (),
        )  # fmt: skip

    def kill(self) -> None:
        """As a machine that loses power: the daemon, its executors and their Pythons at once."""
        for pid in [*self.executors(), *self.pythons()]:
            kill(pid)
        if self.process is not None:
            kill(self.process.pid)
            self.process.wait()

    def executors(self) -> list[int]:
        """Its executors' processes."""
        return [pid for pid in self._processes() if "CoarseGrainedExecutorBackend" in _read(pid, "cmdline")]

    def pythons(self) -> list[int]:
        """The Python daemons and workers of its executors."""
        return [pid for pid in self._processes() if "java" not in _read(pid, "cmdline").split("\0")[0]]

    def _processes(self) -> list[int]:
        ours = f"CPULLM_MODEL_CACHE={self.cache}"
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if ours in _read(pid, "environ").split("\0")]


@dataclass
class Cluster:
    """A master and its workers. Everything they write is under `folder`."""

    folder: Path
    host: str = "127.0.0.1"
    env: Mapping[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    port: int = field(default_factory=lambda: _free_port())
    web_port: int = field(default_factory=lambda: _free_port())
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def master(self) -> str:
        """The master's address."""
        return f"spark://{self.host}:{self.port}"

    def start(
        self, name: str, role: list[str], *, env: Mapping[str, str] | None = None, within: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a daemon of Spark; its log is beside its work."""
        import pyspark

        spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, **self.env, **(env or {})}
        environment["PYTHONPATH"] = os.pathsep.join([environment.get("PYTHONPATH", ""), str(_ROOT)])
        environment.pop("SPARK_HOME", None)
        command = [str(spark_class), f"org.apache.spark.deploy.{role[0].lower()}.{role[0]}", *role[1:]]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*within, *command], stdout=log, stderr=log, env=environment, start_new_session=True, cwd=self.folder
            )
        self._processes.append(process)
        return process

    def wait(self, n_workers: int) -> None:
        """Until so many workers have joined."""
        until(lambda: self._n_alive() == n_workers, _START_SECONDS, f"{n_workers} workers have joined")

    def stop(self) -> None:
        """Kill all that was started."""
        for node in self.nodes:
            node.kill()
        for process in self._processes:
            kill(process.pid)
            process.wait()
        for node in self.nodes:
            if node.disk_bytes is not None and node.folder.is_mount():
                node.disk.unmount()

    def _n_alive(self) -> int:
        with urllib.request.urlopen(f"http://{self.host}:{self.web_port}/json/", timeout=5) as page:
            found = re.search(rb'"aliveworkers"\s*:\s*(\d+)', page.read())
        return int(found[1]) if found else 0


@contextlib.contextmanager
def started(
    folder: Path,
    *,
    n_nodes: int = 2,
    n_cpus: int = 1,
    env: Mapping[str, str] | None = None,
    links: Sequence[Link] = (),
    disk_bytes: int | None = None,
) -> Iterator[Cluster]:
    """A cluster of `n_nodes` workers in a new folder, gone when the context ends; the last ones behind the `links`.

    With `disk_bytes` every worker has a disk of its own, of that size.
    """
    folder.mkdir()
    cluster = Cluster(folder, links[0].near if links else "127.0.0.1", env or {})
    try:
        ports = ["-p", str(cluster.port), "--webui-port", str(cluster.web_port)]
        # As docs/cluster.md has it: a job outlives a moment in which a full host is the only one.
        env = {"SPARK_MASTER_OPTS": "-Dspark.deploy.maxExecutorRetries=-1"}
        cluster.start("master", ["Master", "-h", cluster.host, *ports], env=env)
        for i in range(n_nodes - len(links)):
            host = cluster.host if links else f"127.0.0.{i + 2}"  # Spark tells hosts apart by their names
            cluster.nodes.append(Node(cluster, f"node{i}", host, n_cpus, None, disk_bytes))
        cluster.nodes += [Node(cluster, link.namespace, link.far, n_cpus, link, disk_bytes) for link in links]
        for node in cluster.nodes:
            if disk_bytes is not None:
                node.disk.mount()
            node.start()
        cluster.wait(n_nodes)
        yield cluster
    finally:
        cluster.stop()


@dataclass
class Driver:
    """A driver at work. What it prints goes to a file: a pipe that nobody reads would stop it."""

    process: subprocess.Popen[bytes]
    output: Path

    def is_over(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self.process.poll() is not None

    def ended(self, seconds: float = 180.0) -> tuple[int, str]:
        """Its exit code and what it printed; it is killed with all it started if it takes longer."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it took more than {seconds:.0f} s:\n{self._told()[-3000:]}") from None
        return self.process.returncode, self._told()

    def kill(self) -> None:
        """As a machine that loses power: Python and the JVM at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self.process.pid, signal.SIGINT)

    def _told(self) -> str:
        return self.output.read_text("utf-8", "replace")


def drive(
    cluster: Cluster, *arguments: str, settings: Mapping[str, str] | None = None, python: str = sys.executable
) -> Driver:
    """`cpullm` with these arguments on the cluster, as a user starts it, in a process group of its own.

    Executors start `python`.
    """
    conf = {
        "spark.executor.memory": "700m", "spark.driver.bindAddress": cluster.host, "spark.driver.host": cluster.host,
        "spark.ui.enabled": "false", **(settings or {}),
    }  # fmt: skip
    flags = " ".join(f"--conf {name}={value}" for name, value in conf.items())
    environment = {
        **os.environ, "PYSPARK_PYTHON": python, "PYSPARK_SUBMIT_ARGS": f"{flags} pyspark-shell",
        "SPARK_LOCAL_IP": cluster.host,
    }  # fmt: skip
    output = cluster.folder / f"driver-{uuid.uuid4()}.log"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "cpullm.cli", *arguments, "--master", cluster.master],
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,
            cwd=_ROOT,
        )
    return Driver(process, output)


def computed(log: Path) -> Counter[str]:
    """How often each request was answered by the stand-in, from what it notes in the folder `log`."""
    return Counter(line for file in log.iterdir() for line in file.read_text().splitlines())


def mapping(pid: int, ending: str) -> dict[str, int]:
    """Inode and proportional set size, in bytes, of the files of this ending that a process has mapped; {} if none."""
    found: dict[str, int] = {}
    ours = False
    for line in _read(pid, "smaps").splitlines():
        if head := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)\s*(.*)", line):
            ours = head[2].endswith(ending)
            if ours:
                found["inode"] = int(head[1])
        elif ours and line.startswith("Pss:"):
            found["Pss"] = found.get("Pss", 0) + 1024 * int(line.split()[1])
    return found


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until it holds; AssertionError if it does not in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            if holds():
                return
        time.sleep(0.1)
    raise AssertionError(f"not in {seconds:.0f} s: {what}")


def kill(pid: int) -> None:
    """End a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _read(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace")
    return ""
