"""Data for training: counts that add up, sides that share nothing, files that the `datasets` library loads."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cpullm
from cpullm import Dataset, Hygiene, OptionError, Training
from cpullm.cli import main
from cpullm.dataset import rows, sides
from cpullm.dataset.dividing import divided
from cpullm.dataset.rows import Asked
from cpullm.errors import CpullmError
from cpullm.records import Origin, Sentence, Summary
from tests.test_hygiene import edited, prose

ASKED = {
    "summarize": Asked("{text}\n\nSummarize.", True, "tiny", "a" * 64),
    "sentiment": Asked("{text}\n\nIs it {good}?", False, "tiny", "a" * 64),
}
FILES = [f"{side}.{kind}" for side in ("train", "validation") for kind in ("jsonl", "parquet")]
FILES += ["dropped.jsonl", "report.md", "report.json"]


def held(support: float) -> tuple[Sentence, ...]:
    return (Sentence(0, 5, 1.0, (Origin(0, 0, 5),)), Sentence(6, 9, support, (Origin(0, 0, 5),)))


def summary(document_id: str, text: str, answer: str, task: str = "summarize", **more: Any) -> Summary:
    plain = Summary(
        document_id, "chapter", 0, (), "", 1, 0, len(text), 9, task, answer, 1, 0, "stop", 20, 5, 0.5,
        sentences=held(0.9) if task == "summarize" else (),
    )  # fmt: skip
    return replace(plain, **more)


def text_of(seed: int, n_words: int = 120) -> str:
    return " ".join(prose(seed, n_words))


def made(texts: dict[str, str], training: Training | None = None, **more: Any) -> Dataset:
    summaries = [summary(id_, text, f"About {id_}.") for id_, text in texts.items()]
    return divided(summaries, texts, ASKED, training or Training(validation=0.5), Hygiene(), **more)


def sides_of(found: Dataset) -> tuple[set[str], set[str]]:
    return {row.document_id for row in found.train}, {row.document_id for row in found.validation}


def reasons(found: Dataset) -> list[str]:
    return [one.reason for one in found.dropped]


class TestRows:
    def test_a_row_is_the_tasks_own_wording_with_the_text_and_the_answer(self) -> None:
        (row,) = made({"a": "All is well."}).train
        assert row.record()["messages"] == [
            {"role": "user", "content": "All is well.\n\nSummarize."},
            {"role": "assistant", "content": "About a."},
        ]
        told = {name: value for name, value in row.record().items() if name != "messages"}
        assert told == {
            "document_id": "a", "unit": "a/0", "level": "chapter", "title": "", "start": 0, "end": 12,
            "task": "summarize", "model": "tiny", "model_sha256": "a" * 64, "method": "generated", "support": 0.9,
            "licence": "", "reasons": "",
        }  # fmt: skip

    def test_a_text_with_a_place_for_texts_in_it_stays_as_it_is(self) -> None:
        (row,) = made({"a": "Write {text} here."}).train
        assert row.prompt == "Write {text} here.\n\nSummarize."

    @pytest.mark.parametrize(
        ("change", "training", "reason"),
        [
            ({"summary": " ", "error": "no room"}, {}, rows.NO_ANSWER),
            ({"error": "1 of 2 answers failed"}, {}, rows.IN_PART),
            ({"sentences": (), "finish_reason": "length"}, {}, rows.NOT_WHOLE),
            ({"sentences": (), "finish_reason": "loop"}, {}, rows.NOT_WHOLE),
            ({"method": "repaired"}, {"methods": ("generated", "extracted")}, rows.OTHER_METHOD),
            ({"sentences": held(0.39)}, {"least_support": 0.4}, rows.WEAK),
            ({"reasons": ("loop",)}, {"mended": False}, rows.MENDED),
        ],
    )
    def test_what_is_left_out_has_a_reason(self, change: dict[str, Any], training: Any, reason: str) -> None:
        texts = {"a": text_of(1)}
        found = divided([summary("a", texts["a"], "x", **change)], texts, ASKED, Training(**training), Hygiene())
        assert (found.train, reasons(found)) == ([], [reason])

    @pytest.mark.parametrize(
        "change",
        [{"finish_reason": "length"}, {"reasons": ("loop",)}, {"method": "repaired"}, {"sentences": held(0.0)}],
    )
    def test_what_was_mended_is_taken_if_nothing_is_said(self, change: dict[str, Any]) -> None:
        texts = {"a": text_of(1)}
        assert divided([summary("a", texts["a"], "x", **change)], texts, ASKED, Training(), Hygiene()).train

    def test_labels_have_no_support_and_pass_the_filters_of_summaries(self) -> None:
        texts = {"a": text_of(1)}
        label = summary("a", texts["a"], "positive", "sentiment")
        training = Training(least_support=1.0, methods=("extracted",), mended=False)
        (row,) = divided([label], texts, ASKED, training, Hygiene()).train
        assert row.support is None

    def test_rows_longer_than_the_trainee_reads_are_left_out(self) -> None:
        texts = {"a": text_of(1, 10), "b": text_of(2, 90)}
        found = made(texts, Training(row_tokens=50), count_tokens=lambda one: len(one.text.split()))
        assert [row.document_id for row in found.train] == ["a"]
        assert [(one.reason, one.detail) for one in found.dropped] == [(rows.TOO_LONG, "90 tokens")]

    def test_an_answer_in_free_words_that_another_text_has_got_is_left_out_but_not_a_label(self) -> None:
        texts = {"a": text_of(1), "b": text_of(2)}
        summaries = [summary(id_, text, "It is  A text.") for id_, text in texts.items()]
        summaries += [summary(id_, text, "positive", "sentiment") for id_, text in texts.items()]
        found = divided(summaries, texts, ASKED, Training(validation=0), Hygiene())
        assert [(row.document_id, row.task) for row in found.train] == [
            ("a", "summarize"), ("a", "sentiment"), ("b", "sentiment"),
        ]  # fmt: skip
        assert reasons(found) == [rows.SAME_ANSWER]

    def test_the_same_row_twice_is_one(self) -> None:
        texts = {"a": text_of(1), "b": text_of(1)}
        summaries = [summary(id_, text, "positive", "sentiment") for id_, text in texts.items()]
        found = divided(summaries, texts, ASKED, Training(), Hygiene())
        assert ([row.document_id for row in found.train], reasons(found)) == (["a"], [rows.TWICE])


class TestSides:
    def test_all_of_a_document_is_on_one_side(self) -> None:
        texts = {f"{n}": text_of(n) for n in range(8)}
        summaries = [
            summary(id_, text, f"{id_} {part}", index=part, start=part * 300, end=part * 300 + 300)
            for id_, text in texts.items()
            for part in range(3)
        ]
        train, validation = sides_of(divided(summaries, texts, ASKED, Training(validation=0.25), Hygiene()))
        assert not train & validation and (len(train), len(validation)) == (6, 2)

    @pytest.mark.parametrize(("share", "n", "expected"), [(0.1, 2, 1), (0.1, 20, 2), (0.9, 3, 2), (0.0, 5, 0)])
    def test_the_share_is_kept_with_one_document_on_each_side(self, share: float, n: int, expected: int) -> None:
        texts = {f"{i}": text_of(i) for i in range(n)}
        found = made(texts, Training(validation=share))
        assert len(found.validation) == expected and len(found.train) == n - expected
        assert found.report["warnings"] == []

    def test_which_side_follows_from_the_text_and_the_seed_not_from_order_or_names(self) -> None:
        texts = {f"{i}": text_of(i) for i in range(12)}
        _, first = sides_of(made(texts))
        _, turned = sides_of(made(dict(reversed(texts.items()))))
        _, renamed = sides_of(made({f"n{id_}": text for id_, text in texts.items()}))
        _, other = sides_of(made(texts, Training(validation=0.5, split_seed=1)))
        assert first == turned == {id_.removeprefix("n") for id_ in renamed} and first != other

    @pytest.mark.parametrize("seed", range(4))
    def test_one_text_and_near_duplicates_are_on_one_side(self, seed: int) -> None:
        words = prose(50, 600)
        texts = {f"{i}": text_of(i) for i in range(6)}
        texts |= {"near": " ".join(words), "nearer": " ".join(edited(words, 0.01, 1)), "same": "\n".join(words)}
        found = made(texts, Training(validation=0.4, split_seed=seed))
        train, validation = sides_of(found)
        assert {"near", "nearer", "same"} <= train or {"near", "nearer", "same"} <= validation
        assert found.report["split"]["clusters"] == 7 and not found.dropped

    def test_a_row_for_training_with_a_passage_of_validation_is_left_out(self) -> None:
        passage, short = text_of(99, 60), text_of(98, 40)
        texts = {f"{i}": f"{text_of(i)} {passage if i < 4 else short} {text_of(i + 20)}" for i in range(8)}
        found = made(texts)
        train, validation = sides_of(found)
        assert len(validation) == 4 and 0 < len(validation & {"0", "1", "2", "3"}) < 4
        assert train == {"4", "5", "6", "7"} - validation
        assert {(one.reason, one.detail) for one in found.dropped} == {(rows.PASSAGE, "60 words")}
        assert found.report["longest_common_passage_words"] in (0, 40)

    @pytest.mark.parametrize("seed", range(4))
    def test_the_longest_common_passage_is_of_rows_that_are_left(self, seed: int) -> None:
        quoted = text_of(98, 40)
        texts = {"whole": f"{text_of(1)} {quoted} {text_of(2)}", "quoted": quoted}
        found = made(texts, Training(validation=0.5, split_seed=seed))
        assert reasons(found) == [rows.PASSAGE]
        assert found.report["longest_common_passage_words"] == 0

    @pytest.mark.parametrize("seed", range(4))
    def test_a_short_text_that_stands_whole_in_a_long_one_is_not_on_the_other_side(self, seed: int) -> None:
        short = text_of(99, 20)
        texts = {"short": short, "long": f"{text_of(1)} {short} {text_of(2)}", "other": text_of(3)}
        found = made(texts, Training(validation=0.4, split_seed=seed))
        train, validation = sides_of(found)
        assert not ({"short", "long"} & train and {"short", "long"} & validation)

    def test_one_document_is_all_for_training_and_this_is_said(self) -> None:
        found = made({"a": text_of(1)})
        assert (len(found.train), len(found.validation)) == (1, 0)
        assert "cannot be held out without a leak" in found.report["warnings"][0]

    def test_no_row_at_all_is_said(self) -> None:
        found = made({"a": text_of(1)}, Training(least_support=1.0))
        assert found.train == [] and found.report["warnings"][0].startswith("No answer became a row")


words = st.lists(st.sampled_from("ab cd ef gh ij".split()), max_size=70).map(" ".join)
answers = st.tuples(
    st.sampled_from(["", "Good.", "Bad.", "good."]),
    st.sampled_from(["stop", "length", "loop", "error"]),
    st.sampled_from([None, None, None, "failed"]),
    st.sampled_from(["generated", "repaired", "extracted"]),
    st.sampled_from([(), held(0.2), held(0.9)]),
    st.sampled_from([(), (), ("loop",)]),
    st.integers(0, 30),
)
trainings = st.builds(
    Training,
    validation=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    split_seed=st.integers(0, 3),
    least_support=st.sampled_from([0.0, 0.5]),
    methods=st.sampled_from([None, ("generated",)]),
    mended=st.booleans(),
    row_tokens=st.sampled_from([None, 16]),
)


@given(
    st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.tuples(words, st.lists(answers, max_size=3))), trainings
)
def test_every_answer_is_a_row_or_left_out_and_no_side_has_a_document_or_passage_of_the_other(
    documents: dict[str, tuple[str, list[Any]]], training: Training
) -> None:
    texts = {id_: text for id_, (text, _) in documents.items()}
    summaries = [
        summary(
            id_, text, answer, ["summarize", "sentiment"][n % 2], index=n, start=min(start, len(text)), end=len(text),
            finish_reason=ended, error=error, method=method, sentences=sentences, reasons=found,
        )
        for id_, (text, told) in documents.items()
        for n, (answer, ended, error, method, sentences, found, start) in enumerate(told)
    ]  # fmt: skip
    made = divided(summaries, texts, ASKED, training, Hygiene(), lambda one: len(one.text.split()))
    train, validation = sides_of(made)
    assert not train & validation
    assert len(made.train) + len(made.validation) + len(made.dropped) == len(summaries)
    for task, counts in {None: made.report["answers"], **made.report["tasks"]}.items():
        of_task = [one for one in summaries if task in (None, one.task)]
        assert counts["all"] == len(of_task)
        assert counts["train"] + counts["validation"] + sum(counts["dropped"].values()) == len(of_task)
    about = made.report["documents"]
    assert sum(about.values()) == len(documents)
    assert (about["train"], about["validation"]) == (len(train), len(validation))
    texts_of = [[texts[r.document_id][r.start : r.end] for r in side] for side in (made.train, made.validation)]
    for those, others in (texts_of, reversed(texts_of)):
        assert not any(whole for _, whole in sides.common_words(those, others))
    assert all(n < sides.PASSAGE_WORDS for n, _ in sides.common_words(*texts_of))
    assert bool(validation) or training.validation == 0 or made.report["warnings"]


class TestTraining:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"validation": 1.0}, "validation must be from 0.0 to 0.9, got 1.0"),
            ({"least_support": 2}, "least_support must be from 0.0 to 1.0, got 2"),
            ({"methods": ("copied",)}, "methods must be one of generated, repaired, extracted, got 'copied'"),
            ({"methods": ()}, "methods must be one of"),
            ({"row_tokens": 1}, "row_tokens must be from 16"),
            ({"tokenizer": "tiny.gguf"}, "tokenizer tiny.gguf counts for row_tokens: give both"),
            ({"mended": 1}, "mended must be True or False, got 1"),
        ],
    )
    def test_what_cannot_be_is_refused(self, given: dict[str, Any], said: str) -> None:
        with pytest.raises(OptionError, match=said.replace("(", r"\(")):
            Training(**given)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Seven files of two chapters; two are one text, and three share a passage."""
    folder = tmp_path / "library"
    folder.mkdir()
    draw = random.Random(5)
    shared = _chapter(draw, 6)
    texts = [f"CHAPTER I\n\n{_chapter(draw)}\n\n\nCHAPTER II\n\n{_chapter(draw)}\n" for _ in range(6)]
    for name, text in zip("abcdef", [*texts[:3], *(f"{text}\n\n{shared}\n" for text in texts[3:])], strict=True):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "copy.txt").write_text(texts[0], encoding="utf-8")
    return folder


def _chapter(draw: random.Random, n_sentences: int = 9) -> str:
    names = ("Anna", "Bela", "Caleb", "Dinah", "Edwin")
    verbs = ("carried", "mended", "counted", "forgot", "painted")
    things = [f"{a} {b}" for a in ("old", "green", "heavy", "second") for b in ("boat", "clock", "ledger", "gate")]
    lines = (
        f"{draw.choice(names)} {draw.choice(verbs)} the {draw.choice(things)} beside the {draw.choice(things)} while "
        f"{draw.choice(names)} {draw.choice(verbs)} the {draw.choice(things)}."
        for _ in range(n_sentences)
    )
    return " ".join(lines)


@pytest.fixture
def make(library: Path, starter: Path) -> Callable[..., Dataset]:
    def make(source: Any = None, **keywords: Any) -> Dataset:
        given = {"strategy": "coverage", "words": 20, "progress": False, "training": Training(validation=0.3)}
        return cpullm.dataset(library if source is None else source, model=starter, **{**given, **keywords})

    return make


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.model
class TestWholeWay:
    def test_a_folder_becomes_files_that_the_datasets_library_loads_offline(
        self, make: Callable[..., Dataset], tmp_path: Path
    ) -> None:
        made = make(training=Training(validation=0.3, licence="CC0-1.0"))
        paths = made.write(tmp_path / "out")
        assert sorted(path.name for path in paths) == sorted(FILES) == sorted(_bytes(tmp_path / "out"))
        code = (
            "import datasets, json, os\n"
            "for kind, ending in (('json', 'jsonl'), ('parquet', 'parquet')):\n"
            "    files = {side: f'{side}.{ending}' for side in ('train', 'validation')}\n"
            "    found = datasets.load_dataset(kind, data_files=files)\n"
            "    print(json.dumps({side: list(rows) for side, rows in found.items()}))\n"
            "print(json.dumps({side: len(rows) for side, rows in datasets.load_dataset(os.getcwd()).items()}))\n"
        )
        offline = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path / "out", env=os.environ | offline, capture_output=True, text=True, check=True,
        )  # fmt: skip
        as_json, as_parquet, sizes = map(json.loads, done.stdout.splitlines())
        expected = {"train": [r.record() for r in made.train], "validation": [r.record() for r in made.validation]}
        assert as_json == as_parquet == expected
        assert sizes == {side: len(records) for side, records in expected.items()}
        assert {record["licence"] for record in as_json["train"]} == {"CC0-1.0"}

    def test_a_copy_is_one_document_and_a_shared_passage_stays_on_one_side(self, make: Callable[..., Dataset]) -> None:
        made = make()
        train, validation = sides_of(made)
        about = made.report["documents"]
        assert about["all"] == 7 == about["train"] + about["validation"] + about["without a row"]
        assert "copy.txt" not in train | validation
        assert reasons(made).count(rows.TWICE) == 2
        assert made.report["longest_common_passage_words"] < sides.PASSAGE_WORDS
        assert all(row.model == "" and row.method == "extracted" and row.support == 1.0 for row in made.train)

    def test_the_same_input_gives_the_same_bytes(self, make: Callable[..., Dataset], tmp_path: Path) -> None:
        for name in ("one", "two"):
            make(answers=tmp_path / "answers" if name == "two" else None).write(tmp_path / name)
        assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")

    def test_texts_are_of_the_unit_as_it_stands_in_its_document(
        self, make: Callable[..., Dataset], library: Path
    ) -> None:
        made = make(levels="book")
        assert {row.level for row in made.train} == {"book", "chapter"}
        for row in made.train:
            text = (library / row.document_id).read_text("utf-8")
            assert row.prompt.startswith(text[row.start : row.end])

    def test_rows_are_counted_with_the_trainees_tokenizer(self, make: Callable[..., Dataset], starter: Path) -> None:
        everything = make(training=Training(row_tokens=100_000))
        nothing = make(training=Training(row_tokens=16, tokenizer=str(starter)))
        assert everything.train and not nothing.train
        assert {one.reason for one in nothing.dropped} >= {rows.TOO_LONG}

    def test_a_tokenizer_that_is_not_there_is_refused_before_any_work(self, make: Callable[..., Dataset]) -> None:
        with pytest.raises(CpullmError, match=r"gone\.gguf"):
            make(training=Training(row_tokens=16, tokenizer="gone.gguf"), answers="/dev/null/answers")

    def test_on_spark_hygiene_drops_the_copy_and_all_else_is_the_same(
        self, spark: Any, make: Callable[..., Dataset], tmp_path: Path
    ) -> None:
        made = make(spark=spark, hygiene=Hygiene())
        assert made.report["documents"]["dropped"] == {"exact duplicate": 1}
        first = made.dropped[0]
        assert (first.document_id, first.kept_id, first.reason) == ("copy.txt", "a.txt", "exact duplicate")
        plain, on_spark = make(), make(spark=spark)
        assert (plain.train, plain.validation, plain.report) == (on_spark.train, on_spark.validation, on_spark.report)

    def test_rows_of_a_table_are_documents(self, make: Callable[..., Dataset]) -> None:
        draw = random.Random(2)
        table = pd.DataFrame({"key": range(4), "review": [_chapter(draw) for _ in range(4)]})
        made = make(table, id_column="key", text_column="review")
        assert len(made.train) == 3 and len(made.validation) == 1 and made.report["source"] == "DataFrame"


@pytest.mark.model
class TestFiles:
    @pytest.fixture
    def small(self, make: Callable[..., Dataset]) -> Dataset:
        draw = random.Random(3)
        return make(pd.DataFrame({"id": ["one|two", "b"], "text": [_chapter(draw), _chapter(draw)]}))

    def test_a_side_that_an_earlier_dataset_had_goes(self, small: Dataset, tmp_path: Path) -> None:
        small.write(tmp_path)
        alone = replace(small, train=small.train + small.validation, validation=[])
        assert {path.name for path in alone.write(tmp_path)} == set(_bytes(tmp_path)) == {*FILES} - set(FILES[2:4])

    def test_a_disk_that_is_full_leaves_what_was_there(
        self, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small.write(tmp_path)
        before = _bytes(tmp_path)

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(pq, "write_table", full)
        with pytest.raises(CpullmError, match="No space left on device"):
            replace(small, train=small.train[:0] + small.validation).write(tmp_path)
        assert _bytes(tmp_path) == before and not list(tmp_path.glob(".dataset*"))

    def test_the_draft_of_a_killed_run_goes_with_the_next(
        self, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: Any) -> None:
            raise SystemError("killed")

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", killed)
            patched.setattr(shutil, "rmtree", lambda *_, **__: None)
            with pytest.raises(SystemError):
                small.write(tmp_path)
        pid = os.getpid()
        assert list(tmp_path.glob(".*"))
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        small.write(tmp_path)
        assert not list(tmp_path.glob(".*"))

    def test_the_report_is_readable_and_shows_no_markup_of_texts(self, small: Dataset, tmp_path: Path) -> None:
        dropped = [rows.Dropped("one|two", None, None, None, "near duplicate", "0.91 similar", "b")]
        replace(small, dropped=dropped).write(tmp_path)
        page = (tmp_path / "report.md").read_text("utf-8")
        assert "| answers | 2 | 1 | 1 | 0 |" in page and "it was not asked" in page

    def test_the_command_writes_and_says_what_it_made(
        self, library: Path, starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["dataset", str(library), "--model", str(starter), "--master", "in-process", "--strategy", "coverage"]
        argv += ["--words", "20", "--out", str(tmp_path / "out" / "SOURCE"), "--quiet"]
        assert main([*argv, "--validation", "0.3"]) == 0
        told = capsys.readouterr().out
        assert told.startswith("7 documents: ") and "2 the same row" in told
        assert f"{tmp_path}/out/library/report.json\n" in told
        assert (tmp_path / "out/library/answers/STORE").is_file()
        assert main([*argv, "--limit", "1"]) == 0
        told = capsys.readouterr().out
        assert "warning: There are rows of one document, so all of them are for training" in told
        assert main([*argv, "--row-tokens", "16"]) == 1

    def test_what_cannot_work_is_refused_before_anything_starts(
        self, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["dataset", str(library), "--master", "in-process", "--out", str(tmp_path / "out")]
        for more, said in (
            (["--methods", "copied"], "methods must be one of"),
            (["--clean"], "hygiene runs on Spark"),
            (["--task", "nope"], "no task is called 'nope'"),
        ):
            assert main([*argv, *more]) == 1
            assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
