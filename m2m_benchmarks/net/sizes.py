"""Sizes and versions of files on servers, without downloading them."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from m2m_benchmarks.net.client import HttpClient, parse_content_range
from m2m_benchmarks.net.failures import FileMissing, RemoteFileForbidden, RemoteFileNotFound, RequestFailed
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress

Key = TypeVar('Key')


def file_version(client: HttpClient, url: str, end: float) -> tuple[int, str]:
    """Return the bytes of a file and its ETag ('' if it has none), in one attempt of at most two requests.

    Parameters
    ----------
    client : HttpClient
    url : str
    end : float
        Time on the client's clock by which the answer has to be here.

    Raises
    ------
    RequestFailed
    """
    try:
        with client.file_answer('HEAD', url, end) as response:
            if response.status_code == 200 and response.headers.get('Content-Length', '').isdecimal():
                return int(response.headers['Content-Length']), response.headers.get('ETag', '')
    except RequestFailed as failure:
        if failure.retryable or isinstance(failure, FileMissing):
            raise
    # Some servers refuse HEAD, or don't know the length of what they would send.
    with client.file_answer('GET', url, end, Range='bytes=0-0') as response:
        return parse_content_range(response)[2], response.headers.get('ETag', '')


def file_sizes(
    files: Mapping[Key, Sequence[str]],
    workers: int = 8,
    progress: Progress | None = None,
    retry: RetryPolicy = RETRY,
) -> dict[Key, int | None]:
    """Return the bytes of files without downloading them.

    Parameters
    ----------
    files : mapping
        Key of any kind to the mirrors of a file.
    workers : int
        Number of simultaneous requests.
    progress : callable, optional
        Called with 'sizes', the number of known sizes, and the number of files.
    retry : RetryPolicy
        Number of attempts and time limits.

    Returns
    -------
    dict
        The same keys to bytes; None if no mirror has the file, or those that don't say so refuse it.

    Raises
    ------
    DataError
        When a size is unknown for another reason, or the servers refuse files and have none of the others.
    """
    sizes: dict[Key, int | None] = {}
    refusals: dict[Key, RemoteFileForbidden] = {}
    stopped = threading.Event()
    keys = list(files)

    def read_sizes(share: Sequence[Key]) -> None:
        client = retry.client()
        try:
            for key in share:
                if stopped.is_set():
                    break
                try:
                    sizes[key] = retry.run(files[key], lambda url, end: file_version(client, url, end)[0])
                except RemoteFileNotFound:
                    sizes[key] = None
                except RemoteFileForbidden as refusal:
                    sizes[key] = None
                    refusals[key] = refusal
                if progress:
                    progress('sizes', len(sizes), len(keys))
        except BaseException:
            # Without a network, each of hundreds of files would be tried for as long as the first.
            stopped.set()
            raise
        finally:
            client.close()

    with ThreadPoolExecutor(workers) as pool:
        try:
            list(pool.map(read_sizes, [keys[i::workers] for i in range(min(workers, len(keys)))]))
        finally:
            stopped.set()
    if refusals and all(size is None for size in sizes.values()):
        raise next(refusals[key] for key in keys if key in refusals)
    return {key: sizes[key] for key in keys}
