import pytest
from brainscore_vision import load_benchmark

AREAS = {
    'rdm': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'rdm_standardised': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'ridge': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'pls': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'pls_noise_corrected': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'cka': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'cka_corrected': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'procrustes': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
    'rmse': ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl'),
}


@pytest.mark.private_access
@pytest.mark.parametrize(('comparison', 'area'), [(name, area) for name, own in AREAS.items() for area in own])
def test_ceiling(comparison, area):
    benchmark = load_benchmark(f'deVries2020.{area}-{comparison}')
    assert 0 < float(benchmark.ceiling) <= 1
    assert benchmark.region == area
