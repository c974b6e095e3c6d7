"""Distributions of neurons and matched units: planted units, floor, null data sets, refusals, the command."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from m2m_benchmarks.analysis import distributions as module
from m2m_benchmarks.analysis.distributions import (
    HALVES,
    best_units,
    compare_distributions,
    distributions,
)
from m2m_benchmarks.arrays import means
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.report.distributions import distribution_table, draw_distributions
from m2m_benchmarks.report.tables import to_lines

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

VISP = 'SimulatedMouse.VISp-rdm'


def experiment(rng, noise, n_neurons=24, n_stimuli=118, n_animals=6):
    """Sparse neurons, and two candidates that have each neuron with noise of their own, among other units."""
    neurons = rng.gamma(0.5, size=(n_stimuli, n_neurons))
    halves = tuple(neurons + 0.05 * rng.normal(size=neurons.shape) for _ in range(2))
    units = {
        name: np.hstack([neurons + own * rng.normal(size=neurons.shape), rng.normal(size=(n_stimuli, 100))])
        for name, own in zip('AB', noise, strict=True)
    }
    names = [f'n{i}' for i in range(n_neurons)]
    return 'X.VISp-rdm', neurons, halves, names, np.arange(n_neurons) % n_animals, units


def test_planted_units_are_matched():
    compared = compare_distributions(*experiment(np.random.default_rng(0), (0, 0.5)))
    means = compared.means['overlap']
    assert means['A'].value == pytest.approx(1, abs=1e-3)  # the neurons themselves
    assert compared.means['wasserstein']['A'].value == 0
    assert 1 > means[HALVES].value > means['B'].value > means['B shuffled'].value
    assert means['A - B'].interval[0] > 0
    assert compared.most.overlaps['A'][0] == pytest.approx(1, abs=1e-3)
    value, low, high = compared.least.overlaps['B']
    assert low <= value <= high
    table = compared.neurons
    assert table['overlap A'].mean() == pytest.approx(means['A'].value)
    assert compared.least.neuroid_id == table['neuroid_id'][table[['overlap A', 'overlap B']].sum(axis=1).argmin()]


def test_units_are_matched_by_correlation():
    rng = np.random.default_rng(1)
    neurons, units = rng.normal(size=(20, 5)), rng.normal(size=(20, 30))
    expected = [np.argmax([stats.pearsonr(neuron, unit)[0] for unit in units.T]) for neuron in neurons.T]
    assert best_units(neurons, units).tolist() == expected


def test_unrelated_units_are_at_the_floor():
    rng = np.random.default_rng(2)
    own = list(experiment(rng, (0, 0), n_neurons=60))
    own[-1] = {name: rng.gamma(0.5, size=(118, 200)) for name in 'AB'}
    means = compare_distributions(*own).means['overlap']
    assert abs(means['A'].value - means['A shuffled'].value) < 0.03


def test_constant_units_are_not_matched():
    own = list(experiment(np.random.default_rng(4), (0, 0)))
    own[-1] = {name: np.hstack([values, np.eye(118)]) for name, values in own[-1].items()}
    assert compare_distributions(*own).means['overlap']['A'].value == pytest.approx(1, abs=1e-3)
    own[-1] = {**own[-1], 'B': np.eye(118)}
    with pytest.raises(BenchmarkError, match=r'^B has no unit that varies'):
        compare_distributions(*own)


def test_of_null_data_sets_five_percent_are_rejected(monkeypatch):
    for own in (module, means):  # of examples and of intervals over neurons, which don't matter here
        monkeypatch.setattr(own, 'N_DRAWS', 2)
    rejected = 0
    for seed in range(200):
        compared = compare_distributions(*experiment(np.random.default_rng(seed), (0.5, 0.5), 12, 40))
        low, high = compared.means['overlap']['A - B'].interval
        rejected += not low <= 0 <= high
    assert 4 <= rejected <= 18


def test_the_command(m2m, simulated_home, tmp_path):
    names = ['pixels_64', 'plain_digitnet@none']
    files = [tmp_path / name for name in ('f.png', 'f.csv', 'f.json')]
    outputs = [
        word for option, file in zip(('--figure', '--csv', '--json'), files, strict=True) for word in (option, file)
    ]
    ran = m2m('analyze', 'distributions', *names, '--benchmark', VISP, *outputs)
    assert ran.code == 0
    assert 'Chance' in ran.out and 'Perfect' in ran.out
    document, table = json.loads(files[2].read_text()), pd.read_csv(files[1])
    assert len(table) == len(document['neurons'])
    key = 'overlap pixels_64'
    mean = document['means']['overlap']['pixels_64']
    assert table[key].mean() == pytest.approx(mean['value'])
    assert mean['neurons'][0] < mean['value'] < mean['neurons'][1]
    again = distributions(names, VISP)
    examples = pd.read_csv(tmp_path / 'f_examples.csv', dtype={'neuroid_id': str})
    pd.testing.assert_frame_equal(examples, again.examples())
    assert examples['example'].value_counts().to_dict() == {'most': 59, 'least': 59}
    assert json.loads(json.dumps(again.document(), default=str))['means'] == document['means']
    assert [axes.get_ylabel() for axes in draw_distributions(again).axes] == 2 * ['density'] + ['overlap (1: perfect)']
    text = '\n'.join(line.plain for line in to_lines(distribution_table(again), 160))
    assert 'halves of the trials' in text and text.count('95 %, neurons') == text.count('95 %, animals') == 2


@pytest.mark.parametrize(
    ('models', 'benchmark', 'message'),
    [
        (['pixels_64'], VISP, 'expected two models, got 1'),
        (['pixels_64', 'plain_digitnet@none'], 'SimulatedMouse-rdm', 'not of the neurons of one area'),
    ],
)
def test_refusals(simulated_home, models, benchmark, message):
    with pytest.raises(BenchmarkError, match=message):
        distributions(models, benchmark)


def test_refusals_of_the_command(m2m, simulated_home):
    ran = m2m('analyze', 'distributions', 'pixels_64', 'plain_digitnet@none', '--benchmark', 'SimulatedMouse-rdm')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
