"""Headings in made-up books of many forms and languages; the numbers and the looks that they are read from."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.splitters import listed, nesting, sequence
from cpullm.splitters.headings import candidates
from cpullm.splitters.lines import paragraphs
from cpullm.splitters.looks import LAST, UNREADABLE, look
from cpullm.splitters.numbers import chinese, letters, plain, read, roman
from tests.form_changes import relaid
from tests.forms import Book, Form, forms, headings_of, score

FORMS = {form.name: form for form in forms()}
# Titles in small letters without room look like the text round them, and so do short lines with text right below.
KNOWN = {
    "no blank lines": {"titles only, by room"},
    "crammed": {"titles only, by room", "front and back, zh", "numbered notes at the end", "word list under letters"},
    "Title Case": {"en I -- Title", "en I Title", "fi I LUKU", "fr Vingt et unième nuit"},
}


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in FORMS.items()])
def test_every_form_has_just_its_headings(form: Form) -> None:
    assert score(form).perfect


def test_the_forms_are_many() -> None:
    assert len(FORMS) >= 190 and sum(len(form.truth) for form in FORMS.values()) > 2000


@pytest.mark.parametrize(
    "change", ["one blank line", "no blank lines", "crammed", "indented", "unwrapped", "double", "Title Case"]
)
def test_other_layouts_have_the_same_headings(change: str) -> None:
    every = list(FORMS.values())[::4] + [FORMS[name] for name in KNOWN.get(change, ())]
    wrong = {form.name for form in every if not score(relaid(form, change)).perfect}
    assert wrong <= KNOWN.get(change, set())


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("twenty-one", 21), ("One Hundred and Five", 105), ("einundzwanzigstes", 21), ("hundertfünfzehntes", 115),
        ("quatre-vingt-dix-sept", 97), ("soixante et onze", 71), ("vingt et unième", 21), ("ventidue", 22),
        ("trentaduesimo", 32), ("veintidós", 22), ("décimo nono", 19), ("drieëntwintigste", 23), ("tjugoförsta", 21),
        ("kahdeskymmenesensimmäinen", 21), ("dwudziesty pierwszy", 21), ("huszonegyedik", 21), ("al doilea", None),
        ("двадцать первая", 21), ("δέκατο τρίτο", 13), ("on birinci", 11), ("الثالث والعشرون", 23),
        ("hai mươi mốt", 21),
        ("dua puluh satu", 21), ("tertius decimus", 13), ("दसवाँ", 10), ("٤٢", 42), ("१२", 12), ("3rd", 3),
        ("21ème", 21),
        ("5-я", 5), ("XLIV", 44), ("ХІ", 11), ("Ⅻ", 12), ("secondly", None), ("twenty boats", 20), ("12345", None),
    ],
)  # fmt: skip
def test_numbers_of_many_languages(words: str, value: int | None) -> None:
    number = read(words.split())
    assert (number and number.value) == value


@given(st.integers(1, 3999))
def test_roman_numerals_are_read_back(number: int) -> None:
    signs = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
             (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
    left, numeral = number, ""
    for value, sign in signs:
        numeral += sign * (left // value)
        left %= value
    assert roman(numeral) == (number if len(numeral) <= 15 else None)


def test_letters_and_chinese_numerals() -> None:
    assert [letters(word) for word in ("Α΄", "ΣΤ΄", "ΙΒ΄", "ט״ו", "י״ב", "Και")] == [1, 6, 12, 15, 12, None]
    assert [chinese(word) for word in ("一百二十", "一二零", "廿三", "삼십", "12", "船")] == [
        120,
        120,
        23,
        30,
        12,
        None,
    ]


@given(st.text(max_size=60))
def test_any_word_at_all_is_a_number_or_none(text: str) -> None:
    number = read(text.split())
    assert number is None or 0 < number.words <= 5
    assert plain(plain(text)) == plain(text) or not text.isascii()


@pytest.mark.parametrize(
    ("line", "form", "number"),
    [
        ("CHAPTER THE LAST", "chapter", LAST), ("Fourscore Evening", "evening", UNREADABLE), ("§ 12.", "§", 12),
        ("C H A P T E R   IV", "chapter", 4), ("FOURTH AND LAST PART.", "part", 4),
        ("EERSTE HOOFDSTUK[1]", "hoofdstuk", 1),
        ("[ 7 ]", "", 7), ("- 7 -", "", 7), ("1.2.3 The Mill", "..", 3), ("第十二章　橋", "章", 12),
        ("제3장", "장", 3),
        ("Prólogo", "prologo", None), ("TRANSCRIBER'S NOTES", "transcribers-notes", None),
        ("Monday, January 1, 1900", "a date", None),
    ],
)  # fmt: skip
def test_a_line_says_its_form_and_number(line: str, form: str, number: int | None) -> None:
    seen = look(line, alone=True)
    assert seen is not None and (seen.form, seen.number) == (form, number)


@pytest.mark.parametrize(
    "line",
    ["Notes:", "Chapter 9 was torn out of it.", "[1] See the first part.", "SCENE: The First Act in Venice",
     "One man, alone, went.",
     "First, the boat left.", "chance", "Two men came in.", "x" * 200, "", "…"],
)  # fmt: skip
def test_prose_has_no_look(line: str) -> None:
    assert look(line, alone=True) is None


def test_titles_are_known_from_the_contents() -> None:
    lines = ["THE BOOK", "", "CONTENTS", "", "The Lamp .... 3", "2. Bread and Salt  9", "The Long Way", "Home 12", ""]
    text = "\n".join(
        [
            *lines,
            "The Lamp",
            "",
            "x " * 90,
            "",
            "Bread and Salt",
            "",
            "x " * 90,
            "",
            "The Long Way Home",
            "",
            "THE BOOK",
        ]
    )
    found, _ = listed.titles(paragraphs(text, 0, len(text)))
    assert {line: title.numbered for line, title in found.items()} == {10: False, 14: True, 18: False}


def test_kinds_of_listed_parts_are_kept() -> None:
    book = Book().put("CONTENTS").put("The Lamp", "Bread", "The Mill", "Index").room(4)
    for title in ("The Lamp", "Bread", "The Mill"):
        book.head(title).prose()
    book.head("Index", kind="back").prose()
    assert score(Form("", book.text, tuple(book.truth))).perfect


def test_signs_count_where_there_are_no_spaces() -> None:
    text = "第一章\n\n" + "船" * 900 + "\n\n第二章\n\n" + "船" * 900
    first, second = candidates(text, 0, len(text))
    assert nesting.gap(text, first, second) > nesting.SMALL_GAP_WORDS


@pytest.mark.parametrize(
    "text",
    ["I" * 300_000, "I.\n\n" * 20_000, "Contents\n" + "A Title\n" * 20_000, "A\nB\nC\n" * 20_000,
     "Chapter 1\n" * 40_000,
     "第一回" * 50_000, "- " * 100_000, "one " * 40_000, "".join(f"1.{n} Foo\n\n" for n in range(10_000)),
     "".join(f"{word} {n % 7}\n\nfoo\n\n" for n in range(3_000) for word in ("Alpha", "Beta", "Part", "Chapter"))],
    ids=range(10),
)  # fmt: skip
def test_nothing_hangs(text: str) -> None:
    began = time.process_time()
    found = candidates(text, 0, len(text))
    sequence.levels(text, sequence.headings(text, found))
    assert time.process_time() - began < 5


LINES = st.one_of(
    st.sampled_from(["", "", "CHAPTER I", "Chapter 2", "III.", "BOOK ONE", "CONTENTS", "The Lamp",
     "第二回", "1.1 Foo", "A.",
                     "Preface", "3 May.", "FIRST CLERK.", "פרק א", "---",
                     "NOTES", "Notes:", "1. 2. 3.", "§ §", "[ ]", "Appendix"]),
    st.text(max_size=20),
    st.just("The ferry left at seven and nobody aboard had slept. " * 6),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=50), st.booleans())
def test_headings_stand_in_order_on_their_lines(lines: list[str], blank: bool) -> None:
    text = ("\n\n" if blank else "\n").join(lines)
    pairs = headings_of(text)
    ends = [0, *(heading.end for heading, _ in pairs)]
    for (heading, depth), end in zip(pairs, ends, strict=False):
        assert end <= heading.start < heading.end <= len(text)
        assert heading.line == text.count("\n", 0, heading.start) + 1
        assert depth is None or depth >= 0
