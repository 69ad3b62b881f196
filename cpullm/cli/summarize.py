"""`cpullm summarize`: from a source to summaries on the terminal and in a folder."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpullm.cli import arguments as shared
from cpullm.cli.arguments import count
from cpullm.options import Options

SHOWN_SUMMARIES = 3


def add(commands: Any) -> None:
    """Add the command to the parser."""
    from cpullm.catalog import STARTER

    parser = commands.add_parser(
        "summarize",
        help="summarize a book chapter by chapter, a folder of files, or a table row by row",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("source", nargs="?", default="sample", help=shared.SOURCE)
    parser.add_argument("--model", default=STARTER, help="a model's name (see `cpullm models list`) or a .gguf file")
    parser.add_argument("--limit", type=int, default=argparse.SUPPRESS, help="take the first N units only")
    parser.add_argument(
        "--master",
        default=shared.LOCAL_MASTER,
        help=f"local[*], local[N], spark://HOST:PORT, yarn, k8s://URL, or {shared.IN_PROCESS} for no Spark at all",
    )
    parser.add_argument("--out", default="summaries/SOURCE", help="folder for summaries.parquet, .md and run.json")
    parser.add_argument("--quiet", action="store_true", help="no plan, no progress bar, no summaries on the terminal")
    shared.add_splitting(parser)
    shared.add_hygiene(parser)
    shared.add_options(parser.add_argument_group("options of the model and the engine"), Options)
    parser.set_defaults(command=_summarize)


def _summarize(arguments: argparse.Namespace) -> int:
    from cpullm import corpus, report
    from cpullm.summarize import execute, prepare

    options, splitting = Options.of(shared.given(arguments, Options)), shared.splitting(arguments)
    hygiene = shared.hygiene(arguments)
    out = Path(arguments.out.replace("SOURCE", Path(arguments.source).stem))
    show, limit = not arguments.quiet, getattr(arguments, "limit", None)
    corpus.check_limit(limit)
    with ExitStack() as stack:
        session = _Session(arguments.master, stack)
        texts = corpus.read(arguments.source, **shared.columns(arguments), progress=show)
        dropped = None
        if hygiene is not None:
            texts, dropped = texts.cleaned(session.started(), hygiene)
        chunks = texts.chunks(splitting, limit, show)
        report.check_folder(out)
        prepared = prepare(chunks, model=arguments.model, options=options, progress=show)
        if show:
            print(_plan_lines(arguments, prepared, dropped), flush=True)
        result = replace(execute(prepared, spark=session.started(), progress=show), dropped=dropped)
    paths = result.write(out)
    if show:
        _print_summaries(result)
    print(_done_line(result, paths))
    return 1 if all(summary.error is not None for summary in result.summaries) else 0


class _Session:
    """The Spark session of a master: what can be checked before is checked at once, the start waits for its need."""

    def __init__(self, master: str, stack: ExitStack) -> None:
        from cpullm import spark

        self._master, self._stack = master, stack
        self._session: Any = None
        if master != shared.IN_PROCESS:
            spark.check_java()
            spark.local_cpus(master)

    def started(self) -> Any:
        """The session, stopped when the stack closes; None without Spark."""
        from cpullm import spark

        if self._session is None and self._master != shared.IN_PROCESS:
            self._session = spark.session(self._master)
            self._stack.callback(self._session.stop)
        return self._session


def _plan_lines(arguments: argparse.Namespace, prepared: Any, dropped: Any) -> str:
    model = prepared.model.entry.name if prepared.model.entry else prepared.model.path.name
    longest = max(chunk.words for chunk in prepared.chunks)
    left_out = shared.matter(prepared.left_out)
    return (
        f"{arguments.source}: {count(len(prepared.chunks), 'unit')}, the longest of {longest} words; "
        f"{prepared.text_tokens} tokens in {count(prepared.n_windows, 'window')}\n"
        + _dropped(dropped)
        + (f"left out as front or back matter: {left_out}\n" if left_out else "")
        + f"model {model} ({prepared.model.path.stat().st_size / 1e6:.0f} MB), on {arguments.master}"
    )


def _dropped(report: Any) -> str:
    if report is None:
        return ""
    from cpullm import corpus

    return f"dropped by hygiene: {corpus.reasons(report) or 'nothing'}\n"


def _print_summaries(result: Any) -> None:
    for summary in result.summaries[:SHOWN_SUMMARIES]:
        print(f"\n{' · '.join((*summary.levels, summary.title))}\n{summary.summary or f'[{summary.error}]'}")
    print()


def _done_line(result: Any, paths: list[Path]) -> str:
    run = result.run
    tokens = run["prompt_tokens"] + run["completion_tokens"]
    notes = [
        f"{run['cut_at_max_tokens']} cut at max_tokens" if run["cut_at_max_tokens"] else "",
        f"{len(run['errors'])} with errors, first: {run['errors'][0]['error']}" if run["errors"] else "",
    ]
    noted = "".join(f"; {note}" for note in notes if note)
    done = f"{count(len(result.summaries), 'summary')}, {tokens} tokens in {run['seconds']:.0f} s{noted}"
    return "\n".join([done, *map(str, paths)])
