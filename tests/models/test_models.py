"""The control models, and tests of every plugin of this library."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks import load_model, load_stimulus_set
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.plugins import BRAIN_SCORE, registered
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate

# Models of the family `neurn` are tested in test_family.py, efficientnet_lite0 in test_efficientnet_lite.py.
CONTROLS = [name for name, plugin in registered('model').items() if plugin.folder == 'controls']


@pytest.mark.parametrize('identifier', CONTROLS)
@pytest.mark.seconds
def test_records_from_mouse_and_primate_areas(identifier, m2m_home):
    stimuli = load_stimulus_set('SimulatedMouse')[:3]
    stimuli.identifier = False  # keeps Brain-Score from caching
    model = load_model(identifier)
    assert model.identifier == identifier
    assert 0 < model.visual_degrees() < 9000
    for area in (*AREAS, 'V1', 'IT'):
        model.start_recording(area, time_bins=[(50, 250)])
        response = model.look_at(stimuli)
        assert set(response['stimulus_id'].values) == set(stimuli['stimulus_id'])
        assert np.isfinite(response.values).all()


@pytest.mark.parametrize('kind', ['model', 'benchmark', 'metric', 'data', 'stimulus_set'])
def test_no_identifier_is_taken_twice(kind):
    # The same name would hide a plugin of brainscore_vision.
    assert not set(registered(kind)) & set(registered(kind, BRAIN_SCORE))


def test_pixels_are_the_pixels(m2m_home):
    stimuli = load_stimulus_set('SimulatedMouse')
    activations = Activations(load_candidate('pixels_64'))
    images = activations.preprocess([Path(stimuli.get_stimulus(name)) for name in stimuli['stimulus_id'][:4]])
    for image, name in zip(images, stimuli['stimulus_id'], strict=False):
        with Image.open(stimuli.get_stimulus(name)) as stored:  # 64 x 64 and grey already
            np.testing.assert_allclose(image[0].numpy() * 255, np.asarray(stored), atol=1)
