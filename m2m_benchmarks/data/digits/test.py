import pytest
from brainscore_vision import load_stimulus_set

from m2m_benchmarks.data.digit_names import DOMAINS, stimulus_set_name


@pytest.mark.private_access
@pytest.mark.parametrize('domain', DOMAINS)
def test_stimuli(domain):
    stimuli = load_stimulus_set(stimulus_set_name(domain, 'test'))
    assert set(stimuli['image_label']) == set('0123456789')
    assert stimuli['stimulus_id'].is_unique
