"""The Spark session of a command."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

from cpullm.cli import arguments as shared


class Session:
    """The Spark session of a master: what can be checked before is checked at once, the start waits for its need."""

    def __init__(self, master: str, stack: ExitStack) -> None:
        from cpullm import spark

        self._master, self._stack = master, stack
        self._session: Any = None
        if master != shared.IN_PROCESS:
            spark.check_java()
            spark.local_cpus(master)

    def started(self) -> Any:
        """The session, stopped when the stack closes; None without Spark."""
        from cpullm import spark

        if self._session is None and self._master != shared.IN_PROCESS:
            self._session = spark.session(self._master)
            self._stack.callback(self._stop)
        return self._session

    def _stop(self) -> None:
        with suppress(Exception):  # a signal to all of its group may have ended Spark already
            self._session.stop()
