"""What is wrong with an answer is found and named; what is right with it is let through."""

from __future__ import annotations

import pytest

from cpullm import guards
from cpullm.guards import Checked
from cpullm.job import Sampling
from cpullm.support import Source

TEXT = (
    "Abel Corrow had kept the tide clock of Merrin Quay for thirty-one years. Every hour that a ship was expected he "
    "went down the steps and read the depth from a brass staff. On the third of March the brig Patience came in by the "
    "clock and struck upon the Sill, and Tom Arkle was drowned. Dinah, who had read the staff in place of her "
    "grandfather, told the Commissioners that the hand had shown thirteen feet and a half. The Commissioners stopped "
    "the clock, and the boats went to Harbridge instead."
)
SOURCE = Source(TEXT)
PROMPT = "Provide a concise, objective summary of the text above in up to three sentences."
GOOD = (
    "Abel Corrow kept the tide clock of Merrin Quay. The brig Patience struck upon the Sill, and Tom Arkle was drowned."
)


def _checked(answer: str, reason: str = "stop") -> Checked:
    return guards.check(answer, reason, PROMPT, SOURCE)


def test_a_faithful_answer_is_let_through_whole() -> None:
    checked = _checked(GOOD)
    assert (" ".join(checked.sentences), checked.reasons, checked.wants_another) == (GOOD, (), False)


@pytest.mark.parametrize(
    ("answer", "finish_reason", "reason"),
    [
        ("", "stop", "empty"),
        (" … \n", "stop", "empty"),
        (GOOD + " Abel Corrow kept the tide clock of Merrin Quay.", "stop", "loop"),
        (GOOD + " The clock stopped, the clock stopped, the clock stopped, the clock stopped.", "stop", "loop"),
        (GOOD, "loop", "loop"),
        (GOOD + " The Commissioners stopped the", "length", "cut off"),
        (f"{TEXT} {TEXT}", "stop", "longer than its text"),
        ("Here is a concise summary of the text: " + GOOD, "stop", "about the task"),
        ("Sure! Here's the summary you asked for:\n\n" + GOOD, "stop", "about the task"),
        ("As an AI, I cannot read it. " + GOOD, "stop", "about the task"),
        ("The text describes a clock. " + GOOD, "stop", "about the task"),
        ("Le vieil homme gardait une horloge au bord de la mer depuis longtemps.", "stop", "another language"),
        ("钟表停了，船都去了别的港口，老人再也看不见了。", "stop", "another language"),
        (GOOD + " In up to three sentences the clock stopped.", "stop", "prompt echo"),
        (GOOD + " Captain Penhale stopped the clock.", "stop", "unsupported: Captain Penhale"),
        (GOOD + " The hand had shown fourteen feet.", "stop", "unsupported: fourteen"),
        (GOOD + " On May 15th the Commissioners stopped the clock.", "stop", "unsupported: May, 15th"),
    ],
)  # fmt: skip
def test_a_fault_is_named(answer: str, finish_reason: str, reason: str) -> None:
    assert reason in "; ".join(_checked(answer, finish_reason).reasons)


@pytest.mark.parametrize(
    "bad",
    [
        "Captain Penhale stopped the clock.",
        "The text describes a clock.",
        "Abel Corrow kept the tide clock of Merrin Quay.",
        "As an AI, I cannot read it.",
        "Elephants dance happily beneath purple umbrellas.",
    ],
)
def test_only_the_sentence_with_the_fault_goes(bad: str) -> None:
    assert " ".join(_checked(f"{GOOD} {bad}").sentences) == GOOD


def test_an_answer_that_was_cut_ends_with_its_last_whole_sentence_and_is_not_asked_for_again() -> None:
    checked = _checked(GOOD + " The Commissioners stopped the", "length")
    assert checked.sentences[-1].endswith("drowned.") and not checked.wants_another


def test_a_list_that_the_model_ended_needs_no_full_stops() -> None:
    answer = "- Abel Corrow kept the tide clock\n\n- the brig Patience struck upon the Sill"
    assert _checked(answer).reasons == ()


@pytest.mark.parametrize("mark", ["- ", "* ", "{}. ", " {}) "])
def test_the_items_of_a_list_are_held_against_the_text_one_by_one(mark: str) -> None:
    items = ["Abel Corrow kept the tide clock", "Captain Penhale stopped it", "the brig Patience struck upon the Sill"]
    answer = "\n".join(mark.format(i) + item for i, item in enumerate(items, 1))
    checked = _checked(answer)
    assert checked.reasons == ("unsupported: Captain Penhale",)
    assert [sentence[2:] for sentence in checked.sentences] == [items[0], items[2]]


def test_a_rule_between_paragraphs_is_no_fault() -> None:
    assert _checked(GOOD.replace(". ", ".\n\n---\n\n")).reasons == ()


def test_a_number_at_the_start_of_a_line_that_counts_no_items_is_the_answers_own() -> None:
    assert "unsupported: 15" in _checked(f"15. March the brig came in.\n{GOOD}").reasons[0]


@pytest.mark.parametrize("before", ["## Summary\n\n", "**Summary:** ", "Certainly, ", "Of course! Here is one:\n"])
def test_what_comes_before_an_answer_goes_and_the_answer_stays(before: str) -> None:
    checked = _checked(before + GOOD.replace("Abel", "Mr. Abel"))
    assert checked.reasons == ("about the task",) and checked.sentences[0].startswith("Mr. Abel")


def test_what_the_text_itself_speaks_of_is_not_about_the_task() -> None:
    source = Source("The text above the door says: no entry. " + TEXT)
    assert guards.check("The text above the door says no entry.", "stop", PROMPT, source).reasons == ()


def test_the_second_answer_is_drawn_otherwise() -> None:
    first = Sampling()
    again = guards.again(first)
    assert again.temperature > first.temperature and again.seed != first.seed
    assert guards.again(again) != again
