"""`cpullm dataset`: answers about documents as data for training, divided by document."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cpullm import tree
from cpullm.cli import arguments as shared
from cpullm.cli import outcome, summarize
from cpullm.cli.session import Session
from cpullm.options import Options, Training


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "dataset",
        help="make data for training: questions and answers about documents, divided into train and validation",
        description="Takes the flags of `cpullm summarize`. Exit code 1 says that no row is for training.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    files = "train and validation as .jsonl and .parquet, dropped.jsonl, report.md and report.json"
    summarize.add_flags(parser, "datasets/SOURCE", files)
    shared.add_options(parser.add_argument_group("which answers become rows, and how they are divided"), Training)
    outcome.add_flags(parser)
    parser.set_defaults(command=_dataset, levels=tree.CHAPTER)


def _dataset(arguments: argparse.Namespace) -> int:
    from cpullm.dataset.rows import IN_PART, NO_ANSWER

    with outcome.aside(arguments.json):
        made, paths = _written(arguments)
    if arguments.json:
        outcome.print_json(made.report, paths)
    if not made.train:
        return outcome.FAILED
    answers = made.report["answers"]
    errors = sum(answers["dropped"].get(reason, 0) for reason in (NO_ANSWER, IN_PART))
    return outcome.code(arguments, errors, answers["all"])


def _written(arguments: argparse.Namespace) -> tuple[Any, list[Path]]:
    """The dataset, and where it was written."""
    from cpullm.dataset.making import dataset
    from cpullm.report import check_folder

    out, show = summarize.out_folder(arguments), not arguments.quiet
    names = ("prompt", "limit", "model_at")
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    given |= shared.given(arguments, Options) | shared.columns(arguments)
    training, hygiene = Training(**shared.given(arguments, Training)), shared.hygiene(arguments)
    splitting = shared.splitting(arguments)
    Options.of(shared.given(arguments, Options))
    check_folder(out)
    with ExitStack() as stack:
        session = Session(shared.master(arguments), stack)
        with outcome.going_on():
            made = dataset(
                arguments.source,
                tasks=summarize.task_names(arguments),
                model=arguments.model,
                training=training,
                hygiene=hygiene,
                splitting=splitting,
                spark=session.started(),
                answers=summarize.kept_in(arguments),
                fresh=arguments.fresh,
                progress=show,
                **given,
            )
    paths = made.write(out)
    print("\n".join([*_lines(made.report), *map(str, paths)]))
    return made, paths


def _lines(report: dict[str, Any]) -> list[str]:
    documents, answers = report["documents"], report["answers"]
    dropped = ", ".join(f"{n} {reason}" for reason, n in documents["dropped"].items())
    left_out = ", ".join(f"{n} {reason}" for reason, n in answers["dropped"].items())
    return [
        f"{shared.count(documents['all'], 'document')}: {documents['train']} for training, {documents['validation']} "
        f"for validation" + (f"; dropped by hygiene: {dropped}" if dropped else ""),
        f"{shared.count(answers['all'], 'answer')}: {shared.count(answers['train'], 'row')} for training, "
        f"{answers['validation']} for validation" + (f"; left out: {left_out}" if left_out else ""),
        *(f"warning: {warning}" for warning in report["warnings"]),
    ]
