"""`cpullm eval`: how good summaries are, beside what people wrote and what takes no model."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from cpullm.cli import arguments as shared


def add(commands: Any) -> None:
    """Add the command to the parser."""
    from cpullm.installed import default_model

    parser = commands.add_parser(
        "eval",
        help="score summaries against what people wrote",
        description="Rows {id, document, references} are summarized and scored; of rows {document, summary, label} the "
        "support score is held against people's labels. See docs/evaluation.md.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl", help="one JSON object a line")
    parser.add_argument(
        "--system",
        dest="systems",
        action="append",
        metavar="NAME",
        help=f"what makes summaries: {_systems_help()}; may be given several times (default: the first five; with "
        "--outputs those that need no model)",
    )
    parser.add_argument(
        "--outputs", type=Path, metavar="FILE", help="other systems' summaries of the first file's documents, to be "
        "scored too: rows {document_id, system, summary}"
    )  # fmt: skip
    parser.add_argument(
        "--words", type=int, metavar="N", help="how long summaries are asked to be (default: the references' mean)"
    )
    parser.add_argument(
        "--average", action="store_true", help="the mean over a document's references, not the best of them"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="take the first N rows of each file only")
    parser.add_argument(
        "--model", default=default_model(), help="a model's name (see `cpullm models list`) or a .gguf file"
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FOLDER", help="where the model's answers are kept, so that a run that was "
        "stopped goes on from there"
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all figures, each document's too")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="draw the means with their intervals: .png or .svg")
    parser.add_argument("--texts", type=Path, metavar="FOLDER", help="write each system's summaries, to be read")
    parser.add_argument("--quiet", action="store_true", help="nothing but the tables")
    parser.set_defaults(command=_eval)


def _systems_help() -> str:
    from cpullm.evaluation.systems import NAMES

    return ", ".join(NAMES)


def _eval(arguments: argparse.Namespace) -> int:
    from cpullm.evaluation import chart, evaluating, table

    evaluations = _evaluations(arguments)
    for evaluation in evaluations:
        evaluation.check()
    _check_places(arguments)

    def told(step: str) -> None:
        if not arguments.quiet:
            print(f"eval: {step}", file=sys.stderr, flush=True)

    records, written = [], []
    failed = False
    for evaluation in evaluations:
        try:
            record, outputs = evaluating.evaluate(evaluation, told)
        except KeyboardInterrupt:
            if not arguments.answers:
                raise
            print(shared.STOPPED, file=sys.stderr)
            return 130
        failed |= any(len(output.errors) == record["documents"] for output in outputs.values())
        records.append(record)
        print("\n".join(table.lines(record)), end="\n\n", flush=True)
        if arguments.texts:
            written += _write_texts(arguments.texts / evaluation.path.stem, outputs)
        if arguments.json:
            _write(arguments.json, json.dumps({**evaluating.facts(), "files": records}, indent=1) + "\n")
    if arguments.chart:
        chart.draw(records, arguments.chart)
    written += [path for path in (arguments.json, arguments.chart) if path]
    print(*written, sep="\n", end="\n" if written else "")
    return 1 if failed else 0


def _evaluations(arguments: argparse.Namespace) -> list[Any]:
    from cpullm.corpus import check_limit
    from cpullm.evaluation import reading, systems
    from cpullm.evaluation.evaluating import Evaluation

    check_limit(arguments.limit)
    names = tuple(arguments.systems or (systems.BASELINES if arguments.outputs else systems.USUAL))
    setup = systems.Setup(arguments.model, arguments.answers, not arguments.quiet)
    made = [
        Evaluation(
            path,
            reading.read(path, arguments.limit),
            names,
            n_words=arguments.words,
            average=arguments.average,
            setup=setup,
        )
        for path in arguments.files
    ]
    if arguments.outputs:
        made[0] = _with_outputs(made[0], arguments.outputs)
    return made


def _with_outputs(evaluation: Any, path: Path) -> Any:
    from dataclasses import replace

    from cpullm.errors import OptionError
    from cpullm.evaluation import reading

    if not evaluation.cases:
        raise OptionError(f"--outputs {path} needs references, and {evaluation.path} has judgements: leave it out.")
    outputs, n_others = reading.outputs(path, [case.id for case in evaluation.cases])
    if n_others:
        print(f"eval: {n_others} rows of {path} are of other documents, and are not scored", file=sys.stderr)
    return replace(evaluation, outputs=outputs)


def _check_places(arguments: argparse.Namespace) -> None:
    """Refuse a place that cannot be written to before the work."""
    from cpullm.errors import OptionError
    from cpullm.evaluation import chart
    from cpullm.report import check_folder

    if arguments.chart:
        chart.check(arguments.chart)
    for flag, path in (("--json", arguments.json), ("--chart", arguments.chart)):
        if path and path.is_dir():
            raise OptionError(f"{flag} {path} is a folder; name a file.")
    stems = [path.stem for path in arguments.files]
    if (arguments.texts or arguments.answers) and len(set(stems)) < len(stems):
        twice = max(stems, key=stems.count)
        raise OptionError(f"two files are called {twice}, and --texts and --answers go by names; rename one.")
    for folder in (arguments.texts, *(path.parent for path in (arguments.json, arguments.chart) if path)):
        if folder:
            check_folder(folder)


def _write_texts(folder: Path, outputs: dict[str, Any]) -> list[Path]:
    from cpullm.report import check_folder

    check_folder(folder)
    paths = []
    for system, output in outputs.items():
        rows = [{"document_id": id, "system": system, "summary": text} for id, text in output.texts.items()]
        path = folder / f"{re.sub('[^A-Za-z0-9._-]', '_', system)}.jsonl"
        _write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        paths.append(path)
    return paths


def _write(path: Path, text: str) -> None:
    from cpullm.gguf import write_text

    write_text(path, text)
