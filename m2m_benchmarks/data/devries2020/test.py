import numpy as np
import pytest
from brainscore_vision import load_dataset, load_stimulus_set


@pytest.mark.private_access
def test_assembly():
    assembly = load_dataset('deVries2020')
    assert assembly.dims == ('presentation', 'neuroid', 'time_bin')
    assert {'neuroid_id', 'region', 'animal', 'session', 'reliability'} <= set(assembly.indexes['neuroid'].names)
    assert set(assembly['stimulus_id'].values) == set(load_stimulus_set('deVries2020')['stimulus_id'])
    assert np.isfinite(assembly.values).any()
