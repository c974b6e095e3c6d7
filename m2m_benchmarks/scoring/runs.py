"""The folder of a training run: what is in it when it is finished, and whether it is still that.

This module imports torch only where weights are written: names are checked without it.
"""

import csv
import datetime
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.storage import home, replacing, sha256_file

if TYPE_CHECKING:
    import torch

FORMAT = 1
WEIGHTS = 'weights.safetensors'
METRICS = 'metrics.csv'
#: What the run was asked to do, written when it begins.
CONFIG = 'config.json'
#: What came of it, written when everything else is there: a folder with it is a finished run.
RESULT = 'run.json'
CHECKPOINT = 'checkpoint.ckpt'


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder : Path
    config : dict
        What it was asked to do: `model`, `dataset`, `seed`, `steps`, …
    result : dict
        What came of it: `steps`, `validation_accuracy`, `train_loss`.
    data : dict
        `name`, `classes`, `sha256`, and how many images.
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
        """What each output stands for."""
        return list(self.data['classes'])

    @property
    def weights(self) -> Path:
        """File of the weights: those of the backbone."""
        return self.folder / WEIGHTS


#: Files that are still being written, see `storage.replacing`.
_UNFINISHED = re.compile(
    rf'\.({"|".join(map(re.escape, (WEIGHTS, METRICS, CONFIG, RESULT, CHECKPOINT)))})\.[a-z0-9_]{{8}}'
)


def runs_folder() -> Path:
    """Folder of the runs that were given no folder of their own."""
    return home() / 'runs'


def find_run(name: str) -> Path:
    """Folder of a run that a user names: a path, or the name of a folder in `runs_folder`."""
    path = Path(name).expanduser()
    inside = runs_folder() / name
    return inside if not path.exists() and inside.is_dir() else path


def weights_file(weights: str | Path) -> Path:
    """The weights file that a user names: itself, or the one in the folder of a trained run.

    Raises
    ------
    ModelError
        When there is no such file.
    """
    path = Path(weights)
    if path.is_dir():
        path = path / WEIGHTS
        if not path.is_file():
            raise ModelError(f'there is no weights file {path}, which the folder of a trained run would hold.')
    if not path.is_file():
        raise ModelError(f'there is no weights file {path}.')
    return path


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises
    ------
    ModelError
        When there is none, it isn't finished, or a file in it was changed since.
    """
    if not folder.is_dir():
        raise ModelError(f'there is no run {folder}; expected the folder that `m2m train` wrote, or its name.')
    path = folder / RESULT
    if not path.is_file():
        if (folder / CONFIG).is_file():
            raise ModelError(f'the run {folder} is not finished. Give its command again with --resume.')
        raise ModelError(f'{folder} is no training run: it has no {RESULT}.')
    changed = f'{folder} was changed after the run ended'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        seal, files = content.pop('sha256'), content['files']
        if content['format'] != FORMAT:
            raise ModelError(f'{path} is of format {content["format"]}; this version reads {FORMAT}.')
        run = Run(folder, content['config'], content['result'], content['data'])
        intact = seal == _seal(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f'{path} cannot be read: {changed}. Train again, or take a copy.') from error
    if not intact:
        raise ModelError(f'{changed}: {RESULT} is not what was written. Train again, or take a copy.')
    for name in (WEIGHTS, METRICS, CONFIG):
        file = folder / name
        if not file.is_file():
            raise ModelError(f'{changed}: {name} is missing. Train again, or take a copy.')
        try:
            intact = sha256_file(file) == files[name]
        except OSError as error:
            raise ModelError(f'{file} cannot be read: {error.strerror or error}.') from error
        if not intact:
            raise ModelError(f'{changed}: {name} has another SHA-256 than was written. Train again, or take a copy.')
    return run


def sweep(folder: Path) -> None:
    """Remove what a process that was killed was writing into the folder of a run."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write what a run is asked to do."""
    with replacing(folder / CONFIG) as file:
        json.dump(dict(config), file, indent=1)


def read_config(folder: Path) -> dict[str, Any] | None:
    """What a run was asked to do; None where no run was begun.

    Raises
    ------
    ModelError
        When it can't be read.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ModelError(f'{path} cannot be read ({error}). Remove the folder and train again.') from error
    if not isinstance(config, dict):
        raise ModelError(f'{path} is not what a run wrote. Remove the folder and train again.')
    return config


def write_run(
    folder: Path,
    state: Mapping[str, 'torch.Tensor'],
    metrics: Sequence[Mapping[str, Any]],
    result: Mapping[str, Any],
    data: Mapping[str, Any],
    versions: Mapping[str, str],
) -> Run:
    """Write what came of a run; the last file makes it a finished one.

    Parameters
    ----------
    folder : Path
        With the configuration in it.
    state : mapping
        State dict of the backbone.
    metrics : sequence of mapping
        One row each: step, train_loss, validation_loss, validation_accuracy; what is missing stays empty.
    result, data : mapping
        See `Run`.
    versions : mapping
        Versions of the packages that the result depends on.
    """
    import safetensors.torch

    with replacing(folder / WEIGHTS, 'wb') as file:
        file.write(safetensors.torch.save({name: value.cpu().contiguous() for name, value in state.items()}))
    table = io.StringIO()
    columns = ('step', 'train_loss', 'validation_loss', 'validation_accuracy')
    writer = csv.DictWriter(table, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(metrics)
    with replacing(folder / METRICS) as file:
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
    with replacing(folder / RESULT) as file:
        json.dump({**content, 'sha256': _seal(content)}, file, indent=1)
    return read_run(folder)


def _seal(content: Mapping[str, Any]) -> str:
    """Of the content, whatever its spacing."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
