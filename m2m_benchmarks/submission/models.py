"""Writes a model of this library as a plugin folder."""

import copy
import importlib.metadata
import shutil
from pathlib import Path
from string import Template

import safetensors.torch
import torch

from m2m_benchmarks.errors import M2MError, ModelError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.models.neurn.backbones import weights_url
from m2m_benchmarks.models.neurn.downloads import cached_file
from m2m_benchmarks.plugins import OWN
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.runs import Run, find_run, weights_file
from m2m_benchmarks.scoring.weights import apply_weights, read_weights, weights_sha256
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.submission.vendoring import copy_self_contained

_HEAD = '''"""$identifier, exported by m2m-benchmarks $version."""

'''

_DEFAULT = """import functools

from brainscore_vision import model_registry

from .model import brain_model

model_registry['$identifier'] = functools.partial(brain_model, '$identifier')
"""

_WITH_WEIGHTS = '''from pathlib import Path

from brainscore_vision import model_registry

from m2m_benchmarks.scoring.weights import apply_weights, read_weights

from .model import as_brain_model, network

WEIGHTS = Path(__file__).parent / 'weights.safetensors'


def with_weights():
    """Load the model with the weights in this folder: $weights."""
    built = network('$identifier', weights='none'$outputs)
    apply_weights(built, read_weights(WEIGHTS), WEIGHTS, '$identifier')
    return as_brain_model('$identifier', built, '$identifier-$short'$trained)


model_registry['$identifier'] = with_weights
'''

_DOWNLOADING = '''from brainscore_vision import model_registry

from m2m_benchmarks.scoring.weights import apply_weights, download_weights, read_weights

from .model import as_brain_model, network

URL = $url
SHA256 = '$sha256'


def with_weights():
    """Load the model with the weights at the URL, checked by SHA-256: $weights."""
    path = download_weights(URL, SHA256)
    built = network('$identifier', weights='none'$outputs)
    apply_weights(built, read_weights(path), path, '$identifier')
    return as_brain_model('$identifier', built, '$identifier-$short'$trained)


model_registry['$identifier'] = with_weights
'''

_TEST = """$imports

@pytest.fixture(scope='module')
def model():
    return load_model('$identifier')


def test_layers_exist(model):
    assert model.layers
    for layer in model.layers:
        assert model.activations_model.get_layer(layer) is not None


@pytest.mark.parametrize('region', $regions)
def test_records(model, region):
    model.start_recording(region, time_bins=[(50, 250)])
    assert model.layer_model.region_layer_map[region] in model.layers
"""

_IMPORTS = """import pytest
from brainscore_vision import load_model
"""

_IMPORTS_OF_LABELS = """import numpy as np
import pytest
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision import load_model
from brainscore_vision.model_interface import BrainModel
from PIL import Image
"""

_TEST_OF_LABELS = """

def test_answers_with_its_classes(model, tmp_path):
    paths = {f'noise{number}': tmp_path / f'{number}.png' for number in range(3)}
    for number, path in enumerate(paths.values()):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    stimuli = StimulusSet({'stimulus_id': list(paths)})
    stimuli.stimulus_paths = paths
    stimuli.identifier = 'noise'
    classes = $classes
    model.start_task(BrainModel.Task.label, classes)
    answer = model.look_at(stimuli)
    assert answer.shape == (1, 3)
    assert set(answer.values[0]) <= set(classes)
"""


def write_default(identifier: str, destination: Path) -> None:
    """Write the folder of a model of the family whose library downloads its weights."""
    _write(identifier, destination, _DEFAULT)


def write_with_weights(identifier: str, candidate: Candidate, destination: Path) -> None:
    """Write the folder of a model of the family, with its weights.

    Parameters
    ----------
    identifier : str
    candidate : Candidate
        Candidate with the weights.
    destination : Path
        Folder to write; it must not exist.
    """
    short = (candidate.weights_sha256 or '')[:12]
    _write(identifier, destination, _WITH_WEIGHTS, candidate.run, weights=candidate.weights, short=short)
    state = {name: value.contiguous() for name, value in _state(candidate).items()}
    safetensors.torch.save_file(state, destination / 'weights.safetensors')


def write_downloading(identifier: str, candidate: Candidate, url: str, file: Path, destination: Path) -> None:
    """Write the folder of a model of the family that downloads its weights.

    Parameters
    ----------
    identifier : str
    candidate : Candidate
        Candidate with the weights.
    url : str
        Public address of the file.
    file : Path
        Path of the same file on this machine; the plugin accepts no other.
    destination : Path
        Folder to write; it must not exist.

    Raises
    ------
    ModelError
        When the file doesn't hold the weights of the model.
    """
    assert candidate.module is not None
    network = copy.deepcopy(candidate.module)
    try:  # as the plugin will; a file that fits replaces all weights
        apply_weights(network, read_weights(file), file, identifier)
        same = weights_sha256(network) == candidate.weights_sha256
    except ModelError:
        same = False
    if not same:
        raise ModelError(
            f'{file.name} does not hold exactly the weights of {identifier}; save `model.state_dict()`, upload the '
            'file, and name both: --weights FILE --weights-url URL.'
        )
    sha256 = sha256_file(file)
    short = (candidate.weights_sha256 or '')[:12]
    values = {'weights': candidate.weights, 'url': repr(url), 'sha256': sha256, 'short': short}
    _write(identifier, destination, _DOWNLOADING, candidate.run, **values)


def _state(candidate: Candidate) -> dict[str, torch.Tensor]:
    assert isinstance(candidate.module, family.Network)
    state: dict[str, torch.Tensor] = candidate.module.backbone.state_dict()
    return state


def weights_location(identifier: str, weights: str, url: str | None) -> tuple[str, Path] | None:
    """URL and file of weights that are too large for an archive; None where they have no public address.

    The file of default weights is the one that their library downloaded.
    """
    if weights == 'none':
        return None
    if weights != 'default':
        return None if url is None else (url, weights_file(find_run(weights)))
    default = default_weights(identifier)
    file = None if default is None else cached_file(default)
    return None if default is None or file is None else (default, file)


def default_weights(identifier: str) -> str | None:
    """URL of the default weights of a model of the family; None where there are none."""
    variant = family.parse(identifier)
    assert variant is not None
    url: str | None = weights_url(variant.row)
    return url


def _write(identifier: str, destination: Path, template: str, run: Run | None = None, **values: str) -> None:
    if "'" in identifier or '\\' in identifier:
        raise M2MError(f'{identifier!r} cannot be an identifier: it has a quote or a backslash.')
    variant = family.parse(identifier)
    assert variant is not None
    classes = list(variant.row.classes) if run is None else run.classes
    folder = Path(family.__file__).parent
    draft = destination.with_name(f'.{destination.name}.draft')
    draft.mkdir()
    try:
        for name in ('neurn.py', 'backbones.py', 'digitnet.py', 'downloads.py', 'labels.py', 'model.py'):
            shutil.copyfile(folder / name, draft / name)
        calibrated = folder / 'region_layer_map' / f'{identifier}.json'
        if calibrated.is_file() and run is None:
            (draft / 'region_layer_map').mkdir()
            shutil.copyfile(calibrated, draft / 'region_layer_map' / calibrated.name)
        values = {
            'identifier': identifier,
            'version': importlib.metadata.version('m2m-benchmarks'),
            'regions': repr(list(family.regions(identifier) if run is None else family.DEPTHS)),
            'outputs': '' if run is None else f', n_classes={len(run.classes)}',
            'trained': '' if run is None else f', classes={run.classes!r}',
            'classes': repr(classes),
            'imports': _IMPORTS_OF_LABELS if classes else _IMPORTS,
            **values,
        }
        if 'weights' in values:  # the text is in a docstring, and may have the name of a file
            values['weights'] = values['weights'].replace('\\', '/').replace('"', "'")
        (draft / '__init__.py').write_text(Template(_HEAD + template).substitute(values), encoding='utf-8')
        tests = _TEST + (_TEST_OF_LABELS if classes else '')
        (draft / 'test.py').write_text(Template(tests).substitute(values), encoding='utf-8')
        copy_self_contained(draft, f'{OWN}.models.neurn', 'models', destination)
    finally:
        shutil.rmtree(draft)
