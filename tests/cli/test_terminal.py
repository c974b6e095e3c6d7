"""Output on terminals of several widths and into pipes, with very long names."""

import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest

from m2m_benchmarks.acquisition.digit_import import import_domain
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.plugins import BRAIN_SCORE, registered

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

WIDTHS = (60, 80, 100)
DATASET = 'Vanderbilt2026TwoPhotonRecordingsOfNaturalScenes'
AREA = 'anterolateral_area_of_the_left_hemisphere_layer_2'
DOMAIN = 'StreetViewHouseNumbersOfInvertedContrastAndBlur'


@pytest.fixture(scope='module')
def bundle(make_bundle, tmp_path_factory):
    """Return recordings of an area with a long name, and of VISp."""
    sessions = [(f'{area}.npz', area, f'10{i}', f'90{i}', 6) for i, area in enumerate((AREA, 'VISp'))]
    return make_bundle(tmp_path_factory.mktemp('long'), n_images=24, n_units=40, sessions=sessions)


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Return a file of digits with a long name."""
    path = tmp_path_factory.mktemp('digits') / f'{DOMAIN}.npz'
    images = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3), np.uint8)
    labels = np.arange(20) % 10
    np.savez(path, train_images=images, train_labels=labels, test_images=images[::-1], test_labels=labels[::-1])
    return path


@pytest.fixture(scope='module')
def home(bundle, digits, tmp_path_factory):
    """Return an M2M_HOME with recordings and digits of long names. It is shared: change nothing in it."""
    folder = tmp_path_factory.mktemp('named') / 'm2m_home'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(folder))
        import_bundle(DATASET, *bundle.paths)
        import_domain(DOMAIN, digits)
    return folder


@pytest.fixture
def named(home, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(home))


def check(out, width, names, numbers=()):
    """Check that names and numbers are whole, and that lines fit, except for text to be copied."""
    assert '…' not in out
    lines = out.splitlines()
    for name in names:
        if len(name) < width:
            assert any(name in line for line in lines), name
        assert name in ''.join(line.strip() for line in lines), name
    for number in numbers:
        assert any(number in line.replace(',', ' ').split() for line in lines), number
    for line in lines:
        # Only commands, paths and lists of names may continue on the next line of the terminal.
        assert len(line) <= width or 'm2m ' in line or 'pip ' in line or len(line.split()) == 1, line


@pytest.mark.parametrize('width', WIDTHS)
def test_benchmarks(terminal, named, width):
    check(terminal(width, 'benchmarks'), width, [DATASET, DOMAIN, AREA, 'SimulatedMouse', '-readout_accuracy'])
    names = [f'{DATASET}.{AREA}-ridge', f'{DATASET}-cka', f'{DATASET}.VISp-rdm']
    check(terminal(width, 'benchmarks', DATASET.lower()), width, names)
    lines = terminal(width, 'benchmarks', '--all').splitlines()
    every = [*names, f'Qazi2025.MNIST.{DOMAIN}-readout_accuracy', *registered('benchmark', BRAIN_SCORE)]
    assert {f'  {name}' for name in every} <= set(lines)


@pytest.mark.parametrize('width', WIDTHS)
def test_models(terminal, m2m, m2m_home, width):
    out = terminal(width, 'models')
    own, others = registered('model'), registered('model', BRAIN_SCORE)
    check(out, width, own, [str(len(others))])
    assert len(out.splitlines()) < 30
    assert out.count('\n') < m2m('models').out.count('\n')  # names stand side by side, but not in a pipe
    longest = max(others, key=len)
    assert len(longest) > 60
    assert f'  {longest}\n' in terminal(width, 'models', longest[3:].upper())
    assert {f'  {name}' for name in {**own, **others}} <= set(terminal(width, 'models', '--all').splitlines())


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.several
def test_a_model(terminal, m2m, m2m_home, width):
    name = 'neurn_inception_resnet_v2'
    shown = json.loads(m2m('models', 'show', name, '--json', '-').out)
    numbers = [str(shown['parameters']), str(shown['image_size'])]
    check(terminal(width, 'models', 'show', name), width, [name, *shown['layers']], numbers)


@pytest.mark.parametrize('width', WIDTHS)
def test_data(terminal, named, bundle, digits, width):
    datasets = [DATASET, DOMAIN, 'SimulatedMouse', 'deVries2020']
    check(terminal(width, 'data'), width, [*datasets, 'm2m data fetch digits --photos DIR'], ['20', '80'])
    check(terminal(width, 'data', 'list', DATASET), width, [DATASET, AREA], ['40'])
    check(terminal(width, 'data', 'list', DOMAIN), width, [DOMAIN, digits.name, 'train', 'test'], ['20'])
    check(terminal(width, 'data', 'verify'), width, [DATASET, DOMAIN])


@pytest.mark.parametrize('width', WIDTHS)
def test_an_import(terminal, m2m_home, bundle, digits, width):
    out = terminal(width, 'data', 'import', DATASET, *bundle.options)
    check(out, width, [DATASET, AREA, 'VISp'], ['40', '24'])
    out = terminal(width, 'data', 'import', 'digits-domain', DOMAIN, '--from', digits)
    check(out, width, [DOMAIN, digits.name, f'm2m train digitnet --source {DOMAIN}'], ['20'])


@pytest.mark.parametrize('width', WIDTHS)
def test_doctor(terminal, m2m, named, width):
    checks = json.loads(m2m('doctor', '--json', '-').out)
    out = terminal(width, 'doctor')
    check(out, width, [word for row in checks for word in row['what'].split()])
    whole = re.sub(r' \\\n *', ' ', out)  # commands are continued as in a shell
    assert all(command in whole for row in checks for command in row['mend'].split('\n'))
    assert all(len(line) <= width for line in out.splitlines() if 'data import' in line)


@pytest.mark.parametrize('width', WIDTHS)
def test_cache(terminal, m2m, m2m_home, width):
    assert m2m('score', 'plain_digitnet', 'SimulatedMouse.VISp-cka', '--weights', 'none').code == 0
    (entry,) = json.loads(m2m('cache', 'list', '--json', '-').out)['entries']
    check(terminal(width, 'cache', 'list'), width, [entry['model'], entry['stimuli']])


def test_listings_on_a_fresh_machine_are_short(terminal, m2m_home):
    assert len(terminal(80, 'benchmarks').splitlines()) <= 22 + len(COMPARISONS)
    lines = terminal(80, 'data', 'list').splitlines()
    for name in ('deVries2020', 'MNIST', 'Siegle2021', 'SimulatedMouse'):
        assert len([line for line in lines if line.startswith(f'  {name} ')]) == 1


def test_a_pipe_folds_nothing(m2m, named):
    rows = [line.split() for line in m2m('benchmarks').out.splitlines()]
    (row,) = (row for row in rows if row[:1] == [DATASET])
    assert sorted(row[1:]) == sorted(['comparisons', 'below', AREA, 'VISp'])
    lines = m2m('data').out.splitlines()
    assert [line for line in lines if line.startswith(f'  {DATASET}  80 neuroids  ')]


@pytest.mark.process
def test_a_process_of_its_own_on_a_terminal(named):
    user, program = pty.openpty()
    with os.fdopen(user, 'rb', buffering=0) as screen:
        subprocess.run(
            [sys.executable, '-m', 'm2m_benchmarks.cli.main', 'benchmarks', AREA],
            stdin=program,
            stdout=program,
            stderr=program,
            env={**os.environ, 'COLUMNS': '60'},
            check=True,
        )
        out = screen.read(4096).decode()
    os.close(program)
    assert f'  {DATASET}.{AREA}-ridge\r\n' in out
