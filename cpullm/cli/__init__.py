"""The command line: parses, calls, prints. No logic.

Exit codes: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from cpullm.cli import bench, bundle, doctor, eval, names, plan, split, summarize, tune
from cpullm.errors import CpullmError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        status = int(arguments.command(arguments))
        if sys.stdout is not None:  # None: the caller has closed it, and nothing is printed
            sys.stdout.flush()
        return status
    except CpullmError as error:
        print(f"cpullm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cpullm: stopped; nothing half-done was kept, the same command starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        print(f"cpullm: {error.strerror or error}; check where the output goes.", file=sys.stderr)
        return 1


def _drop_output() -> None:
    """What is still buffered cannot be written either, and Python would say so at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cpullm", description="Summarize documents with quantized LLMs on CPUs, on one machine or under Spark."
    )
    parser.add_argument("--version", action="version", version=f"cpullm {version('cpullm')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (summarize, plan, split, names, bench, eval, tune, bundle, doctor):
        command.add(commands)
    launcher = commands.add_parser("launcher", help="print the path of the file that spark-submit starts")
    launcher.set_defaults(command=_launcher)
    return parser


def _launcher(_: argparse.Namespace) -> int:
    print(Path(__file__).with_name("__main__.py"))
    return 0
