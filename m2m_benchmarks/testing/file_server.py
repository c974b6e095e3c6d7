"""A file server on this machine, with byte ranges and, on request, faults."""

import contextlib
import gc
import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote_plus, urlsplit

from m2m_benchmarks.testing.servers import QuietHandler, serving

#: Status, content and headers of an answer.
Reply = tuple[int, Any, dict[str, Any]]


class OnDisk:
    """Content of a file that is served without being read into memory.

    Parameters
    ----------
    path : Path
        File to serve.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size

    def __getitem__(self, span: slice) -> bytes:
        with self._path.open('rb') as file:
            file.seek(span.start or 0)
            return file.read((len(self) if span.stop is None else span.stop) - (span.start or 0))


class FileServer:
    """A file server: its files, its faults, and the requests so far.

    Attributes
    ----------
    address : str
        URL of the server, without a slash at the end.
    files : dict
        Content by path: bytes, or an `OnDisk`.
    validators : dict
        Headers that identify the version of a file.
    faults : list
        Faults of the next requests, in order, or None for a correct answer; later requests are answered correctly. A
        fault is called with the handler of `http.server` and this server, and answers the request.
    faulty : dict
        Fault of all requests for a path, by path.
    honours_if_range : bool
        Whether a range is sent only if the file has the version that the request names.
    requests : list of dict
        Requests so far: method, path, range, if_range, encoding and sent (number of bytes).
    sleep : callable
        Function that slow faults sleep with, in seconds.
    """

    def __init__(self) -> None:
        self.address = ''
        self.files: dict[str, Any] = {}
        self.validators: dict[str, Any] = {'ETag': '"1"', 'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT'}
        self.faults: list[Fault | None] = []
        self.faulty: dict[str, Fault] = {}
        self.honours_if_range = True
        self.requests: list[dict[str, Any]] = []
        self.sleep: Callable[[float], None] = time.sleep

    @property
    def sent(self) -> int:
        """Number of content bytes of all answers."""
        return sum(request['sent'] for request in self.requests)

    @property
    def requested(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(request['method'], request['path']) for request in self.requests]

    def answer(self, handler: Any) -> None:
        """Answer a request, or call its fault."""
        path = unquote_plus(handler.path)
        handler.request_ = {
            'method': handler.command,
            'path': path,
            'range': handler.headers['Range'],
            'if_range': handler.headers['If-Range'],
            'encoding': handler.headers['Accept-Encoding'],
            'sent': 0,
        }
        self.requests.append(handler.request_)
        fault = self.faults.pop(0) if self.faults else self.faulty.get(urlsplit(path).path)
        (fault or serve)(handler, self)

    def reply(self, handler: Any) -> Reply:
        """Make the correct reply to a request: status, content and headers."""
        content = self.files.get(urlsplit(unquote_plus(handler.path)).path)
        if content is None:
            return 404, b'', {}
        span = re.match(r'bytes=(\d+)-(\d*)', handler.headers['Range'] or '')
        known = handler.headers['If-Range'] in (None, *self.validators.values()) or not self.honours_if_range
        if span is None or not known:
            return 200, content, self.validators
        start, stop = int(span[1]), min(int(span[2] or len(content)) + 1, len(content))
        if start >= len(content):
            return 416, b'', {'Content-Range': f'bytes */{len(content)}'}
        return 206, content[start:stop], self.validators | _content_range(start, stop - 1, len(content))


Fault = Callable[[Any, FileServer], None]
Server = TypeVar('Server', bound=FileServer)


@contextlib.contextmanager
def serving_files(server: Server) -> Iterator[Server]:
    """Run a file server for the length of the block.

    Garbage collection is off meanwhile: in a thread of the server it could finalise an object of h5py and wait for
    h5py's lock, which is held by a client that reads an HDF5 file and waits for the server.
    """

    class Handler(QuietHandler):
        protocol_version = 'HTTP/1.1'
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # noqa: N802
            server.answer(self)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815

    with serving(Handler) as running:
        running.handle_error = lambda *arguments: None  # type: ignore[method-assign]  # clients may disconnect at any time
        server.address = running.url  # type: ignore[attr-defined]
        collects = gc.isenabled()
        gc.disable()
        try:
            yield server
        finally:
            if collects:
                gc.enable()


def serve(handler: Any, server: FileServer) -> None:
    """Answer correctly."""
    status_, content, headers = server.reply(handler)
    send(handler, status_, content, **headers)


def send(
    handler: Any, status: int, content: Any = b'', *, only: int | None = None, close: bool = False, **headers: Any
) -> None:
    """Send an answer.

    Parameters
    ----------
    handler : BaseHTTPRequestHandler
        Handler of the request.
    status : int
        Status of the answer.
    content : bytes or OnDisk
        Content of the answer.
    only : int, optional
        Number of content bytes to send before the connection is closed; all by default.
    close : bool
        Whether to close the connection afterwards.
    headers
        Headers of the answer; None leaves out a default one, such as `Content-Length`.
    """
    size = len(content) if only is None else min(only, len(content))
    if handler.command != 'HEAD':
        handler.request_['sent'] += size  # before the client receives anything and can read the count
    handler.send_response(status)
    for name, value in {'Content-Length': str(len(content)), **headers}.items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    if handler.command != 'HEAD':
        for start in range(0, size, 2**22):
            handler.wfile.write(content[start : min(start + 2**22, size)])
    handler.close_connection = close or only is not None


def status(code: int, **headers: Any) -> Fault:
    """Make a fault that answers without content."""
    return lambda handler, server: send(handler, code, **{key.replace('_', '-'): headers[key] for key in headers})


def page(handler: Any, server: FileServer) -> None:
    """Answer with a web page, like a network that requires a login."""
    headers: dict[str, Any] = {'Content-Type': 'text/html'}
    send(handler, 200, b'<!DOCTYPE html><html><body>Log in</body></html>', **headers)


def _content_range(first: int, last: int, length: int) -> dict[str, Any]:
    return {'Content-Range': f'bytes {first}-{last}/{length}'}


def part(
    change: Callable[[bytes], bytes] = lambda content: content,
    content_range: Callable[[int, int, int], str] = lambda *numbers: _content_range(*numbers)['Content-Range'],
    **options: Any,
) -> Fault:
    """Make a fault that answers with changed content, another Content-Range, or other options of `send`."""

    def fault(handler: Any, server: FileServer) -> None:
        content = server.files[urlsplit(handler.path).path]
        first, last = map(int, re.match(r'bytes=(\d+)-(\d+)', handler.headers['Range']).groups())  # type: ignore
        last = min(last, len(content) - 1)
        headers = {'Content-Range': content_range(first, last, len(content)), **server.validators, **options}
        send(handler, 206, change(content[first : last + 1]), **headers)

    return fault


def cut(after: int) -> Fault:
    """Make a fault that closes the connection after some bytes of the content."""

    def fault(handler: Any, server: FileServer) -> None:
        status_, content, headers = server.reply(handler)
        send(handler, status_, content, only=after, **headers)

    return fault


def whole(handler: Any, server: FileServer) -> None:
    """Send the whole file, ignoring any range."""
    send(handler, 200, server.files[urlsplit(handler.path).path], **server.validators)


def hang_up(handler: Any, server: FileServer) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def drip(section: str, every_s: float = 5) -> Fault:
    """Make a fault that sends a byte from time to time, so that no read times out.

    Parameters
    ----------
    section : str
        Part of the answer that never ends, 'headers' or 'body'.
    every_s : float
        Time between two bytes, in seconds of the server's `sleep`.
    """

    def fault(handler: Any, server: FileServer) -> None:
        if section == 'body':
            code, content, headers = server.reply(handler)
            send(handler, code, content, only=0, **headers)
        # An end would be another fault, which a client on a clock of its own could meet before its time limit.
        with contextlib.suppress(OSError):  # the client has disconnected
            for byte in itertools.chain(b'HTTP/1.1 206 Partial Content\r\nX-Slow: ', itertools.repeat(ord('x'))):
                handler.wfile.write(bytes([byte]))
                server.sleep(every_s)
        handler.close_connection = True

    return fault


def silent(handler: Any, server: FileServer) -> None:
    """Hold the connection without an answer until the client disconnects."""
    with contextlib.suppress(OSError):
        handler.rfile.read(1)
    handler.close_connection = True
