"""`cpullm models` and `cpullm corpora`: what has a name, what is here, what can be fetched."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add both commands to the parser."""
    _add_models(commands)
    _add_corpora(commands)


def _add_models(commands: Any) -> None:
    parser = commands.add_parser("models", help="list, pull or verify models")
    models = parser.add_subparsers(required=True, metavar="COMMAND")
    models.add_parser("list", help="what the catalog has").set_defaults(command=_list_models)
    pull = models.add_parser("pull", help="fetch a model into models/")
    pull.add_argument("name")
    pull.set_defaults(command=_pull_model)
    verify = models.add_parser("verify", help="read a model's file and compare its sha256")
    verify.add_argument("name", help="a model's name or a .gguf file")
    verify.set_defaults(command=_verify_model)


def _add_corpora(commands: Any) -> None:
    corpora = commands.add_parser("corpora", help="list or pull books").add_subparsers(required=True, metavar="COMMAND")
    corpora.add_parser("list", help="what the catalog has").set_defaults(command=_list_corpora)
    pull = corpora.add_parser("pull", help="fetch a book into corpora/")
    pull.add_argument("name")
    pull.set_defaults(command=_pull_corpus)


def _list_models(_: argparse.Namespace) -> int:
    from cpullm import catalog

    rows = [
        (name, f"{entry.gigabytes:.1f} GB", str(entry.n_ctx), entry.licence, entry.good_for)
        for name, entry in catalog.models().items()
    ]
    _print_table([("model", "size", "context", "licence", "good for"), *rows])
    return 0


def _list_corpora(_: argparse.Namespace) -> int:
    from cpullm import catalog

    rows = [
        (name, str(entry.gutenberg_id), entry.language, f"{entry.title}, {entry.author}")
        for name, entry in catalog.corpora().items()
    ]
    _print_table([("book", "gutenberg", "language", "title"), *rows])
    return 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _pull_model(arguments: argparse.Namespace) -> int:
    from cpullm import catalog

    resolved = catalog.pull_model(arguments.name)
    print(f"{resolved.path}  sha256 {resolved.sha256}")
    return 0


def _verify_model(arguments: argparse.Namespace) -> int:
    from cpullm import catalog

    resolved = catalog.verify_model(arguments.name)
    print(f"{resolved.path} is whole: sha256 {resolved.sha256}")
    return 0


def _pull_corpus(arguments: argparse.Namespace) -> int:
    from cpullm import catalog

    print(catalog.pull_corpus(arguments.name))
    return 0
