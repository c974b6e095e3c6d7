"""What a fetch would do: what comes, and what it takes of the network, the disk, memory and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.acquisition.allen.catalogue import Listing, scene_urls, sizes, summary
from m2m_benchmarks.acquisition.allen.choice import Choice, Progress, checked_settings, folder_of, list_sessions
from m2m_benchmarks.acquisition.allen.ecephys import EcephysSettings
from m2m_benchmarks.acquisition.allen.jobs import sessions_folder, to_read
from m2m_benchmarks.acquisition.allen.ophys_settings import OphysSettings
from m2m_benchmarks.acquisition.allen.scenes import scene_path, scenes_kept
from m2m_benchmarks.acquisition.allen.session_file import fingerprint, finished
from m2m_benchmarks.storage import free_bytes

#: Most of a file that is moved when it is read where it lies.
_SHARE = {'deVries2020': 1 / 3, 'Siegle2021': 1 / 5}
#: Estimates: bytes of memory of the fetch and of each worker beside it, as `perf/allen_bytes.py` measures them; seconds
#: of computing and waiting for answers a session; bytes/s of a good line.
_BYTES, _WORKER_BYTES = 400e6, 250e6
_SESSION_S = {'deVries2020': 10, 'Siegle2021': 20}
_LINE_BYTES_S = 10e6
#: Bytes of the images as a session holds them, at most.
_STORED_SCENES_BYTES = 118 * 918 * 1174 * 4
#: Bytes of a session's file of responses, as far as one can say before it is there.
_RESPONSES_BYTES = {'deVries2020': 4e6, 'Siegle2021': 8e6}


@dataclass(frozen=True)
class Plan:
    """What a fetch would do.

    Attributes
    ----------
    listing : Listing
    lines : dict
        Area to Cre line to number of sessions.
    n_extracted : int
        Sessions that are extracted already and would not be read again.
    file_bytes : int
        Of the NWB files of the others, and of their events where these are read.
    n_without_file : int
        Sessions whose file no server has.
    scene_bytes : int
        Of the images that aren't here yet, which come once.
    moved_bytes : int
        Most bytes that would be moved, images included.
    disk_bytes, free_bytes : int
        Disk that would be filled at most, and that is free.
    memory_bytes, seconds : int
        Estimates.
    """

    listing: Listing
    lines: dict[str, dict[str, int]]
    n_extracted: int
    file_bytes: int
    n_without_file: int
    scene_bytes: int
    moved_bytes: int
    disk_bytes: int
    free_bytes: int
    memory_bytes: int
    seconds: int


def plan(
    name: str,
    choice: Choice,
    settings: OphysSettings | EcephysSettings | None = None,
    whole_files: bool = False,
    delete_nwb: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Plan:
    """What `fetch_allen` would do with the same arguments; of the sessions, only sizes are asked for.

    Time and memory are estimates: 10 MB/s, 10 s of computing and waiting for answers a 2-photon session and 20 s a
    Neuropixels session, 400 MB and 250 MB for each of several workers, and of files that are read where they lie the
    most that is moved, a third or a fifth.

    Raises
    ------
    DataError
        When there is no catalogue, no session that is wanted, or no answer.
    UnknownNameError
        For a dataset, an area or a Cre line that there isn't.
    """
    settings = checked_settings(name, settings, choice)
    folder = folder_of(name)
    listing = list_sessions(name, choice, folder, progress)
    extracted = finished(sessions_folder(folder, settings), fingerprint(settings))
    waiting = to_read(listing.sessions, extracted, folder, whole_files, delete_nwb)
    options = {**choice.options, 'progress': progress}
    found = sizes({session.id: session.urls for session in waiting}, **options)
    file_bytes = sum(size or 0 for size in found.values())
    moved = file_bytes if whole_files else file_bytes * _SHARE[name]
    if isinstance(settings, OphysSettings) and settings.used_signal == 'events':
        events = sum(size or 0 for size in sizes({each.id: each.events_urls for each in waiting}, **options).values())
        file_bytes, moved = file_bytes + events, moved + events
    scene_bytes = _scene_bytes(folder.parent / 'scenes', name, choice, options)
    largest = max((size or 0 for size in found.values()), default=0)
    kept = (largest * workers if delete_nwb else file_bytes) if whole_files else 0
    processes = min(workers, len(waiting))
    return Plan(
        listing=listing,
        lines=summary(listing.sessions),
        n_extracted=sum(str(session.id) in extracted for session in listing.sessions),
        file_bytes=file_bytes,
        n_without_file=sum(size is None for size in found.values()),
        scene_bytes=scene_bytes,
        moved_bytes=int(moved + scene_bytes),
        # Responses are there twice, as files of sessions and in the dataset; so are the images.
        disk_bytes=int(kept + 2 * scene_bytes + 2 * _RESPONSES_BYTES[name] * len(listing.sessions)),
        free_bytes=free_bytes(folder),
        memory_bytes=int(_BYTES + (_WORKER_BYTES * processes if processes > 1 else 0)),
        seconds=int((moved + scene_bytes) / _LINE_BYTES_S + _SESSION_S[name] * len(waiting) / workers),
    )


def _scene_bytes(folder: Path, name: str, choice: Choice, options: Mapping[str, Any]) -> int:
    if name == 'deVries2020' and scenes_kept(folder):
        return 0
    lacking = {
        number: [url] for number, url in enumerate(scene_urls(choice.mirror)) if not scene_path(folder, number).exists()
    }
    found = sizes(lacking, **options)
    # Where the server lacks one, they are read from a 2-photon session.
    absent = name == 'deVries2020' and None in found.values()
    return _STORED_SCENES_BYTES if absent else sum(size or 0 for size in found.values())
