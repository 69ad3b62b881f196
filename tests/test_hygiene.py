"""Texts in one form, their language, and what two of them share."""

from __future__ import annotations

import random
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import MachineError, OptionError
from cpullm.hygiene import check_installed, language, minhash, normalized, normalized_document
from cpullm.options import Hygiene
from cpullm.readers.blocks import Blocks
from cpullm.records import Document
from tests.encoding_table import TEXTS

ODD = "aé\u0301-\u00ad\u200b\ufeff\u00a0\u3000\ufb01\ufb03\t \n\r\x00\x0c\u2028Ab–的。"
WORDS = [f"{first}{second}{third}" for first in "bcdfglmnprstvw" for second in "aeiou" for third in ("nd", "rt", "l")]


def prose(seed: int, n_words: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=n_words)


def edited(words: list[str], share: float, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [draw.choice(WORDS) if draw.random() < share else word for word in words]


def similarity(one: str, other: str) -> float:
    return float(minhash.similarities(minhash.signature(one, 128), minhash.signature(other, 128)))


def exact_similarity(one: str, other: str) -> float:
    a, b = set(minhash.shingles(one).tolist()), set(minhash.shingles(other).tolist())
    return len(a & b) / len(a | b)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cafe\u0301", "café"),
        ("ﬁnd the oﬃce ﬂoor", "find the office floor"),
        ("x² and ①", "x² and ①"),
        ("co\u00adoperate", "cooperate"),
        ("exam\u00ad\n  ple", "example"),
        ("\ufeffa\u200bb\u2060c", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u00a0b\u3000c\td", "a b c d"),
        ("bell\x07 and nul\x00", "bell and nul"),
        ("one\r\ntwo\rthree\u2028four\x0cfive", "one\ntwo\nthree\nfour\nfive"),
        ("end  \n\n\n\n\nnext  one", "end\n\n\nnext one"),
        ("one\n  an indent", "one\n  an indent"),
    ],
)
def test_odd_characters_and_white_space_get_one_form(before: str, after: str) -> None:
    assert normalized(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("an exam-\nple of it", "an example of it"),
        ("an extra-\n ordi-\nnary man", "an extraordinary man"),
        ("the Anglo-\nSaxon", "the Anglo-\nSaxon"),
        ("Exam-\nple", "Exam-\nple"),
        ("1914-\n1918", "1914-\n1918"),
        ("- one\n- two -\nthree", "- one\n- two -\nthree"),
        ("a well-\nknown man, as well-known as any", "a well-known man, as well-known as any"),
        ("exam-\n\nple", "exam-\n\nple"),
    ],
)
def test_a_word_broken_at_a_line_end_is_whole_again(before: str, after: str) -> None:
    assert normalized(before) == after


@given(st.text(alphabet=ODD) | st.text())
def test_normalizing_twice_changes_nothing_more(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


@given(st.text())
def test_every_letter_and_digit_of_any_text_stays(text: str) -> None:
    def letters(of: str) -> list[str]:
        whole = unicodedata.normalize("NFC", of.encode("utf-8", "replace").decode())
        return [c for c in unicodedata.normalize("NFKC", whole) if c.isalnum()]

    assert letters(normalized(text)) == letters(text)


@pytest.mark.parametrize("part", ["a-\n", " ", "\n", "\u00ad ", "a-", "-\n", "a" * 50, "\u00ad\n"])
def test_no_pattern_makes_normalizing_hang(part: str) -> None:
    text = "x" + part * (2_000_000 // len(part)) + "X"
    started = time.perf_counter()
    normalized(text)
    assert time.perf_counter() - started < 5


def test_marks_go_with_their_headings() -> None:
    blocks = Blocks()
    blocks.heading("The ﬁrst", 1)
    blocks.paragraph("An exam-\nple.\u200b")
    blocks.heading("\u200b", 2)
    blocks.heading("Cafe\u0301", 2)
    document = normalized_document(blocks.document("a", "title"))
    assert [(document.text[m.start : m.end], m.level) for m in document.marks] == [("The first", 1), ("Café", 2)]
    assert "An example." in document.text
    assert (document.id, document.title) == ("a", "title")


def test_a_marked_document_of_nothing_visible_is_empty() -> None:
    blocks = Blocks()
    blocks.heading("\u200b", 1)
    assert normalized_document(blocks.document("a")) == Document("a", "")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (TEXTS["en"][:60], "en"),
        ("Der Hund schläft im Garten, während die Katze wacht.", "de"),
        (TEXTS["fr"][:60], "fr"),
        (TEXTS["ru"][:60], "ru"),
        (TEXTS["zh"][:24], "zh"),
        ("", "und"),
        ("ok", "und"),
        ("1, 2, 3 *** 4711", "und"),
    ],
)
def test_the_language_of_a_text(text: str, tag: str) -> None:
    assert language(text) == tag


def test_a_licence_in_another_language_at_the_front_does_not_count() -> None:
    licence = "This work is in the public domain and may be copied by anyone for any purpose whatever. " * 20
    assert language(licence + TEXTS["fr"] * 30) == "fr"


def test_a_missing_package_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setitem(sys.modules, "py3langid", None)
    with pytest.raises(MachineError, match=r"^Hygiene needs the package py3langid; .* 'cpullm\[hygiene\]'\.$"):
        check_installed()


@given(st.text(), st.text())
def test_a_signature_of_any_text_is_of_fixed_length_or_empty(text: str, other: str) -> None:
    made = minhash.signature(text, 32)
    assert len(made) == (32 if minhash.shingles(text).size else 0)
    assert len(minhash.bands(made, 4)) == len(made) // 4
    assert (minhash.signature(other + " " + text, 32) == minhash.signature(other + "\n" + text, 32)).all()


def test_signatures_are_the_same_for_ever() -> None:
    made = minhash.signature("The quick brown fox jumps over the lazy dog.", 16)
    assert made.tolist()[:4] == [433952900, 29819349, 268493577, 70541223]
    assert minhash.bands(made, 8) == [5087594545450762217, -5324596716778835846]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.03, 0.1, 0.5])
def test_signatures_estimate_the_share_of_common_shingles(share: float) -> None:
    errors = []
    for seed in range(20):
        one, other = " ".join(prose(seed)), " ".join(edited(prose(seed), share, seed + 99))
        errors.append(similarity(one, other) - exact_similarity(one, other))
    assert max(map(abs, errors)) < 0.16  # four standard errors of 128 draws, at most 0.177
    assert abs(sum(errors)) / len(errors) < 0.03


def test_texts_without_spaces_are_compared_by_characters() -> None:
    first, other = TEXTS["zh"][:90], TEXTS["zh"][90:]
    assert similarity(first, first.replace(",", "\n")) == 1.0
    assert similarity(first, first + other[:20]) > 0.6
    assert similarity(first, other) < 0.1


def test_a_run_is_of_five_words_or_nine_characters_by_the_script_it_begins_in() -> None:
    words, characters = "one two three four five six seven", "早晨邮递员送来两封信和"
    assert (len(minhash.shingles(words)), len(minhash.shingles(characters))) == (3, 3)
    both = set(minhash.shingles(f"{words} {characters}").tolist())
    assert len(both) == 7 + 3
    assert both > {*minhash.shingles(words).tolist(), *minhash.shingles(characters).tolist()}


@pytest.mark.parametrize("text", ["早晨", "早晨邮 a b c d e", "a b c d e f 早晨", "a 早"])
def test_every_text_with_a_word_has_a_shingle(text: str) -> None:
    assert minhash.shingles(text).size


def test_short_texts_are_alike_only_if_all_their_words_are() -> None:
    assert similarity("Good morning!", "good MORNING") == 1.0
    assert similarity("Good morning", "Good evening") == 0.0


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_bands_find_nearly_all_pairs_of_the_threshold(threshold: float) -> None:
    rows = minhash.band_rows(threshold, 128)
    assert 1 - (1 - threshold**rows) ** (128 // rows) >= 0.995
    assert rows == 128 or 1 - (1 - threshold ** (rows + 1)) ** (128 // (rows + 1)) < 0.995


@given(st.lists(st.tuples(*[st.sampled_from("abcdefgh")] * 2)))
def test_components_are_what_pairs_connect(pairs: list[tuple[str, str]]) -> None:
    found = minhash.components(pairs)
    assert set(found) == {id_ for pair in pairs for id_ in pair}
    assert all(found[one] == found[other] for one, other in pairs)
    assert all(found[least] == least <= id_ for id_, least in found.items())
    assert len(set(found.values())) >= len(found) - len(pairs)
    assert minhash.components(reversed(pairs)) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"similarity": 0.2}, "similarity must be from 0.5 to 1.0"),
        ({"similarity": "0.9"}, "similarity must be a number"),
        ({"n_permutations": 1.5}, "n_permutations must be a whole number"),
        ({"languages": "en"}, "languages must be a tuple"),
        ({"languages": ()}, "languages must be a tuple"),
        ({"languages": {"en": 1}}, "languages must be a tuple"),
        ({"languages": ("en", "English")}, r"two small letters .*; got 'English'\.$"),
        ({"languages": [""]}, r"got ''\.$"),
        ({"languages": ("EN",)}, r"got 'EN'\.$"),
        ({"languages": ("de\n",)}, r"got 'de\\n'\.$"),
        ({"languages": (None,)}, r"got None\.$"),
    ],
)
def test_options_that_cannot_work_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Hygiene(**values)  # type: ignore[arg-type]


def test_languages_are_a_tuple_whatever_they_were_given_as() -> None:
    assert Hygiene(languages=["en", "und"]).languages == ("en", "und")  # type: ignore[arg-type]
