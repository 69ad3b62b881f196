"""The part `compare`: the same weights, the same prompts, the same number of new tokens, everyone in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cpullm.bench import apart, files, peers, workload
from cpullm.bench.conditions import Conditions, in_turn, median, say
from cpullm.bench.contestants import OURS, RECIPE, Contestant, Variant, all_contestants
from cpullm.errors import CpullmError

SAME_FILE = f"{RECIPE}, tuned file"
_N_TRIALS = 2  # in turn
_NEAR = 1.1  # times the fastest one's seconds: tried again


@dataclass(frozen=True, slots=True)
class Form:
    """How much is measured: equal prompts, whole chapters, and repeats of each. Lengths are in tokens."""

    n_prompts: int
    prompt_tokens: int
    new_tokens: int
    n_chapters: int
    chapter_tokens: int
    n_repeats: int


FULL = Form(n_prompts=8, prompt_tokens=840, new_tokens=128, n_chapters=3, chapter_tokens=4000, n_repeats=3)
# Its chapters are beginnings of chapters: whole ones take too long.
QUICK = Form(n_prompts=2, prompt_tokens=48, new_tokens=6, n_chapters=2, chapter_tokens=96, n_repeats=1)


def measure(conditions: Conditions) -> dict[str, Any]:
    """Equal prompts for all, then whole chapters for this engine and the seed recipe. Returns the part's record."""
    book = workload.read(conditions.book)
    form = QUICK if conditions.quick else FULL
    prompts = workload.equal_prompts(conditions.model, book, form.n_prompts, form.prompt_tokens)
    chosen, missing = _choose(conditions, _formats(conditions), prompts, form.new_tokens)
    equal = _equal(chosen, prompts, form, conditions.until(0.7).ends_at)
    readers = _readers(conditions, form.n_chapters)
    chapters, on_chapters = _chapters(conditions, book, readers, form)
    ours = median(equal[OURS])
    ratios = {
        contestant.ratio: median(equal[name]) / ours for name, (contestant, _) in chosen.items() if contestant.ratio
    }
    seconds = {name: _with_loading(runs) for name, runs in on_chapters.items()}
    ratios["vs_seed_recipe"] = seconds[RECIPE] / seconds[OURS]
    ratios["vs_seed_recipe_same_file"] = seconds.get(SAME_FILE, seconds[RECIPE]) / seconds[OURS]
    return {
        "ratios": ratios,
        "reasons": missing,
        "book": book.name,
        "note": book.note,
        "equal_prompts": {
            "n_prompts": len(prompts), "prompt_tokens": form.prompt_tokens, "new_tokens": form.new_tokens,
            "contestants": _told(equal, {name: variant for name, (_, variant) in chosen.items()}, prompts),
        },
        "whole_chapters": {
            "n_prompts": len(chapters), "prompt_tokens": [len(chapter) for chapter in chapters],
            "new_tokens": form.new_tokens,
            "contestants": _told(on_chapters, {name: variant for name, (_, variant) in readers.items()}, chapters),
        },
    }  # fmt: skip


def _formats(conditions: Conditions) -> dict[str, Path]:
    """The files to choose from, by format."""
    if conditions.quick:
        return {"as it is": conditions.model}
    formats = files.formats(conditions.model)
    return formats if conditions.format is None else {conditions.format: formats[conditions.format]}


def _choose(
    conditions: Conditions, formats: dict[str, Path], prompts: list[list[int]], new_tokens: int
) -> tuple[dict[str, tuple[Contestant, Variant]], dict[str, str]]:
    """Each contestant with its fastest variant, and why the others cannot take part, by their ratios' names."""
    chosen: dict[str, tuple[Contestant, Variant]] = {}
    missing: dict[str, str] = {}
    for contestant in all_contestants():
        reason = contestant.missing()
        if reason is None:
            try:
                chosen[contestant.name] = contestant, _best(contestant, conditions, formats, prompts, new_tokens)
            except CpullmError as error:
                if contestant.name == OURS:
                    raise
                reason = f"cannot take part: {error}"
        if reason is not None:
            say(f"{contestant.name}: {reason}")
            missing[str(contestant.ratio)] = reason
    return chosen, missing


def _best(
    contestant: Contestant, conditions: Conditions, formats: dict[str, Path], prompts: list[list[int]], new_tokens: int
) -> Variant:
    """The fastest of short trials, first of the formats, then of the settings."""
    names = [name for name in contestant.formats if name in formats] or list(formats)
    if contestant.prepare is not None:
        apart.call(contestant.prepare, model=str(formats[names[0]]))
    settings = contestant.settings(conditions, len(prompts))
    if conditions.quick:
        return Variant(names[0], formats[names[0]], settings[0])
    short = [prompt[: len(prompt) // 3] for prompt in prompts]
    try_out = partial(_try_out, contestant, prompts=short, new_tokens=new_tokens // 3)
    best = try_out([Variant(name, formats[name], settings[0]) for name in names])
    return try_out([best, *(Variant(best.format, best.model, setting) for setting in settings[1:])])


def _try_out(contestant: Contestant, variants: Sequence[Variant], *, prompts: Any, new_tokens: int) -> Variant:
    """The fastest in short runs. Those near the fastest run again, because machines waver; their better run counts."""
    if len(variants) == 1:
        return variants[0]
    best = [float("inf")] * len(variants)
    for _ in range(_N_TRIALS):
        limit = _NEAR * min(best)
        for i in [i for i, seconds in enumerate(best) if seconds <= limit]:
            best[i] = min(best[i], _run(contestant, variants[i], prompts, new_tokens)["seconds"])
    for variant, seconds in zip(variants, best, strict=True):
        say(f"trial of {contestant.name}, {variant.label}: {seconds:.2f} s")
    return variants[best.index(min(best))]


def _run(contestant: Contestant, variant: Variant, prompts: list[list[int]], new_tokens: int) -> dict[str, Any]:
    return apart.call(
        contestant.answer, model=str(variant.model), prompts=prompts, new_tokens=new_tokens, setting=variant.setting
    )


def _equal(
    chosen: dict[str, tuple[Contestant, Variant]], prompts: list[list[int]], form: Form, ends_at: float
) -> dict[str, list[dict[str, Any]]]:
    """Everyone's runs in turn. Prefill of one who does not tell it is what one new token takes; the rest is decode."""
    some = {name: partial(_run, contestant, variant, prompts) for name, (contestant, variant) in chosen.items()}
    runs = in_turn({name: partial(run, form.new_tokens) for name, run in some.items()}, form.n_repeats, ends_at)
    untold = [name for name, given in runs.items() if "prefill_seconds" not in given[0]]
    firsts = in_turn({f"{name}, prefill": partial(some[name], 1) for name in untold}, 2, ends_at)
    for name in untold:
        prefill_seconds = median(firsts[f"{name}, prefill"])
        for run in runs[name]:
            run |= {"prefill_seconds": prefill_seconds, "decode_seconds": run["seconds"] - prefill_seconds}
    return runs


def _readers(conditions: Conditions, n_chapters: int) -> dict[str, tuple[Contestant, Variant]]:
    """Who reads whole chapters: this engine as it is tuned here, and the seed recipe with the model as it is.

    If this engine takes another file for the model, then also the recipe with that one.
    """
    recipe = Contestant(RECIPE, None, peers.recipe, lambda: None, lambda *_: [{}])
    setting = asdict(conditions.setting(n_seq_max=n_chapters))
    own = conditions.engine_model != conditions.model
    readers = {
        OURS: (all_contestants()[0], Variant("tuned" if own else "as it is", conditions.engine_model, setting)),
        RECIPE: (recipe, Variant("as it is", conditions.model, {})),
    }
    return readers | ({SAME_FILE: (recipe, Variant("tuned", conditions.engine_model, {}))} if own else {})


def _chapters(
    conditions: Conditions, book: workload.Book, readers: dict[str, tuple[Contestant, Variant]], form: Form
) -> tuple[list[list[int]], dict[str, list[dict[str, Any]]]]:
    """Whole chapters, each computed as one prompt, and everyone's runs in turn."""
    cut = workload.equal_prompts if conditions.quick else workload.whole_chapters
    chapters = cut(conditions.model, book, form.n_chapters, form.chapter_tokens)
    runs = {
        name: partial(_run, contestant, variant, chapters, form.new_tokens)
        for name, (contestant, variant) in readers.items()
    }
    return chapters, in_turn(runs, form.n_repeats, conditions.ends_at)


def _with_loading(runs: list[dict[str, Any]]) -> float:
    return median([{"seconds": run["seconds"] + run["load_seconds"]} for run in runs])


def _told(
    runs: dict[str, list[dict[str, Any]]], variants: dict[str, Variant], prompts: list[list[int]]
) -> dict[str, Any]:
    """Every contestant's raw figures, without the answers themselves, and rates from the medians."""
    first = {name: [tokens[0] for tokens in given[0]["answers"]] for name, given in runs.items()}
    return {
        name: {
            "variant": variants[name].label,
            "setting": asdict(variants[name])["setting"],
            "runs": [{key: value for key, value in run.items() if key != "answers"} for run in given],
            **_rates(given, prompts),
            "same_first_token": sum(one == other for one, other in zip(first[OURS], first[name], strict=True)),
        }
        for name, given in runs.items()
    }


def _rates(runs: list[dict[str, Any]], prompts: list[list[int]]) -> dict[str, Any]:
    """Medians over the runs. A prompt's first new token comes with its prefill."""
    seconds = median(runs)
    rates: dict[str, Any] = {
        "seconds": seconds,
        "requests_per_minute": 60 * len(prompts) / seconds,
        "peak_bytes": max(run["peak_bytes"] for run in runs),
        "prefill_tokens_per_second": None,
        "decode_tokens_per_second": None,
    }
    if all("decode_seconds" in run for run in runs):
        n_new = sum(len(tokens) - 1 for tokens in runs[0]["answers"])
        rates["prefill_tokens_per_second"] = sum(map(len, prompts)) / median(runs, "prefill_seconds")
        rates["decode_tokens_per_second"] = n_new / median(runs, "decode_seconds")
    return rates
