"""The index and loading of plugins of both libraries."""

import os
import urllib.error
import urllib.request

import pytest

import m2m_benchmarks
from m2m_benchmarks import load_metric, load_model, plugins
from m2m_benchmarks.errors import BenchmarkError, ModelError, UnknownNameError, nearest
from m2m_benchmarks.plugins.libraries import library_models


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
    # Brain-Score looks for registry['id'] in the text: an identifier that it can't see would only work here.
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
    with pytest.raises(UnknownNameError, match='`m2m models --all` lists them'):
        load_model('qqqqqqqqqqqq')
    assert nearest('visp', ['VISp', 'VISl']).startswith(' Did you mean VISp')
    assert nearest('x', ['aaa', 'bbb']) == ' Valid names: aaa, bbb.'


def explained(error):
    """Message of the error that `reporting_plugin_errors` makes of an exception."""
    with pytest.raises(ModelError) as caught, plugins.reporting_plugin_errors('m', ModelError):
        raise error
    return str(caught.value)


DOWNLOAD = 'm needs a file that could not be downloaded ({}). Connect to the network, or put the file where its library'


def test_a_failed_download_says_why():
    with pytest.raises(ModelError) as caught, plugins.reporting_plugin_errors('m', ModelError):
        urllib.request.urlopen('http://127.0.0.1:9/weights/some_network-abc123.pth', timeout=5)
    # The address was only in variables of other libraries, which are not read.
    start, end = DOWNLOAD.split('{}')
    assert str(caught.value).startswith(f'{start}URLError: <urlopen error ')
    assert end in str(caught.value)
    assert str(caught.value).endswith(', or score it with a file of weights (m@FILE).')


def test_a_failed_download_says_its_url_where_an_exception_has_it():
    url = 'https://host.example/a/b.nc'
    assert explained(urllib.error.URLError(f'no route to {url}.')).startswith(
        DOWNLOAD.format(f'URLError: <urlopen error no route to {url}.>')
    )
    # Brain-Score raises the errors of both of its attempts as one.
    wrapped = Exception([ValueError('x'), urllib.error.URLError(f'no route to {url}')])
    assert f'(URLError: <urlopen error no route to {url}>)' in explained(wrapped)
    # The address is in the message of another exception, or in a note.
    other = RuntimeError(f'{url} was not loaded')
    other.__cause__ = TimeoutError('timed out')
    assert explained(other).startswith(DOWNLOAD.format(f'TimeoutError: timed out; {url}'))
    noted = ConnectionResetError()
    noted.add_note(f'Its weights are downloaded from {url}')
    assert explained(noted).startswith(DOWNLOAD.format(f'ConnectionResetError: ConnectionResetError; {url}'))
    # An address alone doesn't mean a download.
    assert explained(ValueError(url)) == f'm does not work here: ValueError: {url}'


def test_exceptions_that_lead_to_one_another():
    first, second = RuntimeError('first'), urllib.error.URLError('second')
    first.__context__, second.__context__ = second, first
    assert '(URLError: <urlopen error second>)' in explained(first)


def test_variables_of_other_libraries_are_not_read():
    class UntouchedError(ConnectionError):
        @property
        def __traceback__(self):
            raise AssertionError('frames were looked into')

    assert plugins.failures._failed_download(UntouchedError('x')) == 'UntouchedError: x'


def test_other_failures_say_what_they_are():
    message = "needs the package 'no_such_package'"
    with pytest.raises(ModelError, match=message), plugins.reporting_plugin_errors('m', ModelError):
        import no_such_package  # noqa: F401
    message = 'b does not work here: ZeroDivisionError: division by zero'
    with pytest.raises(BenchmarkError, match=message), plugins.reporting_plugin_errors('b', BenchmarkError):
        _ = 1 / 0


def test_installed_plugins_are_read_once(monkeypatch):
    plugins.index._lines_once.cache_clear()
    read = []
    registrations = plugins.index.registrations
    monkeypatch.setattr(plugins.index, 'registrations', lambda init: read.append(init) or registrations(init))
    first = plugins.registered('model', plugins.BRAIN_SCORE)
    n_folders = len(read)
    assert n_folders > 100
    first.clear()  # the caller's copy
    assert 'alexnet' in plugins.registered('model', plugins.BRAIN_SCORE)
    assert len(read) == n_folders


def test_a_plugin_that_is_added_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(plugins.index, 'plugins_folder', lambda library, folder: tmp_path)
    assert plugins.registered('model', plugins.BRAIN_SCORE) == {}
    (tmp_path / 'new').mkdir()
    (tmp_path / 'new' / '__init__.py').write_text("model_registry['new'] = f\n")
    os.utime(tmp_path, ns=(1, 1))  # even if the clock is coarse
    assert list(plugins.registered('model', plugins.BRAIN_SCORE)) == ['new']


def test_a_library_that_is_not_installed_registers_nothing():
    assert plugins.registered('model', 'no_such_library') == {}


def test_resolvers_are_called_in_turn_if_nothing_is_registered(monkeypatch, tmp_path):
    (tmp_path / 'some_resolvers.py').write_text(
        'calls = []\n'
        'def first(name):\n    calls.append(("first", name))\n'
        'def second(name):\n    calls.append(("second", name))\n    return name.upper() if name == "known" else None\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(plugins.RESOLVERS, 'metric', ('some_resolvers:first', 'some_resolvers:second'))
    assert load_metric('known') == 'KNOWN'
    with pytest.raises(UnknownNameError, match="unknown metric 'm2m_rmd'"):
        load_metric('m2m_rmd')
    load_metric('m2m_rdm')
    import some_resolvers

    assert some_resolvers.calls == [(each, name) for name in ('known', 'm2m_rmd') for each in ('first', 'second')]


def test_an_unknown_name_inside_a_plugin_is_its_own(monkeypatch):
    # It doesn't mean that the plugin's name is unknown, so no resolver is called.
    def factory():
        raise UnknownNameError('cell', 'x', ['y'])

    monkeypatch.setattr(plugins.loading, '_registered_factory', lambda kind, identifier: factory)
    monkeypatch.setattr(plugins.loading, '_resolve', lambda kind, identifier: pytest.fail('a resolver was called'))
    for load in (plugins.load_benchmark, plugins.load_dataset, plugins.load_stimulus_set):
        with pytest.raises(UnknownNameError, match="unknown cell 'x'"):
            load('registered')


def test_models_of_other_libraries_are_those_that_they_list():
    import timm
    import torchvision

    assert list(library_models('torchvision')) == torchvision.models.list_models(module=torchvision.models)
    assert set(library_models('timm')) == set(timm.list_models())
