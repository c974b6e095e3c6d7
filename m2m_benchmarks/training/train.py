"""Trains a network by its settings and writes the folder of the run."""

import contextlib
import hashlib
import importlib.metadata
import io
import logging
import pickle
import platform
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from m2m_benchmarks.errors import DataError, ModelError, StorageError, TrainingError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring import runs
from m2m_benchmarks.scoring.runs import Run
from m2m_benchmarks.scoring.state_dicts import renamed
from m2m_benchmarks.scoring.weights import read_weights
from m2m_benchmarks.storage import atomic_write, ensure_writable, file_lock, free_bytes, sha256_file
from m2m_benchmarks.training.module import TrainingModule
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import IMAGE_FOLDER, Source, digit_source, domain_name, image_folder_source

_LOCK = '.lock'


def train(
    settings: Settings,
    folder: Path | None = None,
    resume: bool = False,
    accelerator: str = 'auto',
    devices: str = '1',
    strategy: str = 'auto',
    num_nodes: int = 1,
    workers: int = 0,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> Run:
    """Train a network on a source.

    Parameters
    ----------
    settings : Settings
    folder : Path, optional
        Folder of the run; by default one in `runs_folder` that is named after the settings.
    resume : bool
        Whether to resume a run with the same settings from its last checkpoint; the result is that of a run without
        interruption.
    accelerator, devices, strategy, num_nodes
        Options of lightning's Trainer: 'auto', 'cpu' or 'gpu'; number of devices; 'auto' or 'ddp'; number of machines.
    workers : int
        Number of processes that load the images of a folder.
    progress : callable, optional
        Called with the name of a step, the number done and the total.
    log : callable, optional
        Called with a line of text when training starts, and after each validation with the loss and the accuracy.

    Returns
    -------
    Run

    Raises
    ------
    TrainingError
        When the folder holds a run that can't be resumed, or the training diverges; the last good checkpoint is kept.
    ModelError, DataError, DataNotFoundError
        When the network or the source can't be loaded.
    StorageError
        When the folder can't be written; the last checkpoint is kept.
    """
    first = getattr(rank_zero_only, 'rank', 0) == 0  # other processes of the same run do not write
    report = progress if progress and first else (lambda what, done, total: None)
    say = log if log and first else (lambda line: None)
    report('loading', 0, 1)
    versions = _versions()  # before anyone can change the files of the loaded code
    folder = (folder or settings.folder()).absolute()
    checkpoint = folder / runs.CHECKPOINT
    with contextlib.ExitStack() as stack:
        if first:
            stack.enter_context(_lock(folder))
        elif resume and (folder / runs.RESULT).is_file():
            raise SystemExit(0)
        for context in (
            _preserve_torch_state(),
            reporting_plugin_errors(settings.model, TrainingError),
            _reporting_write_errors(folder),
        ):
            stack.enter_context(context)
        source = _source(settings, report if first else None)
        path = _weights_path(settings)
        config = {**settings.document(), 'data_sha256': source.sha256}
        if path is not None:
            config['weights_sha256'] = sha256_file(path)
        if first:
            finished = _finished(folder, config, resume)
            if finished is not None:
                return finished
        network = _network(settings, source, path)
        trainer = _trainer(
            settings,
            folder,
            report,
            say,
            accelerator=accelerator,
            devices=devices,
            strategy=strategy,
            num_nodes=num_nodes,
        )
        _check_shares(settings, source, trainer.world_size)
        module = TrainingModule(network, source, settings, workers)
        if first and runs.read_config(folder) is None:
            runs.write_config(folder, config)
        report('loading', 1, 1)
        before = checkpoint if resume and checkpoint.is_file() else None
        if resume and before is None:
            others = [other.name for other in runs.interrupted_runs(config) if other != folder]
            hint = f' Interrupted runs with other settings: {", ".join(others)}.' if others else ''
            say(f'There is no checkpoint to go on from in {folder}: the training begins at step 0.{hint}')
        _fit(trainer, module, before)
        if not first:
            raise SystemExit(0)
        rows = module.rows
        result = {
            'steps': trainer.global_step,
            'train_loss': next((row['train_loss'] for row in reversed(rows) if 'train_loss' in row), None),
            'validation_accuracy': rows[-1]['validation_accuracy'],
            'stopped_early': trainer.global_step < settings.steps,
        }
        run = runs.write_run(folder, network.backbone.state_dict(), rows, result, source.describe(), versions)
        checkpoint.unlink(missing_ok=True)
    return run


def count_images(settings: Settings) -> int:
    """Count the training images of a run with these settings."""
    return _source(settings, None).n_train


def _source(settings: Settings, report: Progress | None) -> Source:
    size = settings.variant.image_size
    if settings.dataset.startswith(IMAGE_FOLDER):
        folder = Path(settings.dataset.removeprefix(IMAGE_FOLDER)).expanduser()
        return image_folder_source(folder, size, settings.seed, settings.limit, report is not None, report)
    return digit_source(domain_name(settings.dataset), size, settings.limit or 2**62)


def _finished(folder: Path, config: dict[str, Any], resume: bool) -> Run | None:
    """Return the finished run in a folder, None for a new or unfinished run, or raise a TrainingError for others."""
    runs.remove_leftovers(folder)
    before = runs.read_config(folder)
    if before is None:
        others = sorted(path.name for path in folder.iterdir() if path.name != _LOCK)
        if others:
            raise TrainingError(f'{folder} holds {others[0]} but no run. Name another folder: --out DIR.')
        return None
    finished = (folder / runs.RESULT).is_file()
    if not resume:
        state = 'a finished run' if finished else 'an unfinished run'
        advice = 'N' if finished else 'Resume it with --resume, or n'
        raise TrainingError(f'{folder} holds {state}. {advice}ame another folder: --out DIR.')
    differing = [key for key in {**before, **config} if before.get(key) != config.get(key)]
    if differing:
        changes = '; '.join(f'{key} was {before.get(key)}, is {config.get(key)}' for key in differing)
        raise TrainingError(
            f'{folder} holds a run with other settings: {changes}. Use the same settings, or name another folder: '
            '--out DIR.'
        )
    if not finished:
        return None
    (folder / runs.CHECKPOINT).unlink(missing_ok=True)  # the run was killed before it deleted this
    return runs.read_run(folder)


def _weights_path(settings: Settings) -> Path | None:
    """Path of the file of initial weights, or of those of a run; None where neither is named."""
    if settings.weights in ('none', 'default'):
        return None
    path = runs.find_run(settings.weights)
    return runs.read_run(path).weights if (path / runs.RESULT).is_file() else runs.weights_file(path)


def _network(settings: Settings, source: Source, path: Path | None) -> family.Network:
    n_classes = len(source.classes)
    with reporting_plugin_errors(settings.model, TrainingError):
        try:
            weights = settings.weights if path is None else 'none'
            network = family.network(settings.model, weights, settings.seed, n_classes)
        except ValueError as error:
            raise ModelError(f'{error}.') from error
    if path is not None:
        _load_initial_weights(network, path, settings.model, n_classes)
    return network


def _load_initial_weights(network: family.Network, path: Path, identifier: str, n_classes: int) -> None:
    """Load initial weights from a file, except for a last layer with another number of outputs."""
    own = network.backbone.state_dict()
    state, _ = renamed(read_weights(path), own, path)
    counters = {name: value for name, value in own.items() if name.endswith('num_batches_tracked')}
    state = {**counters, **state}
    reshaped = {name for name in own if name in state and state[name].shape != own[name].shape}
    # Only the first axis of the last layer's weight and bias may differ, which has one entry for each class.
    outputs = {tuple(state[name].shape[:1]) for name in reshaped}
    same = all((n_classes, *state[name].shape[1:]) == tuple(own[name].shape) for name in reshaped)
    if own.keys() != state.keys() or len(outputs) > 1 or not same:
        raise ModelError(
            f'{path} does not hold the weights of {identifier}; only the size of the last layer may differ.'
        )
    network.backbone.load_state_dict({**state, **{name: own[name] for name in reshaped}})


def _check_shares(settings: Settings, source: Source, world_size: int) -> None:
    """Raise a TrainingError if a batch or the held-out images can't be divided among all processes."""
    batch_size = settings.batch_size
    if settings.protocol != 'single-source':
        batch_size = min(batch_size, source.n_train)
    if batch_size % world_size:
        raise TrainingError(
            f'a batch of {batch_size} cannot be divided among {world_size} processes; expected a multiple of them.'
        )
    if source.n_validation < world_size:
        raise TrainingError(
            f'{source.name} has {source.n_validation} held-out images; expected one or more for each of {world_size} '
            'processes.'
        )


def _fit(trainer: lightning.Trainer, module: TrainingModule, checkpoint: Path | None) -> None:
    """Train; raise an exception and end all processes if the training is interrupted."""
    try:
        with _silence_lightning():
            trainer.fit(module, ckpt_path=None if checkpoint is None else str(checkpoint), weights_only=True)
    except SystemExit as error:
        if not trainer.is_global_zero:
            raise
        if isinstance(error, SIGTERMException):
            raise TrainingError(
                f'the training was stopped by SIGTERM at step {trainer.global_step}. Resume it with --resume.'
            ) from error
        raise KeyboardInterrupt from error  # lightning turns Ctrl-C into SystemExit
    except DataError as error:
        # An error in a process that loads images has the traceback of that process in its text.
        raise DataError(str(error).strip().splitlines()[-1].rpartition(f'{DataError.__name__}: ')[2]) from error
    finally:
        launcher = getattr(trainer.strategy, 'launcher', None)
        if trainer.interrupted and launcher is not None:
            # They would wait for this one, perhaps for ever. Windows has no SIGKILL; SIGTERM ends a process there.
            launcher.kill(getattr(signal, 'SIGKILL', signal.SIGTERM))


def _trainer(
    settings: Settings, folder: Path, report: Progress, say: Callable[[str], None], **machine: Any
) -> lightning.Trainer:
    callbacks: list[Callback] = [
        _Report(report, say, settings.steps),
        ModelCheckpoint(
            dirpath=folder,
            filename=Path(runs.CHECKPOINT).stem,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        ),
    ]
    if settings.early_stop is not None:
        # Before the checkpoint callback, so that the checkpoint holds its state.
        stopping = EarlyStopping(
            'validation_accuracy', mode='max', patience=settings.early_stop, check_on_train_epoch_end=False
        )
        callbacks.insert(0, stopping)
    try:
        with _silence_lightning():
            trainer = lightning.Trainer(
                max_steps=settings.steps,
                max_epochs=-1,
                precision=settings.precision,  # type: ignore[arg-type]
                callbacks=callbacks,
                plugins=[_AtomicCheckpoints(say)],
                reload_dataloaders_every_n_epochs=1,
                num_sanity_val_steps=0,
                deterministic='warn',
                use_distributed_sampler=False,
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=folder,
                **machine,
            )
    except (
        ValueError,
        TypeError,
        RuntimeError,
        ImportError,
        lightning.fabric.utilities.exceptions.MisconfigurationException,
    ) as error:
        raise TrainingError(f'lightning cannot train with these options: {error}') from error
    # This process writes the network, so it needs all of it.
    name = str(machine['strategy'])
    complete = isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy)
    if not complete or any(word in name for word in ('spawn', 'fork', 'notebook')):
        raise TrainingError(f'a network cannot be trained here with the strategy {name}; expected auto or ddp.')
    return trainer


class _Report(Callback):
    """Report the progress of each step, and a line for each validation."""

    def __init__(self, report: Progress, say: Callable[[str], None], steps: int) -> None:
        self._report = report
        self._say = say
        self._steps = steps

    def on_train_start(self, trainer: Any, module: Any) -> None:
        if trainer.global_step:
            self._say(f'The training goes on from step {trainer.global_step:,} of {self._steps:,}.')

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        losses = [row['train_loss'] for row in module.rows if 'train_loss' in row]
        loss = f'training loss {losses[-1]:.4f}, ' if losses else ''
        accuracy = module.rows[-1]['validation_accuracy']
        self._say(f'step {trainer.global_step:,} of {self._steps:,}: {loss}held-out accuracy {accuracy:.4f}')

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._report('training: steps', trainer.global_step, self._steps)


class _AtomicCheckpoints(TorchCheckpointIO):
    """Write checkpoints completely before they replace the previous one, with their SHA-256."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic_write(Path(path), 'wb') as file:
            file.write(runs.sealed(content.getvalue()))

    def load_checkpoint(self, path: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        damaged = TrainingError(
            f'{path} cannot be read: it is cut short or damaged. Remove it; --resume then starts again.'
        )
        try:
            state = runs.checkpoint_state(Path(path))
            if state == 'damaged':
                raise damaged
            if state == 'unsealed':
                self._say(f'{path} was written by version 0.1, without a SHA-256: damage may go unnoticed.')
            return super().load_checkpoint(path, *arguments, **options)
        except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError) as error:
            raise damaged from error


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock the folder of a run, and remove a new folder if the run fails before it writes anything."""
    new = not folder.exists()
    ensure_writable(folder, 'Name another folder: --out DIR.')
    with file_lock(folder / _LOCK, f'training into {folder}'):
        try:
            yield
        except BaseException:
            if new and [path.name for path in folder.iterdir()] == [_LOCK]:
                with contextlib.suppress(OSError):
                    (folder / _LOCK).unlink()
                    folder.rmdir()
            raise


@contextlib.contextmanager
def _preserve_torch_state() -> Iterator[None]:
    """Restore PyTorch's random state and its setting of deterministic algorithms on exit."""
    enabled, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


@contextlib.contextmanager
def _reporting_write_errors(folder: Path) -> Iterator[None]:
    """Turn write errors, such as a full disk, into a StorageError that says how to resume."""
    try:
        yield
    except OSError as error:
        checkpoint = (
            'The last checkpoint is intact' if (folder / runs.CHECKPOINT).is_file() else 'There is no checkpoint yet'
        )
        raise StorageError(
            f'cannot write to the run {folder}: {error.strerror or error} ({free_bytes(folder) / 1e6:,.0f} MB free). '
            f'{checkpoint}; free some space, then resume with --resume.'
        ) from error


@contextlib.contextmanager
def _silence_lightning() -> Iterator[None]:
    """Hide lightning's messages and warnings about features that are not used."""
    loggers = [logging.getLogger(name) for name in ('lightning.pytorch', 'lightning.fabric', 'lightning')]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', module='lightning')
            warnings.filterwarnings('ignore', message='.*does not have many workers')
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _versions() -> dict[str, str]:
    """Versions of the packages, and a fingerprint of the code of the training and the networks."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(family.__file__).parent):
        for path in sorted(folder.glob('*.py')):
            digest.update(f'{path.name}\n'.encode() + path.read_bytes())
    packages = ('m2m-benchmarks', 'torch', 'torchvision', 'timm', 'lightning', 'numpy')
    installed = {package: importlib.metadata.version(package) for package in packages}
    return {'python': platform.python_version(), **installed, 'code_sha256': digest.hexdigest()}
