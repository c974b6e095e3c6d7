"""The grammar of the names of benchmarks."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2m_benchmarks import list_benchmarks, load_benchmark
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    DIGITS_GRAMMAR,
    GRAMMAR,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    dotted_name,
    matches,
    parse,
)
from m2m_benchmarks.data import atomic
from m2m_benchmarks.data.names import as_part, is_dataset_name, is_part_name
from m2m_benchmarks.data.store import write_dataset
from m2m_benchmarks.errors import DataNotFoundError, UnknownNameError
from m2m_benchmarks.records import store

pytestmark = pytest.mark.usefixtures('few_draws')

NAMES = st.from_regex(r'[A-Za-z][A-Za-z0-9]{0,8}', fullmatch=True)
PARTS = st.from_regex(r'[A-Za-z0-9_]{1,8}', fullmatch=True)
KINDS = ', '.join(COMPARISONS)


@pytest.mark.parametrize(
    ('identifier', 'parts'),
    [
        ('Siegle2021-rdm', NeuralIdentifier('Siegle2021', None, None, 'rdm')),
        ('Siegle2021.VISp-ridge', NeuralIdentifier('Siegle2021', 'VISp', None, 'ridge')),
        ('deVries2020.VISp.Cux2-rdm', NeuralIdentifier('deVries2020', 'VISp', 'Cux2', 'rdm')),
        ('Lab2026.POR.L2_3-pls_noise_corrected', NeuralIdentifier('Lab2026', 'POR', 'L2_3', 'pls_noise_corrected')),
        ('Lab2026.VISp-accuracy', NeuralIdentifier('Lab2026', 'VISp', None, 'accuracy')),
        ('Qazi2025.MNIST-accuracy', DigitsIdentifier('Qazi2025', 'MNIST', None, 'accuracy')),
        ('Qazi2025.MNIST.SVHN-readout_accuracy', DigitsIdentifier('Qazi2025', 'MNIST', 'SVHN', 'readout_accuracy')),
        ('SklearnDigits-accuracy', DigitsIdentifier('SklearnDigits', 'SklearnDigits', None, 'accuracy')),
        ('SklearnDigits.thin-accuracy', DigitsIdentifier('SklearnDigits', 'SklearnDigits', 'thin', 'accuracy')),
    ],
)
def test_parts_and_back(identifier, parts):
    assert parse(identifier) == parts
    assert str(parts) == identifier


def test_every_registered_name_follows_the_grammar():
    for identifier in list_benchmarks():
        assert str(parse(identifier)) == identifier


@given(dataset=NAMES, area=PARTS, population=PARTS, comparison=PARTS)
@pytest.mark.seconds
def test_neural_names_come_back(dataset, area, population, comparison):
    if dataset in (PAPER_DIGITS, DERIVED_DIGITS):
        return
    for name in (
        NeuralIdentifier(dataset, None, None, comparison),
        NeuralIdentifier(dataset, area, None, comparison),
        NeuralIdentifier(dataset, area, population, comparison),
    ):
        assert parse(str(name)) == name


@given(source=PARTS, target=PARTS, protocol=st.sampled_from(list(PROTOCOLS)))
@pytest.mark.seconds
def test_names_of_digits_come_back(source, target, protocol):
    for name in (DigitsIdentifier(PAPER_DIGITS, source, each, protocol) for each in (None, target)):
        assert parse(str(name)) == name


def test_parents():
    assert parse('A.B.C-rdm').parent == 'A.B-rdm'
    assert parse('A.B-rdm').parent == 'A-rdm'
    assert parse('A-rdm').parent is None
    assert parse('Qazi2025.MNIST.SVHN-accuracy').parent == 'Qazi2025-accuracy'


ODD = [
    '',
    'Siegle2021',
    'Siegle2021.VISp',
    'Siegle2021-',
    '-rdm',
    '.VISp-rdm',
    'Siegle2021.-rdm',
    'Siegle2021..VISp-rdm',
    'A.B.C.D-rdm',
    'Siegle 2021.VISp-rdm',
    'Siegle2021.VISp-rdm\n',
    'Siegle2021.VISp-rdm-ridge',
    '2021Siegle.VISp-rdm',
    'Siegle2021.VISp/../x-rdm',
    'Ｓiegle2021.VISp-rdm',
    'Siegle2021.VISp-r²',
    'Qazi2025-accuracy',
    'SklearnDigits.a.b-accuracy',
    'Qazi2025.A.B.C-accuracy',
    'Qazi2025x.A.B.C-rdm',
]
#: Those that begin with the name of digits, not only with its letters.
ODD_OF_DIGITS = {'Qazi2025-accuracy', 'SklearnDigits.a.b-accuracy', 'Qazi2025.A.B.C-accuracy'}


@pytest.mark.parametrize('identifier', ODD)
@pytest.mark.seconds
def test_another_grammar(identifier, m2m_home):
    assert parse(identifier) is None
    grammar = DIGITS_GRAMMAR if identifier in ODD_OF_DIGITS else GRAMMAR
    with pytest.raises(UnknownNameError, match=r'unknown benchmark') as caught:
        load_benchmark(identifier)
    assert str(caught.value).endswith(f' Names are {grammar}.')


@pytest.mark.parametrize(
    'identifier', ['Nobody2020.VISp-rdm', 'Nobody2020-rdm', 'Nobody2020.A-accuracy', 'Nobody2020.VISp.L4-pls']
)
@pytest.mark.seconds
def test_a_dataset_that_is_not_here(identifier, m2m_home):
    with pytest.raises(UnknownNameError) as caught:
        load_benchmark(identifier)
    assert str(caught.value) == (
        f'unknown benchmark {identifier!r}: there is no dataset Nobody2020 on this machine; `m2m data list` shows '
        'those that are, `m2m data import Nobody2020 --sessions sessions.csv --units units.csv --stimuli DIR` brings '
        'one.'
    )


@pytest.mark.parametrize(
    ('identifier', 'message'),
    [
        # The dataset is misspelt: that there is none comes first, then those that are spelt like it.
        ('Seigle2021.VISp-rdm', r'no dataset Seigle2021 on this machine; .* Did you mean Siegle2021\.VISp-rdm'),
        ('siegle2021.VISp-rdm', r'no dataset siegle2021 on this machine; .* Did you mean Siegle2021\.VISp-rdm'),
        ('SimulatedMous-cka', r'no dataset SimulatedMous on this machine; .* Did you mean SimulatedMouse-cka'),
        # One of brainscore_vision's is known.
        (
            'MajajHong2015public.IT-plz',
            r"^unknown benchmark 'MajajHong2015public\.IT-plz'\. Did you mean MajajHong2015public\.IT-pls.* --all`",
        ),
        # Digits are domains, not datasets.
        ('MNIST.VISp-rdm', r'MNIST are digits, whose benchmarks are Qazi2025\.SOURCE-PROTOCOL, '),
        # What follows the grammar gets the comparisons or areas.
        ('Siegle2021.VISp-plx', rf'Did you mean Siegle2021\.VISp-.* Comparisons are {KINDS}\. Options of rdm are '),
        ('Siegle2021.VISx.L4-plx', rf' Comparisons are {KINDS}\. Options of rdm are '),
        ('Siegle2021.VISx-rdm', r' Areas of Siegle2021 are VISp, VISl, VISal, VISpm, VISam, VISrl\.$'),
        ('Qazi2025.MNIST-acc', r' Protocols are accuracy, readout_accuracy\.$'),
        (
            'Qazi2025.Street-accuracy',
            r' Domains are MNIST, MNISTM, SVHN, USPS, SklearnDigits; import another with ',
        ),
    ],
)
@pytest.mark.seconds
def test_messages_say_what_is_wrong_with_a_name(identifier, message, m2m_home):
    with pytest.raises(UnknownNameError, match=message):
        load_benchmark(identifier)


@pytest.mark.parametrize(
    ('written', 'standard'),
    [
        ('SimulatedMouse.V1-rdm', 'SimulatedMouse.VISp-rdm'),
        ('SimulatedMouse.lm-ridge', 'SimulatedMouse.VISl-ridge'),
        ('SimulatedMouse.visp-cka', 'SimulatedMouse.VISp-cka'),
    ],
)
@pytest.mark.seconds
def test_other_names_of_the_six_areas(written, standard, m2m_home, capsys):
    benchmark = load_benchmark(written)
    assert (benchmark.identifier, benchmark.region) == (
        standard,
        standard[len('SimulatedMouse.') : standard.index('-')],
    )
    note = f'note: areas are named as the Allen Institute names them: {written} as {standard}.\n'
    assert capsys.readouterr() == ('', note)
    load_benchmark(standard)
    assert capsys.readouterr() == ('', '')


def test_other_names_of_areas_of_recordings_that_are_not_here(m2m_home, capsys):
    with pytest.raises(DataNotFoundError, match='m2m data import Siegle2021'):
        load_benchmark('Siegle2021.V1-rdm')
    with pytest.raises(DataNotFoundError, match='m2m data import deVries2020'):
        load_benchmark('deVries2020.AL.Cux2-rdm')
    assert 'deVries2020.AL.Cux2-rdm as deVries2020.VISal.Cux2-rdm.' in capsys.readouterr().err


@pytest.mark.seconds
def test_an_area_that_a_dataset_itself_calls_so(m2m_home, capsys):
    responses = np.random.default_rng(0).poisson(np.arange(1, 13)[:, None], (6, 12, 30)).astype(float)
    neuroids = pd.DataFrame(
        {
            'neuroid_id': [f'n{i}' for i in range(30)],
            'region': ['V1', 'VISp', 'VISl'] * 10,
            'animal': 'a',
            'session': 's',
        }
    )
    with atomic.write_lock('Lab2026'):
        stimuli = {f's{i:02d}': b'' for i in range(12)}
        write_dataset('Lab2026', responses, neuroids, stimuli, (50, 250), {'made_by': 'a test'})
    benchmark = load_benchmark('Lab2026.V1-rdm')
    assert (benchmark.identifier, benchmark.region) == ('Lab2026.V1-rdm', 'V1')
    assert capsys.readouterr().err == ''
    assert load_benchmark('Lab2026.LM-rdm').region == 'VISl'
    # One that is recorded under neither name stays as it was written.
    with pytest.raises(UnknownNameError, match=r"'Lab2026\.PM-rdm'.* Areas of Lab2026 are VISp, VISl, V1\."):
        load_benchmark('Lab2026.PM-rdm')


@pytest.mark.seconds
def test_a_score_is_recorded_under_the_standard_name(m2m, m2m_home):
    ran = m2m('score', 'pixels_64', 'SimulatedMouse.V1-rdm', '--json', '-')
    assert ran.code == 0
    assert json.loads(ran.out)['benchmark'] == 'SimulatedMouse.VISp-rdm'
    assert ran.err.endswith('SimulatedMouse.V1-rdm as SimulatedMouse.VISp-rdm.\n')
    assert [row.benchmark for row in store.results('pixels_64')] == ['SimulatedMouse.VISp-rdm']


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text):
    name = parse(text)
    assert name is None or str(name) == text


def test_names_of_datasets():
    assert all(map(is_dataset_name, ('Siegle2021', 'a', 'X9')))
    assert not any(map(is_dataset_name, ('', '9X', 'a-b', 'a.b', 'a_b', 'ä', 'a\n')))
    assert all(map(is_part_name, ('VISp', 'L2_3', '5', '_')))
    assert not any(map(is_part_name, ('', 'a-b', 'a.b', 'ä', 'a\n', 'a b')))


@given(st.text(max_size=12))
def test_any_text_becomes_part_of_a_name_or_nothing(text):
    part = as_part(text)
    assert part == '' or is_part_name(part)
    assert part == text or not is_part_name(text)


def test_places():
    assert dotted_name('A', None, None) == 'A'
    assert dotted_name('A', 'B') == 'A.B'
    assert dotted_name('A', 'B', 'C') == 'A.B.C'


@pytest.mark.parametrize(
    ('pattern', 'expected'),
    [
        ('Lab2026.*-rdm', {'Lab2026.VISp-rdm', 'Lab2026.POR-rdm'}),
        ('Lab2026*', {'Lab2026-rdm'}),
        ('*.*.*', {'Lab2026.VISp.L4-rdm'}),
        ('Lab2026.visp-rdm', set()),
    ],
)
def test_a_star_is_any_text_without_a_dot(pattern, expected):
    names = ['Lab2026-rdm', 'Lab2026.VISp-rdm', 'Lab2026.POR-rdm', 'Lab2026.VISp.L4-rdm']
    assert {name for name in names if matches(name, pattern)} == expected
