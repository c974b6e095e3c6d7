import pytest
from brainscore_vision import load_benchmark

TARGETS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')


@pytest.mark.private_access
@pytest.mark.parametrize('source', ['MNIST', 'MNISTM', 'SVHN', 'USPS'])
@pytest.mark.parametrize('protocol', ['accuracy', 'readout_accuracy'])
def test_targets(source, protocol):
    benchmark = load_benchmark(f'Qazi2025.{source}-{protocol}')
    assert benchmark.source == source
    assert benchmark.targets == [name for name in TARGETS if name != source]
    assert float(benchmark.ceiling) == 1
