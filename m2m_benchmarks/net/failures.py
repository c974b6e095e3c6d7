"""Errors of single requests, and of files after all attempts."""

import re

from m2m_benchmarks.errors import DataError

#: Longest wait between attempts that a server may ask for, in s.
LONGEST_WAIT_S = 60

#: Name and password in an address; also where a character such as / in the password makes the address invalid.
_LOGIN = re.compile(r'(?<=://)(?:[^/?#]*|[^/?#:@]*:(?!\d*(?:[/?#]|\Z)).*)@')


def without_password(url: str) -> str:
    """Replace the password of an address by asterisks, and a name without a password, which may be a token."""
    return _LOGIN.sub(lambda login: f'{login[0].partition(":")[0]}:***@' if ':' in login[0] else '***@', url)


class RequestFailed(Exception):  # noqa: N818 - no error before all attempts have failed
    """A request that failed.

    Attributes
    ----------
    retryable : bool
        Whether the same request may succeed later.
    wait_s : int
        Seconds to wait before the next request, as the server asks; 0 if it doesn't ask.
    """

    def __init__(self, reason: str, retryable: bool, wait_s: int = 0) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.wait_s = wait_s


class FileMissing(RequestFailed):
    """The server answered that it doesn't have the file."""


class FileForbidden(RequestFailed):
    """The server refused the file (403), as S3 does for one that it doesn't have where listing isn't allowed."""


class NoByteRanges(RequestFailed):
    """The server sends only whole files."""

    def __init__(self) -> None:
        super().__init__(
            'the server sends only whole files, no byte ranges: fetch whole files (--whole-files)', retryable=False
        )


class FileUnusable(RequestFailed):
    """The downloaded file can't be used, for the reason given; another mirror may have a good one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, retryable=False)


class ServerUnreachable(DataError):  # noqa: N818
    """No mirror sent the file, for reasons that may pass, such as a network that is down."""


class RemoteFileNotFound(DataError):  # noqa: N818
    """All mirrors answered that they don't have the file."""


class RemoteFileForbidden(DataError):  # noqa: N818
    """A mirror refused the file, and no other one has it."""


class RemoteFileChanged(DataError):  # noqa: N818
    """The file changed while it was read; reading it again from the start may succeed."""
