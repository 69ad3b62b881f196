"""Answers kept as they come, so that a run that was stopped goes on where it was, and no answer is computed twice.

A store is a folder: on a disk, on one that all nodes share, or in HDFS or S3 (`pyarrow.fs` brings them). Each group's
answers are one file, named by the ids of its requests: whoever writes it writes the same, and it appears whole or
not at all. Request ids are their content's hash, so an answer that is there is right for whoever asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm.errors import MachineError, OptionError
from cpullm.filesystems import is_uri, opened, told
from cpullm.records import Completion, Request, plain

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_MARK = "STORE"
_NAME = re.compile(r"[0-9a-f]{64}\.jsonl")  # others in the folder are not ours
_DRAFT = re.compile(r"\.[0-9a-zA-Z.]+\.[0-9a-f]{32}")
_DRAFT_SECONDS = 3600.0
_TRYING = "trying"
_N_READERS = 8  # a file in S3 is mostly waiting


@dataclass(frozen=True)
class Store:
    """Answers in a folder, by its path or URI (`hdfs://…`, `s3://…`); `mark` tells it from others of the same name."""

    uri: str
    mark: str = ""

    @classmethod
    def prepared(cls, uri: str) -> Store:
        """The store made ready on the driver: a folder that is there, can be written, and bears a mark.

        Raises OptionError, naming the folder, where that cannot be.
        """
        store = cls(uri if is_uri(uri) else str(Path(uri).absolute()))
        try:
            store._files.create_dir(store._root, recursive=True)
            if store._found_mark() is None:
                store._write(_MARK, uuid.uuid4().hex.encode(), over=False)
            else:
                store._try_writing()
            store._forget_tries()  # what an earlier run died of, this one may have room for
            store._forget_drafts()
            return replace(store, mark=store._found_mark() or "")
        except OSError as error:
            raise OptionError(f"answers cannot be kept in {uri} ({told(error)}): name another folder.") from error

    def is_seen(self) -> bool:
        """Whether this machine sees the folder that was prepared, not another one of the same name."""
        with contextlib.suppress(OSError, OptionError):
            return self._found_mark() == self.mark
        return False

    def answers(self) -> dict[str, Completion]:
        """All answers that are there, by their requests' ids. A file that is not whole does not count."""
        with ThreadPoolExecutor(_N_READERS) as readers:
            return {answer.id: answer for answers in readers.map(self._read, self._names()) for answer in answers}

    def answers_of(self, requests: Sequence[Request], *, singly: bool = False) -> dict[str, Completion]:
        """The answers that a group left when it was begun before, also those one by one; few files are looked at."""
        names = {_name(requests), *(_name([request]) for request in requests if singly)}
        return {answer.id: answer for name in names for answer in self._read(name)}

    def keep(self, requests: Sequence[Request], completions: Sequence[Completion]) -> None:
        """Write what was answered to these requests; errors are not kept, for they may be gone the next time.

        Raises OptionError, naming the folder, where it cannot be written: its disk may be full.
        """
        answers = [completion for completion in completions if completion.error is None]
        if not answers:
            return
        lines = [json.dumps({"answers": len(answers)}), *(json.dumps(plain(answer)) for answer in answers)]
        try:
            self._write(_name(requests), "\n".join([*lines, ""]).encode())
        except OSError as error:
            raise OptionError(
                f"answers cannot be kept in {self.uri} ({told(error)}). Those that are there are not lost: make room "
                "or get leave to write there, and give the same command again."
            ) from error

    def size(self) -> int:
        """How many files there are: of answers, and of what was tried; it grows as long as a job gets on."""
        return len(self._names()) + self.tried().total()

    def clear(self) -> None:
        """Forget all answers. Raises OptionError if they cannot be deleted."""
        try:
            for name in self._names():
                with contextlib.suppress(FileNotFoundError):  # another run does the same
                    self._files.delete_file(self._path(name))
        except OSError as error:
            raise OptionError(f"answers in {self.uri} cannot be deleted ({told(error)}).") from error

    def tried(self) -> Counter[str]:
        """How often a process began and did not come to its end, by the name of the group or the request's id."""
        return Counter(name.partition(".")[0] for name in self._listed(_TRYING))

    @contextlib.contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """Leave a mark that this group or request is being answered; it stays if the process or the engine fails at it.

        Where none can be left, it is tried all the same: another executor may write there.
        """
        mark = posixpath.join(_TRYING, f"{name}.{uuid.uuid4().hex}")
        with contextlib.suppress(OSError):
            self._files.create_dir(self._path(_TRYING), recursive=True)
            self._write(mark, b".")
        try:
            yield
        except (KeyboardInterrupt, MachineError):  # no text's fault
            self._forget(mark)
            raise
        self._forget(mark)

    def _forget(self, mark: str) -> None:
        with contextlib.suppress(OSError):  # the answer counts, and a mark by itself harms little
            self._files.delete_file(self._path(mark))

    def _forget_tries(self) -> None:
        with contextlib.suppress(OSError):  # not there, or another run writes in it
            self._files.delete_dir(self._path(_TRYING))

    def _try_writing(self) -> None:
        name = f".{_MARK}.{uuid.uuid4().hex}"
        self._write(name, b".")
        self._files.delete_file(self._path(name))

    def _forget_drafts(self) -> None:
        """Those that writers left who died; one that is young may have a writer who lives."""
        from pyarrow.fs import FileSelector

        oldest = time.time() - _DRAFT_SECONDS
        for info in self._files.get_file_info(FileSelector(self._root)):
            if _DRAFT.fullmatch(info.base_name) and info.mtime_ns is not None and info.mtime_ns < oldest * 1e9:
                with contextlib.suppress(FileNotFoundError):
                    self._files.delete_file(info.path)

    @property
    def _files(self) -> FileSystem:
        return opened(self.uri)[0]

    @property
    def _root(self) -> str:
        return opened(self.uri)[1]

    def _found_mark(self) -> str | None:
        try:
            with self._files.open_input_stream(self._path(_MARK)) as stream:
                return bytes(stream.read()).decode("ascii", "replace")
        except FileNotFoundError:
            return None

    def _names(self) -> list[str]:
        return sorted(name for name in self._listed("") if _NAME.fullmatch(name))

    def _listed(self, folder: str) -> Iterator[str]:
        """Names of the files in a folder; none if it is not there."""
        from pyarrow.fs import FileSelector, FileType

        for info in self._files.get_file_info(FileSelector(self._path(folder), allow_not_found=True)):
            if info.type == FileType.File and not info.base_name.startswith("."):  # those are drafts
                yield info.base_name

    def _read(self, name: str) -> list[Completion]:
        """A file's answers; none if it is not there or not whole."""
        try:
            with self._files.open_input_stream(self._path(name)) as stream:
                head, *lines = bytes(stream.read()).decode().splitlines()
            answers = [Completion.of(json.loads(line)) for line in lines]
            return answers if json.loads(head)["answers"] == len(answers) else []
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return []

    def _write(self, name: str, data: bytes, *, over: bool = True) -> None:
        """Write a file so that no reader ever sees a part of it; not `over` one that is there, where disks tell."""
        path = self._path(name)
        if self._files.type_name == "s3":  # an object appears whole, and cannot be renamed
            with self._files.open_output_stream(path) as stream:
                stream.write(data)
            return
        draft = posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}.{uuid.uuid4().hex}")
        try:
            if self._files.type_name == "local":
                _write_through(draft, data)
                if not over:
                    with contextlib.suppress(FileExistsError):
                        os.link(draft, path)
                    os.unlink(draft)
                    return
            else:
                with self._files.open_output_stream(draft) as stream:
                    stream.write(data)
            self._files.move(draft, path)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.delete_file(draft)
            raise

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name) if name else self._root


def _write_through(path: str, data: bytes) -> None:
    """Write to a disk and wait for it: a rename may reach it before the data does."""
    with open(path, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def group_name(requests: Iterable[Request]) -> str:
    """These requests together, by what is asked."""
    ids = sorted(request.id for request in requests)
    return hashlib.sha256("".join(ids).encode()).hexdigest()


def _name(requests: Iterable[Request]) -> str:
    """The file of what these requests are answered with."""
    return f"{group_name(requests)}.jsonl"
