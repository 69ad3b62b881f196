"""The executor side: a group of requests in, completions out. The run in this process is the same code.

One engine per process, kept between groups. On Spark this rests on `spark.python.worker.reuse` (on by default): a
Python worker serves one task after another and then keeps its engine; one that idles for a minute is ended by Spark.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm import cpus, guards, memory, mending, plan
from cpullm.errors import EngineError
from cpullm.job import EngineOptions, Job, Sampling
from cpullm.records import Completion, Finished, Request
from cpullm.store import Store

if TYPE_CHECKING:
    from cpullm.engine.engine import Engine
    from cpullm.engine.llama import LlamaModel, LlamaRunner
    from cpullm.engine.sequence import Sequence as EngineSequence


@dataclass(slots=True)
class _Loaded:
    """The engine this process holds, and the options it was made with."""

    options: EngineOptions
    model: LlamaModel
    runner: LlamaRunner
    engine: Engine
    cpu_variant: str
    priors: dict[tuple[Request, Sampling], list[float]] = field(default_factory=dict)

    def close(self) -> None:
        self.runner.close()
        self.model.close()


_loaded: _Loaded | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of what goes on: requests and tokens since the last time, and each group that is finished."""

    progress: Callable[[int, int], None] = lambda requests, tokens: None
    finished: Callable[[Finished], None] = lambda finished: None


@dataclass(slots=True)
class Clock:
    """What a group takes, from now on: seconds, and those in which this process loaded an engine."""

    started: float = field(default_factory=time.perf_counter)
    loads_before: float = field(default_factory=lambda: _load_seconds)

    def finished(self, completions: Sequence[Completion], executor: str, attempt: int = 0) -> Finished:
        """The group that has these completions, now that it is done."""
        return Finished(
            group_id=completions[0].group_id,
            executor=executor,
            attempt=attempt,
            requests=len(completions),
            errors=sum(completion.error is not None for completion in completions),
            prompt_tokens=sum(completion.prompt_tokens for completion in completions),
            completion_tokens=sum(completion.completion_tokens for completion in completions),
            seconds=time.perf_counter() - self.started,
            load_seconds=_load_seconds - self.loads_before,
            cpu_variant=_loaded.cpu_variant if _loaded is not None else None,
        )


_load_seconds = 0.0  # of all engines this process has loaded


def run(
    requests: Sequence[Request], job: Job, *, store: Store | None = None, watch: Watch | None = None
) -> Iterator[Completion]:
    """Answer all requests in this process, group by group; each group's answers are kept when it is finished.

    Who calls it has seen that the engine fits into memory.
    """
    watch = watch or Watch()
    for _, members in groupby(requests, key=lambda request: request.group_id):
        group, completions, clock = list(members), [], Clock()
        for completion in _answered(group, job, _needed(group, job)):
            completions.append(completion)
            watch.progress(1, completion.prompt_tokens + completion.completion_tokens)
            yield completion
        if store is not None:
            store.keep(group, completions)
        watch.finished(clock.finished(completions, process_name(os.getpid())))


@functools.lru_cache(maxsize=1)
def vocabulary(path: str) -> LlamaModel:
    """The tokens and metadata of a model file, without its weights; kept for who asks again."""
    from cpullm.engine.llama import LlamaModel

    return LlamaModel(path, vocab_only=True)


def load(job: Job) -> None:
    """Have the engine loaded that the job needs, if any; MachineError if it does not fit into memory."""
    if job.needs_engine:
        _engine_for(job.engine, check=True)


def answer(requests: Sequence[Request], job: Job) -> Iterator[Completion]:
    """Answer one group with this process's engine, each request exactly once, in the order of finishing.

    MachineError, before it is loaded, if the engine does not fit into memory.
    """
    yield from _answered(requests, job, _needed(requests, job, check=True))


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """End this process, as if it had crashed, if what is inside takes longer: no code of llama.cpp can be stopped."""
    if seconds is None:
        yield
        return
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _answered(requests: Sequence[Request], job: Job, loaded: _Loaded | None) -> Iterator[Completion]:
    yield from exactly_once(requests, chain(_without_engine(requests, job), _generated(requests, job, loaded)))


def _without_engine(requests: Sequence[Request], job: Job) -> Iterator[Completion]:
    """The answers for which no model is asked."""
    for request in requests:
        if not job.asks(request.task, request.max_tokens):
            yield mending.extracted(request, job.way(request.task), process_name(os.getpid()))


def _generated(requests: Sequence[Request], job: Job, loaded: _Loaded | None) -> Iterator[Completion]:
    """The model's answers as they are to be shown; one that is not fit is asked for again while its text is at hand."""
    left = [request for request in requests if job.asks(request.task, request.max_tokens)]
    if not left:
        return
    assert loaded is not None
    _learn_priors(left, job, loaded)
    asked: dict[EngineSequence, Request] = {}
    for family in plan.texts(left):
        asked.update({_sequence(request, job.samplings[request.task], loaded.model): request for request in family})
    mender = mending.Mender(job)
    for sequence in loaded.engine.generate(list(asked)):
        request = asked[sequence]
        if sequence.choosing is not None:
            sequence.choosing.prior = loaded.priors.get(_without_text(request, job))
        completion = mender.take(request, _completion(request, sequence, loaded.model))
        if completion is not None:
            yield completion
            continue
        again = _sequence(request, guards.again(job.samplings[request.task]), loaded.model)
        asked[again] = request
        has_room = loaded.engine.add(again)
        assert has_room, "the same prompt had room"


def _learn_priors(requests: Sequence[Request], job: Job, loaded: _Loaded) -> None:
    """Have the choices' likelihoods without a text, where they are to be taken off; once for each wording."""
    bare = {_without_text(request, job) for request in requests if job.samplings[request.task].calibrated}
    asked = {_sequence(*one, loaded.model): one for one in bare if one not in loaded.priors}
    for sequence in loaded.engine.generate(list(asked)):
        if sequence.error is not None or sequence.choosing is None:
            raise EngineError(f"What is asked could not be asked without a text: {sequence.error}")
        loaded.priors[asked[sequence]] = sequence.choosing.log_likelihoods


def _without_text(request: Request, job: Job) -> tuple[Request, Sampling]:
    return replace(request, id="0" * 64, group_id=0, text="", prompt_tokens=0), job.samplings[request.task]


def exactly_once(requests: Iterable[Request], completions: Iterable[Completion]) -> Iterator[Completion]:
    """Pass completions on; an answer nobody asked for, a second one or a missing one raises EngineError."""
    open_ids = {request.id for request in requests}
    for completion in completions:
        if completion.id not in open_ids:
            raise EngineError(f"Request {completion.id[:12]} was answered twice, or never asked.")
        open_ids.remove(completion.id)
        yield completion
    if open_ids:
        missing = ", ".join(sorted(request_id[:12] for request_id in open_ids)[:3])
        raise EngineError(f"{len(open_ids)} requests were not answered: {missing} …")


def close() -> None:
    """Free this process's engine; the next group loads one again."""
    global _loaded
    if _loaded is not None:
        _loaded.close()
        _loaded = None


def held_model(options: EngineOptions) -> LlamaModel | None:
    """The model that this process's engine computes with, if it is the one these options name; it is the engine's."""
    if _loaded is None:
        return None
    ours, wanted = ((one.model, one.model_sha256, one.setting.repack) for one in (_loaded.options, options))
    return _loaded.model if ours == wanted else None


def process_name(pid: int) -> str:
    """A process of this host among those of a cluster: host:pid."""
    return f"{socket.gethostname()}:{pid}"


def _needed(requests: Sequence[Request], job: Job, *, check: bool = False) -> _Loaded | None:
    """The engine, if any of the requests asks the model."""
    asks = any(job.asks(request.task, request.max_tokens) for request in requests)
    return _engine_for(job.engine, check=check) if asks else None


def _engine_for(options: EngineOptions, *, check: bool = False) -> _Loaded:
    global _loaded, _load_seconds
    if _loaded is None or not _serves(_loaded.options, options):
        close()
        started = time.perf_counter()
        if check:
            memory.check(Path(options.model), options, started=True)
        _loaded = _load(options)
        _load_seconds += time.perf_counter() - started
    return _loaded


def _serves(loaded: EngineOptions, wanted: EngineOptions) -> bool:
    """Whether the engine is the wanted one, or the same with more room: answers do not depend on that."""
    return loaded.n_ctx >= wanted.n_ctx and replace(loaded, n_ctx=wanted.n_ctx) == wanted


def _load(options: EngineOptions) -> _Loaded:
    from cpullm.engine.bindings import cpu_variant
    from cpullm.engine.engine import Engine
    from cpullm.engine.llama import LlamaModel, LlamaRunner

    cpus.check_threads(options.setting.n_threads)
    model = LlamaModel(options.model, repack=options.setting.repack)
    try:
        runner = LlamaRunner(model, options, options.setting.n_threads or cpus.usable_cpus())
    except BaseException:
        model.close()
        raise
    return _Loaded(options, model, runner, Engine(runner), cpu_variant())


def _sequence(request: Request, sampling: Sampling, model: LlamaModel) -> EngineSequence:
    from cpullm.engine import choices
    from cpullm.engine.sequence import Sequence as EngineSequence

    head, text, tail = model.tokenize_prompt(request.head, request.text, request.tail, request.question)
    # The wording is every request's, the document after it every task's. Cut there whether shared or not: a task says
    # the same alone and beside others.
    cuts = (len(head), len(head) + len(text))
    choosing = None
    if sampling.choices:
        end, paths = choices.tokenized(
            model, request.tail, tuple(choice + sampling.closing for choice in sampling.choices)
        )
        tail = (model.tokenize(request.question, special=False) if request.question else []) + end
        choosing = choices.Choosing(paths)
    prompt = head + text + tail
    # One less than there are seeds: to llama.cpp the last one means that it shall take any.
    seed = (sampling.seed + int(request.id[:8], 16)) % (2**32 - 1)
    return EngineSequence(
        prompt,
        request.max_tokens,
        replace(sampling, seed=seed),
        tuple(cut for cut in cuts if 0 < cut < len(prompt)),
        choosing=choosing,
    )


def _completion(request: Request, sequence: EngineSequence, model: LlamaModel) -> Completion:
    if sequence.choosing is None:
        text = model.detokenize(sequence.tokens).strip()
    else:
        text = sequence.sampling.choices[sequence.choosing.best]
    reason = sequence.finish_reason
    assert reason is not None
    return Completion(
        id=request.id,
        group_id=request.group_id,
        text=text if sequence.error is None else "",
        finish_reason=reason.value,
        prompt_tokens=len(sequence.prompt),
        completion_tokens=len(sequence.tokens) + sequence.n_dropped,
        seconds=sequence.finished_at - sequence.admitted_at if sequence.admitted_at else 0.0,
        worker=process_name(os.getpid()),
        error=sequence.error,
    )
