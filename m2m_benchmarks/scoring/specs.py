"""Parses and checks names of candidates, NAME or NAME@WEIGHTS, without loading torch."""

import functools
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.plugins import (
    BRAIN_SCORE,
    OWN,
    model_in,
    plugins_folder,
    registered,
    reporting_name_errors,
    unknown_name,
)
from m2m_benchmarks.plugins.libraries import LIBRARIES, library_models
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.options import NetworkOptions, check_options
from m2m_benchmarks.scoring.runs import RESULT, WEIGHTS, Run, find_run, read_run, weights_file

#: Prefix of candidates that are training runs.
RUN = 'run:'
#: Plugin folder of the models without weights.
_CONTROLS = 'controls'
#: Name of a timm model with the tag of its weights.
_TAGGED = re.compile(r'(?P<name>\w+)\.\w+')


@dataclass(frozen=True)
class CandidateSpec:
    """A model to score and its weights, as a user names them.

    Attributes
    ----------
    name : str
        Registered identifier, variant of the family `neurn`, `torchvision:NAME`, `timm:NAME`, `FILE.py:FUNCTION`,
        `run:PATH`, or the path of a plugin folder, with a slash.
    weights : str
        'default', 'none', or the path of a weights file or of a run's folder.
    options : NetworkOptions
    mouse_acuity : bool
        Whether the model sees stimuli as a mouse's eye passes them on; the text of a user doesn't say so.
    """

    name: str
    weights: str = 'default'
    options: NetworkOptions = field(default_factory=NetworkOptions)
    mouse_acuity: bool = False

    def __str__(self) -> str:
        return self._text(self.name, self.weights)

    @property
    def label(self) -> str:
        """Text of the candidate without the folders of its files, for progress."""
        kind = RUN if self.name.startswith(RUN) else ''
        return self._text(f'{kind}{Path(self.name.removeprefix(RUN)).name}', Path(self.weights).name)

    @staticmethod
    def _text(name: str, weights: str) -> str:
        return name if weights == 'default' else f'{name}@{weights}'


def parse_candidate(text: str, default_weights: str = 'default') -> CandidateSpec:
    """Split the name of a candidate into model and weights.

    Parameters
    ----------
    text : str
        NAME or NAME@WEIGHTS. With more than one @, the name ends at the one that has a model before it and weights
        after it.
    default_weights : str
        Weights of a candidate that names none. Controls and training runs, which have no choice of weights, ignore
        them.

    Returns
    -------
    CandidateSpec
        Not checked: `check_candidate` checks that the model and the weights exist.

    Raises
    ------
    ModelError
        When the text is ambiguous.
    """
    splits = [CandidateSpec(text[:i], text[i + 1 :]) for i, character in enumerate(text) if character == '@']
    whole = CandidateSpec(text, default_weights if has_choice(text) else 'default')
    readings = [whole] if not splits or _exists(text) else []
    readings += [spec for spec in splits if _exists(spec.name) and _are_weights(spec.weights)]
    if len(readings) > 1:
        alternatives = ' and as '.join(f'{spec.name!r} with weights {spec.weights!r}' for spec in readings)
        raise ModelError(
            f'{text} can be read as {alternatives}. Rename the file or folder, or name the weights: '
            f'{readings[0].name}@default.'
        )
    if readings:
        return readings[0]
    # The model or the weights don't exist: return the likeliest reading, for the message.
    return next(
        (spec for spec in splits if _exists(spec.name)),
        next((spec for spec in splits if _are_weights(spec.weights)), splits[0]),
    )


def parse_candidates(texts: Sequence[str], default_weights: str = 'default') -> list[CandidateSpec]:
    """Split the names of candidates into models and weights, as `parse_candidate` does.

    Raises
    ------
    ModelError
        When a text is ambiguous, or no candidate can use the default weights.
    """
    specs = [parse_candidate(text, default_weights) for text in texts]
    if default_weights not in ('default', *(spec.weights for spec in specs)):
        raise ModelError(
            f'--weights {default_weights} applies to none of {", ".join(texts)}; it is for models without @ that have '
            'a choice of weights.'
        )
    return specs


def check_candidate(spec: CandidateSpec) -> None:
    """Check that a model exists and can have the weights, without loading either.

    Raises
    ------
    UnknownNameError
        When there is no model of that name; the message lists the nearest names.
    ModelError
        When a plugin folder, run or weights file is missing or invalid, or the model can't have such weights.
    """
    if not spec.name or not spec.weights:
        empty = f'names no {"weights" if spec.name else "model"}'
        text = f"'{spec.name}@{spec.weights}' {empty}" if str(spec) else 'the name of a model is empty'
        raise ModelError(
            f'{text}; expected MODEL or MODEL@WEIGHTS, where WEIGHTS is default, none, a file, or the folder of a '
            'training run.'
        )
    _check_name(spec.name)
    if not takes_options(spec.name):
        check_options(spec.name, spec.options)
    if spec.weights == 'default':
        return
    if not has_choice(spec.name):
        if spec.name.startswith(RUN):
            raise ModelError(f'{spec.name} brings its own weights; --weights {spec.weights} is for other models.')
        raise ModelError(f'{spec.name} has no choice of weights; leave out {spec.weights}.')
    if spec.weights != 'none':
        weights_file(find_run(spec.weights))
        run_of_weights(spec)
    elif not can_be_untrained(spec.name):
        raise ModelError(
            f'{spec.name} brings its own weights; --weights none is for neurn_…, plain_…, torchvision:NAME and '
            'timm:NAME.'
        )


def run_of_weights(spec: CandidateSpec) -> Run | None:
    """Read the training run that a variant of the family `neurn` has its weights from; None for other weights.

    Raises
    ------
    ModelError
        When the run trained another model, isn't finished, or was changed.
    """
    if spec.weights in ('default', 'none') or _family_variant(spec.name) is None:
        return None
    folder = find_run(spec.weights)
    if folder.name == WEIGHTS and folder.is_file():  # perhaps of a run, which knows the classes of the outputs
        folder = folder.parent
    if not (folder / RESULT).is_file():
        return None
    run = read_run(folder)
    if run.model != spec.name:
        raise ModelError(f'the run {folder} trained {run.model}, not {spec.name}; name a run of {spec.name}.')
    return run


def is_model(text: str) -> bool:
    """Whether a text can only be meant as a model, though it may be a wrong one, and not as a benchmark.

    Raises
    ------
    ModelError
        When it has a backbone of the family `neurn` but an unknown suffix.
    """
    if text.startswith('suite:') or text in registered('benchmark') or text in registered('benchmark', BRAIN_SCORE):
        return False
    named = text in registered('model') or text in registered('model', BRAIN_SCORE)
    named = named or bool(_in_libraries(text))  # without its prefix
    return '@' in text or ':' in text or is_folder(text) or named or _family_variant(text) is not None


def is_folder(name: str) -> bool:
    """Whether the name of a model is the path of a plugin folder.

    A path has a slash, such as `./NAME`: a folder that lies where a command is run must not stand for a model's name.
    """
    return source_files.split(name) is None and '/' in name


def folder_hint(name: str) -> str:
    """Sentence for an unknown name that a folder has; '' where there is no such folder."""
    return f' To name the plugin in the folder {name}, write ./{name}.' if Path(name).is_dir() else ''


def takes_options(name: str) -> bool:
    """Whether the name is that of a network without a wrapper, whose input the user may choose."""
    return source_files.split(name) is not None or name.partition(':')[0] in LIBRARIES


def _check_name(name: str) -> None:
    if name.startswith(RUN):
        read_run(find_run(name.removeprefix(RUN)))
        return
    if source_files.split(name) is not None:
        source_files.check(name)
        return
    if is_folder(name):
        model_in(Path(name))
        return
    library, colon, model = name.partition(':')
    if colon and library not in LIBRARIES:
        raise UnknownNameError(
            'kind of model', library, [*LIBRARIES, 'run'], why=f'{name} is of no kind that M2M knows'
        )
    if colon:
        known = library_models(library)
        tagged = _TAGGED.fullmatch(model) if library == 'timm' else None
        if (tagged['name'] if tagged else model) not in known:
            raise UnknownNameError(f'{library} model', model, known)
    elif name not in registered('model') and name not in registered('model', BRAIN_SCORE):
        variant = _family_variant(name)
        if variant is None and (hint := folder_hint(name)):
            raise ModelError(f'{name!r} is no registered model.{hint}')
        if variant is None and (prefixed := _in_libraries(name)):
            hint = f'Models of torchvision and timm have their prefix: {" or ".join(prefixed)}.'
            raise UnknownNameError('model', name, (), hint)
        if variant is None:
            raise unknown_name('model', name)


def _in_libraries(name: str) -> list[str]:
    """Names of the models of torchvision and timm that have this name without the library's prefix."""
    return [f'{library}:{name}' for library in LIBRARIES if name in library_models(library)]


def _exists(name: str) -> bool:
    """Whether a name is that of a candidate; for a folder, whether it exists."""
    if name.startswith(RUN):
        return find_run(name.removeprefix(RUN)).is_dir()
    source = source_files.split(name)
    if source is not None:
        return source[0].is_file()
    if is_folder(name):
        return Path(name).is_dir()
    try:
        _check_name(name)
    except M2MError:
        return False
    return True


def _are_weights(weights: str) -> bool:
    return weights in ('default', 'none') or (weights != '' and find_run(weights).exists())


def has_choice(name: str) -> bool:
    """Whether a model has a choice of weights: a control has no weights, and a run has its own."""
    plugin = registered('model').get(name)
    return not name.startswith(RUN) and (plugin is None or plugin.folder != _CONTROLS)


def can_be_untrained(name: str) -> bool:
    """Whether a model has the weights `none`."""
    if source_files.split(name) is not None or is_folder(name):
        return False
    return name.partition(':')[0] in LIBRARIES or _family_variant(name) is not None


def _family_variant(name: str) -> Any:
    """Parse the name of a variant of the family `neurn`; None for other names.

    Raises
    ------
    ModelError
        When the name has a backbone of the family but an unknown suffix.
    """
    with reporting_name_errors():
        return _family_names().parse(name)


@functools.cache
def _family_names() -> Any:
    """Load the family's module of names by its path: importing its package would import torch."""
    folder = plugins_folder(OWN, 'models')
    assert folder is not None
    spec = importlib.util.spec_from_file_location('m2m_family_names', folder / 'neurn' / 'backbones.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
