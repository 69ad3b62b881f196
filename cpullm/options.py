"""Every option once: default, range and help text. Command line, README table and validation all read it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

import regex

from cpullm.errors import OptionError


def _option(default: Any, help_text: str, **limits: Any) -> Any:
    return field(default=default, metadata={"help": help_text, **limits})


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run. `None` means: derived from the model or the machine, as the help text says."""

    max_tokens: int = _option(160, "longest answer, in tokens", low=8, high=4096)
    window_tokens: int | None = _option(
        None, "longest piece of text given to the model at once, in tokens; by default the model's own from the "
        "catalog, or 2048", low=64, high=1_000_000,
    )  # fmt: skip
    temperature: float = _option(0.0, "0 takes the likeliest token; above it tokens are drawn", low=0.0, high=2.0)
    top_p: float = _option(0.95, "draw from the likeliest tokens with this total probability", low=0.01, high=1.0)
    repeat_penalty: float = _option(
        1.1, "divides the likelihood of the last 64 tokens' repeats; 1 is off", low=1.0, high=2.0
    )
    seed: int = _option(0, "seed of the draw", low=0, high=2**32 - 2)
    n_seq_max: int = _option(4, "sequences decoded together by one engine", low=1, high=64)
    n_batch: int = _option(2048, "most tokens in one call of llama.cpp", low=32, high=65_536)
    n_ubatch: int = _option(256, "most tokens computed at once", low=32, high=8192)
    n_threads: int | None = _option(
        None, "threads of one engine; by default the CPUs this process, or this Spark task, may use", low=1, high=1024
    )
    group_tokens: int = _option(
        8192, "tokens packed into one group, the unit of work of a Spark task", low=256, high=10_000_000
    )

    def __post_init__(self) -> None:
        _check_numbers(self)
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None:
                # 0 and 0.0 are one temperature, and must give one request id.
                object.__setattr__(self, option.name, _number(option)(value))
        if self.n_seq_max > self.n_batch:
            raise OptionError(f"n_seq_max ({self.n_seq_max}) must not be above n_batch ({self.n_batch}).")
        if self.n_ubatch > self.n_batch:
            raise OptionError(f"n_ubatch ({self.n_ubatch}) must not be above n_batch ({self.n_batch}).")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Options:
        """Options from names and values; a name that is no option is refused."""
        names = [option.name for option in fields(cls)]
        for name in values:
            if name not in names:
                raise OptionError(f"no option is called {name!r}; there are {', '.join(names)}.")
        return cls(**values)


def _check_numbers(record: Any) -> None:
    """Raise OptionError unless every field that has a range is a number in it, or None where its type allows that."""
    for option in fields(record):
        value = getattr(record, option.name)
        if "low" not in option.metadata:
            continue
        if value is not None:
            _check(option.name, value, option.metadata, _number(option))
        elif "None" not in str(option.type):
            raise OptionError(f"{option.name} must have a value, got None.")


def _number(option: Field[Any]) -> type:
    return float if "float" in str(option.type) else int


def _check(name: str, value: Any, limits: Mapping[str, Any], kind: type) -> None:
    number = (int, float) if kind is float else int
    if isinstance(value, bool) or not isinstance(value, number):
        raise OptionError(f"{name} must be {'a number' if kind is float else 'a whole number'}, got {value!r}.")
    if not limits["low"] <= value <= limits["high"]:
        raise OptionError(f"{name} must be from {limits['low']} to {limits['high']}, got {value}.")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What one engine is: a model file and the room it gets. Two equal ones may share an engine.

    `model` is a path, or, if `shipped`, the name of a file that Spark brought (`SparkFiles`). `n_ctx` is the
    room of one sequence, in tokens, prompt and answer together.
    """

    model: str
    model_sha256: str
    n_ctx: int
    n_threads: int | None
    n_seq_max: int
    n_batch: int
    n_ubatch: int
    shipped: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen from the model's likelihoods."""

    temperature: float
    top_p: float
    repeat_penalty: float
    seed: int


@dataclass(frozen=True, slots=True)
class Job:
    """What all requests of one run share."""

    engine: EngineOptions
    sampling: Sampling


SPLITTERS = ("auto", "chapters", "headings", "paragraphs", "tokens", "regex", "whole")


@dataclass(frozen=True, slots=True)
class Splitting:
    """How a document is cut into chunks."""

    splitter: str = _option(
        "auto", "chapters and headings by the text's own, paragraphs and tokens by size, regex by a pattern, whole "
        "not at all; auto takes the first of them that the text has, and leaves a table's rows whole",
        choices=SPLITTERS,
    )  # fmt: skip
    pattern: str | None = _option(None, "regular expression of the splitter regex: what it matches is a heading")
    chunk_tokens: int = _option(
        2048, "longest chunk of the splitters paragraphs and tokens, in tokens", low=16, high=10_000_000
    )

    def __post_init__(self) -> None:
        if self.splitter not in SPLITTERS:
            raise OptionError(f"no splitter is called {self.splitter!r}; there are {', '.join(SPLITTERS)}.")
        if (self.splitter == "regex") != (self.pattern is not None):
            raise OptionError("the splitter regex takes a pattern, and only that one does; give both or neither.")
        if self.pattern is not None:
            _check_pattern(self.pattern)
        _check_numbers(self)

    @classmethod
    def of(cls, value: Splitting | None) -> Splitting:
        """The splitting given, the default for None; a splitter's bare name is refused before it is too late."""
        if value is not None and not isinstance(value, cls):
            raise OptionError(f"splitting must be a Splitting, as Splitting('chapters'), got {value!r}.")
        return value or cls()


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What a corpus is cleaned of."""

    similarity: float = _option(
        0.8, "texts this similar are near duplicates: the share of five-word runs in common", low=0.5, high=1.0
    )
    languages: tuple[str, ...] | None = _option(
        None, "keep only these, as ISO 639-1 tags (`und`: not certain); by default all"
    )
    n_permutations: int = _option(128, "hash functions of a MinHash signature", low=16, high=1024)

    def __post_init__(self) -> None:
        _check_numbers(self)
        if self.languages is not None:
            object.__setattr__(self, "languages", _tags(self.languages))


def _tags(languages: Any) -> tuple[str, ...]:
    if not isinstance(languages, (tuple, list)) or not languages:
        raise OptionError(f"languages must be a tuple of tags like ('en', 'de') or None, got {languages!r}.")
    for tag in languages:
        if not (isinstance(tag, str) and regex.fullmatch("[a-z]{2}|und", tag)):
            raise OptionError(f"languages must be two small letters each, as 'en', or 'und'; got {tag!r}.")
    return tuple(languages)


def _check_pattern(pattern: str) -> None:
    try:
        regex.compile(pattern, regex.MULTILINE)
    except regex.error as error:
        raise OptionError(f"pattern {pattern!r} is no regular expression: {error}.") from None
