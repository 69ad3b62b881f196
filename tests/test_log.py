"""llama.cpp's log: what is kept of it, and that Ctrl-C during it is not lost."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections import deque
from functools import partial

import pytest

from cpullm.engine import log

ERROR, INFO = 4, 2


def _say(level: int, text: str) -> None:
    log._keep(level, text.encode(), None)


def test_lines_are_kept_with_their_levels_in_order() -> None:
    with log.held():
        _say(INFO, "a size =\t12 MiB\n")
        _say(ERROR, "näh: \N{CRAB}\n")
    assert log.lines() == [log.Line(INFO, "a size =\t12 MiB"), log.Line(ERROR, "näh: \N{CRAB}")]


def test_bytes_that_are_no_text_are_kept_too() -> None:
    with log.held():
        log._keep(INFO, b"half \xf0\x9f\n", None)
    assert log.lines() == [log.Line(INFO, "half \ufffd")]


def test_the_reason_is_the_first_error_and_no_chatter() -> None:
    with log.held():
        for level, text in ((INFO, "reading"), (ERROR, "no room"), (ERROR, "giving up")):
            _say(level, text)
    assert log.reason() == "no room"


def test_what_was_said_before_is_forgotten() -> None:
    _say(ERROR, "long ago")
    with log.held():
        pass
    assert (log.lines(), log.reason()) == ([], "no reason given")


def test_ctrl_c_while_llama_cpp_logs_is_heard_after_the_call() -> None:
    press = partial(ctypes.CDLL(None)["raise"], int(signal.SIGINT))
    say = partial(log._keep, INFO, b"loading\n", None)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), log.held():
        # No Python runs between the two, as none does while llama.cpp works.
        deque(map(partial.__call__, [press, say]), maxlen=0)
    assert log.lines() == [log.Line(INFO, "loading")]
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_the_way_of_ctrl_c_is_left_as_it_is() -> None:
    def call() -> None:
        with log.held():
            _say(INFO, "loading")

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert log.lines() == [log.Line(INFO, "loading")]
