"""`python -m tests.fuzz`: damaged and hostile files are read and split; each gives chunks or one clear error.

Every case runs in a worker process under limits. A crash, a hang, a MemoryError or any exception that is no CpullmError
is a failure: the input is saved, and the case's name printed, by which `--case` runs it again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, BinaryIO

from tests import corruption, epub_books, makers

FORMATS = ("pdf", "epub", "docx", "html", "markdown", "text", "table", "random")
_MEMORY = 2 << 30
_SECONDS_PER_CASE = 20.0
_LONGEST_MESSAGE = 600
_OUT = Path(tempfile.gettempdir()) / "cpullm-fuzz"


@dataclass(frozen=True)
class Case:
    """One damaged file; the same for the same seed, format and number."""

    seed: int
    format: str
    number: int

    @property
    def label(self) -> str:
        """What `--case` takes."""
        return f"{self.seed}/{self.format}/{self.number}"

    def file(self) -> tuple[str, bytes]:
        """The file's name and its bytes."""
        random = Random(self.label)
        if self.format == "random":
            names = [name for format_ in FORMATS[:-1] for name, _ in files(format_)]
            return random.choice(names), corruption.noise(random)
        name, data = random.choice(files(self.format))
        others = [other for format_ in FORMATS[:-1] for _, other in files(format_)]
        return name, corruption.corrupted(data, others, random)


@cache
def files(format_: str) -> list[tuple[str, bytes]]:
    """The valid files of a format, by name."""
    chapters = [(f"Chapter {number}", [makers.prose(5), makers.prose(3, 2)]) for number in (1, 2)]
    placed = [makers.Placed(50, 500 - 12 * k, text) for k, text in enumerate(makers.SENTENCES)]
    made: dict[str, list[tuple[str, Any]]] = {
        "pdf": [
            ("it.pdf", lambda: makers.pdf_book(chapters, head="A Head", outline=True)),
            ("it.pdf", lambda: makers.pdf_book(chapters, columns=2)),
            ("it.pdf", lambda: makers.pdf([placed, placed[:2]], outline=[(0, "One", 0), (1, "Two", 1)])),
            ("it.pdf", lambda: makers.pdf_page(b"BT /F 12 Tf 14 TL 30 500 Td (one) Tj T* (two) Tj (three) ' ET " * 4)),
            ("it.pdf", lambda: makers.pdf_scan(2)),
        ],
        "epub": [("it.epub", makers.epub), ("it.epub", lambda: epub_books.cut_book(200))],
        "docx": [
            (
                "it.docx",
                lambda: makers.docx(
                    ("Title", "T"), ("Heading 1", "One"), ("Normal", makers.prose(5)), ("table", "a|b")
                ),
            ),
            ("it.docx", lambda: makers.docx_body("<w:p><w:ins><w:r><w:t>in</w:t></w:r></w:ins></w:p>" * 5)),
        ],
        "html": [("it.html", makers.html)],
        "markdown": [("it.md", makers.markdown)],
        "text": [("it.txt", makers.text)],
        "table": [(name, lambda data=data: data) for name, data in makers.tables().items()],
    }
    return [(name, make()) for name, make in made[format_]]


class Worker:
    """A process that reads one case after the other; a new one takes the place of one that died or hung."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process
        return self._process.pid

    def run(self, name: str, data: bytes) -> tuple[str, str]:
        """`chunks`, `error` or `failure`, and what was said."""
        process = self._process or self._start()
        assert process.stdin and process.stdout
        try:
            _send(process.stdin, name.encode())
            _send(process.stdin, data)
            answer = self._answer(process.stdout)
        except BrokenPipeError:
            answer = ""
        if answer is None:
            self._end()
            return "failure", f"ran longer than {_SECONDS_PER_CASE:.0f} s"
        if not answer:
            code = process.wait()
            self._end()
            return "failure", f"the process died: {signal.Signals(-code).name if code < 0 else code}"
        kind, said = json.loads(answer)
        return kind, said

    def _answer(self, stdout: Any) -> str | None:
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            return stdout.readline().decode() if selector.select(_SECONDS_PER_CASE) else None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[1],
            start_new_session=True,
        )
        assert self._process.stdout
        self._process.stdout.readline()  # it has imported everything, so that the limit is on reading alone
        return self._process

    def _end(self) -> None:
        if self._process:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            with self._process:
                pass
            self._process = None


def _send(pipe: Any, data: bytes) -> None:
    pipe.write(struct.pack("<Q", len(data)) + data)
    pipe.flush()


def work(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Read cases from one pipe, answer each in one line on the other."""
    import cpullm.readers
    import cpullm.splitters  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    stdout.write(b"ready\n")
    stdout.flush()
    while head := stdin.read(8):
        name = stdin.read(*struct.unpack("<Q", head)).decode()
        data = stdin.read(*struct.unpack("<Q", stdin.read(8)))
        stdout.write(json.dumps(outcome(name, data)).encode() + b"\n")
        stdout.flush()


def outcome(name: str, data: bytes) -> tuple[str, str]:
    """Read and split one file: `chunks` and how many, `error` and its message, or `failure` and its traceback."""
    from cpullm.errors import CpullmError
    from cpullm.readers import documents_of
    from cpullm.splitters import split

    try:
        chunks = 0
        for document in documents_of(data, name):
            for chunk in split(document).chunks:
                assert chunk.error or document.text[chunk.start : chunk.end] == chunk.text, "a chunk is not its span"
                chunks += 1
        return "chunks", str(chunks)
    except CpullmError as error:
        said = str(error)
        clear = said.startswith(name) and "\n" not in said and len(said) <= _LONGEST_MESSAGE
        return ("error", said) if clear else ("failure", f"an unclear message: {said!r}")
    except Exception:
        return "failure", traceback.format_exc()


def run(
    formats: list[str], *, seed: int, seconds: float = 60.0, cases: int | None = None, out: Path
) -> Counter[tuple[str, str]]:
    """So many seconds (or cases) of each format; the counts by format and outcome, failing inputs saved in `out`."""
    counts: Counter[tuple[str, str]] = Counter()
    with Worker() as worker:
        for format_ in formats:
            end = time.monotonic() + seconds
            number = 0
            while (number < cases) if cases is not None else time.monotonic() < end:
                case = Case(seed, format_, number)
                counts[format_, _run(case, worker, out)] += 1
                number += 1
            print(_line(format_, counts), flush=True)
    return counts


def _run(case: Case, worker: Worker, out: Path) -> str:
    name, data = case.file()
    kind, said = worker.run(name, data)
    if kind == "failure":
        out.mkdir(parents=True, exist_ok=True)
        saved = out / f"{case.label.replace('/', '-')}-{name}"
        saved.write_bytes(data)
        print(f"FAILED {case.label}, saved as {saved}: {said.strip()[-800:]}", flush=True)
    return kind


def _line(format_: str, counts: Counter[tuple[str, str]]) -> str:
    chunks, errors, failures = (counts[format_, kind] for kind in ("chunks", "error", "failure"))
    return f"{format_}: {chunks} gave chunks, {errors} a clear error, {failures} failed"


def main(argv: list[str] | None = None) -> int:
    """The command; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Read and split damaged files.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=FORMATS, action="append", help="may be given more than once; all if not")
    parser.add_argument("--case", help="run this case alone, in this process")
    parser.add_argument("--out", type=Path, default=_OUT, help="where failing inputs are saved")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        work(sys.stdin.buffer, sys.stdout.buffer)
        return 0
    if options.case:
        seed, format_, number = options.case.split("/")
        kind, said = outcome(*Case(int(seed), format_, int(number)).file())
        print(kind, said)
        return int(kind == "failure")
    counts = run(options.format or list(FORMATS), seed=options.seed, seconds=options.seconds, out=options.out)
    return int(any(kind == "failure" for _, kind in counts))


if __name__ == "__main__":
    raise SystemExit(main())
