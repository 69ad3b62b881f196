"""Where this is on the path of an executor's Python, a stand-in answers: at once, and as the text tells it to.

A line of a text `SLEEP 0.5` takes that many seconds, `DIE` kills the process, `FAIL` raises. Every answer is noted in
the folder that STANDIN_LOG names, so that a test can count what was computed twice.
"""

import hashlib
import os
import signal
import socket
import time
from pathlib import Path

from cpullm import worker
from cpullm.errors import EngineError
from cpullm.records import Completion


def _answer(requests, job):
    for request in requests:
        for line in request.text.splitlines():
            _obey(line.strip())
        with Path(os.environ["STANDIN_LOG"], f"{os.getpid()}").open("a") as log:
            log.write(f"{request.id}\n")
        text = f"Answer {hashlib.sha256(request.text.encode()).hexdigest()[:12]}."
        name = f"{socket.gethostname()}:{os.getpid()}"
        yield Completion(request.id, request.group_id, text, "stop", request.prompt_tokens, 4, 0.1, name)


def _obey(line):
    if line.startswith("SLEEP "):
        time.sleep(float(line.removeprefix("SLEEP ")))
    elif line == "DIE":
        os.kill(os.getpid(), signal.SIGKILL)
    elif line == "FAIL":
        raise EngineError("the stand-in was told to fail.")


if "STANDIN_LOG" in os.environ:
    worker.answer = _answer
    worker.load = lambda job: None
