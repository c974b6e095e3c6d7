"""The command `m2m report`, and `m2m score --figure`."""

import csv
import dataclasses

import pytest

from m2m_benchmarks.cli import figures
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.records import store
from m2m_benchmarks.testing import whole_result

pytestmark = pytest.mark.usefixtures('few_draws')

VISP = 'SimulatedMouse.VISp-rdm'
DIGITS = dataclasses.replace(
    whole_result(), model='pixels_64', benchmark='SklearnDigits-readout_accuracy', areas=None, weights='its own'
)


def test_help_has_examples(m2m):
    ran = m2m('report', '--help')
    assert 'm2m report torchvision:squeezenet1_1@none --benchmark' in ran.out
    assert 'report' in m2m('--help').out
    assert '--figure FILE' in m2m('score', '--help').out


def test_a_model_without_results(m2m, m2m_home):
    ran = m2m('report', 'pixels_64')
    assert (ran.code, ran.out) == (1, '')
    assert 'there are no results of pixels_64. Score it on a benchmark, such as' in ran.err
    store.add([dataclasses.replace(DIGITS, model='pixels_65')])
    assert 'Did you mean pixels_65?' in m2m('report', 'pixels_64').err


@pytest.mark.seconds
def test_a_benchmark_of_digits_alone(m2m, m2m_home, tmp_path):
    store.add([DIGITS])
    ran = m2m('report', 'pixels_64')
    assert ran.code == 0 and 'SVHN' in ran.out and '--html DIR' in ran.out
    ran = m2m('report', 'pixels_64', '--html', tmp_path / 'page')
    assert (ran.code, ran.out) == (0, f'{tmp_path}/page/index.html\n')
    names = sorted(file.name for file in (tmp_path / 'page').iterdir())
    stem = 'domains_SklearnDigits-readout_accuracy'
    assert names == [f'{stem}.csv', f'{stem}.png', f'{stem}.svg', 'index.html']
    assert 'No results of controls' not in (tmp_path / 'page' / 'index.html').read_text()


def test_damaged_results_are_left_out(m2m, m2m_home):
    store.add([DIGITS, dataclasses.replace(DIGITS, created='2027-01-01T00:00:00+00:00', score=0.9)])
    with store._connection():
        store.Row.update(score=0.99).where(store.Row.id == 2).execute()
    ran = m2m('report', 'pixels_64')
    assert ran.code == 0 and 'damaged' in ran.err and '0.500' in ran.out


@pytest.mark.seconds
def test_scores_are_drawn_and_reported(m2m, m2m_home, tmp_path):
    path = tmp_path / 'scores.svg'
    ran = m2m('score', 'pixels_64', VISP, '--figure', path)
    assert ran.code == 0 and path.read_text().startswith('<?xml')
    (row,) = csv.DictReader((tmp_path / 'scores.csv').open())
    stored = store.results()[-1]
    assert (row['candidate'], float(row['raw'])) == ('pixels_64', stored.raw)
    assert m2m('score', 'pixels_64', VISP, '--figure', tmp_path / 'page.html').code == 0
    page = (tmp_path / 'page.html').read_text()
    for text in (
        'RDMs of VISp and of the model',
        'Scenes that are matched best and worst',
        'Where the numbers are from',
    ):
        assert text in page
    assert 'download' not in page  # it stands alone
    ran = m2m('report', 'pixels_64', '--benchmark', 'SimulatedMouse*', '--html', tmp_path)
    assert ran.code == 1 and 'unknown benchmark' in ran.err  # a star matches no dot
    ran = m2m('report', 'pixels_64', '--benchmark', 'SimulatedMouse.*', '--html', tmp_path / 'report')
    assert ran.code == 0, ran.err
    files = {file.name for file in (tmp_path / 'report').iterdir()}
    assert {f'scenes_{VISP}_VISp.png', f'rdm_{VISP}_VISp.csv', f'scores_{VISP}.svg', 'index.html'} <= files


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (('report', 'pixels_64', '--html', 'FILE'), 1, 'cannot write to'),
        (('report', 'pixels_64@none'), 1, 'no choice of weights'),
        (('report', 'pixels_64', '--seed', '-1'), 2, '--seed'),
        (('score', 'pixels_64', VISP, '--figure', 'FOLDER/a.jpg'), 1, 'expected a file that ends in .png'),
        (('score', 'pixels_64', VISP, '--figure', 'FOLDER/a.csv'), 1, 'expected a file that ends in .png'),
        (('score', 'pixels_64', VISP, '--figure', 'FILE/a.png'), 1, 'Name another file after --figure'),
        (('score', 'pixels_64', VISP, '--estimate', '--figure', 'FOLDER/a.png'), 2, '--estimate computes no scores'),
    ],
)
def test_what_cannot_be_written_or_drawn(m2m, m2m_home, tmp_path, arguments, code, message):
    (tmp_path / 'file').touch()
    several = [each.replace('FILE', str(tmp_path / 'file')).replace('FOLDER', str(tmp_path)) for each in arguments]
    ran = m2m(*several)
    assert ran.code == code and message in ' '.join(ran.err.split())


def test_figures_need_matplotlib(monkeypatch):
    monkeypatch.setattr(figures.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(M2MError, match=r'm2m-benchmarks\[report\]'):
        figures.require_figures()
