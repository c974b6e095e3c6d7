"""m2m results, and its tables on terminals of several widths."""

import csv
import dataclasses
import io
import json
import os
import re
import sqlite3

import pytest

import m2m_benchmarks
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import exchange, store
from m2m_benchmarks.records.record import Part
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.testing import damaged, whole_result

pytestmark = pytest.mark.usefixtures('few_draws')

WHOLE = whole_result()
DATASET = 'Vanderbilt2026TwoPhotonRecordingsOfNaturalScenes'
AREA = 'anterolateral_area_of_the_left_hemisphere_layer_2'
LAYER = 'features.denseblock4.denselayer32.conv2'
RUN = 'neurn_efficientnet_b0_k5_zero_channel_after_features.4-MNIST-seed0-a5e9f2e5'


def made(model, benchmark, score, minute=0, **changes):
    fields = {
        'model': model,
        'benchmark': benchmark,
        'score': score,
        'error': 0.0123,
        'created': f'2026-03-04T05:{minute:02d}:00+00:00',
        'targets': None,
        'in_domain': None,
        'areas': None,
        **changes,
    }
    return dataclasses.replace(WHOLE, **fields)


PART = Part(-0.1234, 0.4567, 0.9876, 0.0123, 'raw / ceiling', LAYER, 12345, 12, 0.5, {}, 'named')
RESULTS = [
    made('pixels_64', f'{DATASET}-ridge', 0.1111),
    made('neurn_digitnet', f'{DATASET}-ridge', 0.2222, 1, weights=f'run {RUN}: MNIST, seed 0 (SHA-256 12)'),
    made(
        'torchvision:efficientnet_v2_l',
        f'{DATASET}.{AREA}-ridge',
        -0.3333,
        2,
        weights='none (seed 10)',
        seed=10,
        layer=LAYER,
        n_neuroids=12345,
        raw=0.4567,
        ceiling=0.9876,
    ),
    made('timm:vit_base_patch16_clip_224.openai_ft_in12k_in1k', 'SimulatedMouse-rdm', 0.4444, 3, simulated=True),
    made('pixels_64', 'SimulatedMouse-rdm', 0.0555, 4, areas={'VISp': PART, AREA: PART}, n_neuroids=24690),
    dataclasses.replace(
        WHOLE,
        model='plain_digitnet',
        benchmark='Qazi2025.MNIST-accuracy',
        score=0.6543,
        source='MNIST',
        protocol='accuracy',
        generalization_gap=0.2457,
        n_stimuli=200,
        areas=None,
    ),
]


NEWEST_FIRST = sorted(RESULTS, key=lambda result: result.created, reverse=True)


@pytest.fixture(autouse=True)
def stored(m2m_home):
    store.add(RESULTS)


def test_the_matrix(m2m):
    out = m2m('results', 'list').out
    table = m2m_benchmarks.results()
    assert [name for name in table.index if name in out] == list(table.index)
    assert out.splitlines()[0].split() == ['candidate', *table.columns]
    for line, (name, row) in zip(out.splitlines()[1:], table.iterrows(), strict=False):
        assert line.startswith(name)
        assert {f'{score:.3f}' for score in row.dropna()} <= set(line.split())
    assert m2m('results').out == out


def test_filters(m2m):
    out = m2m('results', 'list', '--model', 'pixels*', '--benchmark', 'Simulated*').out
    assert '0.056 ± 0.012' in out
    assert 'timm' not in out
    ran = m2m('results', 'list', '--model', 'pixel_64')
    assert (ran.code, ran.out) == (1, '')
    assert 'Did you mean pixels_64' in ran.err


def test_one_by_one(m2m):
    lines = m2m('results', 'list', '--each').out.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == [each.uid for each in NEWEST_FIRST]
    assert '2026-03-04 05:04:00' in lines[1 + NEWEST_FIRST.index(RESULTS[4])]


def test_json_and_csv(m2m, tmp_path):
    ran = m2m('results', 'list', '--each', '--json', '-')
    assert [each['uid'] for each in json.loads(ran.out)] == [each.uid for each in NEWEST_FIRST]
    rows = list(csv.DictReader(io.StringIO(m2m('results', 'list', '--csv').out)))
    assert {row['candidate'] for row in rows} == {label(each) for each in RESULTS}
    (row,) = [row for row in rows if row['candidate'] == 'pixels_64']
    assert float(row['SimulatedMouse-rdm']) == 0.0555
    assert m2m('results', 'list', '--json', tmp_path / 'all.json').out.startswith('candidate')
    assert len(json.loads((tmp_path / 'all.json').read_text())) == len(RESULTS)


def test_show(m2m, tmp_path):
    result = RESULTS[4]
    out = m2m('results', 'show', result.uid[:6]).out
    for text in (result.uid, '24,690', LAYER, 'VISp', AREA, 'weights SHA-256: a', 'AVX2, 2 threads, cpu', 'torch 2.9'):
        assert text in out
    assert json.loads(m2m('results', 'show', result.uid, '--json', '-').out) == {
        'uid': result.uid,
        **result.document(),
    }
    exported = tmp_path / 'shown.json'
    exported.write_text(m2m('results', 'show', result.uid, '--json', '-').out)
    assert m2m('results', 'import', exported).out == '1 result, 0 of them new.\n'
    digits = m2m('results', 'show', RESULTS[5].uid).out
    assert 'MNIST (source)' in digits
    assert 'mean' in digits


def test_to_another_machine_and_back(m2m, tmp_path, monkeypatch):
    assert m2m('results', 'export', tmp_path / 'ours.json').out == f'6 results: {tmp_path / "ours.json"}\n'
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'theirs'))
    store.add([RESULTS[0], dataclasses.replace(RESULTS[1], score=0.9)])
    ran = m2m('results', 'import', tmp_path / 'ours.json')
    assert (ran.code, ran.out) == (0, '6 results, 5 of them new.\n')
    assert ran.err.startswith('note: 2 results contradict one another')
    out = m2m('results', 'list', '--each').out
    assert sum(f'{uid} !' in out for uid in (RESULTS[1].uid, dataclasses.replace(RESULTS[1], score=0.9).uid)) == 2
    assert m2m('results', 'export', tmp_path / 'all.csv').code == 0
    assert len((tmp_path / 'all.csv').read_text().splitlines()) == 8


def test_delete(m2m, monkeypatch):
    ran = m2m('results', 'delete', RESULTS[0].uid, RESULTS[2].uid[:8], '--yes')
    assert ran.out.endswith('2 results deleted.\n')
    assert store.results() == [RESULTS[1], *RESULTS[3:]]
    monkeypatch.setattr('sys.stdin', io.StringIO('n\n'))
    assert m2m('results', 'delete', RESULTS[1].uid).code == 1
    ran = m2m('results', 'delete', '', '--yes')  # an empty variable of a shell
    assert (ran.code, ran.out) == (1, '')
    assert "4 ids begin with ''; give more characters" in ran.err
    assert len(store.results()) == 4


def test_damaged_results(m2m, m2m_home, tmp_path):
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute('update result set score = 0.9 where id = 1')
        connection.execute('update result set seal = null where id = 2')
    ran = m2m('results', 'list', '--each')
    assert ran.code == 0
    for number in (0, 1):  # changed, and without the seal that a result of this format has
        assert RESULTS[number].uid not in ran.out
    assert re.fullmatch(r'note: .*results\.sqlite, 2 rows are damaged: .*`m2m results delete --damaged`.*\n', ran.err)
    assert 'without a SHA-256' not in m2m('results', 'show', RESULTS[2].uid).out
    assert m2m('results', 'delete', '--damaged', RESULTS[1].uid).code == 2
    assert m2m('results', 'delete').code == 2
    assert m2m('results', 'delete', '--damaged', '--yes').out.endswith('\n2 results deleted.\n')
    assert store.results() == RESULTS[2:]


@pytest.mark.parametrize('change', ['score = 0.9', "document = json_set(document, '$.format', 99), seal = null"])
def test_nothing_but_damage(m2m, m2m_home, change):
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute(f'update result set {change}')
    ran = m2m('results', 'list')
    assert (ran.code, ran.out) == (0, '')
    note, end = ran.err.splitlines()
    assert re.match(rf'note: .*\b{len(RESULTS)} (rows are damaged|results are left out)', note)
    assert end == 'There are no other results.'


def test_a_changed_export_is_refused(m2m, tmp_path, monkeypatch):
    file = tmp_path / 'ours.json'
    assert m2m('results', 'export', file).code == 0
    whole = file.read_bytes()
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'theirs'))
    for damage, copy in damaged(whole, 50, 30):
        file.write_bytes(copy)
        try:
            assert exchange.read(file) == RESULTS, damage
        except DataError:
            continue
    file.write_bytes(whole.replace(b'0.6543', b'0.7543'))
    ran = m2m('results', 'import', file)
    assert (ran.code, ran.out) == (1, '')
    assert 'was changed or damaged after it was written' in ran.err


def test_the_order_of_a_matrix_is_explained(m2m):
    order = 'Order of candidates: by the share of the other candidates with a lower score, averaged over'
    assert order in m2m('results', 'list').out
    one = RESULTS[0].benchmark
    assert len({result.model for result in RESULTS if result.benchmark == one}) > 1
    assert order not in m2m('results', 'list', '--benchmark', one).out  # by the score itself
    assert 'largest share of the other models' in ' '.join(m2m('results', 'list', '--help').out.split())


def test_nothing_yet(m2m, tmp_path, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(tmp_path / 'empty'))
    ran = m2m('results', 'list')
    assert (ran.code, ran.out) == (0, '')
    assert 'There are no results yet' in ran.err
    assert not (tmp_path / 'empty').exists()
    assert m2m('results', 'list', '--json', '-').out == '[]\n'


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['show', 'zzz'], 1, "unknown result 'zzz'"),
        (['export', 'file.txt'], 2, 'expected a name that ends in .json or .csv'),
        (['import', 'nowhere.json'], 1, 'nowhere.json cannot be read'),
        (['delete', 'zzz', '--yes'], 1, "unknown result 'zzz'"),
        (['list', '--benchmark', '*-cka'], 1, "unknown benchmark '*-cka': there are no results of it"),
        (['list', '--json'], 2, '--json FILE'),
    ],
)
@pytest.mark.seconds
def test_bad_input(m2m, arguments, code, message):
    ran = m2m('results', *arguments)
    assert (ran.code, ran.out) == (code, '')
    assert message in ' '.join(ran.err.replace('│', ' ').split())
    assert store.results() == RESULTS


def test_files_that_are_not_imported(m2m, tmp_path, monkeypatch):
    files = {name: tmp_path / f'{name}.json' for name in ('nested', 'large', 'pipe')}
    files['nested'].write_text('[' * 10**5)
    files['large'].write_text('[' + ' ' * 3000 + ']')
    os.mkfifo(files['pipe'])
    for name, message in (('nested', 'is not JSON'), ('pipe', 'is a pipe; expected a file'), ('large', 'M2M_MAX_GB')):
        monkeypatch.setenv('M2M_MAX_GB', '2e-6' if name == 'large' else '1')
        ran = m2m('results', 'import', files[name])
        assert (ran.code, ran.out) == (1, '')
        assert message in ran.err
        assert str(files[name]) in ran.err


def test_a_result_of_a_later_version_is_left_out(m2m, m2m_home):
    with sqlite3.connect(m2m_home / 'results.sqlite') as connection:
        connection.execute("update result set document = json_set(document, '$.format', 99), seal = null where id = 2")
    ran = m2m('results', 'list', '--each')
    assert ran.code == 0
    assert all((result.uid in ran.out) == (result != RESULTS[1]) for result in RESULTS)
    assert ran.err.startswith('note: a result is left out: ')


def test_a_damaged_file(m2m, m2m_home):
    (m2m_home / 'results.sqlite').write_bytes(b'no database' * 500)
    ran = m2m('results', 'list')
    assert (ran.code, ran.out) == (1, '')
    assert ran.err.startswith('error: ')
    assert 'results.sqlite' in ran.err
    assert ran.err.count('\n') == 1


@pytest.mark.seconds
@pytest.mark.parametrize('width', [60, 80, 100])
@pytest.mark.parametrize('command', [('results', 'list'), ('results', 'list', '--each')])
def test_nothing_is_cut_on_a_terminal(terminal, width, command):
    out = terminal(width, *command)
    assert '…' not in out
    whole = ''.join(line.strip() for line in out.splitlines())
    for result in RESULTS:
        assert label(result).replace(' ', '') in whole.replace(' ', '')
        assert f'{result.score:.3f}' in out.replace('±', ' ').split()
    for name in (f'{DATASET}-ridge', f'{DATASET}.{AREA}-ridge'):
        assert name in whole


@pytest.mark.seconds
@pytest.mark.parametrize('width', [60, 80, 100])
def test_a_score_on_a_terminal(terminal, width):
    out = terminal(width, 'results', 'show', *(each.uid for each in RESULTS))
    assert '…' not in out
    numbers = out.replace('±', ' ').split()
    for number in ('-0.123', '0.457', '0.988', '12,345', '24,690', '0.654', '-0.333'):
        assert number in numbers
    whole = ''.join(line.strip() for line in out.splitlines())
    for name in (AREA, LAYER, 'pixels_64', f'run:{RUN}'):
        assert name in whole
