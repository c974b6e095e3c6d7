"""Functional hierarchy: planted orders, null data sets, draws, the command, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from m2m_benchmarks.analysis.hierarchy import ANATOMY, compare_depths, hierarchy, layer_values
from m2m_benchmarks.benchmarks.comparisons.base import Features
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.report.hierarchy import draw_hierarchy, hierarchy_table
from m2m_benchmarks.report.tables import to_lines

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

LAYERS = [f'layer{number}' for number in range(12)]


def values_of(matrix):
    """Name the values of a matrix of areas and layers."""
    return {area: dict(zip(LAYERS, map(float, row), strict=True)) for area, row in zip(ANATOMY, matrix, strict=True)}


@pytest.mark.parametrize(('order', 'expected'), [(1, 1), (-1, -1)])
def test_a_planted_hierarchy_is_found(simulated_home, order, expected):
    areas = sorted(load_benchmark('SimulatedMouse-rdm').areas, key=lambda area: ANATOMY[area.region])
    rng = np.random.default_rng(0)
    # Each layer is the neurons of one area, and noise.
    means = [area.recordings.mean.values for area in areas][::order]
    noisy = [mean + 0.3 * mean.std() * rng.normal(size=mean.shape) for mean in means]
    form = areas[0].comparison.features
    layers = [(f'layer{number}', Features(values, form)) for number, values in enumerate(noisy)]
    measured = {area.region: layer_values(area, layers) for area in areas}
    values, draws = ({area: own[part] for area, own in measured.items()} for part in (0, 1))
    compared = compare_depths('SimulatedMouse-rdm', 'planted', values, draws)
    assert compared.correlation == pytest.approx(expected)
    assert compared.p == pytest.approx(2 / 720)
    assert [own.depth for own in compared.areas] == pytest.approx(np.linspace(0, 1, 6)[::order])
    assert compared.interval[0] - 1e-9 <= expected <= compared.interval[1] + 1e-9
    assert draws['VISp'].shape == (6, 20)
    area = areas[0]
    alone = area.comparison.raw(layers[0][1], area.recordings, area.sample)
    assert (values['VISp']['layer0'], draws['VISp'][0].tolist()) == (alone.value, alone.draws[0].tolist())


def test_of_null_data_sets_five_percent_are_rejected():
    rejected = 0
    for seed in range(200):
        matrix = np.random.default_rng(seed).normal(size=(6, 12))
        rejected += compare_depths('b', 'c', values_of(matrix), dict.fromkeys(ANATOMY)).p <= 0.05
    assert 4 <= rejected <= 18


def test_correlations_and_intervals_are_those_of_each_draw():
    rng = np.random.default_rng(1)
    matrix, draws = rng.normal(size=(6, 12)), rng.normal(size=(6, 12, 50))
    compared = compare_depths('b', 'c', values_of(matrix), dict(zip(ANATOMY, draws, strict=True)))
    place = list(ANATOMY.values())
    assert compared.correlation == pytest.approx(stats.spearmanr(place, matrix.argmax(axis=1)).statistic)
    expected = [stats.spearmanr(place, draws[:, :, draw].argmax(axis=1)).statistic for draw in range(50)]
    assert compared.interval == pytest.approx(np.percentile(expected, [2.5, 97.5]))
    first = compared.areas[0]
    assert first.interval == pytest.approx(np.percentile(draws[0].argmax(axis=0) / 11, [2.5, 97.5]))
    assert (first.layer, first.depth) == (LAYERS[matrix[0].argmax()], matrix[0].argmax() / 11)


def test_one_layer_for_all_areas_is_chance():
    compared = compare_depths('b', 'c', values_of(np.tile(np.arange(12), (6, 1))), dict.fromkeys(ANATOMY))
    assert (compared.correlation, compared.p, compared.interval) == (0, 1, None)
    assert 'Spearman correlation of depth and anatomical place: 0.00; p = 1.000' in hierarchy_table(compared).notes[0]
    draw_hierarchy(compared)


def test_long_names_of_many_layers():
    names = [f'backbone.blocks.{number}.attention.projection' for number in range(70)]
    values = {area: dict(zip(names, np.random.default_rng(0).random(70), strict=True)) for area in ANATOMY}
    matrix = draw_hierarchy(compare_depths('b', 'c', values, dict.fromkeys(ANATOMY))).axes[0]
    assert [label.get_text() for label in matrix.get_xticklabels()] == [str(number) for number in range(0, 70, 3)]
    assert matrix.get_xlabel() == 'layer (backbone.blocks.….attention.projection)'


def test_the_command(m2m, simulated_home, tmp_path):
    files = [tmp_path / name for name in ('f.png', 'f.csv', 'f.json')]
    outputs = [
        word for option, file in zip(('--figure', '--csv', '--json'), files, strict=True) for word in (option, file)
    ]
    ran = m2m('analyze', 'hierarchy', 'plain_digitnet@none', '--benchmark', 'SimulatedMouse-rdm', *outputs)
    assert ran.code == 0
    assert 'Chance' in ran.out and 'perfect' in ran.out
    document, table = json.loads(files[2].read_text()), pd.read_csv(files[1])
    assert [own['area'] for own in document['areas']] == list(ANATOMY)
    assert table[table['best']]['layer'].tolist() == [own['layer'] for own in document['areas']]
    again = hierarchy('plain_digitnet@none', 'SimulatedMouse-rdm')
    depths = pd.read_csv(tmp_path / 'f_depths.csv')
    pd.testing.assert_frame_equal(depths, again.depths())
    assert depths['depth_low'].tolist() == [own.interval[0] for own in again.areas]
    assert json.loads(json.dumps(again.document())) == document
    assert draw_hierarchy(again).axes[1].get_ylabel() == 'depth of the best layer'
    assert 'VISam' in '\n'.join(line.plain for line in to_lines(hierarchy_table(again), 100))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['plain_digitnet@none', '--benchmark', 'SimulatedMouse.VISp-rdm'], 'is not of the areas of a dataset'),
        (['pixels_64', '--benchmark', 'SimulatedMouse-rdm'], 'pixels_64 has 1 layer that can be compared'),
        (['pixels', '--benchmark', 'SimulatedMouse-rdm'], 'pixels is not a PyTorch network'),
    ],
)
def test_refusals(m2m, simulated_home, arguments, message):
    ran = m2m('analyze', 'hierarchy', *arguments)
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert message in ' '.join(ran.err.split())


def test_one_area_has_no_order(m2m, recorded):
    recorded()
    ran = m2m('analyze', 'hierarchy', 'plain_digitnet@none', '--benchmark', 'deVries2020-rdm')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert 'has 1 of the areas VISp, VISl, VISrl, VISal, VISpm, VISam; an order needs 3' in ' '.join(ran.err.split())
