"""Text of any usual encoding is read as what it says; what is no text is refused."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import InputError, MachineError
from cpullm.readers.encodings import decode
from tests.encoding_table import ENCODINGS, TEXTS, accuracy

PAIRS = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]
WIDE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
DENSE = ("ru", "uk", "zh", "tw", "ja", "ko", "el", "he", "ar")
PLAIN = "The harbour master wrote the day's ships into his book, and then he went home to his supper. " * 20


@pytest.mark.parametrize(("language", "encoding"), PAIRS)
def test_a_page_is_read_as_what_it_says(language: str, encoding: str) -> None:
    assert accuracy(decode, language, encoding, 1000) == 1


@pytest.mark.parametrize(("language", "encoding"), [pair for pair in PAIRS if pair[0] in DENSE])
def test_a_line_of_another_script_is_read_as_what_it_says(language: str, encoding: str) -> None:
    assert accuracy(decode, language, encoding, 80) == 1


@pytest.mark.parametrize(("language", "encoding"), [pair for pair in PAIRS if pair[0] not in DENSE])
def test_a_line_with_a_few_accents_nearly_always_is(language: str, encoding: str) -> None:
    of_old_machines = encoding in ("mac-roman", "cp850")
    assert accuracy(decode, language, encoding, 80) >= (0.4 if of_old_machines else 0.85)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("encoding", WIDE)
def test_unicode_is_read_with_and_without_a_mark(language: str, encoding: str) -> None:
    assert decode(TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize("language", ["ru", "zh", "ja", "de"])
def test_a_megabyte_is_read_as_what_it_says(language: str) -> None:
    for encoding in ENCODINGS[language]:
        assert accuracy(decode, language, encoding, 1_000_000) == 1


@pytest.mark.parametrize(
    "words",
    [
        "café",
        "naïve",
        "£4",
        "“Yes,” he said",
        "don’t",
        "Brontë",
        "—",
        "½ a mile",
        "3½d.",
        "§ 4",
        "façade",
        "Æneas",
        "Señor Núñez",
        "10° north",
        "© 1909",
        "über",
        "Ångström",
        "l’été déjà",
    ],
)
@pytest.mark.parametrize("length", [0, 100, 1800])
def test_a_few_words_in_plain_text_are_read_as_windows_1252(words: str, length: int) -> None:
    text = f"{PLAIN[:length]}{words} {PLAIN[length:]}"
    assert decode(text.encode("cp1252")) == text


@given(st.integers(1, 5), st.lists(st.integers(0, 9000), min_size=1, max_size=4))
def test_accents_are_found_wherever_they_stand_in_a_long_text(copies: int, places: list[int]) -> None:
    text = PLAIN * copies
    for place in places:
        text = f"{text[:place]} fiancée {text[place:]}"
    assert decode(text.encode("cp1252")) == text


def test_latin_9_is_known_by_its_letters_within_words() -> None:
    text = TEXTS["fr"] + "Sa sœur et son œuvre tenaient au cœur de tous. "
    assert decode(text.encode("iso8859-15", "ignore")) == text


def test_single_bytes_of_windows_1252_in_utf_8_are_read_as_that() -> None:
    said = "Déjà vu, “he” said – naïve"
    assert decode(f"{said}\n".encode() * 3 + said.encode("cp1252")) == f"{said}\n" * 3 + said


def test_a_cut_character_at_the_end_of_utf_8_leaves_the_rest() -> None:
    assert decode(TEXTS["ru"].encode()[:-3]).startswith(TEXTS["ru"][:-3])


@pytest.mark.parametrize(
    ("language", "encoding", "bad"), [("zh", "gb18030", b"\xff"), ("ru", "cp1251", b"\x98"), ("ko", "cp949", b"\xff")]
)
def test_one_bad_byte_does_not_spoil_a_long_text(language: str, encoding: str, bad: bytes) -> None:
    text = TEXTS[language] * 12
    half = text.encode(encoding)
    read = decode(half + bad + half)
    assert read.startswith(text) and read.endswith(text[-1000:]) and len(read) <= 2 * len(text) + 1


def test_japanese_with_escape_sequences_is_read() -> None:
    assert decode(TEXTS["ja"].encode("iso2022_jp_2")) == TEXTS["ja"]


def test_escape_sequences_of_terminals_stay_in_utf_8() -> None:
    assert decode("\x1b$é".encode()) == "\x1b$é"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "utf-16"])
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_line_end_is_read_as_lf(encoding: str, end: str) -> None:
    assert decode(TEXTS["ru"].replace("\n", end).encode(encoding)) == TEXTS["ru"]


def test_mixed_line_ends_are_read_as_lf() -> None:
    assert decode(b"a\r\nb\rc\nd\r\r\ne") == "a\nb\nc\nd\n\ne"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"abc\0def", "NUL"),
        (b"a long line of plain words \0 with one of them in it.", "NUL"),
        (bytes(1000), "NUL"),
        (b"\x01\0\0\0\x02\0\0\0\x03\0\0\0", "NUL"),
        (bytes(range(1, 256)) * 20, "control"),
        (codecs.BOM_UTF16_LE + b"a\0b", "utf-16"),
    ],
)
def test_what_is_no_text_is_refused_as_a_predicate(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        decode(data)
    assert str(caught.value).split()[0] in ("holds", "begins")


def test_a_detector_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "chardet", None)
    with pytest.raises(MachineError, match="chardet"):
        decode(TEXTS["ru"].encode("cp1251", "ignore"))


@given(st.binary(max_size=300))
def test_any_bytes_are_text_without_cr_or_refused(data: bytes) -> None:
    try:
        text = decode(data)
    except InputError:
        return
    assert "\r" not in text and len(text) <= len(data)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf_8_always_reads_as_written(text: str) -> None:
    assert decode(text.encode()) == text.removeprefix("\ufeff")
