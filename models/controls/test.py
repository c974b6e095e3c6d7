import pytest
from brainscore_vision import load_model


@pytest.mark.parametrize('area', ['V1', 'VISp'])
def test_records(area):
    model = load_model('pixels_64')
    model.start_recording(area, time_bins=[(50, 250)])
    assert model.layer_model.region_layer_map[area] == 'pixels'
