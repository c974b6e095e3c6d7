"""Benchmarks of populations of cells, and with options, in a tree of Brain-Score, where each has a registry line."""

import json

import pytest
import yaml

from m2m_benchmarks import score
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.identifiers import parse
from m2m_benchmarks.benchmarks.registry import line

pytestmark = [pytest.mark.slow, pytest.mark.process]

SCORES = """
import json
from brainscore_vision import load_benchmark, load_model

result = load_benchmark(sys.argv[1])(load_model('pixels_64'))
print(json.dumps([float(value) for value in (result, *(result.attrs[name] for name in ('raw', 'ceiling', 'error')))]))
"""


def test_a_population_scores_the_same_there(recorded, m2m, in_tree, tmp_path):
    recorded()
    name = 'deVries2020.VISp.L23-ridge'
    for exported in (name, 'pixels_64'):
        ran = m2m('export', exported, tmp_path / 'exported', '--to', 'brainscore-tree')
        assert ran.code == 0, ran.err
    folders = {path: path.parent.name for path in (tmp_path / 'exported').glob('brainscore_vision/*/*')}
    assert sorted(folders.values()) == ['benchmarks', 'data', 'metrics', 'models']
    (folder,) = (path for path, kind in folders.items() if kind == 'benchmarks')
    assert (folder / '__init__.py').read_text().endswith(f'\n{line(parse(name))}\n')
    entries = yaml.safe_load((folder / 'metadata.yaml').read_text())['benchmarks']
    assert len(entries) == 7 * len(COMPARISONS) + 1
    assert entries[name]['data']['pre_processing'].endswith('; L23 alone, by layer')
    mine = score('pixels_64', name)
    expected = [float(mine), *(float(mine.attrs[key]) for key in ('raw', 'ceiling', 'error'))]
    assert json.loads(in_tree(folders, SCORES, name)) == pytest.approx(expected, abs=1e-6)


def test_a_comparison_with_options_scores_the_same_there(m2m, m2m_home, in_tree, tmp_path):
    name = 'SimulatedMouse.VISp-rdm_crossnobis_whitened'
    for exported in (name, 'pixels_64'):
        ran = m2m('export', exported, tmp_path / 'exported', '--to', 'brainscore-tree')
        assert ran.code == 0, ran.err
    folders = {path: path.parent.name for path in (tmp_path / 'exported').glob('brainscore_vision/*/*')}
    assert sorted(folders.values()) == ['benchmarks', 'data', 'models']
    (folder,) = (path for path, kind in folders.items() if kind == 'benchmarks')
    assert (folder / '__init__.py').read_text().endswith(f'\n{line(parse(name))}\n')
    entry = yaml.safe_load((folder / 'metadata.yaml').read_text())['benchmarks'][name]
    assert entry['metric']['type'] == 'rdm_crossnobis_whitened'
    mine = score('pixels_64', name)
    expected = [float(mine), *(float(mine.attrs[key]) for key in ('raw', 'ceiling', 'error'))]
    assert json.loads(in_tree(folders, SCORES, name)) == pytest.approx(expected, abs=1e-6)
