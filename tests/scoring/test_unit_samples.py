"""Samples of the units of a layer."""

import numpy as np

from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.scoring import unit_samples


def test_a_sample_has_no_unit_twice_and_is_smaller_for_many_stimuli():
    few, many = (unit_samples.most_units(FeatureForm.MANY_UNITS, n_stimuli) for n_stimuli in (5000, 118))
    assert (few, many) == (unit_samples.MOST_UNITS, 5000)
    responses = np.arange(7000.0)[None]
    sample = unit_samples.kept_part(responses, FeatureForm.MANY_UNITS, many)[0]
    assert len(set(sample)) == len(sample) == many
    np.testing.assert_array_equal(
        sample[: unit_samples.MOST_UNITS],
        unit_samples.kept_part(responses, FeatureForm.UNITS, unit_samples.MOST_UNITS)[0],
    )
    # Of a layer of fewer units than the larger sample, all are kept, the smaller sample first.
    whole = unit_samples.kept_part(responses[:, :1500], FeatureForm.MANY_UNITS, 1500)[0]
    assert sorted(whole) == list(range(1500)) and list(whole) != list(range(1500))
    for form in (FeatureForm.ROTATION, FeatureForm.MAPS):
        assert unit_samples.most_units(form, 118) is None
        assert unit_samples.kept_part(responses, form, 7000) is responses
