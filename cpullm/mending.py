"""From what the model wrote to what is shown: held against the text, mended with its own sentences, each one traced.

This runs where the answer was made, on an executor; the driver only carries places over to the documents.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cpullm import extract, guards
from cpullm.job import Job, Way
from cpullm.records import Completion, FinishReason, Method, Origin, Request, Sentence
from cpullm.splitters import sentences, windows
from cpullm.support import Source
from cpullm.tree import CLOSE
from cpullm.words import words

_SAID = 0.6  # of a kept sentence's words in another one: it says the same, at more length
_FULL = 0.75  # of the words that were wanted: nothing is filled up
_LONG_WORDS = 80  # of a sentence; longer ones are cut at a clause
_USUAL_WORDS = 60  # of a summary of which nobody said how long it should be


@dataclass(slots=True)
class _Draft:
    """A first answer that was not fit, while the second is being written."""

    source: Source
    completion: Completion
    checked: guards.Checked
    seconds: float


@dataclass(slots=True)
class Mender:
    """Takes a group's raw answers in, and gives those to show; one that is not fit is asked for once more."""

    job: Job
    _drafts: dict[str, _Draft] = field(default_factory=dict)

    def take(self, request: Request, raw: Completion) -> Completion | None:
        """The completion to show, None if the request is to be asked again."""
        way = self.job.way(request.task)
        if way is Way.PLAIN:
            return _plain(raw)
        if raw.finish_reason == FinishReason.ERROR:
            return self._first_try(request, raw)
        started = time.perf_counter()
        done = _extracted(request, way, raw) if way is Way.GUIDED else self._guarded(request, raw)
        taken = time.perf_counter() - started
        if done is None:
            self._drafts[request.id].seconds += taken
            return None
        return replace(done, guard_seconds=done.guard_seconds + taken)

    def _first_try(self, request: Request, failed: Completion) -> Completion:
        """What is shown where the engine failed at a request: the first answer mended, if there was one."""
        draft = self._drafts.pop(request.id, None)
        return failed if draft is None else _mended(request, draft.completion, draft.checked)

    def _guarded(self, request: Request, raw: Completion) -> Completion | None:
        draft = self._drafts.pop(request.id, None)
        source = draft.source if draft else Source(request.text)
        checked = guards.check(raw.text, raw.finish_reason, request.head + request.tail, source)
        if draft is None:
            if checked.wants_another:
                self._drafts[request.id] = _Draft(source, raw, checked, 0.0)
                return None
            return _mended(request, raw, checked)
        tries = [(draft.checked, draft.completion), (checked, raw)]
        better, answer = max(tries, key=lambda one: (one[0].n_kept, -len(one[0].reasons)))
        reasons = tuple(dict.fromkeys([*draft.checked.reasons, *checked.reasons]))
        both = replace(
            answer,
            completion_tokens=raw.completion_tokens + draft.completion.completion_tokens,
            seconds=raw.seconds + draft.completion.seconds,
            guard_seconds=draft.seconds,
        )
        return replace(_mended(request, both, better), reasons=reasons)


def extracted(request: Request, way: Way, worker: str) -> Completion:
    """An answer of the text's own sentences that no model was asked for."""
    started = time.perf_counter()
    raw = Completion(request.id, request.group_id, "", FinishReason.STOP.value, 0, 0, 0.0, worker)
    done = _extracted(request, way, raw)
    taken = time.perf_counter() - started
    return replace(done, seconds=taken)


def _plain(raw: Completion) -> Completion:
    """As the model gave it; nothing at all is an error."""
    if raw.error is None and not raw.text:
        return replace(raw, finish_reason=FinishReason.ERROR.value, error="The model gave an empty answer.")
    return raw


def _extracted(request: Request, way: Way, raw: Completion) -> Completion:
    """The text's own sentences, so many words of them; those that say what the model said, if it was asked."""
    n_words = request.words or _USUAL_WORDS
    spans = _candidates(request.text, n_words)
    texts = [_line(request.text[start:end]) for start, end in spans]
    if way is Way.LEXRANK:
        chosen = extract.lexrank(texts, n_words)
    else:
        chosen = extract.choose(texts, n_words, guides=[raw.text] if raw.text else [])
    parts = [_Part(texts[i], 1.0, (spans[i],)) for i in chosen]
    return _shown(raw, parts, Method.EXTRACTED)


def _candidates(text: str, n_words: int) -> list[tuple[int, int]]:
    """The text's sentences; one much too long for a summary, as a list or a text without full stops, in pieces."""
    most = max(n_words, _LONG_WORDS)
    found: list[tuple[int, int]] = []
    for start, end in sentences(text):
        if end - start <= most or _n_words(text[start:end]) <= most:
            found.append((start, end))
        else:
            pieces = windows(text[start:end], most, _n_words)
            found += [(start + left, start + right) for left, right in pieces]
    return found


def _n_words(text: str) -> int:
    return len(words(text))


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence to be shown, what supports it, and where that stands in the request's text."""

    text: str
    support: float
    spans: tuple[tuple[int, int], ...]


def _mended(request: Request, raw: Completion, checked: guards.Checked) -> Completion:
    """What is fit, in its order, the text's own sentences filling up what had to go."""
    kept = [_Part(_line(fit.text), fit.support.score, fit.support.spans) for fit in checked.kept]
    if request.words:
        kept = _first(kept, request.words)
    wanted = min(request.words or checked.n_words, checked.n_words) or request.words or _USUAL_WORDS
    left = wanted - sum(_n_words(part.text) for part in kept)
    is_full = bool(kept) and (left < (1 - _FULL) * wanted or not checked.reasons)
    added = [] if is_full else _filling(request.text, [part.text for part in kept], left)
    method = Method.GENERATED if not checked.reasons and not added else Method.REPAIRED if kept else Method.EXTRACTED
    return _shown(replace(raw, reasons=checked.reasons), _in_order(kept, added), method)


def _first(parts: Sequence[_Part], n_words: int) -> list[_Part]:
    """The first of them, of about so many words."""
    found: list[_Part] = []
    for part in parts:
        if found and sum(_n_words(one.text) for one in [*found, part]) > CLOSE * n_words:
            break
        found.append(part)
    return found


def _filling(text: str, kept: Sequence[str], n_words: int) -> list[_Part]:
    """The text's best sentences of so many words that say something else than those that are kept."""
    said = [set(words(sentence)) for sentence in kept]
    spans = [
        span
        for span in _candidates(text, n_words)
        if (new := set(words(text[slice(*span)]))) and all(len(new & old) < _SAID * len(old) for old in said)
    ]
    texts = [_line(text[start:end]) for start, end in spans]
    chosen = extract.choose(texts, n_words, said=list(kept)) if texts and n_words > 0 else []
    return [_Part(texts[i], 1.0, (spans[i],)) for i in chosen]


def _in_order(kept: Sequence[_Part], added: Sequence[_Part]) -> list[_Part]:
    """What is added comes before the first kept sentence that speaks of something later."""
    ordered = list(kept)
    for part in added:
        later = (i for i, other in enumerate(ordered) if other.spans and other.spans[0][0] > part.spans[0][0])
        ordered.insert(next(later, len(ordered)), part)
    return ordered


def _shown(raw: Completion, parts: Sequence[_Part], method: Method) -> Completion:
    """The completion with these sentences for its text."""
    found = []
    place = 0
    for part in parts:
        sources = tuple(Origin(0, start, end) for start, end in part.spans)
        found.append(Sentence(place, place + len(part.text), round(part.support, 3), sources))
        place += len(part.text) + 1
    text = " ".join(part.text for part in parts)
    return replace(raw, text=text, method=method.value, sentences=tuple(found))


def _line(text: str) -> str:
    return " ".join(text.split())
