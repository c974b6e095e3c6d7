import pytest
from brainscore_vision import load_benchmark

TARGETS = ('blended', 'inverted', 'blurred', 'thin', 'thick')


@pytest.mark.parametrize('source', ['SklearnDigits'])
@pytest.mark.parametrize('protocol', ['accuracy', 'readout_accuracy'])
def test_targets(source, protocol):
    benchmark = load_benchmark(f'SklearnDigits-{protocol}')
    assert benchmark.source == source
    assert benchmark.targets == [name for name in TARGETS if name != source]
    assert float(benchmark.ceiling) == 1
