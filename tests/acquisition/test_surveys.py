"""The table of surveys, and what has to agree with it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import m2m_benchmarks
from m2m_benchmarks.acquisition.pipeline.tasks import responses_folder
from m2m_benchmarks.acquisition.surveys import SURVEYS, find_survey
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.cards import cards

PACKAGE = Path(m2m_benchmarks.__file__).parent


@pytest.mark.parametrize('name', SURVEYS)
def test_each_survey_is_complete(name):
    survey = find_survey(name)
    assert survey.name == name
    assert survey.checked_settings(None, survey.selection(None, None, {})) == survey.settings_type()
    given = {option.name: option.default for option in survey.options}
    assert survey.settings(given) == survey.settings_type()
    assert len({option.name for option in survey.options}) == len(survey.options)


def test_options_of_the_same_name_are_of_the_same_type():
    """The command line has one option of each name, whatever its default and help are for each survey."""
    types = {}
    for survey in SURVEYS.values():
        for option in survey.options:
            assert types.setdefault(option.name, option.type) is option.type


def test_what_brings_a_dataset_agrees_with_the_table(m2m_home):
    """The data room doesn't know the surveys; what it says of them is literal."""
    for name in SURVEYS:
        assert ledger.import_command(name).startswith(f'm2m data fetch {name}, or from an array bundle: ')
    fetched = [each['name'] for each in cards() if ledger.import_command(each['name']).startswith('m2m data fetch')]
    assert set(SURVEYS) | {'MNIST', 'MNISTM', 'SVHN', 'USPS'} == set(fetched)
    for path in (PACKAGE / 'data').glob('*/card.yaml'):
        for card in yaml.safe_load_all(path.read_text()):
            if card['name'] in SURVEYS:
                assert f'`m2m data fetch {card["name"]}`' in card['how_made']


def test_sessions_that_were_extracted_before_are_found():
    """Their folder is named after the settings: this changes only where the extraction with the same settings does."""
    folders = {name: responses_folder(Path(), survey.settings_type()).name for name, survey in SURVEYS.items()}
    assert folders == {'deVries2020': '3000024381f25434', 'Siegle2021': '3c43cc64384a7346'}


@pytest.mark.process
def test_the_table_is_light():
    heavy = ('h5py', 'xarray', 'torch', 'pandas', 'PIL', 'scipy', 'brainscore_vision', 'numpy', 'httpx')
    code = f'import sys, m2m_benchmarks.acquisition.surveys; print([each for each in {heavy} if each in sys.modules])'
    assert subprocess.check_output([sys.executable, '-c', code], text=True).strip() == '[]'


@pytest.mark.parametrize('room', ['net', 'acquisition/pipeline'])
def test_general_rooms_name_no_survey(room):
    words = ('allen', 'ophys', 'ecephys', 'neuropixels', '2-photon', 'nwb', 'devries', 'siegle', '118')
    for path in (PACKAGE / room).glob('*.py'):
        text = path.read_text().lower()
        assert [word for word in words if word in text] == [], path
