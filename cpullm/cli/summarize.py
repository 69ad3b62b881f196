"""`cpullm summarize`: from a source to summaries, or other tasks' answers, on the terminal and in a folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from cpullm import tree
from cpullm.cli import arguments as shared
from cpullm.cli import outcome
from cpullm.cli.arguments import count
from cpullm.cli.session import Session
from cpullm.options import STRATEGIES, Options

SHOWN_UNITS = 4
ANSWERS = "OUT/answers"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "summarize",
        help="summarize a book chapter by chapter, a folder of files, or a table row by row",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_flags(parser)
    outcome.add_flags(parser)
    parser.set_defaults(command=_summarize)


def add_flags(
    parser: argparse.ArgumentParser,
    out: str = "summaries/SOURCE",
    files: str = "summaries.parquet, .md and run.json",
) -> None:
    """What a job is: its source, its tasks, its model and all options; by default its `files` go to `out`."""
    from cpullm.installed import default_model, default_source

    parser.add_argument("source", nargs="?", default=default_source(), help=shared.SOURCE)
    parser.add_argument(
        "--task",
        dest="tasks",
        action="append",
        metavar="TASK",
        default=argparse.SUPPRESS,
        help=f"what is asked about each unit: {_tasks_help()}, or the path of an .ini file; may be given several "
        "times, or several with commas (default: summarize)",
    )
    parser.add_argument(
        "--model", default=default_model(), help="a model's name (see `cpullm models list`) or a .gguf file"
    )
    parser.add_argument(
        "--prompt",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="your own wording for summaries: a text with {text} in it, or an .ini file with ask, merge and update "
        "(default: the one for the model's size)",
    )
    parser.add_argument("--limit", type=int, default=argparse.SUPPRESS, help="take the first N units only")
    parser.add_argument(
        "--master",
        default=argparse.SUPPRESS,
        help=f"local[*], local[N], spark://HOST:PORT, yarn, k8s://URL, or {shared.IN_PROCESS} for no Spark at all "
        f"(default: the one that spark-submit was given, or {shared.LOCAL_MASTER})",
    )
    parser.add_argument("--out", default=out, help=f"folder for {files}")
    parser.add_argument(
        "--answers",
        default=ANSWERS,
        help="folder or URI (hdfs://…, s3://…) where answers are kept as they come, so that a run that was stopped "
        "goes on from there; on a cluster one that all nodes see",
    )
    parser.add_argument("--fresh", action="store_true", help="forget the answers that are kept there, and start anew")
    parser.add_argument(
        "--model-at",
        default=argparse.SUPPRESS,
        metavar="PATH_OR_URI",
        help="where executors find the model themselves: a path of every host, or hdfs://… or s3://… (default: Spark "
        "brings it)",
    )
    parser.add_argument("--quiet", action="store_true", help="no plan, no progress bar, no summaries on the terminal")
    shared.add_splitting(parser)
    shared.add_hygiene(parser)
    shared.add_options(parser.add_argument_group("options of the model and the engine"), Options)


def _tasks_help() -> str:
    from cpullm import tasks

    return ", ".join(f"{name} ({tasks.find(name).about})" for name in tasks.NAMES)


def _summarize(arguments: argparse.Namespace) -> int:
    with outcome.aside(arguments.json):
        result, paths = _written(arguments)
    if arguments.json:
        outcome.print_json(result.run, paths)
    errors = sum(summary.error is not None for summary in result.summaries)
    return outcome.code(arguments, errors, len(result.summaries))


def _written(arguments: argparse.Namespace) -> tuple[Any, list[Path]]:
    """What came of it, written and shown."""
    from cpullm import report
    from cpullm.summarize import execute, kept_answers

    out = out_folder(arguments)
    show = not arguments.quiet
    arguments.master = shared.master(arguments)
    with ExitStack() as stack:
        session = Session(arguments.master, stack)
        prepared, dropped = planned(arguments, session, lambda: report.check_folder(out))
        store = kept_answers(kept_in(arguments))
        if show:
            print(plan_lines(arguments, prepared, dropped), flush=True)
        model_at = getattr(arguments, "model_at", None)
        with outcome.going_on():
            result = execute(
                prepared, spark=session.started(), store=store, fresh=arguments.fresh, model_at=model_at, progress=show
            )
        result.run["limit"] = getattr(arguments, "limit", None)
        result = replace(result, dropped=dropped)
    paths = result.write(out)
    if show:
        _print_summaries(result)
        print(*_executor_lines(result.run["executors"]), sep="\n", end="")
    print(_done_line(result, paths))
    return result, paths


def task_names(arguments: argparse.Namespace) -> list[str]:
    """The tasks asked for, by name or path."""
    return [name.strip() for name in ",".join(getattr(arguments, "tasks", ["summarize"])).split(",")]


def out_folder(arguments: argparse.Namespace) -> Path:
    """The folder asked for, with the source's name in it."""
    return Path(arguments.out.replace("SOURCE", Path(arguments.source).stem))


def kept_in(arguments: argparse.Namespace) -> str:
    """Where answers are kept."""
    return str(out_folder(arguments) / "answers") if arguments.answers == ANSWERS else str(arguments.answers)


def planned(
    arguments: argparse.Namespace, session: Session, check: Callable[[], None] | None = None
) -> tuple[Any, Any]:
    """The job, read and cut, and the report of what hygiene dropped; `check` comes before the model is fetched."""
    from cpullm import corpus
    from cpullm.preparing import prepare
    from cpullm.tasks import chosen

    asked, prompt = task_names(arguments), getattr(arguments, "prompt", None)
    chosen(asked, prompt=prompt)
    options, splitting = Options.of(shared.given(arguments, Options)), shared.splitting(arguments)
    hygiene = shared.hygiene(arguments)
    show, limit = not arguments.quiet, getattr(arguments, "limit", None)
    corpus.check_limit(limit)
    texts = corpus.read(arguments.source, **shared.columns(arguments), progress=show)
    dropped = None
    if hygiene is not None:
        texts, dropped = texts.cleaned(session.started(), hygiene)
    chunks = texts.chunks(splitting, limit, show)
    if check:
        check()
    prepared = prepare(chunks, tasks=asked, prompt=prompt, model=arguments.model, options=options, progress=show)
    return prepared, dropped


def plan_lines(arguments: argparse.Namespace, prepared: Any, dropped: Any) -> str:
    """What is going to be done, in a few lines."""
    model = prepared.setup.model.entry.name if prepared.setup.model.entry else prepared.setup.model.path.name
    longest = max(chunk.words for chunk in prepared.chunks)
    left_out = shared.matter(prepared.left_out)
    return (
        f"{arguments.source}: {count(len(prepared.chunks), 'unit')}, the longest of {longest} words; "
        f"{prepared.text_tokens} tokens in {count(prepared.n_windows, 'window')}\n"
        + _dropped(dropped)
        + (f"left out as front or back matter: {left_out}\n" if left_out else "")
        + _tasks_line(prepared)
        + f"model {model} ({prepared.setup.model.path.stat().st_size / 1e6:.0f} MB), on {arguments.master}; "
        + (_tuning(prepared) if prepared.setup.job.needs_engine else "it is not asked")
        + _strategy_line(prepared)
    )


def _strategy_line(prepared: Any) -> str:
    """How summaries come about, if that is not by the model's own words alone."""
    if any(prepared.setup.job.way(asked.task.name).extracts for asked in prepared.setup.tasks):
        return f"\nstrategy {prepared.setup.strategy}: summaries are made of the text's own sentences"
    return f"\nstrategy {prepared.setup.strategy}" if prepared.setup.strategy != STRATEGIES[0] else ""


def _tuning(prepared: Any) -> str:
    if not prepared.setup.options.tuned:
        return "the default setting"
    return (
        f"as tuned on {prepared.setup.tuned_on}"
        if prepared.setup.tuned_on
        else "not tuned for this CPU yet: `cpullm tune`"
    )


def _dropped(report: Any) -> str:
    if report is None:
        return ""
    from cpullm import corpus

    return f"dropped by hygiene: {corpus.reasons(report) or 'nothing'}\n"


def _tasks_line(prepared: Any) -> str:
    names = ", ".join(asked.task.name for asked in prepared.setup.tasks)
    if names == "summarize":
        return ""
    apart = "" if prepared.setup.shares_texts else "; their wordings begin differently, so each reads the texts anew"
    return f"{'task' if len(prepared.setup.tasks) == 1 else 'tasks'} {names}{apart}\n"


def _print_summaries(result: Any) -> None:
    """The first units, from the top: a book's summary, its first part's, its first chapters'."""
    n_tasks = len(result.run["tasks"])
    units = groupby(result.summaries, key=lambda row: row.unit)
    for _, rows in islice(units, SHOWN_UNITS):
        for i, summary in enumerate(rows):
            if i == 0:
                title = summary.title or (summary.document_id if summary.level == tree.BOOK else "")
                print(f"\n{' · '.join((*summary.levels, title))}")
            label = f"{summary.task}: " if n_tasks > 1 else ""
            print(f"{label}{summary.summary or f'[{summary.error}]'}")
            if summary.sentences:
                print(f"({'; '.join([summary.method, *summary.reasons])})")
    print()


def _executor_lines(executors: list[dict[str, Any]]) -> list[str]:
    """What each executor did, if there was more than one or a group was retried; the slowest group of all is marked."""
    if len(executors) < 2 and not any(one["retried"] for one in executors):
        return []
    slowest = max(one["slowest_group_seconds"] for one in executors)
    mixed = len({one["cpu_variant"] for one in executors} - {None}) > 1
    head = f"{'executor':30} {'groups':>6} {'tokens/s':>8} {'slowest':>9} {'loads':>5} {'retried':>7} {'errors':>6}"
    rows = [
        f"{one['executor']:30} {one['groups']:>6} {one['tokens'] / max(one['seconds'], 0.001):>8.0f} "
        f"{one['slowest_group_seconds']:>7.1f} s {one['loads']:>5} {one['retried']:>7} {one['errors']:>6}"
        + (f"  {one['cpu_variant']}" if mixed else "")
        + (" <- the slowest group" if one["slowest_group_seconds"] == slowest else "")
        for one in executors
    ]
    return [head, *rows, ""]


def _done_line(result: Any, paths: list[Path]) -> str:
    run = result.run
    tokens = run["prompt_tokens"] + run["completion_tokens"]
    n_asked, n_kept = (sum(level[key] for level in run["levels"]) for key in ("requests", "kept"))
    methods = ", ".join(f"{n} {method}" for method, n in sorted(run["methods"].items()))
    notes = [
        methods if any(summary.sentences for summary in result.summaries) else "",
        f"{n_kept} of {count(n_asked, 'answer')} were there from an earlier run" if n_kept else "",
        f"{run['cut_at_max_tokens']} cut at max_tokens" if run["cut_at_max_tokens"] else "",
        f"{run['looped']} ended in a loop" if run["looped"] else "",
        f"{len(run['errors'])} with errors, first: {run['errors'][0]['error']}" if run["errors"] else "",
    ]
    noted = "".join(f"; {note}" for note in notes if note)
    noun = "summary" if [task["name"] for task in run["tasks"]] == ["summarize"] else "answer"
    what = f", {tokens} tokens" if tokens else ""
    done = f"{count(len(result.summaries), noun)}{what} in {run['seconds']:.0f} s{noted}"
    return "\n".join([done, *map(str, paths)])
