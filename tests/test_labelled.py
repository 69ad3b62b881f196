"""`cpullm eval` of rows {text, label}: baselines, what a model said, and its figures."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cpullm.cli import main
from cpullm.errors import InputError, MachineError
from cpullm.evaluation import labelled
from cpullm.evaluation.labelled import Labelled
from cpullm.evaluation.systems import Setup

SUMMARIZE = import_module("cpullm.summarize")  # as an attribute of the package that is its function
ROWS = [
    Labelled(f"{'good fine' if i % 2 else 'bad poor'} day {i}", "positive" if i % 2 else "negative") for i in range(16)
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks asked. The default is always right, free words name a label half of the time, a grammar gives one."""
    found: list[Any] = []

    def run(documents: list[Any], *, tasks: list[Any], **_: Any) -> Any:
        (task,) = tasks
        found.append(task)
        said = {
            labelled.FREE: lambda text: "Clearly POSITIVE, not negative." if "good" in text else "Well.",
            labelled.GRAMMAR: lambda text: "negative",
        }.get(task.name, lambda text: "positive" if "good" in text else "negative")
        return SimpleNamespace(
            summaries=[SimpleNamespace(document_id=one.id, summary=said(one.text)) for one in documents]
        )

    monkeypatch.setattr(SUMMARIZE, "run", run)
    return found


def _evaluated() -> dict[str, Any]:
    return labelled.evaluate("moods.jsonl", ROWS, Setup(), lambda step: None)


def test_figures_are_those_worked_out_by_hand(asked: list[Any]) -> None:
    told = _evaluated()["systems"]
    accuracy = {system: one["accuracy"]["value"] for system, one in told.items()}
    assert accuracy == {"majority": 0.5, "tf-idf": 1.0, "free": 0.5, "grammar": 0.5, "default": 1.0}
    assert told["majority"]["macro_f1"]["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert told["free"]["macro_f1"]["value"] == pytest.approx((1 + 0) / 2)
    assert told["free"]["none"] == 0.5 and told["default"]["none"] == 0


def test_moods_are_asked_as_sentiment_and_others_as_classes(asked: list[Any]) -> None:
    _evaluated()
    assert (asked[-1].name, asked[-1].choices) == ("sentiment", ("negative", "positive"))
    classes = labelled._tasks(["a", "b"])[labelled.DEFAULT]
    assert (classes.name, classes.choices, classes.calibrate) == ("classify", ("a", "b"), True)


@pytest.mark.parametrize(
    ("said", "label"),
    [("Sport News!", "sport news"), ("the sport: news", "sport"), ("sports", ""), ("c++", "C++"), ("", "")],
)
def test_the_label_that_comes_first_counts(said: str, label: str) -> None:
    assert labelled._label(said, ["sport", "sport news", "C++"]) == label


def test_the_command_prints_a_table_and_writes_all_figures(
    asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "moods.jsonl"
    path.write_text("".join(json.dumps({"text": row.text, "label": row.label}) + "\n" for row in ROWS))
    assert main(["eval", str(path), "--json", str(tmp_path / "e.json"), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "8 texts, the second half; 2 labels: negative, positive" in out
    assert "100.0 [100.0, 100.0]" in out and all(len(line) <= 120 for line in out.splitlines())
    (file,) = json.loads((tmp_path / "e.json").read_text())["files"]
    assert file["kind"] == "labels" and len(file["scores"]) == 8


def test_a_first_half_of_one_label_teaches_nothing() -> None:
    with pytest.raises(InputError, match=r"moods\.jsonl: .*fewer than two labels"):
        labelled.check(Path("moods.jsonl"), sorted(ROWS, key=lambda row: row.label))


def test_labels_that_cannot_be_asked_about_are_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"moods\.jsonl: .*without white space around them, got ' good'"):
        labelled.check(Path("moods.jsonl"), [Labelled("a", " good"), Labelled("b", "bad")] * 2)


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MachineError, match=r"scikit-learn.*pip install 'cpullm\[eval\]'"):
        labelled.check(Path("moods.jsonl"), ROWS)
