"""The leaderboard: rows, columns, cells, and ranks that are those of `m2m compare`."""

import dataclasses
import json

import numpy as np
import pytest
from brainscore_core.metrics import Score

from m2m_benchmarks import draws as public_draws
from m2m_benchmarks import leaderboard as public_leaderboard
from m2m_benchmarks.analysis.comparison import Scored, compare_scores
from m2m_benchmarks.analysis.entries import parse_entries
from m2m_benchmarks.analysis.leaderboard import CEILING_ROW, OTHER_MICE_ROW, leaderboard, make_board
from m2m_benchmarks.records import store
from m2m_benchmarks.testing import scored_results

RDM = 'Lab2026.area0-rdm'


def made(n_models=3, n_benchmarks=1):
    return scored_results(n_models, n_benchmarks, n_draws=200)


def board_of(results, draws, **options):
    return make_board(results, lambda uids: {uid: draws[uid]['score'] for uid in uids if uid in draws}, **options)


def changed(result, draws, **changes):
    """Make another result with the same draws, shifted by the difference of the scores."""
    other = dataclasses.replace(result, **changes)
    draws[other.uid] = {'score': draws[result.uid]['score'] + ((other.uncut or 0) - result.uncut)}
    return other


def untrained(result, draws, seed, score=None):
    value = result.score / 2 + seed / 100 if score is None else score
    return changed(result, draws, weights=f'none (seed {seed})', seed=seed, score=value, uncut=value)


def by_id(board):
    return {row.id: row for row in board.rows}


def test_no_results(m2m_home):
    board = leaderboard()
    assert (board.rows, board.columns, board.cells) == ([], [], {})
    json.dumps(board.document(), allow_nan=False)


def test_ranks_and_groups_are_those_of_compare(m2m_home):
    """Single scores, seeds that are paired for twins, and seeds that are not; stored, and compared as live scores."""
    results, draws = made(4)
    models = ['plain_vgg16', 'neurn_vgg16', 'torchvision:alexnet', 'torchvision:vgg11']
    named = [changed(result, draws, model=model) for result, model in zip(results, models, strict=True)]
    of_candidates = [
        [untrained(named[0], draws, seed, 0.50 + 0.02 * seed) for seed in range(3)],
        [untrained(named[0], draws, seed, 0.53 + 0.021 * seed) for seed in range(3)],
        [untrained(named[2], draws, seed) for seed in range(2)],
        [named[3]],
    ]
    of_candidates[1] = [changed(result, draws, model='neurn_vgg16') for result in of_candidates[1]]
    stored = [result for results in of_candidates for result in results]
    store.add(stored, {result.uid: draws[result.uid] for result in stored})
    scored = [
        Scored(
            entry, [result.seed for result in own] if len(own) > 1 else None, None, [live(each, draws) for each in own]
        )
        for entry, own in zip(
            parse_entries([*(f'{name}@none' for name in models[:3]), models[3]]), of_candidates, strict=True
        )
    ]
    comparison = compare_scores(RDM, scored, 'holm')
    row = comparison.rows[-1]
    cells = leaderboard().cells
    for index, candidate in enumerate(comparison.candidates):
        cell = cells[candidate.label][RDM]
        assert tuple(cell['rank']) == row.ranks[index]
        assert cell['groups'] == ['abcdef'[number] for number, group in enumerate(row.groups) if index in group]
        assert cell['score'] == pytest.approx(row.means[index], rel=1e-5)
        assert cell['error'] == pytest.approx(row.errors[index], rel=1e-3)
        assert cell.get('spread') == (
            None if row.spreads[index] is None else pytest.approx(row.spreads[index], rel=1e-5)
        )
    assert len(set(row.ranks)) > 1
    (pair,) = public_leaderboard().pairs
    assert (pair['neurn'], pair['plain']) == ('neurn_vgg16@none', 'plain_vgg16@none')
    expected = row.differences[0]  # the plain twin less that with NeuRN
    assert pair['differences'][RDM]['value'] == pytest.approx(-expected.value, rel=1e-5)
    assert pair['differences'][RDM]['error'] == pytest.approx(expected.error, rel=1e-3)
    assert pair['differences'][RDM]['p'] == pytest.approx(expected.p, rel=0.02)
    uid = stored[0].uid
    assert np.abs(public_draws(uid)['score'] - draws[uid]['score']).max() < 0.001


def live(result, draws):
    """Make the score of a result, as it is before it is stored."""
    score = Score(result.score)
    score.attrs.update(result.document())
    score.attrs.update(draws=np.asarray(draws[result.uid]['score'], dtype=float), result=result.document())
    return score


def test_rows_are_candidates_with_their_weights():
    results, draws = made(2)
    first, second = results
    other = changed(first, draws, weights_sha256='c' * 64, created='2026-01-02T00:00:00+00:00')
    file = changed(first, draws, weights='file mine.pth (SHA-256 abc)', weights_sha256='d' * 64)
    pixels = changed(second, draws, model='pixels_64', weights=None)
    seeds = [untrained(first, draws, seed) for seed in (2, 0)]
    lone = untrained(changed(second, draws, model='alone'), draws, 0)
    run = changed(
        first, draws, weights='run net_0-MNIST-seed3: MNIST, seed 3 (SHA-256 e)', seed=3, training_set='MNIST'
    )
    rows = by_id(board_of([first, second, other, file, pixels, *seeds, lone, run], draws))
    assert rows.keys() == {
        *('net_0 [000000]', 'net_0 [cccccc]', 'net_0@mine.pth', 'net_1', 'pixels_64', 'net_0@none', 'alone@none'),
        *('run:net_0-MNIST', CEILING_ROW, OTHER_MICE_ROW),
    }
    assert rows['net_0@none'].seeds == [0, 2] and rows['run:net_0-MNIST'].seeds == [3]
    kinds = {name: row.kind for name, row in rows.items()}
    assert kinds['net_0@none'] == kinds['pixels_64'] == 'control'
    assert kinds['alone@none'] == kinds['run:net_0-MNIST'] == kinds['net_0@mine.pth'] == 'candidate'
    assert [rows[name].trained for name in ('net_0@none', 'pixels_64', 'net_1')] == [False, False, True]
    assert (rows['pixels_64'].family, rows['pixels_64'].parameters) == (None, None)  # no network
    assert rows['net_1'].parameters is not None
    assert rows['net_0@mine.pth'].untrained == 'net_0@none' and rows['net_0@none'].untrained is None
    assert rows['net_0@mine.pth'].weights_sha256 == 'd' * 64
    order = list(kinds.values())
    assert order == sorted(order, key=['candidate', 'control', 'ceiling', 'other mice'].index)


def test_versions_data_and_settings_are_never_in_one_column():
    results, draws = made(2)
    old = changed(results[0], draws, version=1, created='2025-01-01T00:00:00+00:00')
    data = changed(results[1], draws, data_sha256='9' * 64, created='2025-02-01T00:00:00+00:00')
    settings = changed(results[1], draws, choices={'metric': 'other'}, created='2025-03-01T00:00:00+00:00')
    board = board_of([*results, old, data, settings], draws)
    names = [column.id for column in board.columns if column.of is None]
    assert len(names) == 4 and all(name.startswith(RDM) for name in names)
    for column in names:
        assert board.columns[[each.id for each in board.columns].index(column)].ranked in (1, 2)
    past = next(cells for name, cells in board.cells['net_1'].items() if 'history' in cells)['history']
    assert [entry.get('reason') for entry in past] == [
        None,
        'data: 999999 and e; metric: m2m_rdm and other',
        'metric: other and m2m_rdm',
    ]
    assert 'other versions, data or settings have columns of their own' in ' '.join(board.notes)


def test_history_says_what_changed():
    (result,), draws = made(1)
    library = dataclasses.replace(result.library, version='0.2.0', code_sha256='newcode')
    versions = [
        result,
        changed(result, draws, created='2026-02-01T00:00:00+00:00', library=library, score=0.4, uncut=0.4),
        changed(result, draws, created='2026-03-01T00:00:00+00:00', library=library, versions={'torch': '3.0'}),
        changed(result, draws, created='2026-04-01T00:00:00+00:00', library=library, versions={'torch': '3.0'}),
    ]
    cell = board_of(versions[::-1], draws).cells['net_0'][RDM]
    assert cell['uid'] == versions[-1].uid
    assert [entry.get('reason') for entry in cell['history']] == [
        None,
        'library: 0.1.0 g and 0.2.0 newcod',
        'packages: torch 2.9 and 3.0',
        'computed again; nothing that is recorded differs',
    ]
    assert [entry['uid'] for entry in cell['history']] == [version.uid for version in versions]


def test_results_that_cannot_be_ranked():
    results, draws = made(5)
    del draws[results[1].uid]  # imported
    draws[results[2].uid]['score'][0, 3] = np.nan
    draws[results[3].uid]['score'] = draws[results[3].uid]['score'][:, :50]
    unscored = dataclasses.replace(results[4], score=None, uncut=None, interval=None, error=None)
    board = board_of([*results[:4], unscored], draws, imported={results[1].uid}, contradictory={results[0].uid})
    cells = {name: board.cells[name][RDM] for name in ('net_0', 'net_1', 'net_2', 'net_3', 'net_4')}
    assert cells['net_0']['rank'] == [1, 1] and cells['net_0']['contradicts'] is True
    assert (
        cells['net_1']['measured_by'] == 'AVX2, linux x86_64, 2 threads, cpu'
        and cells['net_0']['measured_by'] == 'here'
    )
    for name in ('net_1', 'net_2', 'net_3'):
        assert 'rank' not in cells[name] and 'no bootstrap draws' in cells[name]['unranked']
        assert cells[name]['interval'] == pytest.approx(results[int(name[-1])].interval, rel=1e-5)
    assert 'score' not in cells['net_4'] and 'ceiling' in cells['net_4']['reason']
    assert [row.id for row in board.rows][4] == 'net_4'  # behind all with a score
    json.dumps(board.document(), allow_nan=False)


def test_ceilings_and_other_mice_are_rows_and_columns():
    results, draws = made(2)
    board = board_of(results, draws)
    names = [column.id for column in board.columns]
    assert names == [RDM, f'{RDM} model_per_animal', f'{RDM} other_mice']
    assert board.cells[CEILING_ROW] == {RDM: {'score': 1.0, 'raw': 0.8, 'interval': [0.9, 1.1]}}
    assert board.cells[OTHER_MICE_ROW] == {names[1]: {'score': 0.35}}
    assert board.cells['net_0'][names[1]]['score'] == pytest.approx(results[0].model_per_animal, rel=1e-5)
    assert board.cells['net_0'][names[2]] == {'score': 0.35}
    assert board.columns[0].ceiling == {'value': 0.8, 'interval': [0.72, 0.88]}
    assert board.columns[0].same_draws is True
    flat = [dataclasses.replace(result, ceiling=1.0, ceiling_kind='none: one repetition') for result in results]
    bare = board_of([dataclasses.replace(result, other_mice=None, model_per_animal=None) for result in flat], {})
    assert [column.id for column in bare.columns] == [RDM] and bare.columns[0].ceiling is None
    assert CEILING_ROW not in bare.cells and OTHER_MICE_ROW not in bare.cells


def test_the_mean_of_a_dataset_is_over_rows_that_have_all():
    results, draws = made(4, 3)
    board = board_of(results[:-1], draws)  # the last model lacks the last benchmark
    mean = board.columns[0]
    assert (mean.id, mean.kind, mean.rank_method, mean.ranked) == ('Lab2026 mean', 'mean', 'benchmarks', 3)
    assert set(mean.mean_of) == {RDM, 'Lab2026.area0-ridge', 'Lab2026.area1-rdm'}
    expected = np.mean([result.score for result in results if result.model == 'net_1'])
    assert board.cells['net_1']['Lab2026 mean']['score'] == pytest.approx(expected, rel=1e-5)
    assert 'Lab2026 mean' not in board.cells['net_3']


def test_a_stored_mean_names_its_areas():
    results, draws = made(2, 1)
    means = [changed(result, draws, benchmark='Lab2026-rdm') for result in results]
    board = board_of([*results, *means], draws)
    columns = {column.id: column for column in board.columns}
    assert columns['Lab2026-rdm'].kind == 'mean' and columns['Lab2026-rdm'].mean_of == [RDM]
    assert columns['Lab2026-rdm'].rank_method == 'draws' and 'Lab2026 mean' not in columns


def test_other_draws_are_noted():
    results, draws = made(2)
    other = changed(results[1], draws, sample_sha256='f' * 64)
    board = board_of([results[0], other], draws)
    assert board.columns[0].same_draws is False
    assert f'{RDM}: some scores are of other draws' in ' '.join(board.notes)
    old = [changed(result, draws, sample_sha256=None) for result in results]
    assert board_of(old, draws).columns[0].same_draws is None


def test_recovery_stands_in_its_column():
    results, draws = made(2)
    document = {'benchmark': RDM, 'settings': [], 'candidates': ['a']}
    board = board_of(results, draws, recovery=[document])
    assert [column.recovery for column in board.columns if column.of is None] == [document]


def test_names_of_any_kind_come_out_intact():
    name = '<script>alert(1)</script>\x1b[31m,"q"|ü\n=1+1'
    (result,), _ = made(1)
    board = board_of([dataclasses.replace(result, model=name)], {})
    assert json.loads(json.dumps(board.document()))['rows'][0]['label'] == name
