"""Candidates by name: NAME or NAME@WEIGHTS, taken apart and checked without torch."""

import functools
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2m_benchmarks.errors import M2MError, ModelError, UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, model_in, plugins_folder, refused_name, registered, unknown_name
from m2m_benchmarks.plugins.libraries import LIBRARIES, library_models
from m2m_benchmarks.scoring.runs import RESULT, WEIGHTS, Run, find_run, read_run, weights_file

#: Start of the name of a candidate that is a training run.
RUN = 'run:'
#: Plugin folder of the models that have no weights.
_CONTROLS = 'controls'
#: Name of a model of timm with the tag of its weights.
_TAGGED = re.compile(r'(?P<name>\w+)\.\w+')


@dataclass(frozen=True)
class CandidateSpec:
    """A model to score and its weights, as a user names them.

    Attributes
    ----------
    name : str
        Registered identifier, variant of the family `neurn`, `torchvision:NAME`, `timm:NAME`, `run:PATH`, or the path
        of a plugin folder.
    weights : str
        'default', 'none', or the path of a weights file or of a run's folder.
    """

    name: str
    weights: str = 'default'

    def __str__(self) -> str:
        return self.name if self.weights == 'default' else f'{self.name}@{self.weights}'


def parse_candidate(text: str, default_weights: str = 'default') -> CandidateSpec:
    """Take the name of a candidate apart.

    Parameters
    ----------
    text : str
        NAME or NAME@WEIGHTS. Where there is more than one @, the name ends at the one that has a model before it and
        weights after it.
    default_weights : str
        Weights of a candidate that names none. Those that have no weights to choose, controls and training runs,
        don't take them.

    Returns
    -------
    CandidateSpec
        Not checked: `check_candidate` says whether there is such a model, and such weights.

    Raises
    ------
    ModelError
        When the text can be read in more than one way.
    """
    splits = [CandidateSpec(text[:i], text[i + 1 :]) for i, character in enumerate(text) if character == '@']
    whole = CandidateSpec(text, default_weights if _has_choice(text) else 'default')
    readings = [whole] if not splits or _exists(text) else []
    readings += [spec for spec in splits if _exists(spec.name) and _are_weights(spec.weights)]
    if len(readings) > 1:
        ways = ' and as '.join(f'{spec.name!r} with weights {spec.weights!r}' for spec in readings)
        raise ModelError(
            f'{text} can be read as {ways}. Rename the file or folder, or name the weights: {readings[0].name}@default.'
        )
    if readings:
        return readings[0]
    # There is no such model or no such weights: the likeliest reading, for the message.
    return next(
        (spec for spec in splits if _exists(spec.name)),
        next((spec for spec in splits if _are_weights(spec.weights)), splits[0]),
    )


def parse_candidates(texts: Sequence[str], default_weights: str = 'default') -> list[CandidateSpec]:
    """Take the names of candidates apart, as `parse_candidate` does.

    Raises
    ------
    ModelError
        When a text can be read in more than one way, or no candidate takes the weights that are asked for.
    """
    specs = [parse_candidate(text, default_weights) for text in texts]
    if default_weights not in ('default', *(spec.weights for spec in specs)):
        raise ModelError(
            f'--weights {default_weights} is for none of {", ".join(texts)}: candidates that name no weights and can '
            'choose some take them.'
        )
    return specs


def check_candidate(spec: CandidateSpec) -> None:
    """Check that there is such a model and that it takes such weights, without loading either.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    ModelError
        When a plugin folder, a run or a weights file isn't there or isn't what it has to be, or the model doesn't take
        such weights.
    """
    if not spec.name or not spec.weights:
        raise ModelError(
            f"'{spec.name}@{spec.weights}' names no {'weights' if spec.name else 'model'}; expected MODEL or "
            'MODEL@WEIGHTS, where WEIGHTS is default, none, a file, or the folder of a training run.'
        )
    _check_name(spec.name)
    if spec.weights == 'default':
        return
    if not _has_choice(spec.name):
        if spec.name.startswith(RUN):
            raise ModelError(f'{spec.name} brings its own weights; --weights {spec.weights} is for other models.')
        raise ModelError(f'{spec.name} has no weights to choose; leave out {spec.weights}.')
    if spec.weights != 'none':
        weights_file(find_run(spec.weights))
        run_of_weights(spec)
    elif not _can_be_untrained(spec.name):
        raise ModelError(
            f'{spec.name} brings its own weights; --weights none is for neurn_…, plain_…, torchvision:NAME and '
            'timm:NAME.'
        )


def run_of_weights(spec: CandidateSpec) -> Run | None:
    """Read the training run whose weights a variant of the family `neurn` is given; None for other weights.

    Raises
    ------
    ModelError
        When the run is of another model, or isn't finished, or was changed since.
    """
    if spec.weights in ('default', 'none') or _family_variant(spec.name) is None:
        return None
    folder = find_run(spec.weights)
    if folder.name == WEIGHTS and folder.is_file():  # of a run, perhaps, which knows what the outputs stand for
        folder = folder.parent
    if not (folder / RESULT).is_file():
        return None
    run = read_run(folder)
    if run.model != spec.name:
        raise ModelError(f'the run {folder} is of {run.model}, not of {spec.name}.')
    return run


def is_folder(name: str) -> bool:
    """Whether the name of a model is the path of a plugin folder."""
    return '/' in name or Path(name).is_dir()


def _check_name(name: str) -> None:
    if name.startswith(RUN):
        read_run(find_run(name.removeprefix(RUN)))
        return
    if is_folder(name):
        model_in(Path(name))
        return
    library, colon, model = name.partition(':')
    if colon and library not in LIBRARIES:
        raise UnknownNameError('kind of model', library, [*LIBRARIES, 'run'], f'({name})')
    if colon:
        known = library_models(library)
        tagged = _TAGGED.fullmatch(model) if library == 'timm' else None
        if (tagged['name'] if tagged else model) not in known:
            raise UnknownNameError(f'{library} model', model, known)
    elif name not in registered('model') and name not in registered('model', BRAIN_SCORE):
        with refused_name():
            variant = _family_variant(name)
        if variant is None:
            raise unknown_name('model', name)


def _exists(name: str) -> bool:
    """Whether a name can be that of a candidate; for a folder, whether there is one."""
    if name.startswith(RUN):
        return find_run(name.removeprefix(RUN)).is_dir()
    if is_folder(name):
        return Path(name).is_dir()
    try:
        _check_name(name)
    except M2MError:
        return False
    return True


def _are_weights(weights: str) -> bool:
    return weights in ('default', 'none') or (weights != '' and find_run(weights).exists())


def _has_choice(name: str) -> bool:
    """Whether there are weights to choose: a control has none, and a run has its own."""
    plugin = registered('model').get(name)
    return not name.startswith(RUN) and (plugin is None or plugin.folder != _CONTROLS)


def _can_be_untrained(name: str) -> bool:
    if is_folder(name):
        return False
    return name.partition(':')[0] in LIBRARIES or _family_variant(name) is not None


def _family_variant(name: str) -> Any:
    """Variant of the family `neurn` that a name stands for, or None.

    Raises
    ------
    ValueError
        When it names a backbone of the family and something unknown about it.
    """
    return _family_names().parse(name)


@functools.cache
def _family_names() -> Any:
    """The family's module of names, loaded by its path: importing its package imports torch."""
    folder = plugins_folder(OWN, 'models')
    assert folder is not None
    spec = importlib.util.spec_from_file_location('m2m_family_names', folder / 'neurn' / 'backbones.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
