"""Level by level: every chunk's texts become requests, and their answers the next level's texts, until one is left.

Hierarchical merging as in Wu et al. 2021 (arXiv 2109.10862); a level is one more call of the same run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cpullm import plan
from cpullm.options import Job
from cpullm.records import Chunk, Completion, FinishReason, Level, Prompt, Request, Summary

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

Run = Callable[[Sequence[Request], Job, Callable[[int], None]], Iterator[Completion]]


@dataclass(slots=True)
class _State:
    """One chunk on its way: the texts still to be joined, and all completions so far."""

    texts: list[str]
    completions: list[Completion] = field(default_factory=list)
    merges: int = 0
    error: str | None = None


class Merging:
    """One run over all levels. Requests are built here, on the driver; `run` answers them, here or on Spark."""

    def __init__(self, prepared: plan.Plan, vocabulary: LlamaModel, run: Run, progress: bool) -> None:
        self._plan = prepared
        self._vocabulary = vocabulary
        self._run = run
        self._progress = progress
        self._states = [_State(list(windows)) for windows in prepared.windows]

    def all(self) -> tuple[list[Summary], list[Level]]:
        """Every chunk's summary, and what each level was."""
        levels: list[Level] = []
        task, asked = "summarize", [(state, list(state.texts)) for state in self._states if state.texts]
        while asked:
            levels.append(self._level(len(levels), task, asked))
            task, asked = "merge", [(state, self._join(state)) for state in self._states if len(state.texts) > 1]
            asked = [(state, texts) for state, texts in asked if texts]
        return [_summary(chunk, state) for chunk, state in zip(self._plan.chunks, self._states, strict=True)], levels

    def _join(self, state: _State) -> list[str]:
        """The state's texts in as few parts as fit a prompt; those of two or more texts are to be asked about."""
        counted = [(text, self._vocabulary.count_tokens(text) + 2) for text in state.texts]
        parts = plan.pack_texts(counted, self._plan.budget.text_tokens)
        state.texts = ["\n\n".join(part) for part in parts]
        joined = [text for text, part in zip(state.texts, parts, strict=True) if len(part) > 1]
        if not joined:
            state.error = f"{len(parts)} answers are too long to be merged; raise window_tokens."
        state.merges += len(joined)
        return joined

    def _level(self, level: int, task: str, asked: list[tuple[_State, list[str]]]) -> Level:
        prompt = self._plan.prompts[task]
        requests = [(state, [self._request(prompt, text) for text in texts]) for state, texts in asked]
        # The same text twice is one request: its id is its content.
        unique = {request.id: request for _, made in requests for request in made}
        packed = plan.pack(list(unique.values()), self._plan.options.group_tokens)
        started = time.monotonic()
        answers = self._answers(packed, "windows" if level == 0 else f"merges, level {level}")
        for state, made in requests:
            answered = {request.text: answers[request.id] for request in made}
            state.completions += [answers[request.id] for request in made]
            # A text that was not asked about had no room beside its neighbours, and waits for the next level.
            state.texts = [
                answered[text].text if text in answered else text
                for text in state.texts
                if text not in answered or answered[text].error is None
            ]
        return Level(
            task=task,
            requests=len(packed),
            groups=len({request.group_id for request in packed}),
            workers=tuple(sorted({completion.worker for completion in answers.values()})),
            prompt_tokens=sum(completion.prompt_tokens for completion in answers.values()),
            completion_tokens=sum(completion.completion_tokens for completion in answers.values()),
            seconds=round(time.monotonic() - started, 3),
        )

    def _answers(self, requests: list[Request], unit: str) -> dict[str, Completion]:
        from tqdm import tqdm

        # On a terminal the bar also shows that time goes on; in a log only that answers came.
        pause = 0.5 if sys.stderr.isatty() else 10.0
        with tqdm(total=len(requests), desc=unit, disable=not self._progress, unit="", mininterval=pause) as bar:

            def show(n_answered: int) -> None:
                bar.update(n_answered - bar.n)

            return {completion.id: completion for completion in self._run(requests, self._plan.job, show)}

    def _request(self, prompt: Prompt, text: str) -> Request:
        n_tokens = len(self._vocabulary.tokenize_prompt(prompt.head, text, prompt.tail))
        job, max_tokens = self._plan.job, self._plan.budget.max_tokens
        request_id = plan.request_id(job.engine.model_sha256, prompt, job.sampling, max_tokens, text)
        return Request(request_id, 0, prompt.head, text, prompt.tail, n_tokens, max_tokens)


def _summary(chunk: Chunk, state: _State) -> Summary:
    completions = state.completions
    failed = [completion for completion in completions if completion.error is not None]
    cut = any(completion.finish_reason == FinishReason.LENGTH for completion in completions)
    reason = FinishReason.ERROR if not state.texts else FinishReason.LENGTH if cut else FinishReason.STOP
    return Summary(
        document_id=chunk.document_id,
        index=chunk.index,
        levels=chunk.levels,
        title=chunk.title,
        line=chunk.line,
        start=chunk.start,
        end=chunk.end,
        words=chunk.words,
        summary="\n\n".join(state.texts),
        windows=len(completions) - state.merges,
        merges=state.merges,
        finish_reason=reason.value,
        prompt_tokens=sum(completion.prompt_tokens for completion in completions),
        completion_tokens=sum(completion.completion_tokens for completion in completions),
        seconds=round(sum((completion.seconds for completion in completions), 0.0), 3),
        error=state.error or _error(chunk, completions, failed),
    )


def _error(chunk: Chunk, completions: list[Completion], failed: list[Completion]) -> str | None:
    if chunk.error is not None:
        return chunk.error
    if not completions:
        return "The text is empty; nothing was asked of the model."
    return f"{len(failed)} of {len(completions)} answers failed: {failed[0].error}" if failed else None
