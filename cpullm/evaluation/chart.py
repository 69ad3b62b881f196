"""The results as one picture: each system's mean with its interval, a row of panels for each file."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cpullm.errors import MachineError, OptionError
from cpullm.evaluation import labelled, marked
from cpullm.evaluation.evaluating import JUDGEMENTS
from cpullm.evaluation.judging import SUPPORT
from cpullm.evaluation.scoring import COMPARED
from cpullm.evaluation.table import LABELS

_OURS, _OTHERS = "#1f6f8b", "#8a8a8a"
_FORMATS = (".png", ".svg")


def check(path: Path) -> None:
    """Raise CpullmError if no chart can be drawn there."""
    if path.suffix.lower() not in _FORMATS:
        raise OptionError(f"--chart {path}: a chart is a .png or an .svg; name one.")
    if importlib.util.find_spec("matplotlib") is None:
        raise MachineError("A chart needs the package matplotlib; install it: pip install 'cpullm[eval]'.")


def draw(files: list[dict[str, Any]], path: Path) -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [list(_panels(told)) for told in files]
    heights = [0.9 + 0.32 * len(panels[0][1]) for panels in rows]
    figure, axes = pyplot.subplots(
        len(rows), len(COMPARED), figsize=(11, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for panels, places in zip(rows, axes, strict=True):
        for panel, place in zip(panels, places, strict=False):
            _draw(place, *panel)
        for place in places[len(panels) :]:
            place.axis("off")
    figure.supxlabel("means, and their 95 % intervals", fontsize=9)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panels(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Title, means by name, and whose is marked."""
    if told["kind"] == JUDGEMENTS:
        yield f"{told['file']}: AUROC, {told['summaries']} summaries", told["auroc"], SUPPORT
        return
    if told["kind"] == marked.ENTITIES:
        for measure, said in (("recall", "spans masked whole"), ("precision", "of what is masked, marked")):
            shares = {system: _percent(one[measure]) for system, one in told["systems"].items() if one[measure]}
            yield f"{told['file']}: {said}, {told['texts']} texts", shares, marked.DEFAULT
        return
    if told["kind"] == labelled.LABELS:
        for measure, said in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
            means = {system: _percent(one[measure]) for system, one in told["systems"].items()}
            yield f"{told['file']}: {said}, {told['texts']} texts", means, labelled.DEFAULT
        return
    for measure in COMPARED:
        means = {system: _percent(one["means"][measure]) for system, one in told["systems"].items()}
        title = f"{told['file']}: {LABELS[measure]}, {told['documents']} documents, {told['words']} words"
        yield title, means, told["compared"]


def _percent(told: dict[str, float]) -> dict[str, float]:
    return {name: 100 * told[name] for name in ("value", "low", "high")}


def _draw(place: Any, title: str, means: dict[str, Any], marked: str) -> None:
    digits = 1 if max(one["high"] for one in means.values()) > 1 else 3
    for i, (name, one) in enumerate(reversed(means.items())):
        sides = [[one["value"] - one["low"]], [one["high"] - one["value"]]]
        place.errorbar(one["value"], i, xerr=sides, fmt="o", capsize=3, color=_OURS if name == marked else _OTHERS)
        place.annotate(f"{one['value']:.{digits}f}", (one["value"], i), (0, 6), textcoords="offset points", ha="center")
    place.set_yticks(range(len(means)), [_plain(name) for name in reversed(means)])
    place.set_ylim(-0.6, len(means) - 0.2)
    place.grid(axis="x", alpha=0.3)
    place.spines[["top", "right"]].set_visible(False)
    place.set_title(_plain(title), loc="left", fontsize=10)


def _plain(text: str) -> str:
    """Text that matplotlib takes as it is: between two dollar signs it reads mathematics."""
    return text.replace("$", r"\$")
