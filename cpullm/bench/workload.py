"""What contestants are given: a book's chapters as token ids, so that everyone computes the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cpullm import catalog, readers, splitters
from cpullm.engine.llama import LlamaModel
from cpullm.errors import FetchError, InputError
from cpullm.installed import SAMPLE

BOOK = "war_and_peace"


@dataclass(frozen=True, slots=True)
class Book:
    """A book's chapters; `note` says if it is not the one asked for."""

    name: str
    chapters: list[str]
    note: str = ""


def read(name: str | None) -> Book:
    """The book of that name or path; without one War and Peace, or the bundled sample where that cannot be had."""
    note = ""
    try:
        path = catalog.resolve_corpus(name or BOOK, progress=False)
    except (FetchError, InputError) as error:
        if name is not None:
            raise
        path = catalog.resolve_corpus(SAMPLE)
        note = f"the bundled sample, not {BOOK}: {error}"
    chunks = splitters.split(readers.read(path)).chunks
    chapters = [chunk.text for chunk in chunks if chunk.kind == "body" and chunk.text.strip()]
    if not chapters:
        raise InputError(f"{path} has no chapters to measure with: name another book.")
    return Book(path.stem, chapters, note)


def equal_prompts(model: Path, book: Book, n: int, n_tokens: int) -> list[list[int]]:
    """`n` prompts of exactly `n_tokens`: first every chapter's beginning, then what follows in them."""
    with LlamaModel(model, vocab_only=True) as vocabulary:
        tokens = [vocabulary.tokenize_prompt("", chapter, "")[1] for chapter in _some(book.chapters, 4 * n)]
    starts = range(0, max(map(len, tokens)), n_tokens)
    pieces = (chapter[start : start + n_tokens] for start in starts for chapter in tokens)
    prompts = [piece for piece in pieces if len(piece) == n_tokens][:n]
    if len(prompts) < n:
        raise InputError(f"{book.name} is too short for {n} prompts of {n_tokens} tokens: name a longer book.")
    return prompts


def whole_chapters(model: Path, book: Book, n: int, n_tokens: int) -> list[list[int]]:
    """`n` whole chapters, spread over the book, none of more than `n_tokens` or fewer than a tenth of that."""
    with LlamaModel(model, vocab_only=True) as vocabulary:
        tokens = [vocabulary.tokenize_prompt("", chapter, "")[1] for chapter in book.chapters]
    fitting = [chapter for chapter in tokens if n_tokens // 10 <= len(chapter) <= n_tokens]
    if not fitting:
        raise InputError(f"{book.name} has no chapter that fits {n_tokens} tokens: name another book.")
    return _some(fitting, n)


def _some(items: list, n: int) -> list:  # type: ignore[type-arg]
    """About `n` of the items, evenly spread, in their order."""
    return items if len(items) <= n else [items[i * len(items) // n] for i in range(n)]
