"""Every option once: default, range and help text. Command line, README table and validation all read it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

import regex

from cpullm.errors import OptionError
from cpullm.job import Sampling, Setting
from cpullm.records import Method
from cpullm.tree import BOOK, LEVELS, WORDS

KV_TYPES = ("f16", "q8_0")
LEAST_WORDS = 5  # of a summary
STRATEGIES = ("hierarchical", "incremental", "guided", "coverage", "lexrank")


def _option(default: Any, help_text: str, **limits: Any) -> Any:
    return field(default=default, metadata={"help": help_text, **limits})


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run. `None` means: derived from the model or the machine, as the help text says."""

    strategy: str | None = _option(
        None, "how summaries are made: written by the model, answers about pieces merged (hierarchical) or one brought "
        "up to date piece by piece (incremental); or made of the text's own sentences, chosen by what the model says "
        "(guided), or without it by the words they cover (coverage) or by LexRank (lexrank); by default the model's "
        "own from the catalog, or hierarchical",
        choices=STRATEGIES,
    )  # fmt: skip
    levels: str = _option(
        BOOK, "how far up summaries are made: of chapters, of the parts above them too, of the whole book too",
        choices=LEVELS,
    )  # fmt: skip
    words: int | None = _option(
        None, "about how long a summary is, in words: so many of the text's own sentences, and down to which length "
        f"answers are merged; by default {', '.join(f'{n} for a {level}' for level, n in WORDS.items())}, and all "
        "answers are merged to one", low=LEAST_WORDS, high=100_000,
    )  # fmt: skip
    guards: bool = _option(
        True,
        "hold each summary against its text: what the text does not have goes, and the text's own sentences fill up",
    )
    max_tokens: int | None = _option(
        None, "longest answer, in tokens; by default the task's own, 160 for summaries", low=8, high=4096
    )
    window_tokens: int | None = _option(
        None, "longest piece of text given to the model at once, in tokens; by default the model's own from the "
        "catalog, or 2048", low=64, high=1_000_000,
    )  # fmt: skip
    temperature: float | None = _option(
        None, "0 takes the likeliest token, above it tokens are drawn; by default the task's or the model's own, "
        "or 0", low=0.0, high=2.0,
    )  # fmt: skip
    top_p: float | None = _option(
        None, "draw from the likeliest tokens with this total probability; by default the task's or the model's "
        "own, or 0.95", low=0.01, high=1.0,
    )  # fmt: skip
    min_p: float | None = _option(
        None, "draw only tokens this likely, as a share of the likeliest; by default the task's or the "
        "model's own, or 0 (off)", low=0.0, high=1.0,
    )  # fmt: skip
    repeat_penalty: float | None = _option(
        None, "divides the likelihood of the last 64 tokens' repeats, 1 is off; by default the task's or the model's "
        "own, or 1.1", low=1.0, high=2.0,
    )  # fmt: skip
    dry_multiplier: float | None = _option(
        None, "strength of DRY, which makes a repeated run of tokens less likely the longer it gets; by default the "
        "task's or the model's own, or 0 (off)", low=0.0, high=5.0,
    )  # fmt: skip
    seed: int = _option(0, "seed of the draw; each request draws by it and its own id", low=0, high=2**32 - 2)
    n_seq_max: int | None = _option(
        None, "sequences decoded together by one engine; by default what `cpullm tune` found, or 4", low=1, high=64
    )
    n_ubatch: int | None = _option(
        None, "most tokens computed at once; by default what `cpullm tune` found, or 256", low=32, high=8192
    )
    n_threads: int | None = _option(
        None, "threads of one engine; by default the CPUs this process, or this Spark task, may use", low=1, high=1024
    )
    kv_type: str | None = _option(
        None, "type of the keys and values kept of each token; by default what `cpullm tune` found, or f16; q8_0 takes "
        "half the memory and needs flash_attn", choices=KV_TYPES,
    )  # fmt: skip
    flash_attn: bool | None = _option(
        None, "flash attention: less memory, often slower on CPUs; by default what `cpullm tune` found, or no"
    )
    repack: bool | None = _option(
        None, "a copy of the weights in the CPU's own order: faster, but private to each process; by default what "
        "`cpullm tune` found, or yes"
    )  # fmt: skip
    tuned: bool = _option(True, "use what `cpullm tune` found for the model on this CPU, if it was run")
    group_tokens: int | None = _option(
        None, "tokens packed into one group at most, about; a group is the work of a Spark task; by default twice the "
        "requests that one engine decodes together", low=256, high=10_000_000,
    )  # fmt: skip
    group_seconds: float | None = _option(
        None, "on Spark: a group that takes longer is ended and begun again; by default it may take any time",
        low=1.0, high=1_000_000.0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        _check_numbers(self)
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None and "low" in option.metadata:
                # 0 and 0.0 are one temperature, and must give one request id.
                object.__setattr__(self, option.name, _number(option)(value))
        for name, choices in (("strategy", STRATEGIES), ("levels", LEVELS), ("kv_type", KV_TYPES)):
            _check_choice(name, getattr(self, name), choices)
        _check_flags(self)

    def setting(self, tuned: Setting) -> Setting:
        """How the engine computes: what was given, and for the rest what is `tuned`."""
        given = self._given(Setting)
        if given.get("kv_type", "f16") != "f16":
            given.setdefault("flash_attn", True)
        elif given.get("flash_attn") is False:
            given.setdefault("kv_type", "f16")
        return replace(tuned, **given)

    def sampling(self, defaults: Mapping[str, Any]) -> Sampling:
        """How tokens are chosen: what was given, and for the rest the `defaults` of a model or a task."""
        return Sampling(**{**defaults, **self._given(Sampling)})

    def _given(self, record: type) -> dict[str, Any]:
        names = {option.name for option in fields(self)} & {option.name for option in fields(record)}
        return {name: getattr(self, name) for name in sorted(names) if getattr(self, name) is not None}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Options:
        """Options from names and values; a name that is no option is refused."""
        names = [option.name for option in fields(cls)]
        for name in values:
            if name not in names:
                raise OptionError(f"no option is called {name!r}; there are {', '.join(names)}.")
        return cls(**values)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise OptionError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def _check_flags(record: Any) -> None:
    for option in fields(record):
        value = getattr(record, option.name)
        derived = value is None and "None" in str(option.type)
        if "bool" in str(option.type) and not (isinstance(value, bool) or derived):
            raise OptionError(f"{option.name} must be True or False, got {value!r}.")


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
class Tuning:
    """How `cpullm tune` searches."""

    seconds: float = _option(60.0, "about how long it may take; more time tries more", low=5.0, high=86_400.0)
    loss: float = _option(
        0.005,
        "the most that perplexity may rise by writing the weights in a faster format, as a share",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        _check_numbers(self)


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


@dataclass(frozen=True, slots=True)
class Training:
    """Which answers become data for training, and how they are divided."""

    validation: float = _option(0.1, "share of the documents that is held out for validation", low=0.0, high=0.9)
    split_seed: int = _option(0, "seed of which documents these are", low=0, high=2**32 - 1)
    least_support: float = _option(
        0.0, "leave out a summary with a sentence that its text bears out less than this", low=0.0, high=1.0
    )
    methods: tuple[str, ...] | None = _option(
        None, "take only summaries that came about so: generated, repaired, extracted; by default all"
    )
    mended: bool = _option(True, "take summaries that guards found something in, mended; else leave them out")
    row_tokens: int | None = _option(
        None, "longest row, prompt and answer, in tokens of the tokenizer; by default any", low=16, high=10_000_000
    )
    tokenizer: str | None = _option(
        None, "a model's name or a .gguf file, whose tokenizer and chat template row_tokens counts with; by default "
        "the model that is asked",
    )  # fmt: skip
    licence: str | None = _option(None, "under what the texts may be used, for each row to say; by default nothing")

    def __post_init__(self) -> None:
        _check_numbers(self)
        _check_flags(self)
        if self.methods is not None:
            methods = self.methods if isinstance(self.methods, (tuple, list)) else (self.methods,)
            object.__setattr__(self, "methods", tuple(methods))
            for method in methods or [None]:
                _check_choice("methods", method or "", tuple(method.value for method in Method))
        if self.tokenizer is not None and self.row_tokens is None:
            raise OptionError(f"tokenizer {self.tokenizer} counts for row_tokens: give both, or leave it out.")
