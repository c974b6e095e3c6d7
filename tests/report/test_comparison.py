"""The figure and the tables of a comparison."""

import dataclasses
import errno
import itertools
import os

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from m2m_benchmarks.analysis.comparison import ComparedCandidate, Comparison, Difference, Row
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.report.comparison import check_figure, draw, write_figure
from m2m_benchmarks.report.comparison_tables import comparison_tables, letter
from m2m_benchmarks.report.tables import to_lines

LONGEST = (
    'torchvision:shufflenet_v2_x0_5@shufflenet_v2_x0_5-of-a-long-name.safetensors',
    'run:neurn_inception_resnet_v2-MNIST-seed0-a5e9f2e5',
    'neurn_inception_resnet_v2_at128_k5_reflect_channel_after_conv2d_1a@none',
)
AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'score')
DOMAINS = ('in-domain', 'thin', 'score')


def comparison(
    labels=('neurn_net', 'plain_net'),
    names=DOMAINS,
    chance=0.1,
    n_seeds=3,
    interval=(-0.45, 0.3),
    method='bootstrap',
    mice=False,
    p_adjusted=0.08,
):
    rng = np.random.default_rng(0)
    pairs = list(itertools.combinations(range(len(labels)), 2))
    rows = []
    for name in names:
        n = len(labels)
        differences = [Difference(*pair, -0.2, 0.1, interval, 0.04, p_adjusted, n_seeds > 1, method) for pair in pairs]
        values = rng.random((n, n_seeds)).tolist()
        means = [float(np.mean(seeds)) for seeds in values]
        rows.append(
            Row(
                name,
                values,
                errors=[0.044] * n,
                intervals=[None if interval is None else (mean - 0.1, mean + 0.1) for mean in means],
                spreads=[0.025 if n_seeds > 1 else None] * n,
                p_chance=[0.003] * n,
                p_ceiling=[None if chance else 0.0002] * n,
                ranks=[(1, n)] * n,
                groups=[list(range(n))],
                differences=differences,
                chance=chance or 0.0,
                ceiling_interval=None if chance else (0.9, 1.08),
                model_per_animal=[mean / 2 for mean in means] if mice else [None] * n,
                other_mice=0.45 if mice else None,
            )
        )
    result = {'chance': chance} if chance else {}
    candidates = [ComparedCandidate(label, list(range(n_seeds)), [result] * n_seeds) for label in labels]
    return Comparison('Bench-mark', candidates, rows)


# Figures


def test_a_figure_shows_every_seed_the_means_and_the_intervals():
    compared = comparison()
    figure = draw([compared])
    values, differences = figure.axes
    dots = {}
    for collection in values.collections:
        for x, y in collection.get_offsets():
            dots.setdefault((to_hex(collection.get_facecolor()[0]), round(float(y), 2)), []).append(round(float(x), 6))
    colours = sorted({colour for colour, _ in dots})
    assert len(colours) == 2
    for number, row in enumerate(compared.rows):
        height = len(compared.rows) - 1 - number  # the first on top
        shown = [
            dots[colour, round(height + offset, 2)]
            for offset in (0.12, -0.12)
            for colour in colours
            if (colour, round(height + offset, 2)) in dots
        ]
        for seeds, expected in zip(shown, row.values, strict=True):
            assert sorted(seeds) == pytest.approx(sorted([*expected, np.mean(expected)]), abs=1e-5)
    assert [text.get_text() for text in values.get_yticklabels()] == list(DOMAINS)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ['neurn_net', 'plain_net', 'one seed', '95 % interval', 'chance']
    assert figure.subfigs[0].get_suptitle() == 'Bench-mark\nbootstrap'
    intervals = [collection.get_segments()[0][:, 0].tolist() for collection in differences.collections]
    assert intervals == [[-0.45, 0.3]] * 3
    labels = [text.get_text() for text in draw([comparison(chance=None)]).legends[0].get_texts()]
    assert labels == ['neurn_net', 'plain_net', 'one seed', '95 % interval', 'ceiling, 95 % interval']


def test_tests_stand_beside_each_score():
    compared = comparison(names=['score'], chance=None, mice=True)
    table = comparison_tables(compared)[1]
    titles = ['', '95 % interval', 'p above 0', 'p at ceiling']
    assert [column.title for column in table.columns] == titles
    (row,) = compared.rows
    for index, cells in enumerate(table.rows):
        expected = ('AB'[index], row.intervals[index], 0.003, 0.0002)
        assert cells.cells == expected
    assert len(comparison_tables(comparison())[1].columns) == 3


@pytest.mark.parametrize('n', [2, 3])
def test_other_mice_have_a_table_of_their_own_beside_the_models(n):
    compared = comparison([f'net_{number}' for number in range(n)], AREAS, chance=None, mice=True)
    *others, table = comparison_tables(compared)
    assert [column.title for column in table.columns] == ['raw on one animal', *'ABC'[:n], 'other mice']
    assert [row.cells[0] for row in table.rows] == [*AREAS[:-1], 'mean']
    for row, cells in zip(compared.rows, table.rows, strict=True):
        assert cells.cells[1:] == (*(mean / 2 for mean in row.means), 0.45)
    # Values on all animals at once are other quantities.
    assert not [column.title for other in others for column in other.columns if column.title == 'other mice']
    assert len(comparison_tables(comparison([f'net_{number}' for number in range(n)], AREAS))) == len(others)
    area = dataclasses.replace(comparison(names=['score'], chance=None, mice=True), benchmark='Lab2026.VISp.L4-rdm')
    assert [row.cells[0] for row in comparison_tables(area)[-1].rows] == ['VISp.L4']


def test_other_mice_have_a_panel_beside_the_models():
    compared = comparison(chance=None, mice=True)
    figure = draw([compared])
    _, differences, mice = figure.axes
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in mice.lines if line.get_color() == 'black']
    assert lines == [([0.45, 0.45], [height - 0.45, height + 0.45]) for height in (2, 1, 0)]
    points = [line.get_xdata()[0] for line in mice.lines if line.get_color() != 'black']
    assert points == pytest.approx([mean / 2 for row in compared.rows for mean in row.means])
    assert mice.get_xlabel() == 'raw value on one animal'
    assert 'other mice' in [text.get_text() for text in figure.legends[0].get_texts()]
    assert not differences.texts


def test_stars_mark_differences_and_letters_mark_ties():
    starred = draw([comparison(p_adjusted=0.05)])
    assert [text.get_text() for text in starred.axes[1].texts] == ['*'] * 3
    assert '* p ≤ 0.05 (Holm)' in starred.axes[1].get_xlabel()
    assert not starred.axes[0].texts
    several = draw([comparison(['a', 'b', 'c'], ['score'], chance=None)])
    assert [text.get_text() for text in several.axes[0].texts] == ['a'] * 3
    band = several.axes[0].collections[-1].get_paths()[0].get_extents()
    assert (band.x0, band.x1) == pytest.approx((0.9, 1.08))


def count_joins(figure):
    """Number of lines that join seeds."""
    return sum(len(line.get_xdata()) == 2 and line.get_color() == '0.75' for line in figure.axes[0].lines)


def test_paired_seeds_are_joined():
    assert count_joins(draw([comparison()])) == 3 * 3
    assert count_joins(draw([comparison(n_seeds=1)])) == 0


def test_many_candidates_look_different():
    figure = draw([comparison([f'model{number}' for number in range(9)], ['score'], n_seeds=1)])
    styles = {
        (to_hex(collection.get_facecolor()[0]), str(collection.get_paths()[0].vertices[:3]))
        for collection in figure.axes[0].collections
    }
    assert len(styles) == 9
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == ['A  model0', 'B  model1']
    assert legend[9:] == ['95 % interval', 'a letter in common: not told apart', 'chance']
    assert len(figure.axes[1].collections) == 8  # the first minus each other


def test_without_an_interval_the_difference_is_a_point():
    differences = draw([comparison(interval=None)]).axes[1]
    assert not differences.collections
    assert [list(line.get_xdata()) for line in differences.lines if line.get_marker() == 'o'] == [[-0.2]] * 3


@pytest.mark.seconds
@pytest.mark.parametrize('n', [2, 3, 9])
def test_the_markers_of_a_single_row_are_whole(n):
    """The edges of the axes do not cut them."""
    figure = draw([comparison([f'model{number}' for number in range(n)], ['score'])])
    FigureCanvasAgg(figure).draw()
    values = figure.axes[0]
    for collection in values.collections:
        radius = np.sqrt(collection.get_sizes().max()) / 2 * figure.dpi / 72
        for _, y in values.transData.transform(collection.get_offsets()):
            assert values.bbox.y0 + radius <= y <= values.bbox.y1 - radius


@pytest.mark.seconds
def test_benchmarks_stand_below_one_another_and_share_the_legend():
    accuracy = comparison(names=DOMAINS)
    mouse = dataclasses.replace(comparison(names=AREAS, chance=None), benchmark='Mouse-rdm')
    for comparisons in ([accuracy, mouse], [mouse, accuracy]):
        figure = draw(comparisons)
        assert [panel.get_suptitle() for panel in figure.subfigs] == [
            f'{each.benchmark}\nbootstrap' for each in comparisons
        ]
        assert [axes.get_xlabel() for axes in figure.axes[::2]] == [
            'accuracy' if each is accuracy else 'score' for each in comparisons
        ]
        assert [len(axes.get_yticklabels()) for axes in figure.axes[::2]] == [len(each.rows) for each in comparisons]
        (legend,) = figure.legends
        assert sorted(text.get_text() for text in legend.get_texts()) == [
            *('95 % interval', 'ceiling, 95 % interval', 'chance', 'neurn_net', 'one seed', 'plain_net'),
        ]


@pytest.mark.seconds
@pytest.mark.parametrize('labels', [('neurn_net', 'plain_net'), LONGEST])
@pytest.mark.parametrize('parts', [[('score',)], [AREAS], [AREAS, ('score',), DOMAINS]])
def test_no_text_of_a_figure_is_cut_or_overlaps(labels, parts):
    method = "paired over 3 seeds, Student's t"
    figure = draw(
        [comparison(labels, names, chance=None, method=method, mice=names is AREAS, p_adjusted=0.01) for names in parts]
    )
    FigureCanvasAgg(figure).draw()
    legend = figure.legends[0].get_window_extent()
    titles = [panel._suptitle.get_window_extent() for panel in figure.subfigs]
    whole = figure.bbox
    for part in (legend, *titles):
        assert whole.x0 <= part.x0 < part.x1 <= whole.x1
        assert whole.y0 <= part.y0 < part.y1 <= whole.y1
    below = [*(title.y1 for title in titles[1:]), legend.y1]
    for panel, title, highest in zip(figure.subfigs, titles, below, strict=True):
        extents = [axes.get_tightbbox() for axes in panel.axes]
        for extent in extents:
            assert highest <= extent.y0
            assert extent.y1 <= title.y0
            assert whole.x0 <= extent.x0
            assert extent.x1 <= whole.x1
        for left, right in itertools.pairwise(extents):
            assert left.x1 <= right.x0


@pytest.mark.seconds
@pytest.mark.parametrize(('name', 'start'), [('a.png', b'\x89PNG'), ('a.svg', b'<?xml'), ('a.PDF', b'%PDF')])
@pytest.mark.parametrize('n_seeds', [1, 3])
def test_figures_of_each_format(tmp_path, name, start, n_seeds):
    write_figure([comparison(n_seeds=n_seeds)], tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name == 'a.png':
        with Image.open(tmp_path / name) as image:
            assert image.width > 1000
            assert len(image.convert('RGB').getcolors(1 << 20)) > 20


@pytest.mark.parametrize('before', [None, b'an earlier one'])
@pytest.mark.seconds
def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch, before):
    path = tmp_path / 'a.png'
    if before is not None:
        path.write_bytes(before)

    def savefig(self, file, **options):
        file.write(b'half of it')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Figure, 'savefig', savefig)
    with pytest.raises(StorageError, match=r'cannot write to .*a\.png: No space left on device'):
        write_figure([comparison()], path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == (before is not None)


@pytest.mark.parametrize('name', ['a.gif', 'a', 'a.png.txt', '.png', 'folder.png'])
def test_figures_that_cannot_be_drawn(tmp_path, name):
    (tmp_path / 'folder.png').mkdir()
    with pytest.raises(StorageError, match=r'expected a file that ends in \.png, \.svg, \.pdf'):
        check_figure(tmp_path / name)
    (tmp_path / 'file').touch()
    with pytest.raises(StorageError, match='Name another file after --figure'):
        check_figure(tmp_path / 'file' / 'a.png')


# Tables


def lines_of(compared, width):
    return [line.plain for table in comparison_tables(compared) for line in to_lines(table, width)]


@pytest.mark.parametrize('width', [60, 80, 100, None])
@pytest.mark.parametrize('labels', [LONGEST[:2], LONGEST])
@pytest.mark.parametrize('names', [('score',), AREAS, DOMAINS])
def test_no_number_and_no_name_is_cut(width, labels, names):
    compared = comparison(labels, names)
    lines = lines_of(compared, width)
    assert width is None or max(map(len, lines)) <= width
    assert not any('…' in line for line in lines)
    text = ' '.join(lines)
    for row in compared.rows:
        for mean in row.means:
            assert f'{mean:.3f}' in text
    score = compared.rows[-1].means
    for mean in score:
        assert f'{mean:.3f} ± 0.044' in text
    assert text.count('-0.200 ± 0.100') == (len(names) if len(labels) == 2 else 3)
    assert text.count('-0.450 to +0.300') == text.count('-0.200 ± 0.100')
    unfolded = ''.join(line.strip() for line in lines)
    for label in labels:
        assert label in unfolded
    for name in names[:-1]:
        assert sum(line.split()[:1] == [name] for line in lines) == 1


def test_the_mean_is_last_and_is_called_so():
    for names, mean in [(AREAS, 'mean'), (('in-domain', 'thin', 'thick', 'score'), 'mean of the targets')]:
        parts = comparison_tables(comparison(names=names))[2]
        assert parts.rows[-1].cells[0] == mean
        assert [row.strong for row in parts.rows] == [False] * (len(names) - 1) + [True]
    assert comparison_tables(comparison(names=['score']))[2].rows[0].cells[0] == 'score'


def test_notes_explain_the_numbers():
    lines = lines_of(dataclasses.replace(comparison(), benchmark='SimulatedMouse-rdm'), None)
    assert lines[-6:] == [
        'bootstrap.',
        '±: standard error. Seeds: 0, 1, 2; between seeds: standard deviation.',
        'p above chance: if the true score is chance or less.',
        'p values are adjusted for the number of models or pairs (Holm 1979: the chance of any false difference is at '
        'most 5 %).',
        'Shares of correct labels; chance is 0.1.',
        'SimulatedMouse is simulated: these numbers say nothing about any mouse.',
    ]
    lines = lines_of(dataclasses.replace(comparison(chance=None, mice=True), correction='fdr'), None)
    assert 'p above 0: if the true score is 0 or less; p at ceiling: if the true score is the ceiling.' in lines
    assert any(line.startswith('Mean over animals of raw on one animal: of each model') for line in lines)
    assert any('Benjamini & Hochberg' in line for line in lines)
    left_out = dataclasses.replace(comparison(), left_out={'VISrl': 'too few'})
    assert 'VISrl is left out: too few.' in lines_of(left_out, None)
    several = comparison(LONGEST)
    row = several.rows[-1]
    row.differences[1] = Difference(0, 2, 0.1, 0.1, None, None, None, False, 'another method')
    text = '\n'.join(lines_of(several, None))
    assert 'A − B, B − C: bootstrap.\nA − C: another method.' in text
    assert 'rank: the ranges together hold the true ranks' in text
    assert 'tied: two models have a letter in common if' in text
    assert '--json has the differences of the parts.' in text


def test_ranks_and_letters():
    compared = comparison(LONGEST, ['score'])
    compared.rows[-1].ranks[:] = [(1, 1), (2, 3), (2, 3)]
    compared.rows[-1].groups[:] = [[2, 0], [0, 1]]
    ranks = [row.cells[-2:] for row in comparison_tables(compared)[0].rows]
    assert ranks == [('1', 'ab'), ('2 to 3', 'b'), ('2 to 3', 'a')]
    assert [letter(index) for index in (0, 25, 26, 52)] == ['A', 'Z', 'A1', 'A2']
