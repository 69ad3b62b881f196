"""One group on an executor that keeps its answers: what is there already is taken, what kills the process is left out.

A group that failed is answered again whole, so that what answers it gives are the same. When it failed twice, its
requests are answered one by one. Group and request are marked before they are begun: a mark that stays names what the
process died of. How often Spark tried a task says less: a host with a full disk fails at any group before it is begun.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from cpullm import worker
from cpullm.errors import OptionError
from cpullm.job import Job
from cpullm.records import Completion, FinishReason, Request
from cpullm.store import Store, group_name

_N_WHOLE = 2  # deaths of the whole group
# Marks of a request alone: one death may be the machine's fault, and one mark that of a copy begun elsewhere.
N_DEATHS = 3


def answer(requests: Sequence[Request], job: Job, store: Store) -> tuple[list[Completion], bool]:
    """The group's completions, and whether they are all kept."""
    tried, group = store.tried(), group_name(requests)
    careful = tried[group] >= _N_WHOLE or any(tried[request.id] for request in requests)
    found = store.answers_of(requests, singly=careful)
    known = {key: replace(one, group_id=requests[0].group_id) for key, one in found.items()}
    left = [request for request in requests if request.id not in known]
    if not left:
        return list(known.values()), True
    worker.load(job)  # a machine that cannot is no request's fault
    if careful:
        answered = [_alone(request, job, store, tried[request.id]) for request in left]
        new, kept = [completion for completion, _ in answered], all(kept for _, kept in answered)
    else:
        with store.trying(group), worker.time_limit(job.group_seconds):
            new = list(worker.answer(left, job))
        kept = _keep(store, requests, new)
    return [*known.values(), *new], kept


def _alone(request: Request, job: Job, store: Store, n_deaths: int) -> tuple[Completion, bool]:
    if n_deaths >= N_DEATHS:
        return _left_out(request, n_deaths), True
    with store.trying(request.id), worker.time_limit(job.group_seconds):
        (completion,) = worker.answer([request], job)
    return completion, _keep(store, [request], [completion])


def _keep(store: Store, requests: Sequence[Request], completions: list[Completion]) -> bool:
    """Whether they could be kept: where this executor may not write, or has no room, they go to the driver."""
    try:
        store.keep(requests, completions)
    except OptionError:
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
        error=f"Its worker died, failed or ran out of time {n_deaths} times at this text alone; it was left out.",
    )
