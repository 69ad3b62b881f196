"""What is chosen are the text's own sentences: whole ones, in order, within the budget, and the ones that matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.extract import choose, lexrank, textrank
from cpullm.extract.candidates import candidates, is_sentence

Chooser = Callable[[Sequence[str], int], list[int]]
CHOOSERS: list[Chooser] = [choose, lexrank, textrank]

TEXT = [
    "CHAPTER I.",
    "The harbour of the town was full of ships.",
    "Anna counted the ships in the harbour of the town every morning.",
    "Oh!",
    "* * *",
    "It rained for the rest of the week.",
    "One morning Anna saw that a ship in the harbour was on fire.",
    "She ran down to the harbour to warn the town.",
    "The ship in the harbour was saved, and the town thanked Anna.",
]

texts = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from([*TEXT, "第一艘船在港口里着火了。", "“I saw it,” he said.", "[Note:", "end.]", "“", '"', ""]),
        st.lists(st.sampled_from("the a ship town fire of in was Anna".split()), min_size=1, max_size=30).map(
            lambda words: " ".join(words) + "."
        ),
    ),
    max_size=40,
)


@pytest.mark.parametrize("chooser", CHOOSERS)
@given(sentences=texts, n_words=st.integers(0, 120))
def test_indices_are_valid_ascending_and_within_the_budget(
    chooser: Chooser, sentences: list[str], n_words: int
) -> None:
    chosen = chooser(sentences, n_words)
    assert all(0 <= i < len(sentences) for i in chosen)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 1 or sum(len(sentences[i].split()) for i in chosen) <= n_words or not sentences
    assert bool(chosen) == bool(sentences)


@pytest.mark.parametrize("chooser", CHOOSERS)
@given(sentences=texts)
def test_the_same_text_gives_the_same_sentences(chooser: Chooser, sentences: list[str]) -> None:
    assert chooser(sentences, 50) == chooser(list(sentences), 50)


@given(sentences=texts, guides=st.lists(st.text(max_size=50), max_size=3), among=st.sets(st.integers(0, 39)))
def test_only_what_it_is_told_to_choose_among_is_chosen(
    sentences: list[str], guides: list[str], among: set[int]
) -> None:
    allowed = [i for i in among if i < len(sentences)]
    assert set(choose(sentences, 60, guides=guides, among=allowed)) <= set(allowed)


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_what_is_no_sentence_is_not_chosen(chooser: Chooser) -> None:
    assert not {0, 3, 4} & set(chooser(TEXT, 1000))


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_a_text_without_sentences_still_gives_something(chooser: Chooser) -> None:
    assert chooser(["* * *", "CONTENTS", "* * *"], 10) == [1]
    assert chooser(["* * *"], 10) == [0]


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_what_is_said_is_not_said_again(chooser: Chooser) -> None:
    assert len(chooser([TEXT[2], TEXT[5], TEXT[2], TEXT[2]], 1000)) == 2


def test_what_the_text_is_about_comes_before_what_it_mentions_once() -> None:
    assert 5 not in choose(TEXT, 50)


def test_a_guide_turns_the_choice() -> None:
    text = ["The old king went out to hunt.", "The young queen stayed home to read.", "The bells of it rang twice."]
    assert choose(text, 7) == [0]
    assert choose(text, 7, guides=["A young queen stayed home, reading."]) == [1]


def test_a_summary_is_filled_up_with_something_else_than_it_says() -> None:
    assert 6 in choose(TEXT, 50)
    assert 6 not in choose(TEXT, 50, said=["Anna saw one morning that a ship in the harbour was on fire."])


def test_a_summary_that_says_all_is_not_filled_up() -> None:
    assert choose([TEXT[2], "* * *"], 30, said=[TEXT[2]]) == []
    assert choose([TEXT[2]], len(TEXT[2].split()) - 1, said=[TEXT[5]]) == []


def test_the_best_sentence_may_be_a_little_longer_than_the_budget_not_many_times() -> None:
    endless = "the harbour of the town and " * 100 + "the sea."
    best = "Anna counted the ships in the harbour of the town every morning."
    assert choose([best, "It rained all that long week.", best.replace("Anna", "Bela")], 8) in ([0], [2])
    assert choose([endless, "The harbour of the town burns."], 8) == [1]


def test_sentences_of_a_script_without_spaces_have_lengths_too() -> None:
    sentence = "第一艘船在早晨的港口里着火了，所有人都跑来看。"
    assert len(choose([sentence.replace("第一", number * 9) for number in "二三四五六七八九"], 30)) < 4


@pytest.mark.parametrize(
    "text",
    [
        "CHAPTER THE FIRST OF THIS BOOK.",
        "No! Never!",
        "* * * * *",
        "The Voyage Out to Sea . . . . . . . . . . 12.",
        "Name: ________________ of the one who asks.",
        "3 4 17 9 22 31 is a row 1 2 3 4 5 6 7 8 9 10 11 12 13.",
        "A heading of several words without an end",
    ],
)
def test_no_sentence(text: str) -> None:
    assert not is_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "He left the town on Monday.",
        "“I saw it burn,” he said.",
        "第一艘船在港口里着火了。",
        "Wir sind gestern in die Stadt gegangen.",
        "كان السفينة في الميناء تحترق اليوم.",
    ],
)
def test_a_sentence(text: str) -> None:
    assert is_sentence(text)


def test_editors_notes_are_not_chosen_however_many_sentences_they_have() -> None:
    text = [
        "[Transcriber's Note: This text was produced from an old magazine.",
        "Extensive research found no evidence of a renewal.",
        "Small errors were corrected.]",
        "The ship left the harbour at noon.",
        "[Illustration: The ship as it leaves the harbour.]",
    ]
    assert candidates(text) == [3]


@pytest.mark.parametrize(("opening", "closing"), ["“”", '""', "«»", "「」"])
def test_sentences_cut_out_of_a_speech_are_not_chosen(opening: str, closing: str) -> None:
    text = [
        "The captain looked at the burning ship.",
        f"{opening}We must go there at once.",
        "I know that we can do it.",
        f"Let us take the boat now!{closing}",
        "They took the boat to the ship.",
        f"{opening}It is too late now, captain,{closing} said Anna.",
    ]
    assert candidates(text) == [0, 4, 5]


def test_a_mark_that_is_never_closed_does_not_silence_the_rest() -> None:
    text = ['"We must go there at once.', *["They took the boat to the ship."] * 40, "[We saw it burn at noon."]
    assert len(candidates(text)) >= 30


def test_a_speech_is_better_than_nothing() -> None:
    assert candidates(["“We must go there at once.", "I know that we can do it."]) == [0, 1]


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_a_whole_book_takes_seconds(chooser: Chooser) -> None:
    book = [
        f"On day {i} the captain {i % 97} of ship {i % 13} met {'the' * (i % 5)} {i * i % 1009} men."
        for i in range(6_000)
    ]
    started = time.perf_counter()
    assert chooser(book, 500)
    assert time.perf_counter() - started < 60
