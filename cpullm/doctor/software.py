"""What is installed: llama.cpp, Python, packages, Java; and the variables that change how it works."""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from cpullm import cpus
from cpullm.doctor.findings import UNKNOWN, Finding, Machine
from cpullm.errors import MachineError
from cpullm.facts import installed_version
from cpullm.fetch import why_offline
from cpullm.installed import bundled
from cpullm.job import CPU_VARIABLE
from cpullm.spark import check_java
from cpullm.tune.store import cpu_flags

_PACKAGES = ("cpullm", "pyspark", "pandas", "pyarrow")
# In a process of its own: code made for another CPU, or a broken library, ends the process that loads it.
_LOADING = (
    "import json; from cpullm.engine import bindings as b; b.c.llama_backend_init(); "
    "print(json.dumps([b.cpu_variant(), b.c.llama_print_system_info().decode()]))"
)
_REMEDIES = {
    r"No module named 'llama_cpp'": "pip install llama-cpp-python compiles it",
    r"libgomp": "install OpenMP's library (Debian: apt-get install libgomp1)",
    r"(GLIBC|GLIBCXX|CXXABI)_\d": "it was compiled on a newer system: compile it on this one, or an older one",
}
# Instructions as the system names them, and llama.cpp.
_KERNELS = {
    "avx2": "AVX2", "fma": "FMA", "f16c": "F16C", "avx512f": "AVX512", "avx512_vnni": "AVX512_VNNI",
    "asimddp": "DOTPROD", "i8mm": "MATMUL_INT8",
}  # fmt: skip
_BINDING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")


def llama(machine: Machine) -> Finding:
    """The bindings' version, which library they took, the instructions it uses."""
    version = installed_version("llama-cpp-python") or UNKNOWN
    run = subprocess.run(
        [sys.executable, "-c", _LOADING], capture_output=True, text=True, env=dict(machine.environ), check=False
    )
    if run.returncode != 0:
        return _not_loading(version, run.returncode, run.stderr)
    variant, info = json.loads(run.stdout.splitlines()[-1])
    used = [name for name, value in re.findall(r"(\w+) = (\d+)", info) if value != "0"]
    flags = cpu_flags(machine.proc / "cpuinfo")
    unused = [kernel for flag, kernel in _KERNELS.items() if flag in flags and kernel not in used]
    return Finding(
        "llama.cpp",
        f"bindings {version}, {variant}: {' '.join(used) or UNKNOWN}",
        warning=f"it leaves unused what this CPU has: {' '.join(unused)}" if unused else None,
        advice=_for_the_fastest(variant, machine.environ) if unused else None,
        facts={"llama": version, "variant": variant, "instructions": used},
    )


def _for_the_fastest(variant: str, environ: Mapping[str, str]) -> str:
    if environ.get(CPU_VARIABLE) == variant:
        return f"unset {CPU_VARIABLE} for the fastest"
    return "compile it on this machine, and it is faster"


def _not_loading(version: str, code: int, told: str) -> Finding:
    advice = next((text for pattern, text in _REMEDIES.items() if re.search(pattern, told)), "install it anew")
    fault = f"it does not load: {(told.strip().splitlines() or [UNKNOWN])[-1]}"
    if ours := re.search(r"cpullm\.errors\.\w+: (.+)", told):
        return Finding("llama.cpp", f"bindings {version}", fault=ours[1], facts={"llama": version})
    if code < 0:
        fault = f"loading it ends with {signal.Signals(-code).name}"
        if -code == signal.SIGILL:
            fault, advice = f"{fault}: it was compiled for another CPU", "compile it on this one"
    return Finding("llama.cpp", f"bindings {version}", fault=fault, advice=advice, facts={"llama": version})


def python(_: Machine) -> Finding:
    """Its version, and which one it is."""
    version = platform.python_version()
    return Finding("Python", f"{version}, {sys.executable}", facts={"python": version})


def packages(_: Machine) -> Finding:
    """Versions of those that matter most; of those that are needed none may be missing."""
    versions = {name: installed_version(name) or UNKNOWN for name in _PACKAGES}
    missing = [name for name in _needed() if installed_version(name) is None and not _is_importable(name)]
    return Finding(
        "packages",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        fault=f"not installed: {', '.join(missing)}" if missing else None,
        advice=_for_the_missing(missing) if missing else None,
        facts=versions,
    )


def _for_the_missing(missing: list[str]) -> str:
    if bundled() is None:
        return f"{sys.executable} -m pip install {' '.join(missing)}"
    if missing == ["pyspark"]:
        return "start jobs with the cluster's spark-submit, which brings it, or install the bundle with its Spark"
    return "install the bundle anew"


def _needed() -> Iterator[str]:
    """Packages that cpullm requires; llama.cpp's is looked at by itself."""
    with suppress(PackageNotFoundError):
        for requirement in requires("cpullm") or ():
            if "extra ==" not in requirement and not requirement.startswith("llama"):
                yield re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _is_importable(name: str) -> bool:
    return importlib.util.find_spec(name.replace("-", "_")) is not None


def java(_: Machine) -> Finding:
    """Where the one is that Spark will run, and its version."""
    try:
        path, version = check_java()
    except MachineError as error:
        return Finding("Java", "none that Spark can run", fault=str(error))
    return Finding("Java", f"{version}, {path}", facts={"java": version})


def threads(machine: Machine) -> Finding:
    """Variables of OpenMP; the number of threads is the engine's own, whatever OMP_NUM_THREADS says."""
    names = sorted(name for name in machine.environ if name.startswith(("OMP_", "GOMP_", "KMP_")))
    value = ", ".join(f"{name}={machine.environ[name]}" for name in names) or "no variable is set"
    disturbing = [name for name in names if _disturbs(name, machine.environ)]
    return Finding(
        "threads",
        value,
        warning=f"{' and '.join(disturbing)} may put several threads on one CPU, or take some away"
        if disturbing
        else None,
        advice="unset them" if len(disturbing) > 1 else "unset it" if disturbing else None,
    )


def _disturbs(name: str, environ: Mapping[str, str]) -> bool:
    value = environ[name].strip().lower()
    if name == "OMP_THREAD_LIMIT":
        return value.isdecimal() and int(value) < cpus.usable_cpus()
    if name == "OMP_DYNAMIC":
        return value == "true"
    return name in _BINDING and value not in ("", "false", "disabled", "none")


def environment(machine: Machine) -> Finding:
    """Whether it may fetch, and what makes Python or Spark look elsewhere."""
    why = why_offline()
    fetching = f"nothing is fetched: {why}" if why else "what is not here may be fetched"
    odd = [name for name in ("PYTHONHOME", "PYTHONPATH") if machine.environ.get(name)]
    is_submitted = "PYSPARK_GATEWAY_PORT" in machine.environ
    if is_submitted:  # spark-submit sets it for itself
        odd = [name for name in odd if name != "PYTHONPATH"]
    told = f"with {' and '.join(odd)} Python may take other packages than those installed" if odd else ""
    if not is_submitted and not _is_pysparks(machine.environ.get("SPARK_HOME")):
        odd.append("SPARK_HOME")
        told += f"{'; ' if told else ''}SPARK_HOME is not of pyspark's version, and sessions start that Spark"
    return Finding(
        "environment",
        "; ".join([fetching, *(f"{name}={machine.environ[name]}" for name in odd)]),
        warning=told or None,
        advice=f"unset {' '.join(odd)}" if odd else None,
    )


def _is_pysparks(home: str | None) -> bool:
    """Whether the Spark that a session would start is of pyspark's own version."""
    version = installed_version("pyspark")
    return not home or version is None or any(Path(home, "jars").glob(f"spark-core_*-{version}.jar"))
