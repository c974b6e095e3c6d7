"""The table of surveys, and its agreement with cards and options."""

import subprocess
import sys
from pathlib import Path

import pytest

import m2m_benchmarks
from m2m_benchmarks.acquisition.surveys import SURVEYS, find_survey
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.cards import cards

PACKAGE = Path(m2m_benchmarks.__file__).parent


@pytest.mark.parametrize('name', SURVEYS)
def test_each_survey_is_complete(name):
    survey = find_survey(name)
    assert survey.name == name
    selection, settings = survey.complete_arguments(None, None)
    assert (selection.areas, selection.number) == (None, None)
    assert settings == survey.settings_type()
    assert len({option.name for option in survey.options}) == len(survey.options)


def test_options_of_the_same_name_are_of_the_same_type():
    """The command line has one option per name; defaults and help may differ between surveys."""
    types = {}
    for survey in SURVEYS.values():
        for option in survey.options:
            assert types.setdefault(option.name, option.type) is option.type


def test_cards_agree_with_the_table(m2m_home):
    """A card names the command that downloads its dataset, because data/ doesn't know the surveys."""
    for card in cards():
        name = card['name']
        command = '' if card['fetch'].startswith('m2m data fetch digits') else card['fetch']
        assert command == (f'm2m data fetch {name}' if name in SURVEYS else '')
        assert f'`{command}`' in card['how_made'] or not command
        assert manifest.import_command(name).startswith(card['fetch'] or 'm2m data import')


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
