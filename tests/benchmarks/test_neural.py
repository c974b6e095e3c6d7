"""What a score of a mouse benchmark says, against direct computations from the recordings."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from m2m_benchmarks import list_benchmarks, list_datasets, load_benchmark, load_dataset
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import different_animals, two_factor_variance
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.plugins import registered
from m2m_benchmarks.scoring.layer_choice import split_neuroids
from m2m_benchmarks.testing import RecordedCandidate, random_features

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('some_draws')]


def like(benchmark):
    """A model whose features are the first neuroids of a benchmark, and noise that they share."""
    responses = benchmark.recordings.mean.values[:, :20]
    return RecordedCandidate(lambda stimuli, area: responses + 0.5 * random_features(stimuli, area)[:, :1])


def test_registered_for_every_dataset_and_area():
    expected = set()
    for dataset in list_datasets():
        for kind in COMPARISONS:
            expected |= {f'{dataset}.{area}-{kind}' for area in AREAS} | {f'{dataset}-{kind}'}
    assert {name for name in list_benchmarks() if not name.endswith('accuracy')} == expected
    assert set(list_datasets()) == {'Siegle2021', 'deVries2020', 'SimulatedMouse'}


def test_metadata_and_references_are_there():
    root = Path(manifest.__file__).parents[1] / 'benchmarks'
    plugins = registered('benchmark').values()
    written = {
        folder: yaml.safe_load((root / folder / 'metadata.yaml').read_text(encoding='utf-8'))['benchmarks']
        for folder in {plugin.folder for plugin in plugins}
    }
    for plugin in plugins:
        entry = written[plugin.folder][plugin.identifier]
        assert set(entry) == {'stimulus_set', 'data', 'metric'}
        if plugin.identifier.endswith('accuracy'):
            assert (entry['data']['species'], entry['metric']['type']) == (None, 'accuracy')
            assert 'chance is 0.1' in entry['metric']['extra_notes']
        else:
            assert entry['data']['species'] == ('simulated' if plugin.folder == 'simulated' else 'mouse')
            assert entry['stimulus_set']['num_stimuli'] == 118


@pytest.mark.parametrize('identifier', ['Siegle2021.VISp-rdm', 'deVries2020-ridge'])
def test_data_that_is_not_here(m2m_home, identifier):
    dataset = identifier.split('-')[0].split('.')[0]
    with pytest.raises(DataNotFoundError, match=f'm2m data import {dataset} --sessions'):
        load_benchmark(identifier)


def test_rsa_score_from_its_parts(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISl-rdm')
    model = like(benchmark)
    score = benchmark(model)
    recordings = load_dataset('SimulatedMouse')
    mine = (recordings['region'].values == 'VISl') & (recordings['reliability'].values >= 0.5)
    trials = recordings.values[:, mine, 0].reshape(20, 118, -1)
    mean = np.nanmean(trials.astype(float), axis=0)
    model_rdm = pdist(model.look_at(benchmark.stimulus_set).values, 'correlation')
    raw = spearmanr(model_rdm, pdist(mean, 'correlation'))[0]
    assert float(score.attrs['raw']) == pytest.approx(raw, abs=1e-10)
    assert float(score) == pytest.approx(raw / float(score.attrs['ceiling']), abs=1e-10)
    assert score.attrs['formula'] == 'raw / ceiling'
    animals = recordings['animal'].values[mine]
    assert set(score.attrs['per_animal']) == set(animals)
    for animal, value in score.attrs['per_animal'].items():
        own = pdist(mean[:, animals == animal], 'correlation')
        assert value == pytest.approx(spearmanr(model_rdm, own)[0], abs=1e-10)
    others = [
        spearmanr(pdist(mean[:, animals == a], 'correlation'), pdist(mean[:, animals != a], 'correlation'))[0]
        for a in np.unique(animals)
    ]
    assert score.attrs['other_mice'] == pytest.approx(np.mean(others), abs=1e-10)
    assert score.attrs['model_per_animal'] == pytest.approx(np.mean(list(score.attrs['per_animal'].values())))
    assert (score.attrs['n_neuroids'], score.attrs['n_stimuli'], score.attrs['n_animals']) == (mine.sum(), 118, 4)
    assert score.attrs['choices']['flat_neuroids_dropped'] == 4
    assert (model.area, model.time_bins) == ('VISl', [(50.0, 250.0)])


def test_ridge_score_from_its_parts(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISl-ridge')
    score = benchmark(like(benchmark))
    r = score.attrs['raw'].attrs['raw'].values
    reliability = benchmark.recordings.mean['reliability'].values
    assert float(score.attrs['raw']) == np.median(r)
    assert float(score.attrs['ceiling']) == np.median(reliability)
    assert float(score) == pytest.approx(np.median(r) ** 2 / np.median(reliability))
    assert score.attrs['noise_corrected'] == pytest.approx(np.median(r / np.sqrt(reliability)))
    animals = benchmark.recordings.mean['animal'].values
    assert score.attrs['per_animal'] == {a: pytest.approx(np.median(r[animals == a])) for a in np.unique(animals)}
    assert 0.5 < score.attrs['other_mice'] <= 1


def test_a_model_worse_than_the_mean_scores_0(simulated_home):
    score = load_benchmark('SimulatedMouse.VISp-ridge')(RecordedCandidate())
    assert float(score.attrs['raw']) < 0
    assert float(score) == 0
    # what is cut off is no certainty: the error and the interval are of the value before
    assert score.attrs['error'] > 0
    low, high = score.attrs['interval']
    assert low < score.attrs['uncut'] < 0 and low < high


@pytest.mark.slow
def test_mean_over_areas(simulated_home):
    benchmark = load_benchmark('SimulatedMouse-rdm')
    score = benchmark(RecordedCandidate())
    parts = [load_benchmark(f'SimulatedMouse.{area}-rdm')(RecordedCandidate()) for area in AREAS]
    assert float(score) == pytest.approx(np.mean([float(part) for part in parts]))
    assert float(score.attrs['ceiling']) == pytest.approx(np.mean([float(part.attrs['ceiling']) for part in parts]))
    assert float(benchmark.ceiling) == pytest.approx(float(score.attrs['ceiling']))
    both, animals, stimuli = np.var(np.mean([part.attrs['draws'] for part in parts], axis=0), axis=1, ddof=1)
    assert score.attrs['error'] ** 2 == pytest.approx(two_factor_variance(both, animals, stimuli, 4, 118))
    assert score.attrs['n_neuroids'] == sum(part.attrs['n_neuroids'] for part in parts)
    assert score.attrs['n_animals'] == 4
    assert list(score.attrs['areas']) == list(AREAS)


def test_halves_are_disjoint_by_animal_and_complete(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    halves = split_neuroids(benchmark)
    assert halves.how == 'animal'
    assert not set(halves.first.recordings.animals) & set(halves.second.recordings.animals)
    ids = [set(half.recordings.mean['neuroid_id'].values) for half in (halves.first, halves.second)]
    assert ids[0] | ids[1] == set(benchmark.recordings.mean['neuroid_id'].values)
    again = split_neuroids(load_benchmark('SimulatedMouse.VISp-ridge')).first
    assert set(again.recordings.mean['neuroid_id'].values) == ids[0]


def _explained(draws, numbers):
    """Share of the variance of draws that the numbers of animals explain linearly."""
    return LinearRegression().fit(numbers.T, draws).score(numbers.T, draws)


def test_draws_of_rdms_do_not_depend_on_the_number_of_animals(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISp-rdm')
    recorded, sample = benchmark.recordings, benchmark.sample
    number = different_animals(sample, recorded.animals)[None]
    model = like(benchmark)
    before = benchmark.comparison.raw(benchmark.features(model), recorded, sample).draws
    score = benchmark(model)
    for own in (score.attrs['raw'].attrs['draws'], score.attrs['ceiling'].attrs['draws'], score.attrs['draws']):
        assert [_explained(draws, number) for draws in own[:2]] == pytest.approx([0, 0], abs=1e-10)
    assert _explained(before[1], number) > 0.02
    assert score.attrs['choices']['draws_at_equal_numbers_of'] == 'animals'
    np.testing.assert_array_equal(score.attrs['raw'].attrs['draws'][2], before[2])
    # Layers that are cross-fitted: each half has its own number.
    halves = split_neuroids(benchmark)
    parts = []
    for half in (halves.first, halves.second):
        own = half.recordings
        draws = half.comparison.raw(half.features(model), own, half.sample).draws[1]
        fit = LinearRegression().fit(different_animals(half.sample, own.animals)[:, None], draws)
        parts.append(draws - fit.predict(different_animals(half.sample, own.animals)[:, None]))
    joined = benchmark.score_halves(halves, [model, model]).attrs['raw'].attrs['draws'][1]
    np.testing.assert_allclose(joined - joined.mean(), np.mean(parts, axis=0), atol=1e-12)


def test_draws_of_regressions_stay(simulated_home):
    benchmark = load_benchmark('SimulatedMouse.VISl-ridge')
    model = like(benchmark)
    before = benchmark.comparison.raw(benchmark.features(model), benchmark.recordings, benchmark.sample).draws
    score = benchmark(model)
    np.testing.assert_array_equal(score.attrs['raw'].attrs['draws'], before)
    assert 'draws_at_equal_numbers_of' not in score.attrs['choices']


def test_an_imported_dataset_has_benchmarks(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=20, n_units=8)
    import_bundle('Lab2026', *bundle.paths)
    score = load_benchmark('Lab2026.VISp-rdm')(RecordedCandidate())
    assert score.attrs['n_stimuli'] == 20
    # VISal has one animal only, so no animal stands for another
    assert load_benchmark('Lab2026.VISal-ridge')(RecordedCandidate()).attrs['other_mice'] is None
    mean = load_benchmark('Lab2026-ridge')(RecordedCandidate())
    assert list(mean.attrs['areas']) == ['VISp', 'VISal']
    assert mean.attrs['left_out'] == {}  # areas are those that were recorded
    with pytest.raises(UnknownNameError, match=r'Did you mean Lab2026\.VISp-rdm'):
        load_benchmark('Lab2026.VISq-rdm')


def test_too_few_reliable_neuroids(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=8, n_units=2)
    import_bundle('Tiny2026', *bundle.paths)
    with pytest.raises(BenchmarkError, match='at least 4 are needed'):
        load_benchmark('Tiny2026.VISal-rdm')


def test_never_firing_neurons_are_counted_not_scored(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=20, n_units=8)
    entry = import_bundle('Lab2026', *bundle.paths)
    assert entry['summary']['areas']['VISp']['flat'] == 1
    score = load_benchmark('Lab2026.VISp-ridge')(RecordedCandidate())
    assert score.attrs['choices']['flat_neuroids_dropped'] == 1
    assert np.isfinite(score.attrs['raw'].attrs['raw'].values).all()
    assert np.isfinite(float(score))


@pytest.mark.shared
@pytest.mark.slow
def test_real_ceilings_and_counts(siegle):
    expected = {'VISp': 816, 'VISl': 258, 'VISal': 493, 'VISpm': 388, 'VISam': 347, 'VISrl': 382}
    ceilings = {'VISp': 0.948, 'VISl': 0.811, 'VISal': 0.912, 'VISpm': 0.881, 'VISam': 0.911, 'VISrl': 0.876}
    for area, n_neuroids in expected.items():
        benchmark = load_benchmark(f'Siegle2021.{area}-rdm')
        assert benchmark.recordings.mean.sizes['neuroid'] == pytest.approx(n_neuroids, rel=0.01)
        # Measured by other code on the same recordings.
        assert float(benchmark.ceiling) == pytest.approx(ceilings[area], abs=0.02)
        assert 0.96 < benchmark.ceiling.attrs['further']['trial_ceiling'] < 1
    with pytest.raises(UnknownNameError, match=r'Siegle2021\.VISp-rdm'):
        load_benchmark('Siegle2021.VISq-rdm')
