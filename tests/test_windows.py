"""Windows fit, lose nothing, never overlap, come out about equal and are cut at pauses, in any script."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cpullm.splitters import windows

GRAPHEME = regex.compile(r"\X")
COUNTERS: list[Callable[[str], int]] = [
    lambda text: len(text.split()),
    lambda text: len(text.encode("utf-8", "surrogatepass")),
    lambda text: len(text) // 4 + 1,
    lambda text: 3 * len(text) + 7,
    lambda text: len(text) ** 2 // 50,
]

paragraphs = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(["One. Two! Three? ", "第一句。第二句！", "👩‍👩‍👧‍👦", "é" * 9, "\n\n", " "]),
    ),
    max_size=40,
)


def checked(text: str, budget: int, count: Callable[[str], int]) -> list[tuple[int, int]]:
    spans = windows(text, budget, count)
    place = 0
    for start, end in spans:
        assert place <= start < end <= len(text)
        assert not text[place:start].strip() and text[start:end] == text[start:end].strip()
        assert end - start == 1 or count(text[start:end]) <= budget
        place = end
    assert not text[place:].strip()
    return spans


@settings(max_examples=400, deadline=None)
@given(paragraphs.map("".join), st.integers(1, 60), st.sampled_from(COUNTERS))
@example("a\u0301" * 50, 1, COUNTERS[1])
@example(" \u0301" * 50, 2, COUNTERS[1])
def test_any_text_fits_and_nothing_is_lost(text: str, budget: int, count: Callable[[str], int]) -> None:
    checked(text, budget, count)


@settings(max_examples=200, deadline=None)
@given(paragraphs.map("".join), st.integers(8, 60))
def test_no_grapheme_is_cut_that_fits(text: str, budget: int) -> None:
    def count(piece: str) -> int:
        return len(piece)

    spans = checked(text, budget, count)
    inner = {end for _, end in spans} | {start for start, _ in spans}
    for match in GRAPHEME.finditer(text):
        # White space at a window's edge is no loss, so a mark on a blank may lose the blank.
        if len(match.group()) <= budget and not match.group()[0].isspace():
            assert not inner & set(range(match.start() + 1, match.end())) or match.group()[-1].isspace()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=40, max_size=300), st.integers(60, 200))
def test_windows_are_about_equal(lengths: list[int], budget: int) -> None:
    text = "\n\n".join(" ".join(["word"] * length) + "." for length in lengths)
    sizes = [len(text[start:end].split()) for start, end in checked(text, budget, COUNTERS[0])]
    assert max(sizes) <= 2 * sum(sizes) / len(sizes)
    assert len(sizes) <= 2 * sum(sizes) / budget + 2


def test_white_space_gives_no_window_and_a_fitting_text_gives_one() -> None:
    assert windows("", 5, len) == windows(" \n\t ", 5, len) == []
    assert windows("\n one two \n", 7, len) == [(2, 9)]


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        windows("text", 0, len)


def test_the_cut_is_the_best_pause_nearby() -> None:
    paragraph = "The lamp was lit, and the door was shut. Nobody spoke of it again. " * 3
    text = (paragraph + "\n\n") * 20
    for start, end in checked(text, 90, COUNTERS[0]):
        assert text[start:].startswith("The lamp") and text[:end].endswith("again.")
    prose = paragraph * 20
    assert all(prose[:end].rstrip()[-1] == "." for _, end in checked(prose, 100, COUNTERS[0]))
    chinese = "他看見那盞燈了。" * 200
    assert all(chinese[:end][-1] == "。" for _, end in checked(chinese, 150, len))


@pytest.mark.parametrize(
    "text",
    ["I" * 500_000, "x" + " " * 500_000 + "\u0301y", "." * 200_000, "a" + "\u0301" * 200_000, ",." * 100_000,
     "字。" * 100_000, "\n \n" * 100_000 + "x"],
)  # fmt: skip
def test_nothing_hangs(text: str) -> None:
    began = time.monotonic()
    checked(text, 500, COUNTERS[2])
    assert time.monotonic() - began < 5


def test_the_tokenizer_is_asked_about_linearly() -> None:
    text = "Somebody had left the gate open again. " * 20_000
    asked = 0

    def count(piece: str) -> int:
        nonlocal asked
        asked += len(piece)
        return len(piece) // 4 + 1

    checked(text, 400, count)
    assert asked < 8 * len(text)
