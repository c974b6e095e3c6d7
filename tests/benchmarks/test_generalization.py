"""Benchmarks of domain generalization: tasks, accuracies and errors."""

import functools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.preprocessing
import torch
import xarray as xr
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_interface import BrainModel
from scipy import stats

from m2m_benchmarks import list_benchmarks, load_benchmark
from m2m_benchmarks.acquisition.digit_files import read_domain
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.arrays import accuracy_draws, wilson_interval
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data.digits.domains import load_digits, write_domain
from m2m_benchmarks.data.digits.images import rgb
from m2m_benchmarks.errors import BenchmarkError, DataError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.testing import LabellingCandidate, label_assembly, probability_assembly

DOMAINS = ('MNIST', 'MNISTM', 'SVHN', 'USPS')
DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')
PROTOCOLS = ('accuracy', 'readout_accuracy')
LABELS = list('0123456789')


@pytest.fixture(scope='module')
def paper(tmp_path_factory, make_domain):
    """M2M_HOME with four small domains under the names of the paper; change nothing in it.

    SVHN has three crops of each photo.
    """
    home = tmp_path_factory.mktemp('paper') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        for seed, name in enumerate(DOMAINS):
            make_domain(name, 300 + seed, 40 + 10 * seed, seed, 1 + 2 * (seed in (1, 2)), 3 if name == 'SVHN' else 1)
    return home


@pytest.fixture
def home(paper, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(paper))
    return paper


def right(row):
    return row.image_label


def hashed(row):
    """Answer correctly for about half of the images."""
    number = int(row.stimulus_id[-6:]) * 7919 % 101
    return row.image_label if number < 50 else str(number % 10)


def counted(name, choose, split='test', most=None):
    """Correct answers of a split, computed from the labels in the data folder."""
    labels = load_digits(name, split).labels[:most]
    right = []
    for place, label in enumerate(labels):
        row = type('Row', (), {'stimulus_id': f'{name}_{split}_{place:06d}', 'image_label': str(label)})
        right.append(choose(row) == str(label))
    return np.array(right)


# Counting


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.seconds
def test_labels_are_counted_by_digit(home, protocol):
    most = 2000 if protocol == 'readout_accuracy' else None
    attrs = load_benchmark(f'Qazi2025.MNIST-{protocol}')(LabellingCandidate(hashed)).attrs
    for name, part in {'MNIST': attrs['in_domain'], **attrs['targets']}.items():
        expected = [[0] * 10 for _ in range(10)]
        for place, digit in enumerate(load_digits(name, 'test').labels[:most]):
            row = type('Row', (), {'stimulus_id': f'{name}_test_{place:06d}', 'image_label': str(digit)})
            expected[digit][int(hashed(row))] += 1
        assert part['confusion'] == expected
        assert part['accuracy'] == pytest.approx(sum(expected[i][i] for i in range(10)) / part['n_images'], abs=1e-12)
        assert 0 < part['accuracy'] < 1


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.seconds
def test_a_score_from_its_parts(home, protocol):
    benchmark = load_benchmark(f'Qazi2025.MNIST-{protocol}')
    score = benchmark(LabellingCandidate(hashed))
    correct = {name: counted(name, hashed) for name in DOMAINS}
    targets = DOMAINS[1:]
    accuracies = {name: sum(each.tolist()) / len(each) for name, each in correct.items()}
    assert 0.3 < min(accuracies.values()) < max(accuracies.values()) < 0.8
    mean = sum(accuracies[name] for name in targets) / 3
    assert float(score) == float(score.attrs['raw']) == pytest.approx(mean, abs=1e-12)
    assert float(score.attrs['ceiling']) == 1
    assert list(score.attrs['targets']) == list(targets)
    described = {'MNIST': score.attrs['in_domain'], **score.attrs['targets']}
    for name, part in described.items():
        assert part['accuracy'] == pytest.approx(accuracies[name], abs=1e-12)
        n = len(correct[name])
        assert (part['n_images'], part['n_clusters']) == (n, math.ceil(n / 3) if name == 'SVHN' else n)
        independent = stats.binomtest(int(correct[name].sum()), len(correct[name])).proportion_ci(method='wilson')
        if name == 'SVHN':
            assert part['interval'] == list(wilson_interval(correct[name], np.arange(len(correct[name])) // 3))
        else:
            assert part['interval'] == pytest.approx([independent.low, independent.high], abs=1e-12)
    assert score.attrs['generalization_gap'] == pytest.approx(accuracies['MNIST'] - mean, abs=1e-12)
    assert (score.attrs['source'], score.attrs['protocol']) == ('MNIST', protocol)
    assert (score.attrs['chance'], score.attrs['n_seeds']) == (0.1, 1)
    assert 'chance is 0.1' in score.attrs['formula']
    assert score.attrs['n_stimuli'] == sum(len(correct[name]) for name in targets)
    draws = score.attrs['target_draws']
    assert list(draws) == ['in-domain', *targets]
    np.testing.assert_allclose(score.attrs['draws'], sum(draws[name] for name in targets) / 3, atol=1e-12)
    assert score.attrs['error'] == pytest.approx(np.std(score.attrs['draws'], ddof=1))
    # Targets are independent, and so are their draws: variances add up.
    analytic = math.sqrt(sum(accuracies[n] * (1 - accuracies[n]) / len(correct[n]) for n in targets)) / 3
    assert score.attrs['error'] == pytest.approx(analytic, rel=0.15)
    for place, name in enumerate(DOMAINS):
        clusters = np.arange(len(correct[name])) // (3 if name == 'SVHN' else 1)
        key = 'in-domain' if name == 'MNIST' else name
        np.testing.assert_array_equal(draws[key], accuracy_draws(correct[name], clusters, seed=place))


@pytest.mark.seconds
def test_domains_of_the_same_digits_are_drawn_together(m2m_home):
    """A model that fails on the same digits in every domain is no more certain for five domains."""
    whole, single = (
        load_benchmark(f'SklearnDigits{part}-accuracy')(LabellingCandidate(hashed)) for part in ('', '.thin')
    )
    accuracy = float(single)
    assert float(whole) == pytest.approx(accuracy, abs=1e-12)
    analytic = math.sqrt(accuracy * (1 - accuracy) / 597)
    assert whole.attrs['error'] == pytest.approx(single.attrs['error'], rel=1e-9) == pytest.approx(analytic, rel=0.1)

    def elsewhere(row):
        """Fails on other digits in each domain."""
        number = int(row.stimulus_id[-6:])
        name = row.stimulus_id.split('_')[1]
        place = DERIVED.index(name) if name in DERIVED else 5
        return row.image_label if number % 6 != place else str((int(row.image_label) + 1) % 10)

    whole = load_benchmark('SklearnDigits-accuracy')(LabellingCandidate(elsewhere))
    # Each digit is missed in one of five domains or in none: its share of right answers is 4/5 or 1.
    shares = np.where(np.arange(597) % 6 == 5, 1.0, 0.8)
    assert float(whole) == pytest.approx(shares.mean(), abs=1e-12)
    assert whole.attrs['error'] == pytest.approx(shares.std() / math.sqrt(597), rel=0.1)


def test_intervals_are_clustered_by_photo(home):
    """Where one photo's crops are all right or all wrong, the interval is that of the photos."""

    def by_photo(row):
        photo, digit = int(row.stimulus_id[-6:]) // 3, int(row.image_label)
        return str(digit if photo % 2 else (digit + 1) % 10)

    part = load_benchmark('Qazi2025.MNIST.SVHN-accuracy')(LabellingCandidate(by_photo)).attrs['targets']['SVHN']
    n = load_digits('SVHN', 'test').labels.size
    naive = stats.binomtest(round(part['accuracy'] * n), n).proportion_ci(method='wilson')
    low, high = part['interval']
    assert part['n_clusters'] == math.ceil(n / 3)
    assert high - low > 1.5 * (naive.high - naive.low)


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.seconds
def test_a_perfect_model_and_one_that_always_says_the_same(home, protocol):
    benchmark = load_benchmark(f'Qazi2025.USPS-{protocol}')
    perfect = benchmark(LabellingCandidate(right))
    assert (float(perfect), perfect.attrs['error'], perfect.attrs['generalization_gap']) == (1, 0, 0)
    assert perfect.attrs['in_domain']['interval'][1] == 1
    constant = benchmark(LabellingCandidate(lambda row: '3'))
    shares = [np.mean(load_digits(name, 'test').labels == 3) for name in DOMAINS]
    assert float(constant) == pytest.approx(np.mean(shares[:3]), abs=1e-12)
    assert constant.attrs['generalization_gap'] == pytest.approx(shares[3] - np.mean(shares[:3]), abs=1e-12)


def test_guessing_is_at_chance(m2m_home, make_domain):
    for seed, name in enumerate(('MNIST', 'USPS')):
        make_domain(name, 0, 1500, seed)
    rng = np.random.default_rng(0)
    score = load_benchmark('Qazi2025.MNIST.USPS-accuracy')(LabellingCandidate(lambda row: str(rng.integers(10))))
    assert float(score) == pytest.approx(score.attrs['chance'], abs=4 * math.sqrt(0.09 / 1500))
    low, high = score.attrs['targets']['USPS']['interval']
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.09 / 1500), rel=0.1)


# The tasks of a model, and its possible answers


def test_tasks_of_a_trained_model(home):
    model = LabellingCandidate(right)
    load_benchmark('Qazi2025.SVHN-accuracy')(model)
    assert model.tasks == [(BrainModel.Task.label, LABELS)]
    assert [len(stimuli) for stimuli in model.shown] == [60, 40, 50, 70]


def test_tasks_of_any_model(home):
    model = LabellingCandidate(right)
    load_benchmark('Qazi2025.SVHN-readout_accuracy')(model)
    ((task, fitting),) = model.tasks
    assert task == BrainModel.Task.probabilities
    assert list(fitting['image_label']) == load_digits('SVHN', 'train').labels.astype(str).tolist()
    assert fitting.identifier.startswith('SVHN_train_')
    assert [len(stimuli) for stimuli in model.shown] == [60, 40, 50, 70]


def only_ids(stimuli, labels):
    """Brain-Score turns a single coordinate into an index without a name."""
    ids = stimuli['stimulus_id'].to_numpy()
    return BehavioralAssembly([labels], coords={'stimulus_id': ('presentation', ids)}, dims=['choice', 'presentation'])


def plain_array(stimuli, labels):
    coords = {'stimulus_id': ('presentation', stimuli['stimulus_id'].to_numpy())}
    return xr.DataArray([labels], coords=coords, dims=['choice', 'presentation'])


def whole_numbers(stimuli, labels):
    return label_assembly(stimuli, [int(label) for label in labels])


def without_ids(stimuli, labels):
    coords = {'seen': ('presentation', np.arange(len(labels)))}
    return BehavioralAssembly([labels], coords=coords, dims=['choice', 'presentation'])


def backwards(answer):
    """The same answers in another order, with the image of each."""

    def turned(stimuli, labels):
        assembly = answer(stimuli, labels)
        return assembly[{'presentation': list(np.random.default_rng(1).permutation(assembly.sizes['presentation']))}]

    return turned


def turned_round(answer):
    return lambda stimuli, labels: answer(stimuli, labels).T


def shuffled_choices(stimuli, labels):
    return probability_assembly(stimuli, labels, '7310294865')


def some_choices(stimuli, labels):
    return probability_assembly(stimuli, labels, sorted(set(labels)))


@pytest.mark.parametrize('turn', [lambda answer: answer, turned_round])
@pytest.mark.parametrize(
    'answer',
    [
        *(label_assembly, only_ids, plain_array, whole_numbers, without_ids),
        *(backwards(label_assembly), backwards(only_ids), backwards(plain_array)),
    ],
)
@pytest.mark.seconds
def test_ways_to_answer_with_labels(home, answer, turn):
    benchmark = load_benchmark('Qazi2025.MNIST.USPS-accuracy')
    score = benchmark(LabellingCandidate(hashed, turn(answer)))
    assert float(score) == counted('USPS', hashed).mean()
    assert score.attrs['in_domain']['accuracy'] == counted('MNIST', hashed).mean()


@pytest.mark.parametrize('turn', [lambda answer: answer, turned_round])
@pytest.mark.parametrize('answer', [probability_assembly, shuffled_choices, some_choices, backwards(shuffled_choices)])
@pytest.mark.seconds
def test_ways_to_answer_with_probabilities(home, answer, turn):
    score = load_benchmark('Qazi2025.MNIST.USPS-readout_accuracy')(LabellingCandidate(hashed, turn(answer)))
    assert float(score) == counted('USPS', hashed).mean()
    assert score.attrs['in_domain']['accuracy'] == counted('MNIST', hashed).mean()


def with_times(stimuli, labels):
    return probability_assembly(stimuli, labels).expand_dims('time_bin')


def others(stimuli, labels):
    stimuli = stimuli.copy()
    stimuli['stimulus_id'] = [f'USPS_test_{place + 1:06d}' for place in range(len(stimuli))]
    return label_assembly(stimuli, labels)


def one_twice(stimuli, labels):
    return label_assembly(stimuli.iloc[[0, *range(len(stimuli) - 1)]], labels)


def nan(stimuli, labels):
    assembly = probability_assembly(stimuli, labels)
    assembly.values[3, 4] = np.nan
    return assembly


def unnamed_choices(stimuli, labels):
    return xr.DataArray(probability_assembly(stimuli, labels).values, dims=['presentation', 'choice'])


def words_for_probabilities(stimuli, labels):
    assembly = probability_assembly(stimuli, labels)
    return xr.DataArray(
        assembly.values.astype(str).astype(object) + 'x',
        dims=assembly.dims,
        coords={'choice': assembly['choice'].values},
    )


ODD_LABELS = [
    (lambda stimuli, labels: None, 'answers with NoneType; expected an assembly of presentation x choice'),
    (lambda stimuli, labels: labels, 'answers with list; expected'),
    (
        lambda stimuli, labels: label_assembly(stimuli, labels)[0],
        r"answers with BehavioralAssembly of \('presentation',\)",
    ),
    (with_times, r'time_bin.*; expected an assembly of presentation x choice'),
    (
        lambda stimuli, labels: label_assembly(stimuli, labels).rename(choice='neuroid'),
        r'neuroid.*; expected an assembly',
    ),
    (
        lambda stimuli, labels: label_assembly(stimuli.iloc[1:], labels[1:]),
        r'answers for 39 of 40 images; expected all',
    ),
    (lambda stimuli, labels: label_assembly(stimuli.iloc[:0], []), r'answers for 0 of 40 images'),
    (probability_assembly, 'answers with 10 choices for an image; expected one label'),
    (lambda stimuli, labels: label_assembly(stimuli, ['seven', *labels[1:]]), "the label 'seven'; expected 0, 1, 2"),
    (lambda stimuli, labels: label_assembly(stimuli, [10] * len(labels)), "the label '10'; expected 0"),
    (lambda stimuli, labels: label_assembly(stimuli, [3.0] * len(labels)), r"the label '3\.0'; expected 0"),
    (others, 'does not answer for MNIST_test_000000; expected an answer for each image'),
    (one_twice, 'does not answer for MNIST_test_000039'),
]
ODD_PROBABILITIES = [
    (nan, 'probabilities that are not finite'),
    (unnamed_choices, 'without names of the choices; expected them as a coordinate named choice'),
    (words_for_probabilities, 'answers with object; expected probabilities'),
    (
        lambda stimuli, labels: probability_assembly(stimuli, ['cat'] * len(labels), ['cat', 'dog']),
        "the label 'cat'; expected 0",
    ),
    (lambda stimuli, labels: probability_assembly(stimuli.iloc[2:], labels[2:]), 'answers for 38 of 40 images'),
]


@pytest.mark.parametrize(('answer', 'message'), ODD_LABELS)
def test_answers_that_are_no_labels(home, answer, message):
    benchmark = load_benchmark('Qazi2025.MNIST.USPS-accuracy')
    with pytest.raises(BenchmarkError, match=message) as caught:
        benchmark(LabellingCandidate(right, answer))
    assert str(caught.value).startswith('Qazi2025.MNIST.USPS-accuracy: the model ')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('answer', 'message'), ODD_PROBABILITIES)
def test_answers_that_are_no_probabilities(home, answer, message):
    benchmark = load_benchmark('Qazi2025.MNIST.USPS-readout_accuracy')
    with pytest.raises(BenchmarkError, match=message):
        benchmark(LabellingCandidate(right, answer))


# Readouts of a network


@pytest.mark.seconds
@pytest.mark.parametrize('layer', ['1', '4'])
def test_a_readout_is_that_of_scikit_learn(home, layer, monkeypatch):
    """Reimplementation of Brain-Score's classifier, on activations of the arrays in the data folder."""
    monkeypatch.setenv('RESULTCACHING_DISABLE', '1')
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5, stride=3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(400, 60),
        torch.nn.ReLU(),
    ).eval()
    mean, std = (0.1, 0.5, 0.3), (0.4, 0.2, 0.9)
    preprocessing = functools.partial(load_preprocess_images, image_size=32, normalize_mean=mean, normalize_std=std)
    wrapper = PytorchWrapper(network, preprocessing, identifier='small')
    model = ModelCommitment('small', wrapper, layers=['1', '4'], behavioral_readout_layer=layer, region_layer_map={})
    score = load_benchmark('Qazi2025.SVHN-readout_accuracy')(model)

    def features(name, split):
        images = torch.tensor(rgb(np.array(load_digits(name, split).images)) / 255, dtype=torch.float32)
        images = (images - torch.tensor(mean)) / torch.tensor(std)
        with torch.no_grad():
            return network[: int(layer) + 1](images.permute(0, 3, 1, 2)).flatten(1).numpy()

    scaler = sklearn.preprocessing.StandardScaler().fit(features('SVHN', 'train'))
    readout = sklearn.linear_model.LogisticRegression(C=1e-3, solver='newton-cg', multi_class='multinomial')
    readout.fit(scaler.transform(features('SVHN', 'train')), load_digits('SVHN', 'train').labels)
    expected = {
        name: np.mean(readout.predict(scaler.transform(features(name, 'test'))) == load_digits(name, 'test').labels)
        for name in DOMAINS
    }
    assert score.attrs['in_domain']['accuracy'] == expected['SVHN']
    assert {name: part['accuracy'] for name, part in score.attrs['targets'].items()} == {
        name: expected[name] for name in ('MNIST', 'MNISTM', 'USPS')
    }
    assert min(expected.values()) > 0.2  # it has learnt something


@pytest.mark.seconds
@pytest.mark.slow
def test_a_readout_takes_the_first_two_thousand(m2m_home, make_domain):
    made = {name: make_domain(name, 2010, 2030, seed) for seed, name in enumerate(('MNIST', 'USPS'))}
    model = LabellingCandidate(hashed)
    score = load_benchmark('Qazi2025.MNIST.USPS-readout_accuracy')(model)
    ((_, fitting),) = model.tasks
    assert list(fitting['stimulus_id']) == [f'MNIST_train_{place:06d}' for place in range(2000)]
    assert list(fitting['image_label']) == made['MNIST']['train'].labels[:2000].astype(str).tolist()
    assert float(score) == counted('USPS', hashed, most=2000).mean() != counted('USPS', hashed).mean()
    assert score.attrs['targets']['USPS']['n_images'] == score.attrs['n_stimuli'] == 2000
    # Trained models label all of them.
    model = LabellingCandidate(hashed)
    score = load_benchmark('Qazi2025.MNIST.USPS-accuracy')(model)
    assert float(score) == counted('USPS', hashed).mean()
    assert score.attrs['targets']['USPS']['n_images'] == 2030
    assert max(len(part) for part in model.shown) == 500


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.seconds
def test_subsets_of_stimuli_have_their_own_names(m2m_home, make_domain, protocol):
    """Brain-Score keeps activations by the name of a stimulus set."""
    for seed, name in enumerate(('MNIST', 'USPS')):
        make_domain(name, 2010, 1210 if seed else 2010, seed)
    identifier = f'Qazi2025.MNIST.USPS-{protocol}'
    model = LabellingCandidate(right)
    load_benchmark(identifier)(model)
    stimulus_sets = [*(stimuli for task, stimuli in model.tasks if task == 'probabilities'), *model.shown]
    names = [str(stimuli.identifier) for stimuli in stimulus_sets]
    assert len(set(names)) == len(names) == {'accuracy': 8, 'readout_accuracy': 8}[protocol]
    for domain in ('MNIST', 'USPS'):
        parts = [part for part in model.shown if str(part.identifier).startswith(f'{domain}_test_')]
        ids = [stimulus for part in parts for stimulus in part['stimulus_id']]
        most = 2000 if protocol == 'readout_accuracy' else None
        assert ids == [f'{domain}_test_{place:06d}' for place in range(len(load_digits(domain, 'test')))][:most]
    for stimuli in stimulus_sets:  # and they lead to their images
        row = stimuli.iloc[-1]
        assert Path(stimuli.get_stimulus(row.stimulus_id)).name == f'{row.stimulus_id}.png'
    # A name means the same images in the other protocol.
    other = LabellingCandidate(right)
    load_benchmark(f'Qazi2025.MNIST.USPS-{PROTOCOLS[protocol == "accuracy"]}')(other)
    content = {str(stimuli.identifier): list(stimuli['stimulus_id']) for stimuli in stimulus_sets}
    for stimuli in other.shown:
        ids = list(stimuli['stimulus_id'])
        assert content.get(str(stimuli.identifier), ids) == ids
    # Of other images, under the same name, they are called otherwise.
    before = load_benchmark(identifier).sha256
    make_domain('USPS', 2010, 1210, 7)
    again = LabellingCandidate(right)
    load_benchmark(identifier)(again)
    changed = {str(part.identifier) for part in again.shown} - set(names)
    assert len(changed) == 3
    assert all(name.startswith('USPS_test_') for name in changed)
    assert load_benchmark(identifier).sha256 != before


# Identifiers


@pytest.mark.seconds
def test_every_identifier_loads(home):
    own = [name for name in list_benchmarks() if name.startswith('Qazi2025')]
    expected = {f'Qazi2025.{source}-{protocol}': source for source in DOMAINS for protocol in PROTOCOLS}
    pairs = {
        f'Qazi2025.{source}.{target}-{protocol}': (source, target)
        for source in DOMAINS
        for target in DOMAINS
        for protocol in PROTOCOLS
        if source != target
    }
    assert set(own) == {*expected, *pairs}
    for name in own:
        benchmark = load_benchmark(name)
        assert benchmark.identifier == name
        assert benchmark.protocol == name.split('-')[1]
        assert float(benchmark.ceiling) == 1
        assert benchmark.parent == f'Qazi2025-{benchmark.protocol}'
        assert benchmark.version == 1
        assert '2505.06886' in benchmark.bibtex
        source, targets = (expected[name], None) if name in expected else (pairs[name][0], [pairs[name][1]])
        assert benchmark.source == source
        assert benchmark.targets == (targets or [domain for domain in DOMAINS if domain != source])
        assert (benchmark.fitting_stimuli is not None) == (benchmark.protocol == 'readout_accuracy')
    assert len({load_benchmark(name).sha256 for name in own}) == 32


@pytest.mark.seconds
def test_the_default_needs_no_download(m2m_home):
    names = [name for name in list_benchmarks() if name.startswith('SklearnDigits')]
    assert set(names) == {
        f'SklearnDigits{part}-{p}' for part in ('', *(f'.{each}' for each in DERIVED)) for p in PROTOCOLS
    }
    for name in names:
        benchmark = load_benchmark(name)
        assert benchmark.source == 'SklearnDigits'
        target = name.partition('-')[0].partition('.')[2]
        assert benchmark.targets == ([target] if target else list(DERIVED))
        assert {len(stimuli) for stimuli in benchmark.stimuli.values()} == {597}
        assert benchmark.fitting_stimuli is None or len(benchmark.fitting_stimuli) == 1200
    score = load_benchmark('SklearnDigits-accuracy')(LabellingCandidate(hashed))
    expected = {name: counted('SklearnDigits', hashed, name).mean() for name in DERIVED}
    assert {name: part['accuracy'] for name, part in score.attrs['targets'].items()} == pytest.approx(expected)


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('domain', [*DOMAINS, 'Mine'])
def test_a_source_is_not_its_own_target(m2m_home, make_domain, domain, protocol):
    for name in {domain, 'MNIST'}:
        make_domain(name)
    with pytest.raises(BenchmarkError, match=f'{domain} cannot be its own target; .* in every result, as in_domain'):
        load_benchmark(f'Qazi2025.{domain}.{domain}-{protocol}')


def test_a_domain_that_is_not_here(m2m_home, make_domain):
    with pytest.raises(DataNotFoundError) as caught:
        load_benchmark('Qazi2025.MNIST-accuracy')
    message = str(caught.value)
    for name in DOMAINS:
        assert re.search(rf'^{name} is not on this machine', message, re.MULTILINE)
    assert '  m2m data fetch digits --photos DIR' in message.splitlines()
    assert '  m2m data fetch digits' in message.splitlines()
    make_domain('MNIST')
    make_domain('SVHN', train=0)
    assert load_benchmark('Qazi2025.MNIST.SVHN-accuracy').targets == ['SVHN']
    assert load_benchmark('Qazi2025.MNIST.SVHN-readout_accuracy').targets == ['SVHN']
    assert load_benchmark('Qazi2025.SVHN.MNIST-accuracy').targets == ['MNIST']
    with pytest.raises(DataNotFoundError, match=r'SVHN has no train split .*, only test.*\n  m2m data fetch'):
        load_benchmark('Qazi2025.SVHN.MNIST-readout_accuracy')
    with pytest.raises(DataNotFoundError, match=r'^USPS is not on this machine'):
        load_benchmark('Qazi2025.MNIST.USPS-accuracy')


def test_a_domain_that_was_damaged(m2m_home, make_domain):
    make_domain('MNIST')
    make_domain('Mine')
    entry = manifest.require('Mine')
    path = manifest.path_of('Mine', entry, entry['splits']['test']['files']['labels'])
    path.write_bytes(path.read_bytes()[:-1] + b'\xff')
    with pytest.raises(
        DataError, match=r'labels\.npy of Mine is damaged: .* m2m data import digits-domain Mine --from'
    ):
        load_benchmark('Qazi2025.MNIST.Mine-accuracy')
    make_domain('Mine')
    assert load_benchmark('Qazi2025.MNIST.Mine-accuracy').targets == ['Mine']


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.seconds
def test_domains_under_other_names(m2m_home, make_domain, protocol):
    for seed, name in enumerate((*DOMAINS, 'Street2')):
        make_domain(name, seed=seed)
    benchmark = load_benchmark(f'Qazi2025.MNIST.Street2-{protocol}')
    assert benchmark.identifier == f'Qazi2025.MNIST.Street2-{protocol}'
    score = benchmark(LabellingCandidate(hashed))
    assert float(score) == score.attrs['targets']['Street2']['accuracy'] == counted('Street2', hashed).mean()
    # As the source too: of all domains of the paper, or of one.
    assert load_benchmark(f'Qazi2025.Street2-{protocol}').targets == list(DOMAINS)
    assert load_benchmark(f'Qazi2025.Street2.USPS-{protocol}').targets == ['USPS']
    # What this library makes can be one of the two.
    assert load_benchmark(f'Qazi2025.MNIST.SklearnDigits-{protocol}').targets == ['SklearnDigits']


def test_an_imported_domain_without_test_images(m2m_home, make_domain):
    make_domain('MNIST')
    make_domain('Mine', test=0)
    with pytest.raises(DataNotFoundError, match=r'Mine has no test split .*\n  m2m data import digits-domain Mine'):
        load_benchmark('Qazi2025.MNIST.Mine-accuracy')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('Qazi2025.MNSIT-accuracy', r'Did you mean Qazi2025\.MNIST-accuracy'),
        ('Qazi2025.MNIST.SVNH-accuracy', r'Did you mean .*Qazi2025\.MNIST\.SVHN-accuracy'),
        ('Qazi2025.MNIST.Streets-accuracy', r'Did you mean Qazi2025\.MNIST\.Street2-accuracy'),
        ('Qazi2025.MNIST.Other-accuracy', r'`m2m data import digits-domain Other --from PATH`'),
        ('Qazi2025.MNIST-acuracy', r'Did you mean Qazi2025\.MNIST-accuracy'),
        ('Qazi2025.MNIST-readout', r'Did you mean Qazi2025\.MNIST-readout_accuracy'),
        ('Qazi2025.mnist-accuracy', r'Did you mean Qazi2025\.MNIST-accuracy'),
        ('Qazi2025.MNIST.MNIST-M-accuracy', r'Did you mean .*Qazi2025\.MNIST\.MNISTM-accuracy'),
        ('Qazi2025-accuracy', r'Did you mean Qazi2025\.'),
        ('qazi2025.MNIST-accuracy', r'Did you mean Qazi2025\.MNIST-accuracy'),
        ('SklearnDigits.blurry-accuracy', r'Did you mean SklearnDigits\.blurred-accuracy'),
        ('SklearnDigits.test-accuracy', r'Did you mean SklearnDigits-accuracy'),
        ('Street2-accuracy', r'unknown benchmark'),
        ('Lab2026.VISp-accuracy', r'Did you mean Lab2026\.VISp-'),
    ],
)
@pytest.mark.seconds
def test_names_that_there_are_not(m2m_home, make_domain, make_bundle, tmp_path, name, message):
    make_domain('Street2')
    if name.startswith('Lab2026'):
        import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)
    with pytest.raises(UnknownNameError, match=message):
        load_benchmark(name)


# Listing


def test_the_listing(m2m, m2m_home, make_domain):
    rows = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json', '-').out)}
    digits = {name for name in rows if name.startswith(('Qazi2025', 'SklearnDigits'))}
    assert len(digits) == 44
    assert not any(row['data_here'] for row in rows.values())
    row = rows['Qazi2025.MNIST.SVHN-readout_accuracy']
    assert (row['source'], row['target'], row['kind'], row['area']) == ('MNIST', 'SVHN', 'readout_accuracy', None)
    assert row['needs'] == ['MNIST', 'SVHN']
    assert rows['Qazi2025.SVHN-accuracy']['needs'] == ['SVHN', 'MNIST', 'MNISTM', 'USPS']
    assert (rows['Siegle2021.VISp-rdm']['source'], rows['Siegle2021.VISp-rdm']['area']) == (None, 'VISp')

    make_domain('MNIST', train=0)
    make_domain('SVHN')
    make_domain('Mine')
    rows = {row['identifier']: row for row in json.loads(m2m('benchmarks', '--json', '-').out)}
    here = {name for name, row in rows.items() if row['data_here']}
    # Of MNIST there are no training images, so no readout can be fitted to it.
    assert here == {
        *('Qazi2025.MNIST.SVHN-accuracy', 'Qazi2025.SVHN.MNIST-accuracy', 'Qazi2025.SVHN.MNIST-readout_accuracy'),
        *('Qazi2025.MNIST.Mine-accuracy', 'Qazi2025.SVHN.Mine-accuracy', 'Qazi2025.SVHN.Mine-readout_accuracy'),
    }
    for name in rows:
        if name in here:
            load_benchmark(name)
        elif name.startswith('Qazi2025'):
            with pytest.raises(DataNotFoundError):
                load_benchmark(name)


def test_the_table(m2m, m2m_home, make_domain):
    make_domain('MNIST')
    make_domain('Mine', test=0)
    ran = m2m('benchmarks')
    assert (ran.code, ran.err) == (0, '')
    lines = [line.split() for line in ran.out.splitlines()]
    missing = lines[lines.index(['Not', 'on', 'this', 'machine']) :]
    assert ['Qazi2025', 'accuracy', 'readout_accuracy', *DOMAINS, 'Mine'] in missing
    assert ['SklearnDigits', 'accuracy', 'readout_accuracy', *DERIVED] in lines[: len(lines) - len(missing)]
    compared = [' '.join(line) for line in lines if line and line[0].startswith('-')]
    assert '-accuracy labels by a model that was trained on the source' in compared
    assert '-readout_accuracy labels by a linear readout that is fitted to the source' in compared
    listed = m2m('benchmarks', 'qazi2025').out
    assert 'To get MNISTM:\n  m2m data fetch digits --photos DIR\n' in listed
    assert 'To get SVHN, USPS:\n  m2m data fetch digits\n' in listed
    assert 'To get Mine:\n  m2m data import digits-domain Mine --from PATH\n' in listed
    make_domain('USPS')
    lines = m2m('benchmarks').out.splitlines()
    assert lines[lines.index('Part of the data is on this machine') + 1].startswith('  Qazi2025 ')


# Real digits


@pytest.fixture(scope='module')
def real(shared, tmp_path_factory):
    """M2M_HOME with real digits: MNIST whole, of the other domains the test splits; change nothing in it."""
    home = tmp_path_factory.mktemp('real') / 'm2m_home'
    files = {
        'MNIST': 'mnist',
        'MNISTM': 'mnist_m/mnist_m_test.zip',
        'SVHN': 'svhn/svhn_crops.npz',
        'USPS': 'usps/usps.h5',
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        for name, file in files.items():
            splits = read_domain(shared / 'digits' / file)
            splits = {split: digits for split, digits in splits.items() if split == 'test' or name == 'MNIST'}
            with atomic.write_lock(name):
                write_domain(name, splits, {split: {'made_by': file} for split in splits})
    return home


@pytest.mark.slow
@pytest.mark.seconds
@pytest.mark.shared
def test_a_readout_of_pixels_on_real_digits(real, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(real))
    monkeypatch.setenv('RESULTCACHING_DISABLE', '1')
    network = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(768, 2))
    preprocessing = functools.partial(
        load_preprocess_images, image_size=32, normalize_mean=(0.0, 0.0, 0.0), normalize_std=(1.0, 1.0, 1.0)
    )
    wrapper = PytorchWrapper(network, preprocessing, identifier='pixels-of-digits')
    model = ModelCommitment('pixels-of-digits', wrapper, layers=['0'], region_layer_map={})
    score = load_benchmark('Qazi2025.MNIST-readout_accuracy')(model)

    def features(name, split):
        digits = load_digits(name, split)[:2000]
        images = rgb(np.array(digits.images)).astype(float) / 255
        return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).reshape(len(digits), -1), digits.labels

    train, labels = features('MNIST', 'train')
    scaler = sklearn.preprocessing.StandardScaler().fit(train)
    readout = sklearn.linear_model.LogisticRegression(C=1e-3, max_iter=1000).fit(scaler.transform(train), labels)
    described = {'MNIST': score.attrs['in_domain'], **score.attrs['targets']}
    for name, part in described.items():
        images, truth = features(name, 'test')
        # Another solver, and double precision: a handful of images may come out differently.
        assert part['accuracy'] == pytest.approx(np.mean(readout.predict(scaler.transform(images)) == truth), abs=0.005)
        assert part['n_images'] == len(truth)
    assert described['MNIST']['accuracy'] > 0.8
    assert described['MNISTM']['accuracy'] < 0.7
    svhn = described['SVHN']
    assert svhn['n_images'] == 486
    assert svhn['n_clusters'] < 300
    assert svhn['interval'][0] < svhn['accuracy'] < svhn['interval'][1]
    assert score.attrs['generalization_gap'] > 0.2
