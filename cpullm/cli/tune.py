"""`cpullm tune`: find the fast way to compute for a model on this CPU, and show what is stored."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields
from typing import Any

from cpullm.cli import arguments as shared
from cpullm.job import Setting
from cpullm.options import Tuning

_CHANGE_WIDTH = 25


def add(commands: Any) -> None:
    """Add the command to the parser."""
    from cpullm.installed import default_model

    parser = commands.add_parser(
        "tune",
        help="find the fast setting for a model on this machine; it is used from then on",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", nargs="?", default=default_model(), help="a model's name or a .gguf file")
    shared.add_options(parser, Tuning)
    parser.add_argument(
        "--shared", action="store_true", help="for a machine that others use too: what is fastest beside busy processes"
    )
    parser.add_argument("--no-sibling", action="store_true", help="do not write the weights in another format")
    parser.add_argument("--show", action="store_true", help="only show what is stored for the model on this CPU")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.set_defaults(command=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    from cpullm import tune

    options = Tuning(**shared.given(arguments, Tuning))
    if arguments.show:
        return _show(arguments)
    told = _Rows().print if not arguments.json else lambda trial, n_busy: None
    tuned = tune.tune(arguments.model, options, shared=arguments.shared, sibling=not arguments.no_sibling, told=told)
    print(json.dumps(_record(tuned), indent=1) if arguments.json else f"\n{_choice(tuned)}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from cpullm import catalog, tune

    tuned = tune.stored(catalog.resolve_model(arguments.model, fetch=False).sha256)
    if tuned is None:
        told = f"nothing is stored for {arguments.model} on this CPU: run `cpullm tune {arguments.model}`"
        if arguments.json:
            print("{}")
        print(told, file=sys.stderr if arguments.json else sys.stdout)
        return 1
    if arguments.json:
        print(json.dumps(_record(tuned), indent=1))
        return 0
    rows = _Rows()
    for trial in tuned.trials:
        rows.print(trial, 0)
    for trial in tuned.neighbours:
        rows.print(trial, tuned.n_busy)
    print(f"\n{_choice(tuned)}")
    return 0


class _Rows:
    """The table of trials, printed as they come."""

    def __init__(self) -> None:
        self._n_busy: int | None = None

    def print(self, trial: Any, n_busy: int) -> None:
        """One row; a heading before the first of its kind."""
        if n_busy != self._n_busy:
            self._n_busy = n_busy
            beside = f"beside {shared.count(n_busy, 'busy process')[:-1]}es" if n_busy > 1 else "beside a busy process"
            print(f"{'' if not n_busy else chr(10)}{beside if n_busy else 'quiet':{_CHANGE_WIDTH}} ", end="")
            print(f"{'prefill t/s':>11} {'decode t/s':>10} {'s/request':>9} {'times faster':>12}")
        print(f"{trial.change:{_CHANGE_WIDTH}} {_figures(trial)}  {trial.verdict}", flush=True)


def _figures(trial: Any) -> str:
    if trial.seconds is None:
        return " " * 45
    rates = f"{trial.prefill_tokens_per_second:11.1f} {trial.decode_tokens_per_second:10.1f}"
    return f"{rates} {trial.seconds:9.2f} {trial.times_faster:12.2f}"


def _choice(tuned: Any) -> str:
    from cpullm.tune import store

    changes = [
        f"{option.name} {_value(getattr(tuned.setting, option.name))}"
        for option in fields(Setting)
        if getattr(tuned.setting, option.name) != getattr(Setting(), option.name)
    ]
    weights = f"{tuned.format} weights in {tuned.model}" if tuned.model else f"{tuned.format} weights as they are"
    where = "beside busy processes" if tuned.shared else "on a quiet machine"
    lines = [
        f"chosen: {weights}; {', '.join(changes) or 'the default setting'}",
        f"{tuned.prefill_tokens_per_second:.0f} tokens/s prefill, {tuned.decode_tokens_per_second:.0f} decode {where}, "
        f"on prompts of {tuned.prompt_tokens} tokens",
        f"stored in {store.path()} for {tuned.cpu}",
    ]
    return "\n".join(lines)


def _value(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _record(tuned: Any) -> dict[str, Any]:
    return asdict(tuned) | {"model": str(tuned.model) if tuned.model else None}
