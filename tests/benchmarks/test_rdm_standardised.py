"""RSA of standardised responses."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr, zscore

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.comparisons.rdm_standardised import COMPARISON, varies_rarely
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.scoring.results import result_of
from m2m_benchmarks.testing import RecordedCandidate, whole_result

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('simulated_home', 'some_draws')]

NAME = 'SimulatedMouse.VISp-rdm_standardised'


def sparse_units(seed=0, n_units=60):
    """Rectified responses with means and scales from 1e-2 to 1e3; some are nearly silent."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(118, n_units)) - rng.uniform(0, 3, n_units)).clip(0)
    return values * np.logspace(-2, 3, n_units)


def count_varying(column):
    """Number of stimuli with another response than the commonest."""
    return len(column) - max(list(column).count(value) for value in set(column))


def test_equals_scipy_unit_by_unit():
    recordings, values = load_benchmark(NAME).recordings, sparse_units()
    kept = [unit for unit in values.T if count_varying(unit) >= 3]
    assert 0 < len(kept) < values.shape[1]
    distances = [
        pdist(np.stack([zscore(unit) for unit in units], axis=1), 'correlation')
        for units in (kept, recordings.mean.values.T)
    ]
    raw = COMPARISON.raw(Features(values), recordings)
    assert raw.value == pytest.approx(spearmanr(*distances).statistic, abs=1e-12)
    assert raw.details == {'units': 60, 'units_left_out': 60 - len(kept)}


def test_scale_and_offset_of_each_unit_and_neuroid_change_nothing():
    recordings, values, rng = load_benchmark(NAME).recordings, sparse_units(1), np.random.default_rng(2)

    def moved(array):
        # Powers of two and a multiple of them: equal responses stay equal.
        scale = 2.0 ** rng.integers(-6, 7, array.shape[-1])
        return array * scale + scale * rng.integers(-9, 10, array.shape[-1])

    other = dataclasses.replace(recordings, mean=recordings.mean.copy(data=moved(recordings.mean.values)))
    features = Features(values), Features(moved(values))
    before, after = (COMPARISON.raw(*each).value for each in zip(features, (recordings, other), strict=True))
    assert after == pytest.approx(before, abs=1e-9)
    plain = load_comparison('rdm')
    assert abs(plain.raw(features[1], other).value - plain.raw(features[0], recordings).value) > 0.01


@pytest.mark.parametrize('n_stimuli', [4, 5, 118])
def test_units_that_vary_rarely_are_those_with_few_other_responses(n_stimuli):
    rng = np.random.default_rng(3)
    values = np.stack([rng.permutation(np.r_[np.full(n_stimuli - n, v), rng.normal(size=n)])
                       for n in range(min(n_stimuli, 7)) for v in (-1.0, 0.0, 0.1, 5.0)], axis=1)  # fmt: skip
    values = np.concatenate([values, rng.integers(0, 3, (n_stimuli, 40))], axis=1)
    np.testing.assert_array_equal(varies_rarely(values), [count_varying(unit) < 3 for unit in values.T])


def test_a_layer_without_units_that_vary():
    silent = np.zeros((118, 9))
    silent[0], silent[1, :4] = 1, 2
    silent[:, 8] = np.arange(118)
    expected = r'this layer, which has 1 units that vary on 3 or more stimuli, of 9; expected 2 or more'
    with pytest.raises(BenchmarkError, match=expected):
        load_benchmark(NAME)(RecordedCandidate(lambda stimuli, area: silent))


def test_the_score_has_the_number_of_units_and_the_whole_ceiling():
    score = load_benchmark(NAME)(RecordedCandidate(lambda stimuli, area: sparse_units()))
    assert score.attrs['details']['units'] == 60
    assert 0 < score.attrs['details']['units_left_out'] < 60
    mean = load_benchmark(NAME.replace('.VISp', ''))
    parts = result_of(whole_result(), mean, mean(RecordedCandidate(lambda stimuli, area: sparse_units())), 1.0).areas
    assert {part.details['units_left_out'] for part in parts.values()} == {score.attrs['details']['units_left_out']}
    assert COMPARISON.features is FeatureForm.UNITS
    # Half of the trials of a neuroid may all be equal: it adds nothing, and no NaN.
    patterns = COMPARISON.patterns(np.stack([np.full(5, 0.1), np.arange(5.0)], axis=1))
    np.testing.assert_array_equal(patterns[:, 0], 0)
    np.testing.assert_allclose(patterns[:, 1], zscore(np.arange(5.0)), atol=1e-15)
