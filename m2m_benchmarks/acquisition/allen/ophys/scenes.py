"""The natural scenes that 2-photon sessions were shown, from the server's image files or from a session."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from m2m_benchmarks.acquisition.allen import N_SCENES
from m2m_benchmarks.acquisition.allen.nwb import open_source
from m2m_benchmarks.acquisition.allen.ophys.session import iterate_scenes
from m2m_benchmarks.acquisition.allen.scenes import lock_scenes, server_scenes
from m2m_benchmarks.acquisition.pipeline.images import read_image
from m2m_benchmarks.acquisition.pipeline.session_file import read_session
from m2m_benchmarks.acquisition.pipeline.tasks import MAX_UNREACHABLE, ExtractionTask, SessionFiles
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.notes import usable, write_note
from m2m_benchmarks.net.retry import RETRY, RetryPolicy
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.storage import atomic_write, reporting_write_errors


def shown_scenes(
    folder: Path,
    urls: Sequence[str],
    extracted: Mapping[str, Path],
    tasks: Mapping[str, ExtractionTask],
    progress: Progress,
    retry: RetryPolicy = RETRY,
) -> tuple[list[Path], int]:
    """Get the scenes that most 2-photon sessions were shown.

    They are the larger half of a session's file. The server's image files are used if they equal the few images that
    were compared when the sessions were extracted; otherwise the scenes are read from the first of these sessions.

    Parameters
    ----------
    folder : Path
        Folder where the scenes are kept.
    extracted : mapping
        Session to its file of responses.
    tasks : mapping
        Session to its task, with the addresses of its NWB file.
    urls, progress, retry
        See `server_scenes`, also for what is returned and raised.
    """
    shown = {
        session: tuple(read_session(path).images_sha256)
        for session, path in sorted(extracted.items(), key=lambda item: int(item[0]))
    }
    # A session with other images must not exclude all others; on a tie the first counts.
    usual = Counter(shown.values()).most_common(1)[0][0]
    compared = [number for number, sha256 in enumerate(usual) if sha256]
    session_folder = folder / hashlib.sha256(' '.join(filter(None, usual)).encode()).hexdigest()[:16]
    moved = 0
    if not all(path.exists() for path in _scene_paths(session_folder)):
        try:
            paths, moved = server_scenes(folder, urls, progress, compared, retry)
            if all(_sha256(read_image(paths[number])) == usual[number] for number in compared):
                paths, more = server_scenes(folder, urls, progress, retry=retry)
                return paths, moved + more
        except DataError:
            pass  # they are read from a session instead
    sources = [tasks[session] for session, scenes in shown.items() if scenes == usual]
    paths, more = _session_scenes(session_folder, sources, progress)
    return paths, moved + more


def scenes_kept(folder: Path) -> bool:
    """Whether scenes that were read from a session are on this machine."""
    return any(all(path.exists() for path in _scene_paths(session_folder)) for session_folder in folder.glob('*/'))


def _scene_paths(folder: Path) -> list[Path]:
    return [folder / f'scene_{number:03d}.png' for number in range(N_SCENES)]


def _session_scenes(folder: Path, tasks: Sequence[ExtractionTask], progress: Progress) -> tuple[list[Path], int]:
    """Write the scenes as PNG, from the file of the first session that can be read."""
    paths = _scene_paths(folder)
    moved, failures, unreachable = 0, [], 0
    with lock_scenes(folder):
        for task in tasks:
            missing = [number for number, path in enumerate(paths) if not usable(path)]
            if not missing or unreachable == MAX_UNREACHABLE:
                break
            # Uses a whole file if there is one, but downloads none only for the images.
            files = SessionFiles(replace(task, whole_files=False))
            try:
                with files.open() as source, open_source(source) as file:
                    for number, image in zip(missing, iterate_scenes(file, missing), strict=True):
                        with (
                            reporting_write_errors(paths[number].name, folder),
                            atomic_write(paths[number], 'wb') as out,
                        ):
                            Image.fromarray(image).save(out, format='png')
                        write_note(paths[number])
                        progress('scenes', number + 1, N_SCENES)
            except DataError as error:
                failures.append(f'{task.session.id}: {error}')
                unreachable = unreachable + 1 if isinstance(error, ServerUnreachable) else 0
            moved += files.bytes_moved
    if not all(path.exists() for path in paths):
        tried = f'{len(failures)} of {len(tasks)} sessions' if unreachable == MAX_UNREACHABLE else 'any session'
        raise DataError(f'the natural scenes cannot be read from {tried}. {" ".join(failures[-MAX_UNREACHABLE:])}')
    return paths, moved


def _sha256(image: np.ndarray) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()
