"""The benchmarks on recordings whose truth is known: the simulated mouse."""

from dataclasses import replace

import numpy as np
import pytest

from m2m_benchmarks import load_benchmark, load_dataset
from m2m_benchmarks.arrays import median_draws, standard_error
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.comparisons.rdm import COMPARISON
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.simulated.population import expected_rdm_reliability, generating_variables, simulated_area
from m2m_benchmarks.data.trials import MIN_RELIABILITY
from m2m_benchmarks.testing import RecordedCandidate

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('simulated_home', 'some_draws')]

KINDS = tuple(COMPARISONS)
#: Comparisons whose scores are 0 by chance and 1 for a model that responds with the generating variables. Those are no
#: maps: test_rmse.py plants maps.
ON_A_SCALE = [kind for kind in KINDS if kind not in ('procrustes', 'rmse')]


def truth(order=slice(None), presented=None):
    """Responds with the generating variables, ON and OFF; `order` gives each stimulus the response to another."""

    def features(stimuli, area):
        variables = generating_variables(area)
        return np.concatenate([variables, -variables], axis=1)[order]

    return RecordedCandidate(features, presented=presented)


@pytest.mark.parametrize('area', AREAS)
def test_reliability_is_the_closed_form(area):
    assembly = load_dataset('SimulatedMouse')
    here = assembly['region'].values == area
    reliability, known = assembly['reliability'].values[here], simulated_area(area).reliability
    tuned = known > MIN_RELIABILITY
    # which neuroids are scored is what it should be
    np.testing.assert_array_equal(reliability >= MIN_RELIABILITY, tuned)
    np.testing.assert_array_equal(np.isnan(reliability), np.isnan(known))
    error = standard_error(median_draws(reliability[tuned]))
    assert abs(np.median(reliability[tuned]) - np.median(known[tuned])) < 2 * error
    # neuroid by neuroid: the spread around the truth is that of a correlation over 118 stimuli
    z = (np.arctanh(reliability[tuned]) - np.arctanh(known[tuned])) * np.sqrt(115)
    assert abs(z.mean()) < 0.5
    assert z.std() < 2


@pytest.mark.parametrize('area', AREAS)
@pytest.mark.several
def test_ceilings_are_the_closed_form(area):
    known = simulated_area(area)
    tuned = known.reliability > MIN_RELIABILITY
    ridge = load_benchmark(f'SimulatedMouse.{area}-ridge').ceiling
    assert abs(float(ridge) - np.median(known.reliability[tuned])) < 2 * ridge.attrs['error']
    recorded = load_benchmark(f'SimulatedMouse.{area}-rdm').recordings
    of_trials = COMPARISON.further(recorded)['trial_ceiling']
    assert abs(of_trials - np.sqrt(expected_rdm_reliability(known, tuned))) < 0.01


@pytest.mark.parametrize('kind', ON_A_SCALE)
@pytest.mark.several
def test_the_generating_variables_score_1(kind):
    score = load_benchmark(f'SimulatedMouse-{kind}')(truth())
    for area, part in score.attrs['areas'].items():
        assert abs(float(part) - 1) < 2 * part.attrs['error'], area
    assert abs(float(score) - 1) < 2 * score.attrs['error']


@pytest.mark.slow
def test_shuffled_over_stimuli_their_shape_is_less_similar():
    """Shapes of unrelated responses are similar, too."""
    benchmark, order = load_benchmark('SimulatedMouse-procrustes'), np.random.default_rng(0).permutation(118)
    unrelated, right = benchmark(truth(order)), benchmark(truth())
    assert 0.05 < float(unrelated) < float(right) - 5 * right.attrs['error']


@pytest.mark.parametrize('kind', ON_A_SCALE)
@pytest.mark.slow
def test_shuffled_over_stimuli_they_score_0(kind):
    order = np.random.default_rng(0).permutation(118)
    score = load_benchmark(f'SimulatedMouse-{kind}')(truth(order))
    assert abs(float(score)) <= 2 * score.attrs['error'] + 1e-12
    for area, part in score.attrs['areas'].items():
        assert abs(float(part)) <= 3 * part.attrs['error'] + 1e-12, area


# The generating variables are no maps; test_rmse.py realigns maps.
@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind != 'rmse'])
@pytest.mark.several
def test_permuted_presentations_are_realigned(kind):
    benchmark = load_benchmark(f'SimulatedMouse.VISp-{kind}')
    presented = np.random.default_rng(1).permutation(118)
    assert float(benchmark(truth(presented=presented))) == pytest.approx(float(benchmark(truth())), abs=1e-12)


def test_a_noisier_population_has_a_lower_ceiling_and_the_same_score():
    # The ceiling takes out what the noise does, not what the model lacks: half of the repetitions, same score.
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    full = benchmark(truth())
    recordings = benchmark.recordings
    fewer = recordings.trials[::4]
    mean = recordings.mean.copy(data=np.nanmean(fewer, axis=0, dtype=float))
    noisy = AreaBenchmark('SimulatedMouse', 'VISp', COMPARISON, selected=replace(recordings, trials=fewer, mean=mean))
    score = noisy(truth())
    assert float(noisy.ceiling) < float(benchmark.ceiling) - 0.01
    assert float(score.attrs['raw']) < float(full.attrs['raw']) - 0.01
    # With five repetitions, Spearman-Brown takes an RDM for a little noisier than it is: noise enters its entries
    # squared, too. The raw score falls by more than that.
    assert abs(float(score) - float(full)) < 0.02 < float(full.attrs['raw']) - float(score.attrs['raw'])
