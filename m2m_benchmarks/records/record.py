"""One result: a score, and everything its number depends on."""

import builtins
import dataclasses
import functools
import hashlib
import json
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from m2m_benchmarks.errors import DataError

#: Format of a result's JSON, increased when a field changes meaning. Results without the field have format 1.
FORMAT = 3
#: Most lists and objects inside one another in a result; Python writes no more than a thousand.
_DEEPEST = 50
#: End of the names of candidates that see their stimuli as a mouse does.
MOUSE_ACUITY = '+mouse_acuity'


@dataclass(frozen=True)
class Part:
    """Score of one area of a dataset, in the result of the mean over areas.

    Attributes
    ----------
    score : float or None
        Score; None where the ceiling is too uncertain.
    raw, ceiling, error : float
    formula : str
        Formula for the score, from raw and ceiling.
    layer : str
        Layer of the candidate that models the area; two with a bar between them if each models half of the neuroids.
    n_neuroids, n_animals : int
    noise_corrected : float
    per_animal : dict
        Raw value on the neuroids of each animal.
    inter_animal : float or None
        Earlier name of `other_mice`, in results of format 2 or less.
    commitment : str
        How the layer was chosen.
    uncut, interval, raw_interval, ceiling_interval, errors, ceiling_kind, trial_ceiling, animal_ceiling, animal_bounds
        As in `Result`.
    details : dict or None
        Numbers about the computation of raw, by name.
    halves, own_units, own_units_interval, model_per_animal, other_mice
        As in `Result`.
    """

    score: float | None
    raw: float | None
    ceiling: float | None
    error: float | None
    formula: str | None
    layer: str | None
    n_neuroids: int | None
    n_animals: int | None
    noise_corrected: float | None
    per_animal: dict[str, float] | None
    commitment: str | None
    inter_animal: float | None = None
    uncut: float | None = None
    interval: list[float] | None = None
    raw_interval: list[float] | None = None
    ceiling_interval: list[float] | None = None
    errors: dict[str, float] | None = None
    ceiling_kind: str | None = None
    trial_ceiling: float | None = None
    animal_ceiling: float | None = None
    animal_bounds: dict[str, float] | None = None
    details: dict[str, float] | None = None
    halves: list[Any] | None = None
    own_units: float | None = None
    own_units_interval: list[float] | None = None
    model_per_animal: float | None = None
    other_mice: float | None = None


@dataclass(frozen=True)
class Domain:
    """Accuracy on one domain of digits.

    Attributes
    ----------
    accuracy : float
    interval : list of float
        95 % confidence interval: low, high.
    n_images, n_clusters : int
        Numbers of images, and of groups of images that are not independent of one another.
    confusion : list of list of int, or None
        Number of images of each digit (rows, 0 to 9) by the label that they got (columns). None in earlier results.
    """

    accuracy: float
    interval: list[float]
    n_images: int
    n_clusters: int
    confusion: list[list[int]] | None = None


@dataclass(frozen=True)
class Input:
    """Input of a candidate: a preprocessed image.

    Attributes
    ----------
    shape : list of int
        Channels, height and width.
    sha256 : str
        SHA-256 of the fixed images after preprocessing; it depends on size, crop and normalisation.
    """

    shape: list[int]
    sha256: str


@dataclass(frozen=True)
class Library:
    """The version of this library.

    Attributes
    ----------
    version : str
    code_sha256 : str
        SHA-256 of the source files that numbers depend on.
    """

    version: str
    code_sha256: str


@dataclass(frozen=True)
class Machine:
    """Machine that a score was computed on.

    Attributes
    ----------
    cpu_capability : str
        Instructions that PyTorch's kernels use, such as 'AVX2'.
    threads : int
        Threads of one operation.
    device : str or None
        Device of the network; None for a model of another kind.
    platform : str
        Operating system and processor architecture.
    processor : str or None
        Names of the processor and of the graphics card, where they are known.
    """

    cpu_capability: str
    threads: int
    device: str | None
    platform: str
    processor: str | None = None


@dataclass(frozen=True)
class Result:
    """A score on record.

    Fields that a benchmark or a candidate does not have are None. Results of version 0.1 have format 1 and lack some
    fields, which are None as well.

    Attributes
    ----------
    model, benchmark : str
    score : float or None
        Score; None where the ceiling is too uncertain.
    created : str
        Time in UTC, as ISO 8601.
    format : int
    version : int or None
        Version of the benchmark: numbers of different versions are not comparable. None in results of format 2 or less,
        whose benchmarks have version 1.
    raw, ceiling : float or None
    error : float or None
        Standard error of `uncut` for new animals and new stimuli.
    errors : dict or None
        Standard errors for new animals alone and new stimuli alone.
    uncut : float or None
        The score before a negative one is set to 0.
    interval, raw_interval, ceiling_interval : list of float or None
        95 % confidence intervals (low, high) of `uncut`, `raw` and `ceiling`.
    ceiling_kind : str or None
        Kind of the ceiling, such as 'population' for the limited number of neuroids and the noise of their trials, or
        'trials' for the noise alone.
    trial_ceiling : float or None
        Ceiling from halves of the trials: another recording of the same neuroids.
    animal_ceiling : float or None
        Ceiling from halves of the animals: a model of the species.
    animal_bounds : dict or None
        Lower and upper bound over animals, and the number of animals.
    halves : list of dict or None
        Layer, raw value, ceiling and number of neuroids of each half, where each has its own layer.
    own_units : float or None
        Raw value of the layer for neuroids simulated as its own units, mean over simulated recordings.
    own_units_interval : list of float or None
        95 % interval of a single such recording.
    model_per_animal, other_mice : float or None
        Mean over animals of the raw value on one animal: of the candidate, and of all other animals as a model.
    formula : str or None
        Formula for the score, from raw and ceiling.
    caveat : str or None
        Limitation that readers of the score have to know.
    layer : str, dict or None
        Layer of the candidate; for a mean, a layer for each area.
    layer_scores : dict or None
        Raw value of each layer that was compared to choose one, on the first half of the neuroids and on the second; in
        results of format 2 or less on one half.
    n_neuroids, n_stimuli, n_animals : int or None
    noise_corrected, raw_error : float or None
    per_animal : dict or None
    inter_animal : float or None
        Earlier name of `other_mice`, in results of format 2 or less.
    commitment : str or None
        How the layer was chosen.
    choices : dict or None
        Settings of the benchmark and its comparison.
    details : dict or None
        Numbers about the computation of raw, and further ones of the comparison, by name.
    areas : dict of Part, or None
    left_out : dict or None
        Areas that can't be scored, and the reasons.
    source, protocol : str or None
        Source domain and protocol of a benchmark of domain generalization.
    in_domain : Domain or None
    targets : dict of Domain, or None
    generalization_gap, chance : float or None
    n_seeds : int or None
    seed : int or None
        Random seed of untrained weights, or of a training run.
    weights : str or None
        Origin of the weights, in words.
    simulated : bool
        Whether the recordings are simulated.
    family : str or None
        Family of the network, such as 'squeezenet'.
    n_parameters : int or None
    training_set : str or None
        Training data of the weights.
    weights_sha256 : str or None
        SHA-256 of all parameters and buffers of the network.
    code_sha256 : str or None
        SHA-256 of the candidate's code: its plugin folder, or the source files of the network.
    benchmark_sha256 : str or None
        SHA-256 of this library's code, for its own benchmarks; None for others, such as one with a user's metric.
    response_sha256 : str or None
        SHA-256 of the network's responses to fixed images.
    input : Input or None
    preprocessing : str or None
        Preprocessing of the input, in words.
    mouse_acuity : str or None
        What was done to the stimuli before, where the candidate saw them as a mouse does.
    notes : list of str or None
        What the responses depend on besides the image, such as random numbers.
    data_sha256, stimuli_sha256 : str or None
    sample_sha256 : str or None
        SHA-256 of the bootstrap draws of stimuli and neuroids; scores with the same can be compared draw by draw.
    data_settings : dict or None
        Settings that the responses were extracted with.
    layer_named : str or None
        Layer that the user names.
    library : Library or None
    machine : Machine or None
    versions : dict or None
        Versions of the packages.
    seconds, peak_memory_mb : float or None
    device : str or None
        Device of the network, as in `machine`.
    request : str or None
        Key of the request, where it determines the number (`scoring.requests`).
    files : dict or None
        Further files that the result of the request depends on, with their SHA-256.
    others : dict
        Fields that this version does not define.
    """

    model: str
    benchmark: str
    score: float | None
    created: str
    format: int = 1
    version: int | None = None
    raw: float | None = None
    ceiling: float | None = None
    error: float | None = None
    errors: dict[str, float] | None = None
    uncut: float | None = None
    interval: list[float] | None = None
    raw_interval: list[float] | None = None
    ceiling_interval: list[float] | None = None
    ceiling_kind: str | None = None
    trial_ceiling: float | None = None
    animal_ceiling: float | None = None
    animal_bounds: dict[str, float] | None = None
    halves: list[Any] | None = None
    own_units: float | None = None
    own_units_interval: list[float] | None = None
    model_per_animal: float | None = None
    other_mice: float | None = None
    formula: str | None = None
    caveat: str | None = None
    layer: str | dict[str, str] | None = None
    layer_scores: dict[str, Any] | None = None
    n_neuroids: int | None = None
    n_stimuli: int | None = None
    n_animals: int | None = None
    noise_corrected: float | None = None
    raw_error: float | None = None
    per_animal: dict[str, float] | None = None
    inter_animal: float | None = None
    commitment: str | None = None
    choices: dict[str, Any] | None = None
    details: dict[str, float] | None = None
    areas: dict[str, Part] | None = None
    left_out: dict[str, str] | None = None
    source: str | None = None
    protocol: str | None = None
    in_domain: Domain | None = None
    targets: dict[str, Domain] | None = None
    generalization_gap: float | None = None
    chance: float | None = None
    n_seeds: int | None = None
    seed: int | None = None
    weights: str | None = None
    simulated: bool = False
    family: str | None = None
    n_parameters: int | None = None
    training_set: str | None = None
    weights_sha256: str | None = None
    code_sha256: str | None = None
    benchmark_sha256: str | None = None
    response_sha256: str | None = None
    input: Input | None = None
    preprocessing: str | None = None
    mouse_acuity: str | None = None
    notes: list[str] | None = None
    data_sha256: str | None = None
    stimuli_sha256: str | None = None
    sample_sha256: str | None = None
    data_settings: dict[str, Any] | None = None
    layer_named: str | None = None
    library: Library | None = None
    machine: Machine | None = None
    versions: dict[str, str] | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None
    device: str | None = None
    request: str | None = None
    files: dict[str, str] | None = None
    others: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> 'Result':
        """Read a result from its JSON, of this version or of 0.1.

        Raises
        ------
        DataError
            When the document has a later format, or is not a result.
        """
        if not isinstance(document, Mapping):
            raise DataError(f'a result is a JSON object; this is of type {type(document).__name__}.')
        number = document.get('format', 1)
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= FORMAT:
            raise DataError(f'a result has format {number}; this version reads formats up to {FORMAT}. Update M2M.')
        if _is_deeper(document, _DEEPEST):
            raise DataError(f'a result cannot be read: more than {_DEEPEST} of its objects are inside one another.')
        # Listings add the uid, which follows from the other fields.
        document = {name: value for name, value in document.items() if name != 'uid'}
        known = {declared.name for declared in dataclasses.fields(cls)} - {'others'}
        fields = {name: value for name, value in document.items() if name in known}
        try:
            for name, nested in _NESTED.items():
                if fields.get(name) is not None:
                    fields[name] = nested(**fields[name])
            for name, nested in _NESTED_BY_NAME.items():
                if fields.get(name) is not None:
                    fields[name] = {key: nested(**value) for key, value in fields[name].items()}
            result = cls(**fields, others={name: value for name, value in document.items() if name not in known})
        except (TypeError, AttributeError) as error:
            raise DataError(f'a result cannot be read: {error}.') from error
        for name, kind in _TYPES[cls].items():
            value = getattr(result, name)
            if not _fits(value, kind):
                kind = getattr(kind, '__name__', str(kind))
                raise DataError(f'a result cannot be read: {name} is {value!r:.80}, expected {kind}.')
        if result.targets is not None and None in (result.in_domain, result.protocol, result.score):
            raise DataError(
                'a result cannot be read: it has targets, but no score, no accuracy on its source or no protocol.'
            )
        for part in (result, result.in_domain, *(result.targets or {}).values(), *(result.areas or {}).values()):
            if isinstance(part, Domain) and not _counts_all_images(part):
                raise DataError('a result cannot be read: confusion is not a square of counts that add up to n_images.')
            for name, value in vars(part).items() if part else ():
                if name.endswith('interval') and value is not None and len(value) != 2:
                    raise DataError(f'a result cannot be read: {name} is {value!r:.80}, expected two numbers.')
        return result

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON, from which `from_document` makes the same result."""
        document = {
            declared.name: getattr(self, declared.name)
            for declared in dataclasses.fields(self)
            if declared.name != 'others' and (getattr(self, declared.name) is not None or declared.name in _ALWAYS)
        }
        for name in _NESTED:
            if document.get(name) is not None:
                document[name] = dataclasses.asdict(document[name])
        if self.in_domain is not None:  # without null fields, which would change the uid of earlier results
            document['in_domain'] = _fields(self.in_domain, self.format)
        for name in _NESTED_BY_NAME:
            if document.get(name) is not None:
                document[name] = {key: _fields(value, self.format) for key, value in document[name].items()}
        if self.format == 1:  # version 0.1 did not write it
            del document['format']
        return {**document, **self.others}

    @functools.cached_property
    def uid(self) -> str:
        """Identifier of this result: the first 12 digits of the SHA-256 of its JSON.

        Null fields are left out, and so are those of the request, which may be added to a stored result.
        """
        unnamed = ('request', 'files')
        document = {name: value for name, value in self.document().items() if name not in unnamed}
        return _sha256({name: value for name, value in document.items() if value is not None})[:12]

    @property
    def claim(self) -> str | None:
        """Key of everything that determines the number: two results with one claim should have the same number.

        None where part of it isn't known: for results of version 0.1, models that aren't
        PyTorch networks, code whose source can't be read, and benchmarks whose code isn't this library's.
        """
        parts = {name: getattr(self, name) for name in _CLAIM}
        if any(parts[name] is None for name in _REQUIRED):
            return None
        for name in ('input', 'library'):
            parts[name] = dataclasses.asdict(parts[name])
        for name in ('version', 'mouse_acuity'):
            if getattr(self, name) is not None:
                parts[name] = getattr(self, name)
        return _sha256(parts)

    @property
    def identity(self) -> str | None:
        """Key of the claim, machine, packages, and origin of weights and data; None where the claim is None."""
        if self.claim is None or self.machine is None or self.versions is None:
            return None
        # The same weights from another file or run are the same claim, and another result: it says where they are from.
        machine = dataclasses.asdict(self.machine)
        return _sha256([self.claim, machine, self.versions, self.weights, self.seed, self.simulated])

    @property
    def portable_identity(self) -> str | None:
        """Key of the identity without the machine, and without the responses, whose last digits depend on it."""
        if self.identity is None:
            return None
        any_machine = dataclasses.replace(self, response_sha256='')
        return _sha256([any_machine.claim, self.versions, self.weights, self.seed, self.simulated])


_NESTED: dict[str, Any] = {'in_domain': Domain, 'input': Input, 'library': Library, 'machine': Machine}
_NESTED_BY_NAME: dict[str, Any] = {'areas': Part, 'targets': Domain}
#: Fields that every result's JSON has; they are null where they have no value.
_ALWAYS = frozenset(
    declared.name
    for declared in dataclasses.fields(Result)
    if declared.name
    not in {
        *('areas', 'details', 'left_out', 'request', 'files', 'preprocessing', 'notes', 'inter_animal', 'halves'),
        *('mouse_acuity', 'sample_sha256'),
        *('source', 'protocol', 'in_domain', 'targets', 'generalization_gap', 'chance', 'n_seeds'),
    }
)
#: Fields of the claim that must not be None.
_REQUIRED = (
    *('weights_sha256', 'code_sha256', 'benchmark_sha256', 'response_sha256', 'input', 'data_sha256'),
    *('stimuli_sha256', 'library'),
)
_CLAIM = (
    *_REQUIRED,
    *('model', 'benchmark', 'data_settings', 'choices', 'layer_named', 'source'),
)


#: Declared types of the fields of each class.
_TYPES = {cls: typing.get_type_hints(cls) for cls in (Part, Domain, Input, Library, Machine, Result)}


def _is_deeper(value: Any, most: int) -> bool:
    """Whether more than a number of lists and objects are inside one another."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_is_deeper(each, most - 1) for each in inner if isinstance(each, dict | list))


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of a declared type, and can be stored."""
    return _check_of(kind)(value)


@functools.cache
def _check_of(kind: Any) -> Callable[[Any], bool]:
    """Make the function that says whether a value is of a declared type; types are taken apart once."""
    arguments = typing.get_args(kind)
    match typing.get_origin(kind) or kind:
        case types.UnionType:
            # None is the most frequent value.
            checks = [_check_of(each) for each in sorted(arguments, key=lambda each: each is not types.NoneType)]
            return lambda value: any(check(value) for check in checks)
        case builtins.list:
            check = _check_of(arguments[0])
            return lambda value: isinstance(value, list) and all(map(check, value))
        case builtins.dict:
            check = _check_of(arguments[1])
            return lambda value: isinstance(value, dict) and all(each is None or check(each) for each in value.values())
        case builtins.int:
            return _is_int
        case builtins.float:  # NaN and infinity are refused elsewhere
            return lambda value: isinstance(value, float) or (_is_int(value) and abs(value) <= sys.float_info.max)
        case builtins.str:
            return lambda value: isinstance(value, str) and (value.isascii() or not _has_surrogates(value))
        case typing.Any:
            return lambda value: True
    if kind in _TYPES:
        return lambda value: (
            isinstance(value, kind) and all(_fits(getattr(value, name), each) for name, each in _TYPES[kind].items())
        )
    return lambda value: isinstance(value, kind)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _counts_all_images(domain: Domain) -> bool:
    """Whether a domain's confusion matrix, if it has one, is a square of counts that add up to its images."""
    table = domain.confusion
    if table is None:
        return True
    counts = [n for row in table for n in row]
    return {len(row) for row in table} == {len(table)} and min(counts) >= 0 and sum(counts) == domain.n_images


def _has_surrogates(text: str) -> bool:
    return any('\ud800' <= character <= '\udfff' for character in text)


def _fields(part: Part | Domain, format_: int) -> dict[str, Any]:
    """Convert to a dictionary with the fields that a part of a format has."""
    fields = dataclasses.asdict(part)
    optional = {declared.name for declared in dataclasses.fields(part) if declared.default is not dataclasses.MISSING}
    # A part of format 2 or less always has this field.
    kept = {'inter_animal'} if format_ < 3 else set()
    unused = {name for name in optional if fields[name] is None} - kept
    return {name: value for name, value in fields.items() if name not in unused}


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
