"""The command line: prints what it should, refuses in one line, and its help comes from the options."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pytest

from cpullm import catalog, worker
from cpullm.cli import main
from cpullm.engine.llama import LlamaModel
from cpullm.options import Options

BOOK = "CHAPTER I\n\nThe clock told no time, and nobody minded it.\n\n\nCHAPTER II\n\nThe boats came home by it.\n"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "quay.txt"
    path.write_text(BOOK, encoding="utf-8")
    return path


def _refusal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that exits with 1 says, which must be one line on stderr."""
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cpullm: ") and err.count("\n") == 1 and err.endswith("\n")
    return err


class TestSplit:
    def test_shows_chapters_words_and_a_sum(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["split", str(book)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "quay: chapters (by headings that count on or stand out: 2 units)"
        assert lines[1].split() == ["unit", "words", "first", "words"]
        assert "CHAPTER I " in lines[2] and " 9  The clock told no time, and nobody minded" in lines[2]
        assert "CHAPTER II" in lines[3]
        assert lines[4:] == ["2 units, 15 words, the longest 9", "no front or back matter"]

    def test_json_gives_one_object_a_line_with_exact_offsets(
        self, book: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["split", str(book), "--json"]) == 0
        units = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(unit["id"], unit["title"], unit["line"]) for unit in units] == [
            ("quay/0", "CHAPTER I", 1),
            ("quay/1", "CHAPTER II", 6),
        ]
        assert BOOK[units[1]["start"] : units[1]["end"]] == "The boats came home by it."

    def test_shows_the_sample_book_in_parts(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["split", "sample"]) == 0
        assert "10 units in 2 parts" in capsys.readouterr().out

    def test_json_has_front_and_back_matter_by_its_kind(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        book.write_text(f"A Book\n\n\n{BOOK}\n\nTHE END\n\nMore books.", encoding="utf-8")
        assert main(["split", str(book), "--json"]) == 0
        out, err = capsys.readouterr()
        assert [json.loads(line)["kind"] for line in out.splitlines()] == ["front", "body", "body", "back"]
        assert err == "quay: chapters (by headings that count on or stand out: 2 units)\n"

    def test_text_is_what_lines_and_offsets_refer_to(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        book.write_bytes(BOOK.replace("\n", "\r\n").encode("utf-8-sig"))
        assert main(["split", str(book), "--text"]) == 0
        assert capsys.readouterr().out == BOOK

    @pytest.mark.parametrize(
        ("flags", "starts"),
        [
            (["--splitter", "regex", "--pattern", "^C.*I$"], "quay: regex (asked for: 2 units under '^C.*I$')"),
            (["--splitter", "paragraphs", "--chunk-tokens", "16"], "quay: paragraphs (asked for: whole paragraphs"),
            (["--splitter", "whole"], "quay: whole (asked for: one unit)"),
        ],
    )
    def test_takes_the_splitter_asked_for(
        self, book: Path, capsys: pytest.CaptureFixture[str], flags: list[str], starts: str
    ) -> None:
        assert main(["split", str(book), *flags]) == 0
        assert capsys.readouterr().out.startswith(starts)

    @pytest.mark.model
    def test_a_models_tokenizer_keeps_pieces_within_the_budget(
        self, book: Path, starter: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["split", str(book), "--splitter", "tokens", "--chunk-tokens", "16", "--model", str(starter), "--json"]
        assert main(argv) == 0
        units = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        with LlamaModel(starter, vocab_only=True) as vocabulary:
            sizes = [vocabulary.count_tokens(BOOK[unit["start"] : unit["end"]]) for unit in units]
        assert len(sizes) > 1 and max(sizes) <= 16

    def test_a_folder_is_read_with_what_is_bad_in_it(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (book.parent / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n")
        (book.parent / "rows.csv").write_text("id,text\na,One.\nb,\n", encoding="utf-8")
        assert main(["split", str(book.parent)]) == 0
        out = capsys.readouterr().out
        assert "photo.txt: error: photo.txt is a PNG image, which is not read; give its text." in out
        assert "rows.csv#a: whole" in out and "rows.csv#b: error: " in out
        assert out.endswith("\n4 documents, 2 of them with errors: 3 units, 16 words\n")

    def test_a_table_without_the_column_is_refused(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = book.with_suffix(".csv")
        path.write_text("id,review\na,One.\n", encoding="utf-8")
        assert "--text-column" in _refusal(["split", str(path)], capsys)
        assert main(["split", str(path), "--text-column", "review"]) == 0

    def test_an_unknown_book_is_refused_with_what_is_near(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "did you mean dracula?" in _refusal(["split", "drakula"], capsys)

    def test_an_empty_name_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no corpus is called ''" in _refusal(["split", ""], capsys)

    def test_a_full_disk_behind_the_output_is_one_line(self, book: Path) -> None:
        command = [sys.executable, "-m", "cpullm.cli", "split", str(book)]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "No space left" in done.stderr

    def test_a_closed_output_is_no_failure(self, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert main(["split", str(book)]) == 0

    def test_what_a_terminal_would_obey_is_not_shown(self, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
        book.write_text("A \x1b[31mred text.", encoding="utf-8")
        assert main(["split", str(book)]) == 0
        assert "\x1b" not in capsys.readouterr().out

    def test_a_missing_file_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "does not exist" in _refusal(["split", str(tmp_path / "none.txt")], capsys)


class TestLists:
    def test_models_list_names_every_model(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == ["model", *catalog.models()]

    def test_corpora_list_names_every_book(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["corpora", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == ["book", *catalog.corpora()]

    def test_models_verify_reads_the_file(self, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "verify", str(starter)]) == 0
        assert "is whole: sha256 " in capsys.readouterr().out


class TestSummarize:
    @pytest.mark.model
    def test_writes_the_report_and_says_where(
        self, book: Path, starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out" / "SOURCE"
        argv = ["summarize", str(book), "--model", str(starter), "--master", "in-process", "--out", str(out)]
        try:
            assert main([*argv, "--limit", "1", "--max-tokens", "8", "--strategy", "hierarchical"]) == 0
        finally:
            worker.close()
        told = capsys.readouterr().out
        assert "1 unit, the longest of 9 words" in told
        assert f"{tmp_path}/out/quay/summaries.md" in told
        assert json.loads((tmp_path / "out/quay/run.json").read_text("utf-8"))["options"]["max_tokens"] == 8

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (["--model", "smollm3"], "no model is called 'smollm3'"),
            (["--limit", "0"], "limit must be a whole number of 1 or more, got 0"),
            (["--master", "local[0]"], "local[0] has no CPU"),
            (["--master", "lokal"], "none that Spark knows"),
            (["--max-tokens", "4"], "max_tokens must be from 8 to 4096, got 4"),
            (["--kv-type", "q8_0", "--no-flash-attn"], "kv_type q8_0 needs flash_attn"),
            (["--task", "summarize,nope"], "no task is called 'nope'; there are summarize, "),
            (["--task", "title", "--task", "title"], "two called 'title'"),
            (["--task", "gone.ini"], "the task gone.ini cannot be read"),
            (["--prompt", "gone.txt"], "the prompt gone.txt cannot be read"),
            (["--prompt", "gone.txt", "--task", "title"], "the prompt gone.txt is for summaries"),
        ],
    )
    def test_what_cannot_work_is_refused_before_anything_starts(
        self, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
    ) -> None:
        out = tmp_path / "out"
        argv = ["summarize", str(book), "--master", "in-process", "--out", str(out), *more]
        assert said in _refusal(argv, capsys)
        assert not out.exists() or list(out.iterdir()) == []

    @pytest.mark.model
    def test_several_tasks_are_answered_and_shown_by_name(
        self, book: Path, starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "word.ini").write_text(
            "[task]\nask = {text}\n\n    Is it about a clock?\nchoices = yes, no\njoin = majority\n", encoding="utf-8"
        )
        argv = ["summarize", str(book), "--model", str(starter), "--master", "in-process", "--limit", "1"]
        try:
            given = [
                "--task",
                f"summarize, {tmp_path}/word.ini",
                "--task",
                "sentiment",
                "--max-tokens",
                "8",
                "--strategy",
                "hierarchical",
            ]
            assert main([*argv, *given, "--out", str(tmp_path / "out")]) == 0
        finally:
            worker.close()
        told = capsys.readouterr().out
        assert "tasks summarize, word, sentiment\n" in told
        assert "\nsummarize: " in told and ("\nword: yes\n" in told or "\nword: no\n" in told)
        assert "3 answers, " in told

    def test_an_unknown_book_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        argv = ["summarize", "nope", "--master", "in-process", "--out", str(tmp_path / "out")]
        assert "no corpus is called 'nope'" in _refusal(argv, capsys)

    def test_a_folder_that_cannot_be_written_is_refused(
        self, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["summarize", str(book), "--master", "in-process", "--out", str(book / "out")]
        assert "Choose another folder with --out" in _refusal(argv, capsys)


class TestUsage:
    def test_help_names_every_option_with_its_range(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("COLUMNS", "1000")
        with pytest.raises(SystemExit) as exited:
            main(["summarize", "--help"])
        told = capsys.readouterr().out
        assert exited.value.code == 0
        texts = {part.split()[0].rstrip(","): part for part in told.split("\n  --")[1:]}
        assert "sentiment (positive, negative or neutral)" in texts["task"]
        for option in fields(Options):
            text = texts[option.name.replace("_", "-")]
            assert option.metadata["help"] in text
            if "low" in option.metadata:
                assert f"({option.metadata['low']} to {option.metadata['high']})" in text
            assert option.default is None or f"(default: {option.default})" in text

    def test_its_version_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exited:
            main(["--version"])
        assert exited.value.code == 0
        assert capsys.readouterr().out == f"cpullm {version('cpullm')}\n"

    @pytest.mark.parametrize("argv", [[], ["models"], ["nope"], ["summarize", "--max-tokens", "many"], ["split"]])
    def test_wrong_usage_exits_with_2(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exited:
            main(argv)
        assert exited.value.code == 2
        assert "usage: cpullm" in capsys.readouterr().err
