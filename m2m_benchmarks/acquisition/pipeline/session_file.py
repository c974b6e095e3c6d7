"""Session files: the responses of one extracted session and the settings they were extracted with.

A session file is an .npz without Python objects: `responses`, a text array `about` (JSON), `column_0`, `column_1`, …
for the columns of the neuroids, `courses` if there are time courses, and `sha256` of all of these.
"""

import dataclasses
import hashlib
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.data.courses import Courses
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import atomic_write, ensure_writable, reporting_write_errors

#: Incremented when an extraction gives other responses for the same settings; files of other formats are ignored.
FORMAT = 2

_NAME = re.compile(r'[A-Za-z0-9][\w.-]*\Z', re.ASCII)
#: Errors that numpy and zipfile raise for damaged files, and those that wrong content leads to.
_DAMAGE: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError)
_DAMAGE += (ArithmeticError, MemoryError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error)


class DamagedSession(DataError):  # noqa: N818 - named for what it says of a file
    """A session file is damaged."""


def fingerprint(settings: Any) -> str:
    """Convert settings to a text that identifies them.

    Parameters
    ----------
    settings : dataclass instance

    Returns
    -------
    str
        JSON: the name of the class and the values of its fields.
    """
    return json.dumps({type(settings).__name__: dataclasses.asdict(settings)}, sort_keys=True)


def write_session(folder: Path, responses: SessionResponses, settings_fingerprint: str) -> Path:
    """Write a session file atomically, replacing an earlier one of the session.

    Parameters
    ----------
    folder : Path
        Folder, which is created if necessary.
    responses : SessionResponses
    settings_fingerprint : str
        Fingerprint of the settings of the extraction.

    Returns
    -------
    Path
        The file, named after the session.

    Raises
    ------
    DataError
        When the id of the session can't be the name of a file.
    StorageError
        When the disk is full or can't be written; an earlier file is unchanged.
    """
    if not _NAME.match(responses.session):
        raise DataError(f'a session cannot be called {responses.session!r}; expected letters, digits, "-" and ".".')
    about: dict[str, Any] = {
        'format': FORMAT,
        'session': responses.session,
        'settings': settings_fingerprint,
        'columns': [str(column) for column in responses.neuroids],
        'window_ms': list(map(float, responses.window_ms)),
        'counts': {name: int(count) for name, count in responses.counts.items()},
        'scenes_sha256': list(responses.images_sha256),  # named as in files of earlier versions
    }
    if responses.courses is not None:
        about['frames_before'] = responses.courses.before
    arrays = {'responses': responses.responses.astype(np.float32, copy=False), 'about': np.array(json.dumps(about))}
    if responses.courses is not None:
        arrays['courses'] = responses.courses.values.astype(np.float32, copy=False)
    for i, column in enumerate(responses.neuroids):
        arrays[f'column_{i}'] = _plain(responses.neuroids[column])
    path = ensure_writable(folder) / f'{responses.session}.npz'
    with reporting_write_errors(path.name, folder), atomic_write(path, 'wb') as file:
        np.savez(file, sha256=np.array(_digest(arrays)), **arrays)
    return path


def read_session(path: Path) -> SessionResponses:
    """Read a session file and check it against its SHA-256.

    Raises
    ------
    DataError
        When it is missing, damaged, or not a file of this format.
    """
    return _read(path)[0]


def extracted_sessions(folder: Path, settings_fingerprint: str) -> dict[str, Path]:
    """Find the session files that were extracted with the same settings.

    Every file is read. One that is damaged (stderr says so), of other settings or of another format is ignored;
    `write_session` replaces it.

    Parameters
    ----------
    folder : Path
        Folder, which needn't exist.
    settings_fingerprint : str
        Fingerprint of the settings.

    Returns
    -------
    dict
        Session to file, in the order of the names.
    """
    extracted = {}
    for path in sorted(folder.glob('*.npz')):
        try:
            responses, stored_fingerprint = _read(path)
        except DamagedSession as error:
            say(f'note: {error}')
            continue
        except DataError:
            continue
        if stored_fingerprint == settings_fingerprint and path.stem == responses.session:
            extracted[responses.session] = path
    return extracted


def remove_leftovers(folder: Path) -> None:
    """Remove partial files of killed runs in a folder and its subfolders; no run may be writing there."""
    for path in folder.rglob('.*.npz.*'):
        path.unlink(missing_ok=True)


def _plain(column: pd.Series) -> np.ndarray:
    """Keep numbers and truth values, and convert everything else to text; a missing text is ''."""
    values = column.to_numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind in 'biuf':
        return values
    return np.where(column.isna(), '', column.astype(str).to_numpy()).astype(str)


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[SessionResponses, str]:
    """Read the responses, and the fingerprint of their settings."""
    try:
        with path.open('rb') as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if str(arrays.pop('sha256')) != _digest(arrays):
            raise DamagedSession(
                f'{path} is damaged: its content does not have its SHA-256; extract the session again.'
            )
        about = json.loads(str(arrays['about']))
        if about['format'] != FORMAT:
            raise DataError(f'{path} was written by another version of M2M; extract the session again.')
        neuroids = pd.DataFrame({name: arrays[f'column_{i}'] for i, name in enumerate(about['columns'])})
        responses = SessionResponses(
            session=about['session'],
            responses=arrays['responses'],
            neuroids=neuroids,
            window_ms=(about['window_ms'][0], about['window_ms'][1]),
            counts=about['counts'],
            images_sha256=about['scenes_sha256'],
            courses=Courses(arrays['courses'], int(about['frames_before'])) if 'courses' in arrays else None,
        )
        return responses, about['settings']
    except FileNotFoundError as error:
        raise DataError(f'{path} is missing; extract the session again.') from error
    except _DAMAGE as error:
        raise DamagedSession(
            f'{path} cannot be read as a session file ({error}): it is damaged; extract the session again.'
        ) from error
