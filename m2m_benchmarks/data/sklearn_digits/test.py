import pytest
from brainscore_vision import load_stimulus_set
from PIL import Image


@pytest.mark.parametrize('split', ['train', 'test', 'blended', 'inverted', 'blurred', 'thin', 'thick'])
def test_stimuli(split):
    stimuli = load_stimulus_set(f'SklearnDigits_{split}')
    assert len(stimuli) == (1200 if split == 'train' else 597)
    assert set(stimuli['image_label']) == set('0123456789')
    with Image.open(stimuli.get_stimulus(stimuli['stimulus_id'].iloc[0])) as image:
        assert (image.size, image.mode) == ((32, 32), 'RGB')
