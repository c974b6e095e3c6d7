"""Scores of domain generalization, for every kind of candidate."""

import functools
import json

import numpy as np
import pytest
import torch
from brainscore_core.supported_data_standards.brainio.assemblies import BehavioralAssembly
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.data.digits.domains import load_digits
from m2m_benchmarks.data.digits.images import rgb
from m2m_benchmarks.errors import BenchmarkError, ModelError, UnknownNameError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.records import store
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.scoring.weights import weights_sha256
from m2m_benchmarks.testing import LabellingCandidate, SmallNetwork, write_trained

DERIVED = ('blended', 'inverted', 'blurred', 'thin', 'thick')
#: Keys that results of domain generalization have in addition to those of every result.
KEYS = {'source', 'protocol', 'in_domain', 'targets', 'generalization_gap', 'chance', 'n_seeds', 'seed'}


@pytest.fixture
def two(m2m_home, make_domain):
    """A data folder with MNIST and two imported domains, one of them hard to read."""
    for seed, name in enumerate(('MNIST', 'Mine', 'Hard')):
        make_domain(name, 120, 60, seed, noise=250 if name == 'Hard' else 50)
    return m2m_home


def tensor(name, split='test'):
    """Images of a split, normalised as ImageNet's are, and their labels."""
    digits = load_digits(name, split)
    images = torch.tensor(rgb(np.array(digits.images)) / 255, dtype=torch.float32)
    images = (images - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    return images.permute(0, 3, 1, 2), digits.labels


def accuracy(network, name, split='test'):
    images, labels = tensor(name, split)
    with torch.no_grad():
        return float(np.mean(network.eval()(images).argmax(dim=1).numpy() == labels))


def train(network, steps=60):
    """Train a network a little, so that it is better than chance."""
    images, labels = tensor('MNIST', 'train')
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), torch.from_numpy(labels)).backward()
        optimizer.step()
    return network.eval()


# A model trained on the source


@pytest.mark.seconds
@pytest.mark.slow
def test_a_network_of_ones_own_with_ten_outputs(m2m_home):
    network = SmallNetwork()
    result = score(network, 'SklearnDigits-accuracy', image_size=32)
    document = result.attrs['result']
    json.dumps(document, allow_nan=False)
    assert set(document) >= KEYS
    expected = {name: accuracy(network, 'SklearnDigits', name) for name in DERIVED}
    assert {name: part['accuracy'] for name, part in document['targets'].items()} == pytest.approx(expected, abs=1e-12)
    assert document['in_domain']['accuracy'] == pytest.approx(accuracy(network, 'SklearnDigits'), abs=1e-12)
    assert float(result) == document['score'] == document['raw'] == pytest.approx(np.mean(list(expected.values())))
    assert document['ceiling'] == 1
    assert document['generalization_gap'] == pytest.approx(document['in_domain']['accuracy'] - document['score'])
    assert (document['chance'], document['n_seeds'], document['seed']) == (0.1, 1, None)
    assert (document['layer'], document['layer_scores']) == ('outputs', {})
    assert document['commitment'] == 'trained on the source'
    assert document['n_stimuli'] == 5 * 597
    assert (document['simulated'], document['n_neuroids']) == (False, None)
    assert document['weights_sha256'] == weights_sha256(network)
    assert document['data_sha256'] == load_benchmark('SklearnDigits-accuracy').sha256
    assert [stored.document() for stored in store.results('SmallNetwork', 'SklearnDigits-accuracy')] == [document]
    # One of the targets has the same number alone.
    alone = score(network, 'SklearnDigits.thin-accuracy', image_size=32)
    assert float(alone) == document['targets']['thin']['accuracy']
    assert len(store.results('SmallNetwork')) == 2


@pytest.mark.seconds
def test_a_network_that_has_learnt(two):
    network = train(SmallNetwork())
    document = score(network, 'Qazi2025.MNIST.Mine-accuracy', image_size=32).attrs['result']
    assert document['in_domain']['accuracy'] == accuracy(network, 'MNIST') > 0.8
    assert document['score'] == accuracy(network, 'Mine') > 0.8
    assert abs(document['generalization_gap']) < 0.2


@pytest.mark.parametrize('benchmark', ['SklearnDigits-accuracy', 'SklearnDigits.thin-accuracy'])
@pytest.mark.seconds
def test_a_network_with_seven_outputs(m2m_home, benchmark):
    with pytest.raises(ModelError) as caught:
        score(SmallNetwork(7), benchmark, image_size=32)
    assert str(caught.value) == (
        'SmallNetwork has 7 outputs, expected 10: one for each of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. A network that was not '
        f'trained on the digits of SklearnDigits can be scored on {benchmark.replace("-", "-readout_")}.'
    )
    assert store.results() == []


@pytest.mark.seconds
def test_what_seven_outputs_can_be_scored_on(two):
    document = score(SmallNetwork(7), 'Qazi2025.MNIST.Mine-readout_accuracy', image_size=32).attrs['result']
    assert 0.1 < document['score'] <= 1
    assert document['protocol'] == 'readout_accuracy'


@pytest.mark.seconds
@pytest.mark.slow
def test_a_network_of_imagenet(m2m, two):
    ran = m2m('score', 'torchvision:squeezenet1_1', 'Qazi2025.MNIST.Mine-accuracy', '--weights', 'none')
    assert (ran.code, ran.out) == (1, '')
    assert ran.err == (
        'error: torchvision:squeezenet1_1 has 1000 outputs, expected 10: one for each of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. '
        'A network that was not trained on the digits of MNIST can be scored on Qazi2025.MNIST.Mine-readout_accuracy.\n'
    )


@pytest.mark.seconds
def test_outputs_that_are_not_numbers(two):
    network = SmallNetwork()
    nn.init.constant_(network.head.bias, float('nan'))
    with pytest.raises(ModelError, match='the outputs of SmallNetwork contain NaN'):
        score(network, 'Qazi2025.MNIST.Mine-accuracy', image_size=32)
    nn.init.constant_(network.hidden.bias, float('nan'))
    with pytest.raises(ModelError, match=r'SmallNetwork does not work here: ValueError: Input X contains NaN'):
        score(network, 'Qazi2025.MNIST.Mine-readout_accuracy', layer='head', image_size=32)


def right(row):
    return row.image_label


def perfect(fail=False):
    """A model that knows all labels; with `fail`, it breaks at the second set of images."""

    def choose(row):
        if fail and row.stimulus_id.startswith('Mine_'):
            raise RuntimeError('the cable fell out')
        return right(row)

    return LabellingCandidate(choose, identifier='perfect')


def commitment(network, regions=None, **options):
    preprocessing = functools.partial(
        load_preprocess_images,
        image_size=32,
        normalize_mean=(0.485, 0.456, 0.406),
        normalize_std=(0.229, 0.224, 0.225),
    )
    wrapper = PytorchWrapper(network, preprocessing, identifier='committed')
    wrapper.image_size = 32
    return ModelCommitment('committed', wrapper, layers=['conv', 'hidden'], region_layer_map=regions or {}, **options)


@pytest.mark.seconds
def test_a_model_that_names_its_outputs_is_believed(two):
    """Its first output may stand for 9: its own answer to the task counts."""

    def backwards(stimuli, _):
        paths = [str(stimuli.get_stimulus(stimulus)) for stimulus in stimuli['stimulus_id']]
        with torch.no_grad():
            outputs = network(torch.from_numpy(model.activations_model._extractor.preprocess(paths)))
        labels = [str(9 - int(index)) for index in outputs.argmax(dim=1)]
        return BehavioralAssembly([labels], dims=['choice', 'presentation'])

    network = train(SmallNetwork())
    with torch.no_grad():
        network.head.weight.copy_(network.head.weight.flip(0).clone())
        network.head.bias.copy_(network.head.bias.flip(0).clone())
    model = commitment(network)
    plain = score(model, 'Qazi2025.MNIST.Mine-accuracy')
    own_labels = LabellingCandidate(right, backwards)
    model.behavior_model.mapping[BrainModel.Task.label] = own_labels
    own = score(model, 'Qazi2025.MNIST.Mine-accuracy')
    assert own_labels.tasks == [('label', list('0123456789'))]
    images, labels = tensor('Mine')
    with torch.no_grad():
        indices = network(images).argmax(dim=1).numpy()
    assert float(plain) == np.mean(indices == labels) < 0.2
    assert float(own) == np.mean(9 - indices == labels) > 0.8


# A readout


@pytest.mark.seconds
@pytest.mark.slow
def test_a_readout_of_the_layer_that_a_model_names(two):
    network = SmallNetwork()
    model = commitment(network, behavioral_readout_layer='hidden')
    document = score(model, 'Qazi2025.MNIST.Hard-readout_accuracy').attrs['result']
    assert (document['layer'], document['commitment']) == ('hidden', 'readout of the layer that the model names')
    named = score(commitment(network), 'Qazi2025.MNIST.Hard-readout_accuracy', layer='hidden').attrs['result']
    other = score(model, 'Qazi2025.MNIST.Hard-readout_accuracy', layer='conv').attrs['result']
    assert (named['layer'], named['commitment']) == ('hidden', 'readout of the named layer')
    assert (named['score'], named['in_domain']) == (document['score'], document['in_domain'])
    expected = [readout(network, layer, 'Hard') for layer in ('hidden', 'conv')]
    assert [named['score'], other['score']] == expected
    assert expected[0] != expected[1]


def readout(network, layer, name):
    """Accuracy of Brain-Score's classifier on a layer's responses to the arrays in the data folder."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def features(name, split):
        outputs = []
        hook = network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: outputs.append(output))
        images, labels = tensor(name, split)
        with torch.no_grad():
            network.eval()(images)
        hook.remove()
        return outputs[0].flatten(1).numpy(), labels

    train, labels = features('MNIST', 'train')
    scaler = StandardScaler().fit(train)
    classifier = LogisticRegression(C=1e-3, solver='newton-cg').fit(scaler.transform(train), labels)
    images, truth = features(name, 'test')
    return float(np.mean(classifier.predict(scaler.transform(images)) == truth))


def test_unknown_layers(two):
    network = SmallNetwork()
    with pytest.raises(UnknownNameError, match=r"unknown layer 'hiden': .*SmallNetwork.* Did you mean hidden"):
        score(network, 'Qazi2025.MNIST.Mine-readout_accuracy', layer='hiden', image_size=32)
    with pytest.raises(
        BenchmarkError, match=r'--layer hidden is for readouts; Qazi2025\.MNIST\.Mine-accuracy uses the'
    ):
        score(network, 'Qazi2025.MNIST.Mine-accuracy', layer='hidden', image_size=32)
    with pytest.raises(ModelError, match='perfect is not a PyTorch network in a ModelCommitment; leave out --layer'):
        score(perfect(), 'Qazi2025.MNIST.Mine-readout_accuracy', layer='hidden')


@pytest.mark.seconds
def test_a_changed_network_is_never_scored_with_old_activations(two, tmp_path, monkeypatch):
    """Brain-Score stores activations by name alone; both networks have the name of the class."""
    monkeypatch.setenv('RESULTCACHING_HOME', str(tmp_path / 'store'))
    monkeypatch.delenv('RESULTCACHING_DISABLE', raising=False)
    networks = [SmallNetwork(seed=seed) for seed in (0, 1)]
    scores = [
        float(score(network, 'Qazi2025.MNIST.Hard-readout_accuracy', layer='conv', image_size=32))
        for network in networks
    ]
    assert scores == [readout(network, 'conv', 'Hard') for network in networks]
    assert scores[0] != scores[1]
    assert not list(tmp_path.glob('store/**/*.pkl'))


@pytest.mark.seconds
def test_a_model_records_after_a_task(two, monkeypatch):
    """A ModelCommitment keeps its task until it gets another."""
    monkeypatch.setenv('RESULTCACHING_DISABLE', '1')  # Brain-Score may have stored stimuli of an earlier test run
    model = commitment(SmallNetwork(), {'V1': 'conv'})
    for protocol in ('accuracy', 'readout_accuracy'):
        benchmark = f'Qazi2025.MNIST.Mine-{protocol}'
        score(model, benchmark)
        model.start_recording('V1', time_bins=[(50, 150)])
        recorded = model.look_at(load_benchmark(benchmark).stimuli['Mine'].iloc[:5])
        assert recorded.sizes['neuroid'] == 600
    broken = commitment(SmallNetwork(7))
    broken.behavior_model.mapping[BrainModel.Task.label] = perfect(fail=True)
    with pytest.raises(ModelError):
        score(broken, 'Qazi2025.MNIST.Mine-accuracy')
    assert not broken.do_behavior


# Models of another kind


@pytest.mark.parametrize('protocol', ['accuracy', 'readout_accuracy'])
@pytest.mark.seconds
def test_any_brain_model(two, protocol):
    document = score(perfect(), f'Qazi2025.MNIST.Mine-{protocol}').attrs['result']
    assert (document['model'], document['score'], document['error']) == ('perfect', 1, 0)
    assert document['weights_sha256'] is None
    with pytest.raises(ModelError, match='perfect does not work here: RuntimeError: the cable fell out'):
        score(perfect(fail=True), f'Qazi2025.MNIST.Mine-{protocol}')
    assert len(store.results('perfect')) == 1


def test_a_model_without_behaviour(two):
    class Recorder(BrainModel):
        identifier = 'recorder'

    with pytest.raises(ModelError, match='recorder does not work here: NotImplementedError'):
        score(Recorder(), 'Qazi2025.MNIST.Mine-readout_accuracy')


# Trained runs


@pytest.fixture
def learnt(two):
    """A plain digitnet trained on MNIST."""
    network = family.network('plain_digitnet', 'none', 0)
    digits = load_digits('MNIST', 'train')
    images = torch.tensor(rgb(np.array(digits.images)) / 255, dtype=torch.float32).permute(0, 3, 1, 2)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(12):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), torch.from_numpy(digits.labels)).backward()
        optimizer.step()
    return network.eval()


def raw_accuracy(network, name):
    digits = load_digits(name, 'test')
    images = torch.tensor(rgb(np.array(digits.images)) / 255, dtype=torch.float32).permute(0, 3, 1, 2)
    with torch.no_grad():
        return float(np.mean(network(images).argmax(dim=1).numpy() == digits.labels))


@pytest.mark.seconds
@pytest.mark.slow
def test_a_trained_run(two, learnt, m2m, tmp_path):
    folder = write_trained(tmp_path / 'runs' / 'mine', 'plain_digitnet', learnt, seed=5).folder
    benchmark = 'Qazi2025.MNIST.Mine-accuracy'
    document = score(f'run:{folder}', benchmark).attrs['result']
    assert document['score'] == raw_accuracy(learnt, 'Mine') > 0.5
    assert document['in_domain']['accuracy'] == raw_accuracy(learnt, 'MNIST')
    assert (document['model'], document['seed']) == ('plain_digitnet', 5)
    assert document['weights'].startswith('run mine: MNIST, seed 5 (SHA-256 ')
    # The folder, and the file in it, are the same run.
    for weights in (folder, folder / 'weights.safetensors'):
        again = score('plain_digitnet', benchmark, weights=weights).attrs['result']
        assert (again['score'], again['seed'], again['weights']) == (document['score'], 5, document['weights'])
        with pytest.raises(ModelError, match='trained plain_digitnet, not neurn_digitnet'):
            score('neurn_digitnet', benchmark, weights=weights)
    # A copy of the file alone is of no known run.
    copied = tmp_path / 'copied.safetensors'
    copied.write_bytes((folder / 'weights.safetensors').read_bytes())
    alone = score('plain_digitnet', benchmark, weights=copied).attrs['result']
    assert (alone['score'], alone['seed']) == (document['score'], None)
    ran = m2m('score', f'run:{folder}', 'Qazi2025.Mine.MNIST-accuracy')
    assert ran.code == 1
    assert ran.err == (
        'error: the run mine was trained on MNIST, Qazi2025.Mine.MNIST-accuracy is for models trained on Mine. Score '
        'it on a benchmark with the source MNIST, or on Qazi2025.Mine.MNIST-readout_accuracy.\n'
    )
    assert m2m('score', f'run:{folder}', 'Qazi2025.Mine.MNIST-readout_accuracy').code == 0


@pytest.mark.seconds
@pytest.mark.slow
def test_a_run_with_classes_in_another_order(two, learnt, tmp_path):
    order = '3907162584'
    shuffled = family.network('plain_digitnet', 'none', 0)
    state = dict(learnt.state_dict())
    for part in ('weight', 'bias'):
        state[f'backbone.fc3.{part}'] = state[f'backbone.fc3.{part}'][[int(digit) for digit in order]]
    shuffled.load_state_dict(state)
    folder = write_trained(tmp_path / 'shuffled', 'plain_digitnet', shuffled, classes=order).folder
    assert float(score(f'run:{folder}', 'Qazi2025.MNIST.Mine-accuracy')) == raw_accuracy(learnt, 'Mine')


@pytest.mark.seconds
@pytest.mark.slow
def test_a_run_on_other_classes(two, tmp_path):
    network = family.network('plain_digitnet', 'none', 0, n_classes=3)
    folder = write_trained(tmp_path / 'pets', 'plain_digitnet', network, classes=['cat', 'dog', 'fish']).folder
    with pytest.raises(ModelError, match=r'plain_digitnet has no output for 0, 1, .*; its classes are cat, dog, fish'):
        score(f'run:{folder}', 'Qazi2025.MNIST.Mine-accuracy')
    assert 0 < float(score(f'run:{folder}', 'Qazi2025.MNIST.Mine-readout_accuracy')) <= 1


def test_a_run_of_a_network_with_another_number_of_outputs(two, tmp_path):
    """The weights don't fit the network with ImageNet's outputs; the run beside them tells the number of outputs."""
    network = family.network('plain_squeezenet1_1', 'none', 0, n_classes=10)
    folder = write_trained(tmp_path / 'squeezed', 'plain_squeezenet1_1', network).folder
    candidate = load_candidate('plain_squeezenet1_1', weights=folder / 'weights.safetensors')
    assert candidate.run.classes == list('0123456789')
    assert candidate.weights_sha256 == weights_sha256(network)


# The command line


@pytest.mark.seconds
def test_the_table(m2m, two):
    ran = m2m('score', 'neurn_digitnet', 'Qazi2025.MNIST.Mine-accuracy', '--weights', 'none')
    assert (ran.code, ran.err) == (0, '')
    assert 'neurn_digitnet@none (seed 0)' in ran.out.splitlines()
    lines = [line.split() for line in ran.out.splitlines()]
    network = family.network('neurn_digitnet', 'none', 0).eval()
    for words, name in ((['MNIST', '(source)'], 'MNIST'), (['Mine'], 'Mine')):
        (row,) = [line for line in lines if line[: len(words)] == words and line[-1] == '60']
        assert row[len(words)] == f'{raw_accuracy(network, name):.3f}'
        assert row[-2:] == ['60', '60']
    assert 'share of correct labels, mean over the targets; chance is 0.1' in ran.out
    gap = raw_accuracy(network, 'MNIST') - raw_accuracy(network, 'Mine')
    assert f'gap {gap:+.3f}: accuracy on the source minus the score' in ran.out
    assert 'Compared: labels by a model that was trained on the source.' in ran.out
    assert 'not those of the paper' not in ran.out


@pytest.mark.slow
@pytest.mark.seconds
def test_the_table_of_both_protocols_and_of_a_mouse(m2m, m2m_home):
    ran = m2m(
        *('score', 'plain_digitnet', 'SklearnDigits.thin-accuracy', 'SklearnDigits.thick-readout_accuracy'),
        *('SimulatedMouse.VISp-rdm', '--weights', 'none', '--seed', 3),
    )
    assert (ran.code, ran.err) == (0, '')
    for text in (
        'SklearnDigits.thin-accuracy',
        'SklearnDigits.thick-readout_accuracy',
        'Compared: labels by a linear readout that is fitted to the source (backbone.relu4).',
        "scikit-learn's digits and domains derived from them, not those of the paper",
        'SimulatedMouse-rdm (simulated)',
        '-rdm: score = raw / ceiling; ± by bootstrap over animals and stimuli',
    ):
        assert text in ran.out
    assert [row.benchmark for row in store.results('plain_digitnet')] == [
        'SklearnDigits.thin-accuracy',
        'SklearnDigits.thick-readout_accuracy',
        'SimulatedMouse.VISp-rdm',
    ]


@pytest.mark.seconds
def test_a_layer_on_the_command_line(m2m, two):
    ran = m2m(
        *('score', 'plain_digitnet', 'Qazi2025.MNIST.Mine-readout_accuracy', '--weights', 'none'),
        *('--layer', 'backbone.pool2', '--json', '-'),
    )
    assert (ran.code, ran.err) == (0, '')
    document = json.loads(ran.out)
    assert (document['layer'], document['commitment']) == ('backbone.pool2', 'readout of the named layer')
    assert [stored.document() for stored in store.results()] == [document]
    ran = m2m('score', 'plain_digitnet', 'Qazi2025.MNIST.Mine-accuracy', '--weights', 'none', '--layer', 'backbone.fc1')
    assert (ran.code, ran.out) == (1, '')
    assert '--layer backbone.fc1 is for readouts' in ran.err


@pytest.mark.seconds
def test_json_of_several(m2m, two, tmp_path):
    names = ['Qazi2025.MNIST.Mine-accuracy', 'Qazi2025.MNIST.Mine-readout_accuracy']
    target = tmp_path / 'result.json'
    ran = m2m('score', 'plain_digitnet', *names, '--weights', 'none', '--json', target)
    assert ran.code == 0
    documents = json.loads(target.read_text())
    assert [document['benchmark'] for document in documents] == names
    assert [document['protocol'] for document in documents] == ['accuracy', 'readout_accuracy']
    assert [stored.document() for stored in store.results()] == documents
    for document in documents:
        part = document['targets']['Mine']
        assert set(part) == {'accuracy', 'interval', 'n_images', 'n_clusters', 'confusion'}
        assert part['interval'][0] < part['accuracy'] < part['interval'][1]


def test_missing_domains_are_named(m2m, m2m_home):
    ran = m2m('score', 'plain_digitnet', 'Qazi2025.MNIST.SVHN-accuracy', '--weights', 'none')
    assert (ran.code, ran.out) == (1, '')
    assert 'MNIST is not on this machine' in ran.err
    assert 'SVHN is not on this machine' in ran.err
    assert '  m2m data fetch digits\n' in ran.err
    ran = m2m('score', 'plain_digitnet', 'Qazi2025.MNIST.SVNH-accuracy', '--weights', 'none')
    assert 'Did you mean' in ran.err
    ran = m2m('score', 'plain_digitnet', 'Qazi2025.MNIST.MNIST-accuracy', '--weights', 'none')
    assert 'MNIST cannot be its own target' in ran.err


@pytest.mark.seconds
@pytest.mark.slow
def test_progress_is_reported_and_brain_scores_own_is_not_shown(two, capfd):
    reports = []
    candidate = load_candidate('plain_digitnet', 'none')
    names = ['Qazi2025.MNIST.Mine-accuracy', 'Qazi2025.MNIST.Mine-readout_accuracy']
    list(score_candidate(candidate, names, progress=lambda *report: reports.append(report)))
    assert reports == [
        ('MNIST: images', 60, 60),
        ('Mine: images', 60, 60),
        ('MNIST: fitting', 0, 1),
        ('MNIST: fitting', 1, 1),
        ('MNIST: images', 60, 60),
        ('Mine: images', 60, 60),
    ]
    assert capfd.readouterr().err == ''
