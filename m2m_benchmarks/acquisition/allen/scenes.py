"""The 118 natural scenes as image files, written once for all datasets that show them."""

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from m2m_benchmarks.acquisition.allen.jobs import Job, Source
from m2m_benchmarks.acquisition.allen.ophys import SOME_SCENES
from m2m_benchmarks.acquisition.allen.ophys_session import iterate_scenes
from m2m_benchmarks.acquisition.allen.responses import SCENES
from m2m_benchmarks.acquisition.allen.session_file import read_session
from m2m_benchmarks.acquisition.download import download
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.storage import exclusive, explained, replacing, writable

#: What PIL answers damaged files with.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError)


def shown_scenes(
    folder: Path,
    urls: Sequence[str],
    extracted: Mapping[str, Path],
    jobs: Mapping[str, Job],
    progress: Callable[[str, int, int], None],
    **options: Any,
) -> tuple[list[Path], int]:
    """The scenes that most 2-photon sessions were shown.

    They are the larger half of a session's file. The server has them as files of their own too, which are taken where
    those of `SOME_SCENES` are what the sessions hold; else they are read from the first of these sessions.

    Parameters
    ----------
    folder : Path
        Where they are kept, so that the next fetch doesn't read them again.
    urls, options
        As of `server_scenes`.
    extracted : mapping
        Session to its file of responses.
    jobs : mapping
        Session to its job, which says where its NWB file is.
    progress : callable

    Returns
    -------
    paths : list of Path
        In the order of the scenes' numbers.
    bytes_moved : int

    Raises
    ------
    DataError
        When they can't be had.
    StorageError
        When they can't be written.
    """
    shown = {
        session: tuple(read_session(path).scenes_sha256[number] for number in SOME_SCENES)
        for session, path in sorted(extracted.items(), key=lambda each: int(each[0]))
    }
    # One session with other images must not keep out all the rest; of equals the first counts.
    usual = Counter(shown.values()).most_common(1)[0][0]
    own = folder / hashlib.sha256(' '.join(usual).encode()).hexdigest()[:16]
    moved = 0
    if not all(path.exists() for path in _own_paths(own)):
        try:
            paths, moved = server_scenes(folder, urls, progress, SOME_SCENES, **options)
            if tuple(_sha256(read_scene(paths[number])) for number in SOME_SCENES) == usual:
                paths, more = server_scenes(folder, urls, progress, **options)
                return paths, moved + more
        except DataError:
            pass  # the sessions have them as well
    sources = [jobs[session] for session, scenes in shown.items() if scenes == usual]
    paths, more = _session_scenes(own, sources, progress)
    return paths, moved + more


def scenes_kept(folder: Path) -> bool:
    """Whether scenes of 2-photon sessions are there, read from one of these."""
    return any(all(path.exists() for path in _own_paths(own)) for own in folder.glob('*/'))


def _own_paths(folder: Path) -> list[Path]:
    return [folder / f'scene_{number:03d}.png' for number in range(SCENES)]


def _session_scenes(
    folder: Path, jobs: Sequence[Job], progress: Callable[[str, int, int], None]
) -> tuple[list[Path], int]:
    """The scenes from the file of the first session that gives them, as PNG."""
    paths = _own_paths(folder)
    moved, failures = 0, []
    with _held(folder):
        for job in jobs:
            lacking = [number for number, path in enumerate(paths) if not path.exists()]
            if not lacking:
                break
            source = Source(job if job.nwb.exists() else replace(job, whole_files=False))
            try:
                with source.open() as file:
                    for number, image in zip(lacking, iterate_scenes(file, lacking), strict=True):
                        with explained(paths[number].name, folder), replacing(paths[number], 'wb') as out:
                            Image.fromarray(image).save(out, format='png')
                        progress('scenes', number + 1, SCENES)
            except DataError as error:
                failures.append(f'{job.session.id}: {error}')
            moved += source.bytes_moved
    if not all(path.exists() for path in paths):
        raise DataError(f'the natural scenes cannot be read from any session. {" ".join(failures[:3])}')
    return paths, moved


def server_scenes(
    folder: Path,
    urls: Sequence[str],
    progress: Callable[[str, int, int], None],
    wanted: Sequence[int] = range(SCENES),
    **options: Any,
) -> tuple[list[Path], int]:
    """The scenes as the server has them, one TIFF each; only those that are wanted have to be there afterwards.

    `urls` are those of `catalogue.scene_urls`, `options` those of `download`; results are as of `shown_scenes`.
    """
    paths = [scene_path(folder, number) for number in range(SCENES)]
    lacking = [number for number in wanted if not paths[number].exists()]
    stopped = threading.Event()

    def fetch(number: int) -> int:
        if stopped.is_set():
            return 0
        try:
            download([urls[number]], paths[number], **options)
            read_scene(paths[number])  # one that can't be read isn't kept
        except BaseException:
            # Without a network, each of the others would be tried for as long as this one.
            stopped.set()
            raise
        return paths[number].stat().st_size

    moved = 0
    with _held(folder), ThreadPoolExecutor(4) as pool:
        try:
            for done, size in enumerate(pool.map(fetch, lacking)):
                moved += size
                progress('scenes', done + 1, len(lacking))
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return paths, moved


def scene_path(folder: Path, number: int) -> Path:
    """Where `server_scenes` keeps a scene."""
    return folder / f'scene_{number:03d}.tiff'


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Have a folder of scenes to oneself, and remove what killed runs left half-written, but for parts of downloads."""
    with exclusive(writable(folder) / '.lock', 'fetching the natural scenes', wait_s=600):
        try:
            yield
        finally:
            for path in folder.glob('.scene_*'):
                path.unlink()


def read_scenes(paths: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels of each scene, one at a time; errors are those of `read_scene`."""
    for path in paths:
        yield path.stem, read_scene(path)


def read_scene(path: Path) -> np.ndarray:
    """Pixels of an image file.

    Returns
    -------
    uint8 array, shape (height, width) or (height, width, 3)

    Raises
    ------
    DataError
        When it is damaged, or holds other values than 0 to 255; it is removed then, so that it comes again.
    """
    try:
        with Image.open(path) as image:
            stored = np.asarray(image)
    except _DAMAGE as error:
        path.unlink(missing_ok=True)
        raise DataError(f'{path} is damaged ({error}) and was removed; run this again.') from error
    with np.errstate(invalid='ignore'):
        pixels = stored.astype(np.uint8)
    if pixels.shape[2:] not in ((), (3,)) or not np.array_equal(pixels, stored):
        path.unlink(missing_ok=True)
        raise DataError(f'{path.name} holds other values than grey or RGB of 0 to 255, and was removed.')
    return pixels


def _sha256(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()
