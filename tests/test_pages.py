import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cpullm.readers.pages import Line, feet_last, in_reading_order, without_furniture
from cpullm.readers.paragraphs import blocks, text, words

PLACES = st.floats(0, 600).map(lambda place: round(place, 1))
TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)


@st.composite
def pages(draw: st.DrawFn) -> list[list[Line]]:
    """Pages of lines anywhere, of few sizes, some of them again and again at one place."""

    def line(number: int) -> Line:
        left = draw(PLACES)
        said = " ".join(draw(st.lists(TEXTS, min_size=1, max_size=4)))
        return Line(
            said, left, left + draw(PLACES), draw(PLACES), draw(st.sampled_from((1.0, 8.0, 10.0, 20.0))), number
        )

    return [[line(number) for _ in range(draw(st.integers(0, 6)))] for number in range(draw(st.integers(0, 4)))]


def characters(lines: list[str]) -> Counter[str]:
    return Counter(
        character for line in lines for character in line if not character.isspace() and character not in "-‐\xad"
    )


@given(pages())
def test_no_character_is_lost_or_doubled_on_the_way_to_paragraphs(given_pages: list[list[Line]]) -> None:
    ordered = [in_reading_order(page) for page in given_pages]
    known = words(line for page in ordered for line in page)
    found = [text(block, known) for block in blocks(ordered, {})]
    assert characters(found) == characters([line.text for page in given_pages for line in page])


def test_a_note_and_a_foot_drawn_before_the_text_come_last() -> None:
    drawn = [("foot", 20.0), ("note", 60.0), ("note, on", 48.0), ("title", 700.0), ("text", 650.0), ("more", 600.0)]
    page = [Line(said, 50.0, 300.0, base, 10.0, 0) for said, base in drawn]
    assert [line.text for line in feet_last(page)] == ["title", "text", "more", "note", "note, on", "foot"]


@given(pages())
def test_putting_feet_last_loses_nothing(given_pages: list[list[Line]]) -> None:
    assert all(Counter(feet_last(page)) == Counter(page) for page in given_pages)


@given(pages())
def test_furniture_is_all_that_goes(given_pages: list[list[Line]]) -> None:
    left = without_furniture(given_pages)
    assert [set(page) <= set(before) for page, before in zip(left, given_pages, strict=True)] == [True] * len(left)


def test_the_time_grows_with_the_number_of_lines_and_of_characters() -> None:
    def seconds(n: int) -> float:
        page = [Line("word " * 9, 50, 300, 700 - 0.001 * k, 10, 0) for k in range(n)]
        long = [Line("a" * 100 * n + "-", 50, 300, 600, 10, 0), Line("1 " * n, 50, 300, 588, 10, 0)]
        start = time.perf_counter()
        ordered = [in_reading_order(page) for page in without_furniture([page, long])]
        known = words(line for page in ordered for line in page)
        assert sum(len(text(block, known)) for block in blocks(ordered, {})) > 100 * n
        return time.perf_counter() - start

    seconds(100)
    assert seconds(16_000) < 16 * max(0.1, seconds(4_000))
