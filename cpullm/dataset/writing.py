"""The files: train and validation as JSONL and Parquet, dropped.jsonl, report.md, and at last report.json.

All are made beside their places first, so that a disk that is full leaves what was there. The same rows give the same
bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm.dataset.rows import Dropped
from cpullm.errors import CpullmError
from cpullm.page import escaped
from cpullm.records import encodable, row
from cpullm.report import check_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from cpullm.dataset.dividing import Dataset

SIDES = ("train", "validation")
LAST = "report.json"
_SHOWN = 20
_ROWLESS = ("without a unit", "without a row")


def write(dataset: Dataset, folder: Path) -> list[Path]:
    """Write all files, and take those of an earlier dataset away; their paths. A side without rows has none."""
    check_folder(folder)
    draft = folder / ".dataset"
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed
    try:
        draft.mkdir()
        names = _written(dataset, draft)
        (folder / LAST).unlink(missing_ok=True)  # without it the others may be of two datasets
        for name in (f"{side}.{kind}" for side in SIDES for kind in ("jsonl", "parquet")):
            if name not in names:
                (folder / name).unlink(missing_ok=True)
        for name in names:
            os.replace(draft / name, folder / name)
    except OSError as error:
        raise CpullmError(
            f"Cannot write into {folder}: {error.strerror or error}. Free some space or choose --out."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [folder / name for name in names]


def _written(dataset: Dataset, folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    names = []
    for side, rows in zip(SIDES, (dataset.train, dataset.validation), strict=True):
        if rows:
            records = [one.record() for one in rows]
            _put(folder / f"{side}.jsonl", _lines(records))
            pq.write_table(table(records), folder / f"{side}.parquet")
            names += [f"{side}.jsonl", f"{side}.parquet"]
    _put(folder / "dropped.jsonl", _lines(row(one) for one in dataset.dropped))
    _put(folder / "report.md", page(dataset.report, dataset.dropped))
    _put(folder / LAST, json.dumps(dataset.report, indent=2, ensure_ascii=False) + "\n")
    return [*names, "dropped.jsonl", "report.md", LAST]


def _put(path: Path, text: str) -> None:
    path.write_text(encodable(text), encoding="utf-8", newline="\n")


def _lines(records: Iterable[Mapping[str, Any]]) -> str:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def table(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as an Arrow table."""
    import pyarrow as pa

    text, number = pa.string(), pa.int32()
    kinds = {
        "messages": pa.list_(pa.struct([("role", text), ("content", text)])),
        "start": number,
        "end": number,
        "support": pa.float64(),
    }
    schema = pa.schema([(name, kinds.get(name, text)) for name in records[0]])
    return pa.Table.from_pylist(list(records), schema)


def page(report: Mapping[str, Any], dropped: Sequence[Dropped]) -> str:
    """The report for people."""
    lines = [f"# Data for training from {escaped(report['source'])}", ""]
    lines += [f"**{escaped(warning)}**\n" for warning in report["warnings"]]
    lines += [*_counts(report), "", "## Left out", "", *_left_out(report, dropped), "", "## How it was divided", ""]
    split, n_words = report["split"], report["longest_common_passage_words"]
    lines += [
        f"By document, with seed {split['seed']}, a share of {split['share']:g} for validation, near duplicates "
        f"together (clusters of documents with rows: {split['clusters']}). The longest passage that a text for "
        f"training has in common with texts for validation is of {n_words} words, by runs of five; there is none of 50 "
        "and more, and no text of five words or more stands whole on the other side."
    ]
    return "\n".join([*lines, "", "## Where it comes from", "", *_origin(report), ""])


def _counts(report: Mapping[str, Any]) -> list[str]:
    """How many there are, and where they are now."""
    documents = report["documents"]
    gone = sum(documents["dropped"].values()) + sum(documents[why] for why in _ROWLESS)
    rows = {"documents": (documents, gone)}
    for name, counts in {"answers": report["answers"], **report["tasks"]}.items():
        rows[name] = (counts, sum(counts["dropped"].values()))
    return [
        "| | all | train | validation | left out |",
        "|---|---|---|---|---|",
        *(f"| {name} | {of['all']} | {of['train']} | {of['validation']} | {n} |" for name, (of, n) in rows.items()),
    ]


def _left_out(report: Mapping[str, Any], dropped: Sequence[Dropped]) -> list[str]:
    """How many for each reason, and the first duplicates with what stays for them."""
    documents = report["documents"]
    reasons = [("documents", why, n) for why, n in documents["dropped"].items()]
    reasons += [("documents", why, documents[why]) for why in _ROWLESS if documents[why]]
    reasons += [("answers", why, n) for why, n in report["answers"]["dropped"].items()]
    if not reasons:
        return ["Nothing."]
    lines = [
        "| what | why | how many |",
        "|---|---|---|",
        *(f"| {what} | {why} | {n} |" for what, why, n in reasons),
        "",
    ]
    twins = [one for one in dropped if one.kept_id is not None]
    lines += [f"- {escaped(one.document_id)}: {one.reason} of {escaped(one.kept_id or '')}" for one in twins[:_SHOWN]]
    lines += [f"- and {len(twins) - _SHOWN} more"] if len(twins) > _SHOWN else []
    return [*lines, "", "dropped.jsonl has each of them."]


def _origin(report: Mapping[str, Any]) -> list[str]:
    model, strategy = report["model"], report["strategy"]
    return [
        f"- texts: {escaped(report['training']['licence'] or 'no licence was told')}",
        f"- model: {escaped(model['name'] or model['file'])}, sha256 {model['sha256']}, licence "
        f"{escaped(model['licence'] or 'unknown')}{'' if model['is_asked'] else '; it was not asked'}",
        f"- tasks: {', '.join(task['name'] for task in report['asked'])}; strategy {strategy}",
        f"- hygiene: {'off' if report['hygiene'] is None else json.dumps(report['hygiene'])}",
    ]
