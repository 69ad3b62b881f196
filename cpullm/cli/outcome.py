"""How a command ends, for whoever started it: its exit code and, if asked for, one JSON document on stdout."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

DONE, FAILED, USAGE, TOO_MANY_ERRORS, STOPPED, TERMINATED = 0, 1, 2, 3, 130, 143


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What schedulers ask for."""
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on stdout when all is done; the rest goes to stderr"
    )
    parser.add_argument(
        "--max-errors",
        type=_count,
        default=argparse.SUPPRESS,
        metavar="N",
        help=f"exit code {TOO_MANY_ERRORS} if more than N answers have an error; all is written nevertheless (default: "
        f"any number may, and if all have the exit code is {FAILED})",
    )


def code(arguments: argparse.Namespace, n_errors: int, n_answers: int) -> int:
    """The exit code of what is done and written."""
    if n_errors == n_answers:
        return FAILED
    most = getattr(arguments, "max_errors", None)
    return DONE if most is None or n_errors <= most else TOO_MANY_ERRORS


@contextmanager
def aside(as_json: bool) -> Iterator[None]:
    """Where stdout is for one JSON document, what is printed meanwhile goes to stderr."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def print_json(facts: Mapping[str, Any], paths: Iterable[Path]) -> None:
    """The facts, and where files were written, by their names."""
    print(json.dumps({**facts, "paths": {path.name: str(path) for path in paths}}, ensure_ascii=False))


class Terminated(KeyboardInterrupt):
    """Stopped by SIGTERM, as schedulers do; whatever holds for Ctrl-C holds then too."""


class GoesOn(KeyboardInterrupt):
    """Stopped, and what is done is kept."""


@contextmanager
def going_on() -> Iterator[None]:
    """Whoever stops what runs here is told that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise GoesOn from error


@contextmanager
def stopped_by_sigterm() -> Iterator[list[int]]:
    """SIGTERM ends what runs here as Ctrl-C does; what is yielded has a number in it from then on."""
    seen: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        seen.append(number)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would stop the putting away
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGTERM, before)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)
