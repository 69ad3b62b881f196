"""Arguments that several commands share, made from the options' own records."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import Field, fields
from typing import Any

from cpullm.errors import OptionError
from cpullm.options import Hygiene, Splitting

LOCAL_MASTER = "local[*]"
IN_PROCESS = "in-process"
STOPPED = "cpullm: stopped; finished groups are kept, the same command goes on from there."
SOURCE = "a book's name (see `cpullm corpora list`), a file, or a folder of files"


def add_options(group: Any, record: type) -> None:
    """A flag for each of the record's fields, with its help, range and default."""
    for option in fields(record):
        flag = f"--{option.name.replace('_', '-')}"
        default = argparse.SUPPRESS if option.default is None else option.default
        if "bool" in str(option.type):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=_help(option))
            continue
        group.add_argument(
            flag,
            type=_kind(option),
            default=default,
            choices=option.metadata.get("choices"),
            help=_help(option),
            metavar=None if "choices" in option.metadata else option.name.upper(),
        )


def given(arguments: argparse.Namespace, record: type) -> dict[str, Any]:
    """The values that the command line has for the record's fields."""
    names = [option.name for option in fields(record)]
    return {name: value for name in names if (value := getattr(arguments, name, None)) is not None}


def add_splitting(parser: argparse.ArgumentParser) -> None:
    """How documents are cut, and which columns a table has."""
    group = parser.add_argument_group("how documents are read and cut")
    add_options(group, Splitting)
    group.add_argument(
        "--id-column", default=argparse.SUPPRESS, help="a table's column of ids; by default `id`, or the rows' numbers"
    )
    group.add_argument("--text-column", default="text", help="a table's column of texts")


def splitting(arguments: argparse.Namespace) -> Splitting:
    """The splitting asked for."""
    return Splitting(**given(arguments, Splitting))


def add_hygiene(parser: argparse.ArgumentParser) -> None:
    """What the documents are cleaned of first."""
    group = parser.add_argument_group("hygiene, on Spark")
    group.add_argument(
        "--clean", action="store_true", help="one form of white space and Unicode, and what is there twice dropped"
    )
    add_options(group, Hygiene)


def hygiene(arguments: argparse.Namespace) -> Hygiene | None:
    """The hygiene asked for, if any."""
    asked = Hygiene(**given(arguments, Hygiene))
    if not arguments.clean and asked != Hygiene():
        raise OptionError("--similarity, --languages and --n-permutations need --clean.")
    if arguments.clean:
        from cpullm.hygiene import check_installed

        check_installed()
    return asked if arguments.clean else None


def master(arguments: argparse.Namespace) -> str:
    """The Spark master asked for: the flag's, else the one that spark-submit was given, else this machine."""
    from cpullm import spark

    return getattr(arguments, "master", None) or spark.submitted_master() or LOCAL_MASTER


def columns(arguments: argparse.Namespace) -> dict[str, Any]:
    """The columns of tables, as keywords."""
    return {"id_column": getattr(arguments, "id_column", None), "text_column": arguments.text_column}


def count(n: int, noun: str) -> str:
    """`1 chapter`, `2 chapters`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def matter(chunks: Iterable[Any]) -> str:
    """Front and back matter in one phrase; empty if there is none."""
    rest = [chunk for chunk in chunks if chunk.kind != "body"]
    named = [f"{chunk.title} ({chunk.words} words)" for chunk in rest if chunk.title]
    words = sum(chunk.words for chunk in rest if not chunk.title)
    return ", ".join([*named, *([f"{words} words before the first heading or after the end"] if words else [])])


def _kind(option: Field[Any]) -> Callable[[str], Any]:
    declared = str(option.type)
    if "tuple" in declared:
        return _several
    return float if "float" in declared else int if "int" in declared else str


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _help(option: Field[Any]) -> str:
    text = str(option.metadata["help"])
    if "low" not in option.metadata:
        return text
    return f"{text} ({option.metadata['low']} to {option.metadata['high']})"
