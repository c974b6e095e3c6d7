"""Files on a server, read in place: only the blocks that are needed are transferred.

fsspec's HTTPFileSystem isn't used: it fetches in a separate thread, which can deadlock with h5py (h5py's lock is held
while a file object is read, and any thread that collects garbage may need it; h5py's documentation warns of this),
mixes the bytes of two versions of a file, takes a short answer for the end of the file, and needs aiohttp. Here
everything happens in the thread that reads.
"""

import contextlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import h5py
import httpx

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.client import parse_content_range
from m2m_benchmarks.net.failures import NoByteRanges, RemoteFileChanged, RequestFailed, without_password
from m2m_benchmarks.net.retry import RETRY, RetryPolicy

#: Bytes of the largest request; one that fails is repeated as a whole.
_LARGEST = 2**22


class RemoteFile(io.RawIOBase):
    """A file on a server as a read-only binary file, for `h5py.File(RemoteFile(urls), 'r')`.

    Parameters
    ----------
    urls : sequence of str
        Mirrors of the file, in the order in which they are tried. Once one has answered, another is read only if it
        provably holds the same version: its length and ETag are the same.
    block_bytes : int
        Size of a block, the smallest piece that is fetched.
    cache_bytes : int
        Memory for fetched blocks; at least that of the largest request, 4 MiB.
    retry : RetryPolicy
        Number of attempts and time limit for each block.
    progress : callable, optional
        Called after each request with the bytes transferred so far.

    Attributes
    ----------
    bytes_moved, requests : int
        Bytes and requests so far, failures included.
    error : BaseException or None
        Error that ended the reading: h5py may raise another one in its place, or none. Later reads raise it again.

    Raises
    ------
    DataError
        When no mirror sends the file, or it changes while it is read; reading raises it too.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        block_bytes: int = 2**18,
        cache_bytes: int = 2**26,
        retry: RetryPolicy = RETRY,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.urls = list(urls)
        self.bytes_moved = self.requests = 0
        self.error: BaseException | None = None
        self._size = block_bytes
        self._most_fetched = max(_LARGEST // block_bytes, 1)
        self._most_cached = max(cache_bytes // block_bytes, self._most_fetched)
        self._retry = retry
        self._progress = progress
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.RLock()
        self._position = 0
        #: ETag, Last-Modified and length of the version that is read, and the mirror that stated them.
        self._version: tuple[str, str, int] | None = None
        self._mirror = ''
        self._client = retry.client()
        try:
            self._blocks[0] = self._fetch(0, block_bytes)
        except BaseException:
            self.close()
            raise

    @property
    def length(self) -> int:
        """Bytes of the whole file."""
        return self._version[2] if self._version else 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.length}[whence]
        if position < 0:
            raise ValueError(f'cannot seek to {position}')
        self._position = position
        return position

    def close(self) -> None:
        if not self.closed:
            self._client.close()
            self._blocks.clear()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer completely except at the end of the file: h5py ignores the number returned."""
        if self.closed:
            raise ValueError('the file is closed')
        with self._lock:
            if self.error is not None:
                raise self.error
            target = memoryview(buffer).cast('B')
            start, done = self._position, 0
            count = max(min(len(target), self.length - start), 0)
            try:
                while done < count:
                    index, offset = divmod(start + done, self._size)
                    piece = self._block(index, start + count)[offset : offset + count - done]
                    target[done : done + len(piece)] = piece
                    done += len(piece)
            except BaseException as error:
                self.error = error
                raise
            self._position = start + count
            return count

    def _block(self, index: int, stop: int) -> bytes:
        """Return a block; one that isn't cached is fetched with those up to byte `stop` and some read ahead.

        As many are read ahead as are cached just before it: sequential reading doubles them, other reading fetches
        none.
        """
        if index in self._blocks:
            self._blocks.move_to_end(index)
            return self._blocks[index]
        size, n_before = self._size, 0
        while n_before < self._most_fetched and index - n_before - 1 in self._blocks:
            n_before += 1
        end = min(-(-stop // size) + n_before, index + self._most_fetched, -(-self.length // size))
        end = next((later for later in range(index + 1, end) if later in self._blocks), end)
        content = self._fetch(index * size, min(end * size, self.length))
        for i in range(index, end):
            self._blocks[i] = content[(i - index) * size : (i - index + 1) * size]
        while len(self._blocks) > self._most_cached:
            self._blocks.popitem(last=False)
        return self._blocks[index]

    def _fetch(self, start: int, stop: int) -> bytes:
        # First the mirror with which the others have to agree.
        urls = sorted(self.urls, key=lambda url: url != self._mirror)
        content = self._retry.run(urls, lambda url, end: self._request(url, end, start, stop))
        if self._progress:
            self._progress(self.bytes_moved)
        return content

    def _request(self, url: str, end: float, start: int, stop: int) -> bytes:
        """Try once to fetch the bytes from `start` up to `stop`."""
        self.requests += 1
        content = bytearray()
        with self._client.file_answer('GET', url, end, Range=f'bytes={start}-{stop - 1}') as response:
            expected = self._check_version(response, url, start, stop) - start
            for piece in self._client.content(response):
                self.bytes_moved += len(piece)
                content += piece
                if len(content) > expected:
                    break
        if len(content) != expected:
            number = 'more' if len(content) > expected else f'{len(content):,}'
            raise RequestFailed(f'the server sent {number} bytes; expected {expected:,}', retryable=True)
        return bytes(content)

    def _check_version(self, response: httpx.Response, url: str, start: int, stop: int) -> int:
        """Check that an answer is of the version that is read; return where its content ends in the file."""
        status, same_mirror = response.status_code, url == self._mirror
        if status == 200:
            raise NoByteRanges
        if status == 416:
            if same_mirror:
                raise self._change_error(f'it is shorter now, without byte {start:,}')
            raise RequestFailed('the server answered that the file is empty or shorter (416)', retryable=False)
        first, last, length = parse_content_range(response)
        version = (response.headers.get('ETag', ''), response.headers.get('Last-Modified', ''), length)
        if self._version is None:
            same = True
        elif same_mirror:
            same = version == self._version
        else:
            # A weak ETag (W/"…") doesn't guarantee every byte.
            same = version[::2] == self._version[::2] and version[0].startswith('"')
        if not same and same_mirror:
            before, after = (' '.join(filter(None, map(str, parts))) for parts in (self._version or (), version))
            raise self._change_error(f'{before} became {after} (ETag, Last-Modified, length)')
        if not same:
            raise RequestFailed('the mirror may hold another version of the file', retryable=False)
        if (first, last + 1) != (start, min(stop, length)):
            raise RequestFailed('the server sent other bytes than those requested', retryable=True)
        if self._version is None:
            self._version, self._mirror = version, url
        return last + 1

    def _change_error(self, how: str) -> RemoteFileChanged:
        mirror = without_password(self._mirror)
        return RemoteFileChanged(
            f'{mirror} changed while it was read: {how}. Run this again: it is then read from the start.'
        )


@contextlib.contextmanager
def reading(file: RemoteFile) -> Iterator[RemoteFile]:
    """Keep a remote file open for the length of the block.

    Raises
    ------
    DataError
        When a part of the file couldn't be read, whichever error the block raised or ignored. Don't trust anything
        read in the block then: h5py, for example, may take an unreadable part for a missing one.
    """
    with file:
        try:
            yield file
        except BaseException as error:
            if file.error is None or error is file.error:
                raise
            raise file.error from error
        if file.error is not None:
            raise file.error


@contextlib.contextmanager
def open_remote_hdf5(source: Sequence[str] | RemoteFile, **options: Any) -> Iterator[h5py.File]:
    """Open an HDF5 file on a server for the length of the block.

    Parameters
    ----------
    source : sequence of str, or RemoteFile
        Mirrors; or an open remote file, which is closed afterwards and still has its counts.
    options
        Options of `RemoteFile`, for mirrors.

    Raises
    ------
    DataError
        When the file can't be read (see `reading`), or isn't an HDF5 file.
    """
    with reading(source if isinstance(source, RemoteFile) else RemoteFile(source, **options)) as file:
        try:
            stored = h5py.File(file, 'r')
        except OSError as error:
            raise DataError(f'{without_password(file.urls[0])} cannot be read as HDF5: {error}.') from error
        with stored:
            yield stored
