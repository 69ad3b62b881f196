"""What a run's executors are told: the engine, how it computes, and how each task's tokens are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cpullm.errors import OptionError

CPU_VARIABLE = "CPULLM_CPU"  # names the kernels to take, where llama.cpp has some for several CPUs


@dataclass(frozen=True, slots=True)
class Setting:
    """How an engine computes: what `cpullm tune` chooses for a CPU and a model. `n_threads` None: all it may use."""

    n_threads: int | None = None
    n_seq_max: int = 4
    n_ubatch: int = 256
    kv_type: str = "f16"
    flash_attn: bool = False
    repack: bool = True

    def __post_init__(self) -> None:
        if self.kv_type != "f16" and not self.flash_attn:
            raise OptionError(f"kv_type {self.kv_type} needs flash_attn: llama.cpp has no other way to read it.")


class Place(str, Enum):
    """Where an engine's model is: a file here, one that Spark brings, a path of every host, or a file system's URI."""

    HERE = "here"
    SPARK = "spark"
    EVERY_HOST = "every host"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What one engine is: a model file, the room it gets and how it computes. Two equal ones may share an engine.

    `model` is a path, or what `place` takes to find it: the name of a file that Spark brings (`SparkFiles`), or a URI.
    `n_ctx` is the room of one sequence, in tokens, prompt and answer together. One that `embeds` gives vectors.
    """

    model: str
    model_sha256: str
    n_ctx: int
    setting: Setting = Setting()
    place: Place = Place.HERE
    embeds: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen from the model's likelihoods. `grammar` is GBNF that the answer must follow. With `choices`
    none is chosen: the answer is the likeliest of these texts, each with `closing` behind it; `calibrated`, the one
    that a text makes likelier than none does, by most (arXiv 2102.09690, 2104.08315).

    `min_p`: arXiv 2407.01082. `repeat_penalty`: arXiv 1909.05858. DRY: text-generation-webui pull request 5677.
    """

    temperature: float = 0.0
    top_p: float = 0.95
    min_p: float = 0.0
    repeat_penalty: float = 1.1
    dry_multiplier: float = 0.0
    seed: int = 0
    grammar: str | None = None
    choices: tuple[str, ...] = ()
    closing: str = ""
    calibrated: bool = False

    def __post_init__(self) -> None:
        for name in ("temperature", "top_p", "min_p", "repeat_penalty", "dry_multiplier"):
            object.__setattr__(self, name, float(getattr(self, name)))  # 0 and 0.0 are one, and must give one id
        if self.grammar is not None and not (isinstance(self.grammar, str) and self.grammar.strip()):
            raise OptionError(f"grammar must be GBNF with a rule `root`, or None for any answer, got {self.grammar!r}.")


class Way(str, Enum):
    """How an answer comes about: as the model gives it; held against its text and mended (`cpullm.guards`); of the
    text's own sentences, chosen by what the model says of it, or without a model (`cpullm.extract`).
    """

    PLAIN = "plain"
    GUARDED = "guarded"
    GUIDED = "guided"
    COVERAGE = "coverage"
    LEXRANK = "lexrank"

    @property
    def asks(self) -> bool:
        """Whether the model is asked."""
        return self not in (Way.COVERAGE, Way.LEXRANK)

    @property
    def extracts(self) -> bool:
        """Whether answers are of the text's own sentences."""
        return self in (Way.GUIDED, Way.COVERAGE, Way.LEXRANK)


@dataclass(frozen=True, slots=True)
class Job:
    """What the requests of one run share: the engine, sampling and way of each task by its name, a group's time limit.

    A task that `ways` does not name is answered as it comes.
    """

    engine: EngineOptions
    samplings: Mapping[str, Sampling]
    group_seconds: float | None = None
    ways: Mapping[str, Way] = field(default_factory=dict)

    def way(self, task: str) -> Way:
        """How the task's answers come about."""
        return self.ways.get(task, Way.PLAIN)

    def asks(self, task: str, max_tokens: int) -> bool:
        """Whether the model is asked for the task's answer; one of 0 tokens is made without it."""
        return self.way(task).asks and max_tokens > 0

    @property
    def needs_engine(self) -> bool:
        """Whether any task asks the model, or texts get vectors."""
        return self.engine.embeds or any(self.way(task).asks for task in self.samplings)
