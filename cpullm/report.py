"""What people read: summaries.parquet, summaries.md, run.json and dropped.parquet, each whole or not at all."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm.errors import CpullmError, OptionError
from cpullm.records import FinishReason, Summary, columns, encodable

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
        _write(folder / "summaries.md", lambda path: path.write_text(markdown(result), encoding="utf-8")),
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

    kinds = {"int": pa.int32(), "double": pa.float64(), "string": pa.string(), "array<string>": pa.list_(pa.string())}
    fields = [pa.field(name, kinds[kind]) for name, kind in (part.split() for part in Summary.SCHEMA.split(", "))]
    arrays = [
        pa.array([_plain(getattr(s, name)) for s in summaries], f.type)
        for name, f in zip(columns(Summary), fields, strict=True)
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return encodable(value) if isinstance(value, str) else value


def markdown(result: Result) -> str:
    """The answers under their parts' and chapters' headings, named by task if there are several; faults are marked."""
    run = result.run
    model = run["model"]["name"] or run["model"]["file"]
    lines = [
        f"# {_title(result)}",
        "",
        f"By {model}, a language model: check before use.",
        "",
    ]
    chunks = [list(rows) for _, rows in groupby(result.summaries, key=lambda row: (row.document_id, row.index))]
    count = Counter(rows[0].document_id for rows in chunks)
    shown: tuple[str, ...] = ()
    for rows in chunks:
        path = _path(rows[0], count)
        for depth, title in enumerate(path):
            if path[: depth + 1] != shown[: depth + 1] or depth + 1 == len(path):
                lines += [f"{'#' * min(depth + 2, 6)} {_heading(title)}", ""]
        shown = path
        for row in rows:
            label = [f"**{_escape(row.task)}**", ""] if len(rows) > 1 else []
            lines += [*label, *_body(row), ""]
    return "\n".join(lines)


def _path(summary: Summary, count: Counter[str]) -> tuple[str, ...]:
    """The headings a summary stands under, its own last: of several documents, first the document's."""
    document = (summary.document_id,) if len(count) > 1 else ()
    alone = count[summary.document_id] == 1
    title = summary.title or ("" if alone and document else summary.document_id if alone else f"Line {summary.line}")
    return (*document, *summary.levels, *((title,) if title else ()))


def _title(result: Result) -> str:
    documents = {summary.document_id for summary in result.summaries}
    return _heading(documents.pop()) if len(documents) == 1 else f"{len(documents)} documents"


def _body(summary: Summary) -> list[str]:
    body = [_escape(paragraph) for paragraph in _readable(summary.summary).splitlines()]
    if summary.finish_reason == FinishReason.LENGTH:
        body += ["", "*(An answer was cut at `max_tokens`.)*"]
    if summary.finish_reason == FinishReason.LOOP:
        body += ["", "*(An answer repeated itself and was ended there.)*"]
    if summary.error is not None:
        body += ["", f"*(Error: {_escape(summary.error)})*"]
    return body


def _readable(text: str) -> str:
    """JSON as a person reads it: the items of a list with commas, an object's values each under its name."""
    if not text.startswith(("[", "{")):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a text that only begins so
        return text
    if isinstance(value, dict):
        return "\n\n".join(f"{name}: {_phrase(part)}" for name, part in value.items())
    return _phrase(value) or "(none)"


def _phrase(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_phrase, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _heading(text: str) -> str:
    return _escape(" ".join(text.split()))


def _escape(text: str) -> str:
    """Text as Markdown shows it: a model's `<b>` or a title's `*` is text, not markup."""
    escaped = "".join(f"\\{char}" if char in "\\`*_<>[]#|~&" else char for char in encodable(text)).strip()
    # A line of = or - would make a heading of the paragraph above it, + and - would begin a list.
    return f"\\{escaped}" if escaped[:1] in ("=", "-", "+") else escaped
