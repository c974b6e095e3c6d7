"""The comparison `rdm` with options: names, draws, ceilings, trials."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.arrays import draw_sample, gram_reduce, pairs, standardize
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, KNOWN, PROTOCOLS, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.custom import benchmark
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.selection import expand_benchmarks
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.scoring.own_units import recorded_units
from m2m_benchmarks.testing.generator import poisson_counts, recordings_of

pytestmark = pytest.mark.usefixtures('few_draws', 'simulated_home')

NAMES = [
    ''.join(['rdm', *parts])
    for parts in itertools.product(
        ('', '_cosine', '_euclidean', '_crossnobis'), ('', '_pearson', '_kendall', '_whitened'), ('', '_standardised')
    )
]


def test_every_name_is_one_comparison():
    of_protocols = {f'{protocol}_{name}' for protocol, names in PROTOCOLS.items() for name in names}
    assert {*NAMES, *COMPARISONS, *of_protocols} == set(KNOWN)
    assert len(KNOWN) == len(set(KNOWN)) == len(COMPARISONS) + 30 + len(of_protocols)
    for name in NAMES:
        comparison = load_comparison(name)
        assert comparison.name == name
        assert comparison is load_comparison(name)
        standardised = name.endswith('_standardised')
        assert (comparison.features is FeatureForm.UNITS) == standardised
        assert isinstance(comparison, type(load_comparison('rdm_standardised' if standardised else 'rdm')))
        assert (comparison.metric == 'm2m_rdm') == (name in COMPARISONS)


@pytest.mark.parametrize('name', ['rdm_pearson_cosine', 'rdm_spearman', 'rdm_correlation', 'rdm__cosine', 'rdm_cosin'])
def test_other_options_are_unknown(name):
    options = re.escape('rdm[_cosine|_euclidean|_crossnobis][_pearson|_kendall|_whitened][_standardised].')
    with pytest.raises(UnknownNameError, match=f'Did you mean rdm_.*{options}'):
        load_comparison(name)
    with pytest.raises(UnknownNameError, match=f'Did you mean SimulatedMouse.VISp-rdm_.*{options}'):
        load_benchmark(f'SimulatedMouse.VISp-{name}')
    with pytest.raises(UnknownNameError, match='Did you mean'):
        expand_benchmarks([f'SimulatedMouse.*-{name}'])


def test_benchmarks_with_options():
    name = 'SimulatedMouse.VISp-rdm_cosine_kendall'
    area, mean = load_benchmark(name), load_benchmark('SimulatedMouse-rdm_cosine_kendall')
    assert (area.identifier, area.parent) == (name, mean.identifier)
    assert isinstance(mean, MeanBenchmark)
    assert [part.region for part in mean.areas] == list(AREAS)
    assert expand_benchmarks(['SimulatedMouse.VIS[pl]-rdm_cosine_kendall', 'SimulatedMouse.V1-rdm_euclidean']) == [
        name,
        'SimulatedMouse.VISl-rdm_cosine_kendall',
        'SimulatedMouse.VISp-rdm_euclidean',
    ]
    assert benchmark('SimulatedMouse', 'VISp', 'rdm_cosine_kendall').comparison is area.comparison
    with pytest.raises(BenchmarkError, match="'rdm_euclidean' is the name of a comparison of this library"):
        benchmark('SimulatedMouse', 'VISp', lambda first, second: 1.0, name='rdm_euclidean')


def euclidean(responses):
    return pdist(responses, 'sqeuclidean')


def crossnobis(trials):
    """One trial against the mean of all others, mean over trials; NaN for pairs of a stimulus with itself."""
    folds = []
    for fold, test in enumerate(trials):
        train = np.delete(trials, fold, axis=0).mean(axis=0)
        rows, columns = np.triu_indices(len(test), 1)
        folds.append(((train[rows] - train[columns]) * (test[rows] - test[columns])).sum(axis=1))
    return np.mean(folds, axis=0)


def whitened(first, second):
    """Cosine of the doubly centred squared distances."""
    n = round((1 + np.sqrt(1 + 8 * len(first))) / 2)
    centring = np.eye(n) - 1 / n
    both = []
    for distances in (first, second):
        matrix = np.zeros((n, n))
        matrix[np.triu_indices(n, 1)] = distances
        both.append((centring @ (matrix + matrix.T) @ centring).ravel())
    return 1 - pdist(both, 'cosine')[0]


def tau_a(first, second):
    signs = [np.sign(np.subtract.outer(each, each)).astype(np.int8) for each in (first, second)]
    return np.sum(signs[0] * signs[1], dtype=int) / (len(first) * (len(first) - 1))


#: Distance of the model and of trials, and similarity, of some names.
SLOW = {
    'rdm_cosine_pearson': (
        lambda model: pdist(model, 'cosine'),
        lambda trials: pdist(trials.mean(axis=0), 'cosine'),
        lambda x, y: stats.pearsonr(x, y).statistic,
    ),
    'rdm_euclidean_kendall': (euclidean, lambda trials: euclidean(trials.mean(axis=0)), tau_a),
    'rdm_crossnobis': (euclidean, crossnobis, lambda x, y: stats.spearmanr(x, y).statistic),
    'rdm_crossnobis_whitened_standardised': (euclidean, crossnobis, whitened),
}


@pytest.mark.seconds
@pytest.mark.parametrize('name', SLOW)
def test_draws_are_those_of_the_repeated_experiment(name):
    """Of stimuli and neuroids that are repeated, without pairs of a stimulus with itself."""
    comparison, recordings = load_comparison(name), load_benchmark('SimulatedMouse.VISp-rdm').recordings
    of_model, of_trials, similarity = SLOW[name]
    kept = np.arange(recordings.mean.sizes['presentation']) % 3 == 0
    recordings = dataclasses.replace(
        recordings, trials=recordings.trials[:6, kept], mean=recordings.mean.isel(presentation=np.flatnonzero(kept))
    )
    trials = recordings.trials.astype(float)
    recordings.mean.values[:] = trials.mean(axis=0)
    model = trials[0, :, :30] + np.random.default_rng(0).normal(size=trials[0, :, :30].shape)
    sample = draw_sample(kept.sum(), recordings.animals, repeat_stimuli=comparison.repeat_stimuli, n_draws=3)
    raw = comparison.raw(Features(model), recordings, sample)
    if name.endswith('_standardised'):
        trials, model = trials / trials.mean(axis=0).std(axis=0), standardize(model)
    every_stimulus, every_neuroid = (np.ones(n, dtype=int) for n in trials.shape[1:])

    def slow(stimuli, neuroids):
        rows, columns = (np.repeat(np.arange(len(counts)), counts) for counts in (stimuli, neuroids))
        different = (rows[:, None] != rows)[np.triu_indices(len(rows), 1)]
        first, second = of_model(model[rows]), of_trials(trials[:, rows][:, :, columns])
        return similarity(first[different].round(10), second[different].round(10))

    expected = [
        [slow(stimuli, neuroids), slow(every_stimulus, neuroids), slow(stimuli, every_neuroid)]
        for stimuli, neuroids in sample
    ]
    np.testing.assert_allclose(raw.draws.T, expected, atol=1e-8)
    assert raw.value == pytest.approx(slow(every_stimulus, every_neuroid), abs=1e-8)


@pytest.mark.seconds
@pytest.mark.parametrize(
    'name', ['rdm_cosine_pearson', 'rdm_euclidean_kendall', 'rdm_whitened', 'rdm_crossnobis', 'rdm_crossnobis_whitened']
)
def test_the_population_reaches_the_ceiling(name):
    """Rectified units of a few latent variables, of which some are recorded, with noise that they share."""
    comparison, stimuli = load_comparison(name), load_benchmark('SimulatedMouse.VISp-rdm').stimulus_set
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((len(stimuli), 30)) * np.arange(1, 31) ** -0.6
    units = np.maximum(latent @ rng.standard_normal((30, 4000)), 0)
    animals, model = np.repeat(['a', 'b'], 75), Features(gram_reduce(units))
    scores = []
    for seed in range(4):
        counts = poisson_counts(units, 150, np.random.default_rng(seed), 20, shared=0.15, animals=animals)
        recordings = recordings_of(counts, animals, stimuli)
        scores.append(comparison.raw(model, recordings).value / comparison.ceiling(recordings).value)
    assert np.mean(scores) == pytest.approx(1, abs=0.05)


@pytest.mark.seconds
def test_own_units_of_crossnobis_are_near_its_ceiling():
    """A perfect copy of a layer, recorded with the noise of the neuroids."""
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm_crossnobis')
    units = np.maximum(
        np.random.default_rng(0).standard_normal((118, 8)) @ np.random.default_rng(1).normal(size=(8, 900)), 0
    )
    own = recorded_units(benchmark, Features(gram_reduce(units)), units, n_recordings=3)
    assert 0.3 < own.value < float(benchmark.ceiling) + 0.1


@pytest.mark.seconds
@pytest.mark.parametrize('name', ['rdm', 'rdm_euclidean_pearson_standardised'])
def test_the_error_of_sampled_pairs(name, monkeypatch):
    """It is the standard deviation over other samples, around the value of all pairs."""
    made, recordings = load_comparison(name), load_benchmark('SimulatedMouse.VISp-rdm').recordings
    features = Features(recordings.mean.values[:, :40] + np.random.default_rng(0).normal(size=(118, 40)))
    sample = draw_sample(118, recordings.animals, n_draws=2)
    whole = made.raw(features, recordings, sample)
    assert 'pairs' not in whole.details
    monkeypatch.setattr(pairs, 'MOST_PAIRS', 1500)
    values, errors = [], []
    for seed in range(150):
        monkeypatch.setattr(pairs, '_SEED', seed)
        pairs.pairs_of.cache_clear()
        own = type(made)(*{'rdm': ()}.get(name, ('euclidean', 'pearson')))
        raw = own.raw(features, recordings, sample)
        values.append(raw.value)
        errors.append(raw.details['pairs_error'])
        assert raw.details['pairs'] == 1500
        assert own.raw(features, recordings).value == raw.value
    pairs.pairs_of.cache_clear()
    assert np.mean(values) == pytest.approx(whole.value, abs=4 * np.std(values) / np.sqrt(150))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)
    assert np.abs(raw.draws - whole.draws).max() < 8 * np.mean(errors)
