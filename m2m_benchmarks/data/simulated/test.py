import numpy as np
from brainscore_vision import load_dataset, load_stimulus_set


def test_assembly():
    assembly = load_dataset('SimulatedMouse')
    assert assembly.dims == ('presentation', 'neuroid', 'time_bin')
    assert {'neuroid_id', 'region', 'animal', 'session', 'reliability'} <= set(assembly.indexes['neuroid'].names)
    assert set(assembly['stimulus_id'].values) == set(load_stimulus_set('SimulatedMouse')['stimulus_id'])
    assert np.isfinite(assembly.values).any()
