"""Is an answer that retells a text fit to show? What is wrong with it is named, and taken out sentence by sentence.

Nothing here asks a model: FABLES (Kim et al. 2024, arXiv 2404.01261) found none that judges faithfulness as people do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import regex

from cpullm.job import Sampling
from cpullm.records import FinishReason
from cpullm.splitters import is_whole, sentences
from cpullm.support import Source, Support, unsupported
from cpullm.words import words

EMPTY = "empty"
LOOP = "loop"
CUT = "cut off"
LONGER = "longer than its text"
ABOUT = "about the task"
LANGUAGE = "another language"
ECHO = "prompt echo"
UNSUPPORTED = "unsupported"

# What comes before an answer: “Sure! Here is a concise summary of the text:”
_PREAMBLE = regex.compile(
    r"\A[\W_]*(?:(?:(?:sure|certainly|of course|okay|ok)[!.,:]|"
    r"(?:here(?:['’]s| is| are)|summary|answer)\b[^.!?:\n]*(?:[.!:][*_]*|\n))\s*)+",
    regex.IGNORECASE,
)
_WORDLESS = regex.compile(r"(?m)^[^\p{L}\p{N}\n]+$")  # a rule between paragraphs
_NUMBERED = regex.compile(r"(?m)^[^\S\n]*(\d{1,2})[.)][^\S\n]+")
_BULLET = regex.compile(r"(?m)^[^\S\n]*(?=[-*•–][^\S\n])")
_ABOUT = regex.compile(
    r"\b(?:as an ai|language model|i(?:['’]m| am) (?:sorry|unable)|i can(?:no|['’])t|let me know|"
    r"(?:the|this|these|following|above|provided|given) "
    r"(?:text|passage|summary|notes|excerpt|narrative|response|paragraph)s?\b|"
    r"(?:text|notes|passage) above|to summarize|objective summary|concise summary)",
    regex.IGNORECASE,
)
_ECHO_WORDS = 5
_SAME = 0.8  # of a sentence's word pairs in one before it
_RUN_WORDS, _RUN_TIMES = 3, 3
_LEAST_FAMILIAR = 0.2  # of an answer's words in its text; function words alone are more in the same language
_FEW_WORDS = 8
_ENOUGH_WORDS = 40
LEAST_SUPPORT = 0.35  # of sentences against another text three in four have less, of true ones one in fifty


@dataclass(frozen=True, slots=True)
class Fit:
    """A sentence that is fit to show, and what of the text supports it."""

    text: str
    support: Support


@dataclass(frozen=True, slots=True)
class Checked:
    """What of an answer is fit to show, what was wrong with the rest, and how many words it had."""

    kept: tuple[Fit, ...]
    reasons: tuple[str, ...]
    n_words: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """Those that are fit to show."""
        return tuple(fit.text for fit in self.kept)

    @property
    def wants_another(self) -> bool:
        """Whether another try may do better: what is only cut off at its end would be so again, if anything is left."""
        return not self.kept or any(reason != CUT for reason in self.reasons)

    @property
    def n_kept(self) -> int:
        """Words of the sentences that are fit to show."""
        return sum(len(words(sentence)) for sentence in self.sentences)


def again(sampling: Sampling) -> Sampling:
    """How a second answer is drawn where the first was not fit: with some chance, and repetition made costly."""
    return replace(
        sampling,
        temperature=max(sampling.temperature, 0.5),
        min_p=max(sampling.min_p, 0.1),
        dry_multiplier=max(sampling.dry_multiplier, 0.8),
        seed=sampling.seed + 1,
    )


def check(answer: str, finish_reason: str, prompt: str, source: Source) -> Checked:
    """The answer's sentences against the text they are about; `prompt` is the wording round that."""
    body = _PREAMBLE.sub("", answer)
    reasons = Counter({ABOUT: int(len(body) < len(answer))})
    body = _itemized(body)
    found = [body[start:end] for start, end in sentences(body)]
    n_words = len(words(body))
    whole = _whole_answer_fault(body, found, source)
    if whole is not None:
        return Checked((), (whole,), n_words)
    if finish_reason == FinishReason.LOOP:
        reasons[LOOP] += 1
    found, n_cut = _trimmed(found, finish_reason)
    reasons[CUT] += n_cut
    invented: list[str] = []
    kept: list[Fit] = []
    asked = _runs(words(prompt), _ECHO_WORDS) - _runs(source.words, _ECHO_WORDS)
    for sentence in found:
        fault = _fault(sentence, [fit.text for fit in kept], asked, source)
        names = () if fault else unsupported(sentence, source, body)
        if fault:
            reasons[fault] += 1
        elif names:
            invented += names
        elif (support := source.support(sentence)).score < LEAST_SUPPORT:
            reasons[UNSUPPORTED] += 1
        else:
            kept.append(Fit(sentence, support))
    told = [reason for reason, n in reasons.items() if n]
    if invented:
        told = [reason for reason in told if reason != UNSUPPORTED]
        told.append(f"{UNSUPPORTED}: {', '.join(dict.fromkeys(invented))}")
    return Checked(tuple(kept), tuple(told), n_words)


def _itemized(answer: str) -> str:
    """The answer with each item of a list by itself; numbers that only count items say nothing about the text."""
    answer = _WORDLESS.sub("", answer)
    numbers = [int(number) for number in _NUMBERED.findall(answer)]
    if len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1)):
        answer = _NUMBERED.sub("- ", answer)
    apart: str = _BULLET.sub("\n\n", answer)
    return apart


def _whole_answer_fault(body: str, found: Sequence[str], source: Source) -> str | None:
    """What makes all of an answer unfit."""
    spoken = words(body)
    if not found or not spoken:
        return EMPTY
    if len(spoken) > len(source.words):
        return LONGER
    if len(source.words) >= _ENOUGH_WORDS and len(spoken) >= _FEW_WORDS:
        known = set(source.words)
        if sum(word in known for word in spoken) < _LEAST_FAMILIAR * len(spoken):
            return LANGUAGE
    return None


def _trimmed(found: list[str], finish_reason: str) -> tuple[list[str], int]:
    """The sentences up to the last whole one. A list's items end without a full stop, if the model ended them."""
    ended = finish_reason == FinishReason.STOP
    if is_whole(found[-1]) or (ended and found[-1][:1] in "-*•–"):
        return found, 0
    return found[:-1], 1


def _fault(sentence: str, before: Sequence[str], asked: set[tuple[str, ...]], source: Source) -> str | None:
    spoken = words(sentence)
    if not spoken:
        return EMPTY
    about = _ABOUT.search(sentence)
    if about and not _runs(words(about.group()), 2) <= _runs(source.words, 2):
        return ABOUT
    if asked & _runs(spoken, _ECHO_WORDS):
        return ECHO
    return LOOP if _repeats(spoken, before) else None


def _repeats(spoken: list[str], before: Sequence[str]) -> bool:
    """Whether it says a run of words again and again, or what one sentence before it said."""
    runs = Counter(tuple(spoken[i : i + _RUN_WORDS]) for i in range(len(spoken) - _RUN_WORDS + 1))
    if runs and max(runs.values()) >= _RUN_TIMES:
        return True
    pairs = _runs(spoken, min(2, len(spoken)))
    return any(len(pairs & _runs(words(other), min(2, len(spoken)))) >= _SAME * len(pairs) for other in before)


def _runs(spoken: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(spoken[i : i + n]) for i in range(len(spoken) - n + 1)}
