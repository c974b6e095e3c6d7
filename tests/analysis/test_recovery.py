"""Which model a benchmark finds in recordings simulated from each."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.analysis import recovery as module
from m2m_benchmarks.analysis import simulated_experiment as simulated
from m2m_benchmarks.arrays import wilson_interval
from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError, DataError, StorageError
from m2m_benchmarks.report.comparison import write_figure
from m2m_benchmarks.report.recovery import UPPER_BOUND, draw_recoveries, recovery_tables
from m2m_benchmarks.report.tables import to_lines

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('simulated_home')]


def experiment(comparison, n_candidates=2, n_layers=3, seed=0):
    """An experiment with layers whose truth is known: independent units, some shared between layers."""
    area = load_benchmark(f'SimulatedMouse.VISp-{comparison}')
    rng = np.random.default_rng(seed)
    layers = []
    for candidate in range(n_candidates):
        for number in range(n_layers):
            factors = rng.standard_normal((118, 6))
            units = np.maximum(factors @ rng.standard_normal((6, 200)), 0) + 0.1
            layers.append(simulated.Layer(candidate, f'{candidate}.{number}', Features(units), units))
    return simulated.Experiment(area, layers, n_candidates, 0), layers


def own(layers):
    return [simulated.Truth(number, ((layer.units, 1.0),)) for number, layer in enumerate(layers)]


@pytest.mark.parametrize('comparison', ['rdm', 'ridge'])
def test_distinct_layers_are_found(comparison):
    simulation, layers = experiment(comparison, n_layers=2)
    steps = []
    setting = simulation.run('own layer', own(layers), (96, None, 118), 2, 0, lambda: steps.append(1))
    assert len(steps) == 8
    for answers in (setting.cross_fitted, setting.all_neuroids):
        assert answers.model.value == answers.layer.value == 1
        assert answers.models == [[4, 0], [0, 4]]
        assert answers.model.interval == wilson_interval(np.ones(8, dtype=bool))
        assert answers.model.n == answers.layer.n == 8
        np.testing.assert_allclose(
            np.diagonal(answers.model_intervals), np.transpose([wilson_interval(np.ones(4) == 1)] * 2)
        )
        # Both halves of a recording are one answer, as they agree.
        right, wrong = (wilson_interval(np.full(2, value)) for value in (True, False))
        expected = [[right if row == column else wrong for column in range(4)] for row in range(4)]
        np.testing.assert_allclose(answers.layer_intervals, expected)
    np.testing.assert_array_equal(setting.all_neuroids.layers, 2 * np.eye(4))
    np.testing.assert_array_equal(setting.cross_fitted.layers, 4 * np.eye(4))  # each half counts


def test_a_mixture_is_taken_for_the_nearer_layer():
    simulation, layers = experiment('rdm')
    truths = [
        simulated.Truth(number, ((layer.units, module.NEARER), (layers[number - 1].units, 1 - module.NEARER)))
        for number, layer in enumerate(layers)
    ]
    setting = simulation.run('mixture', truths, (96, None, 118), 2, 0, lambda: None)
    assert setting.all_neuroids.layer.value > 0.9


@pytest.mark.parametrize('comparison', ['rdm', 'ridge', 'pls'])
def test_each_half_is_scored_with_the_layer_of_the_other(comparison):
    """Values from the definition: the halves by hand, and a median over neuroids for regression."""
    simulation, layers = experiment(comparison)
    values = []
    for _ in range(2):  # the same random numbers
        values.append(simulation._values(own(layers)[1], 96, None, 118, np.random.default_rng(3)))
    (halves, whole, joined), _ = values
    np.testing.assert_array_equal(whole, values[1][1])
    given = []
    with pytest.MonkeyPatch.context() as patch:
        compare = AreaBenchmark.compare
        patch.setattr(
            AreaBenchmark, 'compare', lambda self, *each: given.append((each, compare(self, *each))) or given[-1][1]
        )
        simulation._values(own(layers)[1], 96, None, 118, np.random.default_rng(3))
    (features, parts), _ = given[0]
    area = load_benchmark(f'SimulatedMouse.VISp-{comparison}')
    by_hand = [area.comparison.raw(features, part).value for part in parts]
    np.testing.assert_allclose(halves[:, 0], by_hand, atol=1e-12)
    other = [area.comparison.raw(layers[4].features, part) for part in parts]
    one = [area.comparison.raw(layers[2].features, part) for part in parts]
    expected = one[0].value + other[1].value
    if comparison != 'rdm':
        expected = np.median(np.concatenate([one[0].per_neuroid, other[1].per_neuroid]))
    assert joined(2, 4) == pytest.approx(expected, abs=1e-12)


def test_layers_are_chosen_by_the_comparison_that_is_named_for_it(monkeypatch):
    """Of -pls_noise_corrected by -pls; the slow one is computed for the chosen layers alone."""
    monkeypatch.setattr('m2m_benchmarks.benchmarks.comparisons.pls_noise_corrected.N_TRIAL_SPLITS', 4)
    simulation, layers = experiment('pls_noise_corrected')
    compared, compare = [], AreaBenchmark.compare
    monkeypatch.setattr(
        AreaBenchmark, 'compare', lambda self, *each: compared.append(self.comparison.name) or compare(self, *each)
    )
    halves, whole, joined = simulation._values(own(layers)[1], 96, None, 118, np.random.default_rng(3))
    assert compared == ['pls'] * 6
    assert halves[0].argmax() == halves[1].argmax() == whole.argmax() == 1
    assert joined(1, 1) > joined(4, 4)
    joined(1, 4)  # of halves that are known
    assert compared[6:] == ['pls_noise_corrected'] * 4
    setting = simulation.run('own layer', own(layers)[:1], (96, None, 118), 1, 0, lambda: None)
    assert setting.cross_fitted.model.value == setting.all_neuroids.model.value == 1


def test_recordings_have_the_size_that_is_asked_for():
    simulation, layers = experiment('rdm', n_layers=1)
    for size, expected in (((40, 5, 60), (40, 5, 60)), ((300, None, 118), (300, 20, 118))):
        setting = simulation.run('own layer', own(layers), size, 1, 0, lambda: None)
        assert (setting.n_neuroids, setting.n_trials, setting.n_images) == expected
    with pytest.raises(BenchmarkError, match=r'4 of the neuroids of SimulatedMouse\.VISp-rdm are too few to choose a'):
        simulation.run('own layer', own(layers), (4, None, 118), 1, 0, lambda: None)


@pytest.mark.slow
def test_of_networks(m2m_home, tmp_path, m2m):
    figure, file = tmp_path / 'found.svg', tmp_path / 'found.json'
    ran = m2m(
        *('analyze', 'recovery', 'plain_digitnet@none', 'pixels_64', '--benchmark', 'SimulatedMouse.VISp-rdm'),
        *('--recordings', '1', '--trials', '5', '--figure', figure, '--json', file),
        *('--layer', 'pixels', '--layer', 'backbone.conv1', '--layer', 'backbone.conv2'),
    )
    assert ran.code == 0, ran.err
    (document,) = json.loads(file.read_text())
    assert document['candidates'] == ['plain_digitnet@none', 'pixels_64']
    truths = [setting['truth'] for setting in document['settings']]
    kinds = ['own layer', 'own layer, own scale', 'mixture of two layers', 'another seed']
    assert truths == kinds + kinds[:2]
    assert [setting['n_trials'] for setting in document['settings']] == [20] * 4 + [5] * 2
    digitnet = [['plain_digitnet@none', layer] for layer in ('backbone.conv1', 'backbone.conv2')]
    assert document['layers'] == [*digitnet, ['pixels_64', 'pixels']]
    assert np.sum(document['settings'][0]['all_neuroids']['layers']) == 3
    assert 'Upper bound' in ran.out and '<svg' in figure.read_text()


def test_tables_and_figure(tmp_path):
    simulation, layers = experiment('rdm', n_layers=2)
    sizes = [('own layer', (96, None, 118)), ('another seed', (96, None, 118)), ('own layer', (40, None, 118))]
    settings = [simulation.run(kind, own(layers), size, 1, 0, lambda: None) for kind, size in sizes]
    names = [(f'net$_{layer.candidate}', layer.name) for layer in layers]
    result = module.Recovery('SimulatedMouse.VISp-rdm', ['net$_0', 'net$_1'], names, settings)
    first, second = recovery_tables(result)
    assert [row.cells[:5] for row in first.rows] == [
        ('own layer', 96, 20, 118, 4),
        ('another seed', 96, 20, 118, 4),
        ('own layer', 40, 20, 118, 4),
    ]
    assert UPPER_BOUND in first.notes
    assert [sum(row.cells[1::2]) for row in second.rows] == [1, 1]
    assert all(
        low <= share <= high
        for row in second.rows
        for share, (low, high) in zip(row.cells[1::2], row.cells[2::2], strict=True)
    )
    assert json.loads(json.dumps(result.document()))['settings'][2]['n_neuroids'] == 40
    write_figure([result, result], tmp_path / 'found.svg', draw_recoveries)
    text = (tmp_path / 'found.svg').read_text()
    for part in ('net$_1', '1.0', '40 neuroids', 'another seed', 'Upper bound'):
        assert f'<!-- {part}' in text
    of_one_size = module.Recovery(result.benchmark, result.candidates, result.layers, settings[:2])
    for shown, n_curves in ((result, 2), (of_one_size, 0)):
        axes = draw_recoveries([shown]).axes[1]
        labels = [label.get_text() for label in axes.get_legend().get_texts()]
        assert labels == ['right model', 'right layer']
        assert len([line for line in axes.get_lines() if line.get_linestyle() == '-']) == n_curves
    with pytest.raises(StorageError, match='expected a file that ends in'):
        write_figure([result], tmp_path / 'found.txt', draw_recoveries)


@pytest.mark.parametrize('width', [60, 80, 100])
def test_tables_of_long_names(width):
    simulation, layers = experiment('rdm', n_layers=1)
    setting = simulation.run('own layer', own(layers), (96, None, 118), 1, 0, lambda: None)
    candidates = [f'torchvision:shufflenet_v2_x0_5@weights_of_epoch_{number}.pth' for number in (90, 100)]
    names = list(zip(candidates, 'ab', strict=True))
    result = module.Recovery('Vanderbilt2026TwoPhoton.VISp-rdm_standardised', candidates, names, [setting])
    lines = [line.plain for table in recovery_tables(result) for line in to_lines(table, width)]
    assert all(len(line) <= width for line in lines)
    text = ''.join(line.strip() for line in lines)
    assert all(name in text for name in (*candidates, result.benchmark, 'own layer'))
    assert {'96', '20', '118', '1.00', '0.00'} <= {word for line in lines for word in line.split()}


def test_further_images(tmp_path, m2m_home):
    """The recorded stimuli come first, in the order of the recordings."""
    area = load_benchmark('SimulatedMouse.VISp-rdm')
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 50 * number, dtype=np.uint8)).save(tmp_path / f'{number}.png')
    (tmp_path / 'notes.txt').write_text('no image')
    more = module._image_files(tmp_path)
    stimuli = module._stimuli(area, more)
    ids = [str(name) for name in area.recordings.mean['stimulus_id'].values]
    assert stimuli['stimulus_id'].tolist() == [*ids, 'image 0', 'image 1', 'image 2']
    assert [str(stimuli.get_stimulus(f'image {number}')) for number in range(3)] == [str(path) for path in more]
    assert stimuli.get_stimulus(ids[5]) == area.stimulus_set.get_stimulus(ids[5])
    assert module._stimuli(area, []).identifier != stimuli.identifier
    (tmp_path / '1.png').write_bytes(b'no image')
    with pytest.raises(DataError, match=r'1\.png'):
        module._image_files(tmp_path)


VISP = ('--benchmark', 'SimulatedMouse.VISp-rdm')
TWO = ('pixels_64', 'plain_digitnet@none')


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (('pixels_64', *VISP), 2, 'expected two models or more'),
        (('pixels_64', 'pixels_64', *VISP), 1, 'is named twice'),
        (('pixels_64', 'pixels_65', *VISP), 1, 'Did you mean pixels_64'),
        ((*TWO, '--benchmark', 'SklearnDigits-readout_accuracy'), 1, 'has no neuroids'),
        ((*TWO, *VISP, '--neuroids', '4,x'), 2, "'4,x'"),
        ((*TWO, *VISP, '--images', 'nowhere'), 1, 'there are no images in nowhere'),
        ((*TWO, *VISP, '--figure', 'found.txt'), 1, 'expected a file that ends in'),
        ((*TWO, *VISP, '--layer', 'pixels', '--layer', 'x'), 1, 'none of the models has a layer x; `m2m models show'),
        ((*TWO, *VISP, '--layer', 'pixels'), 1, 'plain_digitnet@none has none of the layers pixels; name one'),
    ],
)
def test_bad_input(arguments, code, message, m2m):
    ran = m2m('analyze', 'recovery', *arguments)
    assert (ran.code, ran.out) == (code, '')
    assert message in ran.err


def test_what_cannot_be_simulated(monkeypatch):
    area = load_benchmark('SimulatedMouse.VISp-rdm')
    single = dataclasses.replace(area.recordings, trials=area.recordings.trials[:1])
    monkeypatch.setattr(
        module,
        'load_benchmark',
        lambda name: AreaBenchmark('SimulatedMouse', 'VISp', load_comparison('ridge'), selected=single),
    )
    with pytest.raises(BenchmarkError, match='cannot be simulated: its recordings have one trial'):
        module.recovery(['pixels_64', 'plain_digitnet@none'], 'SimulatedMouse.VISp-ridge')
