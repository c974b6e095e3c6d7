import pytest
from brainscore_vision import load_stimulus_set


@pytest.mark.private_access
@pytest.mark.parametrize('domain', ['MNIST', 'MNISTM', 'SVHN', 'USPS'])
def test_stimuli(domain):
    stimuli = load_stimulus_set(f'{domain}_test')
    assert set(stimuli['image_label']) == set('0123456789')
    assert stimuli['stimulus_id'].is_unique
