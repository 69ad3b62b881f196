"""The results as one picture: who answers how many requests a minute, and how cost grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]
_OURS, _OTHERS = "#1f6f8b", "#b8b8b8"


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
        panels += [
            _bars(parts["compare"][kind], title)
            for kind, title in (("equal_prompts", "equal prompts"), ("whole_chapters", "whole chapters"))
        ]
    panels += [_curve(name, points) for name, points in parts.get("growth", {}).get("curves", {}).items()]
    return panels


def _bars(told: Record, title: str) -> Callable[[Any], None]:
    def draw_bars(place: Any) -> None:
        names = list(told["contestants"])[::-1]
        values = [told["contestants"][name]["requests_per_minute"] for name in names]
        bars = place.barh(names, values, color=[_OURS if name == "cpullm" else _OTHERS for name in names])
        place.bar_label(bars, fmt="%.1f", padding=3)
        place.margins(x=0.12)
        place.spines[["top", "right"]].set_visible(False)
        place.set_title(f"{title}: requests a minute (median)", loc="left", fontsize=10)

    return draw_bars


def _curve(name: str, points: list[Record]) -> Callable[[Any], None]:
    def draw_curve(place: Any) -> None:
        values = [point["value"] for point in points]
        place.plot(values, [point["seconds"] for point in points], "o-", color=_OURS)
        place.set_xscale("log", base=2)
        place.set_yscale("log")
        place.set_xticks(values, [str(value) for value in values])
        place.xaxis.minorticks_off()
        place.yaxis.set_ticks([], minor=True)
        place.set_yticks([])  # every point has its value
        for value, point in zip(values, points, strict=True):
            place.annotate(f"{point['seconds']:.3g}", (value, point["seconds"]), (0, 6), textcoords="offset points")
        place.margins(y=0.2)
        place.grid(alpha=0.3)
        place.spines[["top", "right"]].set_visible(False)
        place.set_title(f"seconds by {name}", loc="left", fontsize=10)

    return draw_curve
