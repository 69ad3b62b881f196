"""llama.cpp's log: held back from the terminal, and kept until the next call for whoever asks what was said."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cpullm.engine.bindings import c

_ERROR = 4  # ggml_log_level, which the bindings do not name


@dataclass(frozen=True, slots=True)
class Line:
    """One thing llama.cpp said, and ggml's level of it."""

    level: int
    text: str


_lines: list[Line] = []


@c.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def _keep(level: int, text: bytes, _user_data: Any) -> None:
    _lines.append(Line(level, text.decode("utf-8", "replace").strip()))


@contextmanager
def held() -> Iterator[None]:
    """Round a call of llama.cpp: what it says is kept, what was said before is forgotten, Ctrl-C is raised after it.

    C calls what takes the log, so that Ctrl-C raised in there would be heard by nobody.
    """
    pressed: list[tuple[Any, Any]] = []
    raises = signal.getsignal(signal.SIGINT)
    # Only the main thread hears signals, and may say how.
    waits = callable(raises) and threading.current_thread() is threading.main_thread()
    if waits:
        signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    _lines.clear()
    c.llama_log_set(_keep, ctypes.c_void_p(0))
    try:
        yield
    finally:
        if waits:
            signal.signal(signal.SIGINT, raises)
        if pressed and callable(raises):
            raises(*pressed[0])


def lines() -> list[Line]:
    """What was said since the last call began, in order."""
    return list(_lines)


def reason() -> str:
    """What llama.cpp said was wrong since the last call began."""
    # The cause comes first; the lines after it only say that the caller gave up as well.
    told = next((line.text for line in _lines if line.level == _ERROR), "no reason given")
    return told.rsplit(": ", 1)[-1] if told.startswith("llama_model_load") else told
