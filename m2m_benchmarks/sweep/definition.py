"""What a sweep scores: models, benchmarks, seeds, weights and options, from the command line or a YAML file.

This module imports nothing heavy.
"""

import fnmatch
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from m2m_benchmarks import limits
from m2m_benchmarks.benchmarks.selection import expand_benchmarks
from m2m_benchmarks.errors import DataError, ModelError, UnknownNameError, nearest
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.plugins.libraries import LIBRARIES, library_models
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.acuity import check_benchmarks
from m2m_benchmarks.scoring.options import NetworkOptions
from m2m_benchmarks.scoring.specs import CandidateSpec, check_candidate, is_folder, parse_candidates, takes_options

#: Keys of a YAML file, and those of its options.
KEYS = ('models', 'benchmarks', 'seeds', 'weights', 'options')
#: Options of a network that a sweep can set.
NETWORK_OPTIONS = ('mean', 'std', 'channels', 'image_size', 'batch_size', 'device')
OPTIONS = ('layer', 'mouse_acuity', *NETWORK_OPTIONS)
_WILD = '*?['


@dataclass(frozen=True)
class Definition:
    """What a sweep scores, as the user names it.

    Attributes
    ----------
    models, benchmarks : tuple of str
        Names and patterns.
    seeds : tuple of int
        Random seeds of untrained weights.
    weights : str
        Weights of models without @: 'default', 'none' or a file.
    options : dict
        Values of `OPTIONS` that the user chose.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    weights: str = 'default'
    options: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON, from which `from_document` makes the same definition."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> 'Definition':
        """Read a definition from its JSON.

        Raises
        ------
        DataError
            When it isn't one, as that of another version may be.
        """
        try:
            lists = {key: tuple(document[key]) for key in ('models', 'benchmarks', 'seeds')}
            return cls(**lists, weights=document['weights'], options=dict(document['options']))
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f'the definition of the sweep cannot be read ({error}); run the sweep again.') from error

    @property
    def default_name(self) -> str:
        """Name of a sweep from the command line: the same for the same definition."""
        text = json.dumps(self.document(), sort_keys=True)
        return f'sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}'


@dataclass(frozen=True)
class Task:
    """A model with its weights, and the benchmarks that it is scored on.

    Attributes
    ----------
    spec : CandidateSpec
    seed : int
        Random seed of untrained weights.
    benchmarks : tuple of str
    layer : str or None
        Layer to score all neuroids on.
    """

    spec: CandidateSpec
    seed: int
    benchmarks: tuple[str, ...]
    layer: str | None = None

    @property
    def label(self) -> str:
        """Name of the model for people, with its seed where it has one."""
        return f'{self.spec.label} seed {self.seed}' if self.spec.weights == 'none' else self.spec.label


def read_file(path: Path, parse_seeds: Callable[[str], Sequence[int]]) -> Definition:
    """Read the definition of a sweep from a YAML file.

    Parameters
    ----------
    path : Path
    parse_seeds : callable
        Function that parses the text of seeds, such as '0-4'.

    Raises
    ------
    UnknownNameError
        When a key is unknown; the message has the nearest ones.
    DataError
        When the file can't be read, is no YAML, or a value is of another kind.
    """
    try:
        fields = yaml.safe_load(limits.read_file(path).decode('utf-8-sig'))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = getattr(error, 'strerror', None) or ' '.join(str(error).split())
        raise DataError(f'{path} cannot be read: {reason}. Expected YAML with the keys {", ".join(KEYS)}.') from error
    if not isinstance(fields, dict):
        raise DataError(f'{path}: expected keys and their values, such as `models: [pixels_64]`.')
    _check_keys(path, 'key', fields, KEYS)
    options = {} if fields.get('options') is None else fields['options']
    if not isinstance(options, dict):
        raise DataError(f'{path}: options: expected keys and their values, such as `options: {{batch_size: 16}}`.')
    _check_keys(path, 'option', options, OPTIONS)
    weights = fields.get('weights', 'default')
    if not isinstance(weights, str):
        raise DataError(f'{path}: weights: expected default, none or a file, got {weights!r}.')
    return Definition(
        _texts(path, fields, 'models'),
        _texts(path, fields, 'benchmarks'),
        tuple(parse_seeds(','.join(_texts(path, fields, 'seeds', ['0'])))),
        weights,
        check_options(options),
    )


def _check_keys(path: Path, kind: str, fields: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in fields:
        if key not in known:
            raise UnknownNameError(kind, str(key), known, f'In {path}, {kind}s can be {", ".join(known)}.')


def _texts(path: Path, fields: Mapping[str, Any], key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
    """List the texts of a key: of a list, or a single one."""
    value = fields.get(key)
    values = list(default) if value is None else value if isinstance(value, list) else [value]
    plain = all(isinstance(each, str | int) and not isinstance(each, bool) for each in values)
    if not values or not plain or (key != 'seeds' and not all(isinstance(each, str) for each in values)):
        example = '[0, 1] or 0-4' if key == 'seeds' else 'a list of names, such as [pixels_64]'
        raise DataError(f'{path}: {key}: expected {example}, got {value!r:.80}.')
    return tuple(map(str, values))


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check the values of options; leave out those that are None or False.

    Raises
    ------
    DataError, ModelError
        When one has another type or value.
    """
    given = {key: value for key, value in options.items() if value is not None and value is not False}
    if given.get('mouse_acuity', True) is not True:
        raise DataError(f'mouse_acuity: expected true or false, got {given["mouse_acuity"]!r}.')
    if not isinstance(given.get('layer', ''), str | int):
        raise DataError(f'layer: expected the name of a layer, got {given["layer"]!r}.')
    if not isinstance(given.get('device', ''), str):
        raise DataError(f'device: expected a name, such as cpu or cuda:1, got {given["device"]!r}.')
    _network_options(given)
    return given


def _network_options(options: Mapping[str, Any]) -> NetworkOptions:
    return NetworkOptions(**{key: value for key, value in options.items() if key in NETWORK_OPTIONS})


def tasks_of(definition: Definition) -> list[Task]:
    """List what a sweep scores, model by model, after a check of all names.

    Models that have no choice of weights, or define their own input, go without the weights and options of others.

    Raises
    ------
    M2MError
        When a name or pattern matches nothing, a model can't have its weights, or the data of a benchmark is missing.
    """
    options = definition.options
    names = [name for pattern in definition.models for name in expand_models(pattern)]
    specs: dict[str, CandidateSpec] = {}
    for spec in parse_candidates(list(dict.fromkeys(names)), definition.weights):
        check_candidate(spec)
        network = _network_options(options) if takes_options(spec.name) else NetworkOptions()
        specs.setdefault(str(spec), replace(spec, options=network, mouse_acuity=options.get('mouse_acuity', False)))
    own = [key for key in options if key in NETWORK_OPTIONS]
    if own and not any(takes_options(spec.name) for spec in specs.values()):
        raise ModelError(
            f'{", ".join(own)} can be chosen for torchvision:NAME, timm:NAME and FILE.py:FUNCTION; all models of this '
            'sweep define their own input.'
        )
    benchmarks = tuple(expand_benchmarks(definition.benchmarks))
    if options.get('mouse_acuity'):
        check_benchmarks(list(benchmarks))
    layer = None if 'layer' not in options else str(options['layer'])
    return [
        Task(spec, seed, benchmarks, layer)
        for spec in specs.values()
        for seed in (definition.seeds if spec.weights == 'none' else definition.seeds[:1])
    ]


def expand_models(pattern: str) -> list[str]:
    """List the models of a pattern, such as 'torchvision:resnet*' or 'neurn_*'; weights after an @ are kept.

    A name without a wildcard, a file and a folder stand for themselves.

    Raises
    ------
    UnknownNameError
        When a pattern matches nothing; the message has the nearest names.
    """
    name, at, weights = pattern.partition('@')
    if not any(character in name for character in _WILD) or source_files.split(name) or is_folder(name):
        return [pattern]
    library, colon, _ = name.partition(':')
    if colon and library not in LIBRARIES:
        raise UnknownNameError('kind of model', library, LIBRARIES, f'{pattern} is a pattern of none.')
    known: Iterable[str] = registered('model')
    if colon:
        known = [f'{library}:{model}' for model in library_models(library)]
    matching = [each for each in known if fnmatch.fnmatchcase(each, name)]
    if not matching:
        suggested = nearest(name.translate(str.maketrans('', '', '*?[]')), known)
        raise UnknownNameError(
            'pattern of models', pattern, (), f'No model matches it.{suggested} `m2m models --all` lists them.'
        )
    return [f'{each}{at}{weights}' for each in matching]
