"""The public surface, the order of imports, and that importing does nothing."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cpullm
from cpullm import errors

PACKAGE = Path(cpullm.__file__).parent
# DESIGN.md: a module imports only from those before it, or from its own group.
ORDER = [
    ["errors"],
    ["filesystems", "cpus"],
    ["job"],
    ["records"],
    ["words"],
    ["tree"],
    ["options"],
    ["installed"],
    ["rates"],
    ["fetch", "gguf", "sources", "catalog"],
    ["readers"],
    ["splitters"],
    ["support", "extract"],
    ["hygiene"],
    ["tasks"],
    ["plan"],
    ["predict"],
    ["engine"],
    ["memory"],
    ["store"],
    ["guards"],
    ["mending"],
    ["worker"],
    ["retry"],
    ["measure"],
    ["tune"],
    ["spark"],
    ["corpus"],
    ["preparing"],
    ["progress"],
    ["provenance"],
    ["units"],
    ["merge"],
    ["facts"],
    ["placement"],
    ["summarize"],
    ["masking", "embedding"],
    ["columns"],
    ["page"],
    ["report"],
    ["dataset"],
    ["doctor"],
    ["bench"],
    ["dataset"],
    ["evaluation"],
    ["bundle"],
    ["__init__"],
    ["cli"],
]
RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names}
# `Result.write` is a courtesy to its users; the report is imported when it is called.
COURTESIES = {("summarize", "report")}
MODULES = [pytest.param(path, id=str(path.relative_to(PACKAGE))) for path in sorted(PACKAGE.rglob("*.py"))]
STAGES = ("columns/spark/ml.py", "columns/spark/stage.py")
HEAVY = ("pyspark", "llama_cpp", "huggingface_hub")


def _top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(node: ast.AST, *, lazy: bool) -> Iterator[str]:
    """Dotted names imported under a node; without `lazy` only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (f"{child.module}.{name.name}" for name in child.names)
        elif lazy or not (isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types(child)):
            yield from _imports(child, lazy=lazy)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _own(name: str) -> str:
    """The top module of a dotted name in this package: `cpullm.engine.llama.c` is `engine`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANKS else "__init__"


def _roots(path: Path, *, lazy: bool) -> set[str]:
    return {name.split(".")[0] for name in _imports(ast.parse(path.read_text("utf-8")), lazy=lazy)}


@pytest.mark.parametrize("name", cpullm.__all__)
def test_every_exported_name_exists(name: str) -> None:
    assert getattr(cpullm, name) is not None


def test_exported_names_are_sorted() -> None:
    assert cpullm.__all__ == sorted(cpullm.__all__)


def test_every_error_is_exported() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= set(cpullm.__all__)


@pytest.mark.parametrize("kind", [errors.CpullmError, *errors.CpullmError.__subclasses__()])
def test_every_error_survives_the_way_from_an_executor(kind: type[errors.CpullmError]) -> None:
    again = pickle.loads(pickle.dumps(kind("what happened")))
    assert (type(again), str(again)) == (kind, "what happened")


@pytest.mark.parametrize("module", ["cpullm", "cpullm.cli", "cpullm.report"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_importing_changes_neither_environment_nor_logging() -> None:
    code = (
        "import os, logging; before = dict(os.environ), logging.root.level, list(logging.root.handlers)\n"
        "import cpullm, cpullm.cli, cpullm.spark, cpullm.report\n"
        "assert before == (dict(os.environ), logging.root.level, list(logging.root.handlers))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_module_has_a_place_in_the_order() -> None:
    assert {_top(path) for path in PACKAGE.rglob("*.py")} <= set(RANKS)


@pytest.mark.parametrize("path", MODULES)
def test_imports_go_only_up_the_order(path: Path) -> None:
    module = _top(path)
    for name in _imports(ast.parse(path.read_text("utf-8")), lazy=False):
        if name.split(".")[0] == "cpullm":
            assert RANKS[_own(name)] <= RANKS[module], f"{module} imports {name}"


@pytest.mark.parametrize("path", MODULES)
def test_lazy_imports_go_up_the_order_too(path: Path) -> None:
    module = _top(path)
    tree = ast.parse(path.read_text("utf-8"))
    for name in _imports(tree, lazy=True):
        if name.split(".")[0] == "cpullm" and (module, _own(name)) not in COURTESIES:
            assert RANKS[_own(name)] <= RANKS[module], f"{module} imports {name}"


@pytest.mark.parametrize("path", MODULES)
def test_only_the_engines_boundary_imports_llama_cpp(path: Path) -> None:
    # The library's own loop is what the engine is compared with.
    allowed = path.is_relative_to(PACKAGE / "engine") or path == PACKAGE / "bench" / "peers.py"
    assert "llama_cpp" not in _roots(path, lazy=True) or allowed


@pytest.mark.parametrize("path", MODULES)
def test_no_module_imports_pyspark_when_it_is_imported(path: Path) -> None:
    # Stages of pyspark.ml are classes of pyspark's: who imports them has it.
    assert ("pyspark" in _roots(path, lazy=False)) == (path.relative_to(PACKAGE).as_posix() in STAGES)


@pytest.mark.parametrize("path", MODULES)
def test_only_the_spark_modules_run_pyspark(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(n.startswith("pyspark") for n in _imports(node, lazy=True)):
            assert "spark" in path.relative_to(PACKAGE).parts


@pytest.mark.parametrize("name", ["plan", "report", "tasks", "engine.scheduler", "engine.sequence", "engine.engine"])
def test_pure_modules_load_neither_spark_nor_llama_cpp(name: str) -> None:
    code = f"import sys, cpullm.{name}; print(*[name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
