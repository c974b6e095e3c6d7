"""One identifier space over two libraries."""

import os
import urllib.error
import urllib.request

import pytest

import m2m_benchmarks
from m2m_benchmarks import load_metric, load_model, plugins
from m2m_benchmarks.errors import BenchmarkError, ModelError, UnknownNameError, nearest


def test_literal_lines_are_the_index(tmp_path):
    init = tmp_path / '__init__.py'
    init.write_text(
        'from x import model_registry\n'
        "model_registry['one'] = lambda: 1\n"
        'model_registry["two"] = f\n'
        "    model_registry[ 'three' ] = f\n"
        "# model_registry['four'] = f\n"
        'for name in names:\n    model_registry[name] = f\n'
        "benchmark_registry['A.VISp-rdm'] = lambda: area('VISp', x[0])\n"
        "print(model_registry['five'])\n"
    )
    assert plugins.registrations(init) == [
        ('model', 'one'),
        ('model', 'two'),
        ('model', 'three'),
        ('benchmark', 'A.VISp-rdm'),
    ]


def test_every_registered_line_is_found_by_brain_scores_own_search():
    # Brain-Score looks for registry['id'] in the text: an identifier that it can't see would work here only.
    for kind, folder in (('model', 'models'), ('benchmark', 'benchmarks'), ('metric', 'metrics'), ('data', 'data')):
        for plugin in plugins.registered(kind).values():
            init = plugins.plugins_folder(plugins.OWN, folder) / plugin.folder / '__init__.py'
            lines = [
                line for line in init.read_text().splitlines() if f"{kind}_registry['{plugin.identifier}']" in line
            ]
            assert len(lines) == 1
            assert lines[0].count(']') == 1


def test_both_libraries_are_listed():
    assert len(plugins.registered('model', plugins.BRAIN_SCORE)) > 500
    assert 'pixels_64' in m2m_benchmarks.list_models()
    assert set(m2m_benchmarks.list_metrics()) == {'m2m_rdm', 'm2m_ridge'}


def test_metrics_of_both_libraries_load(monkeypatch):
    monkeypatch.delenv('BS_INSTALL_DEPENDENCIES', raising=False)
    assert type(load_metric('m2m_rdm')).__name__ == 'M2MRDM'
    assert type(load_metric('rdm')).__name__ == 'RDMMetric'
    assert 'BS_INSTALL_DEPENDENCIES' not in os.environ


def test_nothing_is_installed_at_import(monkeypatch):
    monkeypatch.setenv('BS_INSTALL_DEPENDENCIES', 'yes')
    import subprocess

    def run(*arguments, **options):
        raise AssertionError(f'a plugin ran {arguments}')

    monkeypatch.setattr(subprocess, 'run', run)
    load_metric('rdm')
    assert os.environ['BS_INSTALL_DEPENDENCIES'] == 'yes'


def test_unknown_names():
    with pytest.raises(UnknownNameError, match='Did you mean m2m_rdm'):
        load_metric('m2m_rmd')
    with pytest.raises(UnknownNameError, match='`m2m models` lists them'):
        load_model('qqqqqqqqqqqq')
    assert nearest('visp', ['VISp', 'VISl']).startswith(' Did you mean VISp')
    assert nearest('x', ['aaa', 'bbb']) == ' There is aaa, bbb.'


def download(url):
    """As a library would: the address is known to the frames only."""
    return urllib.request.urlopen(url, timeout=5)


def test_a_failed_download_names_its_file():
    address = 'http://127.0.0.1:9/weights/some_network-abc123.pth'
    message = r'm needs .*some_network-abc123\.pth, which is not on this machine'
    with pytest.raises(ModelError, match=message), plugins.explained_failure('m', ModelError):
        download(address)


def test_what_brain_score_wraps_is_looked_into():
    wrapped = Exception([ValueError('x'), urllib.error.URLError('no route to https://host.example/a/b.nc')])
    assert plugins.wanted_file(wrapped) == 'https://host.example/a/b.nc'
    assert plugins.wanted_file(ValueError('https://host.example/a/b.nc')) is None  # no download


def test_other_failures_say_what_they_are():
    message = "needs the package 'no_such_package'"
    with pytest.raises(ModelError, match=message), plugins.explained_failure('m', ModelError):
        import no_such_package  # noqa: F401
    message = 'b does not work here: ZeroDivisionError: division by zero'
    with pytest.raises(BenchmarkError, match=message), plugins.explained_failure('b', BenchmarkError):
        _ = 1 / 0
