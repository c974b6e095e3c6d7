import json
import math
import re
from pathlib import Path

import pytest

from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.report.pages import leaderboard
from m2m_benchmarks.testing import ODD_NAMES, make_board

TEMPLATES = Path(leaderboard.__file__).parent / 'templates'


def data_of(path):
    text = path.read_text(encoding='utf-8')
    return json.loads(re.search(r'<script type="application/json" id="board">(.*?)</script>', text, re.DOTALL)[1])


def test_the_page_holds_all_data_and_names_are_no_markup(tmp_path):
    board = make_board(20, 13)
    path = leaderboard.write(board, tmp_path / 'new' / 'folder')
    assert path == tmp_path / 'new' / 'folder' / 'index.html'
    assert data_of(path) == board
    text = path.read_text(encoding='utf-8')
    assert all(name not in text for name in ODD_NAMES if '<' in name)
    assert not re.search(r'(src|href)="(?!#)', text)


def test_layers_keep_their_order_and_numbers_that_json_lacks_are_missing(tmp_path):
    board = make_board(3, 2)
    cell = board['cells']['plain_network0']['Mouse0.VISp-rdm']
    cell['layer_scores'] = {'z': 0.1, 'a': math.nan, 'm': math.inf}
    made = data_of(leaderboard.write(board, tmp_path))['cells']['plain_network0']['Mouse0.VISp-rdm']
    assert list(made['layer_scores'].items()) == [('z', 0.1), ('a', None), ('m', None)]


def test_a_page_is_replaced_as_a_whole(tmp_path):
    board = make_board(3, 2)
    before = leaderboard.write(board, tmp_path).read_text()
    with pytest.raises(TypeError):
        leaderboard.write(board | {'notes': [object()]}, tmp_path)
    assert (tmp_path / 'index.html').read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ['index.html']


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError, match='Name another folder after --html'):
        leaderboard.write(make_board(3, 2), tmp_path / 'file')


def test_without_results_it_says_how_to_get_some(tmp_path):
    board = make_board(3, 2) | {'columns': [], 'rows': [], 'cells': {}, 'pairs': []}
    assert 'm2m score MODEL BENCHMARK' in leaderboard.write(board, tmp_path).read_text()


def test_scripts_are_all_used_and_make_no_code_or_markup_of_text():
    files = {path.stem: path.read_text() for path in (TEMPLATES / 'leaderboard').glob('*.js')}
    assert set(files) == set(leaderboard.SCRIPTS)
    for text in files.values():
        assert "'use strict';" in text
        assert not re.search(r'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function', text)
        assert text.count('\n') < 300
