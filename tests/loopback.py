"""A real HTTP server on 127.0.0.1 that stands in for the model hub and Project Gutenberg, faults included.

with Loopback() as server:
    server.put("/book.txt", b"...")             # ranges, ETag and If-Range work as on the real ones
    server.fail("/book.txt", status(503), cut(10))  # the next two GETs go wrong, then all is well
    server.publish("owner/name", "model.gguf", b"GGUF...")  # as the hub: HEAD tells size and sha256, GET redirects
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

COMMIT = "c" * 40


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one GET: another status, or a body that stops after `after` bytes, by a cut or a stall."""

    status: int | None = None
    after: int | None = None
    stall_seconds: float = 0.0


def status(code: int) -> Fault:
    """The server answers with this HTTP status."""
    return Fault(status=code)


def cut(after: int) -> Fault:
    """The connection is reset after so many bytes of the body."""
    return Fault(after=after)


def stall(after: int, seconds: float) -> Fault:
    """Nothing more comes after so many bytes, for that long."""
    return Fault(after=after, stall_seconds=seconds)


@dataclass
class Page:
    """One address: a body with its validator, or a redirect. `ranges` off ignores Range, as some mirrors do."""

    body: bytes = b""
    etag: str = ""
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    length: bool = True


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]


class Loopback:
    """The server; a context manager. `seen` is every request in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.seen: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, body: bytes, *, etag: str | None = None, content_type: str = "", **how: bool) -> str:
        """Serve a body; returns its URL. Without `etag` the validator is the content's hash; `how` is Page's."""
        tag = f'"{hashlib.md5(body).hexdigest()}"' if etag is None else etag
        headers = {"Content-Type": content_type} if content_type else {}
        self.pages[path] = Page(body=body, etag=tag, headers=headers, **how)
        return self.url + path

    def redirect(self, path: str, to: str, headers: dict[str, str] | None = None) -> str:
        """Answer with a redirect to another address of this server, by its other name, as to another host."""
        self.pages[path] = Page(location=self.url.replace("127.0.0.1", "localhost") + to, headers=headers or {})
        return self.url + path

    def publish(self, repository: str, file: str, body: bytes, revision: str = "main") -> str:
        """Serve a file as the hub does: metadata in the headers of a redirect to the storage provider."""
        sha256 = hashlib.sha256(body).hexdigest()
        self.put(f"/cdn/{sha256}", body)
        facts = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(body))}
        return self.redirect(f"/{repository}/resolve/{revision}/{file}", f"/cdn/{sha256}", facts)

    def fail(self, path: str, *faults: Fault) -> None:
        """The next GETs of this path go wrong, one fault each."""
        self.faults.setdefault(path, []).extend(faults)

    def asked(self, path: str, method: str = "GET") -> list[Seen]:
        """The requests of one path."""
        return [one for one in self.seen if one.path == path and one.method == method]

    def __enter__(self) -> Loopback:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_for(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(None)

        def do_GET(self) -> None:
            faults = loopback.faults.get(self.path)
            self._answer(faults.pop(0) if faults else None)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, fault: Fault | None) -> None:
            loopback.seen.append(Seen(self.command, self.path, dict(self.headers.items())))
            page = loopback.pages.get(self.path)
            if page is None or (fault is not None and fault.status is not None):
                code = 404 if fault is None or fault.status is None else fault.status
                return self._send(code, {}, b"<html>sorry</html>")
            if page.location:
                return self._send(302, {**page.headers, "Location": page.location}, b"")
            first = self._first_byte(page)
            if first is not None and first >= len(page.body):
                return self._send(416, {"Content-Range": f"bytes */{len(page.body)}"}, b"")
            headers = page.headers | ({"ETag": page.etag} if page.etag else {})
            if first is not None:
                headers["Content-Range"] = f"bytes {first}-{len(page.body) - 1}/{len(page.body)}"
            self._send(200 if first is None else 206, headers, page.body[first or 0 :], fault, page.length)

        def _first_byte(self, page: Page) -> int | None:
            wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
            if wanted is None or not page.ranges or (condition is not None and condition != page.etag):
                return None
            return int(wanted.removeprefix("bytes=").removesuffix("-"))

        def _send(
            self, code: int, headers: dict[str, str], body: bytes, fault: Fault | None = None, length: bool = True
        ) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            if length:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            if self.command == "HEAD":
                return
            with contextlib.suppress(OSError):  # the other side may hang up first: that is what is tried here
                self.wfile.write(body if fault is None or fault.after is None else body[: fault.after])
                self.wfile.flush()
                if fault is not None:
                    time.sleep(fault.stall_seconds)
                    self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
