"""From the files of many sessions to a dataset in the data folder, of which few are in memory at a time."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from m2m_benchmarks.acquisition.pipeline.session_file import read_session
from m2m_benchmarks.arrays import split_half_reliability
from m2m_benchmarks.data import store, versions
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import sha256_file

#: Columns of an assembly that come first; all that a session has beside them follow.
_FIRST = ('neuroid_id', 'region', 'animal', 'session', 'window_start_ms', 'window_end_ms')


@dataclass(frozen=True)
class Merged:
    """What became of the sessions.

    Attributes
    ----------
    manifest : dict
        Manifest of the merged dataset.
    refused : dict
        Session to why it isn't in the dataset; also in the manifest, as `source['refused']`.
    """

    manifest: dict[str, Any]
    refused: dict[str, str]


@dataclass(frozen=True)
class _Session:
    """All of a session but its responses; `columns` are those of its neuroids."""

    path: Path
    sha256: str
    session: str
    shape: tuple[int, ...]
    columns: dict[str, np.ndarray]
    window_ms: tuple[float, float]
    counts: dict[str, int]
    images_sha256: list[str]


def merge_sessions(
    name: str,
    paths: Iterable[Path],
    images: Iterable[tuple[str, np.ndarray]],
    source: Mapping[str, Any],
    progress: Progress | None = None,
) -> Merged:
    """Merge sessions into dataset `name`, all or nothing; the same sessions give the same bytes, in whatever order.

    The dataset is that of an import: `window_start_ms`, `window_end_ms` and `reliability` are added to the neuroids;
    one time bin holds all windows; repetitions that a session lacks are NaN. A column that only some sessions have is
    '' or NaN for the others.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    paths : iterable of Path
        Files of `session_file.write_session`.
    images : iterable of (stimulus_id, uint8 array of shape (height, width) or (height, width, 3))
        In the order of their numbers, passed through once. A session that was shown others, has no neuroids
        or one that is in an earlier session, or a single repetition is refused; the rest goes on.
    source : mapping
        For the manifest, which adds `sessions` and `refused`. `made_by` says how in a few words.
    progress : callable, optional
        Called with what is being done, how many are done, and how many there are.

    Returns
    -------
    Merged

    Raises
    ------
    DataError
        When a file is damaged or changes meanwhile, a session is given twice, or none is left.
    StorageError
        When it can't be written, or another process is writing it; an earlier version stays as it was.
    """
    report = progress or silent
    hashes: list[str] = []
    refused: dict[str, str] = {}

    def stimuli() -> Iterator[tuple[str, bytes]]:
        for stimulus_id, image in images:
            if image.dtype != np.uint8:
                raise DataError(f'{stimulus_id} is an image of type {image.dtype}; uint8 is expected.')
            hashes.append(hashlib.sha256(image.tobytes()).hexdigest())
            yield stimulus_id, _png(image)

    def record() -> store.Recordings:
        read = []
        listed = list(paths)
        for i, path in enumerate(listed):
            read.append(_without_responses(path))
            report('sessions', i + 1, len(listed))
        kept = _kept(sorted(read, key=lambda session: session.session), hashes, refused)
        return store.Recordings(
            neuroids=_table(kept),
            n_repetitions=max(session.shape[0] for session in kept),
            # nothing of the tables, which are no longer needed when the responses are
            blocks=_blocks([(session.path, session.sha256) for session in kept], report),
            window_ms=(
                min(session.window_ms[0] for session in kept),
                max(session.window_ms[1] for session in kept),
            ),
            source={
                **source,
                'sessions': [
                    {
                        'session': session.session,
                        'sha256': session.sha256,
                        'neuroids': session.shape[2],
                        'counts': session.counts,
                    }
                    for session in kept
                ],
                'refused': refused,
            },
        )

    with versions.writing(name):
        manifest = store.write_recordings(name, stimuli(), record)
    return Merged(manifest, refused)


def _without_responses(path: Path) -> _Session:
    session = read_session(path)
    neuroids = session.neuroids.assign(window_start_ms=session.window_ms[0], window_end_ms=session.window_ms[1])
    columns = {name: _compact(neuroids[name].to_numpy()) for name in dict.fromkeys((*_FIRST, *neuroids))}
    return _Session(
        path=path,
        sha256=sha256_file(path),
        session=session.session,
        shape=session.responses.shape,
        columns={**columns, 'reliability': _reliability(session.responses)},
        window_ms=session.window_ms,
        counts=session.counts,
        images_sha256=session.images_sha256,
    )


def _compact(values: np.ndarray) -> np.ndarray:
    """The same values, in which equal texts are one object: most are the same for all neuroids of a session."""
    if values.dtype != object:
        return values
    places, texts = pd.factorize(values)
    compact: np.ndarray = texts[places]
    return compact


def _reliability(responses: np.ndarray) -> np.ndarray:
    """Split-half reliability of each neuroid; NaN for neuroids with fewer than two recorded repetitions."""
    recorded = (~np.isnan(responses).all(axis=1)).sum(axis=0) >= 2
    reliability = np.full(responses.shape[2], np.nan)
    reliability[recorded] = split_half_reliability(responses[:, :, recorded])
    return reliability


def _kept(sessions: list[_Session], hashes: list[str], refused: dict[str, str]) -> list[_Session]:
    """Sessions that go into the dataset; why others don't is added to `refused`."""
    kept: list[_Session] = []
    owner: dict[str, str] = {}
    for i, session in enumerate(sessions):
        if i and sessions[i - 1].session == session.session:
            raise DataError(f'session {session.session} is given twice: {sessions[i - 1].path} and {session.path}.')
        problem = _problem(session, hashes, owner)
        if problem:
            refused[session.session] = problem
            continue
        owner.update(dict.fromkeys(session.columns['neuroid_id'], session.session))
        kept.append(session)
    if not kept:
        why = ' '.join(f'{session}: {problem}.' for session, problem in list(refused.items())[:3])
        raise DataError(f'none of {len(sessions)} sessions can be merged. {why}'.rstrip())
    return kept


def _problem(session: _Session, hashes: list[str], owner: Mapping[str, str]) -> str:
    """Why a session isn't merged, or ''."""
    n_repetitions, n_images, n_neuroids = session.shape
    if n_images != len(hashes):
        return f'it has responses to {n_images} images, expected {len(hashes)}'
    # A file without images says their numbers alone; of others some may not have been read.
    shown = session.images_sha256 or [''] * len(hashes)
    if len(shown) != len(hashes):
        return f'it was shown {len(shown)} images, expected {len(hashes)}'
    read = [number for number, sha256 in enumerate(shown) if sha256]
    other = [number for number in read if shown[number] != hashes[number]]
    if other:
        return f'it was shown other images ({len(other)} of {len(read)} differ, the first is number {other[0]})'
    if n_repetitions < 2:
        return f'it has {n_repetitions} repetition of the images, at least 2 are needed for a reliability'
    if not n_neuroids:
        return 'it has no neuroids'
    known = [neuroid for neuroid in session.columns['neuroid_id'] if neuroid in owner]
    if known:
        return f'{len(known)} of its neuroids are in session {owner[known[0]]} already, such as {known[0]}'
    return ''


def _blocks(files: list[tuple[Path, str]], report: Progress) -> Iterator[np.ndarray]:
    """Responses of the sessions in some files, whose SHA-256 are known."""
    for i, (path, sha256) in enumerate(files):
        if sha256_file(path) != sha256:
            raise DataError(f'{path} was changed while it was merged; run this again.')
        yield read_session(path).responses
        report('writing', i + 1, len(files))


def _table(sessions: list[_Session]) -> pd.DataFrame:
    """Neuroids of all sessions, with the columns of any of them: text if it is that anywhere, else numbers."""
    columns = dict.fromkeys(column for session in sessions for column in session.columns)
    merged: dict[str, np.ndarray] = {}
    # reliability stands last, as in any dataset
    for column in sorted(columns, key=lambda name: name == 'reliability'):
        present = [session.columns[column] for session in sessions if column in session.columns]
        is_text = any(values.dtype == object for values in present)
        parts = []
        for session in sessions:
            values = session.columns.get(column)
            if values is None:
                values = np.full(session.shape[2], '' if is_text else np.nan, dtype=object if is_text else float)
            elif is_text and values.dtype != object:
                values = values.astype(str).astype(object)  # 4 is '4' beside 'VI'
            parts.append(values)
        merged[column] = np.concatenate(parts)
    return pd.DataFrame(merged)


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='png')
    return buffer.getvalue()
