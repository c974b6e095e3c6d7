import pytest
from brainscore_vision import load_benchmark


@pytest.mark.parametrize('protocol', ['accuracy', 'readout_accuracy'])
def test_targets(protocol):
    benchmark = load_benchmark(f'SklearnDigits-{protocol}')
    assert benchmark.targets == ['blended', 'inverted', 'blurred', 'thin', 'thick']
    assert {len(stimuli) for stimuli in benchmark.stimuli.values()} == {597}
