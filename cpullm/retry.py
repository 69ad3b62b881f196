"""One group on an executor that keeps its answers: what is there already is taken, what kills the process is left out.

A group that failed is answered again whole, so that what answers it gives are the same. When it failed twice, its
requests are answered one by one, each marked before it is begun: a mark that stays names what the process died of.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from cpullm import worker
from cpullm.options import Job
from cpullm.records import Completion, FinishReason, Request
from cpullm.store import Store

_N_WHOLE = 2  # attempts at the whole group; Spark makes four by default
N_DEATHS = 2  # of a request alone: once may be the machine's fault


def answer(requests: Sequence[Request], job: Job, store: Store, attempt: int = 0) -> tuple[list[Completion], bool]:
    """The group's completions, and whether they are all kept; `attempt` is how often this job has begun it before."""
    tried = store.tried()
    careful = attempt >= _N_WHOLE or any(tried[request.id] for request in requests)
    known = store.answers_of(requests, singly=careful)
    left = [request for request in requests if request.id not in known]
    if not left:
        return list(known.values()), True
    if careful:
        worker.load(job.engine)  # a machine that cannot is no request's fault
        answered = [_alone(request, job, store, tried[request.id]) for request in left]
        new, kept = [completion for completion, _ in answered], all(kept for _, kept in answered)
    else:
        new = list(worker.answer(left, job))
        kept = _keep(store, requests, new)
    return [*known.values(), *new], kept


def _alone(request: Request, job: Job, store: Store, n_deaths: int) -> tuple[Completion, bool]:
    if n_deaths >= N_DEATHS:
        return _left_out(request, n_deaths), True
    with store.trying(request.id):
        (completion,) = worker.answer([request], job)
    return completion, _keep(store, [request], [completion])


def _keep(store: Store, requests: Sequence[Request], completions: list[Completion]) -> bool:
    """Whether they could be kept: where this executor may not write, or has no room, they go to the driver."""
    try:
        store.keep(requests, completions)
    except OSError:
        return False
    return True


def _left_out(request: Request, n_deaths: int) -> Completion:
    return Completion(
        id=request.id,
        group_id=request.group_id,
        text="",
        finish_reason=FinishReason.ERROR.value,
        prompt_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        worker=worker.process_name(os.getpid()),
        error=f"Its worker died or failed {n_deaths} times at this text alone; it was left out.",
    )
