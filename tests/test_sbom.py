"""The bill of materials: valid, complete, the same for the same; and what wheels and jars say of themselves."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

from cpullm.bundle import parts, sbom
from cpullm.bundle.carried import Carried
from cpullm.bundle.jars import jars
from cpullm.bundle.licences import WheelFacts, licence, wheel_facts
from cpullm.bundle.parts import Part
from cpullm.errors import InputError, MachineError

MADE = "2026-01-31T12:00:00Z"
CMAKE = {
    "lib/cmake/llama/llama-config-version.cmake": 'set(PACKAGE_VERSION "0.5.0-dev")\n',
    "lib/cmake/llama/llama-config.cmake": "set(LLAMA_BUILD_COMMIT 0c1e570)\nset(LLAMA_BUILD_NUMBER 1)\n",
    "lib/cmake/ggml/ggml-config-version.cmake": 'set(PACKAGE_VERSION "0.25.3")\n',
}


def _zip(path: Path, files: dict[str, str | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def _wheel(folder: Path, name: str, version: str, more: str = "", files: dict[str, str | bytes] | None = None) -> Path:
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}\nA package.\n"
    dist = f"{name}-{version}.dist-info"
    return _zip(folder / f"{name}-{version}-py3-none-any.whl", {f"{dist}/METADATA": metadata} | (files or {}))


def _pom(group: str, artifact: str, version: str) -> tuple[str, str]:
    return (
        f"META-INF/maven/{group}/{artifact}/pom.properties",
        f"#made\nversion={version}\ngroupId={group}\nartifactId={artifact}\n",
    )


def _jar(*poms: tuple[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, text in poms:
            file.writestr(name, text)
    return data.getvalue()


class TestLicences:
    @pytest.mark.parametrize(
        ("lines", "told"),
        [
            ("License-Expression: MIT OR Apache-2.0\nLicense: BSD\n", "MIT OR Apache-2.0"),
            ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License\n", "BSD-3-Clause"),
            ("License: UNKNOWN\nClassifier: License :: OSI Approved :: BSD License\n", "BSD License"),
            ("License: Copyright (c)\n        all rights\nClassifier: License :: OSI Approved :: A\n", "A"),
            (f"License: {'x' * 101}\n", None),
            (
                "License: Dual License\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: A\n"
                "Classifier: License :: B\nClassifier: Topic :: C\n",
                "A, B",
            ),
            ("", None),
        ],
    )  # fmt: skip
    def test_the_first_field_that_names_one_counts(self, lines: str, told: str | None) -> None:
        assert licence(HeaderParser().parsestr(f"Name: x\n{lines}\n")) == told

    def test_a_wheel_tells_name_version_and_licence(self, tmp_path: Path) -> None:
        wheel = _wheel(tmp_path, "Some_Thing", "1.0", "License-Expression: MIT\nAuthor: Jürgen\n")
        assert wheel_facts(wheel) == WheelFacts("Some_Thing", "1.0", "MIT")

    def test_what_is_vendored_in_a_wheel_is_not_taken_for_it(self, tmp_path: Path) -> None:
        vendored = {"a/_vendor/b-2.dist-info/METADATA": "Name: b\nVersion: 2\n"}
        wheel = _zip(tmp_path / "a.whl", {**vendored, "a-1.dist-info/METADATA": "Name: a\nVersion: 1\n"})
        assert wheel_facts(wheel).name == "a"

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04"])
    def test_what_is_no_wheel_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "x.whl").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.whl is not a wheel"):
            wheel_facts(tmp_path / "x.whl")


class TestParts:
    def test_llama_cpp_is_told_by_its_cmake_files(self, tmp_path: Path) -> None:
        part = parts.llama_cpp(_wheel(tmp_path, "llama_cpp_python", "0.3.36", files=dict(CMAKE)))
        assert (part.version, dict(part.notes)) == ("0.5.0-dev", {"commit": "0c1e570", "ggml": "0.25.3"})
        assert part.purl == "pkg:github/ggml-org/llama.cpp@0c1e570"

    def test_llama_cpp_is_told_by_its_librarys_name_where_there_are_none(self, tmp_path: Path) -> None:
        wheel = _wheel(tmp_path, "llama_cpp_python", "0.3.36", files={"llama_cpp/lib/libllama.so.0.5.0": b""})
        assert (parts.llama_cpp(wheel).version, dict(parts.llama_cpp(wheel).notes)) == ("0.5.0", {})

    def test_llama_cpp_without_any_word_has_no_version(self, tmp_path: Path) -> None:
        assert parts.llama_cpp(_wheel(tmp_path, "llama_cpp_python", "0.3.36")).version is None

    def test_a_jar_made_by_maven_tells_its_group(self, tmp_path: Path) -> None:
        data = _jar(_pom("io.netty", "netty-tcnative", "2.0.76.Final"))
        wheel = _zip(tmp_path / "p.whl", {"pyspark/jars/netty-tcnative-2.0.76.Final-linux-x86_64.jar": data})
        (part,) = jars(wheel)
        assert part.purl == "pkg:maven/io.netty/netty-tcnative@2.0.76.Final?classifier=linux-x86_64"
        assert (part.sha256, part.within) == (hashlib.sha256(data).hexdigest(), "pyspark")

    def test_what_is_shaded_into_a_jar_is_part_of_it(self, tmp_path: Path) -> None:
        data = _jar(_pom("org.apache", "hadoop", "3.5.0"), _pom("com.google", "guava", "30.1"))
        (part,) = jars(_zip(tmp_path / "p.whl", {"pyspark/jars/hadoop-3.5.0.jar": data}))
        assert (part.name, [inner.purl for inner in part.parts]) == ("hadoop", ["pkg:maven/com.google/guava@30.1"])

    @pytest.mark.parametrize(
        ("file", "name", "version"),
        [("spire_2.13-0.18.0.jar", "spire_2.13", "0.18.0"), ("plain.jar", "plain", None), ("a-b-1.jar", "a-b", "1")],
    )
    @pytest.mark.parametrize("data", [_jar(), b"no zip"])
    def test_another_jar_is_told_by_its_files_name(
        self, tmp_path: Path, data: bytes, file: str, name: str, version: str | None
    ) -> None:
        (part,) = jars(_zip(tmp_path / "p.whl", {f"pyspark/jars/sub/{file}": data}))
        assert (part.name, part.version, part.group) == (name, version, None)

    def test_a_carried_librarys_path_is_within_the_environment(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "libssl.so.3").write_bytes(b"\x7fELF")
        part = parts.shared_library(tmp_path / "lib" / "libssl.so.3", tmp_path)
        assert (part.path, part.sha256) == ("lib/libssl.so.3", hashlib.sha256(b"\x7fELF").hexdigest())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with one package, installed from a folder."""
    root = tmp_path_factory.mktemp("sbom") / "env"
    venv.create(root)
    python = root / "bin" / "python"
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    dist = site / "llama_cpp_python-0.3.36.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: 0.3.36\nLicense: MIT\n")
    (dist / "RECORD").write_text("")
    (dist / "direct_url.json").write_text('{"url": "file:///home/somebody/wheels/llama.whl", "archive_info": {}}')
    return python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _wheel(tmp_path / "wheels", "llama_cpp_python", "0.3.36", files=dict(CMAKE))
    spark = {
        "pyspark/jars/a-1.0.jar": _jar(_pom("org.a", "a", "1.0"), _pom("org.b", "b", "2")),
        "pyspark/jars/more/a-1.0.jar": _jar(),
    }
    _wheel(tmp_path / "wheels", "pyspark", "4.3.0", "License-Expression: Apache-2.0\n", spark)
    return tmp_path


@pytest.fixture
def carried(folder: Path) -> list[Part]:
    wheels = {path.name.partition("-")[0]: path for path in (folder / "wheels").iterdir()}
    return [
        parts.interpreter("3.11.7"),
        parts.llama_cpp(wheels["llama_cpp_python"]),
        Carried(
            Path("m"), "models/m.gguf", "Llama 2 Community License", "https://huggingface.co/a/b", None, "0" * 64
        ).part,
        Carried(Path("s"), "corpora/sample.txt", "CC0-1.0", sha256="1" * 64).part,
        *jars(wheels["pyspark"]),
    ]


def _bill(folder: Path, environment: Path, carried: list[Part]) -> dict[str, Any]:
    sbom.write_sbom(folder, environment, carried, cpullm="0.1.0", made=MADE)
    bill: dict[str, Any] = json.loads((folder / sbom.SBOM).read_text("utf-8"))
    return bill


class TestBill:
    @pytest.fixture(autouse=True)
    def needs_cyclonedx(self) -> None:
        pytest.importorskip("cyclonedx_py")

    @pytest.fixture
    def bill(self, folder: Path, environment: Path, carried: list[Part]) -> dict[str, Any]:
        return _bill(folder, environment, carried)

    @pytest.fixture
    def components(self, bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {component["bom-ref"]: component for component in bill["components"]}

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_is_valid_against_the_schema(self, folder: Path, bill: dict[str, Any]) -> None:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str((folder / sbom.SBOM).read_text("utf-8"))
        assert fault is None, str(fault)[:500]

    def test_has_packages_interpreter_model_book_jars_and_llama_cpp(self, components: dict[str, Any]) -> None:
        assert {ref: component["type"] for ref, component in components.items()} == {
            "CPython==3.11.7": "platform",
            "corpora/sample.txt": "data",
            "llama.cpp==0.5.0-dev": "library",
            "llama_cpp_python==0.3.36": "library",
            "models/m.gguf": "machine-learning-model",
            "pyspark/jars/a-1.0.jar": "library",
            "pyspark/jars/more/a-1.0.jar": "library",
            "pyspark==4.3.0": "library",
        }

    def test_has_wheels_that_are_not_in_the_environment(self, components: dict[str, Any], folder: Path) -> None:
        spark = components["pyspark==4.3.0"]
        wheel = (folder / "wheels" / "pyspark-4.3.0-py3-none-any.whl").read_bytes()
        assert spark["purl"] == "pkg:pypi/pyspark@4.3.0"
        assert spark["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(wheel).hexdigest()}]

    def test_has_a_wheel_of_another_version_than_the_environments(self, folder: Path, environment: Path) -> None:
        _wheel(folder / "wheels", "llama_cpp_python", "0.4.0")
        versions = [one["version"] for one in _bill(folder, environment, [])["components"] if "llama" in one["name"]]
        assert versions == ["0.3.36", "0.4.0"]

    def test_tells_the_wheel_of_a_package_that_is(self, components: dict[str, Any]) -> None:
        assert components["llama_cpp_python==0.3.36"]["properties"] == [
            {"name": "cpullm:path", "value": "wheels/llama_cpp_python-0.3.36-py3-none-any.whl"}
        ]

    @pytest.mark.parametrize(
        ("ref", "told"),
        [
            ("CPython==3.11.7", {"license": {"id": "Python-2.0"}}),
            ("corpora/sample.txt", {"license": {"id": "CC0-1.0"}}),
            ("models/m.gguf", {"license": {"name": "Llama 2 Community License"}}),
        ],
    )
    def test_licences_are_spdx_ids_where_they_are(
        self, components: dict[str, Any], ref: str, told: dict[str, Any]
    ) -> None:
        assert components[ref]["licenses"] == [told]

    def test_an_expression_stays_one(self, folder: Path, environment: Path) -> None:
        bill = _bill(folder, environment, [Part("library", "x", "1", licence="MIT OR Apache-2.0")])
        found = next(component for component in bill["components"] if component["name"] == "x")
        assert found["licenses"] == [{"expression": "MIT OR Apache-2.0"}]

    def test_says_who_needs_whom(self, bill: dict[str, Any]) -> None:
        needs = {row["ref"]: row.get("dependsOn", []) for row in bill["dependencies"]}
        assert needs["llama_cpp_python==0.3.36"] == ["llama.cpp==0.5.0-dev"]
        assert needs["pyspark==4.3.0"] == ["pyspark/jars/a-1.0.jar", "pyspark/jars/more/a-1.0.jar"]
        assert {"CPython==3.11.7", "models/m.gguf", "pyspark==4.3.0"} <= set(needs["cpullm-bundle"])

    def test_every_name_in_it_is_one_things(self, bill: dict[str, Any]) -> None:
        refs = ["cpullm-bundle", *(component["bom-ref"] for component in bill["components"])]
        assert sorted(refs) == sorted(set(refs)) == [row["ref"] for row in bill["dependencies"]]

    def test_is_the_same_for_the_same(self, folder: Path, environment: Path, carried: list[Part]) -> None:
        first = _bill(folder, environment, carried)
        text = (folder / sbom.SBOM).read_bytes()
        _bill(folder, environment, carried)
        assert (folder / sbom.SBOM).read_bytes() == text
        assert ("serialNumber" in first, first["metadata"]["timestamp"]) == (False, MADE)

    def test_tells_nothing_of_the_machine_it_was_made_on(self, folder: Path, bill: dict[str, Any]) -> None:
        text = (folder / sbom.SBOM).read_text("utf-8")
        assert "somebody" not in text and str(folder) not in text and bill


def test_without_cyclonedx_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(environment))
    with pytest.raises(MachineError, match=r"needs cyclonedx-bom: pip install 'cpullm\[bundle\]'"):
        sbom.write_sbom(tmp_path, environment, [], cpullm="0.1.0", made=MADE)


def test_an_interpreter_that_is_none_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py")
    with pytest.raises(MachineError, match=r"cyclonedx-py failed for .*nothing") as caught:
        sbom.write_sbom(tmp_path, tmp_path / "nothing", [], cpullm="0.1.0", made=MADE)
    assert "\n" not in str(caught.value)
