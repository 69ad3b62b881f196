"""Chunks to chapters, parts and books."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm import tree
from cpullm.records import Chunk
from cpullm.tree import LEVELS, Node


def _chunk(index: int, *levels: str, title: str = "", document: str = "book") -> Chunk:
    return Chunk(document, index, levels, title or f"Chapter {index}", "body", 1, index * 10, index * 10 + 5, "words")


def _told(nodes: list[Node]) -> list[tuple[str, str, int]]:
    return [(node.level, node.title, len(node.children)) for node in nodes]


TWO_PARTS = [_chunk(0, "One"), _chunk(1, "One"), _chunk(2, "Two"), _chunk(3, "Two")]


def test_a_book_stands_before_its_parts_and_these_before_their_chapters() -> None:
    assert _told(tree.nodes(TWO_PARTS, "book")) == [
        ("book", "", 2),
        ("part", "One", 2),
        ("chapter", "Chapter 0", 0),
        ("chapter", "Chapter 1", 0),
        ("part", "Two", 2),
        ("chapter", "Chapter 2", 0),
        ("chapter", "Chapter 3", 0),
    ]


@pytest.mark.parametrize(("to", "expected"), [("chapter", {"chapter"}), ("part", {"chapter", "part"})])
def test_what_is_above_the_level_asked_for_is_left_out(to: str, expected: set[str]) -> None:
    assert {node.level for node in tree.nodes(TWO_PARTS, to)} == expected


def test_a_part_of_one_chapter_and_a_book_of_one_chapter_are_that_chapter() -> None:
    assert _told(tree.nodes([_chunk(0, "One"), _chunk(1, "Two")], "book"))[0] == ("book", "", 2)
    assert _told(tree.nodes([_chunk(0, "One")], "book")) == [("chapter", "Chapter 0", 0)]


def test_a_headings_own_text_is_the_first_of_its_part() -> None:
    chunks = [_chunk(0, title="Methods"), _chunk(1, "Methods"), _chunk(2, title="Results")]
    assert _told(tree.nodes(chunks, "book")) == [
        ("book", "", 2),
        ("part", "Methods", 2),
        ("chapter", "Methods", 0),
        ("chapter", "Chapter 1", 0),
        ("chapter", "Results", 0),
    ]


def test_parts_of_one_name_that_do_not_touch_are_two() -> None:
    chunks = [_chunk(0, "I", "a"), _chunk(1, "I", "a"), _chunk(2, "II", "a"), _chunk(3, "II", "a")]
    parts = [(node.levels, node.title) for node in tree.nodes(chunks, "part") if node.level == "part"]
    assert parts == [(("I",), "a"), (("II",), "a")]


def test_documents_do_not_meet() -> None:
    chunks = [_chunk(i, "One", document=name) for name in ("a", "b") for i in (0, 1)]
    books = [node.first.document_id for node in tree.nodes(chunks, "book") if node.level != "chapter"]
    assert books == ["a", "b"]


@given(
    levels=st.lists(st.lists(st.sampled_from("ab"), max_size=3).map(tuple), min_size=1, max_size=12),
    to=st.sampled_from(LEVELS),
)
def test_every_chunk_is_one_chapter_in_order_and_every_unit_above_has_several_under_it(
    levels: list[tuple[str, ...]], to: str
) -> None:
    chunks = [_chunk(i, *above) for i, above in enumerate(levels)]
    nodes = tree.nodes(chunks, to)
    assert [node.first for node in nodes if node.level == "chapter"] == chunks
    for node in nodes:
        assert (len(node.children) >= 2) == (node.level != "chapter")
        assert list(node.chunks) == [chunk for child in node.children or [node] for chunk in child.chunks]
