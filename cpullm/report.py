"""What people read: summaries.parquet, summaries.md, run.json and dropped.parquet, each whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm.errors import CpullmError, OptionError
from cpullm.page import page
from cpullm.records import Origin, Sentence, Summary, columns, encodable, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from cpullm.summarize import Result


def check_folder(folder: Path) -> None:
    """Make the output folder now, so that a place that cannot be written stops the job before it starts."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OptionError(f"Cannot write into {folder}: {error.strerror}. Choose another folder with --out.") from error


def write(result: Result, folder: Path) -> list[Path]:
    """Write the files, each to a temporary name beside it and then renamed; their paths."""
    import pyarrow.parquet as pq

    check_folder(folder)
    facts = json.dumps(result.run, indent=2) + "\n"
    dropped = result.dropped
    return [
        _write(folder / "summaries.parquet", lambda path: pq.write_table(table(result.summaries), path)),
        _write(folder / "summaries.md", lambda path: path.write_text(page(result), encoding="utf-8")),
        _write(folder / "run.json", lambda path: path.write_text(facts, encoding="utf-8")),
        *([] if dropped is None else [_write(folder / "dropped.parquet", lambda path: dropped.to_parquet(path))]),
    ]


def _write(path: Path, put: Callable[[Path], object]) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        put(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise CpullmError(
            f"Cannot write {path}: {error.strerror or error}. Free some space or choose --out."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def table(summaries: list[Summary]) -> pa.Table:
    """The summaries as an Arrow table of the schema `Summary.SCHEMA`."""
    import pyarrow as pa

    arrays = [
        pa.array([_plain(getattr(s, name)) for s in summaries], kind) for name, kind in zip(*_columns(), strict=True)
    ]
    return pa.table(arrays, names=columns(Summary))


def _columns() -> tuple[list[str], list[Any]]:
    """The names and Arrow types of the schema `Summary.SCHEMA`."""
    import pyarrow as pa

    kinds = {"int": pa.int32(), "double": pa.float64(), "string": pa.string(), "array<string>": pa.list_(pa.string())}
    origin = pa.struct([(name, pa.int32()) for name in columns(Origin)])
    spans = [("start", pa.int32()), ("end", pa.int32()), ("support", pa.float64()), ("sources", pa.list_(origin))]
    kinds[Sentence.SCHEMA] = pa.list_(pa.struct(spans))
    named = [part.split(" ", 1) for part in Summary.SCHEMA.split(", ")]
    return [name for name, _ in named], [kinds[kind] for _, kind in named]


def _plain(value: object) -> object:
    if isinstance(value, (Sentence, Origin)):
        return plain(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return encodable(value) if isinstance(value, str) else value
