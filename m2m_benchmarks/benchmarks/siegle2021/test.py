import pytest
from brainscore_vision import load_benchmark

AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')


@pytest.mark.private_access
@pytest.mark.parametrize('area', AREAS)
@pytest.mark.parametrize('kind', ['rdm', 'ridge'])
def test_ceiling(area, kind):
    benchmark = load_benchmark(f'Siegle2021.{area}-{kind}')
    assert 0 < float(benchmark.ceiling) <= 1
    assert benchmark.region == area
