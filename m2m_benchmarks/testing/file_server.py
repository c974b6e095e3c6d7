"""A file server on this machine, with byte ranges, which answers as it should or with the faults that it is given."""

import contextlib
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
    """Content of a file that is served without being in memory.

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
    """Files that are served, what the server does wrong, and what it was asked.

    Attributes
    ----------
    address : str
        Its URL, without a slash at the end.
    files : dict
        Content by path: bytes, or an `OnDisk`.
    validators : dict
        Headers of every file that tell its version.
    faults : list
        Faults of the next requests, in order, None for none; when there are no more, all is served as it should be. A
        fault is called with the handler of `http.server` and this server, and answers in its place.
    faulty : dict
        Faults by path, of all its requests.
    honours_if_range : bool
        Whether a part is only sent of the version that the request names.
    requests : list of dict
        Requests so far: method, path, range, if_range, encoding and sent (bytes).
    sleep : callable
        What slow faults wait with, in s.
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
        """Bytes of content of all answers."""
        return sum(request['sent'] for request in self.requests)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(request['method'], request['path']) for request in self.requests]

    def answer(self, handler: Any) -> None:
        """Answer a request, with a fault if it is the turn of one."""
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
        """Status, content and headers of what is asked for."""
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
    """Run a file server for the length of the block."""

    class Handler(QuietHandler):
        protocol_version = 'HTTP/1.1'
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # noqa: N802
            server.answer(self)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815

    with serving(Handler) as running:
        running.handle_error = lambda *arguments: None  # type: ignore[method-assign]  # clients go when they like
        server.address = running.url  # type: ignore[attr-defined]
        yield server


def serve(handler: Any, server: FileServer) -> None:
    """Answer as it should be."""
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
        Its content.
    only : int, optional
        Number of bytes of the content that are sent before the connection is closed; all of them by default.
    close : bool
        Whether the connection is closed afterwards in any case.
    headers
        Its headers; None leaves out one that is sent otherwise, such as `Content-Length`.
    """
    size = len(content) if only is None else min(only, len(content))
    if handler.command != 'HEAD':
        handler.request_['sent'] += size  # before the client can have anything of it and ask how much it was
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
    """The fault of an answer without content."""
    return lambda handler, server: send(handler, code, **{key.replace('_', '-'): headers[key] for key in headers})


def page(handler: Any, server: FileServer) -> None:
    """Answer with a web page, as a network does that wants a login."""
    headers: dict[str, Any] = {'Content-Type': 'text/html'}
    send(handler, 200, b'<!DOCTYPE html><html><body>Log in</body></html>', **headers)


def _content_range(first: int, last: int, length: int) -> dict[str, Any]:
    return {'Content-Range': f'bytes {first}-{last}/{length}'}


def part(
    change: Callable[[bytes], bytes] = lambda content: content,
    said: Callable[[int, int, int], str] = lambda *numbers: _content_range(*numbers)['Content-Range'],
    **options: Any,
) -> Fault:
    """The fault of a partial answer with other content, another Content-Range, or other options of `send`."""

    def fault(handler: Any, server: FileServer) -> None:
        content = server.files[urlsplit(handler.path).path]
        first, last = map(int, re.match(r'bytes=(\d+)-(\d+)', handler.headers['Range']).groups())  # type: ignore
        last = min(last, len(content) - 1)
        headers = {'Content-Range': said(first, last, len(content)), **server.validators, **options}
        send(handler, 206, change(content[first : last + 1]), **headers)

    return fault


def cut(after: int) -> Fault:
    """The fault of a connection that is lost after some bytes of the content."""

    def fault(handler: Any, server: FileServer) -> None:
        status_, content, headers = server.reply(handler)
        send(handler, status_, content, only=after, **headers)

    return fault


def whole(handler: Any, server: FileServer) -> None:
    """Send all of a file, whatever was asked for."""
    send(handler, 200, server.files[urlsplit(handler.path).path], **server.validators)


def hang_up(handler: Any, server: FileServer) -> None:
    """Answer nothing at all."""
    handler.close_connection = True


def drip(what: str, every_s: float = 5) -> Fault:
    """The fault of a server that sends a byte now and then, and so never lets a read time out.

    Parameters
    ----------
    what : str
        'headers' or 'body', the part that it never comes to an end with.
    every_s : float
        Time between two bytes, by the server's `sleep`.
    """

    def fault(handler: Any, server: FileServer) -> None:
        if what == 'body':
            code, content, headers = server.reply(handler)
            send(handler, code, content, only=0, **headers)
        with contextlib.suppress(OSError):  # the client has gone
            for byte in b'HTTP/1.1 206 Partial Content\r\nX-Slow: ' + b'x' * 10_000:
                handler.wfile.write(bytes([byte]))
                server.sleep(every_s)
        handler.close_connection = True

    return fault


def silent(handler: Any, server: FileServer) -> None:
    """Answer nothing and hold the connection until the client goes."""
    with contextlib.suppress(OSError):
        handler.rfile.read(1)
    handler.close_connection = True
