"""What is asked of the model. A task of the project is a file beside this one; a user's own is a file or a Task."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file
from importlib.resources import files as package_files
from pathlib import Path

from cpullm.errors import OptionError
from cpullm.tasks.answers import fault, join
from cpullm.tasks.files import parse, read, reworded
from cpullm.tasks.grounding import grounded
from cpullm.tasks.making import WITH_ARGUMENT, answer, classify, extract, naming, translate
from cpullm.tasks.prompts import TaskPrompts, render
from cpullm.tasks.shapes import answer_type, value
from cpullm.tasks.task import Task

NAMES = ("summarize", "sentiment", "names", "title", "keywords")
__all__ = [
    "NAMES",
    "Task",
    "TaskPrompts",
    "answer",
    "answer_type",
    "chosen",
    "classify",
    "extract",
    "fault",
    "find",
    "grounded",
    "join",
    "naming",
    "render",
    "reworded",
    "translate",
    "value",
]


def find(task: str | Path | Task, size: str = "") -> Task:
    """A task by its name or its file's path (`….ini`), worded for models of this size. Raises OptionError.

    Names with an argument are `translate:German`, `classify:war|love` and `extract:schema.json`.
    """
    if isinstance(task, Task):
        return task
    name, colon, argument = str(task).partition(":")
    if colon and name in WITH_ARGUMENT:
        return WITH_ARGUMENT[name](argument)
    if isinstance(task, (str, Path)) and Path(task).suffix == ".ini":
        return read(Path(task).expanduser())
    if task not in NAMES:
        raise OptionError(
            f"no task is called {str(task)!r}; there are {', '.join(NAMES)}, translate:German, classify:war|love, "
            "extract:schema.json, or the path of an .ini file."
        )
    folder = package_files("cpullm.tasks")
    found = parse(str(task), folder.joinpath(f"{task}.ini").read_text(encoding="utf-8"))
    with as_file(folder.joinpath(f"{task}.{size}.ini")) as wording:
        return reworded(found, wording) if size and wording.exists() else found


def chosen(tasks: Sequence[str | Path | Task], size: str = "", prompt: str | Path | None = None) -> list[Task]:
    """The tasks of one run, one or more, no two of one name, worded for models of this size, or by a file. Raises
    OptionError."""
    if isinstance(tasks, (str, Path, Task)) or not isinstance(tasks, Sequence):
        raise OptionError(f"tasks must be a list of tasks, as ['summarize', 'names'], got {tasks!r}.")
    found = [find(task, size) for task in tasks]
    names = [task.name for task in found]
    if not found:
        raise OptionError(f"tasks is empty; there are {', '.join(NAMES)}.")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise OptionError(f"tasks has two called {name!r}; give each a name of its own.")
    if prompt is None:
        return found
    if not any(task.retells for task in found):
        raise OptionError(f"the prompt {prompt} is for summaries, and there is no such task: leave it out.")
    return [reworded(task, Path(prompt).expanduser()) if task.retells else task for task in found]
