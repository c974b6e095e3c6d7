"""RDMs of assemblies, against numpy."""

import numpy as np
import pytest

from m2m_benchmarks import rdm
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.testing import neuroid_assembly


def test_it_is_one_minus_the_correlation_of_patterns():
    values = np.random.default_rng(0).standard_normal((9, 30))
    ids = [f's{i}' for i in (3, 1, 2, 0, 8, 5, 4, 7, 6)]
    made = rdm(neuroid_assembly(values, ids))
    np.testing.assert_allclose(made.values, 1 - np.corrcoef(values), atol=1e-12)
    assert made.dims == ('stimulus_id', 'other_stimulus_id')
    assert list(made['stimulus_id'].values) == list(made['other_stimulus_id'].values) == ids
    assert float(made.sel(stimulus_id='s1', other_stimulus_id='s2')) == made.values[1, 2]


def test_the_order_of_the_dimensions_does_not_matter():
    assembly = neuroid_assembly(np.random.default_rng(0).standard_normal((9, 30)))
    np.testing.assert_array_equal(rdm(assembly.transpose('neuroid', 'presentation')).values, rdm(assembly).values)


@pytest.mark.parametrize(
    ('assembly', 'message'),
    [
        (neuroid_assembly(np.ones((3, 4)), ['a', 'b', 'a']), "contains stimulus 'a' more than once. Average its repet"),
        (neuroid_assembly(np.full((3, 4), np.nan)), 'contains NaN'),
        (neuroid_assembly(np.ones((3, 1))), 'has 1 neuroids; an RDM needs two or more'),
        (neuroid_assembly(np.ones((3, 4))).expand_dims(time_bin=2), 'expected presentation and neuroid'),
        (neuroid_assembly(np.ones((3, 4))).isel(presentation=0), 'expected presentation and neuroid'),
        (neuroid_assembly(np.ones((3, 4))).reset_index('presentation', drop=True), 'the coordinate stimulus_id'),
    ],
    ids=['trials', 'nan', 'one neuroid', 'two time bins', 'one stimulus', 'no stimulus_id'],
)
def test_assemblies_without_an_rdm(assembly, message):
    with pytest.raises(DataError, match=message):
        rdm(assembly)
