"""The stores under M2M_HOME: their sizes, checks of their files, and what killed processes left in them."""

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import DataError, ModelError
from m2m_benchmarks.net import notes
from m2m_benchmarks.records import store as results
from m2m_benchmarks.records import sweeps
from m2m_benchmarks.scoring import activation_store, ceiling_store, runs
from m2m_benchmarks.storage import home

#: Age in s from which a temporary file can't be in use.
_OLD_S = 24 * 60 * 60
#: End of the names of temporary files, of this version and of 0.1.
_END = r'\.([0-9a-f]{8}\.tmp|[a-z0-9_]{8})'
#: Temporary files and folders of each store, by their paths in it; other files are the user's. Downloads include
#: unfinished ones with the notes of their origin.
_TEMPORARY = {
    'data': rf'[^/]+/(\.tmp-[^/]+|\.ledger\.json{_END}|[^/]+/[^/]+/png/\.[a-z0-9_]{{8}})',
    'downloads': rf'[^/]+/(.+/)?([^/]+\.(part|new)(\.part)?(\.from)?|\.[^/]+{_END})',
    'activations': rf'[0-9a-f]{{2}}/\.[0-9a-f]+(\.safetensors|\.npy|\.json)?{_END}|tmp[a-z0-9_]{{8}}|\.tmp-acuity-\w+',
    'ceilings': rf'\.[0-9a-f]+(\.safetensors)?{_END}',
    'runs': rf'[^/]+/{runs.UNFINISHED.pattern}',
}


@dataclass(frozen=True)
class Store:
    """Files of one kind.

    Attributes
    ----------
    name : str
    path : Path
        Folder or file, which needn't exist.
    verify : callable
        Function that returns a sentence for each damaged file.
    check : callable
        Function that raises a StorageError when the store can't be read at all, which it finds out quickly.
    """

    name: str
    path: Path
    verify: Callable[[], Iterable[str]]
    check: Callable[[], object] = bool

    @property
    def bytes(self) -> int:
        """Size of all files."""
        sizes = 0
        for file in self._files():
            with contextlib.suppress(FileNotFoundError):  # other processes remove files meanwhile
                sizes += 0 if file.is_dir() else file.lstat().st_size
        return sizes

    def leftovers(self) -> list[Path]:
        """List temporary files and folders of killed processes, and downloads that nobody has continued for a day."""
        oldest_in_use = time.time() - _OLD_S
        temporary = re.compile(_TEMPORARY.get(self.name, '(?!)'))
        return [
            path
            for path in self._files()
            if temporary.fullmatch(path.relative_to(self.path).as_posix())
            and path.is_dir() == path.name.startswith('.tmp-')
            and max(each.lstat().st_mtime for each in (path, *path.rglob('*'))) < oldest_in_use
        ]

    def _files(self) -> Iterator[Path]:
        return iter(sorted(self.path.rglob('*')) if self.path.is_dir() else [self.path] if self.path.exists() else [])


def stores() -> list[Store]:
    """List all stores."""
    return [
        Store('data', manifest.data_folder(), _damaged_datasets),
        Store('downloads', home() / 'downloads', damaged_downloads),
        Store('activations', activation_store.folder(), _damaged_activations),
        Store('ceilings', ceiling_store.folder(), _damaged_ceilings),
        Store('runs', runs.runs_folder(), _damaged_runs),
        Store('sweeps', sweeps.folder(), sweeps.damaged),
        Store('results', results.path(), results.verify, results.unsealed),
    ]


def remove(paths: Iterable[Path]) -> None:
    """Remove files and folders; those that another process has removed meanwhile are no error."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _damaged_datasets() -> Iterator[str]:
    for name in manifest.names():
        try:
            for problem in manifest.verify(name):
                yield f'{problem}. {manifest.repair_advice(name)}'
        except DataError as error:
            yield str(error)


def damaged_downloads() -> Iterator[str]:
    """Compare what a fetch keeps with its SHA-256; yield a sentence for each damaged file."""
    from m2m_benchmarks.acquisition.pipeline.session_file import DamagedSession, read_session

    folder = home() / 'downloads'
    for path in sorted(file for file in folder.rglob('*') if file.is_file()):
        problem = notes.problem(path)
        if path.suffix == '.npz' and 'sessions' in path.relative_to(folder).parts:
            try:
                read_session(path)
            except DamagedSession as error:
                problem = str(error)
            except DataError:  # of another version; not used
                continue
        if problem is not None:
            yield f'{path} is damaged: {problem}. The next fetch brings it again.'


def _damaged_activations() -> Iterator[str]:
    for path in activation_store.damaged():
        yield f'{path} is damaged. The next score that needs it computes it anew.'


def _damaged_ceilings() -> Iterator[str]:
    for path in ceiling_store.damaged():
        yield f'{path} is damaged. The next score that needs it computes it anew.'


def _damaged_runs() -> Iterator[str]:
    for folder in sorted(runs.runs_folder().glob('*/')):
        checkpoint = folder / runs.CHECKPOINT
        try:
            if (folder / runs.RESULT).is_file():
                runs.read_run(folder)
            else:
                runs.read_config(folder)
        except ModelError as error:
            yield str(error)
        if checkpoint.is_file() and runs.checkpoint_state(checkpoint) == 'damaged':
            yield f'{checkpoint} is damaged. Remove it; --resume then starts again.'
