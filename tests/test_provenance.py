"""A text put together from windows and answers leads back to the documents."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cpullm.provenance import Passage, Traced, united
from cpullm.records import Chunk, Completion, Origin, Sentence

WINDOW = Traced((Passage.window("One two. Three four.", 7, 100),))


def _answer(text: str, *spans: tuple[int, int], method: str = "generated") -> Completion:
    """Its whole text is one sentence with these spans of the text asked about."""
    sources = tuple(Origin(0, *span) for span in spans)
    sentence = Sentence(0, len(text), 0.9, sources)
    return Completion("id", 0, text, "stop", 1, 1, 0.0, "here:1", method=method, sentences=(sentence,))


def test_a_stretch_of_a_window_has_its_own_place_in_the_document() -> None:
    passage = Passage.answer(_answer("Three.", (9, 20)), WINDOW)
    assert passage.sentences[0].sources == (Origin(7, 109, 120),)


def test_an_answer_about_answers_leads_through_them_to_the_document() -> None:
    first, second = (Passage.answer(_answer(text, span), WINDOW) for text, span in (("A.", (0, 8)), ("B.", (9, 20))))
    joined = Traced((first, second), "\n\n")
    assert joined.text == "A.\n\nB."
    of_both, of_second = (Passage.answer(_answer("C.", span), joined) for span in ((0, 6), (4, 6)))
    assert of_both.sentences[0].sources == (Origin(7, 100, 120),)
    assert of_second.sentences[0].sources == (Origin(7, 109, 120),)


def test_what_is_taken_out_of_a_models_answer_is_no_extract() -> None:
    taken = _answer("A.", (0, 2), method="extracted")
    for method, shown in (("generated", "repaired"), ("repaired", "repaired"), ("extracted", "extracted")):
        asked = Traced((Passage.answer(_answer("A.", (0, 8), method=method), WINDOW),))
        assert Passage.answer(taken, asked).method == shown


def test_joined_passages_are_of_the_method_that_all_have() -> None:
    own, mended = (Passage.answer(_answer("A.", (0, 8), method=name), WINDOW) for name in ("extracted", "repaired"))
    assert Passage.of(Traced((own, own))).method == "extracted"
    assert Passage.of(Traced((own, mended))).method == "repaired"


def test_the_sentences_of_joined_passages_have_their_places_in_the_whole() -> None:
    passage = Passage.answer(_answer("A b.", (0, 8)), WINDOW)
    joined = Traced((passage, passage), " ")
    assert [joined.text[s.start : s.end] for s in joined.sentences] == ["A b.", "A b."]


CHAPTER = Chunk(
    "book",
    7,
    (),
    "I",
    "body",
    1,
    100,
    190,
    "Ann sold the old boat. " * 2 + "Bob wept by the river all night long, and Cid sang.",
)


def _about(text: str, *sentences: str) -> Passage:
    """An answer about answers that came from all of the chapter."""
    whole = (Origin(7, 100, 100 + len(CHAPTER.text)),)
    placed = [Sentence(text.index(one), text.index(one) + len(one), 0.9, whole) for one in sentences]
    return Passage(text, tuple(placed), "generated")


def test_what_an_answer_about_answers_says_is_held_against_the_text() -> None:
    first, second = "Bob wept by the river.", "Ann sold the boat."
    held = _about(f"{first} {second}", first, second).held({7: CHAPTER}, 0.3)
    assert (held.text, held.method) == (f"{first} {second}", "generated")
    assert all(sentence.support > 0.8 for sentence in held.sentences)
    assert CHAPTER.text[held.sentences[0].sources[0].start - 100 :].startswith("Bob wept")


def test_what_the_text_does_not_bear_out_goes_and_the_best_stays() -> None:
    first, second = "Elephants fly to Mars.", "Ann sold the boat."
    held = _about(f"{first} {second}", first, second).held({7: CHAPTER}, 0.3)
    assert (held.text, held.method, len(held.sentences)) == (second, "repaired", 1)
    assert held.text[held.sentences[0].start : held.sentences[0].end] == second
    assert _about(first, first).held({7: CHAPTER}, 0.3).text == first


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(1, 9)), max_size=12))
def test_united_stretches_are_apart_in_order_and_hold_what_was_there(found: list[tuple[int, int, int]]) -> None:
    origins = [Origin(index, start, start + length) for index, start, length in found]
    told = united(origins)
    assert list(told) == sorted(told, key=lambda o: (o.index, o.start))
    assert all(a.index < b.index or a.end + 1 < b.start for a, b in pairwise(told))
    assert all(any(t.index == o.index and t.start <= o.start and o.end <= t.end for t in told) for o in origins)
