"""The results for people: a part's record as lines for the terminal, and everything as one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
_DASH = "-"


def lines(name: str, told: Record) -> Iterator[str]:
    """The table of one part."""
    yield from _TABLES[name](told)


def ratios(results: Record, names: Iterable[str]) -> Iterator[str]:
    """Ratios by name, or why there is none."""
    for name in names:
        value = results[name]
        yield f"{name:24} {value:6.3f}" if value is not None else f"{name:24} {_DASH:>6}  {results['reasons'][name]}"


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows under each other, the first column to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join([f"{first:{widths[0]}}", *cells]).rstrip()


def _split(told: Record) -> Iterator[str]:
    yield f"{told['book']}, then copies of it end to end"
    yield f"{'MB':>7} {'units':>7} {'read s':>7} {'split s':>8} {'MB/s':>6}"
    for one in told["timings"]:
        size, seconds = one["n_bytes"] / 1e6, one["read_seconds"] + one["split_seconds"]
        figures = f"{one['read_seconds']:7.2f} {one['split_seconds']:8.2f} {size / seconds:6.1f}"
        yield f"{size:7.1f} {one['units']:7} {figures}"


def _compare(told: Record) -> Iterator[str]:
    if told["note"]:
        yield told["note"]
    equal, chapters = told["equal_prompts"], told["whole_chapters"]
    yield f"{equal['n_prompts']} prompts of {equal['prompt_tokens']} tokens, {equal['new_tokens']} new each; medians"
    yield from _contestants(equal)
    tokens = ", ".join(map(str, chapters["prompt_tokens"]))
    yield f"{chapters['n_prompts']} whole chapters of {tokens} tokens, {chapters['new_tokens']} new each; medians"
    yield from _contestants(chapters)


def _contestants(told: Record) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("", "seconds", "repeats", "a minute", "prefill t/s", "decode t/s", "load s", "peak MB", "its fastest variant")
    ]
    for name, one in told["contestants"].items():
        seconds = [run["seconds"] for run in one["runs"]]
        rows.append((
            name, f"{one['seconds']:.2f}", f"{min(seconds):.2f}-{max(seconds):.2f}",
            f"{one['requests_per_minute']:.1f}",
            _rate(one["prefill_tokens_per_second"]), _rate(one["decode_tokens_per_second"]),
            f"{one['runs'][0]['load_seconds']:.1f}", f"{one['peak_bytes'] / 1e6:.0f}", one["variant"],
        ))  # fmt: skip
    yield from aligned(rows)


def _rate(value: float | None) -> str:
    return _DASH if value is None else f"{value:.0f}"


def _tasks(told: Record) -> Iterator[str]:
    yield f"{told['documents']} documents of {told['prompt_tokens']} tokens, {len(told['tasks'])} tasks each"
    yield from _runs(told["runs"])
    yield f"the same answers: {told['same_answers']} of {told['answers']}"


def _columns(told: Record) -> Iterator[str]:
    yield f"a table of {told['documents']} texts of {told['prompt_tokens']} tokens: {', '.join(told['tasks'])}"
    yield from _runs(told["runs"])


def _spark(told: Record) -> Iterator[str]:
    start = f"the session itself starts in {told['session_seconds']:.1f} s"
    yield f"{told['requests']} requests in {told['groups']} groups; {start}"
    yield from _runs(told["runs"])


def _runs(runs: dict[str, list[Record]]) -> Iterator[str]:
    for name, given in runs.items():
        yield f"{name:12} " + "  ".join(f"{run['seconds']:8.2f}" for run in given) + " s"


def _plan(told: Record) -> Iterator[str]:
    groups = told["groups"]
    yield f"seconds of groups, measured over predicted: {told['within_15_percent']} of {len(groups)} within 15 %"
    rows: list[tuple[str, ...]] = [("requests", "tokens in", "new each", "predicted", "measured", "ratio")]
    for one in groups:
        figures = (f"{one['predicted']:.2f}", f"{one['measured']:.2f}", f"{one['measured'] / one['predicted']:.2f}")
        rows.append((str(one["requests"]), str(one["prompt_tokens"]), str(one["new_tokens"]), *figures))
    yield from aligned(rows)
    rows = [("simulated", "executors", "requests", "groups", "seconds", "the least", "ratio")]
    for one in told["schedules"]:
        counts = (str(one["executors"]), str(one["requests"]), str(one["groups"]))
        rows.append(
            (one["what"], *counts, f"{one['seconds']:.1f}", f"{one['least_seconds']:.1f}", f"{one['ratio']:.3f}")
        )
    yield from aligned(rows)


def _machine(told: Record) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("", "prefill t/s", "GFLOP/s", "of fp32 product", "decode t/s", "GB/s", "of memory reads", "peak MB")
    ]
    for name, one in told["models"].items():
        rows.append((
            name,
            f"{one['prefill_tokens_per_second']:.1f}",
            f"{one['prefill_flops_per_second'] / 1e9:.0f}",
            f"{one['gemm_fraction']:.2f} of {one['gemm_flops_per_second'] / 1e9:.0f}",
            f"{one['decode_tokens_per_second']:.1f}",
            f"{one['decode_bytes_per_second'] / 1e9:.1f}",
            f"{one['bandwidth_fraction']:.2f} of {one['memory_bytes_per_second'] / 1e9:.1f}",
            f"{one['peak_bytes'] / 1e6:.0f}",
        ))  # fmt: skip
    yield from aligned(rows)
    for blas in {one["blas"] for one in told["models"].values()}:
        yield f"fp32 products by {blas}"


def _growth(told: Record) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "", "requests", "tokens in", "new", "seconds", "prefill t/s", "decode t/s")]
    for name, points in told["curves"].items():
        for point in points:
            counts = (str(point["requests"]), str(point["prompt_tokens"]), str(point["new_tokens"]))
            figures = (f"{point['seconds']:.2f}", _rate(point["prefill_tokens_per_second"]))
            rows.append((name, str(point["value"]), *counts, *figures, _rate(point["decode_tokens_per_second"])))
    yield from aligned(rows)
    if told["left_out_for_time"]:
        yield f"left out for time: {', '.join(told['left_out_for_time'])}"


def _variants(told: Record) -> Iterator[str]:
    if not told["variants"]:
        return
    yield f"{told['n_requests']} prompts of {told['prompt_tokens']} tokens, {told['new_tokens']} new each; medians"
    rows: list[tuple[str, ...]] = [("", "seconds", "prefill t/s", "decode t/s", "perplexity")]
    for name, one in told["variants"].items():
        rates = (f"{one[f'{kind}_tokens_per_second']:.1f}" for kind in ("prefill", "decode"))
        rows.append((name, f"{one['seconds']:.2f}", *rates, f"{one['perplexity']:.3f}"))
    yield from aligned(rows)


_TABLES: dict[str, Callable[[Record], Iterator[str]]] = {
    "split": _split,
    "compare": _compare,
    "tasks": _tasks,
    "columns": _columns,
    "spark": _spark,
    "plan": _plan,
    "machine": _machine,
    "growth": _growth,
    "variants": _variants,
}


_OURS, _OTHERS = "#1f6f8b", "#b8b8b8"
_WIDE = 5.0  # times the least: more is drawn on a logarithmic axis


def draw(results: Record, path: Path) -> bool:
    """Write the chart as PNG; False if there is nothing to draw or matplotlib is not installed."""
    panels = _panels(results["parts"])
    if not panels:
        return False
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    n_rows = -(-len(panels) // 2)
    figure, axes = pyplot.subplots(n_rows, 2, figsize=(13, 3.2 * n_rows), squeeze=False, layout="constrained")
    for panel, place in zip(panels, axes.flat, strict=False):
        panel(place)
    for place in axes.flat[len(panels) :]:
        place.axis("off")
    figure.suptitle(f"{results['machine']['cpu']}, {results['machine']['cores']} cores, {results['machine']['model']}")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True


def _panels(parts: Record) -> list[Callable[[Any], None]]:
    panels: list[Callable[[Any], None]] = []
    if "compare" in parts:
        equal, chapters = parts["compare"]["equal_prompts"], parts["compare"]["whole_chapters"]
        shape = f"{equal['n_prompts']} prompts, {equal['prompt_tokens']} tokens in and {equal['new_tokens']} out each"
        panels.append(_bars(equal, f"Requests a minute: {shape}"))
        panels.append(_bars(chapters, f"Whole chapters a minute, {chapters['new_tokens']} tokens out each"))
    panels += [_curve(name, points) for name, points in parts.get("growth", {}).get("curves", {}).items()]
    return panels


def _bars(told: Record, title: str) -> Callable[[Any], None]:
    def draw_bars(place: Any) -> None:
        names = list(told["contestants"])[::-1]
        values = [told["contestants"][name]["requests_per_minute"] for name in names]
        colours = [_OURS if name == "cpullm" else _OTHERS for name in names]
        bars = place.barh(names, values, height=0.14 * (1 + len(names)), color=colours)
        place.bar_label(bars, fmt="%.1f", padding=4)
        place.set_xticks([])  # every bar has its value
        place.margins(x=0.12, y=0.15)
        place.spines[["top", "right", "bottom"]].set_visible(False)
        place.set_title(title, loc="left", fontsize=11)

    return draw_bars


def _curve(name: str, points: list[Record]) -> Callable[[Any], None]:
    """Seconds over a curve's values; from 0 up unless they grow so much that only a logarithm shows them."""

    def draw_curve(place: Any) -> None:
        values, seconds = [point["value"] for point in points], [point["seconds"] for point in points]
        wide = max(seconds) > _WIDE * min(seconds)
        place.plot(values, seconds, "o-", color=_OURS)
        place.set_xscale("log", base=2)
        place.set_xticks(values, [f"{value:,}" for value in values])
        place.xaxis.minorticks_off()
        place.margins(x=0.08, y=0.25)
        if wide:
            place.set_yscale("log")
            place.yaxis.set_ticks([], minor=True)
        else:
            place.set_ylim(0, 1.25 * max(seconds))
        place.set_yticks([])  # every point has its value
        for point in zip(values, seconds, strict=True):
            place.annotate(f"{point[1]:.3g} s", point, (0, 8), textcoords="offset points", ha="center")
        place.grid(axis="x", alpha=0.3)
        place.spines[["top", "right"]].set_visible(False)
        place.set_title(f"Seconds by {name}{' (logarithmic)' if wide else ''}", loc="left", fontsize=11)

    return draw_curve
