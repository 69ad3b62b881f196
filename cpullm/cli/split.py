"""`cpullm split`: what documents are cut into, before any model sees them."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cpullm.cli import arguments as shared
from cpullm.cli.arguments import count

NAME_WIDTH = 48


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "split",
        help="show what a book or other documents are cut into",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("source", help=shared.SOURCE)
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="one JSON object a line for each unit, instead of a table")
    shown.add_argument("--text", action="store_true", help="the text as it was read, which lines and offsets refer to")
    parser.add_argument(
        "--model", default=argparse.SUPPRESS, help="count the splitter tokens' tokens with this model's own tokenizer"
    )
    shared.add_splitting(parser)
    parser.set_defaults(command=_split)


def _split(arguments: argparse.Namespace) -> int:
    from cpullm import corpus

    splitting = shared.splitting(arguments)
    texts = corpus.read(arguments.source, **shared.columns(arguments))
    with _tokenizer(arguments) as counting:
        found = texts.splits(splitting, **counting)
        if arguments.text:
            return _print_texts(found)
        return (_print_json if arguments.json else _print_tables)(found)


@contextmanager
def _tokenizer(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The keyword that hands a model's tokenizer on, if a model is named."""
    if not hasattr(arguments, "model"):
        yield {}
        return
    from cpullm.catalog import resolve_model
    from cpullm.engine.llama import LlamaModel

    with LlamaModel(resolve_model(arguments.model).path, vocab_only=True) as vocabulary:
        yield {"count_tokens": vocabulary.count_tokens}


def _print_texts(found: Iterator[Any]) -> int:
    for document, _ in found:
        print(document.text, end="")
    return 0


def _print_json(found: Iterator[Any]) -> int:
    failed = []
    for document, split in found:
        print(f"{document.id}: {_reason(document, split)}", file=sys.stderr)
        failed.append(document.error is not None)
        for chunk in split.chunks:
            print(json.dumps(_unit(chunk), ensure_ascii=False))
    return 1 if all(failed) else 0


def _unit(chunk: Any) -> dict[str, Any]:
    unit = {"id": chunk.id, "levels": list(chunk.levels)}
    unit |= {name: getattr(chunk, name) for name in ("title", "kind", "line", "start", "end", "words")}
    return unit if chunk.error is None else unit | {"error": chunk.error}


def _print_tables(found: Iterator[Any]) -> int:
    failed: list[bool] = []
    words: list[int] = []
    for document, split in found:
        body = [chunk for chunk in split.chunks if chunk.kind == "body"]
        if failed:
            print()
        print(_plain(f"{document.id}: {_reason(document, split)}"))
        failed.append(document.error is not None)
        if document.error is None:
            _print_table(body)
            rest = shared.matter(split.chunks)
            print(f"front and back matter: {rest}" if rest else "no front or back matter")
            words += [chunk.words for chunk in body]
    if len(failed) > 1:
        errors = f", {sum(failed)} of them with errors" if any(failed) else ""
        print(f"\n{count(len(failed), 'document')}{errors}: {count(len(words), 'unit')}, {sum(words)} words")
    return 1 if all(failed) else 0


def _reason(document: Any, split: Any) -> str:
    return f"{split.splitter} ({split.why})" if document.error is None else f"error: {document.error}"


def _print_table(body: list[Any]) -> None:
    indent = "  " if any(chunk.levels for chunk in body) else ""
    names = [indent + (_plain(chunk.title) or f"line {chunk.line}") for chunk in body]
    width = min(NAME_WIDTH, max(map(_cells, names), default=4))
    print(f"{'unit':{width}}  words  first words")
    shown: tuple[str, ...] = ()
    for name, chunk in zip(names, body, strict=True):
        if chunk.levels and chunk.levels != shown:
            print(_plain(" · ".join(chunk.levels)))
        shown = chunk.levels
        print(f"{_fitted(name, width)} {chunk.words:6}  {_plain(' '.join(chunk.text[:200].split()[:8]))}")
    parts = len({chunk.levels for chunk in body if chunk.levels})
    words = [chunk.words for chunk in body]
    inside = f" in {count(parts, 'part')}" if parts else ""
    print(f"{count(len(body), 'unit')}{inside}, {sum(words)} words, the longest {max(words, default=0)}")


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _cells(text: str) -> int:
    """Columns of a terminal that the text takes: a Chinese character takes two, a combining accent none."""
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def _fitted(text: str, width: int) -> str:
    """The text in exactly `width` columns, what is too long cut."""
    whole, text = text, text[: width + 1]
    if _cells(whole) > width:
        while _cells(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _cells(text))
