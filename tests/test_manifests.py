"""What docs/kubernetes and docs/yarn hold: Kubernetes, Spark and cpullm know every word of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import regex
import yaml
from pyspark.sql import SparkSession

from cpullm import cli

DOCS = Path(__file__).parent.parent / "docs"
MANIFESTS = sorted((DOCS / "kubernetes").glob("*.yaml"))
FILES = [*MANIFESTS, DOCS / "kubernetes" / "Dockerfile", DOCS / "yarn" / "submit.sh", *DOCS.glob("*.md")]
# The objects of Spark that name its settings, and the families of settings whose last part is anything.
_REGISTRIES = (
    "internal.config.package$", "internal.config.Python$", "internal.config.UI$", "internal.config.Worker$",
    "deploy.k8s.Config$", "deploy.yarn.config.package$",
)  # fmt: skip
_FAMILIES = ("spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.kubernetes.driverEnv.", "spark.hadoop.")
_VOLUMES = re.compile(
    r"spark\.kubernetes\.(driver|executor)\.volumes\.(hostPath|emptyDir|nfs|persistentVolumeClaim)\.[a-z-]+"
    r"\.(mount\.(path|readOnly|subPath)|options\.(path|type|claimName|storageClass|sizeLimit|medium|server))"
)
# Settings that Spark reads without declaring them.
_UNDECLARED = {"spark.master", "spark.app.name", "spark.driver.extraJavaOptions"}


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def _job() -> dict[str, Any]:
    (job,) = _documents(DOCS / "kubernetes" / "job.yaml")
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def _yarn(tmp_path: Path, *argv: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    """What the script gives to spark-submit, and in what environment."""
    submit = tmp_path / "bin" / "spark-submit"
    submit.parent.mkdir()
    submit.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )
    submit.chmod(0o755)
    given = {"SPARK_HOME": str(tmp_path), "ENVIRONMENT": "hdfs:///a b/env.tar.gz", "PYTHON": sys.executable}
    ended = subprocess.run(
        [str(DOCS / "yarn" / "submit.sh"), *argv],
        capture_output=True, text=True, check=True, env={**os.environ, **given, **variables},
    )  # fmt: skip
    arguments, environment = json.loads(ended.stdout)
    return arguments, environment


def _split(arguments: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """The settings, the file and the arguments of cpullm in those of spark-submit."""
    at = next(i for i, part in enumerate(arguments) if part.endswith(".py"))
    parts = [piece for part in arguments[:at] for piece in (part.split("=", 1) if part.startswith("--") else [part])]
    settings = [value for flag, value in zip(parts[::2], parts[1::2], strict=True) if flag == "--conf"]
    return dict(setting.split("=", 1) for setting in settings), arguments[at], arguments[at + 1 :]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_knows_every_field(path: Path) -> None:
    version = kubernetes_validate.latest_version()
    for document in _documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    (pod,) = _documents(DOCS / "kubernetes" / "executor.yaml")
    pod["spec"]["volumes"][0]["hostpath"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


def test_what_a_pod_mounts_is_there() -> None:
    for pod in (_job(), _documents(DOCS / "kubernetes" / "executor.yaml")[0]["spec"]):
        volumes = {volume["name"] for volume in pod["volumes"]}
        containers = [*pod.get("initContainers", []), *pod["containers"]]
        assert {mount["name"] for one in containers for mount in one["volumeMounts"]} == volumes


def test_the_job_uses_the_account_and_the_claim_that_are_made() -> None:
    documents = [one for path in MANIFESTS for one in _documents(path) if "metadata" in one]
    made = {(one["kind"], one["metadata"]["name"]) for one in documents}
    pod = _job()
    settings, _, _ = _split(pod["containers"][0]["args"])
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "configMap" not in volume]
    claims.append(settings["spark.kubernetes.executor.volumes.persistentVolumeClaim.data.options.claimName"])
    assert {("PersistentVolumeClaim", claim) for claim in claims} <= made
    assert ("ServiceAccount", pod["serviceAccountName"]) in made


def test_cpullm_knows_the_flags_of_the_job() -> None:
    _, _, argv = _split(_job()["containers"][0]["args"])
    assert cli._parser().parse_args(argv).model == "llama-3.2-3b-instruct"


def test_what_the_image_copies_is_in_the_checkout() -> None:
    text = (DOCS / "kubernetes" / "Dockerfile").read_text("utf-8")
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert copied and all((DOCS.parent / name).exists() for name in copied)


def test_on_yarn_the_client_drives_with_its_own_python(tmp_path: Path) -> None:
    arguments, environment = _yarn(tmp_path, "summarize", "a text.txt", "--fresh", PYSPARK_DRIVER_PYTHON="other")
    settings, file, argv = _split(arguments)
    assert arguments[:4] == ["--master", "yarn", "--deploy-mode", "client"]
    assert "hdfs:///a b/env.tar.gz#environment" in arguments and Path(file).is_file()
    assert environment["PYSPARK_PYTHON"] == "./environment/bin/python"
    assert environment["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert argv == ["summarize", "a text.txt", "--fresh"] and cli._parser().parse_args(argv).fresh
    assert "spark.executorEnv.JAVA_HOME" not in settings


def test_on_yarn_a_driver_in_the_cluster_has_the_archives_python(tmp_path: Path) -> None:
    arguments, environment = _yarn(tmp_path, "plan", MODE="cluster", NODE_JAVA="/jdk 17", PYSPARK_DRIVER_PYTHON="other")
    settings, _, _ = _split(arguments)
    assert arguments[:4] == ["--master", "yarn", "--deploy-mode", "cluster"]
    assert "PYSPARK_DRIVER_PYTHON" not in environment
    assert settings["spark.executorEnv.JAVA_HOME"] == settings["spark.yarn.appMasterEnv.JAVA_HOME"] == "/jdk 17"


def test_spark_knows_every_setting(spark: SparkSession) -> None:
    find = _finder(spark)
    named_in = regex.compile(r"(?<![\w./])(spark(?:\.\w[\w-]*+)++)(\.\*)?+(?!\()")  # what is called is no setting
    found = [one for path in FILES for one in named_in.findall(path.read_text())]
    named = {name for name, family in found if not family}
    assert "spark.task.cpus" in named
    unknown = [name for name in sorted(named) if find(name) is None and not _undeclared(name)]
    assert not unknown


def test_spark_takes_every_value(spark: SparkSession, tmp_path: Path) -> None:
    find = _finder(spark)
    for arguments in (_job()["containers"][0]["args"], _yarn(tmp_path, "plan", NODE_JAVA="/jdk")[0]):
        settings, _, _ = _split(arguments)
        assert settings
        for name, value in settings.items():
            if entry := find(name):
                entry.valueConverter().andThen(entry.stringConverter()).apply(value)  # raises where Spark would


def test_a_setting_that_spark_does_not_know_is_found(spark: SparkSession) -> None:
    assert _finder(spark)("spark.executor.memoryOverhed") is None


def _undeclared(name: str) -> bool:
    return name in _UNDECLARED or name.startswith(_FAMILIES) or _VOLUMES.fullmatch(name) is not None


def _finder(spark: SparkSession) -> Any:
    jvm = spark.sparkContext._jvm
    for registry in _REGISTRIES:
        jvm.java.lang.Class.forName(f"org.apache.spark.{registry}")
    return jvm.org.apache.spark.internal.config.ConfigEntry.findEntry
