"""Writes submissions for Brain-Score: an archive for its website, or folders for a pull request."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier, NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.names import standard_name
from m2m_benchmarks.data.digit_names import domain_and_split
from m2m_benchmarks.errors import M2MError, ModelError, StorageError, UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, model_in, plugins_folder, registered, reporting_name_errors
from m2m_benchmarks.plugins.libraries import LIBRARIES
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.runs import find_run, read_run
from m2m_benchmarks.scoring.specs import RUN, folder_hint
from m2m_benchmarks.storage import atomic_write, ensure_writable, reporting_write_errors
from m2m_benchmarks.submission import imported, models, populations
from m2m_benchmarks.submission.plugin_files import MOST_UNPACKED_BYTES
from m2m_benchmarks.submission.rules import MOST_BYTES, check_folder, check_zip
from m2m_benchmarks.submission.scratch import scratch_folder
from m2m_benchmarks.submission.vendoring import copy_self_contained

#: Starts of the names of temporary folders, and of unfinished plugin folders in a checkout.
_SCRATCH, _UNFINISHED = 'm2m-export-', '.tmp-m2m-'


@dataclass(frozen=True)
class Weights:
    """Weights of an exported model.

    Attributes
    ----------
    source : str
        'default', 'none' or a file.
    seed : int
        Random seed of untrained weights.
    url : str or None
        Address where the file can be downloaded, if it is too large for the archive.
    """

    source: str = 'default'
    seed: int = 0
    url: str | None = None


def export_zip(
    name: str,
    destination: Path | None = None,
    weights: Weights | None = None,
    most_bytes: int = MOST_UNPACKED_BYTES,
) -> Path:
    """Write one model as an archive for Brain-Score's website.

    Parameters
    ----------
    name : str
        Model of this library, training run (run:NAME), or path of the folder of a model plugin.
    destination : Path, optional
        Path of the archive; by default IDENTIFIER.zip in the working folder.
    weights : Weights, optional
        Weights of a model of the family `neurn`. They are in the archive if it stays within 50 MB; otherwise the model
        downloads them by URL and SHA-256.
    most_bytes : int
        Limit for the files of a plugin folder before they are packed, in bytes.

    Returns
    -------
    Path
        Path of the archive; an older file is replaced.

    Raises
    ------
    M2MError
        When the model can't be submitted as an archive.
    """
    name, weights = _of_run(name, weights or Weights())
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(scratch_folder(_SCRATCH))
        identifier, folder, origin = _model(name)
        path = (destination or Path(f'{identifier}.zip')).absolute()
        if path.suffix != '.zip' or path.is_dir() or ' ' in path.name:
            raise StorageError(
                f'cannot write the archive {path}: name a file whose name ends in .zip and has no spaces.'
            )
        stack.enter_context(_folder(path.parent, 'Name another file.'))
        root = temporary / _module(identifier)
        plugin = root / 'models' / _module(identifier)
        plugin.parent.mkdir(parents=True)
        if origin == 'family':
            _check_weights_url(weights)
            candidate = load_candidate(identifier, weights.source, weights.seed)
            models.write_with_weights(identifier, candidate, plugin)
            archive = _archive(root)
            if archive.stat().st_size > MOST_BYTES:
                size = archive.stat().st_size
                shutil.rmtree(plugin)
                url, file = _download_location(identifier, weights, size)
                models.write_downloading(identifier, candidate, url, file, plugin)
                archive = _archive(root)
        else:
            _check_no_weights(name, weights)
            copy_self_contained(folder, _package('models', folder), 'models', plugin, most_bytes)
            (plugin / 'metadata.yaml').unlink(missing_ok=True)
            archive = _archive(root)
        violations = check_folder(plugin, 'models', one_identifier=True) + check_zip(archive)
        if violations:
            raise ModelError(f'{name} cannot be submitted: {"; ".join(map(str, violations))}.')
        _copy(archive, path)
    return path


def export_tree(
    name: str, destination: Path, weights: Weights | None = None, most_bytes: int = MOST_UNPACKED_BYTES
) -> list[Path]:
    """Write the plugin folders of a model, benchmark, metric or dataset for a pull request.

    The plugin of a benchmark is written with that of its dataset, and with that of its metric if it is this library's.

    Parameters
    ----------
    name : str
        Name that this library registers, benchmark or name of imported recordings, training run (run:NAME), or path of
        the folder of a model plugin.
    destination : Path
        Checkout of Brain-Score, or any folder; the plugins are written to `brainscore_vision` in it.
    weights : Weights, optional
        Weights of a model of the family `neurn`. Default weights are downloaded when the model is loaded.
    most_bytes : int
        Limit for the files of a plugin folder, in bytes.

    Returns
    -------
    list of Path
        The plugin folders.

    Raises
    ------
    M2MError
        When a folder exists and differs, or the name is unknown.
    """
    name, weights = _of_run(name, weights or Weights())
    name = standard_name(name)
    with scratch_folder(_SCRATCH) as temporary:
        sources = _source_folders(name, temporary)
        if sources:
            _check_no_weights(name, weights)
            targets = [destination / BRAIN_SCORE / kind / plugin.name for kind, plugin in sources]
            with _all_or_none(targets) as drafts:
                for (kind, plugin), draft in zip(sources, drafts, strict=True):
                    copy_self_contained(plugin, f'{OWN}.{kind}.{plugin.name}', kind, draft, most_bytes)
                    if kind == 'benchmarks':
                        populations.register(name, draft)
            return targets
    identifier, folder, origin = _model(name)
    target = destination / BRAIN_SCORE / 'models' / _module(identifier if origin != 'folder' else folder.name)
    if origin == 'family':
        _check_weights_url(weights)
    with _all_or_none([target]) as (draft,):
        if origin != 'family':
            _check_no_weights(name, weights)
            copy_self_contained(folder, _package('models', folder), 'models', draft, most_bytes)
        elif weights.source == 'default' and models.default_weights(identifier):
            models.write_default(identifier, draft)
        else:
            candidate = load_candidate(identifier, weights.source, weights.seed)
            location = models.weights_location(identifier, weights.source, weights.url)
            if location is not None:
                models.write_downloading(identifier, candidate, *location, draft)
            else:
                models.write_with_weights(identifier, candidate, draft)
                size = (draft / 'weights.safetensors').stat().st_size
                if size > MOST_BYTES:
                    raise _too_large(identifier, weights, size)
    return [target]


def _source_folders(name: str, temporary: Path) -> list[tuple[str, Path]]:
    """Kind and path of each plugin folder that is exported for a name; those of imported recordings are written."""
    sources = []
    for kind, plugin in _sources(name):
        own_plugins = plugins_folder(OWN, kind)
        assert own_plugins is not None
        sources.append((kind, own_plugins / plugin))
    if imported.imported_dataset(name) is not None:
        sources = imported.write_sources(name, temporary) + sources
    return sources


def _sources(name: str) -> list[tuple[str, str]]:
    """Kind and folder of each plugin that is exported for a name of this library; empty for a model."""
    data = _data_folders()
    metrics = registered('metric')
    if name in data:
        return [('data', data[name])]
    if name in metrics:
        return [('metrics', metrics[name].folder)]
    parsed = parse(name)
    if imported.imported_dataset(name) is not None:
        metric = load_comparison(parsed.comparison).metric if isinstance(parsed, NeuralIdentifier) else ''
        return [('metrics', metrics[metric].folder)] if metric in metrics else []
    benchmarks = registered('benchmark')
    name = populations.registered_name(name)
    if name not in benchmarks:
        return []
    folder = benchmarks[name].folder
    if isinstance(parsed, DigitsIdentifier):
        return [('benchmarks', folder), ('data', data[parsed.source])]
    assert parsed is not None
    metric = load_comparison(parsed.comparison).metric
    own = [('metrics', metrics[metric].folder)] if metric in metrics else []
    return [('benchmarks', folder), ('data', data[parsed.dataset]), *own]


def _data_folders() -> dict[str, str]:
    """Folder of each dataset, stimulus set and domain of digits."""
    folders = {name: plugin.folder for kind in ('data', 'stimulus_set') for name, plugin in registered(kind).items()}
    domains = {domain_and_split(name)[0]: folder for name, folder in folders.items()}
    domains.pop('', None)  # recordings have no domain
    return domains | folders


def _model(name: str) -> tuple[str, Path, str]:
    """Identifier and plugin folder of a model, and its origin: 'family', 'own' or 'folder'."""
    family = models.family
    own = registered('model')
    path = Path(name)
    if source_files.split(name) is not None:
        raise M2MError(f'{name} is not a plugin. Write a plugin folder with this function and name its path.')
    if '/' in name:
        identifier = model_in(path)
        if '/' in identifier or '\\' in identifier or identifier.startswith('.'):
            raise ModelError(f'{path} registers {identifier!r}, which cannot be the name of a folder.')
        return identifier, path.resolve(), 'folder'
    with reporting_name_errors():
        variant = family.parse(name)
    if variant is not None:
        return name, Path(family.__file__).parent, 'family'
    if name in own:
        own_models = plugins_folder(OWN, 'models')
        assert own_models is not None
        return name, own_models / own[name].folder, 'own'
    if _sources(standard_name(name)) or imported.imported_dataset(standard_name(name)):
        raise M2MError(f'{name} is not a model; submit it by pull request: --to brainscore-tree DIR.')
    if name.partition(':')[0] in LIBRARIES:
        raise M2MError(
            f'{name} is not a plugin. Export plain_NAME or neurn_NAME (see `m2m models`), add a backbone (see '
            'CONTRIBUTING.md), or write a plugin folder and name its path.'
        )
    if name in registered('model', BRAIN_SCORE):
        raise M2MError(f'{name} is a model of brainscore_vision, so it has already been submitted.')
    known = [*own, *registered('benchmark'), *_data_folders(), *registered('metric')]
    raise UnknownNameError(
        'model, benchmark, dataset or metric',
        name,
        known,
        f'`m2m models --all`, `m2m benchmarks --all` list them.{folder_hint(name)}',
    )


def _of_run(name: str, weights: Weights) -> tuple[str, Weights]:
    """Model and weights of a training run, run:NAME; other names and their weights are returned unchanged."""
    if not name.startswith(RUN):
        return name, weights
    _check_no_weights(name, replace(weights, url=None))
    run = read_run(find_run(name.removeprefix(RUN)))
    return run.model, replace(weights, source=str(run.folder))


def _package(kind: str, folder: Path) -> str:
    """Dotted name of a plugin folder, to resolve its relative imports."""
    own = plugins_folder(OWN, kind)
    return f'{OWN}.{kind}.{folder.name}' if own is not None and folder.parent.samefile(own) else folder.name


def _check_no_weights(name: str, weights: Weights) -> None:
    if weights != Weights():
        raise M2MError(
            f'{name} brings its own weights; --weights, --seed and --weights-url are for neurn_… and plain_….'
        )


def _check_weights_url(weights: Weights) -> None:
    if weights.url is None:
        return
    if weights.source in ('default', 'none'):
        raise M2MError('--weights-url is the address of a file; name the same file on this machine: --weights FILE.')
    if not weights.url.startswith(('https://', 'http://')):
        raise M2MError(f'--weights-url is {weights.url!r}; expected an address that begins with https:// or http://.')


def _module(name: str) -> str:
    """Name of a plugin's folder, without dots: Brain-Score imports the folder by its name."""
    return name.replace('.', '_')


def _download_location(identifier: str, weights: Weights, size: int) -> tuple[str, Path]:
    location = models.weights_location(identifier, weights.source, weights.url)
    if location is None:
        raise _too_large(identifier, weights, size)
    return location


def _too_large(identifier: str, weights: Weights, size: int) -> ModelError:
    remedy = 'upload the file and name its address: --weights FILE --weights-url URL'
    if weights.source == 'none':
        remedy = 'save the untrained weights to a file, ' + remedy
    return ModelError(f'{identifier} has {size / 1e6:.1f} MB with its weights, but the limit is 50 MB; {remedy}.')


def _archive(root: Path) -> Path:
    """Zip a folder with an entry for each directory, as the website requires."""
    return Path(shutil.make_archive(str(root), 'zip', root_dir=root.parent, base_dir=root.name))


def _copy(archive: Path, path: Path) -> None:
    with reporting_write_errors(path.name, path.parent), archive.open('rb') as source, atomic_write(path, 'wb') as file:
        shutil.copyfileobj(source, file)


@contextlib.contextmanager
def _folder(path: Path, remedy: str) -> Iterator[None]:
    """Make a writable folder; if the block fails, remove the folders made for it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        ensure_writable(path, remedy)
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _all_or_none(targets: list[Path]) -> Iterator[list[Path]]:
    """Yield drafts that are moved to `targets` if the block succeeds, and removed if it fails.

    A target may already exist with the same content: benchmarks share their metrics.
    """
    moved = []
    with contextlib.ExitStack() as stack:
        for target in targets:
            stack.enter_context(_folder(target.parent, 'Name another folder.'))
        try:
            folders = [stack.enter_context(scratch_folder(_UNFINISHED, target.parent)) for target in targets]
            drafts = [folder / target.name for folder, target in zip(folders, targets, strict=True)]
            with reporting_write_errors('the plugin folders', targets[0].parent):
                yield drafts
                existing = [target.exists() for target in targets]
                for draft, target, exists in zip(drafts, targets, existing, strict=True):
                    if exists and _content(draft) != _content(target):
                        raise StorageError(f'{target} already exists and differs; remove it, or name another folder.')
                for draft, target, exists in zip(drafts, targets, existing, strict=True):
                    if not exists:
                        draft.rename(target)
                        moved.append(target)
        except BaseException:
            for target in moved:
                shutil.rmtree(target, ignore_errors=True)
            raise


def _content(folder: Path) -> dict[str, bytes]:
    """Read the files of a plugin folder, except for compiled ones."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
