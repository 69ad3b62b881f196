"""The command line: parses, calls, prints. No logic.

Exit codes: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from cpullm.cli import bench, names, split, summarize
from cpullm.errors import CpullmError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except CpullmError as error:
        print(f"cpullm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cpullm: stopped; nothing half-done was kept, the same command starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cpullm", description="Summarize documents with quantized LLMs on CPUs, on one machine or under Spark."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (summarize, split, names, bench):
        command.add(commands)
    return parser
