"""Figures of a model's report: what they draw, their data, and results that lack something."""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest
from matplotlib.ticker import ScalarFormatter
from scipy.stats import rankdata

from m2m_benchmarks.analysis.comparison import ComparedCandidate, Comparison, Difference
from m2m_benchmarks.analysis.comparison import Row as ComparisonRow
from m2m_benchmarks.analysis.shown_responses import Geometry, Predictions, extremes
from m2m_benchmarks.arrays import pearson, rdm
from m2m_benchmarks.records.record import Domain
from m2m_benchmarks.report.model_figures.confusions import confusions_figure
from m2m_benchmarks.report.model_figures.differences import neurn_figure
from m2m_benchmarks.report.model_figures.domains import domains_figure
from m2m_benchmarks.report.model_figures.drawing import WIDTH, file_name, short, unique
from m2m_benchmarks.report.model_figures.geometry import geometry_figure, leaf_order, percentiles
from m2m_benchmarks.report.model_figures.layers import layers_figure
from m2m_benchmarks.report.model_figures.neuroids import distribution_figure, tuning_figure
from m2m_benchmarks.report.model_figures.scenes import scenes_figure
from m2m_benchmarks.report.model_figures.scores import controls_in_rows, parts_of, scores_figure
from m2m_benchmarks.report.score_figure import results_figure
from m2m_benchmarks.report.tables import to_csv
from m2m_benchmarks.testing import whole_result

WHOLE = whole_result()
NEURAL = dataclasses.replace(
    WHOLE,
    targets=None,
    in_domain=None,
    raw=0.4,
    ceiling=0.8,
    interval=[0.3, 0.7],
    layer_scores={'VISp': {'conv': [0.1, 0.3], 'head': [0.4, 0.2]}},
)
CONFUSED = dataclasses.replace(
    WHOLE,
    source='MNIST',
    chance=0.1,
    in_domain=Domain(1.0, [0.8, 1.0], 12, 12, [[4, 0, 0], [0, 4, 0], [0, 0, 4]]),
    targets={'SVHN': Domain(0.3, [0.2, 0.4], 12, 12, [[2, 2, 0], [2, 2, 4], [0, 0, 0]])},
)
#: What must be text and nothing else in all outputs.
NASTY = '<script>alert(1)</script>\x1b[31m\n,"$x$" ☃ 中'


def rows_of(drawing):
    return list(csv.DictReader(io.StringIO(to_csv(drawing.data))))


def responses(n_stimuli=12, n_neuroids=9, name='scene'):
    rng = np.random.default_rng(0)
    own = rng.gamma(2, 3, (n_stimuli, n_neuroids))
    predicted = own + rng.standard_normal(own.shape)
    ids = [f'{name}_{i}' for i in range(n_stimuli)]
    pictures = {stimulus: rng.integers(0, 255, (9, 12, 3), dtype=np.uint8) for stimulus in ids}
    values = rng.standard_normal(n_stimuli)
    common = ('Lab2026-rdm', 'VISp', ('conv', 'head'), ids, values, pictures)
    models = {layer: rdm(rng.random((n_stimuli, 5))) for layer in ('conv', 'head')}
    r, reliability = pearson(predicted, own), np.append(rng.uniform(0.5, 1, n_neuroids - 1), np.nan)
    neuroids = ([f'n{i}' for i in range(n_neuroids)], ['1'] * n_neuroids, ['conv'] * n_neuroids)
    return Geometry(*common, rdm(own), models), Predictions(*common, own, predicted, r, reliability, *neuroids)


GEOMETRY, PREDICTIONS = responses()


def comparison(interval=(0.05, 0.15), p=0.01):
    difference = Difference(0, 1, 0.1, 0.02, interval, p, p, False, 'bootstrap')
    row = ComparisonRow(
        'score',
        [[0.5], [0.4]],
        [0.1, 0.1],
        [None] * 2,
        [None] * 2,
        [None] * 2,
        [None] * 2,
        [(1, 2)] * 2,
        [],
        [difference],
    )
    return Comparison('Lab2026-rdm', [ComparedCandidate(name, None, []) for name in 'AB'], [row])


def all_figures():
    return [
        scores_figure([NEURAL]),
        layers_figure(NEURAL),
        geometry_figure(GEOMETRY),
        scenes_figure(PREDICTIONS),
        tuning_figure(PREDICTIONS),
        distribution_figure([PREDICTIONS] * 3),
        neurn_figure([comparison()]),
        domains_figure([WHOLE]),
        confusions_figure(CONFUSED),
        results_figure([NEURAL, WHOLE]),
    ]


def test_all_figures_are_a_column_wide_and_say_what_they_show():
    for drawing in all_figures():
        assert drawing.figure.get_figwidth() == WIDTH == 3.35
        assert len(drawing.alternative) > 10 and drawing.caption and drawing.data.rows
        # Each axis that has numbers has a label, of its own or of the figure.
        whole = drawing.figure._supxlabel, drawing.figure._supylabel
        for axes in drawing.figure.axes:
            for axis, label in zip((axes.xaxis, axes.yaxis), whole, strict=True):
                # Names of areas and layers in place of numbers have another formatter.
                numbers = axes.axison and isinstance(axis.get_major_formatter(), ScalarFormatter)
                numbers = numbers and axis.get_tick_params().get('labelbottom', True) and len(axis.get_ticklocs())
                assert not numbers or label or axis.get_label_text() or axes.get_label() == '<colorbar>'


def test_the_same_figure_has_the_same_content():
    first, second = scores_figure([NEURAL]), scores_figure([NEURAL])
    assert first.content('svg') == second.content('svg') == first.content('svg')


def test_scores_have_all_values_as_data():
    part = dataclasses.replace(
        WHOLE.areas['VISp'],
        model_per_animal=0.3,
        other_mice=0.35,
        own_units_interval=[0.6, 0.7],
        ceiling_interval=[0.7, 0.9],
        raw_interval=[0.35, 0.45],
        interval=[0.4, 0.6],
        layer='a | b',
    )
    own = dataclasses.replace(NEURAL, areas={'VISp': part})
    control = dataclasses.replace(NEURAL, model='pixels_64', score=0.2)
    seeds = [dataclasses.replace(NEURAL, score=value) for value in (0.1, 0.3)]
    drawing = scores_figure([own], controls_in_rows({'untrained': seeds, 'pixels_64': [control]}))
    rows = rows_of(drawing)
    assert [(row['candidate'], row['area'], float(row['score'])) for row in rows] == [
        ('net', 'VISp', 0.5),
        ('net', 'mean', 0.5),
        ('untrained, 2 seeds', 'VISp', 0.5),
        ('untrained, 2 seeds', 'mean', pytest.approx(0.2)),
        ('pixels_64', 'VISp', 0.5),
        ('pixels_64', 'mean', 0.2),
    ]
    assert {name: rows[0][name] for name in ('other mice', 'model per animal', 'own units 95 % low', 'layer')} == {
        'other mice': '0.35',
        'model per animal': '0.3',
        'own units 95 % low': '0.6',
        'layer': 'a | b',
    }
    # Values on one animal have an axis of their own, where there are any.
    assert [axes.get_xlabel() for axes in drawing.figure.axes][2:] == ['raw on one animal (no unit)']
    assert len(scores_figure([NEURAL]).figure.axes) == 2


def test_what_a_result_lacks_is_left_out():
    bare = dataclasses.replace(
        NEURAL, score=None, raw=0.4, ceiling=1.0, ceiling_kind='none: one repetition', interval=None, areas=None,
        layer=None, layer_scores=None, benchmark='Lab2026.VISp-rdm',
    )  # fmt: skip
    drawing = scores_figure([bare])
    assert 'none, as no ceiling is known' in drawing.alternative
    ceiling_lines = [
        line for line in drawing.figure.axes[1].lines if line.get_color() == '0.45' and len(line.get_xdata())
    ]
    assert not ceiling_lines  # the 1 of a missing ceiling is no value
    assert list(parts_of(bare)) == ['VISp']
    assert list(parts_of(dataclasses.replace(bare, benchmark='Other'))) == ['score']
    assert layers_figure(bare) is None
    assert layers_figure(dataclasses.replace(NEURAL, layer_scores={'VISp': {}})) is None
    assert results_figure([bare]).content('png')[:4] == b'\x89PNG'


def test_layers_are_the_means_of_both_halves():
    drawing = layers_figure(NEURAL)
    profile = next(line for line in drawing.figure.axes[0].lines if len(line.get_xdata()) == 2)
    assert list(profile.get_ydata()) == pytest.approx([0.2, 0.3])
    assert 'VISp head' in drawing.alternative
    assert [row['raw, second half'] for row in rows_of(drawing)] == ['0.3', '0.2']
    old = dataclasses.replace(NEURAL, areas=None, layer='conv', layer_scores={'conv': 0.1, 'head': 0.3})
    assert list(layers_figure(old).figure.axes[0].lines[0].get_ydata()) == [0.1, 0.3]


def test_percentiles_are_ranks_of_all_pairs():
    matrix = GEOMETRY.brain
    pairs = [(i, j) for i in range(12) for j in range(i + 1, 12)]
    ranks = rankdata([matrix[pair] for pair in pairs])
    shown = percentiles(matrix)
    for pair, rank in zip(pairs, ranks, strict=True):
        assert shown[pair] == shown[pair[::-1]] == pytest.approx(100 * (rank - 1) / (len(pairs) - 1))
    assert np.isnan(np.diag(shown)).all()
    assert len(rows_of(geometry_figure(GEOMETRY))) == len(pairs)


def test_similar_stimuli_are_side_by_side():
    rng = np.random.default_rng(3)
    groups = rng.permutation(np.repeat([0, 1, 2], 5))
    patterns = rng.standard_normal((3, 40))[groups] + 0.1 * rng.standard_normal((15, 40))
    ordered = groups[leaf_order(rdm(patterns))]
    assert (np.diff(ordered) != 0).sum() == 2


def test_best_and_worst_scenes_are_drawn_in_order():
    order = np.argsort(GEOMETRY.values)
    titles = [axes.get_title() for axes in scenes_figure(GEOMETRY).figure.axes]
    expected = [*order[::-1][:4], *order[:4]]
    assert titles == [f'scene_{index}\n{GEOMETRY.values[index]:+.2f}' for index in expected]
    assert extremes(np.array([1.0, 3.0, 2.0]), 4) == ([1], [0])  # none is best and worst


def test_tuning_is_the_sorted_responses_with_their_predictions():
    drawing = tuning_figure(PREDICTIONS)
    best = int(PREDICTIONS.r.argmax())
    dots, line = drawing.figure.axes[0].lines
    assert list(line.get_ydata()) == sorted(PREDICTIONS.responses[:, best], reverse=True)
    order = np.argsort(-PREDICTIONS.responses[:, best])
    np.testing.assert_array_equal(dots.get_ydata(), PREDICTIONS.predictions[order, best])
    first = rows_of(drawing)[0]
    assert (first['neuroid'], first['stimulus']) == (f'n{best}', f'scene_{order[0]}')


def test_few_stimuli_and_neuroids_are_enough():
    geometry, predictions = responses(3, 2)
    for drawing in (
        geometry_figure(geometry),
        scenes_figure(geometry),
        tuning_figure(predictions),
        distribution_figure([predictions]),
    ):
        assert drawing.content('png')


def test_a_difference_that_is_significant_has_a_star():
    assert [text.get_text() for text in neurn_figure([comparison()]).figure.axes[0].texts] == ['*']
    assert not neurn_figure([comparison(None, None)]).figure.axes[0].texts


def test_domains_of_several_candidates():
    other = dataclasses.replace(WHOLE, model='other', targets={'SVHN': Domain(0.2, [0.1, 0.3], 100, 100)})
    rows = rows_of(domains_figure([WHOLE, other]))
    assert [(row['candidate'], float(row['accuracy'])) for row in rows if row['domain'] == 'SVHN'] == [
        ('net', 0.4),
        ('other', 0.2),
    ]
    both = rows_of(results_figure([NEURAL, other]))
    assert {(row['candidate'], row['area'], row['score']) for row in both} >= {
        ('net', 'VISp', '0.5'),
        ('other', 'SVHN', '0.2'),
    }


def test_labels_by_digit():
    drawing = confusions_figure(CONFUSED)
    rows = rows_of(drawing)
    assert len(rows) == 2 * 3 * 3
    assert [row['images'] for row in rows if row['domain'] == 'SVHN' and row['digit'] == '1'] == ['2', '2', '4']
    panels = [axes for axes in drawing.figure.axes if axes.images]
    np.testing.assert_allclose(panels[1].images[0].get_array(), [[0.5, 0.5, 0], [0.25, 0.25, 0.5], [0, 0, 0]])
    assert 'MNIST (source), none; SVHN, 50 % of the 0s labelled 1.' in drawing.alternative
    assert 'labels at random give 0.1 everywhere' in drawing.caption


def test_counts_beyond_the_integers_of_numpy():
    many = Domain(0.5, [0.4, 0.6], 4 * 10**30, 9, [[10**30, 10**30], [10**30, 10**30]])
    drawing = confusions_figure(dataclasses.replace(CONFUSED, targets={'SVHN': many}))
    assert 'SVHN, 50 % of the 0s labelled 1' in drawing.alternative and drawing.content('svg')


def test_without_labels_by_digit_there_is_no_figure():
    assert confusions_figure(WHOLE) is None
    one = confusions_figure(dataclasses.replace(CONFUSED, in_domain=WHOLE.in_domain))
    assert [axes.get_title() for axes in one.figure.axes if axes.images] == ['SVHN']


def test_names_are_text():
    own = dataclasses.replace(NEURAL, model=NASTY, benchmark=NASTY, layer_scores={'VISp': {NASTY: [0.1, 0.2]}})
    geometry, _ = responses(name=NASTY)
    for drawing in (layers_figure(own), scenes_figure(geometry)):
        svg = drawing.content('svg').decode()
        assert '<script>' not in svg and '\x1b' not in svg
        assert re.fullmatch(r'[A-Za-z0-9._-]+', drawing.name)
        assert any(NASTY in ''.join(row.values()) for row in rows_of(drawing))  # whole in the data
    assert short('a' * 50, 11) == 'aaaaa…aaaaa' and short('\x1b') == r'\x1b'
    assert file_name('../a b', 'Ü') == '..-a-b_-'


def test_files_have_different_names():
    drawing = layers_figure(NEURAL)
    upper = dataclasses.replace(drawing, name=drawing.name.upper())
    names = [each.name for each in unique([drawing, upper, drawing])]
    assert len({name.lower() for name in names}) == 3 and names[0] == drawing.name
