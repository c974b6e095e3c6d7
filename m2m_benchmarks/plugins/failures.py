"""Errors in plugins, explained in one sentence."""

import contextlib
import re
from collections.abc import Iterator

from m2m_benchmarks.errors import M2MError, ModelError

#: Packages whose exceptions mean that a request to a server failed.
_CLIENTS = frozenset({'urllib', 'botocore', 'requests', 'urllib3', 'huggingface_hub', 'httpx', 'httpx2'})
_URL = re.compile(r'https?://[^\s\'"<>]+')


@contextlib.contextmanager
def reporting_plugin_errors(identifier: str, kind: type[M2MError]) -> Iterator[None]:
    """Turn exceptions of a plugin into errors of this library, which give the reason in one sentence.

    Parameters
    ----------
    identifier : str
        Name of the plugin that is loaded or run, with which the message starts.
    kind : type
        Class of the error to raise.

    Raises
    ------
    M2MError
        An error of this class, when a package isn't installed, a file can't be downloaded, or the plugin fails
        otherwise. Errors of this library are not changed, and neither are those of a memory that is too small.
    """
    try:
        yield
    except (M2MError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        raise kind(
            f'{identifier} needs the package {error.name!r}, which is not installed. Install it beside this '
            f'library and run again; the plugin may list versions in its requirements.txt.'
        ) from error
    except Exception as error:
        download = _failed_download(error)
        if download is not None:
            own = f', or score it with a file of weights ({identifier}@FILE)' if kind is ModelError else ''
            raise kind(
                f'{identifier} needs a file that could not be downloaded ({download}). Connect to the network, or put '
                f'the file where its library looks for it{own}.'
            ) from error
        raise kind(f'{identifier} does not work here: {type(error).__name__}: {_first_line(error)}') from error


@contextlib.contextmanager
def reporting_exits(identifier: str, kind: type[M2MError]) -> Iterator[None]:
    """Turn the end of the program (sys.exit) in somebody's code into an error of this library."""
    try:
        yield
    except SystemExit as error:
        raise kind(f'{identifier} ends the program (sys.exit); it must return or raise an exception.') from error


@contextlib.contextmanager
def reporting_name_errors() -> Iterator[None]:
    """Turn the ValueError that the family `neurn` raises for an invalid name into a ModelError."""
    try:
        yield
    except ValueError as error:
        raise ModelError(f'{error}.') from error


def _failed_download(error: BaseException) -> str | None:
    """Reason why a download failed, with its URL if known; None if `error` isn't from a download.

    The URL is taken from the notes of an exception, which this library adds where it knows the address, or else from a
    message.
    """
    chain = list(_chain(error))
    failures = [link for link in chain if _is_network(link)]
    if not failures:
        return None
    failure = next((link for link in failures if _URL.search(_first_line(link))), failures[0])
    reason = f'{type(failure).__name__}: {_first_line(failure)}'
    notes = [note for link in chain for note in getattr(link, '__notes__', [])]
    urls = [match[0].rstrip('.,);') for text in [*notes, *map(str, chain)] if (match := _URL.search(text))]
    return reason if not urls or urls[0] in reason else f'{reason}; {urls[0]}'


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, and exceptions among its arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, list | tuple):  # Brain-Score raises the errors of both of its attempts as one
            waiting += link
        elif isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, link.args]


def _is_network(error: BaseException) -> bool:
    module = type(error).__module__.split('.')[0]
    return module in _CLIENTS or isinstance(error, ConnectionError | TimeoutError)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
