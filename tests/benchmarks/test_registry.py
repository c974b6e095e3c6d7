"""Registry lines, metadata and methods follow from one table."""

import importlib

import pytest
import yaml

from m2m_benchmarks import list_benchmarks
from m2m_benchmarks.benchmarks import registry
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import PROTOCOLS, NeuralIdentifier
from m2m_benchmarks.benchmarks.neural import VERSION, VERSIONS
from m2m_benchmarks.data.digit_names import DOMAINS, Domain
from m2m_benchmarks.data.sklearn_digits import domains as derived
from m2m_benchmarks.plugins.index import registrations


@pytest.mark.seconds
def test_the_files_are_those_of_the_table():
    differing = [path for path, text in registry.files().items() if path.read_text(encoding='utf-8') != text]
    assert not differing, 'run the script: python -m m2m_benchmarks.benchmarks.registry'


def test_every_plugin_folder_is_written_by_the_script():
    folders = {path.parent for path in registry.files() if path.is_relative_to(registry._FOLDER)}
    assert folders == {path.parent for path in registry._FOLDER.glob('*/metadata.yaml')}


def test_every_name_of_the_table_is_registered():
    names = [str(name) for dataset in (*RECORDINGS, *DIGITS) for name in registry.identifiers(dataset)]
    assert sorted(names) == sorted(list_benchmarks())
    assert len(names) == len(set(names))


@pytest.mark.seconds
def test_check_says_what_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, '_FOLDER', tmp_path / 'm2m_benchmarks' / 'benchmarks')
    registry._FOLDER.mkdir(parents=True)
    assert registry.main(['--check']) == 1
    assert 'differs: m2m_benchmarks/benchmarks/simulated/metadata.yaml' in capsys.readouterr().out
    assert not list(registry._FOLDER.iterdir())
    assert registry.main([]) == 0
    assert registry.main(['--check']) == 0
    path = registry._FOLDER / 'simulated' / '__init__.py'
    path.write_text(path.read_text().replace('VISp', 'VISq'))
    capsys.readouterr()
    assert registry.main(['--check']) == 1
    assert capsys.readouterr().out == 'differs: m2m_benchmarks/benchmarks/simulated/__init__.py\n'


def test_a_domain_of_digits_is_registered_by_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, '_FOLDER', tmp_path / 'm2m_benchmarks' / 'benchmarks')
    registry.main([])
    monkeypatch.setitem(DOMAINS, 'Street', Domain(n_test=100))
    capsys.readouterr()
    assert registry.main(['--check']) == 1
    assert capsys.readouterr().out == 'differs: m2m_benchmarks/data/digits/__init__.py\n'
    registry.main([])
    names = [name for _, name in registrations(tmp_path / 'm2m_benchmarks' / 'data' / 'digits' / '__init__.py')]
    assert names == [f'{domain}_{split}' for domain in DOMAINS for split in ('train', 'test')]


@pytest.mark.parametrize('dataset', RECORDINGS)
def test_the_table_cites_what_the_data_plugin_cites(dataset):
    plugin = importlib.import_module(f'm2m_benchmarks.data.{RECORDINGS[dataset].folder}')
    assert RECORDINGS[dataset].bibtex == plugin.BIBTEX


def test_the_domains_are_those_of_the_data():
    assert DIGITS['SklearnDigits'].targets == tuple(derived.DERIVED)


def test_metadata_has_brain_scores_fields():
    # Fields of the metadata of brainscore_vision's own benchmarks.
    entry = registry.metadata(NeuralIdentifier('Siegle2021', 'VISp', None, 'rdm'), RECORDINGS['Siegle2021'])
    assert set(entry) == {'stimulus_set', 'data', 'metric'}
    assert (entry['data']['num_recording_sites'], entry['data']['num_subjects']) == (816, 10)
    mean = registry.metadata(NeuralIdentifier('Siegle2021', None, None, 'rdm'), RECORDINGS['Siegle2021'])
    assert (mean['data']['num_recording_sites'], mean['data']['region']) == (2684, 'mean over areas')


def test_a_long_line_is_folded():
    line = registry.line(NeuralIdentifier('deVries2020', 'VISal', 'excitatory_and_more', 'ridge'))
    assert line.splitlines()[0].endswith('lambda: AreaBenchmark(')
    assert all(len(part) <= 120 for part in line.splitlines())
    compile(line, 'line', 'exec')


@pytest.mark.parametrize(
    ('name', 'expression'),
    [
        ('rdm', 'rdm.COMPARISON'),
        ('rdm_kendall', "rdm.RDM('correlation', 'kendall')"),
        ('rdm_cosine_standardised', "rdm_standardised.StandardisedRDM('cosine', 'spearman')"),
    ],
)
def test_a_line_with_options_makes_the_comparison(name, expression):
    text = registry.line(NeuralIdentifier('Siegle2021', None, None, name))
    assert f"'Siegle2021', {expression}, BIBTEX, AREAS" in text


@pytest.mark.parametrize('dataset', RECORDINGS)
def test_methods_describe_every_comparison(dataset):
    text = (registry._FOLDER / RECORDINGS[dataset].folder / 'METHODS.md').read_text()
    for name in COMPARISONS:
        description = load_comparison(name).description
        assert f'## `-{name}`' in text
        assert description.raw in text and description.ceiling in text


@pytest.mark.parametrize('dataset', RECORDINGS)
def test_methods_say_why_there_is_a_version(dataset):
    text = (registry._FOLDER / RECORDINGS[dataset].folder / 'METHODS.md').read_text()
    assert f'- Version {VERSION} (this one): {VERSIONS[VERSION]}.' in text
    assert list(VERSIONS) == list(range(1, VERSION + 1))


@pytest.mark.parametrize('dataset', DIGITS)
def test_methods_describe_every_protocol(dataset):
    text = (registry._FOLDER / DIGITS[dataset].folder / 'METHODS.md').read_text()
    for name, title in PROTOCOLS.items():
        assert f'\n## `-{name}`: {title}\n' in text


@pytest.mark.seconds
def test_metadata_is_valid_yaml():
    for path in registry.files():
        if path.name == 'metadata.yaml':
            assert yaml.safe_load(path.read_text())['benchmarks']
