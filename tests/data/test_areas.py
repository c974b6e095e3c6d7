"""Names of areas."""

import pytest

from m2m_benchmarks.data.areas import AREAS, order_areas, renamed_areas, standard_area
from m2m_benchmarks.data.names import is_part_name


@pytest.mark.parametrize(
    ('name', 'area'),
    [('V1', 'VISp'), ('v1', 'VISp'), ('LM', 'VISl'), ('Al', 'VISal'), ('pm', 'VISpm'), ('AM', 'VISam'), ('rl', 'VISrl')]
    + [(area.upper(), area) for area in AREAS]
    + [(name, name) for name in ('POR', 'V2', 'VISpor', 'LI', '', 'V1 ')],
)
def test_standard_names(name, area):
    assert standard_area(name) == area


def test_the_six_come_first():
    assert order_areas(['POR', 'VISrl', 'LI', 'VISp', 'POR', 'VISl']) == ['VISp', 'VISl', 'VISrl', 'LI', 'POR']
    assert order_areas([]) == []
    assert order_areas(reversed(AREAS)) == list(AREAS)


def test_names_that_were_understood():
    assert renamed_areas(['POR', 'V1', 'VISp', 'V1', 'lm']) == {'V1': 'VISp', 'lm': 'VISl'}


@pytest.mark.parametrize('name', ['', 'V 1', 'VIS.p', 'VIS-p', 'V1\n', 'Ä', '../x'])
def test_names_that_no_benchmark_could_have(name):
    assert not is_part_name(name)
    assert is_part_name('POR_2')
