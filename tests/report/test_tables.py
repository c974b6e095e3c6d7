"""Tables: lines of a terminal, Markdown, CSV."""

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from m2m_benchmarks.report.tables import (
    Column,
    Row,
    Table,
    count,
    estimate,
    heading,
    interval,
    number,
    text,
    to_csv,
    to_lines,
    to_markdown,
)

MODELS = ('run:neurn_digitnet-MNIST-seed0-a5e9f2e5', 'run:plain_digitnet-MNIST-seed0-a5e9f2e5')
BENCHMARKS = (
    'Siegle2021-rdm',
    'deVries2020-cka',
    'Siegle2021.VISp.Cux2-readout_accuracy',
    'Qazi2025.MNISTM-readout_accuracy',
    'SklearnDigits.blended-accuracy',
    'SklearnDigits-readout_accuracy',
    'deVries2020.VISp.inhibitory-ridge',
    'SimulatedMouse-ridge',
)
LAYERS = ('features.denseblock4.denselayer32.conv2', 'encoder.layers.encoder_layer_11.self_attention', 'classifier')
WIDTHS = (60, 80, 100)


def shown(table, width=None):
    return [line.plain for line in to_lines(table, width)]


def scores():
    """A score table: areas with their layers, grouped by model and benchmark."""
    columns = (
        *(heading('model'), heading('benchmark'), Column('area'), Column('layer'), count('neuroids')),
        *(number(title) for title in ('raw', 'ceiling', 'score', '±')),
    )
    rows = []
    for model in MODELS:
        for benchmark in BENCHMARKS[:2]:
            for index, area in enumerate(('VISp', 'VISl', 'VISrl')):
                rows.append(Row((model, benchmark, area, LAYERS[index], 1816, 0.1234, 0.9512, 0.1297, 0.0441)))
            rows.append(Row((model, benchmark, 'mean', '', None, 0.1234, None, 0.1009, 0.0303), strong=True))
    return Table(columns, rows, notes=['score: 1 is the ceiling, 0 is chance.'])


def comparison():
    columns = (Column(''), *map(estimate, MODELS), estimate('difference', '+.3f'), interval('95 % interval', '+.3f'))
    cells = ((0.394, 0.044), (0.317, 0.046), (0.0771, 0.024), (0.031, 0.121))
    return Table(columns, [Row((area, *cells), area == 'mean') for area in ('VISp', 'VISl', 'mean')], BENCHMARKS[2])


def matrix():
    names = [f'{MODELS[number % 2]}-{number}' for number in range(20)]
    rows = [Row((name, *((0.1 + number / 100, 0.011) for _ in BENCHMARKS))) for number, name in enumerate(names)]
    return Table([Column('model'), *map(estimate, BENCHMARKS)], rows)


@pytest.mark.parametrize('width', [*WIDTHS, None])
@pytest.mark.parametrize('make', [scores, comparison, matrix])
def test_nothing_is_cut_and_no_number_is_folded(make, width):
    table = make()
    lines = shown(table, width)
    assert width is None or all(cell_len(line) <= width for line in lines)
    assert '…' not in ''.join(lines)
    numbers = [
        column.format(cell)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if column.kind == 'number' and column.format(cell)
    ]
    for printed in set(numbers):
        pattern = re.compile(rf'(?<!\S){re.escape(printed)}(?!\S)')
        assert sum(len(pattern.findall(line)) for line in lines) == numbers.count(printed)
    names = {cell for row in table.rows for cell in row.cells if isinstance(cell, str)}
    # All these names are shorter than the narrowest terminal, so each is on one line and can be copied.
    assert all(any(name in line for line in lines) for name in names)


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('make', [comparison, matrix])
def test_a_folded_title_reads_as_the_name(make, width):
    table = make()
    titles = [column.title for column in table.columns if column.kind == 'number']
    read = []
    for block in '\n'.join(shown(table, width)).split('\n\n'):
        lines = block.splitlines()
        first = next(n for n, line in enumerate(lines) if re.search(r'\d\.\d{3}', line))
        # Columns of numbers end where their numbers end; their titles are above them, right-aligned.
        ends = [match.end() for match in re.finditer(r'\S+( (±|to) \S+)?(?=  |$)', lines[first])][-len(titles) :]
        above = [line for line in lines[:first] if not line.startswith(('model:', table.title or 'model:'))]
        starts = [0, *ends]
        for start, end in zip(starts, ends, strict=False):
            parts = [line[start:end].rpartition('   ')[2].strip() for line in above]
            read.append(' '.join(part for part in parts if part).replace('- ', '-').replace('_ ', '_'))
    joined = ''.join(read).replace(' ', '')
    assert [title for title in titles if title.replace(' ', '') not in joined] == []


def test_columns_that_do_not_fit_become_headings():
    lines = shown(scores(), 60)
    assert lines[:5] == [
        '  area   neuroids    raw  ceiling  score      ±',
        MODELS[0],
        'Siegle2021-rdm',
        f'layer: {LAYERS[0]}',
        '  VISp      1,816  0.123    0.951  0.130  0.044',
    ]
    assert '  mean             0.123           0.101  0.030' in lines
    assert shown(scores(), 120)[3] == f'  VISp   {LAYERS[0]}            1,816  0.123    0.951  0.130  0.044'


def test_a_repeated_heading_is_shown_once():
    table = Table([heading('model'), Column('layer'), number('score')], [Row(('a', 'x' * 50, n)) for n in (0.1, 0.2)])
    assert shown(table, 40) == ['  score', 'a', 'layer:', 'x' * 40, 'x' * 10, '  0.100', '  0.200']
    assert [line.strip() for line in shown(table)].count('a') == 1


def test_further_blocks_repeat_the_names():
    table = Table(
        [Column('model'), *map(number, 'abcdefgh')], [Row(('resnet18', *[0.125] * 8)), Row(('vgg', *[1.5] * 8))]
    )
    assert shown(table, 30) == [
        *('model         a      b      c', 'resnet18  0.125  0.125  0.125', 'vgg       1.500  1.500  1.500', ''),
        *('model         d      e      f', 'resnet18  0.125  0.125  0.125', 'vgg       1.500  1.500  1.500', ''),
        *('model         g      h', 'resnet18  0.125  0.125', 'vgg       1.500  1.500'),
    ]


def test_prose_is_folded_between_words():
    table = Table([Column('name'), text('what')], [Row(('a', 'labels by a linear readout that is fitted'))])
    assert shown(table, 30) == ['name  what', 'a     labels by a linear', '      readout that is fitted']


def test_emphasised_lines():
    lines = list(to_lines(scores(), 80))
    bold = [line.plain.split()[0] for line in lines if line.style == 'bold']
    assert bold == ['area', *(word for model in MODELS for name in BENCHMARKS[:2] for word in _headed(model, name))]


def _headed(model, benchmark):
    return [*([model] if benchmark == BENCHMARKS[0] else []), benchmark, 'mean']


def test_control_characters_are_spelled_out():
    table = Table([Column('name'), number('score')], [Row(('a\nb\x1b[31m', float('nan')))], title='x\ty')
    assert shown(table, 60) == [r'x\ty', 'name          score', r'a\nb\x1b[31m    nan']


def test_markdown():
    table = Table(
        [Column('model'), number('score'), interval('95 % interval')],
        [Row(('neurn_vgg11|*_x_*', 0.12345, (0.1, 0.2))), Row(('mean', None, (None, None)), strong=True)],
        title='SklearnDigits-accuracy',
        notes=['Of two models.'],
    )
    assert to_markdown(table) == (
        '**SklearnDigits-accuracy**\n\n'
        '| model | score | 95 % interval |\n'
        '|---|--:|--:|\n'
        r'| neurn_vgg11\|\*\_x\_\* | 0.123 | 0.100 to 0.200 |' + '\n'
        '| **mean** |  |  |\n\n'
        'Of two models.'
    )


def test_csv_has_no_formulas():
    table = Table((Column('name'), number('score')), [Row(('@SUM(1)', -0.5)), Row(('a-b', None))])
    assert to_csv(table) == "name,score\n'@SUM(1),-0.5\na-b,\n"


def test_csv_has_full_precision():
    third = 1 / 3
    table = Table(
        [heading('model'), count('neuroids'), estimate('score'), interval('interval')],
        [Row(('a, "b"', 12345, (np.float32(0.1), third), (third, 2.0))), Row(('c', None, (0.1, None), None))],
    )
    header, first, second = csv.reader(io.StringIO(to_csv(table)))
    assert header == ['model', 'neuroids', 'score', 'score error', 'interval low', 'interval high']
    assert first == ['a, "b"', '12345', str(float(np.float32(0.1))), str(third), str(third), '2.0']
    assert second == ['c', '', '0.1', '', '', '']


def test_a_missing_estimate_is_an_empty_cell():
    table = Table([Column('model'), estimate('score')], [Row(('a', (0.1, 0.02))), Row(('b', None))])
    assert [line.rstrip() for line in shown(table)] == ['model          score', 'a      0.100 ± 0.020', 'b']


def test_a_row_of_the_wrong_length():
    with pytest.raises(ValueError, match='a row has 1 cells; expected 2'):
        Table([Column('a'), number('b')], [Row(('x',))])


_names = st.text(st.characters(codec='utf-8', exclude_categories=('C', 'M', 'Z')), min_size=1, max_size=70)
_numbers = st.one_of(st.none(), st.floats(-9999, 9999))


@st.composite
def tables(draw):
    kinds = [*draw(st.lists(st.sampled_from(('name', 'heading', 'text')), max_size=4))]
    kinds += draw(st.lists(st.sampled_from(('number', 'estimate')), max_size=9))
    columns = {
        'name': Column,
        'heading': heading,
        'text': text,
        'number': number,
        'estimate': lambda title: estimate(title, '+.3f'),
    }
    cells = {
        'name': _names,
        'heading': _names,
        'text': st.lists(_names, max_size=6).map(' '.join),
        'number': _numbers,
        'estimate': st.tuples(_numbers, _numbers),
    }
    rows = draw(st.lists(st.tuples(*(cells[kind] for kind in kinds)), max_size=6))
    return Table([columns[kind](draw(_names)) for kind in kinds], [Row(row) for row in rows], title=draw(_names))


def _in_order(characters, of):
    rest = iter(of)
    return all(character in rest for character in characters)


@pytest.mark.seconds
@given(tables(), st.integers(40, 160))
def test_every_number_is_whole_and_every_name_is_there(table, width):
    lines = shown(table, width)
    assert all(cell_len(line) <= width for line in lines)
    everything = ''.join(''.join(lines).split())
    assert _in_order(''.join(table.title.split()), everything)
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            content = column.format(cell)
            if column.kind == 'number' and content:
                assert any(f' {content} ' in f' {line} ' for line in lines)
            assert _in_order(''.join(content.split()), everything)
