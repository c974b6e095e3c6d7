"""The natural scenes as image files, written once for all datasets that show them."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.sessions import ECEPHYS
from m2m_benchmarks.acquisition.pipeline.images import read_image
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.net.sizes import file_sizes
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import exclusive, writable


def scene_urls(mirror: str) -> tuple[str, ...]:
    """Where the natural scenes are, as TIFF, in the order of their numbers."""
    place = f'{mirror}{ECEPHYS}/natural_scene_templates'
    return tuple(f'{place}/natural_scene_{number}.tiff' for number in range(N_SCENES))


def server_scenes(
    folder: Path,
    urls: Sequence[str],
    progress: Progress,
    wanted: Sequence[int] = range(N_SCENES),
    retry: RetryPolicy = RETRY,
) -> tuple[list[Path], int]:
    """The scenes as the server has them, one TIFF each; only those that are wanted have to be there afterwards.

    Parameters
    ----------
    folder : Path
        Where they are kept, so that the next fetch doesn't download them again.
    urls : sequence of str
        Those of `scene_urls`.
    progress : callable
    wanted : sequence of int
    retry : RetryPolicy

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
    paths = [scene_path(folder, number) for number in range(N_SCENES)]
    lacking = [number for number in wanted if not paths[number].exists()]
    stopped = threading.Event()

    def fetch(number: int) -> int:
        if stopped.is_set():
            return 0
        try:
            download([urls[number]], paths[number], retry=retry)
            read_image(paths[number])  # one that can't be read isn't kept
        except BaseException:
            # Without a network, each of the others would be tried for as long as this one.
            stopped.set()
            raise
        return paths[number].stat().st_size

    moved = 0
    with holding_scenes(folder), ThreadPoolExecutor(4) as pool:
        try:
            for done, size in enumerate(pool.map(fetch, lacking)):
                moved += size
                progress('scenes', done + 1, len(lacking))
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return paths, moved


def scene_sizes(folder: Path, mirror: str, retry: RetryPolicy, progress: Progress | None) -> list[int | None]:
    """Bytes of each scene that isn't here yet; None for one that the server lacks."""
    lacking = {
        number: [url] for number, url in enumerate(scene_urls(mirror)) if not scene_path(folder, number).exists()
    }
    return list(file_sizes(lacking, progress=progress, retry=retry).values())


def scene_path(folder: Path, number: int) -> Path:
    """Where `server_scenes` keeps a scene."""
    return folder / f'scene_{number:03d}.tiff'


@contextlib.contextmanager
def holding_scenes(folder: Path) -> Iterator[None]:
    """Lock a folder of scenes, and remove what killed runs left half-written in it, but for parts of downloads."""
    with exclusive(writable(folder) / '.lock', 'fetching the natural scenes', wait_s=600):
        try:
            yield
        finally:
            for path in folder.glob('.scene_*'):
                path.unlink()
