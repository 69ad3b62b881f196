"""`cpullm tune`: the table, what is stored, and refusals."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import TUNED

from cpullm import catalog, installed, tune
from cpullm.cli import main
from cpullm.tune import store
from cpullm.tune.search import Trial

pytestmark = pytest.mark.model


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installed, "home", lambda: tmp_path)
    monkeypatch.setattr(store, "path", lambda: tmp_path / "models" / "tuned.json")
    (tmp_path / "models").mkdir()
    return tmp_path


def _tuned(starter: Path) -> tune.Tuned:
    return replace(
        TUNED,
        model_sha256=catalog.resolve_model(starter).sha256,
        cpu=store.cpu(),
        n_busy=1,
        neighbours=(Trial("as chosen", "", 200.0, 50.0, 9.0, 1.0),),
    )


def test_show_without_anything_stored_says_what_to_do(
    starter: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(starter), "--show"]) == 1
    assert f"run `cpullm tune {starter}`" in capsys.readouterr().out


def test_show_as_json_without_anything_stored_is_an_empty_object(
    starter: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(starter), "--show", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {}
    assert f"run `cpullm tune {starter}`" in printed.err


def test_show_prints_the_table_and_the_choice(starter: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuned = _tuned(starter)
    store.store(tuned.model_sha256, tuned)
    assert main(["tune", str(starter), "--show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "quiet"
    assert lines[1].split() == ["default", "300.0", "100.0", "5.00", "1.00"]
    assert lines[2].split() == ["n_ubatch", "512", "not", "tried:", "no", "time", "left"]
    assert lines[4].startswith("beside a busy process")
    assert lines[7] == "chosen: Q4_1 weights as they are; n_seq_max 8, flash_attn yes"
    assert str(store.path()) in lines[9] and store.cpu() in lines[9]


def test_show_as_json_has_every_field(starter: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuned = _tuned(starter)
    store.store(tuned.model_sha256, tuned)
    assert main(["tune", str(starter), "--show", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {option.name for option in dataclasses.fields(tuned)}


def test_tuning_prints_rows_and_is_shown_again_the_same(
    starter: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(starter), "--seconds", "5", "--no-sibling"]) == 0
    printed = capsys.readouterr().out
    assert main(["tune", str(starter), "--show"]) == 0
    assert capsys.readouterr().out == printed
    assert "weights Q4_1 as" not in printed


def test_a_time_out_of_range_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--seconds", "1"]) == 1
    assert capsys.readouterr().err == "cpullm: seconds must be from 5.0 to 86400.0, got 1.0.\n"
