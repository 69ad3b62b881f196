"""What `cpullm eval` computes: ROUGE, traits, bootstrap, AUROC, and what of files is read or refused."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import InputError, MachineError, OptionError
from cpullm.evaluation import bootstrap, judging, reading, rouge, scoring, systems, table, traits
from cpullm.evaluation.reading import Case, Judged
from cpullm.support import Source
from cpullm.words import words

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)
VALUES = st.lists(st.floats(-100, 100), min_size=6, max_size=30)


class TestRouge:
    def test_figures_are_those_worked_out_by_hand(self) -> None:
        found = rouge.rouge(["The cat sat on the mat."], "The cat lay on the mat.")
        assert found == {
            "rouge1": pytest.approx(5 / 6),
            "rouge2": pytest.approx(3 / 5),
            "rougeL": pytest.approx(5 / 6),
            "rougeLsum": pytest.approx(5 / 6),
        }

    def test_lsum_takes_sentence_by_sentence_where_l_takes_one_order(self) -> None:
        found = rouge.rouge(["The cat sat. Dogs run far."], "Dogs run far. The cat sat.")
        assert found["rougeLsum"] == 1.0 and found["rougeL"] == 0.5

    def test_words_are_stemmed(self) -> None:
        assert rouge.rouge(["Cats running"], "cats run")["rouge1"] == 1.0

    def test_the_best_reference_counts_for_each_measure(self) -> None:
        references = ["the cat sat", "no dog there"]
        assert rouge.rouge(references, "the cat sat")["rouge1"] == 1.0

    def test_or_the_mean_over_the_references(self) -> None:
        references = ["the cat sat", "no dog there"]
        assert rouge.rouge(references, "the cat sat", average=True)["rouge1"] == 0.5

    def test_an_empty_text_scores_nothing(self) -> None:
        assert set(rouge.rouge(["The cat sat."], "").values()) == {0.0}

    @pytest.mark.parametrize(
        ("reference", "text", "score"),
        [("我爱北京", "我爱上海", 0.5), ("Кот сидел дома", "кот сидел тут", 2 / 3), ("Η γάτα", "η γατα", 1.0)],
    )
    def test_other_letters_than_latin_ones_are_words_too(self, reference: str, text: str, score: float) -> None:
        assert rouge.rouge([reference], text)["rouge1"] == pytest.approx(score)

    @pytest.mark.parametrize(("text", "latin"), [("Élan vital", True), ("1984!", True), ("Война и mir", False)])
    def test_most_letters_say_what_a_text_is_written_in(self, text: str, latin: bool) -> None:
        assert rouge.is_latin(text) is latin

    def test_without_the_package_one_line_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "rouge_score", None)
        with pytest.raises(MachineError, match=r"rouge-score.*pip install 'cpullm\[eval\]'"):
            rouge.check_installed()


class TestTraits:
    def test_all_of_them_worked_out_by_hand(self) -> None:
        source = Source("The cat sat on the mat. The dog ran off to Paris with 20 bones.")
        found = traits.traits(source, "The cat sat on a mat. It ran off to London")
        # Runs shared: “the cat sat on” (4), “mat” (1), “ran off to” (3).
        assert found["words"] == 11.0
        assert found["compression"] == pytest.approx(15 / 11)
        assert found["coverage"] == pytest.approx(8 / 11)
        assert found["density"] == pytest.approx((16 + 1 + 9) / 11)
        assert found["novelty"] == pytest.approx(4 / 9)  # on a, a mat, it ran, to london
        assert found["invented"] == 1.0  # London
        assert (found["loop"], found["cut_off"], found["empty"]) == (0.0, 1.0, 0.0)
        assert 0 < (found["support"] or 0) < 1

    def test_an_empty_summary_is_only_that(self) -> None:
        found = traits.traits(Source("The cat sat."), " \n")
        assert {name for name, value in found.items() if value is None} == {
            "compression", "coverage", "density", "novelty", "support", "invented",
        }  # fmt: skip
        assert (found["words"], found["empty"], found["cut_off"]) == (0.0, 1.0, 0.0)

    def test_a_sentence_of_the_document_is_all_supported_and_nothing_new(self) -> None:
        found = traits.traits(Source("The cat sat. A dog ran off to Paris. It was late."), "A dog ran off to Paris.")
        assert (found["coverage"], found["density"], found["novelty"]) == (1.0, 6.0, 0.0)
        assert (found["support"], found["invented"], found["cut_off"]) == (1.0, 0.0, 0.0)

    def test_the_longest_run_counts_as_a_fragment(self) -> None:
        assert list(traits.fragments("a b x a b c".split(), "a b c d c".split())) == [3, 1]

    @given(WORDS, WORDS)
    def test_fragments_are_those_of_the_plain_algorithm(self, document: list[str], summary: list[str]) -> None:
        assert list(traits.fragments(document, summary)) == _plain_fragments(document, summary)

    @given(WORDS, st.integers(0, 14))
    def test_the_first_words_are_that_many_at_most(self, spoken: list[str], n: int) -> None:
        text = ", ".join(spoken)
        first = traits.first_words(text, n)
        assert text.startswith(first) and words(first) == spoken[:n]

    def test_a_run_of_words_that_comes_three_times_is_a_loop(self) -> None:
        run = "he went down to the river and slept.".split()
        assert traits.loops(run * 3) and not traits.loops([*run, "then", *run])

    @pytest.mark.parametrize(
        ("text", "cut"), [("He slept.", False), ("He slept. Then he", True), ("“He slept!”", False), ("", False)]
    )
    def test_a_last_sentence_without_an_end_is_cut_off(self, text: str, cut: bool) -> None:
        assert traits.cut_off(text) is cut

    def test_overlap_is_the_share_of_the_summarys_words(self) -> None:
        assert traits.overlap("The cat sat.", "the cat, the dog") == 0.75
        assert traits.overlap("The cat sat.", "") == 0.0


def _plain_fragments(document: list[str], summary: list[str]) -> list[int]:
    """Figure 3 of Grusky et al. (2018), as it stands there."""
    found, i = [], 0
    while i < len(summary):
        longest = 0
        for j in range(len(document)):
            k = 0
            while i + k < len(summary) and j + k < len(document) and summary[i + k] == document[j + k]:
                k += 1
            longest = max(longest, k)
        if longest:
            found.append(longest)
        i += max(longest, 1)
    return found


class TestBootstrap:
    @given(VALUES)
    def test_the_mean_lies_in_its_interval(self, values: list[float]) -> None:
        found = bootstrap.mean(values)
        assert found.value == pytest.approx(sum(values) / len(values), abs=1e-9)
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9

    @given(VALUES)
    def test_a_system_does_not_differ_from_itself(self, values: list[float]) -> None:
        assert bootstrap.paired(values, values) == bootstrap.Difference(0.0, 0.0, 0.0, 1.0, bootstrap.NONE)

    @given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=6, max_size=12))
    def test_turned_round_it_is_the_same_difference(self, pairs: list[tuple[float, float]]) -> None:
        ours, theirs = zip(*pairs, strict=True)
        one, other = bootstrap.paired(ours, theirs), bootstrap.paired(theirs, ours)
        assert (one.value, one.p) == (-other.value, other.p)
        assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))
        turned = {bootstrap.ABOVE: bootstrap.BELOW, bootstrap.BELOW: bootstrap.ABOVE}
        assert other.verdict == turned.get(one.verdict, one.verdict)

    def test_the_interval_is_that_of_the_normal_law_where_that_holds(self) -> None:
        values = list(np.random.default_rng(1).normal(10, 2, 400))
        found = bootstrap.mean(values)
        half = 1.96 * float(np.std(values)) / math.sqrt(len(values))
        assert found.high - found.value == pytest.approx(half, rel=0.05)
        assert found.value - found.low == pytest.approx(half, rel=0.05)

    def test_pairs_show_what_intervals_of_each_hide(self) -> None:
        theirs = [float(i) for i in range(30)]
        found = bootstrap.paired([value + 0.5 + 0.1 * (i % 3) for i, value in enumerate(theirs)], theirs)
        assert found.verdict == bootstrap.ABOVE and found.p == 0.0

    def test_noise_shows_no_difference(self) -> None:
        generator = np.random.default_rng(2)
        found = bootstrap.paired(list(generator.normal(0, 1, 50)), list(generator.normal(0, 1, 50)))
        assert found.verdict == bootstrap.NONE and found.low < 0 < found.high and found.p > 0.05

    def test_of_a_few_documents_nothing_is_claimed(self) -> None:
        assert bootstrap.paired([1.0] * 5, [0.0] * 5).verdict == bootstrap.FEW
        assert bootstrap.paired([1.0] * 6, [0.0] * 6).verdict == bootstrap.ABOVE

    def test_every_time_it_is_the_same(self) -> None:
        values = [1.0, 5.0, 2.0, 8.0, 3.0]
        assert bootstrap.mean(values) == bootstrap.mean(values)

    def test_many_documents_are_drawn_in_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = [float(i % 7) for i in range(40)]
        whole = bootstrap.mean(values)
        monkeypatch.setattr(bootstrap, "_CELLS", 1000)
        assert bootstrap.mean(values) == whole


class TestJudging:
    def test_the_area_worked_out_by_hand_with_a_tie(self) -> None:
        assert judging.auroc([0.1, 0.4, 0.4, 0.8], [False, False, True, True]) == 3.5 / 4

    @given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
    def test_the_area_is_how_often_a_pair_is_in_order(self, rows: list[tuple[int, bool]]) -> None:
        high = [score for score, faithful in rows if faithful]
        low = [score for score, faithful in rows if not faithful]
        area = judging.auroc([float(score) for score, _ in rows], [faithful for _, faithful in rows])
        if not (high and low):
            assert math.isnan(area)
            return
        won = sum((one > other) + (one == other) / 2 for one in high for other in low)
        assert area == pytest.approx(won / (len(high) * len(low)))

    def test_a_score_that_knows_beats_one_that_does_not(self) -> None:
        rows = [Judged(f"text {i}", "summary", i % 2) for i in range(40)]
        scores = {judging.SUPPORT: [row.judgement for row in rows], judging.OVERLAP: [0.5] * len(rows)}
        told = judging.judge(rows, scores)
        assert told["auroc"][judging.SUPPORT] == {"value": 1.0, "low": 1.0, "high": 1.0}
        assert told["auroc"][judging.OVERLAP]["value"] == 0.5
        assert (told["difference"]["value"], told["difference"]["verdict"]) == (0.5, bootstrap.ABOVE)
        assert (told["summaries"], told["documents"], told["faithful"]) == (40, 40, 20)

    def test_the_highest_score_counts_as_faithful(self) -> None:
        rows = [Judged(str(i), "summary", score) for i, score in enumerate([5, 4.7, 1, 5])]
        told = judging.judge(rows, {name: [1.0, 0.0, 0.0, 1.0] for name in judging.JUDGES})
        assert (told["faithful"], told["faithful_judgement"]) == (2, 5)

    def test_summaries_of_one_document_are_drawn_together(self) -> None:
        generator = np.random.default_rng(3)
        scores = list(generator.normal(0, 1, 200))
        labels = [int(score + noise > 0) for score, noise in zip(scores, generator.normal(0, 1, 200), strict=True)]
        same = {name: scores for name in judging.JUDGES}
        alone = judging.judge([Judged(str(i), "s", label) for i, label in enumerate(labels)], same)
        twice = judging.judge([Judged(str(i % 200), "s", labels[i % 200]) for i in range(400)],
                              {name: scores * 2 for name in judging.JUDGES})  # fmt: skip
        assert twice["auroc"][judging.SUPPORT] == pytest.approx(alone["auroc"][judging.SUPPORT])

    def test_judgements_that_are_all_alike_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"All 2 summaries are judged alike \(1\)"):
            judging.judge([Judged("a", "b", 1), Judged("c", "d", 1)], {name: [0.0, 1.0] for name in judging.JUDGES})


class TestReading:
    def test_rows_of_all_spellings(self, tmp_path: Path) -> None:
        rows = [
            {"id": "a", "document": "One.", "references": ["1.", "2."], "more": [1]},
            {"id": 7, "document": "Two.", "reference": "3."},
            {"id": "c", "document": "Three.", "summary": "4."},
            {"id": "d", "document": "Four.", "references": "5."},
        ]
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(json.dumps(row) for row in rows).encode() + b"\n \n")
        assert reading.read(path) == [
            Case("a", "One.", ("1.", "2.")),
            Case("7", "Two.", ("3.",)),
            Case("c", "Three.", ("4.",)),
            Case("d", "Four.", ("5.",)),
        ]

    def test_other_separators_than_line_feeds_stay_in_their_text(self, tmp_path: Path) -> None:
        row = {"id": "a", "document": "One.\u2028\x85Two.", "reference": "3."}
        path = _file(tmp_path, json.dumps(row, ensure_ascii=False))
        assert reading.read(path) == [Case("a", "One.\u2028\x85Two.", ("3.",))]

    def test_a_label_makes_a_row_a_judged_summary_and_comes_before_a_score(self, tmp_path: Path) -> None:
        rows = [{"document": "D.", "summary": "S.", "label": True, "score": 0.4}]
        assert reading.read(_file(tmp_path, *map(json.dumps, rows))) == [Judged("D.", "S.", 1.0)]
        rows = [{"document": "D.", "summary": "S.", "score": 4.5}]
        assert reading.read(_file(tmp_path, *map(json.dumps, rows))) == [Judged("D.", "S.", 4.5)]

    def test_a_limit_takes_the_first_rows_and_looks_no_further(self, tmp_path: Path) -> None:
        good = json.dumps({"id": "a", "document": "D.", "reference": "R."})
        assert len(reading.read(_file(tmp_path, good, "{broken"), limit=1)) == 1

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("{broken", "line 2 is no JSON"),
            ("[1, 2]", r"line 2: an object is read, got \[1, 2\]"),
            ("null", "line 2: an object is read, got nothing"),
            ('{"document": "D.", "reference": "R."}', "line 2: 'id' must be a text or a whole number, there is none"),
            ('{"id": true, "document": "D.", "reference": "R."}', "'id' must be a text or a whole number, got true"),
            ('{"id": "b", "reference": "R."}', "line 2: there is no 'document'"),
            ('{"id": "b", "document": 5, "reference": "R."}', "line 2: 'document' must be a text, got 5"),
            ('{"id": "b", "document": " ", "reference": "R."}', "line 2: 'document' is empty"),
            ('{"id": "b", "document": "D."}', "line 2: there is no 'references'"),
            ('{"id": "b", "document": "D.", "references": []}', r"'references' must be a list of texts, got \[\]"),
            ('{"id": "b", "document": "D.", "references": ["R.", ""]}', "one of 'references' is empty"),
            ('{"id": "b", "document": "D.", "references": [3]}', "'references' must be a list of texts"),
            ('{"id": "a", "document": "D.", "reference": "R."}', "line 2: the id 'a' was there before"),
        ],
    )
    def test_a_bad_row_is_named_by_its_line(self, tmp_path: Path, line: str, complaint: str) -> None:
        good = json.dumps({"id": "a", "document": "D.", "reference": "R."})
        with pytest.raises(InputError, match=complaint) as refused:
            reading.read(_file(tmp_path, good, line))
        assert "rows.jsonl, line 2" in str(refused.value) and "\n" not in str(refused.value)

    @pytest.mark.parametrize("label", ["2", '"1"', "null", "0.5"])
    def test_a_label_is_0_or_1(self, tmp_path: Path, label: str) -> None:
        with pytest.raises(InputError, match="line 1: 'label' must be 1 for faithful or 0"):
            reading.read(_file(tmp_path, f'{{"document": "D.", "summary": "S.", "label": {label}}}'))

    @pytest.mark.parametrize("score", ['"high"', "null", "NaN", "[1]", "1" + "0" * 400])
    def test_a_score_is_a_number(self, tmp_path: Path, score: str) -> None:
        with pytest.raises(InputError, match="line 1: 'score' must be a number"):
            reading.read(_file(tmp_path, f'{{"document": "D.", "summary": "S.", "score": {score}}}'))

    def test_a_file_without_rows_or_none_at_all_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no rows"):
            reading.read(_file(tmp_path, "", " "))
        with pytest.raises(InputError, match=r"missing\.jsonl cannot be read: No such file"):
            reading.read(tmp_path / "missing.jsonl")

    def test_what_is_not_utf_8_is_named_by_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_bytes(b'\n{"id": "caf\xe9"}\n')
        with pytest.raises(InputError, match="line 2 is not UTF-8"):
            reading.read(path)

    def test_outputs_are_by_system_and_document(self, tmp_path: Path) -> None:
        rows = [("x", "a", "XA"), ("y", "a", ""), ("x", "b", "XB"), ("y", "b", "YB"), ("y", "c", "YC")]
        assert reading.outputs(_outputs(tmp_path, rows), ["b", "a"]) == (
            {"x": {"b": "XB", "a": "XA"}, "y": {"b": "YB", "a": ""}}, 1
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("rows", "complaint"),
        [
            ([("x", "a", "1"), ("x", "a", "2")], "line 2: system 'x' has a second summary of document 'a'"),
            ([("x", "a", "1")], "system 'x' has no summary of 1 of 2 documents, as 'b'"),
            ([("x", "a", None)], "line 1: 'summary' must be a text, got nothing"),
            ([(None, "a", "1")], "line 1: 'system' must be a text or a whole number, there is none"),
            ([], "holds no rows"),
        ],
    )
    def test_outputs_that_are_not_of_all_documents_once_are_refused(
        self, tmp_path: Path, rows: list[Any], complaint: str
    ) -> None:
        with pytest.raises(InputError, match=complaint):
            reading.outputs(_outputs(tmp_path, rows), ["a", "b"])


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    return path


def _outputs(folder: Path, rows: list[Any]) -> Path:
    named = [{"system": system, "document_id": id, "summary": text} for system, id, text in rows]
    return _file(folder, *map(json.dumps, named))


class TestSystems:
    def test_names_begin_with_the_usual_ones(self) -> None:
        assert systems.NAMES[:5] == systems.USUAL
        assert {"hierarchical", "incremental"} < set(systems.NAMES)
        systems.check(systems.NAMES)

    def test_an_unknown_system_and_one_given_twice_are_refused(self) -> None:
        with pytest.raises(OptionError, match="no system is called 'best'; there are lead, lexrank"):
            systems.check(["best"])
        with pytest.raises(OptionError, match="'lead' was given twice"):
            systems.check(["lead", "lead"])

    def test_the_lead_is_the_first_words(self) -> None:
        output = systems.write("lead", [Case("a", "One two, three four.", ("x",))], 3, systems.Setup())
        assert output.texts == {"a": "One two, three"}
        assert output.seconds is not None and output.run is None

    @pytest.mark.parametrize("name", ["lexrank", "textrank"])
    def test_a_ranking_keeps_to_the_texts_sentences(self, name: str) -> None:
        text = "The cat sat on the mat. The dog ran. A cat and a dog sat on the mat. It was late."
        output = systems.write(name, [Case("a", text, ("x",))], 9, systems.Setup())
        assert output.texts["a"] and all(line in text for line in output.texts["a"].split("\n"))


class TestScoring:
    CASE = Case("a", "The cat sat on the mat. The dog ran off.", ("A cat sat on a mat.",))

    def test_rouge_is_of_the_first_words_and_all_else_of_the_whole_text(self) -> None:
        short, long = "The cat sat on the mat.", "The cat sat on the mat. The dog ran off"
        found = scoring.score(self.CASE, {"short": short, "long": long}, 6, average=False)
        assert {name: found["long"][name] for name in rouge.ROUGE} == {
            name: found["short"][name] for name in rouge.ROUGE
        }
        assert (found["long"]["words"], found["long"]["cut_off"]) == (10.0, 1.0)

    def test_means_are_over_the_documents_that_have_the_measure(self) -> None:
        told = scoring.means([{"support": 0.5, "words": 1.0}, {"support": None, "words": 3.0}])
        assert told["support"]["value"] == 0.5 and told["support"]["documents"] == 1
        assert told["words"]["value"] == 2.0 and told["words"]["documents"] == 2
        assert scoring.means([{"support": None}]) == {"support": None}

    @pytest.mark.parametrize(
        ("names", "outputs", "system"),
        [
            (["lead", "default"], ["x"], "default"),
            (["lead", "x", "y"], ["x", "y"], "x"),
            (["bare", "lead"], [], "bare"),
        ],
    )
    def test_the_default_is_compared_or_who_the_user_gave(
        self, names: list[str], outputs: list[str], system: str
    ) -> None:
        assert scoring.reference_system(names, outputs) == system

    def test_every_other_system_is_compared_on_the_same_documents(self) -> None:
        ours = [{"rouge2": 0.2 + i / 100, "rougeL": 0.1} for i in range(8)]
        theirs = [{"rouge2": 0.1 + i / 100, "rougeL": 0.2} for i in range(8)]
        told = scoring.compare({"ours": ours, "theirs": theirs}, "ours")
        assert told["theirs"]["rouge2"]["verdict"] == bootstrap.ABOVE
        assert told["theirs"]["rougeL"]["verdict"] == bootstrap.BELOW


def test_a_long_line_of_a_table_is_cut_to_the_terminal() -> None:
    told = {
        "kind": "judgements", "file": "x" * 150, "summaries": 2, "documents": 2, "faithful": 1, "faithful_judgement": 1,
        "auroc": {"support": {"value": 0.5, "low": 0.4, "high": 0.6}},
        "difference": {"value": 0.1, "low": -0.1, "high": 0.2, "p": 0.0, "verdict": "above"},
    }  # fmt: skip
    lines = list(table.lines(told))
    assert max(map(len, lines)) == 120
    assert lines[-1] == "support - token overlap: +0.100 [-0.100, +0.200], p <0.0002: above"
