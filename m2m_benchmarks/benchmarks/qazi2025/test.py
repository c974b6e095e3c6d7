import pytest
from brainscore_vision import load_benchmark

DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')


@pytest.mark.private_access
@pytest.mark.parametrize('source', DOMAINS)
@pytest.mark.parametrize('protocol', ['accuracy', 'readout_accuracy'])
def test_targets(source, protocol):
    benchmark = load_benchmark(f'Qazi2025.{source}-{protocol}')
    assert benchmark.targets == [name for name in DOMAINS if name != source]
    assert float(benchmark.ceiling) == 1
