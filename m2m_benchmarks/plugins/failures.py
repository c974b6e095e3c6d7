"""One sentence and the reason for whatever goes wrong in a plugin."""

import contextlib
import re
from collections.abc import Iterator

from m2m_benchmarks.errors import M2MError, ModelError

#: Packages whose exceptions mean that a request to a server failed.
_CLIENTS = frozenset({'urllib', 'botocore', 'requests', 'urllib3', 'huggingface_hub', 'httpx', 'httpx2'})
_URL = re.compile(r'https?://[^\s\'"<>]+')


@contextlib.contextmanager
def reporting_plugin_errors(identifier: str, kind: type[M2MError]) -> Iterator[None]:
    """Turn an exception of a plugin into an error of this library, with the reason in one sentence.

    Parameters
    ----------
    identifier : str
        Name of what is loaded or run; the message starts with it.
    kind : type
        Class of the error that is raised.

    Raises
    ------
    M2MError
        Error of that class, for every exception but those of this library: a package isn't installed, a file could
        not be downloaded, or the plugin fails in a way of its own.
    """
    try:
        yield
    except M2MError:
        raise
    except ModuleNotFoundError as error:
        raise kind(
            f'{identifier} needs the package {error.name!r}, which is not installed. Install it beside this '
            f'library and run again; the plugin may list versions in its requirements.txt.'
        ) from error
    except Exception as error:
        download = _failed_download(error)
        if download is not None:
            raise kind(
                f'{identifier} needs a file that could not be downloaded ({download}). Connect to the network, or put '
                'the file where its library looks for it.'
            ) from error
        raise kind(f'{identifier} does not work here: {type(error).__name__}: {_first_line(error)}') from error


@contextlib.contextmanager
def reporting_name_errors() -> Iterator[None]:
    """Turn the ValueError by which the family `neurn` says what is wrong with a name into an error of this library.

    Raises
    ------
    ModelError
    """
    try:
        yield
    except ValueError as error:
        raise ModelError(f'{error}.') from error


def _failed_download(error: BaseException) -> str | None:
    """Why a download failed, and its URL where an exception has it; None when `error` is of no download.

    The URL is one in the notes of an exception, which this library adds where it knows the address, else one in a
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
    """An exception and all that led to it: its causes, its contexts, and exceptions that it carries as arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, list | tuple):  # Brain-Score passes on what both of its attempts met
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
