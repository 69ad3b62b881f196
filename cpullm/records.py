"""What crosses a module's border. Offsets count characters of the document's text; schemas are Spark DDL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

import regex

# The last: soft hyphens, joiners, marks of direction, byte order marks …
_BLANK = regex.compile(r"[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*+")


class FinishReason(str, Enum):
    """Why a completion ended: the model's own end, the `max_tokens` limit, a loop, or an error instead of an answer."""

    STOP = "stop"
    LENGTH = "length"
    LOOP = "loop"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Mark:
    """A heading that the format itself marks, as HTML's `<h2>` or a style of DOCX: its span, its rank from 1."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Document:
    """One text as read: decoded, BOM removed, CRLF read as LF. `error` says why there is no text.

    `marks` are the headings its format marks, in order; plain text has none. A `row` of a table is a unit by itself.
    """

    id: str
    text: str
    title: str = ""
    error: str | None = None
    marks: tuple[Mark, ...] = ()
    row: bool = False

    def __post_init__(self) -> None:
        # Here all text enters; what cannot be encoded would fail late, in a tokenizer, in Arrow or in a report.
        for name in ("id", "text", "title"):
            object.__setattr__(self, name, encodable(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One unit of a document, `document.text[start:end] == text`; `levels` are the titles above it, topmost first.

    `kind` is body, front or back; `line` the 1-based line of its heading, of its first text line if it has none.
    """

    document_id: str
    index: int
    levels: tuple[str, ...]
    title: str
    kind: str
    line: int
    start: int
    end: int
    text: str
    error: str | None = None

    @property
    def id(self) -> str:
        """Unique among all chunks of documents whose ids are."""
        return f"{self.document_id}/{self.index}"

    @property
    def words(self) -> int:
        """White-space separated words of the text."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document's text and what it is: body, front, back, heading or blank."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Split:
    """A document's chunks, the splitter that cut them and why it; `spans` account for every character, in order."""

    splitter: str
    why: str
    chunks: tuple[Chunk, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before and after a text, with the model's chat template already rendered round it.

    Where a summary is brought up to date, `between` stands between it and the text that goes on; where a text comes
    with a question, between the two.
    """

    head: str
    tail: str
    between: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the model: `head`, `text` and `question` as plain data, `tail`. The id is its content's hash.

    `task` names the sampling in the Job. Requests of equal head and text share their prefill if they meet in a group.
    With `max_tokens` 0 no model is asked. `words` is how long an answer made of the text's own sentences may get,
    about; 0: as long as the model's.
    """

    id: str
    group_id: int
    task: str
    head: str
    text: str
    tail: str
    prompt_tokens: int
    max_tokens: int
    words: int = 0
    question: str = ""

    SCHEMA = (
        "id string, group_id int, task string, head string, text string, tail string, prompt_tokens int, "
        "max_tokens int, words int, question string"
    )


class Method(str, Enum):
    """Where the words of a summary come from: the model; the model, mended with the source's; the source alone."""

    GENERATED = "generated"
    REPAIRED = "repaired"
    EXTRACTED = "extracted"


@dataclass(frozen=True, slots=True)
class Origin:
    """A stretch of a document's text, within the chunk of that index."""

    index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer, by its place there: what supports it, and how well, from 0 to 1 (`cpullm.support`)."""

    start: int
    end: int
    support: float
    sources: tuple[Origin, ...]

    SCHEMA = "array<struct<start:int,end:int,support:double,sources:array<struct<index:int,start:int,end:int>>>>"

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Sentence:
        """From its plain fields, as JSON and Spark have them."""
        sources = tuple(Origin(*(source[name] for name in columns(Origin))) for source in found["sources"])
        return cls(found["start"], found["end"], found["support"], sources)


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to the request of the same id. `worker` is host:pid; `seconds` run from admission to the end.

    Of a summary that was checked, `reasons` say what was found, and `sentences` where each sentence is in the request's
    text (their origins have the index 0); `guard_seconds` is what that took.
    """

    id: str
    group_id: int
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    worker: str
    error: str | None = None
    method: str = Method.GENERATED.value
    reasons: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    guard_seconds: float = 0.0

    SCHEMA = (
        "id string, group_id int, text string, finish_reason string, prompt_tokens int, completion_tokens int, "
        "seconds double, worker string, error string, method string, reasons array<string>, "
        f"sentences {Sentence.SCHEMA}, guard_seconds double"
    )

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Completion:
        """From its plain fields, as JSON and Spark have them."""
        sentences = tuple(Sentence.of(sentence) for sentence in found["sentences"])
        return cls(**{**found, "reasons": tuple(found["reasons"]), "sentences": sentences})


@dataclass(frozen=True, slots=True)
class Finished:
    """A group that is done, and where. `attempt` counts from 0; `kept` is whether it was put into the store there.

    `executor` is host:pid of the process that holds the engine, or of the one that its Python workers come from.
    `load_seconds` is 0 where the engine was there already; `seconds` has it in it. `cpu_variant` is the kind of CPU
    whose kernels the engine ran, None where none was loaded.
    """

    group_id: int
    executor: str
    attempt: int
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    load_seconds: float
    kept: bool = True
    cpu_variant: str | None = None

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer to one task about one unit. Token counts and seconds are sums over its windows and merges.

    `level` says what the unit is: a chapter, which is a chunk; a part, the chunks under one heading; or a book, all of
    a document; `index` is its first chunk's. `finish_reason` is `error` without an answer, else `loop` if any answer
    under it was ended because it repeated itself, else `length` if any was cut at `max_tokens`. `method`, `reasons`
    and `sentences` are of answers that are held against their text: where the words come from, what was found, what
    supports each sentence.
    """

    document_id: str
    level: str
    index: int
    levels: tuple[str, ...]
    title: str
    line: int
    start: int
    end: int
    words: int
    task: str
    summary: str
    windows: int
    merges: int
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    error: str | None = None
    method: str = Method.GENERATED.value
    reasons: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()

    @property
    def unit(self) -> tuple[object, ...]:
        """What it is about: the same for all tasks' rows."""
        return self.document_id, self.level, self.index, self.levels, self.title

    SCHEMA = (
        "document_id string, level string, index int, levels array<string>, title string, line int, start int, "
        "end int, words int, task string, summary string, windows int, merges int, finish_reason string, "
        "prompt_tokens int, completion_tokens int, seconds double, error string, method string, "
        f"reasons array<string>, sentences {Sentence.SCHEMA}"
    )


@dataclass(frozen=True, slots=True)
class Level:
    """What one level of a run was: its units and tasks, what it took, and the workers (host:pid) that answered.

    `kept` of the requests had been answered by an earlier run; tokens and workers are those of the others.
    `guard_seconds` is what executors took to hold answers against their texts.
    """

    units: tuple[str, ...]
    tasks: tuple[str, ...]
    requests: int
    kept: int
    groups: int
    workers: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    guard_seconds: float = 0.0


def encodable(text: str) -> str:
    """The text with lone surrogates, as a file name that is no UTF-8 has, replaced one for one; offsets stay."""
    return text.encode("utf-8", "replace").decode()


def is_blank(text: str) -> bool:
    """Whether nothing of it shows: white space, control characters and what Unicode leaves unseen, as zero width."""
    return _BLANK.fullmatch(text) is not None


def columns(record: type) -> list[str]:
    """The record's field names, which are its column names everywhere."""
    return [column.name for column in fields(record)]


def row(record: Any) -> dict[str, Any]:
    """One record as a plain dict of its fields, without copying deeper."""
    return {name: getattr(record, name) for name in columns(type(record))}


def plain(record: Any) -> dict[str, Any]:
    """One record as a dict down to its last field, as JSON and Spark take it."""
    return asdict(record)
