"""A server on loopback in place of the Allen Institute's: files with byte ranges, queries of its API, and faults."""

import contextlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus, urlsplit


class OnDisk:
    """Content of a file that is served without being in memory."""

    def __init__(self, path):
        self._path = path

    def __len__(self):
        return self._path.stat().st_size

    def __getitem__(self, span):
        with self._path.open('rb') as file:
            file.seek(span.start or 0)
            return file.read((len(self) if span.stop is None else span.stop) - (span.start or 0))


class Warehouse:
    """What it serves, what it does wrong, and what it was asked.

    Attributes
    ----------
    files : dict
        Content by path.
    validators : dict
        Headers of every file that tell its version.
    models : dict
        Records by the name of the model that is queried, given in pages.
    faults : list
        One for each request, in order, None for none; when there are no more, all is served as it should be.
    faulty : dict
        Faults by path, of all its requests.
    most_rows : int
        That a query gets at once.
    requests : list of dict
        method, path, range, sent (bytes).
    """

    def __init__(self):
        self.files, self.models, self.faulty = {}, {}, {}
        self.validators = {'ETag': '"1"', 'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT'}
        self.faults, self.requests = [], []
        self.most_rows = 10_000

    @property
    def sent(self):
        return sum(request['sent'] for request in self.requests)

    @property
    def asked(self):
        return [(request['method'], request['path']) for request in self.requests]

    def answer(self, handler):
        path = unquote_plus(handler.path)
        handler.log_ = {'method': handler.command, 'path': path, 'range': handler.headers['Range'], 'sent': 0}
        self.requests.append(handler.log_)
        fault = self.faults.pop(0) if self.faults else self.faulty.get(urlsplit(path).path)
        (fault or serve)(handler, self)


@contextlib.contextmanager
def serving():
    """A `Warehouse` that runs for the length of the block."""
    warehouse = Warehouse()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        disable_nagle_algorithm = True

        def do_GET(self):
            warehouse.answer(self)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None  # clients go when they like
    warehouse.address = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield warehouse
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(handler, warehouse):
    """What is asked for, as it should be."""
    code, content, headers = reply(handler, warehouse)
    send(handler, code, content, **headers)


def reply(handler, warehouse):
    """Code, content and headers of what is asked for."""
    path = unquote_plus(handler.path)
    if 'model::' in path:
        return 200, json.dumps(query(warehouse, path)).encode(), {}
    content = warehouse.files.get(urlsplit(path).path)
    if content is None:
        return 404, b'', {}
    span = re.match(r'bytes=(\d+)-(\d*)', handler.headers['Range'] or '')
    if span is None or handler.headers['If-Range'] not in (None, *warehouse.validators.values()):
        return 200, content, warehouse.validators
    start, stop = int(span[1]), min(int(span[2] or len(content)) + 1, len(content))
    if start >= len(content):
        return 416, b'', {'Content-Range': f'bytes */{len(content)}'}
    said = {'Content-Range': f'bytes {start}-{stop - 1}/{len(content)}', **warehouse.validators}
    return 206, content[start:stop], said


def query(warehouse, path):
    records = warehouse.models.get(re.search(r'model::(\w+)', path)[1])
    if not isinstance(records, list):
        return {'success': False, 'msg': 'Error: no such model'}
    start, number = (re.search(rf"{key}\$eq'?(\w+)", path) for key in ('start_row', 'num_rows'))
    first = int(start[1]) if start else 0
    page = records[first:] if number[1] == 'all' else records[first : first + min(int(number[1]), warehouse.most_rows)]
    return {
        'success': True,
        'id': 0,
        'start_row': first,
        'num_rows': len(page),
        'total_rows': len(records),
        'msg': page,
    }


def send(handler, code, content=b'', only=None, close=False, **headers):
    """An answer. Its body may end early or be longer than it says; the connection is closed then."""
    size = len(content) if only is None else min(only, len(content))
    if handler.command != 'HEAD':
        handler.log_['sent'] += size  # before the client can have anything of it and ask how much it was
    handler.send_response(code)
    for name, value in {'Content-Length': str(len(content)), **headers}.items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    if handler.command != 'HEAD':
        for start in range(0, size, 2**22):
            handler.wfile.write(content[start : min(start + 2**22, size)])
    handler.close_connection = close or only is not None


def status(code, **headers):
    """The fault of an answer without content."""
    return lambda handler, warehouse: send(handler, code, **{key.replace('_', '-'): headers[key] for key in headers})


def page(handler, warehouse):
    """A web page in place of anything, as from a network that wants a login."""
    send(handler, 200, b'<!DOCTYPE html><html><body>Log in</body></html>', **{'Content-Type': 'text/html'})


def part(change=lambda content: content, said=lambda first, last, length: f'bytes {first}-{last}/{length}', **options):
    """The fault of a partial answer with other content, or another Content-Range, or other options of `send`."""

    def fault(handler, warehouse):
        content = warehouse.files[urlsplit(handler.path).path]
        first, last = map(int, re.match(r'bytes=(\d+)-(\d+)', handler.headers['Range']).groups())
        last = min(last, len(content) - 1)
        headers = {'Content-Range': said(first, last, len(content)), **warehouse.validators, **options}
        send(handler, 206, change(content[first : last + 1]), **headers)

    return fault


def whole(handler, warehouse):
    """All of a file, whatever was asked for."""
    send(handler, 200, warehouse.files[urlsplit(handler.path).path], **warehouse.validators)


def hang_up(handler, warehouse):
    """No answer at all."""
    handler.close_connection = True


def drip(what):
    """The fault of a server that sends a byte now and then, in its headers or in its content."""

    def fault(handler, warehouse):
        if what == 'body':
            part(only=0)(handler, warehouse)
        for byte in b'HTTP/1.1 206 Partial Content\r\nX-Slow: ' + b'x' * 400:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.05)
        handler.close_connection = True

    return fault


def stall(handler, warehouse):
    """Nothing, for longer than anybody waits."""
    time.sleep(1)
    handler.close_connection = True
