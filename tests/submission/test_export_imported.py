"""Export of imported recordings with their benchmarks, and of training runs."""

import ast
import json

import numpy as np
import pytest
import safetensors.torch
import yaml

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.errors import BenchmarkError, M2MError, ModelError, UnknownNameError
from m2m_benchmarks.models.neurn.model import network
from m2m_benchmarks.scoring.runs import write_config, write_run
from m2m_benchmarks.submission.export import Weights, export_tree, export_zip
from m2m_benchmarks.submission.rules import check_folder

ONE_AREA = (('a.npz', 'VISp', 'm1', 's1', 8), ('b.npz', 'VISp', 'm2', 's2', 8))
CITATION = 'Smith ("the lab"), C:\\data, 2026"'
SCORES = """
import json
from brainscore_vision import load_benchmark, load_model

benchmark = load_benchmark(sys.argv[1])
assert type(benchmark).__module__ == 'brainscore_vision.benchmarks.lab2026.m2m.benchmarks_neural'
result = benchmark(load_model('pixels_64'))
print(json.dumps([float(value) for value in (result, *(result.attrs[name] for name in ('raw', 'ceiling', 'error')))]))
"""


@pytest.fixture
def lab(m2m_home, make_bundle, tmp_path):
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=30, sessions=ONE_AREA)
    (bundle.folder / 'dataset.yml').write_text(
        'description: Scenes "in" colour.\ntechnique: Neuropixels 1.0\nspecies: ferret\n'
    )
    return import_bundle('Lab2026', *bundle.paths, citation=CITATION)


@pytest.mark.seconds
@pytest.mark.several
@pytest.mark.parametrize(
    ('name', 'kinds'),
    [
        ('Lab2026.VISp-rdm', ['benchmarks', 'data', 'metrics']),
        ('Lab2026-cka', ['benchmarks', 'data']),
        ('Lab2026.VISp.L1-ridge', ['benchmarks', 'data', 'metrics']),
        ('Lab2026', ['data']),
    ],
)
def test_folders(lab, exported, tmp_path, name, kinds):
    export_tree(name, tmp_path / 'tree')
    folders = exported(tmp_path / 'tree')
    assert sorted(folders.values()) == kinds
    for folder, kind in folders.items():
        assert check_folder(folder, kind, one_identifier=False) == []
        for script in folder.rglob('*.py'):
            compile(script.read_text(), script, 'exec')
        if kind != 'benchmarks':
            continue
        entries = yaml.safe_load((folder / 'metadata.yaml').read_text())['benchmarks']
        assert entries[name]['data']['datatype'] == 'Neuropixels 1.0'
        assert entries[name]['data']['species'] == 'ferret'
        assert entries[name]['data']['data_publicly_available'] is False
        citation = (folder / '__init__.py').read_text().partition('BIBTEX = ')[2].partition('benchmark_registry')[0]
        assert ast.literal_eval(citation.strip()) == CITATION


def test_an_area_that_cannot_be_scored(m2m_home, make_bundle, tmp_path):
    sessions = (('a.npz', 'VISp', 'm1', 's1', 4), ('b.npz', 'POR', 'm1', 's1', 4))
    bundle = make_bundle(tmp_path / 'bundle', n_images=12, n_units=3, sessions=sessions)  # one unit of VISp never fires
    import_bundle('Lab2026', *bundle.paths)
    for comparison, least in (('rdm', 4), ('ridge', 3)):
        with pytest.raises(BenchmarkError, match=f'needs {least} or more reliable neuroids in an area, and'):
            export_tree(f'Lab2026.VISp-{comparison}', tmp_path / 'tree')
    assert not (tmp_path / 'tree').exists()


@pytest.mark.seconds
@pytest.mark.several
@pytest.mark.parametrize('n_images', [12, 9])
def test_only_what_can_be_scored_is_registered(m2m_home, make_bundle, exported, tmp_path, n_images):
    """Three reliable neuroids in VISp, where similarity needs four, and nine images, where regression needs ten."""
    needs = {name: load_comparison(name) for name in COMPARISONS}
    expected = {
        area: [name for name, own in needs.items() if n >= own.min_neuroids and n_images >= own.min_stimuli]
        for area, n in {'VISp': 3, 'POR': 6}.items()
    }
    assert 'rdm' in expected['POR'] and 'rdm' not in expected['VISp'] and 'cka' in expected['VISp']
    assert ('ridge' in expected['POR']) == (n_images == 12)
    sessions = (('a.npz', 'VISp', 'm1', 's1', 8), ('b.npz', 'POR', 'm1', 's1', 8))
    bundle = make_bundle(tmp_path / 'bundle', n_images=n_images, n_units=6, sessions=sessions)
    counts = bundle.counts['a.npz']
    counts[..., 3:] = 0
    with np.load(bundle.folder / 'a.npz') as file:
        np.savez(bundle.folder / 'a.npz', spike_counts=counts, unit_id=file['unit_id'])
    areas = import_bundle('Lab2026', *bundle.paths)['summary']['areas']
    assert (areas['VISp']['reliable'], areas['POR']['reliable']) == (3, 6)
    export_tree('Lab2026.VISp-cka', tmp_path / 'tree')
    (plugin,) = (folder for folder, kind in exported(tmp_path / 'tree').items() if kind == 'benchmarks')
    entries = yaml.safe_load((plugin / 'metadata.yaml').read_text())['benchmarks']
    names = [f'Lab2026.{area}-{comparison}' for area in expected for comparison in expected[area]]
    means = [f'Lab2026-{comparison}' for comparison in expected['POR']]
    assert set(entries) == {*names, *means}
    for name in entries:
        assert f'benchmark_registry[{name!r}]' in (plugin / '__init__.py').read_text()
        load_benchmark(name)
    assert (plugin / '__init__.py').read_text().count('benchmark_registry[') == len(entries)
    assert entries['Lab2026-rdm']['data']['num_recording_sites'] == 6
    assert entries['Lab2026-cka']['data']['num_recording_sites'] == 9
    tested = ast.literal_eval((plugin / 'test.py').read_text().partition('AREAS = ')[2].partition('\n\n')[0])
    assert {f'Lab2026.{area}-{comparison}' for comparison, own in tested.items() for area in own} == set(names)
    assert entries['Lab2026-rdm']['data']['species'] == 'mouse'
    if n_images < 10:
        with pytest.raises(BenchmarkError, match='and 10 or more stimuli'):
            export_tree('Lab2026-ridge', tmp_path / 'other')


def test_names_that_imported_recordings_do_not_have(lab, tmp_path):
    with pytest.raises(UnknownNameError, match='Areas of Lab2026 are VISp'):
        export_tree('Lab2026.VISl-rdm', tmp_path / 'tree')
    with pytest.raises(UnknownNameError, match='Comparisons are rdm'):
        export_tree('Lab2026.VISp-rsa', tmp_path / 'tree')
    with pytest.raises(M2MError, match='by pull request'):
        export_zip('Lab2026.VISp-rdm', tmp_path / 'x.zip')
    with pytest.raises(UnknownNameError, match='unknown model, benchmark, dataset or metric'):
        export_tree('Lab2027.VISp-rdm', tmp_path / 'tree')


@pytest.mark.process
@pytest.mark.slow
def test_a_benchmark_scores_the_same_there(lab, m2m, exported, in_tree, tmp_path):
    export_tree('pixels_64', tmp_path / 'exported')
    # One area, whose three ceilings are tested there.
    ran = m2m('export', 'Lab2026.VISp-ridge', tmp_path / 'exported', '--to', 'brainscore-tree', '--check')
    assert ran.code == 0, ran.err
    mine = score('pixels_64', 'Lab2026.VISp-ridge')
    expected = [float(mine), *(float(mine.attrs[key]) for key in ('raw', 'ceiling', 'error'))]
    out = in_tree(exported(tmp_path / 'exported'), SCORES, 'Lab2026.VISp-ridge')
    assert json.loads(out) == pytest.approx(expected, abs=1e-6)


MODEL = 'plain_squeezenet1_1_at32'


@pytest.mark.slow
def test_a_training_run(m2m, m2m_home, exported, tmp_path):
    """The run is named as `m2m score` names it, and its weights are exported."""
    folder = m2m_home / 'runs' / 'mine'
    folder.mkdir(parents=True)
    write_config(folder, {'model': MODEL, 'dataset': 'SklearnDigits', 'seed': 7, 'steps': 3})
    state = network(MODEL, 'none', 3, 10).backbone.state_dict()
    data = {'name': 'SklearnDigits', 'classes': list('0123456789'), 'sha256': 'ab', 'n_train': 5, 'n_validation': 2}
    write_run(folder, state, [], {'steps': 3}, data, {'torch': '2'})
    ran = m2m('export', 'run:mine', tmp_path / 'tree', '--to', 'brainscore-tree')
    assert ran.code == 0, ran.err
    (plugin,) = exported(tmp_path / 'tree')
    assert plugin.name == MODEL
    written = safetensors.torch.load_file(plugin / 'weights.safetensors')
    assert all((written[name] == value).all() for name, value in state.items())
    assert export_zip(f'run:{folder}', tmp_path / 'mine.zip').is_file()
    with pytest.raises(M2MError, match='brings its own weights'):
        export_tree('run:mine', tmp_path / 'other', Weights('none'))
    with pytest.raises(ModelError, match='there is no run nobody'):
        export_tree('run:nobody', tmp_path / 'other')
