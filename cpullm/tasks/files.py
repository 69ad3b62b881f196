"""A task as a file: `[task]`, then `key = value`; longer values go on in indented lines. `#` begins a comment line."""

from __future__ import annotations

import configparser
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpullm.errors import OptionError
from cpullm.tasks.task import SAMPLING, Task

WORDINGS = ("ask", "merge", "update")
_TEXTS = ("about", *WORDINGS, "join", "grammar", "answer")
_NUMBERS = ("max_tokens", "words", "window_tokens")
_FLAGS = ("guards", "calibrate", "chat")
KEYS = (*_TEXTS, *_NUMBERS, *SAMPLING, "choices", "schema", *_FLAGS)


def read(path: Path) -> Task:
    """The task in a file, named as the file is. Raises OptionError with the file and what is wrong in it."""
    return parse(path.stem, _read("task", path))


def _read(what: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise OptionError(f"the {what} {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise OptionError(f"the {what} {path} cannot be read: it is no UTF-8 text.") from None
    except ValueError as error:  # a path that no file can have
        raise OptionError(f"the {what} {str(path)!r} cannot be read: {error}.") from None


def parse(name: str, text: str) -> Task:
    """The task in a file's text."""
    try:
        found = _fields(_section(text))
    except OptionError as error:
        raise OptionError(f"{_refused(name)}{error}") from None
    return Task(name, **found)


def reworded(task: Task, path: Path) -> Task:
    """The task with the wordings of a file: `ask` and, if it is an .ini file, `merge` and `update` under [task]."""
    text = _read("prompt", path)
    try:
        if path.suffix.lower() != ".ini":
            return replace(task, ask=text.strip())
        found = _section(text)
        for key in found:
            if key not in WORDINGS:
                raise OptionError(f"it has {key!r}; a prompt has {', '.join(WORDINGS)}, the rest is the task's.")
        words = {key: found.get(key, "").strip() or getattr(task, key) for key in WORDINGS}
        return replace(task, ask=words["ask"], merge=words["merge"], update=words["update"])
    except OptionError as error:
        raise OptionError(f"the prompt {path} cannot be used: {str(error).removeprefix(_refused(task.name))}") from None


def _refused(name: str) -> str:
    return f"the task {name} cannot be used: "


def _section(text: str) -> dict[str, str]:
    # Only whole lines are comments, and only at their very beginning: a `#` within a wording belongs to it.
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=(), default_section="")
    parser.optionxform = str  # type: ignore[assignment, method-assign] # keys as they are written
    try:
        parser.read_string("\n".join(lines))
    except configparser.Error as error:
        raise OptionError(f"it is not written as `key = value` under [task]: {' '.join(str(error).split())}") from None
    if parser.sections() != ["task"]:
        raise OptionError(f"it must have one section, [task]; it has {', '.join(parser.sections()) or 'none'}.")
    return dict(parser["task"])


def _fields(section: dict[str, str]) -> dict[str, Any]:
    for key in section:
        if key not in KEYS:
            raise OptionError(f"it has no {key!r}; there are {', '.join(KEYS)}.")
    if not section.get("ask"):
        raise OptionError("its `ask`, the wording of the question, is missing.")
    found: dict[str, Any] = {key: section[key].strip() for key in _TEXTS if key in section}
    found |= {key: _number(key, section[key], int) for key in _NUMBERS if key in section}
    found |= {key: _flag(key, section[key]) for key in _FLAGS if key in section}
    if "choices" in section:
        found["choices"] = tuple(choice.strip() for choice in section["choices"].split(","))
    if "schema" in section:
        found["schema"] = _json("schema", section["schema"])
    found["sampling"] = {key: _number(key, section[key], float) for key in SAMPLING if key in section}
    return found


def _number(key: str, text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise OptionError(f"{key} must be {'a whole number' if kind is int else 'a number'}, got {text!r}.") from None


def _flag(key: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise OptionError(f"{key} must be yes or no, got {text!r}.")
    return text == "yes"


def json_of(what: str, path: Path) -> Any:
    """What a JSON file holds. Raises OptionError."""
    return _json(f"{what} {path}", _read(what, path))


def _json(what: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise OptionError(f"{what} is no JSON: {error}.") from None
