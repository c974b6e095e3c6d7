"""Servers on this machine, instead of those on the internet."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietHandler(BaseHTTPRequestHandler):
    """Handler of requests that does not log them."""

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


@contextlib.contextmanager
def serving(handler: Any) -> Iterator[ThreadingHTTPServer]:
    """Run a server on loopback for the length of the block.

    Parameters
    ----------
    handler : callable
        Handler class of `http.server`, such as `SimpleHTTPRequestHandler`.

    Yields
    ------
    ThreadingHTTPServer
        Running server; its address is the attribute `url`, without a slash at the end.
    """
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        server.daemon_threads = True
        server.url = f'http://127.0.0.1:{server.server_port}'  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
