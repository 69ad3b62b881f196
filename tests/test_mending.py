"""A raw answer becomes one to show: kept, mended or replaced, each sentence with its place in the text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm import mending
from cpullm.job import EngineOptions, Job, Sampling, Way
from cpullm.mending import Mender
from cpullm.records import Completion, Request
from cpullm.words import words

TEXT = (
    "Abel Corrow had kept the tide clock of Merrin Quay for thirty-one years. Every hour that a ship was expected he "
    "went down the steps and read the depth from a brass staff. On the third of March the brig Patience came in by the "
    "clock and struck upon the Sill, and Tom Arkle was drowned. Dinah, who had read the staff in place of her "
    "grandfather, told the Commissioners that the hand had shown thirteen feet and a half. The Commissioners stopped "
    "the clock, and the boats went to Harbridge instead."
)
REQUEST = Request("id", 0, "summarize", "<user>", TEXT, "Sum it up.<assistant>", 120, 60)
FIRST = "Abel Corrow had kept the tide clock of Merrin Quay for thirty-one years."
GOOD = (
    "Abel Corrow kept the tide clock of Merrin Quay. The brig Patience struck upon the Sill, and Tom Arkle was drowned."
)
BAD = "Captain Penhale sailed away on a whale."


def _raw(text: str, reason: str = "stop") -> Completion:
    return Completion("id", 0, text, reason, 120, 30, 1.0, "here:1")


def _mender(way: Way = Way.GUARDED) -> Mender:
    return Mender(Job(EngineOptions("m", "sha", 256), {"summarize": Sampling()}, ways={"summarize": way}))


def _shown(*answers: str, request: Request = REQUEST, reason: str = "stop") -> Completion:
    """What is shown when the model gives these answers one after the other."""
    mender = _mender()
    taken = [mender.take(request, _raw(answer, reason)) for answer in answers]
    assert taken[:-1] == [None] * (len(answers) - 1)
    assert taken[-1] is not None
    return taken[-1]


def _places(completion: Completion) -> list[str]:
    return [TEXT[at.start : at.end] for sentence in completion.sentences for at in sentence.sources]


def test_a_fit_answer_is_shown_as_it_is_with_what_supports_each_sentence() -> None:
    shown = _shown(GOOD)
    assert (shown.text, shown.method, shown.reasons) == (GOOD, "generated", ())
    assert [shown.text[s.start : s.end] for s in shown.sentences] == GOOD.replace(". ", ".|").split("|")
    assert _places(shown)[0] == FIRST and "Patience" in _places(shown)[1]
    assert all(0.5 < sentence.support <= 1 for sentence in shown.sentences)


def test_an_unfit_answer_is_asked_for_once_more_and_the_better_one_is_shown() -> None:
    assert _shown(f"{BAD} {GOOD}", GOOD).text == GOOD
    assert _shown(f"{GOOD} {BAD}", BAD).text.startswith(GOOD)


def test_both_tries_are_counted_and_told() -> None:
    shown = _shown(f"{BAD} {GOOD}", GOOD)
    assert (shown.completion_tokens, shown.seconds, shown.prompt_tokens) == (60, 2.0, 120)
    assert shown.reasons == ("unsupported: Captain Penhale",) and shown.guard_seconds > 0


def test_how_the_better_answer_ended_is_told() -> None:
    mender = _mender()
    assert mender.take(REQUEST, _raw(f"{GOOD} {BAD}", "length")) is None
    shown = mender.take(REQUEST, _raw(BAD, "loop"))
    assert shown is not None and shown.finish_reason == "length" and shown.completion_tokens == 60


def test_what_had_to_go_is_filled_up_with_the_texts_own_sentences_in_its_order() -> None:
    shown = _shown(*[f"The Commissioners stopped the clock. {BAD} {BAD} {BAD}"] * 2)
    assert (shown.method, shown.text.endswith("The Commissioners stopped the clock.")) == ("repaired", True)
    added = [shown.text[s.start : s.end] for s in shown.sentences[:-1]]
    assert added and all(sentence in TEXT for sentence in added)


@pytest.mark.parametrize("answer", ["", BAD, "Le vieil homme gardait une horloge au bord de la mer depuis longtemps."])
def test_where_nothing_is_fit_the_text_speaks_for_itself(answer: str) -> None:
    shown = _shown(answer, answer)
    assert shown.method == "extracted" and shown.error is None and shown.text
    assert all(shown.text[s.start : s.end] in TEXT for s in shown.sentences)


def test_an_answer_that_was_only_cut_is_trimmed_and_not_asked_for_again() -> None:
    shown = _shown(GOOD + " The Commissioners stopped the", reason="length")
    assert (shown.text, shown.method, shown.reasons) == (GOOD, "repaired", ("cut off",))


def test_an_answer_longer_than_wanted_ends_after_its_first_sentences() -> None:
    assert _shown(GOOD, request=replace(REQUEST, words=9)).text == GOOD.partition(". ")[0] + "."


def test_where_the_second_try_fails_the_first_is_mended() -> None:
    mender, failed = _mender(), replace(_raw(""), finish_reason="error", error="no room")
    assert mender.take(REQUEST, _raw(f"{GOOD} {BAD}")) is None
    shown = mender.take(REQUEST, failed)
    assert shown is not None and shown.text.startswith(GOOD) and shown.error is None


def test_a_failed_request_stays_an_error() -> None:
    failed = replace(_raw(""), finish_reason="error", error="no room")
    assert _mender().take(REQUEST, failed) == failed


def test_a_plain_task_is_passed_on_and_an_empty_answer_is_its_error() -> None:
    assert _mender(Way.PLAIN).take(REQUEST, _raw(BAD)) == _raw(BAD)
    empty = _mender(Way.PLAIN).take(REQUEST, _raw(""))
    assert empty is not None and (empty.finish_reason, empty.error) == ("error", "The model gave an empty answer.")


def test_a_guided_summary_is_of_the_texts_sentences_whatever_the_model_says() -> None:
    shown = _mender(Way.GUIDED).take(replace(REQUEST, words=30), _raw("Tom Arkle was drowned by Captain Penhale."))
    assert shown is not None and shown.method == "extracted"
    assert shown.text and all(shown.text[s.start : s.end] in TEXT for s in shown.sentences)


@pytest.mark.parametrize("way", [Way.COVERAGE, Way.LEXRANK])
@given(text=st.text("abc .!\n’“”ÄД水。", max_size=300), n_words=st.integers(1, 60))
def test_an_extract_stands_in_the_text_where_it_says(way: Way, text: str, n_words: int) -> None:
    shown = mending.extracted(replace(REQUEST, text=text, words=n_words), way, "here:1")
    for sentence in shown.sentences:
        (origin,) = sentence.sources
        assert shown.text[sentence.start : sentence.end] == " ".join(text[origin.start : origin.end].split())
    assert bool(shown.text) or not words(text)


@pytest.mark.parametrize("way", [Way.COVERAGE, Way.LEXRANK])
def test_a_text_without_full_stops_is_not_shown_whole(way: Way) -> None:
    text = ", ".join(f"clause {i} of the list" for i in range(300))
    shown = mending.extracted(replace(REQUEST, text=text, words=40), way, "here:1")
    assert 0 < len(words(shown.text)) <= 80


@given(st.lists(st.sampled_from([*GOOD.replace(". ", ".|").split("|"), BAD, "The clock", ""]), max_size=6))
def test_whatever_the_model_writes_what_is_shown_has_no_name_that_the_text_has_not(parts: list[str]) -> None:
    mender, answer = _mender(), " ".join(parts)
    shown = mender.take(REQUEST, _raw(answer)) or mender.take(REQUEST, _raw(answer))
    assert shown is not None and shown.text and "Penhale" not in shown.text
    assert shown.text[-1] in ".!?"
