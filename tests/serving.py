"""How fast a model comes to n hosts at once: `python -m tests.serving --hosts 4`, or `make serving HOSTS=4`.

A standalone cluster of this machine, an executor a host, a file of random bytes as the model. First over a network:
every host a namespace on one bridge, with a link of so many Mbit/s each way, and the driver with one
link of as many for all of them; it takes root and iproute2. Then over loopback: what the driver can serve at most.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm.fetch import file_sha256
from cpullm.spark import placing
from tests import cluster as clusters
from tests.cluster import Cluster, until
from tests.hosts import Link

if TYPE_CHECKING:
    from pyspark import SparkContext

NET = "10.231.78"
BURST_BYTES = 1 << 20
ASKED_GIGABYTES, ASKED_HOSTS = 4, 100  # what the last column is computed for
S3 = "import flask, sys; flask.Flask('s3', static_folder=sys.argv[1], static_url_path='').run(sys.argv[2], 80)"


@dataclass(frozen=True)
class Row:
    """One model brought to all hosts at once."""

    way: str
    hosts: int
    gigabytes: float
    brought_seconds: float | None  # until the last host has the bytes; None if that is one with checking them
    ready_seconds: float  # until the last host has checked them as well
    sent_gigabytes: float | None  # what went over the driver's link, if there is one
    driver_cpu_seconds: float  # of the driver's JVM

    @property
    def cells(self) -> list[str]:
        """As the table shows it."""
        total = self.hosts * self.gigabytes
        rate = total / self.brought_seconds if self.brought_seconds else None
        asked = ASKED_GIGABYTES * ASKED_HOSTS / rate / 60 if rate else None
        numbers = [
            (self.brought_seconds, ".1f"), (rate and 1000 * rate, ".0f"), (self.ready_seconds, ".1f"),
            (self.sent_gigabytes, ".2f"), (self.driver_cpu_seconds / total, ".2f"), (asked, ".0f"),
        ]  # fmt: skip
        return [self.way, str(self.hosts), *("-" if number is None else format(number, how) for number, how in numbers)]


HEADS = (
    "way", "hosts", "brought, s", "MB/s in all", "and checked, s", "GB from the driver", "driver's CPU, s/GB",
    f"computed: {ASKED_GIGABYTES} GB to {ASKED_HOSTS} hosts, min",
)  # fmt: skip


def main() -> int:
    """Measure; print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2, help="1, 2, 4 … up to so many")
    parser.add_argument("--gigabytes", type=float, default=0.5)
    parser.add_argument("--mbits", type=int, default=1000, help="what each link carries each way")
    parser.add_argument("--out", default="serving.json")
    arguments = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    rows = []
    for row in run(arguments.hosts, arguments.gigabytes, arguments.mbits):
        rows.append(row)
        print(f"{row.way}, {row.hosts} hosts: {row.ready_seconds:.1f} s", file=sys.stderr, flush=True)
    Path(arguments.out).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    for cells in (HEADS, ["---"] * len(HEADS), *(row.cells for row in rows)):
        print("| " + " | ".join(cells) + " |")
    return 0


def run(n_hosts: int, gigabytes: float, mbits: int) -> Iterator[Row]:
    """Every way with 1, 2, 4 … hosts; without root, only what loopback shows."""
    counts = [n for n in (1 << i for i in range(10)) if n < n_hosts] + [n_hosts]
    with tempfile.TemporaryDirectory() as name:
        model = Path(name, "shelf", "model.gguf")
        model.parent.mkdir()
        with model.open("wb") as stream:
            for _ in range(round(gigabytes * 1000)):
                stream.write(os.urandom(1_000_000))
        sha256 = file_sha256(model)
        yield from _over_network(counts, mbits, model, sha256)
        for n in counts:
            with clusters.started(Path(name, f"loopback{n}"), n_nodes=n) as cluster:
                yield _measured(cluster, "SparkFiles, loopback", str(model), model, sha256)


def _over_network(counts: Sequence[int], mbits: int, model: Path, sha256: str) -> Iterator[Row]:
    """What a driver's link limits, and what it does not; nothing without root."""
    if os.geteuid() != 0 or shutil.which("tc") is None:
        print("Only loopback is measured: a network takes root and iproute2 (ip, tc).", file=sys.stderr)
        return
    for n in counts:
        with (
            tempfile.TemporaryDirectory() as name,
            network(n, mbits) as (links, shelf),
            _s3(shelf, model) as uri,
            clusters.started(Path(name, "cluster"), n_nodes=n, links=links, env=_S3_ENV) as cluster,
        ):
            for way, where in (("SparkFiles", str(model)), ("path", str(model)), ("s3", uri)):
                yield _measured(cluster, way, where, model, sha256, sent=lambda: _sent(_bridge()))


def _measured(
    cluster: Cluster, way: str, where: str, model: Path, sha256: str, *, sent: Callable[[], int] | None = None
) -> Row:
    """All hosts take the model at the same time; none has it, and Pythons run already."""
    n = len(cluster.nodes)
    with _context(cluster) as context:
        everywhere = context.parallelize(range(n), n)
        context.addFile(__file__)  # a small file first: the JVMs know the way
        everywhere.barrier().mapPartitions(lambda part: part).collect()
        if way.startswith("SparkFiles"):
            context.addFile(where)
        cpu, n_sent, began = _cpu_seconds(context), sent() if sent else 0, time.time()
        times = everywhere.mapPartitions(_taking(way, where, sha256)).collect()
        cpu = _cpu_seconds(context) - cpu
        n_sent = sent() - n_sent if sent else 0
    assert len({folder for folder, _, _ in times}) == n, "a host had two tasks, and another none"
    for node in cluster.nodes:
        shutil.rmtree(node.cache)
        shutil.rmtree(node.folder / "work", ignore_errors=True)  # an executor may still write its log
    return Row(
        way=way,
        hosts=n,
        gigabytes=model.stat().st_size / 1e9,
        brought_seconds=max(brought for _, brought, _ in times) - began if way.startswith("SparkFiles") else None,
        ready_seconds=max(ready for _, _, ready in times) - began,
        sent_gigabytes=n_sent / 1e9 if sent else None,
        driver_cpu_seconds=cpu,
    )


def _taking(way: str, where: str, sha256: str) -> Callable[[Any], list[tuple[str, float, float]]]:
    """What a task does: its executor, when its Python began (Spark brings files before), when the model was ready."""

    def take(_: Any) -> list[tuple[str, float, float]]:
        from pyspark import SparkFiles

        began = time.time()
        if way == "path":
            placing.on_every_host(Path(where), sha256)
        elif way == "s3":
            placing.from_uri(where, sha256)
        else:
            placing.from_spark(Path(SparkFiles.get(Path(where).name)), sha256)
        return [(os.getcwd(), began, time.time())]

    return take


@contextlib.contextmanager
def _context(cluster: Cluster) -> Iterator[SparkContext]:
    """A driver on this machine, and its executors: one a host."""
    from pyspark import SparkConf, SparkContext

    settings = {
        "spark.driver.host": cluster.host, "spark.driver.bindAddress": cluster.host, "spark.ui.enabled": "false",
        "spark.executor.memory": "700m", "spark.cores.max": str(len(cluster.nodes)), "spark.log.level": "ERROR",
        "spark.scheduler.minRegisteredResourcesRatio": "1", "spark.ui.showConsoleProgress": "false",
    }  # fmt: skip
    conf = SparkConf().setMaster(cluster.master).setAppName("serving").setAll(list(settings.items()))
    context = SparkContext(conf=conf)
    try:
        yield context
    finally:
        context.stop()


def _cpu_seconds(context: SparkContext) -> float:
    """What the driver's JVM has used, in itself and in the kernel."""
    jvm: Any = context._jvm
    pid = jvm.java.lang.ProcessHandle.current().pid()
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _bridge() -> str:
    return f"cpullm{os.getpid() % 100_000}"


def _sent(device: str) -> int:
    return int(Path(f"/sys/class/net/{device}/statistics/tx_bytes").read_text())


@contextlib.contextmanager
def network(n_hosts: int, mbits: int) -> Iterator[tuple[list[Link], Link]]:
    """Hosts on a bridge, and one more with a link of no limit. What this machine sends them all passes one limit."""
    links = [Link(f"{_bridge()}-{i}", f"{NET}.1", f"{NET}.{i + 2}") for i in range(n_hosts + 1)]
    try:
        _do(f"ip link add {_bridge()} type bridge")
        _do(f"ip addr add {NET}.1/24 dev {_bridge()}")
        _do(f"ip link set {_bridge()} up")
        _do(_limit(_bridge(), mbits))
        for link in links:
            within = " ".join(link.command)
            _do(f"ip netns add {link.namespace}")
            _do(f"ip link add {link.namespace} type veth peer name far netns {link.namespace}")
            _do(f"ip link set {link.namespace} master {_bridge()} up")
            _do(f"{within} ip addr add {link.far}/24 dev far")
            _do(f"{within} ip link set far up")
            _do(f"{within} ip link set lo up")
            if link is not links[-1]:
                _do(_limit(link.namespace, mbits))
                _do(f"{within} {_limit('far', mbits)}")
        yield links[:-1], links[-1]
    finally:
        for line in [*(f"ip netns delete {link.namespace}" for link in links), f"ip link delete {_bridge()}"]:
            subprocess.run(line.split(), check=False, capture_output=True)


def _limit(device: str, mbits: int) -> str:
    """What a device sends, limited; what it receives is the other end's."""
    return f"tc qdisc add dev {device} root tbf rate {mbits}mbit burst {BURST_BYTES} latency 50ms"


def _do(line: str) -> None:
    subprocess.run(line.split(), check=True, capture_output=True)


# The store asks nobody who they are.
_S3_ENV = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}


@contextlib.contextmanager
def _s3(shelf: Link, model: Path) -> Iterator[str]:
    """As much of S3 as reading takes, on the host `shelf`; the model's URI there."""
    command = [*shelf.command, sys.executable, "-c", S3, str(model.parent.parent), shelf.far]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = f"{model.parent.name}/{model.name}"
    try:
        head = urllib.request.Request(f"http://{shelf.far}/{path}", method="HEAD")
        until(lambda: bool(urllib.request.urlopen(head, timeout=5)), 30, "the S3 server answers")
        yield f"s3://{path}?endpoint_override={shelf.far}:80&scheme=http&region=us-east-1"
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
