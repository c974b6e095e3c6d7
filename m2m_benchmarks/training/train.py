"""Train a network: from settings to the folder of a finished run."""

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
from m2m_benchmarks.plugins import explained_failure
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring import runs
from m2m_benchmarks.scoring.runs import Run
from m2m_benchmarks.scoring.weights import read_weights
from m2m_benchmarks.storage import exclusive, free_bytes, replacing, sha256_file, writable
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
        Folder of the run; one named after the settings, in `runs_folder`, where none is given.
    resume : bool
        Go on with a run of the same settings from its last checkpoint, with the result that it would have had.
    accelerator, devices, strategy, num_nodes
        lightning's: 'auto', 'cpu', 'gpu'; how many; 'auto', 'ddp' and others.
    workers : int
        Processes that load the images of a folder.
    progress : callable, optional
        Called with what is being done, how many are done, and how many there are.
    log : callable, optional
        Called with a line of text where the training begins, and after each validation with the loss and accuracy.

    Returns
    -------
    Run

    Raises
    ------
    TrainingError
        When a run is in the folder already, `resume` doesn't fit it, or the training diverges; the last good checkpoint
        is then kept.
    ModelError, DataError, DataNotFoundError
        When the network or the source can't be had.
    StorageError
        When the folder can't be written; the last checkpoint is then kept.
    """
    first = getattr(rank_zero_only, 'rank', 0) == 0  # other processes of the same run read along
    report = progress if progress and first else (lambda what, done, total: None)
    say = log if log and first else (lambda line: None)
    report('loading', 0, 1)
    versions = _versions()  # of the code that is loaded now, whatever becomes of its files
    folder = (folder or settings.folder()).absolute()
    checkpoint = folder / runs.CHECKPOINT
    with contextlib.ExitStack() as stack:
        if first:
            stack.enter_context(_held(folder))
        elif resume and (folder / runs.RESULT).is_file():
            raise SystemExit(0)
        for context in (_undisturbed(), explained_failure(settings.model, TrainingError), _explained(folder)):
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
            say(f'There is no checkpoint to go on from in {folder}: the training begins at step 0.')
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
    """How many images a run with these settings trains on."""
    return _source(settings, None).n_train


def _source(settings: Settings, report: Progress | None) -> Source:
    size = settings.variant.image_size
    if settings.dataset.startswith(IMAGE_FOLDER):
        folder = Path(settings.dataset.removeprefix(IMAGE_FOLDER)).expanduser()
        return image_folder_source(folder, size, settings.seed, settings.limit, report is not None, report)
    return digit_source(domain_name(settings.dataset), size, settings.limit or 2**62)


def _finished(folder: Path, config: dict[str, Any], resume: bool) -> Run | None:
    """Refuse a folder that holds something else than this run; the run itself where it is finished already."""
    runs.sweep(folder)
    before = runs.read_config(folder)
    if before is None:
        others = sorted(path.name for path in folder.iterdir() if path.name != _LOCK)
        if others:
            raise TrainingError(f'{folder} holds {others[0]}, which is no run. Name another folder: --out DIR.')
        return None
    finished = (folder / runs.RESULT).is_file()
    if not resume:
        state = 'a finished run' if finished else 'a run that is not finished'
        advice = '' if finished else 'Go on with it by --resume, or n'
        raise TrainingError(f'{folder} holds {state}. {advice or "N"}ame another folder: --out DIR.')
    differing = [key for key in {**before, **config} if before.get(key) != config.get(key)]
    if differing:
        told = '; '.join(f'{key} was {before.get(key)}, is {config.get(key)}' for key in differing)
        raise TrainingError(f'{folder} holds a run with other settings: {told}. Give the same ones, or --out another.')
    if not finished:
        return None
    (folder / runs.CHECKPOINT).unlink(missing_ok=True)  # killed between the two
    return runs.read_run(folder)


def _weights_path(settings: Settings) -> Path | None:
    """The file to begin with, where one is named: itself, or that of a run."""
    if settings.weights in ('none', 'default'):
        return None
    path = runs.find_run(settings.weights)
    return runs.read_run(path).weights if (path / runs.RESULT).is_file() else runs.weights_file(path)


def _network(settings: Settings, source: Source, path: Path | None) -> family.Network:
    n_classes = len(source.classes)
    with explained_failure(settings.model, TrainingError):
        try:
            weights = settings.weights if path is None else 'none'
            network = family.network(settings.model, weights, settings.seed, n_classes)
        except ValueError as error:
            raise ModelError(f'{error}.') from error
    if path is not None:
        _begin_with(network, path, settings.model, n_classes)
    return network


def _begin_with(network: family.Network, path: Path, identifier: str, n_classes: int) -> None:
    """Weights from a file, but for a last layer of another number of outputs."""
    state, own = read_weights(path), network.backbone.state_dict()
    state = {name.removeprefix('module.').removeprefix('backbone.'): value for name, value in state.items()}
    reshaped = {name for name in own if name in state and state[name].shape != own[name].shape}
    # Only the outputs may differ: the first axis of the weight and bias that have one entry a class.
    outputs = {tuple(state[name].shape[:1]) for name in reshaped}
    same = all((n_classes, *state[name].shape[1:]) == tuple(own[name].shape) for name in reshaped)
    if own.keys() != state.keys() or len(outputs) > 1 or not same:
        raise ModelError(
            f'{path} does not hold the weights of {identifier}; only the last layer may differ in its size.'
        )
    network.backbone.load_state_dict({**state, **{name: own[name] for name in reshaped}})


def _check_shares(settings: Settings, source: Source, world_size: int) -> None:
    """Raise a TrainingError when a batch or the held-out images can't be shared by all processes."""
    batch_size = settings.batch_size
    if settings.protocol != 'single-source':
        batch_size = min(batch_size, source.n_train)
    if batch_size % world_size:
        raise TrainingError(
            f'a batch of {batch_size} cannot be shared by {world_size} processes; expected a multiple of it.'
        )
    if source.n_validation < world_size:
        raise TrainingError(
            f'{source.name} has {source.n_validation} held-out images; expected one for each of {world_size} processes.'
        )


def _fit(trainer: lightning.Trainer, module: TrainingModule, checkpoint: Path | None) -> None:
    """Train; whatever ends it before its time comes as an exception, and ends the processes that were started."""
    try:
        with _quiet():
            trainer.fit(module, ckpt_path=None if checkpoint is None else str(checkpoint), weights_only=True)
    except SystemExit as error:
        if not trainer.is_global_zero:
            raise
        if isinstance(error, SIGTERMException):
            raise TrainingError(
                f'the training was told to stop (SIGTERM) at step {trainer.global_step}. Go on with --resume.'
            ) from error
        raise KeyboardInterrupt from error  # lightning's own answer to it is to exit
    except DataError as error:
        # From a process that loads images, it comes with the traceback there.
        raise DataError(str(error).strip().splitlines()[-1].rpartition(f'{DataError.__name__}: ')[2]) from error
    finally:
        launcher = getattr(trainer.strategy, 'launcher', None)
        if trainer.interrupted and launcher is not None:
            launcher.kill(signal.SIGKILL)  # they would wait for this one, some of them for ever


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
        # Before the checkpoint, which then holds what it knows.
        stopping = EarlyStopping(
            'validation_accuracy', mode='max', patience=settings.early_stop, check_on_train_epoch_end=False
        )
        callbacks.insert(0, stopping)
    try:
        with _quiet():
            trainer = lightning.Trainer(
                max_steps=settings.steps,
                max_epochs=-1,
                precision=settings.precision,  # type: ignore[arg-type]
                callbacks=callbacks,
                plugins=[_WholeCheckpoints()],
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
        raise TrainingError(f'lightning cannot train with these switches: {error}') from error
    # The whole network has to be in this process when it is written.
    name = str(machine['strategy'])
    whole = isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy)
    if not whole or any(word in name for word in ('spawn', 'fork', 'notebook')):
        raise TrainingError(f'a network cannot be trained here with the strategy {name}; expected auto or ddp.')
    return trainer


class _Report(Callback):
    """Progress step by step, and a line for each validation."""

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


class _WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that take the place of the one before when they are whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(Path(path), 'wb') as file:
            file.write(content.getbuffer())

    def load_checkpoint(self, path: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            return super().load_checkpoint(path, *arguments, **options)
        except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError) as error:
            raise TrainingError(
                f'{path} cannot be read: it is cut short or damaged. Remove it; --resume then begins anew.'
            ) from error


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder of a run against other processes; one that was made for nothing goes again."""
    new = not folder.exists()
    writable(folder, 'Name another folder: --out DIR.')
    with exclusive(folder / _LOCK, f'training into {folder}'):
        try:
            yield
        except BaseException:
            if new and [path.name for path in folder.iterdir()] == [_LOCK]:
                with contextlib.suppress(OSError):
                    (folder / _LOCK).unlink()
                    folder.rmdir()
            raise


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave the random numbers and the switches of PyTorch as they were."""
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
def _explained(folder: Path) -> Iterator[None]:
    """A full disk in one sentence."""
    try:
        yield
    except OSError as error:
        kept = 'The last checkpoint is whole' if (folder / runs.CHECKPOINT).is_file() else 'There is no checkpoint yet'
        raise StorageError(
            f'cannot write to the run {folder}: {error.strerror or error} ({free_bytes(folder) / 1e6:,.0f} MB free). '
            f'{kept}; make room, then go on with --resume.'
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep lightning from advertising what it was told not to use."""
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
    """Of the packages, and a fingerprint of the code that trains and of the networks."""
    digest = hashlib.sha256()
    for place in (Path(__file__).parent, Path(family.__file__).parent):
        for path in sorted(place.glob('*.py')):
            digest.update(f'{path.name}\n'.encode() + path.read_bytes())
    packages = ('m2m-benchmarks', 'torch', 'torchvision', 'timm', 'lightning', 'numpy')
    found = {package: importlib.metadata.version(package) for package in packages}
    return {'python': platform.python_version(), **found, 'code_sha256': digest.hexdigest()}
