"""The natural scenes as image files, downloaded once for both surveys."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.sessions import ECEPHYS
from m2m_benchmarks.acquisition.pipeline.images import read_image
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.notes import usable
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.net.sizes import file_sizes
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import ensure_writable, file_lock


def scene_urls(mirror: str) -> tuple[str, ...]:
    """Addresses of the natural scenes, which are TIFF files, in the order of their numbers."""
    folder = f'{mirror}{ECEPHYS}/natural_scene_templates'
    return tuple(f'{folder}/natural_scene_{number}.tiff' for number in range(N_SCENES))


def server_scenes(
    folder: Path,
    urls: Sequence[str],
    progress: Progress,
    wanted: Sequence[int] = range(N_SCENES),
    retry: RetryPolicy = RETRY,
) -> tuple[list[Path], int]:
    """Download the natural scenes that aren't on this machine yet, or are damaged.

    Parameters
    ----------
    folder : Path
        Folder where the scenes are kept.
    urls : sequence of str
        Addresses of all scenes (see `scene_urls`).
    progress : callable
    wanted : sequence of int
        Numbers of the scenes to download.
    retry : RetryPolicy

    Returns
    -------
    paths : list of Path
        TIFF files of all scenes in the order of their numbers; those not wanted needn't exist.
    bytes_moved : int
        Bytes transferred.

    Raises
    ------
    DataError
        When a scene can't be downloaded.
    StorageError
        When a scene can't be written.
    """
    paths = [scene_path(folder, number) for number in range(N_SCENES)]
    stopped = threading.Event()

    def fetch(number: int) -> int:
        if stopped.is_set():
            return 0
        try:
            download([urls[number]], paths[number], retry=retry)
            read_image(paths[number])  # removes a file that can't be read
        except BaseException:
            # Without a network, each of the others would take as long as this one.
            stopped.set()
            raise
        return paths[number].stat().st_size

    moved = 0
    with lock_scenes(folder), ThreadPoolExecutor(4) as pool:
        missing = [number for number in wanted if not usable(paths[number])]
        try:
            for done, size in enumerate(pool.map(fetch, missing)):
                moved += size
                progress('scenes', done + 1, len(missing))
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return paths, moved


def scene_sizes(folder: Path, mirror: str, retry: RetryPolicy, progress: Progress | None) -> list[int | None]:
    """Return the bytes of each scene that isn't on this machine yet; None if the server doesn't have it."""
    missing = {
        number: [url] for number, url in enumerate(scene_urls(mirror)) if not scene_path(folder, number).exists()
    }
    return list(file_sizes(missing, progress=progress, retry=retry).values())


def scene_path(folder: Path, number: int) -> Path:
    """Path of a downloaded scene."""
    return folder / f'scene_{number:03d}.tiff'


@contextlib.contextmanager
def lock_scenes(folder: Path) -> Iterator[None]:
    """Lock the scenes folder; on exit, delete partial files of killed runs, except resumable downloads."""
    with file_lock(ensure_writable(folder) / '.lock', 'fetching the natural scenes', wait_s=600):
        try:
            yield
        finally:
            for path in folder.glob('.scene_*'):
                path.unlink()
            for path in folder.glob('scene_*.part.from'):
                if not path.with_suffix('').exists():
                    path.unlink()
