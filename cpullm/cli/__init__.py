"""The command line: parses, calls, prints. No logic.

Exit codes: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage, 3 done with more errors than
--max-errors, 130 stopped with Ctrl-C, 143 with SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from cpullm.cli import arguments as shared
from cpullm.cli import bench, bundle, dataset, doctor, eval, names, outcome, plan, split, summarize, tune
from cpullm.errors import CpullmError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    with outcome.stopped_by_sigterm() as terminated:
        status = _run(argv)
        if terminated:  # even if what was stopped made the best of it
            return outcome.TERMINATED
        return status


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        status = int(arguments.command(arguments))
        if sys.stdout is not None:  # None: the caller has closed it, and nothing is printed
            sys.stdout.flush()
        return status
    except CpullmError as error:
        print(f"cpullm: {error}", file=sys.stderr)
        return outcome.FAILED
    except outcome.GoesOn:
        print(shared.STOPPED, file=sys.stderr)
        return outcome.STOPPED
    except KeyboardInterrupt:
        print("cpullm: stopped; nothing half-done was kept, the same command starts again.", file=sys.stderr)
        return outcome.STOPPED
    except BrokenPipeError:
        _drop_output()
        return outcome.FAILED
    except OSError as error:
        _drop_output()
        print(f"cpullm: {error.strerror or error}; check where the output goes.", file=sys.stderr)
        return outcome.FAILED


def _drop_output() -> None:
    """What is still buffered cannot be written either, and Python would say so at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cpullm", description="Summarize documents with quantized LLMs on CPUs, on one machine or under Spark."
    )
    parser.add_argument("--version", action="version", version=f"cpullm {version('cpullm')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (summarize, plan, split, dataset, names, bench, eval, tune, bundle, doctor):
        command.add(commands)
    launcher = commands.add_parser("launcher", help="print the path of the file that spark-submit starts")
    launcher.set_defaults(command=_launcher)
    return parser


def _launcher(_: argparse.Namespace) -> int:
    print(Path(__file__).with_name("__main__.py"))
    return 0
