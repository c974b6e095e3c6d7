"""A file on a server, read where it lies: only the blocks that a reader asks for are moved.

fsspec's HTTPFileSystem isn't used for it. It fetches in a thread of its own, which can deadlock with h5py (h5py's lock
is held while a file object is read, and whatever thread collects garbage may want it; h5py's documentation warns of
this), it mixes the bytes of two versions of a file, it takes a short answer for the end of the file, and it needs
aiohttp. Here everything happens in the thread that reads.
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
from m2m_benchmarks.net.failures import RemoteFileChanged, RequestFailed
from m2m_benchmarks.net.retry import RETRY, RetryPolicy

#: Bytes of the largest request: one that fails is asked for again as a whole.
_LARGEST = 2**22


class RemoteFile(io.RawIOBase):
    """A file on a server as a read-only binary file, for `h5py.File(RemoteFile(urls), 'r')`.

    Parameters
    ----------
    urls : sequence of str
        Where the file is: mirrors, in the order in which they are tried. Once one has answered, another is read from
        only where it provably holds the same version: its length and ETag are the same.
    block_bytes : int
        Blocks are fetched as a whole.
    cache_bytes : int
        Memory for blocks that have come; at least that of the largest request, 4 MiB.
    retry : RetryPolicy
        How often and how long mirrors are asked for each block.
    progress : callable, optional
        Called after each request with the bytes that were moved so far.

    Attributes
    ----------
    bytes_moved, requests : int
        What reading has cost so far, failures included.
    error : BaseException or None
        What ended the reading: h5py may raise another one in its place, or none. Later reads raise it again.

    Raises
    ------
    DataError
        When no mirror gives the file, or it changes while it is read. Reading raises it too.
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
        self._most = max(_LARGEST // block_bytes, 1)
        self._room = max(cache_bytes // block_bytes, self._most)
        self._retry = retry
        self._progress = progress
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.RLock()
        self._position = 0
        #: ETag, Last-Modified and length of the version that is read, and the mirror that told them.
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
        """Fill a buffer, which stays short only at the end of the file: h5py doesn't look at the number returned."""
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
        """A block. If it has to be fetched, those up to byte `stop` come with it, and some that are ahead.

        They are as many as the blocks held just before it: reading on doubles them, reading elsewhere fetches none.
        """
        if index in self._blocks:
            self._blocks.move_to_end(index)
            return self._blocks[index]
        size, held = self._size, 0
        while held < self._most and index - held - 1 in self._blocks:
            held += 1
        end = min(-(-stop // size) + held, index + self._most, -(-self.length // size))
        end = next((each for each in range(index + 1, end) if each in self._blocks), end)
        content = self._fetch(index * size, min(end * size, self.length))
        for each in range(index, end):
            self._blocks[each] = content[(each - index) * size : (each - index + 1) * size]
        while len(self._blocks) > self._room:
            self._blocks.popitem(last=False)
        return self._blocks[index]

    def _fetch(self, start: int, stop: int) -> bytes:
        # The mirror that the others have to agree with comes first.
        urls = sorted(self.urls, key=lambda url: url != self._mirror)
        content = self._retry.run(urls, lambda url, end: self._ask(url, end, start, stop))
        if self._progress:
            self._progress(self.bytes_moved)
        return content

    def _ask(self, url: str, end: float, start: int, stop: int) -> bytes:
        """One try."""
        self.requests += 1
        content = bytearray()
        with self._client.file_answer('GET', url, end, Range=f'bytes={start}-{stop - 1}') as response:
            expected = self._checked(response, url, start, stop) - start
            for piece in self._client.content(response):
                self.bytes_moved += len(piece)
                content += piece
                if len(content) > expected:
                    break
        if len(content) != expected:
            came = 'more' if len(content) > expected else f'{len(content):,}'
            raise RequestFailed(f'{came} bytes came; expected {expected:,}', retryable=True)
        return bytes(content)

    def _checked(self, response: httpx.Response, url: str, start: int, stop: int) -> int:
        """Where the content of an answer ends in the file, once it is known to be of the version that is read."""
        status, ours = response.status_code, url == self._mirror
        if status == 200:
            raise RequestFailed('it has no byte ranges, only the whole file: fetch whole files', retryable=False)
        if status == 416:
            if ours:
                raise self._changed(f'there is no byte {start:,} any more')
            raise RequestFailed('it says that the file is empty or shorter (416)', retryable=False)
        first, last, length = parse_content_range(response)
        version = (response.headers.get('ETag', ''), response.headers.get('Last-Modified', ''), length)
        if self._version is None:
            same = True
        elif ours:
            same = version == self._version
        else:
            # A weak ETag (W/"…") doesn't vouch for every byte.
            same = version[::2] == self._version[::2] and version[0].startswith('"')
        if not same and ours:
            before, after = (' '.join(filter(None, map(str, each))) for each in (self._version or (), version))
            raise self._changed(f'{before} became {after} (ETag, Last-Modified, length)')
        if not same:
            raise RequestFailed('it may hold another version of the file', retryable=False)
        if (first, last + 1) != (start, min(stop, length)):
            raise RequestFailed('it sent other bytes than those asked for', retryable=True)
        if self._version is None:
            self._version, self._mirror = version, url
        return last + 1

    def _changed(self, how: str) -> RemoteFileChanged:
        return RemoteFileChanged(f'{self._mirror} changed while it was read: {how}. Read it again from the start.')


@contextlib.contextmanager
def reading(file: RemoteFile) -> Iterator[RemoteFile]:
    """Keep a remote file open for the length of the block.

    Raises
    ------
    DataError
        Whatever the reader made of it, the reason why the file can't be read. Nothing that was read in the block is to
        be trusted then: h5py, for one, may take a part that can't be read for one that isn't there.
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
        Mirrors; or a file of your own making, which can tell afterwards what was moved and is closed too.
    options
        Options of `RemoteFile`.

    Raises
    ------
    DataError
        As for `reading`, and when it is no HDF5 file.
    """
    with reading(source if isinstance(source, RemoteFile) else RemoteFile(source, **options)) as file:
        try:
            stored = h5py.File(file, 'r')
        except OSError as error:
            raise DataError(f'{file.urls[0]} cannot be read as HDF5: {error}.') from error
        with stored:
            yield stored
