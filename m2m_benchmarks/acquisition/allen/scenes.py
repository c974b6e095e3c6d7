"""The 118 natural scenes as image files: those that most sessions were shown, written once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from m2m_benchmarks.storage import explained, replacing, writable

#: What PIL answers damaged files with.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError)


def scenes_of_sessions(
    folder: Path,
    extracted: Mapping[str, Path],
    jobs: Mapping[str, Job],
    progress: Callable[[str, int, int], None],
) -> tuple[list[Path], int]:
    """The scenes that most 2-photon sessions were shown, from the first of these, as PNG.

    Parameters
    ----------
    folder : Path
        Where they are kept, so that the next fetch doesn't read them again.
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
        When none of the sessions gives them.
    StorageError
        When they can't be written.
    """
    shown = {
        session: tuple(
            sha256 for number, sha256 in enumerate(read_session(path).scenes_sha256) if number in SOME_SCENES
        )
        for session, path in sorted(extracted.items(), key=lambda each: int(each[0]))
    }
    # One session with other images must not keep out all the rest; of equals the first counts.
    usual = Counter(shown.values()).most_common(1)[0][0]
    folder = writable(folder / hashlib.sha256(' '.join(usual).encode()).hexdigest()[:16])
    paths = [folder / f'scene_{number:03d}.png' for number in range(SCENES)]
    moved, failures = 0, []
    for session in (session for session, scenes in shown.items() if scenes == usual):
        lacking = [number for number, path in enumerate(paths) if not path.exists()]
        if not lacking:
            return paths, moved
        source = Source(jobs[session])
        try:
            with source.open() as file:
                for number, image in zip(lacking, iterate_scenes(file, lacking), strict=True):
                    with explained(paths[number].name, folder), replacing(paths[number], 'wb') as out:
                        Image.fromarray(image).save(out, format='png')
                    progress('scenes', number + 1, SCENES)
        except DataError as error:
            failures.append(f'{session}: {error}')
        moved += source.bytes_moved
    if all(path.exists() for path in paths):
        return paths, moved
    raise DataError(f'the natural scenes cannot be read from any session. {" ".join(failures[:3])}')


def scenes_of_server(
    folder: Path, urls: Sequence[str], progress: Callable[[str, int, int], None], **options: Any
) -> tuple[list[Path], int]:
    """The scenes as the server has them, one TIFF each; parameters and results as of `scenes_of_sessions`.

    `urls` are those of `catalogue.scene_urls`, `options` those of `download`.
    """
    writable(folder)
    paths = [folder / f'scene_{number:03d}.tiff' for number in range(len(urls))]
    lacking = [number for number, path in enumerate(paths) if not path.exists()]

    def fetch(number: int) -> int:
        download([urls[number]], paths[number], **options)
        try:
            read_scene(paths[number])
        except DataError:
            # It may have come short, which shows only now where the server doesn't tell its length.
            download([urls[number]], paths[number], **options)
            read_scene(paths[number])
        return paths[number].stat().st_size

    moved = 0
    with ThreadPoolExecutor(4) as pool:
        try:
            for done, size in enumerate(pool.map(fetch, lacking)):
                moved += size
                progress('scenes', done + 1, len(lacking))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return paths, moved


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
        When it is damaged; it is removed then, so that it comes again.
    """
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image if image.mode in ('L', 'RGB') else image.convert('RGB'))
    except _DAMAGE as error:
        path.unlink(missing_ok=True)
        raise DataError(f'{path} is damaged ({error}) and was removed; run this again.') from error
    return pixels
