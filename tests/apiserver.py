"""A stand-in for Kubernetes: as much of its API as Spark's driver asks for; executors' pods are processes here."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

BACKEND = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"


@dataclass
class Kubernetes:
    """Where it listens, what was asked of it (verb and resource, as roles name them), the pods and their processes.

    Each pod has a folder of its own in `folder`, with its log.
    """

    folder: Path
    env: Mapping[str, str]
    url: str = ""
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def create(self, pod: dict[str, Any]) -> dict[str, Any]:
        """A pod as it is when it runs, and its process."""
        pod["metadata"]["uid"] = str(uuid.uuid4())
        pod["status"] = {"phase": "Running", "podIP": "127.0.0.1"}
        self.pods[pod["metadata"]["name"]] = pod
        self._run(pod)
        return pod

    def _run(self, pod: dict[str, Any]) -> None:
        """What the image's entry point makes of an executor's environment."""
        import pyspark

        given = {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}
        flags = {
            "--driver-url": given["SPARK_DRIVER_URL"], "--executor-id": given["SPARK_EXECUTOR_ID"],
            "--cores": given["SPARK_EXECUTOR_CORES"], "--app-id": given["SPARK_APPLICATION_ID"],
            "--hostname": "127.0.0.1", "--resourceProfileId": given["SPARK_RESOURCE_PROFILE_ID"],
            "--podName": pod["metadata"]["name"],
        }  # fmt: skip
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-class"), BACKEND]
        command += [part for flag in flags.items() for part in flag]
        folder = self.folder / pod["metadata"]["name"]
        folder.mkdir()
        with (folder / "log").open("wb") as log:
            env = {**os.environ, **self.env}
            self.processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=env, start_new_session=True)
            )


class _Handler(BaseHTTPRequestHandler):
    kubernetes: Kubernetes

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        watched = query.get("watch") == ["true"]
        self._note("watch" if watched else "get", "list")
        if watched:
            self._watch()
        elif "/pods/" in path:
            self._answer(_driver(path.rpartition("/")[2]))
        else:
            selected = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
            pods = [_driver(selected)] if selected else list(self.kubernetes.pods.values())
            kept = pods if path.endswith("/pods") else []
            self._answer({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": kept})

    def do_POST(self) -> None:
        self._note("create", "create")
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.kubernetes.create(sent) if sent["kind"] == "Pod" else sent, 201)

    def do_DELETE(self) -> None:
        self._note("delete", "deletecollection")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _note(self, one: str, all_of_them: str) -> None:
        """`/api/v1/namespaces/NAMESPACE/RESOURCE`, and perhaps `/NAME`."""
        parts = urlsplit(self.path).path.split("/")[5:]
        self.kubernetes.asked.add((one if len(parts) > 1 or one == "watch" else all_of_them, parts[0]))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def _watch(self) -> None:
        """Nothing ever changes. A web socket is asked for first, and refused."""
        if "Upgrade" in self.headers:
            self._answer({})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.kubernetes.over.wait()

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _driver(name: str) -> dict[str, Any]:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": name, "namespace": "default", "uid": "driver"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"containers": []}, "status": status}


@contextlib.contextmanager
def serving(folder: Path, env: Mapping[str, str]) -> Iterator[Kubernetes]:
    """The stand-in, until the context ends; pods run with `env` in place of their own."""
    folder.mkdir()
    kubernetes = Kubernetes(folder, env)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kubernetes": kubernetes}))
    server.daemon_threads = True
    kubernetes.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kubernetes
    finally:
        kubernetes.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
        for process in kubernetes.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
