"""Reads and writes the folder of a training run, and checks that a finished run is unchanged.

This module imports torch only to write weights: names are checked without it.
"""

import contextlib
import csv
import datetime
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from m2m_benchmarks.errors import ModelError, nearest
from m2m_benchmarks.storage import atomic_write, home, sha256_file

if TYPE_CHECKING:
    import torch

FORMAT = 1
WEIGHTS = 'weights.safetensors'
METRICS = 'metrics.csv'
#: Settings of the run, written when it begins.
CONFIG = 'config.json'
#: Results of the run, written last: a folder with this file holds a finished run.
RESULT = 'run.json'
CHECKPOINT = 'checkpoint.ckpt'
#: Position of the last record of a zip archive without a comment, which torch.save writes.
_END_OF_ZIP = -22


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder : Path
    config : dict
        Settings of the run: `model`, `dataset`, `seed`, `steps`, …
    result : dict
        Results of the run: `steps`, `validation_accuracy`, `train_loss`.
    data : dict
        Training data: `name`, `classes`, `sha256`, and numbers of images.
    """

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any]
    data: dict[str, Any]

    @property
    def model(self) -> str:
        """Identifier of the network in the family `neurn`."""
        return str(self.config['model'])

    @property
    def classes(self) -> list[str]:
        """Class of each output."""
        return list(self.data['classes'])

    @property
    def weights(self) -> Path:
        """File of the backbone's weights."""
        return self.folder / WEIGHTS


#: Files that are still being written, see `storage.atomic_write`.
UNFINISHED = re.compile(
    rf'\.({"|".join(map(re.escape, (WEIGHTS, METRICS, CONFIG, RESULT, CHECKPOINT)))})\.[a-z0-9_]{{8}}(\.tmp)?'
)


def runs_folder() -> Path:
    """Folder of the runs for which the user names no folder."""
    return home() / 'runs'


def find_run(name: str) -> Path:
    """Return the folder of a run from its name in `runs_folder`, which comes first, or from its path."""
    inside = runs_folder() / name
    named = '/' not in name and not name.startswith(('.', '~')) and inside.is_dir()
    return inside if named else Path(name).expanduser()


def weights_file(weights: str | Path) -> Path:
    """Return the path of a weights file, given the file itself or the folder of a training run.

    Raises
    ------
    ModelError
        When there is no such file.
    """
    path = Path(weights)
    if path.is_dir():
        path = path / WEIGHTS
        if not path.is_file():
            raise ModelError(
                f'there is no weights file {path}; expected a file, or the folder of a finished training run.'
            )
    if not path.is_file():
        raise ModelError(f'there is no weights file {path}.')
    return path


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises
    ------
    ModelError
        When there is no run, it isn't finished, or one of its files was changed.
    """
    if not folder.is_dir():
        known = [path.parent.name for path in sorted(runs_folder().glob(f'*/{RESULT}'))]
        raise ModelError(
            f'there is no run {folder}; expected the folder that `m2m train` wrote, or its name.'
            f'{nearest(folder.name, known)}'
        )
    path = folder / RESULT
    if not path.is_file():
        if (folder / CONFIG).is_file():
            raise ModelError(f'the run {folder} is not finished. Repeat its command with --resume.')
        raise ModelError(f'{folder} is not a training run: it has no {RESULT}.')
    changed = f'{folder} was changed after the run ended'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        seal, files = content.pop('sha256'), content['files']
        if content['format'] != FORMAT:
            raise ModelError(f'{path} has format {content["format"]}; this version reads format {FORMAT}.')
        run = Run(folder, content['config'], content['result'], content['data'])
        intact = seal == _seal(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f'{path} cannot be read: {changed}. Train again, or restore a copy.') from error
    if not intact:
        raise ModelError(f'{changed}: {RESULT} was changed after the training. Train again, or restore a copy.')
    for name in (WEIGHTS, METRICS, CONFIG):
        file = folder / name
        if not file.is_file():
            raise ModelError(f'{changed}: {name} is missing. Train again, or restore a copy.')
        try:
            intact = sha256_file(file) == files[name]
        except OSError as error:
            raise ModelError(f'{file} cannot be read: {error.strerror or error}.') from error
        if not intact:
            raise ModelError(f'{changed}: {name} has a different SHA-256. Train again, or restore a copy.')
    return run


def sealed(checkpoint: bytes) -> bytes:
    """Append the SHA-256 of a checkpoint, on a line of its own, which torch.load passes over."""
    return b'%s\nSHA-256 %s\n' % (checkpoint, hashlib.sha256(checkpoint).hexdigest().encode())


def checkpoint_state(path: Path) -> Literal['intact', 'unsealed', 'damaged']:
    """Compare a checkpoint with its SHA-256; 'unsealed' if it is of version 0.1 and has none."""
    content = path.read_bytes()
    if content[_END_OF_ZIP:].startswith(b'PK\x05\x06'):
        return 'unsealed'
    return 'intact' if content == sealed(content[: -len(sealed(b''))]) else 'damaged'


def remove_leftovers(folder: Path) -> None:
    """Delete files that a killed process left half-written in the folder of a run."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the settings of a run."""
    with atomic_write(folder / CONFIG) as file:
        json.dump(dict(config), file, indent=1)


def read_config(folder: Path) -> dict[str, Any] | None:
    """Read the settings of a run; None where no run was begun.

    Raises
    ------
    ModelError
        When the file can't be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f'{path} cannot be read ({error}). Remove the folder and train again.') from error
    if not isinstance(config, dict):
        raise ModelError(f'{path} does not hold the settings of a run. Remove the folder and train again.')
    return config


def interrupted_runs(settings: Mapping[str, Any]) -> list[Path]:
    """List the folders of unfinished runs of the same model, dataset and random seed, by name."""
    interrupted = []
    for checkpoint in sorted(runs_folder().glob(f'*/{CHECKPOINT}')):
        folder = checkpoint.parent
        with contextlib.suppress(ModelError):  # a damaged folder is not to be resumed
            config = read_config(folder) or {}
            same = all(config.get(key) == settings[key] for key in ('model', 'dataset', 'seed'))
            if same and not (folder / RESULT).is_file():
                interrupted.append(folder)
    return interrupted


def write_run(
    folder: Path,
    state: Mapping[str, 'torch.Tensor'],
    metrics: Sequence[Mapping[str, Any]],
    result: Mapping[str, Any],
    data: Mapping[str, Any],
    versions: Mapping[str, str],
) -> Run:
    """Write the results of a run; the last file marks it as finished.

    Parameters
    ----------
    folder : Path
        Folder of the run, with its settings.
    state : mapping
        State dict of the backbone.
    metrics : sequence of mapping
        Rows with step, train_loss, validation_loss and validation_accuracy; missing values stay empty.
    result, data : mapping
        See `Run`.
    versions : mapping
        Versions of the packages that the result depends on.
    """
    import safetensors.torch

    with atomic_write(folder / WEIGHTS, 'wb') as file:
        file.write(safetensors.torch.save({name: value.cpu().contiguous() for name, value in state.items()}))
    table = io.StringIO()
    columns = ('step', 'train_loss', 'validation_loss', 'validation_accuracy')
    writer = csv.DictWriter(table, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(metrics)
    with atomic_write(folder / METRICS) as file:
        file.write(table.getvalue())
    content = {
        'format': FORMAT,
        'config': read_config(folder),
        'result': dict(result),
        'data': dict(data),
        'versions': dict(versions),
        'files': {name: sha256_file(folder / name) for name in (WEIGHTS, METRICS, CONFIG)},
        'created': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    }
    with atomic_write(folder / RESULT) as file:
        json.dump({**content, 'sha256': _seal(content)}, file, indent=1)
    return read_run(folder)


def _seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content, independent of the spacing in its file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
