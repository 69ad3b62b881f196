"""What a task is: wording, sampling and the shape of its answers; all that can be checked without a model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import regex

from cpullm.errors import OptionError
from cpullm.job import Sampling
from cpullm.options import Options

TEXT = "{text}"
SO_FAR = "{summary}"
QUESTION = "{question}"
CHOICE = "{choice}"
JOINS = ("majority", "union", "fields", "append")
DEFAULT_MAX_TOKENS = 160
# What a task may say about sampling; the seed is the run's, the rest follows from the answer's shape.
_OTHERS = ("seed", "grammar", "choices", "closing", "calibrated")
SAMPLING = tuple(option.name for option in fields(Sampling) if option.name not in _OTHERS)


@dataclass(frozen=True, slots=True)
class Task:
    """One question about every text. `ask` holds `{text}` once; what stands before it is best nothing.

    A long text is asked about in pieces. Their answers become one by asking again with `merge`, or by `join`: the
    `majority` of choices, the `union` of JSON lists, the `fields` of JSON objects, or `append`, one after another.
    `update` asks with the next piece as `{text}` and the answer so far, `{summary}`, before it (incremental updating).
    An answer is free text, the likeliest of `choices` at its place in the `answer`, or follows a `grammar` (GBNF) or a
    JSON `schema`. With `guards` it is held
    against the text: free text, of about so many `words`, is mended, and JSON loses the strings that the text has not.
    With `{question}` after `{text}` each text comes with a question of its own. `max_tokens`, `window_tokens` (the
    longest piece asked about at once) and `sampling` (temperature, top_p, min_p, repeat_penalty, dry_multiplier) hold
    where the run's options say nothing. Without `chat` the wording is the whole prompt, with no chat template round it:
    for examples that a small model is to go on after. Raises OptionError.
    """

    name: str
    ask: str
    about: str = ""
    merge: str | None = None
    join: str | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    sampling: Mapping[str, float] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    answer: str = CHOICE
    calibrate: bool = False
    grammar: str | None = None
    schema: Mapping[str, Any] | None = None
    update: str | None = None
    guards: bool = False
    words: int | None = None
    window_tokens: int | None = None
    chat: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not regex.fullmatch(r"[\w-]+", self.name):
            raise OptionError(f"a task's name must be of letters, digits, _ and -, got {self.name!r}.")
        try:
            check_wording("ask", self.ask)
            _check_numbers(self)
            object.__setattr__(self, "choices", _choices(self.choices))
            _check_shape(self)
            _check_answer(self)
            _check_joining(self)
            _check_retelling(self)
        except OptionError as error:
            raise OptionError(f"the task {self.name} cannot be used: {error}") from None

    @property
    def is_free(self) -> bool:
        """Whether any text is an answer, as one cut short still is; else an answer is whole or of no use."""
        return not self.choices and self.grammar is None and self.schema is None

    @property
    def retells(self) -> bool:
        """Whether its answers are sentences that are held against the text."""
        return self.guards and self.is_free

    @property
    def has_questions(self) -> bool:
        """Whether each text comes with a question of its own."""
        return QUESTION in self.ask


def check_wording(key: str, words: Any, *, so_far: bool = False) -> None:
    """Raise OptionError unless the wording holds its places once each: the text's, and before it the summary's."""
    if not isinstance(words, str):
        raise OptionError(f"{key} must be a text, got {words!r}.")
    _check_unicode(key, words)
    for place, what, wanted in ((TEXT, "text", 1), (SO_FAR, "summary so far", int(so_far))):
        found = words.count(place)
        if found != wanted and wanted:
            raise OptionError(f"{key} must hold {place} once, where the {what} goes; found it {found} times.")
        if found != wanted:
            raise OptionError(f"{key} has no {place}; only `update` has one.")
    if so_far and words.index(SO_FAR) > words.index(TEXT):
        raise OptionError(f"{key} must hold {SO_FAR} before {TEXT}.")
    if words.count(QUESTION) > 1 or 0 <= words.find(QUESTION) < words.index(TEXT) or (so_far and QUESTION in words):
        raise OptionError(f"{key} may hold {QUESTION} once, after {TEXT}; `update` has none.")


def _check_unicode(key: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise OptionError(f"{key} holds half a character, which is no Unicode text, got {text!r}.") from None


def _check_numbers(task: Task) -> None:
    if not isinstance(task.sampling, Mapping):
        raise OptionError(f"sampling must be names and numbers, as {{'temperature': 0.5}}, got {task.sampling!r}.")
    unknown = [name for name in task.sampling if name not in SAMPLING]
    if unknown:
        raise OptionError(f"sampling has no {unknown[0]!r}; there are {', '.join(SAMPLING)}.")
    if task.max_tokens is None or None in task.sampling.values():
        raise OptionError("max_tokens and what sampling names must be numbers, got None.")
    lengths = {"max_tokens": task.max_tokens, "words": task.words, "window_tokens": task.window_tokens}
    Options.of({**lengths, **task.sampling})  # their ranges are the options'


def _choices(choices: Any) -> tuple[str, ...]:
    if not isinstance(choices, (tuple, list)) or not all(isinstance(choice, str) and choice for choice in choices):
        raise OptionError(f"choices must be texts, as ('yes', 'no'), got {choices!r}.")
    for choice in choices:
        _check_unicode("choices", choice)
        if choice != choice.strip():  # answers come without
            raise OptionError(f"choices must be without white space around them, got {choice!r}.")
    if len(choices) == 1 or len(set(choices)) < len(choices):
        raise OptionError(f"choices must be two or more, no two alike, got {', '.join(choices)}.")
    return tuple(choices)


def _check_shape(task: Task) -> None:
    shapes = {"choices": task.choices or None, "grammar": task.grammar, "schema": task.schema}
    given = [name for name, shape in shapes.items() if shape is not None]
    if len(given) > 1:
        raise OptionError(f"{' and '.join(given)} are two shapes of one answer; give one of them.")
    if task.grammar is not None and not (isinstance(task.grammar, str) and task.grammar.strip()):
        raise OptionError(f"grammar must be GBNF with a rule `root`, got {task.grammar!r}.")
    if task.grammar is not None:
        _check_unicode("grammar", task.grammar)
    if task.schema is not None and not isinstance(task.schema, Mapping):
        raise OptionError(f"schema must be a JSON schema, as {{'type': 'array', …}}, got {task.schema!r}.")


def _check_answer(task: Task) -> None:
    if not isinstance(task.answer, str) or task.answer.count(CHOICE) != 1:
        raise OptionError(f"answer must hold {CHOICE} once, where the choice goes, got {task.answer!r}.")
    _check_unicode("answer", task.answer)
    if task.answer != CHOICE and not task.choices:
        raise OptionError("answer is for choices; give them too, or leave it out.")
    if not isinstance(task.calibrate, bool):
        raise OptionError(f"calibrate must be yes or no, got {task.calibrate!r}.")
    if task.calibrate and (not task.choices or task.has_questions):
        raise OptionError(f"calibrate is for choices without {QUESTION}; leave it out.")


def _check_joining(task: Task) -> None:
    if (task.merge is None) == (task.join is None):
        raise OptionError(
            "say how the answers about a long text's pieces become one: give merge (a wording to ask again) or "
            f"join ({', '.join(JOINS)}), and not both."
        )
    if task.merge is not None:
        check_wording("merge", task.merge)
        if QUESTION in task.merge and not task.has_questions:
            raise OptionError(f"merge holds {QUESTION}, and ask has none; give it to both, or leave it out.")
        return
    kind = None if task.schema is None else task.schema.get("type")
    needs = {
        "majority": ("choices", bool(task.choices)),
        "union": ("a schema of type array", kind == "array"),
        "fields": ("a schema of type object", kind == "object"),
        "append": ("free text or a grammar", not task.choices and task.schema is None),
    }
    if task.join is None or task.join not in JOINS:
        raise OptionError(f"join must be one of {', '.join(JOINS)}, got {task.join!r}.")
    what, has = needs[task.join]
    if not has:
        raise OptionError(f"join {task.join} needs {what}; take another join, or give merge.")


def _check_retelling(task: Task) -> None:
    for name, flag in (("guards", task.guards), ("chat", task.chat)):
        if not isinstance(flag, bool):
            raise OptionError(f"{name} must be yes or no, got {flag!r}.")
    if task.update is not None:
        check_wording("update", task.update, so_far=True)
    for name, given in (("guards", task.guards and task.schema is None), ("update", task.update)):
        if given and (task.merge is None or not task.is_free):
            raise OptionError(f"{name} is for answers in free text that are merged by asking again; leave it out.")
    if task.words is not None and not task.retells:
        raise OptionError("words is for answers that retell the text; give guards too, or leave it out.")
