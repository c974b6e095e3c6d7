"""Write what Brain-Score takes: an archive for its website, folders for a pull request."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier, parse
from m2m_benchmarks.benchmarks.names import standard_name
from m2m_benchmarks.data.digit_names import domain_and_split
from m2m_benchmarks.errors import M2MError, ModelError, StorageError, UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, model_in, plugins_folder, refused_name, registered
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.storage import explained, replacing, writable
from m2m_benchmarks.submission import models, populations
from m2m_benchmarks.submission.rules import MOST_BYTES, check_folder, check_zip
from m2m_benchmarks.submission.vendoring import self_contained


@dataclass(frozen=True)
class Weights:
    """Which weights an exported model has.

    Attributes
    ----------
    source : str
        'default', 'none' or a file.
    seed : int
        Random seed of untrained ones.
    url : str or None
        Where the file can be downloaded, for one that is too large to be sent along.
    """

    source: str = 'default'
    seed: int = 0
    url: str | None = None


def export_zip(name: str, destination: Path | None = None, weights: Weights | None = None) -> Path:
    """Write one model as the archive that Brain-Score's website takes.

    Parameters
    ----------
    name : str
        A model of this library, or the folder of a model plugin.
    destination : Path, optional
        The archive; IDENTIFIER.zip in this folder where none is named.
    weights : Weights, optional
        For models of the family `neurn`; in the archive where it stays within 50 MB, else by URL and SHA-256.

    Returns
    -------
    Path
        Path of the archive. An older one under that name is replaced.

    Raises
    ------
    M2MError
        When the model can't be sent that way, with what to do.
    """
    weights = weights or Weights()
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix='m2m-export-'))
        identifier, folder, own_kind = _model(name)
        path = (destination or Path(f'{identifier}.zip')).absolute()
        if path.suffix != '.zip' or path.is_dir() or ' ' in path.name:
            raise StorageError(f'cannot write the archive {path}: name a file that ends in .zip, without spaces.')
        stack.enter_context(_folder(path.parent, 'Name another file.'))
        root = Path(temporary) / _module(identifier)
        plugin = root / 'models' / _module(identifier)
        plugin.parent.mkdir(parents=True)
        if own_kind == 'family':
            _refuse_url_alone(weights)
            candidate = load_candidate(identifier, weights.source, weights.seed)
            models.write_inside(identifier, candidate, plugin)
            archive = _archive(root)
            if archive.stat().st_size > MOST_BYTES:
                size = archive.stat().st_size
                shutil.rmtree(plugin)
                url, file = _elsewhere(identifier, weights, size)
                models.write_elsewhere(identifier, candidate, url, file, plugin)
                archive = _archive(root)
        else:
            _refuse_weights(name, weights)
            self_contained(folder, _package('models', folder), 'models', plugin)
            (plugin / 'metadata.yaml').unlink(missing_ok=True)
            archive = _archive(root)
        broken = check_folder(plugin, 'models', one_identifier=True) + check_zip(archive)
        if broken:
            raise ModelError(f'{name} cannot be submitted: {"; ".join(map(str, broken))}.')
        _place(archive, path)
    return path


def export_tree(name: str, destination: Path, weights: Weights | None = None) -> list[Path]:
    """Write the plugin folders of a model, benchmark, metric or dataset for a pull request.

    A benchmark brings that of its dataset along, and that of the metric which its metadata names, if it is one of this
    library's.

    Parameters
    ----------
    name : str
        Registered by this library, or the folder of a model plugin.
    destination : Path
        A checkout of Brain-Score, or any folder: the plugins go to `brainscore_vision` in it.
    weights : Weights, optional
        For models of the family `neurn`. Default ones are downloaded by their library when the model is loaded.

    Returns
    -------
    list of Path
        The plugin folders.

    Raises
    ------
    M2MError
        When a folder is there already, or the name is none of this library's.
    """
    weights = weights or Weights()
    name = standard_name(name)
    sources = _sources(name)
    if sources:
        _refuse_weights(name, weights)
        targets = [destination / BRAIN_SCORE / kind / plugin for kind, plugin in sources]
        with _all_or_none(targets) as drafts:
            for (kind, plugin), draft in zip(sources, drafts, strict=True):
                place = plugins_folder(OWN, kind)
                assert place is not None
                self_contained(place / plugin, f'{OWN}.{kind}.{plugin}', kind, draft)
                if kind == 'benchmarks':
                    populations.register(name, draft)
        return targets
    identifier, folder, own_kind = _model(name)
    target = destination / BRAIN_SCORE / 'models' / _module(identifier if own_kind != 'folder' else folder.name)
    if own_kind == 'family':
        _refuse_url_alone(weights)
    with _all_or_none([target]) as (draft,):
        if own_kind != 'family':
            _refuse_weights(name, weights)
            self_contained(folder, _package('models', folder), 'models', draft)
        elif weights.source == 'default' and models.default_weights(identifier):
            models.write_default(identifier, draft)
        else:
            candidate = load_candidate(identifier, weights.source, weights.seed)
            place_elsewhere = models.source(identifier, weights.source, weights.url)
            if place_elsewhere is not None:
                models.write_elsewhere(identifier, candidate, *place_elsewhere, draft)
            else:
                models.write_inside(identifier, candidate, draft)
                size = (draft / 'weights.safetensors').stat().st_size
                if size > MOST_BYTES:
                    raise _too_large(identifier, weights, size)
    return [target]


def _sources(name: str) -> list[tuple[str, str]]:
    """Kind and folder of each plugin that is exported with a name of this library; none for a model."""
    data = _data_folders()
    metrics = registered('metric')
    if name in data:
        return [('data', data[name])]
    if name in metrics:
        return [('metrics', metrics[name].folder)]
    benchmarks = registered('benchmark')
    name = populations.whole_area(name)
    if name not in benchmarks:
        return []
    folder = benchmarks[name].folder
    parsed = parse(name)
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
    domains.pop('', None)  # of recordings
    return domains | folders


def _model(name: str) -> tuple[str, Path, str]:
    """Identifier, plugin folder, and 'family', 'own' or 'folder'."""
    family = models.family
    own = registered('model')
    path = Path(name)
    if '/' in name or path.is_dir():
        identifier = model_in(path)
        if '/' in identifier or '\\' in identifier or identifier.startswith('.'):
            raise ModelError(f'{path} registers {identifier!r}, which cannot be the name of a folder.')
        return identifier, path.resolve(), 'folder'
    with refused_name():
        variant = family.parse(name)
    if variant is not None:
        return name, Path(family.__file__).parent, 'family'
    if name in own:
        place = plugins_folder(OWN, 'models')
        assert place is not None
        return name, place / own[name].folder, 'own'
    if _sources(standard_name(name)):
        raise M2MError(f'{name} is no model; Brain-Score takes it by pull request: --to brainscore-tree DIR.')
    if name.partition(':')[0] in ('torchvision', 'timm'):
        raise M2MError(
            f'{name} is no plugin. Export plain_NAME or neurn_NAME (see `m2m models`), add a backbone as '
            'CONTRIBUTING.md says, or write a plugin folder and name its path.'
        )
    if name in registered('model', BRAIN_SCORE):
        raise M2MError(f'{name} is a model of brainscore_vision: it has been submitted already.')
    known = [*own, *registered('benchmark'), *_data_folders(), *registered('metric')]
    raise UnknownNameError(
        'model, benchmark, dataset or metric', name, known, '`m2m models --all`, `m2m benchmarks --all` list them.'
    )


def _package(kind: str, folder: Path) -> str:
    """Dotted name of a plugin folder, for resolving its relative imports."""
    own = plugins_folder(OWN, kind)
    return f'{OWN}.{kind}.{folder.name}' if own is not None and folder.parent.samefile(own) else folder.name


def _refuse_weights(name: str, weights: Weights) -> None:
    if weights != Weights():
        raise M2MError(
            f'{name} brings its own weights; --weights, --seed and --weights-url are for neurn_… and plain_….'
        )


def _refuse_url_alone(weights: Weights) -> None:
    if weights.url is None:
        return
    if weights.source in ('default', 'none'):
        raise M2MError('--weights-url says where a file can be downloaded; name that file too: --weights FILE.')
    if not weights.url.startswith(('https://', 'http://')):
        raise M2MError(f'--weights-url is {weights.url!r}; expected an address that begins with https:// or http://.')


def _module(name: str) -> str:
    """Folder of a plugin: Brain-Score imports it by its name, in which a dot would be a package."""
    return name.replace('.', '_')


def _elsewhere(identifier: str, weights: Weights, size: int) -> tuple[str, Path]:
    pinned = models.source(identifier, weights.source, weights.url)
    if pinned is None:
        raise _too_large(identifier, weights, size)
    return pinned


def _too_large(identifier: str, weights: Weights, size: int) -> ModelError:
    remedy = 'upload the file and name where: --weights FILE --weights-url URL'
    if weights.source == 'none':
        remedy = 'save the untrained weights to a file, ' + remedy
    return ModelError(f'{identifier} has {size / 1e6:.1f} MB with its weights, and 50 MB are taken; {remedy}.')


def _archive(root: Path) -> Path:
    """Zip of a folder, with an entry for each directory, as the website wants them."""
    return Path(shutil.make_archive(str(root), 'zip', root_dir=root.parent, base_dir=root.name))


def _place(archive: Path, path: Path) -> None:
    with explained(path.name, path.parent), archive.open('rb') as source, replacing(path, 'wb') as file:
        shutil.copyfileobj(source, file)


@contextlib.contextmanager
def _folder(path: Path, remedy: str) -> Iterator[None]:
    """A folder that can be written to; when the block fails, those that were made for it go again."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        writable(path, remedy)
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _all_or_none(targets: list[Path]) -> Iterator[list[Path]]:
    """Drafts that take the places of `targets` when the block ends well, and leave no trace when it doesn't.

    A target may be there already when it is the same: two benchmarks share their metrics.
    """
    made, placed = [], []
    with contextlib.ExitStack() as stack:
        for target in targets:
            stack.enter_context(_folder(target.parent, 'Name another folder.'))
        try:
            for target in targets:
                made.append(Path(tempfile.mkdtemp(dir=target.parent, prefix='.tmp-')))
            drafts = [folder / target.name for folder, target in zip(made, targets, strict=True)]
            with explained('the plugin folders', targets[0].parent):
                yield drafts
                there = [target.exists() for target in targets]
                for draft, target, present in zip(drafts, targets, there, strict=True):
                    if present and _content(draft) != _content(target):
                        raise StorageError(f'{target} is there already and differs; remove it, or name another folder.')
                for draft, target, present in zip(drafts, targets, there, strict=True):
                    if not present:
                        draft.rename(target)
                        placed.append(target)
        except BaseException:
            for target in placed:
                shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)


def _content(folder: Path) -> dict[str, bytes]:
    """Files of a plugin folder, but for what running it leaves there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
