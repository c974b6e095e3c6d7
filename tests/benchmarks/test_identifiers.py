"""The grammar of the names of benchmarks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2m_benchmarks import list_benchmarks, load_benchmark
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    parse,
)
from m2m_benchmarks.data.names import is_dataset_name, is_part_name
from m2m_benchmarks.errors import UnknownNameError

NAMES = st.from_regex(r'[A-Za-z][A-Za-z0-9]{0,8}', fullmatch=True)
PARTS = st.from_regex(r'[A-Za-z0-9_]{1,8}', fullmatch=True)


@pytest.mark.parametrize(
    ('identifier', 'parts'),
    [
        ('Siegle2021-rdm', NeuralIdentifier('Siegle2021', None, None, 'rdm')),
        ('Siegle2021.VISp-ridge', NeuralIdentifier('Siegle2021', 'VISp', None, 'ridge')),
        ('deVries2020.VISp.Cux2-rdm', NeuralIdentifier('deVries2020', 'VISp', 'Cux2', 'rdm')),
        ('Lab2026.POR.L2_3-pls_noise_corrected', NeuralIdentifier('Lab2026', 'POR', 'L2_3', 'pls_noise_corrected')),
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
    if dataset in (PAPER_DIGITS, DERIVED_DIGITS) or comparison in PROTOCOLS:
        return
    for name in (
        NeuralIdentifier(dataset, None, None, comparison),
        NeuralIdentifier(dataset, area, None, comparison),
        NeuralIdentifier(dataset, area, population, comparison),
    ):
        assert parse(str(name)) == name


@given(source=PARTS, target=PARTS, protocol=st.sampled_from(PROTOCOLS))
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
]


@pytest.mark.parametrize('identifier', ODD)
@pytest.mark.seconds
def test_another_grammar(identifier, m2m_home):
    assert parse(identifier) is None
    with pytest.raises(UnknownNameError, match='unknown benchmark'):
        load_benchmark(identifier)


@pytest.mark.parametrize('identifier', ['Nobody2030.VISp-rdm', 'Nobody2030-rdm', 'Nobody2030.A-accuracy'])
def test_a_dataset_that_is_not_here(identifier, m2m_home):
    with pytest.raises(UnknownNameError, match='unknown benchmark'):
        load_benchmark(identifier)


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text):
    name = parse(text)
    assert name is None or str(name) == text


def test_names_of_datasets():
    assert all(map(is_dataset_name, ('Siegle2021', 'a', 'X9')))
    assert not any(map(is_dataset_name, ('', '9X', 'a-b', 'a.b', 'a_b', 'ä', 'a\n')))
    assert all(map(is_part_name, ('VISp', 'L2_3', '5', '_')))
    assert not any(map(is_part_name, ('', 'a-b', 'a.b', 'ä', 'a\n', 'a b')))
