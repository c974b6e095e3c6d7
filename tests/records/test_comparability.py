"""Which results may be compared, and the columns that keep the others apart."""

import csv
import dataclasses
import io

import pytest

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import exchange
from m2m_benchmarks.records.comparability import check_comparable, columns, differences
from m2m_benchmarks.records.selection import matrix
from m2m_benchmarks.report.scores import list_table, matrix_table
from m2m_benchmarks.testing import whole_result

A, B, C = 'a' * 64, 'b' * 64, 'c' * 64
NEW = dataclasses.replace(
    whole_result(), version=2, data_sha256=A, stimuli_sha256=B, choices={'metric': 'm2m_rdm', 'split_halves': 100}
)


def other(**changed):
    return dataclasses.replace(NEW, model='other', score=0.25, **changed)


@pytest.mark.parametrize(
    ('changed', 'expected'),
    [
        ({}, []),
        ({'version': 1}, ['version: 2 and 1']),
        ({'version': None}, ['version: 2 and 1']),
        ({'data_sha256': C}, ['data: aaaaaa and cccccc']),
        ({'data_sha256': C, 'stimuli_sha256': A}, ['data: aaaaaa and cccccc', 'stimuli: bbbbbb and aaaaaa']),
        ({'data_sha256': None}, []),  # version 0.1 did not store it
        ({'benchmark': 'Lab-rdm'}, [f'benchmark: {NEW.benchmark} and Lab-rdm']),
        ({'choices': {'metric': 'm2m_rdm', 'split_halves': 10}}, ['split_halves: 100 and 10']),
        ({'choices': {'metric': 'm2m_rdm', 'split_halves': 100, 'unit': 1}}, ['unit: None and 1']),
        ({'choices': None}, []),
    ],
)
def test_what_keeps_results_from_being_compared(changed, expected):
    result = other(**changed)
    assert differences(NEW, result) == expected
    assert len(differences(result, NEW)) == len(expected)
    if expected:
        with pytest.raises(DataError, match=f'{NEW.model} and other on .* cannot be compared: {expected[0]}'):
            check_comparable([NEW, result])
    else:
        check_comparable([NEW, result])


def test_nothing_to_compare():
    check_comparable([])
    check_comparable([NEW])
    assert columns([]) == []


def test_versions_and_data_have_columns_of_their_own():
    name = NEW.benchmark
    assert columns([NEW, other()]) == [name] * 2
    assert columns([NEW, other(version=None)]) == [f'{name} [version 2]', f'{name} [version 1]']
    assert columns([NEW, other(data_sha256=C)]) == [f'{name} [data aaaaaa]', f'{name} [data cccccc]']
    assert columns([NEW, other(data_sha256=None)]) == [name] * 2
    # Data differ within version 2 alone.
    three = [NEW, other(data_sha256=C), other(version=1)]
    assert columns(three) == [
        f'{name} [version 2] [data aaaaaa]',
        f'{name} [version 2] [data cccccc]',
        f'{name} [version 1]',
    ]


def test_the_matrix_keeps_versions_apart():
    """A candidate keeps its earlier result beside the new one."""
    early = dataclasses.replace(NEW, version=1, score=0.9, created='2025-01-01T00:00:00+00:00')
    arranged = matrix([early, NEW, other()])
    old, new = (f'{NEW.benchmark} [version {number}]' for number in (1, 2))
    assert arranged.benchmarks == [old, new]
    assert {key[1]: result.score for key, result in arranged.cells.items() if result.model == NEW.model} == {
        old: 0.9,
        new: NEW.score,
    }
    table = matrix_table([early, NEW, other()])
    assert [column.title for column in table.columns] == ['candidate', old, new]
    assert any('versions or data have columns of their own' in note for note in table.notes)
    assert not any('columns of their own' in note for note in matrix_table([NEW, other()]).notes)


def test_a_listing_one_by_one_tells_versions_apart():
    early = dataclasses.replace(NEW, version=1)
    assert [row.cells[3] for row in list_table([NEW, early], set()).rows] == [
        f'{NEW.benchmark} [version 2]',
        f'{NEW.benchmark} [version 1]',
    ]
    assert [row.cells[3] for row in list_table([NEW, other()], set()).rows] == [NEW.benchmark] * 2
    file = io.StringIO()
    exchange.write_csv([NEW, early, dataclasses.replace(NEW, version=None)], file)
    assert [row['benchmark_version'] for row in csv.DictReader(file.getvalue().splitlines())] == ['2', '1', '1']


def test_the_mean_of_seeds_is_of_one_version():
    seeds = [
        dataclasses.replace(NEW, weights=f'none (seed {seed})', seed=seed, version=version, score=0.1 * seed + version)
        for seed in (0, 1)
        for version in (1, 2)
    ]
    (mean,) = (row.cells for row in matrix_table(seeds).rows if row.strong)
    assert [cell[0] for cell in mean[1:]] == pytest.approx([1.05, 2.05])
