"""The driver of docs/kubernetes/job.yaml, with a stand-in for Kubernetes that starts executors here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pandas as pd
import pyspark
import pytest
import yaml

from tests import apiserver
from tests.apiserver import Kubernetes
from tests.cluster import STANDIN

pytestmark = [pytest.mark.long, pytest.mark.model]
ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "kubernetes"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory, out: Path, starter: Path) -> Kubernetes:
    """After the job has run there, with two executors and the stand-in's engine."""
    folder = tmp_path_factory.mktemp("job")
    texts = [f"A text about a clock that told no time, number {i}." for i in range(6)]
    pd.DataFrame({"id": range(6), "text": texts}).to_csv(folder / "texts.csv", index=False)
    (folder / "log").mkdir()
    env = {
        "PYTHONPATH": os.pathsep.join([str(STANDIN), str(ROOT)]), "STANDIN_LOG": str(folder / "log"),
        "CPULLM_MODEL_CACHE": str(folder / "models"),
    }  # fmt: skip
    with apiserver.serving(folder / "pods", env) as kubernetes:
        here = {
            "https://kubernetes.default.svc:443": kubernetes.url, "$(POD_IP)": "127.0.0.1", "$(POD_NAME)": "driver",
            "$(POD_NAMESPACE)": "default", "/etc/cpullm": str(DOCS), "instances=8": "instances=2",
            "/opt/cpullm/submit.py": str(ROOT / "cpullm" / "cli" / "__main__.py"),
            "llama-3.2-3b-instruct": str(starter), "/data/texts.csv": str(folder / "texts.csv"),
            "/data/summaries/texts": str(out),
        }  # fmt: skip
        arguments = "\n".join(_job()["containers"][0]["args"])
        for there, value in here.items():
            assert there in arguments
            arguments = arguments.replace(there, value)
        more = ["--group-tokens", "256", "--max-tokens", "16", "--window-tokens", "256", "--no-tuned"]
        ended = subprocess.run(
            [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), *arguments.split("\n"), *more],
            capture_output=True, text=True, timeout=240, check=False,
            env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
    return kubernetes


def _job() -> dict[str, Any]:
    pod: dict[str, Any] = yaml.safe_load((DOCS / "job.yaml").read_text("utf-8"))["spec"]["template"]["spec"]
    return pod


def test_every_text_is_answered(kubernetes: Kubernetes, out: Path) -> None:
    answers = pd.read_parquet(out / "summaries.parquet")
    assert len(answers) == 6 and answers.error.isna().all()
    assert json.loads((out / "run.json").read_text())["spark"]["master"] == f"k8s://{kubernetes.url}"


def test_kubernetes_would_take_the_executors_pods(kubernetes: Kubernetes) -> None:
    assert len(kubernetes.pods) == 2
    for pod in kubernetes.pods.values():
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


def test_an_executor_has_room_for_its_engine_and_the_hosts_cache(kubernetes: Kubernetes) -> None:
    for pod in kubernetes.pods.values():
        (container,) = pod["spec"]["containers"]
        assert container["resources"] == {"requests": {"memory": "6144Mi", "cpu": "4"}, "limits": {"memory": "6144Mi"}}
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert "hostPath" in volumes[mounted["/var/cache/cpullm"]]
        assert volumes[mounted["/data"]]["persistentVolumeClaim"]["claimName"] == "cpullm"
        assert {"name": "CPULLM_MODEL_CACHE", "value": "/var/cache/cpullm/models"} in container["env"]


def test_executors_go_with_the_drivers_pod(kubernetes: Kubernetes) -> None:
    owners = [owner["name"] for pod in kubernetes.pods.values() for owner in pod["metadata"]["ownerReferences"]]
    assert owners == ["driver", "driver"]


def test_the_account_may_do_what_the_driver_asks_for(kubernetes: Kubernetes) -> None:
    _, role, _ = yaml.safe_load_all((DOCS / "account.yaml").read_text("utf-8"))
    allowed = {(verb, kind) for rule in role["rules"] for verb in rule["verbs"] for kind in rule["resources"]}
    assert {("create", "pods"), ("watch", "pods")} <= kubernetes.asked <= allowed
