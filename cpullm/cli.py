"""The command line: parses, calls, prints. No logic.

Exit codes: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cpullm.errors import CpullmError
from cpullm.options import Options

LOCAL_MASTER = "local[*]"
IN_PROCESS = "in-process"
SHOWN_SUMMARIES = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except CpullmError as error:
        print(f"cpullm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cpullm: stopped, no summaries were written; the same command starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cpullm", description="Summarize documents with quantized LLMs on CPUs, on one machine or under Spark."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_summarize(commands)
    split = commands.add_parser("split", help="show the chapters a book is cut into")
    split.add_argument("source", help="a book's name (see `cpullm corpora list`) or a path")
    split.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    split.set_defaults(command=_split)
    _add_models(commands)
    _add_corpora(commands)
    return parser


def _add_summarize(commands: Any) -> None:
    from cpullm.catalog import STARTER

    parser = commands.add_parser(
        "summarize",
        help="summarize a book, chapter by chapter",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("source", nargs="?", default="sample", help="a book's name or a path")
    parser.add_argument("--model", default=STARTER, help="a model's name (see `cpullm models list`) or a .gguf file")
    parser.add_argument("--limit", type=int, default=argparse.SUPPRESS, help="take the first N chapters only")
    parser.add_argument(
        "--master",
        default=LOCAL_MASTER,
        help=f"local[*], local[N], spark://HOST:PORT, yarn, k8s://URL, or {IN_PROCESS} for no Spark at all",
    )
    parser.add_argument("--out", default="summaries/SOURCE", help="folder for summaries.parquet, .md and run.json")
    parser.add_argument("--quiet", action="store_true", help="no plan, no progress bar, no summaries on the terminal")
    group = parser.add_argument_group("options of the model and the engine")
    for option in fields(Options):
        kind = float if "float" in str(option.type) else int
        shown = option.default if option.default is not None else argparse.SUPPRESS
        low, high = option.metadata["low"], option.metadata["high"]
        text = f"{option.metadata['help']} ({low} to {high})"
        group.add_argument(
            f"--{option.name.replace('_', '-')}", type=kind, default=shown, help=text, metavar=option.name.upper()
        )
    parser.set_defaults(command=_summarize)


def _add_models(commands: Any) -> None:
    models = commands.add_parser("models", help="list, pull or verify models").add_subparsers(required=True, metavar="")
    models.add_parser("list", help="what the catalog has").set_defaults(command=_list_models)
    pull = models.add_parser("pull", help="fetch a model into models/")
    pull.add_argument("name")
    pull.set_defaults(command=_pull_model)
    verify = models.add_parser("verify", help="read a model's file and compare its sha256")
    verify.add_argument("name", help="a model's name or a .gguf file")
    verify.set_defaults(command=_verify_model)


def _add_corpora(commands: Any) -> None:
    corpora = commands.add_parser("corpora", help="list or pull books").add_subparsers(required=True, metavar="")
    corpora.add_parser("list", help="what the catalog has").set_defaults(command=_list_corpora)
    pull = corpora.add_parser("pull", help="fetch a book into corpora/")
    pull.add_argument("name")
    pull.set_defaults(command=_pull_corpus)


def _summarize(arguments: argparse.Namespace) -> int:
    from cpullm import report, spark
    from cpullm.summarize import execute, prepare, read

    given = {
        option.name: value for option in fields(Options) if (value := getattr(arguments, option.name, None)) is not None
    }
    options = Options.of(given)
    out = Path(arguments.out.replace("SOURCE", Path(arguments.source).stem))
    on_spark = arguments.master != IN_PROCESS
    if on_spark:
        spark.check_java()
        spark.local_cpus(arguments.master)
    show = not arguments.quiet
    chunks = read(arguments.source, limit=getattr(arguments, "limit", None), progress=show)
    report.check_folder(out)
    prepared = prepare(chunks, model=arguments.model, options=options, progress=show)
    if show:
        print(_plan_line(arguments, prepared), flush=True)
    session = spark.session(arguments.master) if on_spark else None
    try:
        result = execute(prepared, spark=session, progress=show)
    finally:
        if session is not None:
            session.stop()
    paths = result.write(out)
    if show:
        _print_summaries(result)
    print(_done_line(result, paths))
    return 1 if all(summary.error is not None for summary in result.summaries) else 0


def _plan_line(arguments: argparse.Namespace, prepared: Any) -> str:
    model = prepared.model.entry.name if prepared.model.entry else prepared.model.path.name
    longest = max(chunk.words for chunk in prepared.chunks)
    left_out = ", ".join(f"{chunk.title or chunk.kind} ({chunk.words} words)" for chunk in prepared.left_out)
    return (
        f"{arguments.source}: {_count(len(prepared.chunks), 'chapter')}, the longest of {longest} words; "
        f"{prepared.text_tokens} tokens in {_count(prepared.n_windows, 'window')}\n"
        + (f"left out as front or back matter: {left_out}\n" if left_out else "")
        + f"model {model} ({prepared.model.path.stat().st_size / 1e6:.0f} MB), on {arguments.master}"
    )


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
    count = "1 summary" if len(result.summaries) == 1 else f"{len(result.summaries)} summaries"
    return f"{count}, {tokens} tokens in {run['seconds']:.0f} s{noted}\n" + "\n".join(map(str, paths))


def _split(arguments: argparse.Namespace) -> int:
    from cpullm import catalog, readers, splitters

    chunks = splitters.split(readers.read(catalog.resolve_corpus(arguments.source)))
    if arguments.json:
        for chunk in chunks:
            print(json.dumps(_unit(chunk), ensure_ascii=False))
        return 0
    body = [chunk for chunk in chunks if chunk.kind == "body"]
    width = min(48, max((len(_name(chunk)) for chunk in body), default=7))
    print(f"{'chapter':{width}}  words  first words")
    for chunk in body:
        print(f"{_name(chunk)[:width]:{width}} {chunk.words:6}  {' '.join(chunk.text.split()[:8])}")
    parts = len({chunk.levels for chunk in body if chunk.levels})
    words = [chunk.words for chunk in body]
    inside = f" in {_count(parts, 'part')}" if parts else ""
    print(f"\n{_count(len(body), 'chapter')}{inside}, {sum(words)} words, the longest {max(words, default=0)}")
    return 0


def _unit(chunk: Any) -> dict[str, Any]:
    return {
        "id": f"{chunk.document_id}/{chunk.index}",
        "levels": list(chunk.levels),
        "title": chunk.title,
        "kind": chunk.kind,
        "line": chunk.line,
        "start": chunk.start,
        "end": chunk.end,
        "words": chunk.words,
    }


def _name(chunk: Any) -> str:
    return " · ".join((*chunk.levels, chunk.title)) or "(whole text)"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


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


if __name__ == "__main__":
    sys.exit(main())
