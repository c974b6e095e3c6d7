"""Session files that are kept whole: downloaded, looked into, and vouched for by a small ledger beside each."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen.mirrors import version
from m2m_benchmarks.acquisition.allen.ophys_file import NwbFile, open_nwb
from m2m_benchmarks.acquisition.download import download
from m2m_benchmarks.acquisition.line import Line, UnreachedError
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import explained, replacing, sha256_file, sync_folder, writable

#: What a file without which there would be nothing to extract has to have.
REQUIRED = {
    'ophys': (
        'processing/brain_observatory_pipeline/ImageSegmentation/cell_specimen_ids',
        'stimulus/presentation/natural_scenes_stimulus/frame_duration',
    ),
    'ecephys': ('units/spike_times', 'units/spike_times_index', 'intervals/natural_scenes_presentations/frame'),
}
_CHANGES = 3


def whole_file(
    urls: Sequence[str],
    path: Path,
    required: Sequence[str],
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> int:
    """Have a file whole at `path`; the ledger `NAME.json` beside it says its bytes, ETag and SHA-256.

    One that is there already is compared with its ledger, and fetched again when it isn't what it was. It takes its
    name only when its size is that which the server says, HDF5 opens it and it has the required content; until then it
    is `NAME.new`, with which or whose parts a later call goes on.

    Parameters
    ----------
    urls, progress
        As of `download`.
    path : Path
    required : sequence of str
        Paths in the file.
    options
        As of `download`: tries, timeout_s, sleep.

    Returns
    -------
    int
        Bytes that were moved.

    Raises
    ------
    DataError
        When no mirror gives it, or it is something else.
    StorageError
        When it can't be written, or another process is downloading it.
    """
    if intact(path):
        return 0
    new = path.with_name(f'{path.name}.new')
    moved = _Moved(new.with_name(f'{new.name}.part'), progress)
    etag, size = _first(urls, new, moved, options)
    with explained(path.name, path.parent):
        try:
            with open_nwb(new) as file:
                nwb = NwbFile(file)
                lacking = [each for each in required if not nwb.has(each)]
            if lacking:
                raise DataError(
                    f'{urls[0]} has no {lacking[0]}: it is of another survey, a session without natural scenes, or '
                    'damaged.'
                )
        except DataError:
            _forget(new)
            raise
        with replacing(_ledger(path)) as note:
            json.dump({'bytes': size, 'etag': etag, 'sha256': sha256_file(new)}, note, indent=1)
        new.replace(path)
        sync_folder(path.parent)
        _forget(new)
    return moved.bytes


def forget(path: Path) -> None:
    """Remove a file and its ledger."""
    _ledger(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _first(
    urls: Sequence[str], new: Path, progress: Callable[[str, int, int], None], options: dict[str, Any]
) -> tuple[str, int]:
    """Download a file that can be opened from the first mirror that gives one; its ETag and size."""
    failures = []
    for url in urls:
        try:
            found = _download(url, new, progress, options)
            with open_nwb(new):
                return found
        except DataError as error:
            failures.append(error)
            _forget(new)
    if len(failures) == 1:
        raise failures[0]
    kind = UnreachedError if any(isinstance(failure, UnreachedError) for failure in failures) else DataError
    raise kind(' '.join(f'{url}: {failure}' for url, failure in zip(urls, failures, strict=True)))


def _download(
    url: str, new: Path, progress: Callable[[str, int, int], None], options: dict[str, Any]
) -> tuple[str, int]:
    """Download a file that is the same on the server before and after; its ETag and size."""
    tried = {name: value for name, value in options.items() if name != 'timeout_s'}
    with closing(Line(options.get('timeout_s', 30))) as line:
        for _ in range(_CHANGES):
            size, etag = version([url], line, **tried)
            said = json.dumps([url, size, etag])
            if not (etag and _said(new) == said and new.exists() and new.stat().st_size == size):
                new.unlink(missing_ok=True)
                writable(new.parent)
                with explained(new.name, new.parent), replacing(_note(new)) as note:
                    note.write(said)
                download([url], new, progress=progress, **options)
            # The length of an answer that doesn't tell it can't be checked otherwise.
            if new.stat().st_size == size and version([url], line, **tried) == (size, etag):
                return etag, size
            new.unlink()
    raise DataError(f'{url} could not be downloaded: in {_CHANGES} tries it came short, or changed meanwhile.')


def _note(new: Path) -> Path:
    """File that says of which version of which address `new` is."""
    return new.with_name(f'{new.name}.version')


def _said(new: Path) -> str:
    try:
        return _note(new).read_text(encoding='utf-8')
    except (OSError, ValueError):
        return ''


def _forget(new: Path) -> None:
    _note(new).unlink(missing_ok=True)
    new.unlink(missing_ok=True)


def _ledger(path: Path) -> Path:
    return path.with_name(f'{path.name}.json')


def intact(path: Path) -> bool:
    """Whether a file is there and is what its ledger says."""
    try:
        noted = json.loads(_ledger(path).read_text(encoding='utf-8'))
        return bool(path.stat().st_size == noted['bytes'] and sha256_file(path) == noted['sha256'])
    except (OSError, ValueError, LookupError, TypeError):
        return False


class _Moved:
    """Counts the bytes of a download by its progress, on whose way it stands."""

    def __init__(self, part: Path, progress: Callable[[str, int, int], None] | None) -> None:
        self.bytes = 0
        self._done = part.stat().st_size if part.exists() else 0
        self._progress = progress

    def __call__(self, name: str, done: int, total: int) -> None:
        # A try that goes back to the start moves all of it again.
        self.bytes += done - self._done if done > self._done else done
        self._done = done
        if self._progress:
            self._progress(name, done, total)
