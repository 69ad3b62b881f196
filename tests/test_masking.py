"""What is private in a text: rules for what has a shape, candidates for names, and how it is blotted out."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm import worker
from cpullm.columns.masking import private
from cpullm.masking import KINDS, Private, candidates, find, found, masked, names, questions
from cpullm.options import Options
from cpullm.preparing import Chosen, setup
from cpullm.tasks import TaskPrompts, naming

# A text, what is private in it, and of which kind.
PRIVATE = [
    ("write to a.b+c@ex-ample.co.uk, please", "a.b+c@ex-ample.co.uk", "EMAIL_ADDRESS"),
    ("我的邮箱是li@mail.cn。", "li@mail.cn", "EMAIL_ADDRESS"),
    ("see http://x.org/a?b=1, there", "http://x.org/a?b=1", "URL"),
    ("at jane-doe.com/me.", "jane-doe.com/me", "URL"),
    ("thanks @jack_9!", "@jack_9", "USER_NAME"),
    ("card 4111 1111 1111 1111 is lost", "4111 1111 1111 1111", "CREDIT_CARD"),
    ("to GB82 WEST 1234 5698 7654 32 at once", "GB82 WEST 1234 5698 7654 32", "IBAN_CODE"),
    ("to de89370400440532013000", "de89370400440532013000", "IBAN_CODE"),
    ("SSN 123-45-6789", "123-45-6789", "US_SSN"),
    ("from 192.168.0.1:80", "192.168.0.1", "IP_ADDRESS"),
    ("from fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a", "IP_ADDRESS"),
    ("00:1B:44:11:3A:B7 is it", "00:1B:44:11:3A:B7", "MAC_ADDRESS"),
    ("my passport number is X1234567", "X1234567", "ID_NUMBER"),
    ("+49 (0)30 123-4567", "+49 (0)30 123-4567", "PHONE_NUMBER"),
    ("(555) 123-4567 or so", "(555) 123-4567", "PHONE_NUMBER"),
    ("06 12 34 56 78", "06 12 34 56 78", "PHONE_NUMBER"),
    ("ring 9472 7916", "9472 7916", "PHONE_NUMBER"),
    ("电话13812345678", "13812345678", "PHONE_NUMBER"),
    ("phone ٠١٢٣٤٥٦٧٨٩", "٠١٢٣٤٥٦٧٨٩", "PHONE_NUMBER"),
    ("born on 2000-04-16 11:34:35.", "2000-04-16 11:34:35", "DATE_TIME"),
    ("am 3. März 1990", "3. März 1990", "DATE_TIME"),
    ("生于1990年5月1日", "1990年5月1日", "DATE_TIME"),
    ("a 79 year old", "79", "AGE"),
    ("мне 34 года", "34", "AGE"),
    ("今年34岁", "34", "AGE"),
    ("at 221B Baker Street.", "221B Baker Street.", "STREET_ADDRESS"),
    ("Hauptstraße 5a", "Hauptstraße 5a", "STREET_ADDRESS"),
    ("12 rue de la Paix", "12 rue de la Paix", "STREET_ADDRESS"),
    ("ул. Ленина, д. 5", "ул. Ленина, д. 5", "STREET_ADDRESS"),
    ("北京市建国路88号", "北京市建国路88号", "STREET_ADDRESS"),
    ("P.O. Box 149", "P.O. Box 149", "STREET_ADDRESS"),
    ("zip code is 35350", "35350", "ZIP_CODE"),
    ("London NW1 6XE", "NW1 6XE", "ZIP_CODE"),
    ("my name is jane roe and", "jane roe", "PERSON"),
    ("我叫王小明,", "王小明", "PERSON"),
]
PUBLIC = [
    "numpy 1.26.4, version 1.2.3.4 and v2.0.1 cost $1,234,567.89 in 1999",
    "2,500 people, 3.5 million, 12 000 000 EUR, 8 336 817 more, 100 %",
    "In 2010 Mark 5 men left; the 1990s, 1914-1918, pp. 123-145, ISBN 978-3-16-148410-0",
    "setup.py, foo.bar(1, 2), Cafe::Bar and std::cout at 12:30:45; 16:9, 3-2, 20/30",
    "Apollo 11, Boeing 747, iPhone 15 Pro, Article 5, Route 66; order no. 12345 of 2019-2020",
    "tax 2019 returns; Apache License 2.0; case 3; call 911; account for 25 percent",
    "turned 180 degrees; I am 5 minutes late; they live on 2000 calories; floor by floor",
    "no account has the number GBİ2 WEST 1234 5698 7654 32",
    "sha 3f786850e387550fdab836ed7e6dc881de23001b at 1614556800000",
]


@pytest.mark.parametrize(("text", "private", "kind"), PRIVATE)
def test_private_data_is_found_by_its_shape(text: str, private: str, kind: str) -> None:
    assert [(text[one.start : one.end], one.kind) for one in find(text)] == [(private, kind)]


@pytest.mark.parametrize("text", PUBLIC)
def test_ordinary_numbers_words_and_code_stay(text: str) -> None:
    assert find(text) == []


def test_a_card_number_that_fails_the_check_is_one_only_beside_a_word_for_cards() -> None:
    assert not find("part 4111 1111 1111 1112")
    assert find("card 4111 1111 1111 1112")


def test_an_address_goes_on_to_its_code() -> None:
    text = "Send it to 12 Elm Street\nSpringfield 49007\nand call 5 times."

    assert masked(text, find(text)) == "Send it to ██ ███ ██████\n███████████ █████\nand call 5 times."


def candidate_texts(text: str) -> list[str]:
    return [text[one.start : one.end] for one in candidates(text, find(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Yesterday Anna Lee met J. R. Smith in Villa del Mar.",
            ["Yesterday Anna Lee", "J. R. Smith", "Villa del Mar"],
        ),
        ("On Monday the Bank of England's head, Mr. May, left.", ["Bank of England", "May"]),
        ("I don't know. She was in March here.", []),
        (f"{'A' * 3000} is no name, nor is {'Xy' * 500}.", []),
        ("Ask Will Smith. Will he?", ["Ask Will Smith"]),
        ("at a.Jones@x.org with O'Neil-Brown", ["O'Neil-Brown"]),
        ("ЖИВЁТ Иван Петров, 李明", ["ЖИВЁТ Иван Петров"]),
    ],
)
def test_runs_of_capitals_may_be_names(text: str, expected: list[str]) -> None:
    assert candidate_texts(text) == expected


def test_what_the_model_calls_a_name_is_masked_wherever_it_stands() -> None:
    text = "Anna is in Rome, 00184 today. Hello Anna! Dr. Who is, too."
    possible = candidates(text)
    asked = questions(text, possible)
    answers = {"Anna": "person", "Rome": "place", "Hello Anna": "none"}

    assert [one.name for one in asked] == ["Anna", "Rome", "Hello Anna"]
    named = names(text, possible, asked, [answers[one.name] for one in asked])
    assert masked(text, found(text, find(text), named)) == "████ is in ████, █████ today. Hello Anna! Dr. Who is, too."


def test_a_name_without_an_answer_is_masked() -> None:
    text = "We met Anna."
    possible = candidates(text)
    asked = questions(text, possible)

    assert names(text, possible, asked, [None] * len(asked)) == [Private(7, 11, "PERSON")]


def test_names_that_stand_together_share_the_piece_that_the_model_is_shown() -> None:
    text = "\n".join(
        f"Here comes Anna{letter} again, and so on and so on." for letter in "bcdefghijklmnopqrstuvwxyz" * 9
    )
    asked = questions(text, candidates(text))

    assert all(one.name in one.piece and len(one.piece) < 1500 for one in asked)
    assert len({one.piece for one in asked}) < len(asked) / 5


PARTS = st.sampled_from([text for text, _, _ in PRIVATE] + PUBLIC + ["\n", " ", ", ", "\r\n", "\u2028", "😀", "é"])


@given(st.lists(st.one_of(PARTS, st.text(max_size=20)), max_size=8).map(" ".join))
def test_masking_keeps_the_length_and_all_that_is_around(text: str) -> None:
    private = found(text, find(text), [Private(one.start, one.end, "LOCATION") for one in candidates(text, find(text))])
    blotted = masked(text, private)
    inside = {place for one in private for place in range(one.start, one.end)}

    assert len(blotted) == len(text)
    assert all(old == new or place in inside for place, (old, new) in enumerate(zip(text, blotted, strict=True)))
    assert all(one.end <= following.start for one, following in pairwise(private))
    assert [place for place, sign in enumerate(blotted) if sign.isspace()] == [
        place for place, sign in enumerate(text) if sign.isspace()
    ]
    assert masked(blotted, private) == blotted


@pytest.mark.parametrize(
    "part",
    ["1", "1 ", "1-", "1,", "a@", "a.", " ", "\n", "A ", "A. ", "Aa-", "+1", "(1)", "ab:", "GB12 ", "http://", "www.",
     "1 Street ", "Apt 1 ", "rue de la ", "Mr. ", "my name is ", "address ", "Mar 1 ", "card ", "漢", "١", "年1"],
)  # fmt: skip
def test_hostile_text_takes_time_by_its_length(part: str) -> None:
    def seconds(n: int) -> float:
        text = (part * n)[:n]
        started = time.process_time()
        candidates(text, find(text))
        return time.process_time() - started

    short = min(seconds(3_000) for _ in range(3))
    assert seconds(30_000) < 10 * 2.5 * short + 0.1


def test_the_model_goes_on_after_examples_with_no_chat_template_round_them() -> None:
    prompt = TaskPrompts.of(naming(), None, "<user>{{messages[0].content}}<assistant>", bos="", eos="").ask

    assert prompt.head.startswith("Text: ") and prompt.head.endswith("Text: ")
    assert (prompt.between, prompt.tail) == ('\n"', '" is a ')
    assert {*KINDS, "word"} == {*naming().choices}


@pytest.mark.model
def test_the_starter_tells_names_from_words(starter: Path) -> None:
    chosen = Chosen.of(starter, Options(tuned=False), progress=False)
    with chosen.vocabulary() as vocabulary:
        asked = setup(chosen, [naming()], Options(tuned=False), vocabulary)
    texts = [
        "Unfortunately Sarah Miller left for Munich. Therefore nobody answered.",
        "You may write to jo@x.org, or ask Peter in Glasgow.",
    ]
    try:
        hidden = [masked(text, spans) for text, spans in zip(texts, private(asked, texts), strict=True)]
    finally:
        worker.close()

    assert hidden[1] == "You may write to ████████, or ask █████ in ███████."
    assert "Sarah" not in hidden[0] and "Munich" not in hidden[0] and "Therefore" in hidden[0]
