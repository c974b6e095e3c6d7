"""Loading, averaging and comparing recordings with Brain-Score's functions."""

import functools

import numpy as np
import pytest
from brainscore_vision.benchmark_helpers.neural_common import average_repetition
from scipy.stats import spearmanr

from m2m_benchmarks import average_repetitions, load_dataset, load_metric, load_model, rdm, score
from m2m_benchmarks.scoring.brainscore_adapter import no_stored_activations

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

#: Metrics of this library and of Brain-Score, as `load_metric` makes them without options.
METRICS = (
    *('m2m_rdm', 'm2m_ridge', 'rdm', 'cka', 'pls', 'ridge'),
    *('rdm_cv', 'cka_cv', 'linear_predictivity', 'neuron_to_neuron'),
)


def area_of(assembly, area, n_neuroids):
    """The first reliable neuroids of an area."""
    reliable = (assembly['region'].values == area) & (assembly['reliability'].values >= 0.5)
    return assembly.isel(neuroid=np.flatnonzero(reliable)[:n_neuroids])


@functools.cache
def averages(dataset, area, n_neuroids=30):
    """An area, averaged by Brain-Score and by this library."""
    recordings = area_of(load_dataset(dataset), area, n_neuroids)
    return average_repetition(recordings).squeeze('time_bin'), average_repetitions(recordings)


@functools.cache
def pixels(dataset, step=100):
    """Responses of a model, of every n-th unit."""
    stimuli = load_dataset(dataset).attrs['stimulus_set']
    model = load_model('pixels_64')
    model.start_recording('VISp', time_bins=[(50, 250)])
    with no_stored_activations():
        responses = model.look_at(stimuli, number_of_trials=1)
    responses = responses.squeeze('time_bin') if 'time_bin' in responses.dims else responses
    return responses.isel(neuroid=np.arange(0, responses.sizes['neuroid'], step))


def check(metric, dataset):
    """The metric is the same for both ways to average, with an area and with a model as the source."""
    theirs, ours = averages(dataset, 'VISp')
    assert theirs.dims == ours.dims == ('presentation', 'neuroid')
    np.testing.assert_array_equal(theirs['stimulus_id'].values, ours['stimulus_id'].values)
    np.testing.assert_allclose(theirs.values, ours.values, rtol=1e-5, atol=1e-5)
    compare = load_metric(metric)
    for source in (averages(dataset, 'VISl')[1], pixels(dataset)):
        first, second = float(compare(source, theirs)), float(compare(source, ours))
        assert np.isfinite(first)
        assert first == pytest.approx(second, abs=1e-3)
    assert float(compare(ours, ours)) > 0.9


@pytest.mark.parametrize('metric', METRICS)
@pytest.mark.several
def test_metrics_take_averaged_recordings(metric, simulated_home):
    check(metric, 'SimulatedMouse')


@pytest.mark.shared
@pytest.mark.parametrize('metric', METRICS)
@pytest.mark.slow
def test_metrics_take_real_averaged_recordings(metric, siegle):
    check(metric, 'Siegle2021')


@pytest.mark.parametrize('metric', ['m2m_rdm', 'm2m_ridge'])
def test_a_single_coordinate_of_the_stimuli_will_do(metric, simulated_home):
    """Other averaged assemblies have the dimension stimulus_id, as xarray calls it for a single coordinate."""
    theirs, _ = averages('SimulatedMouse', 'VISp')
    source, _ = averages('SimulatedMouse', 'VISl')
    single = theirs.reset_index('presentation').drop_vars('object_name')
    single = type(theirs)(single.rename({'presentation': 'stimulus_id'}).set_index(stimulus_id='stimulus_id'))
    assert single.dims == ('stimulus_id', 'neuroid')
    compare = load_metric(metric)
    assert float(compare(source, single)) == float(compare(source, theirs))
    binned = single.expand_dims(time_bin=1, axis=2)
    assert float(compare(source, binned)) == float(compare(source, theirs))


def test_rsa_by_hand_is_the_raw_value_of_the_score(m2m_home):
    by_hand('SimulatedMouse')


@pytest.mark.shared
@pytest.mark.slow
def test_rsa_by_hand_is_the_raw_value_of_the_score_on_real_recordings(siegle):
    by_hand('Siegle2021')


def by_hand(dataset):
    recordings = area_of(load_dataset(dataset), 'VISp', None)
    first, second = rdm(pixels(dataset, 1)), rdm(average_repetitions(recordings))
    second = second.sel(stimulus_id=first['stimulus_id'], other_stimulus_id=first['other_stimulus_id'])
    upper = np.triu_indices(118, k=1)
    expected = spearmanr(first.values[upper], second.values[upper])[0]
    result = score('pixels_64', f'{dataset}.VISp-rdm')
    assert float(result.attrs['raw']) == pytest.approx(expected, abs=1e-6)
