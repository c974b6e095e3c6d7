"""Names of benchmarks, checked without loading: errors, patterns and suites."""

import re

import pytest

from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.names import check_benchmark
from m2m_benchmarks.benchmarks.selection import SUITE, SUITES, expand_benchmarks
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.errors import DataNotFoundError, M2MError, UnknownNameError


@pytest.fixture
def lab(m2m_home, make_bundle, tmp_path):
    """Recordings of VISp and VISal under a lab's own name."""
    import_bundle('Lab2026', *make_bundle(tmp_path / 'bundle').paths)


def test_a_pattern_stands_for_parts_and_a_star_for_no_dot(m2m_home):
    assert expand_benchmarks(['SimulatedMouse.*-rdm']) == [f'SimulatedMouse.{area}-rdm' for area in AREAS]
    assert expand_benchmarks(['SimulatedMouse-*']) == [f'SimulatedMouse-{each}' for each in COMPARISONS]
    assert expand_benchmarks(['SimulatedMouse.VIS[pl]-rdm']) == ['SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISl-rdm']


def test_the_order_is_kept_and_each_stands_once(m2m_home):
    names = ['SimulatedMouse.VISl-rdm', 'SimulatedMouse.VIS?-rdm', 'SimulatedMouse.V1-rdm', 'SimulatedMouse-rdm']
    assert expand_benchmarks(names) == [names[0], 'SimulatedMouse.VISp-rdm', 'SimulatedMouse-rdm']


def test_patterns_stand_for_imported_recordings_and_not_for_those_that_are_elsewhere(lab):
    assert expand_benchmarks(['Lab2026.*-rdm']) == ['Lab2026.VISp-rdm', 'Lab2026.VISal-rdm']
    assert {name.partition('-')[0] for name in expand_benchmarks(['*-rdm'])} == {'Lab2026', 'SimulatedMouse'}
    with pytest.raises(DataNotFoundError, match=r'm2m data fetch Siegle2021'):
        expand_benchmarks(['Siegle2021.*-rdm'])


def test_patterns_stand_for_areas_that_were_recorded(m2m_home, make_bundle, tmp_path):
    """The table lists six areas of Siegle2021; here are two."""
    import_bundle('Siegle2021', *make_bundle(tmp_path / 'bundle').paths)
    assert expand_benchmarks(['Siegle2021.*-rdm']) == ['Siegle2021.VISp-rdm', 'Siegle2021.VISal-rdm']


@pytest.mark.seconds
def test_a_pattern_stands_for_populations(recorded):
    recorded()
    names = expand_benchmarks(['deVries2020.VISp.*-rdm'])
    assert names
    assert all(name.startswith('deVries2020.VISp.') for name in names)
    with pytest.raises(UnknownNameError, match=r"unknown population 'L99': deVries2020\.VISp has none"):
        check_benchmark('deVries2020.VISp.L99-rdm')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('SimulatedMouse.*-rdn', 'Did you mean SimulatedMouse.VISp-rdm'),
        ('SimulatedMouse-rdn', f'Comparisons are {", ".join(COMPARISONS)}.'),
        ('SimulatedMouse.VISq-rdm', 'Areas of SimulatedMouse are VISp'),
        ('Siegel2021-rdm', 'Did you mean Siegle2021-rdm'),
        ('no such name', 'Names are DATASET-COMPARISON'),
        ('Qazi2025.MNST-accuracy', 'Domains are MNIST'),
        ('SklearnDigits.thn-accuracy', 'Did you mean SklearnDigits.thin-accuracy'),
        ('suite:papr', 'Did you mean suite:paper?'),
        ('Siegle2021-rdm', 'm2m data fetch Siegle2021'),
        ('Qazi2025.MNIST-accuracy', 'm2m data fetch digits --photos DIR'),
    ],
)
def test_messages_say_what_is_wrong(m2m_home, name, message):
    with pytest.raises(M2MError, match=re.escape(message)):
        expand_benchmarks([name])


def test_benchmarks_of_brain_score_are_known(m2m_home):
    assert check_benchmark('MajajHong2015public.IT-pls') == 'MajajHong2015public.IT-pls'


def test_a_suite_leaves_absent_data_out_and_says_so(m2m_home, capsys):
    assert expand_benchmarks(['suite:paper']) == ['SklearnDigits-readout_accuracy']
    said = capsys.readouterr().err
    assert 'suite:paper goes without deVries2020-rdm, Siegle2021-rdm' in said
    assert 'm2m data fetch digits --photos DIR' in said


def test_a_suite_takes_the_data_that_is_here(recorded):
    recorded()
    assert expand_benchmarks(['suite:paper'])[:2] == ['deVries2020-rdm', 'deVries2020-ridge']


def test_every_benchmark_of_a_suite_exists(m2m_home):
    for name in SUITES:
        for benchmark in SUITES[name][1]:
            try:
                check_benchmark(benchmark)
            except DataNotFoundError:
                assert benchmark not in expand_benchmarks([f'{SUITE}{name}'])
