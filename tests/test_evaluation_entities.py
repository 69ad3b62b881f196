"""What `cpullm eval` computes of masked texts and of names: figures worked out by hand, and rows that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cpullm.cli import main
from cpullm.columns import masking as by_model
from cpullm.errors import InputError
from cpullm.evaluation import entities, marked, reading, table
from cpullm.evaluation.entities import Marked
from cpullm.evaluation.systems import Setup
from cpullm.masking import Private

TEXT = "Anna Lee (31) met Bob in Rome."
ROW = Marked(TEXT, (Private(0, 8, "PERSON"), Private(10, 12, "AGE"), Private(18, 21, "per"), Private(25, 29, "GPE")))
ROWS = [
    {"text": "Write to Ann at ann@x.org.", "entities": [{"start": 9, "end": 12, "type": "PERSON", "text": "Ann"},
                                                        {"start": 16, "end": 25, "type": "EMAIL_ADDRESS"}]},
    {"text": "Nothing here.", "entities": []},
]  # fmt: skip


def told(*found: Private, row: Marked = ROW) -> dict[str, Any]:
    return entities.told([row], {"ours": [list(found)]})["ours"]  # type: ignore[no-any-return]


def value(figure: Any) -> float | None:
    return figure and pytest.approx(figure["value"])


def test_a_span_counts_if_all_its_letters_and_digits_are_masked() -> None:
    found = told(Private(0, 4, "PERSON"), Private(5, 8, "PERSON"), Private(9, 13, "AGE"), Private(18, 20, "PERSON"))

    assert value(found["recall"]) == 2 / 4
    assert value(found["kinds"]["PERSON"]["whole"]) == 1 and found["kinds"]["per"]["in_part"] == 1


def test_precision_and_what_else_is_masked_count_letters_and_digits() -> None:
    found = told(Private(0, 8, "PERSON"), Private(13, 21, "PERSON"))

    assert value(found["precision"]) == 10 / 13  # AnnaLee and Bob, of these and met
    assert value(found["others_masked"]) == 3 / 5  # met, of met and in


def test_names_count_with_the_very_same_spans_and_with_their_types() -> None:
    found = told(
        Private(0, 8, "PERSON"), Private(18, 21, "LOCATION"), Private(25, 28, "LOCATION"), Private(10, 12, "AGE")
    )

    assert found["names"] == 3
    assert value(found["f1"]) == 2 * 2 / (3 + 3)
    assert value(found["typed_f1"]) == 2 * 1 / (3 + 3)


def test_a_kind_that_is_nowhere_has_no_figure() -> None:
    found = told(row=Marked("Nothing.", ()))

    assert found["recall"] is found["precision"] is found["f1"] is None and found["kinds"] == {}


@pytest.mark.parametrize(
    ("entity", "said"),
    [
        ({"start": 0, "end": 99, "type": "PERSON"}, "within the text's 13 characters"),
        ({"start": 3, "end": 3, "type": "PERSON"}, "start, end, type"),
        ({"start": 0, "end": True, "type": "PERSON"}, "start, end, type"),
        ({"start": 0, "end": 3}, "start, end, type"),
        ("Ann", "start, end, type"),
    ],
)
def test_an_entity_that_is_no_span_is_refused_with_its_line(tmp_path: Path, entity: Any, said: str) -> None:
    path = write(tmp_path, [ROWS[0], {"text": "Nothing here.", "entities": [entity]}])

    with pytest.raises(InputError, match=rf"line 2: .*{said}"):
        reading.read(path)


def test_each_system_masks_more_than_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked, "_default", lambda texts, setup: [[Private(9, 12, "PERSON")], []])
    rows = reading.read(write(tmp_path, ROWS))
    record = marked.evaluate("rows.jsonl", rows, Setup(), lambda said: None)  # type: ignore[arg-type]

    recalls = {system: one["recall"]["value"] for system, one in record["systems"].items()}
    assert recalls == {"rules": 0.5, "capitals": 1.0, "default": 0.5}
    lines = list(table.lines(record))
    assert "2 texts with 2 marked spans, 1 of them names" in lines[0]
    assert any(line.startswith("EMAIL_ADDRESS") for line in lines)


def test_the_command_writes_tables_figures_and_a_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(marked, "_default", lambda texts, setup: [[], []])
    path, figures, chart = write(tmp_path, ROWS), tmp_path / "eval.json", tmp_path / "eval.png"

    assert main(["eval", str(path), "--json", str(figures), "--chart", str(chart), "--quiet"]) == 0
    assert "spans masked whole" in capsys.readouterr().out
    assert json.loads(figures.read_text())["files"][0]["kind"] == "entities" and chart.stat().st_size


def write(folder: Path, rows: list[Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_model_is_asked_about_each_name_of_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def answers(setup: Any, texts: list[str], questions: dict[str, list[str]], *, progress: bool) -> Any:
        asked.extend(zip(texts, questions["name"], strict=True))
        return [[by_model_answer(name) for name in questions["name"]]]

    monkeypatch.setattr(by_model, "answers", answers)
    texts = ["Hello Ann, it is Ann.", "", "in Rome"]
    found = by_model.private(stand_in_setup(), texts)

    assert asked == [(texts[0], "Hello Ann"), (texts[0], "Ann"), (texts[2], "Rome")]
    assert found == [[Private(17, 20, "PERSON")], [], [Private(3, 7, "LOCATION")]]


def by_model_answer(name: str) -> Any:
    from cpullm.columns.answering import Answer

    return Answer({"Ann": "person", "Rome": "place"}.get(name, "word"))


def stand_in_setup() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(tasks=[SimpleNamespace(task=SimpleNamespace(name="name"))])
