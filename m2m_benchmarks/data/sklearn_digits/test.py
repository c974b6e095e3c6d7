import pytest
from brainscore_vision import load_stimulus_set
from PIL import Image

from m2m_benchmarks.data.digit_names import DERIVED, SPLITS, stimulus_set_name


@pytest.mark.parametrize('split', [*SPLITS, *DERIVED])
def test_stimuli(split):
    stimuli = load_stimulus_set(stimulus_set_name('SklearnDigits', split))
    assert len(stimuli) == (1200 if split == 'train' else 597)
    assert set(stimuli['image_label']) == set('0123456789')
    with Image.open(stimuli.get_stimulus(stimuli['stimulus_id'].iloc[0])) as image:
        assert (image.size, image.mode) == ((32, 32), 'RGB')
