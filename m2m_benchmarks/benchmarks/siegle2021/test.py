import pytest
from brainscore_vision import load_benchmark

AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl')


@pytest.mark.private_access
@pytest.mark.parametrize('area', AREAS)
@pytest.mark.parametrize('comparison', ['rdm', 'rdm_standardised', 'ridge', 'cka'])
def test_ceiling(area, comparison):
    benchmark = load_benchmark(f'Siegle2021.{area}-{comparison}')
    assert 0 < float(benchmark.ceiling) <= 1
    assert benchmark.region == area
