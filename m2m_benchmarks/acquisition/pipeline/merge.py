"""Merge of session files into a dataset in the data folder, with few sessions in memory at a time."""

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
from m2m_benchmarks.data import atomic, store
from m2m_benchmarks.data.courses import Courses
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.storage import sha256_file

#: First columns of an assembly; the other columns of the sessions follow.
_FIRST = ('neuroid_id', 'region', 'animal', 'session', 'window_start_ms', 'window_end_ms')


@dataclass(frozen=True)
class MergeResult:
    """Result of a merge.

    Attributes
    ----------
    manifest : dict
        Manifest of the dataset.
    refused : dict
        Session to the reason why it isn't in the dataset; also in the manifest, as `source['refused']`.
    """

    manifest: dict[str, Any]
    refused: dict[str, str]


@dataclass(frozen=True)
class _Session:
    """A session without its responses; `columns` are those of its neuroids."""

    path: Path
    sha256: str
    session: str
    shape: tuple[int, ...]
    columns: dict[str, np.ndarray]
    window_ms: tuple[float, float]
    counts: dict[str, int]
    images_sha256: list[str]
    courses: Courses | None


def merge_sessions(
    name: str,
    paths: Iterable[Path],
    images: Iterable[tuple[str, np.ndarray]],
    source: Mapping[str, Any],
    progress: Progress | None = None,
) -> MergeResult:
    """Merge sessions into dataset `name`, all or nothing; the order of `paths` doesn't matter.

    The dataset has the form of an imported one: `window_start_ms`, `window_end_ms` and `reliability` are added to the
    neuroids; one time bin holds all windows; missing repetitions are NaN. A column that only some sessions have is ''
    or NaN for the others.

    Parameters
    ----------
    name : str
        Identifier of the dataset.
    paths : iterable of Path
        Session files written by `session_file.write_session`.
    images : iterable of (stimulus_id, uint8 array of shape (height, width) or (height, width, 3))
        Images in the order of their numbers, iterated once. A session is refused when it was shown other images, has
        a single repetition, no neuroids, or a neuroid of an earlier session; the others are merged.
    source : mapping
        Provenance for the manifest, to which `sessions` and `refused` are added; `made_by` is the command.
    progress : callable, optional
        Called with the name of the step, the number done, and the total.

    Returns
    -------
    MergeResult

    Raises
    ------
    DataError
        When a file is damaged or changes meanwhile, a session is given twice, or all are refused.
    StorageError
        When the dataset can't be written, or another process is writing it; an earlier version is unchanged.
    """
    report = progress or silent
    hashes: list[str] = []
    refused: dict[str, str] = {}

    def stimuli() -> Iterator[tuple[str, bytes]]:
        for stimulus_id, image in images:
            if image.dtype != np.uint8:
                raise DataError(f'{stimulus_id} is an image of type {image.dtype}; expected uint8.')
            hashes.append(hashlib.sha256(image.tobytes()).hexdigest())
            yield stimulus_id, _png(image)

    def record() -> store.AssemblyContent:
        read = []
        listed = list(paths)
        for i, path in enumerate(listed):
            read.append(_without_responses(path))
            report('sessions', i + 1, len(listed))
        kept = _check_sessions(sorted(read, key=lambda session: session.session), hashes, refused)
        return store.AssemblyContent(
            neuroids=_table(kept),
            n_repetitions=max(session.shape[0] for session in kept),
            # without the tables, so that their memory is free while responses are written
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
            courses=_courses(kept),
        )

    with atomic.write_lock(name):
        manifest = store.write_recordings(name, stimuli(), record)
    return MergeResult(manifest, refused)


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
        courses=session.courses,
    )


def _compact(values: np.ndarray) -> np.ndarray:
    """Share one object between equal texts, since most are the same for all neuroids of a session."""
    if values.dtype != object:
        return values
    codes, texts = pd.factorize(values)
    compact: np.ndarray = texts[codes]
    return compact


def _reliability(responses: np.ndarray) -> np.ndarray:
    """Split-half reliability of each neuroid; NaN for neuroids with fewer than two recorded repetitions."""
    recorded = (~np.isnan(responses).all(axis=1)).sum(axis=0) >= 2
    reliability = np.full(responses.shape[2], np.nan)
    reliability[recorded] = split_half_reliability(responses[:, :, recorded])
    return reliability


def _check_sessions(sessions: list[_Session], hashes: list[str], refused: dict[str, str]) -> list[_Session]:
    """Return the sessions that fit together; the reason against each of the others is added to `refused`."""
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
    """Return why a session can't be merged, or ''."""
    n_repetitions, n_images, n_neuroids = session.shape
    if n_images != len(hashes):
        return f'it has responses to {n_images} images; expected {len(hashes)}'
    # Some files have only the numbers of the images, and of others only some images were read.
    shown = session.images_sha256 or [''] * len(hashes)
    if len(shown) != len(hashes):
        return f'it was shown {len(shown)} images; expected {len(hashes)}'
    read = [number for number, sha256 in enumerate(shown) if sha256]
    other = [number for number in read if shown[number] != hashes[number]]
    if other:
        return f'it was shown other images ({len(other)} of {len(read)} differ, the first is number {other[0]})'
    if n_repetitions < 2:
        return f'it has {n_repetitions} repetition of the images; at least 2 are needed to compute a reliability'
    if not n_neuroids:
        return 'it has no neuroids'
    repeated = [neuroid for neuroid in session.columns['neuroid_id'] if neuroid in owner]
    if repeated:
        return f'{len(repeated)} of its neuroids are in session {owner[repeated[0]]} already, such as {repeated[0]}'
    return ''


def _blocks(files: list[tuple[Path, str]], report: Progress) -> Iterator[np.ndarray]:
    """Yield the responses of session files, after comparing each with its SHA-256."""
    for i, (path, sha256) in enumerate(files):
        if sha256_file(path) != sha256:
            raise DataError(f'{path} changed during the merge; run this again.')
        yield read_session(path).responses
        report('writing', i + 1, len(files))


def _table(sessions: list[_Session]) -> pd.DataFrame:
    """Join the neuroids of all sessions; a column is text if it is text in any session, else numeric."""
    columns = dict.fromkeys(column for session in sessions for column in session.columns)
    merged: dict[str, np.ndarray] = {}
    # reliability is last, as in imported datasets
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


def _courses(sessions: list[_Session]) -> Courses | None:
    """Join the time courses of all sessions; NaN for those without, None if no session has any."""
    own = [session.courses for session in sessions if session.courses is not None]
    if not own:
        return None
    first = own[0]
    if any((each.before, each.values.shape[1]) != (first.before, first.values.shape[1]) for each in own):
        raise DataError('the sessions have time courses of different lengths; extract them with the same settings.')
    joined = [
        np.full((session.shape[2], first.values.shape[1]), np.nan, np.float32)
        if session.courses is None
        else session.courses.values
        for session in sessions
    ]
    return Courses(np.concatenate(joined), first.before)


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='png')
    return buffer.getvalue()
