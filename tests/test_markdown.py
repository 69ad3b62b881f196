"""Markdown keeps its text; its headings outside quotes, lists and code become marks."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import InputError, MachineError
from cpullm.readers import markdown

PIECES = [
    "# ",
    "#",
    "\n",
    "===",
    "---",
    "> ",
    "- ",
    "1. ",
    "```",
    "    ",
    "\t",
    "a",
    "word ",
    "<div>",
    "[a]: b",
    "\\",
    "é",
]


def _headings(text: str) -> list[tuple[str, int]]:
    document = markdown.parse(text.encode(), "a")
    assert document.text == text
    return [(text[mark.start : mark.end], mark.level) for mark in document.marks]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# One\n\ntext\n\n## Two ##\n\n###### Six", [("One", 1), ("Two", 2), ("Six", 6)]),
        ("One\n===\n\ntext\n\n  Two\n---\n", [("One", 1), ("Two", 2)]),
        ("Two lines\nof title\n===\n", [("Two lines\nof title", 1)]),
        ("   #   In   \n", [("In", 1)]),
        ("# C#\n# Issue #5 ##\n", [("C#", 1), ("Issue #5", 1)]),
        ("# A *b* [c](d)\n", [("A *b* [c](d)", 1)]),
        ("#\n# #\n####### seven\n#none\n", []),
        ("```\n# code\n```\n~~~\n# code\n~~~\n", []),
        ("    # indented\n", []),
        ("> # quoted\n\n- # listed\n\n1. # numbered\n\nHi\n", []),
        ("<div>\n# in a block\n</div>\n\n<!--\n# commented\n-->\n# out\n", [("out", 1)]),
        ("text\n\n---\n\n***\n", []),
        ("[a]: http://b\n---\n", []),
        ("\\# escaped\n", []),
    ],
)
def test_headings_are_those_of_commonmark(text: str, headings: list[tuple[str, int]]) -> None:
    assert _headings(text) == headings


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("---\ntitle: A Day\nlayout: x\n---\n", "A Day"),
        ("---\nlayout: x\nTitle: 'It: is'\n...\n", "It: is"),
        ('---\ntitle: "Quoted"\ntags:\n  - a\n  - b\n---\n', "Quoted"),
        ("---\nlayout: x\n---\n", ""),
    ],
)
def test_front_matter_gives_the_title_and_no_heading(front: str, title: str) -> None:
    text = f"{front}\n# First\n"
    assert markdown.parse(text.encode(), "a").title == title
    assert _headings(text) == [("First", 1)]


def test_a_rule_at_the_start_is_no_front_matter() -> None:
    assert _headings("---\n\n# First\n\n---\n") == [("First", 1)]


def test_front_matter_that_does_not_end_is_text() -> None:
    assert _headings("---\ntitle: x\n\n# First\n") == [("First", 1)]


def test_other_encodings_and_line_ends_are_read() -> None:
    document = markdown.parse("# Küche\r\n\r\nÖl".encode("cp1252"), "a")
    assert (document.text, [(mark.start, mark.end) for mark in document.marks]) == ("# Küche\n\nÖl", [(2, 7)])


@pytest.mark.parametrize("data", [b" \n", b"a\0b"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        markdown.parse(data, "a")


def test_more_lines_than_can_be_kept_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "_MOST_LINES", 10)
    with pytest.raises(InputError, match="11 lines"):
        markdown.parse(b"a\n" * 10, "a")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    with pytest.raises(MachineError, match=r"markdown-it-py.*cpullm\[markdown\]"):
        markdown.parse(b"# a", "a")


@pytest.mark.parametrize(
    "text",
    [
        ">" * 300_000 + " a",
        "- " * 150_000 + "a",
        "[" * 300_000,
        "#" * 300_000,
        "a " * 150_000,
        "[a]: b '" + "x\n" * 20_000,
        "> [a]: b '" + "x\n> " * 20_000,
        "".join(" " * (2 * i) + "- a\n" for i in range(500)),
        "1. a\n" * 20_000,
        "---\na:\n" + "a\n" * 20_000,
    ],
    ids=["quotes", "lists", "brackets", "hashes", "line", "definition", "quoted", "nested", "items", "front"],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.perf_counter()
    markdown.parse(text.encode(), "a")
    assert time.perf_counter() - began < 5


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_marks_are_in_order_within_the_text_and_trimmed(text: str) -> None:
    if not text.strip():
        return
    document = markdown.parse(text.encode(), "a")
    end = 0
    for mark in document.marks:
        title = document.text[mark.start : mark.end]
        assert end <= mark.start < mark.end <= len(document.text) and title == title.strip() and 1 <= mark.level <= 6
        end = mark.end
