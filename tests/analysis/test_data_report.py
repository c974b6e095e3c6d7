"""Report on recordings: numbers of each recording, the rule by which one stands out, counts, ceilings, responses."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from m2m_benchmarks.analysis.data_report.areas import areas, neuroid_table, population_counts
from m2m_benchmarks.analysis.data_report.missing import images_with_few, missing
from m2m_benchmarks.analysis.data_report.recordings import agreements, distances, recording, summarize
from m2m_benchmarks.analysis.data_report.report import data_report
from m2m_benchmarks.analysis.data_report.standouts import distances_from_others, stand_outs, unit_of
from m2m_benchmarks.arrays import rdm, upper_triangle
from m2m_benchmarks.plugins import load_benchmark, load_dataset
from m2m_benchmarks.testing import write_sessions

NAMES = ('VISp', 'mouse', 'day')


def plain(area='VISp', animal='mouse', **changes):
    """A recording of 20 neuroids that all vary, 15 of them reliable."""
    trials = np.random.default_rng(0).random((4, 6, 20)) + 1
    own = recording((area, animal, 'day'), trials, np.r_[np.full(15, 0.9), np.full(5, 0.2)], 200.0, 4)
    return dataclasses.replace(own, **changes)


def noted(recordings, n_repetitions=4):
    return [(reason.recording.animal, reason.measure) for reason in stand_outs(recordings, n_repetitions)]


# Numbers of a recording


def test_numbers_of_a_recording_are_those_of_loops():
    rng = np.random.default_rng(1)
    trials = rng.normal(0, 2, (5, 7, 4))
    trials[:, :, 3] = 1.5  # constant
    trials[4, 2:] = np.nan
    trials[:, 6] = np.nan
    trials[0, 0, 1] = np.nan
    own = recording(NAMES, trials, np.array([0.9, 0.5, 0.49, np.nan]), 80.0, 5)
    presentations = [sum(not np.isnan(trials[r, s]).all() for r in range(5)) for s in range(7)]
    assert own.presentations.tolist() == presentations == [5, 5, 4, 4, 4, 4, 0]
    assert own.repetitions == pytest.approx(np.mean(presentations))
    assert own.n_missing == 1
    assert (own.n_neuroids, own.n_reliable, own.n_constant) == (4, 2, 1)
    assert own.response == pytest.approx(np.mean([abs(value) for value in trials.flat if not np.isnan(value)]))
    assert own.reliability == 0.5


def test_a_recording_without_responses_has_no_numbers():
    own = recording(NAMES, np.full((2, 3, 4), np.nan), np.full(4, np.nan), 80.0, 2)
    assert (own.response, own.reliability, own.n_reliable, own.n_constant) == (None, None, 0, 4)
    assert distances(np.full((2, 3, 12), np.nan)) is None


def test_agreement_is_that_with_the_mean_ranks_of_the_others():
    rng = np.random.default_rng(2)
    trials = [rng.random((3, 9, 12)) for _ in range(3)]
    trials[1][:, 4] = np.nan  # the comparison is on the other stimuli
    trials[2][0, 0, 0] = np.nan
    own = list(agreements([plain()] * 4, [*map(distances, trials), None]))
    kept = np.delete(np.arange(9), 4)
    ranks = [rankdata(upper_triangle(rdm(np.nanmean(each[:, kept], axis=0)))) for each in trials]
    for number in range(3):
        others = np.mean(ranks[:number] + ranks[number + 1 :], axis=0)
        assert own[number].agreement == pytest.approx(spearmanr(ranks[number], others)[0])
    assert own[3].agreement is None


def test_a_missing_response_counts_as_the_mean_of_its_neuroid():
    trials = np.random.default_rng(3).random((1, 6, 12))
    filled = trials.copy()
    filled[0, 2, 5] = np.delete(trials[0, :, 5], 2).mean()
    trials[0, 2, 5] = np.nan
    assert distances(trials) == pytest.approx(rdm(filled[0]))


def test_missing_presentations():
    full, lacking = plain(), plain(presentations=np.array([4, 4, 4, 1, 0, 3]), n_missing=2)
    (own,) = missing([full, lacking])
    numbers = (own.n_presentations, own.n_missing, own.n_never, own.n_few, own.n_responses)
    assert own.recording is lacking and numbers == (24, 8, 1, 1, 2)
    assert images_with_few([full, lacking], list('abcdef')) == [('e', 1, 4), ('d', 1, 5)]


# The rule


def test_distances_and_their_unit_are_those_of_loops():
    values, names = [1, 2, 4, 8, 100, 3, None, 5], ['a'] * 5 + ['b'] * 3
    found, medians = distances_from_others(values, names)
    for i in range(5):
        others = sorted(values[j] for j in range(5) if j != i)
        assert medians[i] == pytest.approx(np.sqrt(others[1] * others[2]))
        assert found[i] == pytest.approx(np.log(values[i] / medians[i]))
    assert np.isnan(found[5:]).all()  # fewer than three others
    assert unit_of(found, 1.01) == pytest.approx(1.4826 * sorted(abs(found[:5]))[2])
    assert unit_of(found, 1e9) == pytest.approx(np.log(1e9) / 5)


@pytest.mark.parametrize(
    ('changes', 'measure'),
    [
        ({'window_ms': 10.0}, 'response window'),
        ({'window_ms': 401.0}, 'response window'),
        ({'presentations': np.full(6, 1)}, 'presentations of an image'),
        ({'response': 0.4}, 'mean response'),
        ({'reliability': 0.4}, 'median reliability'),
        ({'agreement': 0.0, 'agreement_z': 1.9}, 'agreement of RDMs'),
        ({'n_reliable': 0}, 'reliable neuroids'),
        ({'n_constant': 20}, 'responses'),
    ],
)
def test_an_odd_recording_stands_out_alone(changes, measure):
    usual = [plain(animal=f'mouse {i}', agreement=0.5, agreement_z=6.0) for i in range(5)]
    assert noted(usual) == []
    odd = plain(animal='odd', **{'agreement': 0.5, 'agreement_z': 6.0, **changes})
    assert noted([*usual, odd]) == [('odd', measure)]


@pytest.mark.parametrize(
    'changes', [{'window_ms': 100.0}, {'presentations': np.full(6, 2)}, {'response': 0.6}, {'reliability': 0.75}]
)
def test_what_does_not_matter_never_stands_out(changes):
    usual = [plain(animal=f'mouse {i}', window_ms=200.0, response=1.5) for i in range(5)]
    assert noted([*usual, plain(animal='other', **changes)]) == []


def test_nothing_is_compared_with_too_few_others_or_neuroids():
    assert noted([plain(), plain(), plain(window_ms=1.0)]) == []
    assert noted([*[plain()] * 4, plain(n_neuroids=9, response=1e-9, reliability=0.01)]) == []
    unrelated = plain(agreement=0.0, agreement_z=0.0)
    assert noted([*[plain(agreement=0.3, agreement_z=4.0)] * 4, unrelated]) == []  # nor do the others agree


def test_recordings_that_vary_more_stand_out_less():
    """Five units of a spread of a factor of 2 are a factor of 32 and more."""
    spread = [plain(animal=f'mouse {i}', response=2.0**i) for i in range(7)]
    assert noted([*spread, plain(animal='odd', response=8.0 * 20)]) == []
    assert noted([*spread, plain(animal='odd', response=8e9)]) == [('odd', 'mean response')]


def test_a_reason_has_the_numbers():
    usual = [plain(animal=f'mouse {i}', window_ms=window) for i, window in enumerate((160.0, 170.0, 180.0))]
    (reason,) = stand_outs([*usual, plain(animal='odd', window_ms=10.0)], 4)
    units = np.log(17) / (np.log(2) / 5)
    assert reason.reason == f'10 ms; median of the others of VISp: 170 ms ({units:.1f} units, 5 are usual)'
    assert reason.units == pytest.approx(units)


@pytest.fixture(scope='module')
def perf():
    """The script, whose path has the name of another module."""
    spec = importlib.util.spec_from_file_location('perf_data_report', Path(__file__).parents[2] / 'perf/data_report.py')
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.seconds
@pytest.mark.parametrize('odd', [None, 'window of 10 ms in place of 200 ms', 'images in another order'])
def test_simulated_recordings(perf, odd):
    own = perf.reasons(0, (2, 5), odd)
    expected = set() if odd is None else {'area0, animal animal0, session session0'}
    assert {reason.recording.label for reason in own} == expected


@pytest.mark.seconds
@pytest.mark.shared
def test_the_real_recording_with_a_short_window_stands_out_alone(siegle):
    own = stand_outs(summarize(load_dataset('Siegle2021')), 50)
    assert {(reason.recording.area, reason.recording.animal) for reason in own} == {('VISl', '769360779')}
    assert [reason.measure for reason in own] == ['response window', 'median reliability']


@pytest.mark.seconds
def test_the_simulated_mouse_has_no_odd_session(simulated_home):
    assert stand_outs(summarize(load_dataset('SimulatedMouse')), 20) == []


# The whole report


@pytest.mark.seconds
def test_counts_ceilings_and_responses(m2m_home, few_draws):
    def unreliable(responses, neuroids):
        responses[:, :, 0] = np.random.default_rng(0).standard_normal(responses.shape[:2])
        responses[:, :, 1] = 7.0
        neuroids['layer'] = ['4' if i % 3 else '5' for i in range(len(neuroids))]

    responses, neuroids = write_sessions('Lab2026', change=unreliable)
    own = data_report('Lab2026')
    json.dumps(own.document(), allow_nan=False)
    assert (own.n_neuroids, own.n_animals, own.n_repetitions) == (96, 4, 6)
    assert own.stand_outs == []
    scored, here = np.ones(96, dtype=bool), neuroids['region'] == 'VISp'
    scored[:2] = False
    (visp, visl) = own.areas
    assert (visp.n_neuroids, visp.n_reliable, visp.n_without, visl.n_reliable) == (48, 46, 1, 48)
    assert sum(visp.histogram()) == 47
    layers = {count.name: count for count in own.populations}
    of_layer = neuroids['layer'] == '5'
    assert layers['L5'].n_neuroids == of_layer.sum()
    assert layers['L5'].reliable_by_area == {'VISp': (of_layer & here & scored).sum(), 'VISl': 16}
    benchmark = load_benchmark('Lab2026.VISp-rdm')
    assert own.ceilings[0].population == pytest.approx(benchmark.comparison.ceiling(benchmark.recordings).value)
    assert own.ceilings[0].trials == pytest.approx(benchmark.ceiling.attrs['further']['trial_ceiling'])
    assert own.ceilings[0].animals == pytest.approx(benchmark.ceiling.attrs['further']['animal_ceiling'])
    ridge = load_benchmark('Lab2026.VISp-ridge')
    assert own.ceilings[0].regression == pytest.approx(float(ridge.ceiling))
    mean = responses.mean(axis=0)[:, here & scored]
    assert own.rdms['VISp'] == pytest.approx(1 - np.corrcoef(mean), abs=1e-5)
    z = ((mean - mean.mean(axis=0)) / mean.std(axis=0)).mean(axis=1)
    least, most = own.responses[0].examples()
    assert most[0] == (f'image_{z.argmax():02d}', pytest.approx(z.max(), abs=1e-5))
    assert least[0] == (f'image_{z.argmin():02d}', pytest.approx(z.min(), abs=1e-5))


@pytest.mark.seconds
@pytest.mark.parametrize('n_repetitions', [1, 4])
def test_what_the_recordings_do_not_have(m2m_home, few_draws, n_repetitions):
    """One animal, one repetition, an area of one neuroid, a session without responses."""

    def change(responses, neuroids):
        neuroids['animal'] = 'mouse'
        neuroids['session'] = np.where(neuroids['region'] == 'VISp', neuroids['session'], 'all')
        neuroids.loc[neuroids.index[-1], 'region'] = 'VISal'
        responses[:, :, neuroids['session'] == 'VISp 0'] = np.nan

    write_sessions('Lab2026', n_repetitions=n_repetitions, change=change)
    own = data_report('Lab2026')
    json.dumps(own.document(), allow_nan=False)
    assert [area.name for area in own.areas] == ['VISp', 'VISl', 'VISal']
    assert next((reason.recording.session, reason.reason) for reason in own.stand_outs) == (
        'VISp 0',
        'no response was recorded: all are NaN',
    )
    visp, visl, visal = own.ceilings
    assert visl.population is not None and visl.animals is None and visl.bounds is None
    assert (visl.trials is None, visl.regression is None) == (n_repetitions == 1, n_repetitions == 1)
    assert visal.population is None and 'VISal' in visal.reason
    assert (visp.reason != '') == (n_repetitions == 1)


def test_populations_of_a_two_photon_dataset(recorded):
    recorded()
    assembly = load_dataset('deVries2020')
    neuroids = neuroid_table(assembly, 6)
    (visp,) = areas(neuroids)
    counts = {count.name: count for count in population_counts(neuroids, ['VISp'])}
    lines = assembly['cre_line'].values
    assert counts['Vip'].n_neuroids == (lines == 'Vip-IRES-Cre').sum() > 0
    assert sum(counts[f'L{layer}'].n_neuroids for layer in ('23', '4', '5', '6')) == visp.n_neuroids == 128
    assert counts['inhibitory'].reliable_by_area['VISp'] == counts['Vip'].n_reliable
