"""`cpullm eval` from its files to its tables, with stand-ins for the model and for the rankings."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cpullm import extract
from cpullm.cli import main
from cpullm.options import Options

SUMMARIZE = import_module("cpullm.summarize")  # as an attribute of the package that is its function
NAMES = ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal"]
ROWS = [
    {
        "id": name,
        "document": f"{name} left the house early. It was cold. A dog barked at {name}. {name} went back and slept.",
        "references": [f"{name} left and went back to sleep.", f"A dog barked at {name}, who left early."],
    }
    for name in NAMES
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return _write(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture(autouse=True)
def ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rankings that take the second sentence."""
    for name in ("lexrank", "textrank"):
        monkeypatch.setattr(extract, name, lambda sentences, n_words: [1], raising=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The runs that were asked for. Guarded ones give the last sentence, bare ones invent and are cut off."""
    runs: list[dict[str, Any]] = []

    def run(documents: list[Any], **given: Any) -> Any:
        Options.of({name: given[name] for name in ("strategy", "guards", "words")})
        runs.append({"documents": documents, **given})
        summaries = [SimpleNamespace(document_id=one.id, summary=_answer(one, given), error=None) for one in documents]
        facts = {
            "model": {"name": "a-model", "file": "a.gguf"}, "strategy": given["strategy"] or "guided",
            "methods": {"extracted": len(documents)}, "seconds": 4.0, "guard_seconds": 0.1, "levels": [{"kept": 2}],
        }  # fmt: skip
        return SimpleNamespace(summaries=summaries, run=facts)

    monkeypatch.setattr(SUMMARIZE, "run", run)
    return runs


def _answer(document: Any, given: dict[str, Any]) -> str:
    return f"{document.id} went back and slept." if given["guards"] else f"{document.id} met Napoleon in the"


def _write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_all_usual_systems_are_scored_and_compared(
    rows: Path, asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    argv = ["eval", str(rows), "--json", str(out / "e.json"), "--chart", str(out / "e.png"), "--texts", str(out / "t")]
    assert main([*argv, "--quiet"]) == 0
    printed = capsys.readouterr()
    told = json.loads((out / "e.json").read_text("utf-8"))["files"][0]
    assert printed.err == "" and max(map(len, printed.out.splitlines())) <= 116  # words may be four digits more
    assert list(told["systems"]) == ["lead", "lexrank", "textrank", "bare", "default"]
    assert [(run["strategy"], run["guards"]) for run in asked] == [("hierarchical", False), (None, True)]
    assert {run["words"] for run in asked} == {told["words"]} == {8}  # references have 7 and 8 words: 7.5, to even
    bare, default = told["systems"]["bare"]["means"], told["systems"]["default"]["means"]
    assert (bare["invented"]["value"], bare["cut_off"]["value"], bare["support"]["value"] < 1) == (1.0, 1.0, True)
    assert (default["invented"]["value"], default["cut_off"]["value"], default["support"]["value"]) == (0.0, 0.0, 1.0)
    assert told["compared"] == "default" and set(told["differences"]) == {"lead", "lexrank", "textrank", "bare"}
    assert told["differences"]["lexrank"]["rouge2"]["verdict"] == "above"
    rows_of = [line.split() for line in printed.out.splitlines() if line.startswith("- lexrank")]
    assert [row[-1] for row in rows_of] == ["above", "above"]
    assert "default: a-model, guided; 8 extracted" in printed.out
    assert (out / "e.png").read_bytes().startswith(b"\x89PNG")
    written = [json.loads(line) for line in (out / "t" / "rows" / "bare.jsonl").read_text("utf-8").splitlines()]
    assert written[0] == {"document_id": "Ann", "system": "bare", "summary": "Ann met Napoleon in the"}


def test_every_documents_scores_are_in_the_json(rows: Path, tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    assert main(["eval", str(rows), "--system", "lead", "--limit", "3", "--json", str(path)]) == 0
    told = json.loads(path.read_text("utf-8"))
    scores = told["files"][0]["scores"]
    assert [(one["id"], one["system"], one["words"]) for one in scores] == [(name, "lead", 8.0) for name in NAMES[:3]]
    assert {"rouge1", "rouge2", "rougeL", "rougeLsum", "support", "novelty"} < set(scores[0])
    assert told["resamples"] == 10_000 and told["versions"]["rouge-score"]


def test_seconds_guards_and_kept_answers_of_the_model_are_told(
    rows: Path, asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["eval", str(rows), "--system", "default", "--answers", str(tmp_path / "kept"), "--model", "some.gguf"]
    assert main(argv) == 0
    printed = capsys.readouterr()
    row = next(line for line in printed.out.splitlines() if line.startswith("default  ") and line.endswith("2.5"))
    assert len(row.split()) == 13
    assert "default: 2 answers were there from an earlier run" in printed.out
    assert "eval: rows.jsonl: default" in printed.err
    assert (asked[0]["model"], asked[0]["answers"]) == ("some.gguf", tmp_path / "kept" / "rows" / "default")
    assert asked[0]["splitting"].splitter == "whole" and asked[0]["tasks"] == ["summarize"]


def test_systems_that_are_named_run_in_that_order(rows: Path, asked: list[dict[str, Any]]) -> None:
    argv = ["eval", str(rows), "--system", "incremental", "--system", "hierarchical", "--words", "20", "--quiet"]
    assert main(argv) == 0
    assert [(run["strategy"], run["guards"], run["words"]) for run in asked] == [
        ("incremental", True, 20), ("hierarchical", True, 20),
    ]  # fmt: skip


def test_a_system_of_which_all_failed_is_exit_code_1(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(documents: list[Any], **_: Any) -> Any:
        rows = [SimpleNamespace(document_id=one.id, summary="", error="no room") for one in documents]
        return SimpleNamespace(summaries=rows, run={"model": {"name": "a-model"}, "seconds": 1.0})

    monkeypatch.setattr(SUMMARIZE, "run", run)
    assert main(["eval", str(rows), "--system", "bare", "--system", "lead"]) == 1
    assert "bare: 8 of 8 summaries failed, as Ann: no room" in capsys.readouterr().out


def test_other_systems_outputs_are_scored_without_a_model(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        {"document_id": row["id"], "system": system, "summary": f"{row['id']} {rest}"}
        for row in [*ROWS, {"id": "Zoe"}]
        for system, rest in [("good", "left and went back to sleep."), ("a $y$tem of a very long name", "is.")]
    ]
    outputs, path = _write(tmp_path / "outputs.jsonl", given), tmp_path / "e.json"
    argv = ["eval", str(rows), "--outputs", str(outputs), "--json", str(path), "--chart", str(tmp_path / "e.svg")]
    assert main(argv) == 0
    told = json.loads(path.read_text("utf-8"))["files"][0]
    printed = capsys.readouterr()
    assert set(told["systems"]) == {"lead", "lexrank", "textrank", "good", "a $y$tem of a very long name"}
    assert told["systems"]["good"]["means"]["rouge2"]["value"] == 1.0 and told["compared"] == "good"
    assert told["systems"]["good"]["seconds"] is None
    assert "2 rows of" in printed.err and max(map(len, printed.out.splitlines())) <= 120
    assert "<svg" in (tmp_path / "e.svg").read_text("utf-8")


def test_judged_summaries_give_the_area_of_support_beside_overlap(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = []
    for i, row in enumerate(ROWS):
        document, name = str(row["document"]), row["id"]
        text = f"{name} went back and slept." if i % 2 else f"A dog slept at the house of Napoleon and {name}."
        judged.append({"document": document, "summary": text, "label": i % 2})
    path, chart = tmp_path / "e.json", tmp_path / "e.png"
    files = [str(_write(tmp_path / "judged.jsonl", judged)), str(rows)]
    assert main(["eval", *files, "--system", "lead", "--json", str(path), "--chart", str(chart)]) == 0
    first, second = json.loads(path.read_text("utf-8"))["files"]
    assert (first["kind"], second["kind"]) == ("judgements", "references")
    assert (first["summaries"], first["faithful"], first["auroc"]["support"]["value"]) == (8, 4, 1.0)
    assert len(first["scores"]) == 8
    assert "8 summaries of 8 documents, 4 of them faithful (judged 1)" in capsys.readouterr().out
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--system", "best"], "no system is called 'best'"),
        (["--words", "4"], "words must be from 5 to 100000, got 4"),
        (["--words", "100001"], "words must be from 5 to 100000, got 100001"),
        (["--limit", "0"], "limit must be a whole number of 1 or more, got 0"),
        (["--chart", "e.pdf"], "a chart is a .png or an .svg"),
        (["--json", "/proc/nowhere/e.json"], "Cannot write into /proc/nowhere"),
        (["--json", "/proc"], "--json /proc is a folder"),
        (["missing.jsonl"], "missing.jsonl cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    rows: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], given: list[str], complaint: str
) -> None:
    assert main(["eval", str(rows), *given]) == 1
    printed = capsys.readouterr()
    assert complaint in printed.err and printed.err.count("\n") == 1
    assert printed.out == "" and asked == []


@pytest.mark.parametrize("flag", ["--texts", "--answers"])
def test_files_of_one_name_are_refused_where_one_would_overwrite_the_other(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    (tmp_path / "other").mkdir()
    other = _write(tmp_path / "other" / "rows.jsonl", ROWS)
    assert main(["eval", str(rows), str(other), "--system", "lead", flag, str(tmp_path / "out")]) == 1
    assert "two files are called rows" in capsys.readouterr().err


def test_outputs_of_a_system_that_is_run_here_too_are_refused(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [{"document_id": row["id"], "system": "lead", "summary": "x"} for row in ROWS]
    assert main(["eval", str(rows), "--outputs", str(_write(tmp_path / "outputs.jsonl", given))]) == 1
    assert "system 'lead' is in --outputs and is run here too" in capsys.readouterr().err


def test_outputs_need_references(tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = _write(tmp_path / "judged.jsonl", [{"document": "D.", "summary": "S.", "label": 1}])
    assert main(["eval", str(judged), "--outputs", str(rows)]) == 1
    assert "needs references, and" in capsys.readouterr().err


@pytest.mark.parametrize(("package", "given"), [("rouge_score", []), ("matplotlib", ["--chart", "e.png"])])
def test_a_missing_package_says_what_to_install(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str, given: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["eval", str(rows), "--system", "lead", *given]) == 1
    assert "pip install 'cpullm[eval]'" in capsys.readouterr().err


def test_judged_summaries_need_no_rouge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    rows = [{"document": "A cat sat.", "summary": text, "score": i} for i, text in enumerate(["A dog ran.", "A cat."])]
    assert main(["eval", str(_write(tmp_path / "judged.jsonl", rows))]) == 0
    assert "fewer than 6 documents" in capsys.readouterr().out


def test_without_a_file_it_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as exited:
        main(["eval"])
    assert exited.value.code == 2
