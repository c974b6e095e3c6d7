"""Queries of results, and results as files."""

import csv
import dataclasses
import json

import pandas as pd
import pytest

import m2m_benchmarks
from m2m_benchmarks.errors import DataError, StorageError, UnknownNameError
from m2m_benchmarks.records import exchange, store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import (
    TOLERANCE,
    find_contradictions,
    find_results,
    label,
    labels,
    matrix,
    newest,
    select,
)
from m2m_benchmarks.testing import whole_result

WHOLE = whole_result()


def make(model, benchmark, score, minute=0, weights='default', seed=None):
    return Result(model, benchmark, score, f'2026-01-01T00:{minute:02d}:00+00:00', format=2, weights=weights, seed=seed)


RESULTS = [
    make('alpha', 'Lab2026-rdm', 0.5),
    make('alpha', 'Lab2026-ridge', 0.1),
    make('beta', 'Lab2026-rdm', 0.6, 1),
    make('beta', 'Lab2026-rdm', 0.7, 2),
    make('torchvision:gamma', 'Lab2026-rdm', 0.2, 3, 'none (seed 0)', 0),
    make('torchvision:gamma', 'Lab2026-rdm', 0.3, 4, 'none (seed 1)', 1),
    make('torchvision:gamma', 'Lab2026-rdm', 0.9, 5, 'file g.pth (SHA-256 0123)'),
    make('neurn_digitnet', 'SklearnDigits-accuracy', 0.8, 6, 'run first: SklearnDigits, seed 3 (SHA-256 4)', 3),
]


def test_labels():
    assert [label(result) for result in RESULTS] == [
        'alpha',
        'alpha',
        'beta',
        'beta',
        'torchvision:gamma@none (seed 0)',
        'torchvision:gamma@none (seed 1)',
        'torchvision:gamma@g.pth',
        'run:first',
    ]
    assert label(make('pixels_64', 'b', 0.0, weights='its own')) == 'pixels_64'


@pytest.mark.parametrize(
    ('filters', 'numbers'),
    [
        ({}, range(8)),
        ({'models': ['alpha']}, [0, 1]),
        ({'models': ['torchvision:*']}, [4, 5, 6]),
        ({'models': ['torchvision:gamma@none*', 'beta']}, [2, 3, 4, 5]),
        ({'models': ['run:first']}, [7]),
        ({'benchmarks': ['*-ridge', 'Sklearn*']}, [1, 7]),
        ({'models': ['alpha'], 'benchmarks': ['*-rdm']}, [0]),
    ],
)
def test_filters(filters, numbers):
    assert select(RESULTS, **filters) == [RESULTS[number] for number in numbers]


@pytest.mark.parametrize(
    ('filters', 'message'),
    [
        ({'models': ['alfa']}, "unknown model 'alfa': there are no results of it. Did you mean alpha"),
        (
            {'benchmarks': ['Lab2026-cka']},
            "unknown benchmark 'Lab2026-cka': there are no results of it. Did you mean Lab2026-r",
        ),
        ({'models': ['delta*']}, r"unknown model 'delta\*'"),
    ],
)
def test_filters_that_match_nothing(filters, message):
    with pytest.raises(UnknownNameError, match=message):
        select(RESULTS, **filters)


def test_results_by_the_beginning_of_their_ids():
    uids = [result.uid for result in RESULTS]
    beginnings = [
        next(uid[:n] for n in range(1, 13) if sum(known.startswith(uid[:n]) for known in uids) == 1) for uid in uids
    ]
    assert find_results(RESULTS, beginnings) == RESULTS
    assert find_results(RESULTS, [uids[2], beginnings[2]]) == [RESULTS[2]]
    with pytest.raises(DataError, match="8 ids begin with ''"):  # an empty variable of a shell selects nothing
        find_results(RESULTS, [''])
    many = [dataclasses.replace(RESULTS[0], score=i / 8) for i in range(17)]  # more than there are first digits
    first_digits = [result.uid[0] for result in many]
    shared = max(first_digits, key=first_digits.count)
    with pytest.raises(DataError, match=f"{first_digits.count(shared)} ids begin with '{shared}'"):
        find_results(many, [shared])
    for wrong in ('xyz', '*'):
        with pytest.raises(UnknownNameError, match='unknown result'):
            find_results(RESULTS, [wrong])


def test_candidates_of_one_name_that_differ():
    """Two files of one name, two input sizes, and a named layer."""
    first = dataclasses.replace(WHOLE, weights='file w.pth (SHA-256 1)', layer_named=None)
    other = dataclasses.replace(first, weights_sha256='b' * 64, score=0.1)
    small = dataclasses.replace(first, input=dataclasses.replace(first.input, shape=[3, 32, 32]), score=0.2)
    named = dataclasses.replace(first, layer_named='features.3', score=0.3)
    old = make(first.model, first.benchmark, 0.4, weights=first.weights)
    name = label(first)
    height, width = first.input.shape[1:]
    assert labels([first, named]) == [name, f'{name} layer features.3']
    assert labels([first, other]) == [f'{name} [{first.weights_sha256[:6]}]', f'{name} [bbbbbb]']
    assert labels([first, small]) == [f'{name} at {height}x{width}', f'{name} at 32x32']
    assert labels([first, old]) == [name, name]  # version 0.1 did not store weights and input
    # The weights of a seed differ in their last bits between processors.
    seeded = [dataclasses.replace(result, weights='none (seed 0)', seed=0) for result in (first, other)]
    assert len(set(labels(seeded))) == len(newest(seeded)) == 1
    assert len(newest([first, other])) == len(newest([first, small])) == len(newest([first, named])) == 2
    assert len(matrix([first, other, named]).labels) == 3


def test_a_number_that_is_not_finite_is_not_imported(tmp_path):
    path = tmp_path / 'nan.json'
    path.write_text(json.dumps({**WHOLE.document(), 'score': float('nan')}))
    with pytest.raises(DataError, match=r'nan\.json: a result has a number that is NaN or infinite'):
        exchange.read(path)


def test_imported_results_answer_nothing(m2m_home):
    own = dataclasses.replace(WHOLE, request='r', score=0.5)
    forged = dataclasses.replace(WHOLE, request='r', score=0.9, created='2030-01-01T00:00:00+00:00')
    store.add([own])
    store.add([forged], imported=True)
    assert own.identity is not None
    assert own.identity == forged.identity
    assert [result.score for result in store.answers(identity=own.identity)] == [0.5]
    assert [result.score for result in store.answers(request='r')] == [0.5]
    assert len(store.results()) == 2


def test_newest_of_each():
    assert newest(RESULTS) == [RESULTS[0], RESULTS[1], RESULTS[3], *RESULTS[4:]]
    assert {result.uid for result in newest(reversed(RESULTS))} == {result.uid for result in newest(RESULTS)}
    imported = make('alpha', 'Lab2026-rdm', 0.9)  # as if made at the same time
    assert newest([RESULTS[0], imported]) == [RESULTS[0]]


def test_the_best_is_first():
    arranged = matrix(RESULTS[:7])
    assert arranged.benchmarks == ['Lab2026-rdm', 'Lab2026-ridge']
    # Shares of the others that are lower: 1, 3/4, (2/4 + 1/2) / 2, 1/4, 0; alone on a benchmark, a half.
    assert arranged.labels == [
        'torchvision:gamma@g.pth',
        'beta',
        'alpha',
        'torchvision:gamma@none (seed 1)',
        'torchvision:gamma@none (seed 0)',
    ]
    assert arranged.cells['beta', 'Lab2026-rdm'].score == 0.7
    assert ('beta', 'Lab2026-ridge') not in arranged.cells


def test_contradictions():
    near = dataclasses.replace(WHOLE, score=WHOLE.score + TOLERANCE / 2)
    far = dataclasses.replace(WHOLE, score=WHOLE.score + 2 * TOLERANCE)
    unknown = dataclasses.replace(far, code_sha256=None)
    assert find_contradictions([WHOLE, near, unknown, *RESULTS]) == set()
    assert find_contradictions([WHOLE, far, unknown]) == {WHOLE.uid, far.uid}


def test_a_data_frame(m2m_home):
    assert m2m_benchmarks.results().empty
    assert m2m_benchmarks.results(each=True).empty
    store.add(RESULTS)
    table = m2m_benchmarks.results(benchmarks='Lab*')
    arranged = matrix(RESULTS[:7])
    assert table.index.tolist() == arranged.labels
    assert table.columns.tolist() == arranged.benchmarks
    assert table.loc['beta', 'Lab2026-rdm'] == 0.7
    assert pd.isna(table.loc['beta', 'Lab2026-ridge'])
    rows = m2m_benchmarks.results(models=['alpha', 'beta'], each=True)
    assert rows['uid'].tolist() == [result.uid for result in RESULTS[3::-1]]
    assert rows['score'].tolist() == [0.7, 0.6, 0.1, 0.5]
    assert not rows['contradicts'].any()
    with pytest.raises(UnknownNameError, match='Did you mean alpha'):
        m2m_benchmarks.results('alpa')


def test_importing_its_module_does_not_hide_the_function():
    import m2m_benchmarks.records.selection as module

    assert m2m_benchmarks.results is module.results


def test_results_of_two_labs(m2m_home, tmp_path, monkeypatch):
    theirs = [dataclasses.replace(WHOLE, score=0.9), *RESULTS[:3]]
    exchange.write(theirs, tmp_path / 'theirs.json')
    store.add([WHOLE, *RESULTS[2:]])
    assert store.add(exchange.read(tmp_path / 'theirs.json')) == 3
    assert store.results() == [WHOLE, *RESULTS[2:], *theirs[:3]]
    assert find_contradictions(store.results()) == {WHOLE.uid, theirs[0].uid}
    assert store.add(exchange.read(tmp_path / 'theirs.json')) == 0


def test_the_json_of_a_score_can_be_imported(tmp_path):
    path = tmp_path / 'score.json'
    path.write_text(json.dumps(WHOLE.document()))
    assert exchange.read(path) == [WHOLE]
    path.write_text(json.dumps([result.document() for result in RESULTS]))
    assert exchange.read(path) == RESULTS


def test_csv(tmp_path):
    exchange.write([WHOLE, *RESULTS], tmp_path / 'all.csv')
    with (tmp_path / 'all.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['uid'] for row in rows] == [result.uid for result in (WHOLE, *RESULTS)]
    assert [float(row['score']) for row in rows] == [result.score for result in (WHOLE, *RESULTS)]
    assert rows[0]['version'] == '0.1.0'
    assert rows[1]['error'] == ''


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{', 'is not JSON'),
        (b'\xff\xfe', 'is not JSON'),
        (b'[1]', 'a result is a JSON object'),
        (b'{"kind": "m2m results", "format": 2}', 'a result is a JSON object'),
        (b'{"a": 1}', 'missing 4 required'),
    ],
)
def test_a_file_of_something_else(tmp_path, content, message):
    path = tmp_path / 'results.json'
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        exchange.read(path)


def test_no_such_file(tmp_path):
    with pytest.raises(StorageError, match=r'none\.json cannot be read'):
        exchange.read(tmp_path / 'none.json')


def test_csv_has_no_formulas(tmp_path):
    odd = make("=cmd|'/c calc'!A1", 'Lab2026-rdm', -0.5)
    exchange.write([odd], tmp_path / 'a.csv')
    (row,) = csv.DictReader((tmp_path / 'a.csv').open())
    assert row['model'] == "'=cmd|'/c calc'!A1"
    assert row['score'] == '-0.5'
