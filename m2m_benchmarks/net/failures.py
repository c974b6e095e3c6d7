"""What requests and all tries of a file fail with."""

from m2m_benchmarks.errors import DataError

#: Longest wait between tries that a server may ask for, in s.
LONGEST_WAIT_S = 60


class RequestFailed(Exception):  # noqa: N818 - a request that fails is no error until all tries have failed
    """A request that failed.

    Attributes
    ----------
    retryable : bool
        Whether the same address is worth another request.
    wait_s : int
        How long the server asks to wait before it.
    """

    def __init__(self, reason: str, retryable: bool, wait_s: int = 0) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.wait_s = wait_s


class FileMissing(RequestFailed):
    """A server that answers that it doesn't have the file."""


class FileUnusable(RequestFailed):
    """A file that came and can't be used, as its reason says: another mirror may have a good one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=False)


class ServerUnreachable(DataError):  # noqa: N818
    """No mirror gave the file, for reasons that pass: the network is down, or the servers are."""


class RemoteFileNotFound(DataError):  # noqa: N818
    """None of the mirrors has the file, and all of them say so."""


class RemoteFileChanged(DataError):  # noqa: N818
    """A file became another one while it was read: from the start it may be read well."""
