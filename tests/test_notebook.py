"""examples/whole_way.ipynb runs, prints what is stored in it, and leaves a reader's own data alone."""

import os
import re
import sys
import sysconfig
from pathlib import Path

import pytest

nbformat = pytest.importorskip('nbformat', reason='comes with nbclient, of the extras test and dev')
NOTEBOOK = Path(__file__).resolve().parents[1] / 'examples' / 'whole_way.ipynb'
NUMBER = re.compile(r'[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?')
#: Processors round differently, as for the numbers of README.md (tests/test_demo.py); none here is of training.
TOLERANCE = 0.002


def read():
    """Read the stored notebook."""
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs(notebook, *names):
    """List the text of each cell's streams of these names and of its results, joined."""
    texts = []
    for cell in notebook.cells:
        own = [output for output in cell.get('outputs', ()) if output.get('name', 'stdout') in names]
        # A figure's text is its size; the figure itself is not compared.
        texts.append(''.join(each.get('text') or _text(each.get('data', {})) for each in own))
    return texts


def _text(data):
    return '' if 'image/png' in data else data.get('text/plain', '')


def in_words(text):
    """Replace the numbers of a text, whose widths may differ, and the spaces beside them."""
    return re.sub(r' *# *', ' # ', NUMBER.sub('#', text))


def in_numbers(text):
    """List the numbers of a text."""
    return [float(number) for number in NUMBER.findall(text)]


def test_what_is_stored_is_free_of_this_machine():
    notebook = read()
    assert ''.join(outputs(notebook, 'stderr')) == ''
    stored = NOTEBOOK.read_text(encoding='utf-8')
    assert [path for path in ('/tmp', '/home', '/work', '/root', '/usr') if path in stored] == []
    assert 'Warning' not in stored
    assert all(cell.metadata == {} for cell in notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert kinds == {'stream', 'execute_result', 'display_data'}


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.network
def test_the_notebook_prints_what_is_stored(m2m_home, tmp_path, monkeypatch):
    pytest.importorskip('ipykernel', reason='comes with the extras test and dev')
    nbclient = pytest.importorskip('nbclient', reason='comes with the extras test and dev')
    # The kernel of this environment, with no settings of the user's; its shell has this environment's m2m.
    for name, value in {
        'PATH': f'{sysconfig.get_path("scripts")}{os.pathsep}{os.environ["PATH"]}',
        'JUPYTER_PREFER_ENV_PATH': '1',
        'JUPYTER_RUNTIME_DIR': str(tmp_path / 'runtime'),
        'IPYTHONDIR': str(tmp_path / 'ipython'),
        'TMPDIR': str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    assert Path(sysconfig.get_path('scripts'), 'm2m').exists(), sys.executable
    stored, run = read(), read()
    place = tmp_path / 'copy'
    place.mkdir()
    nbclient.NotebookClient(
        run, kernel_name='python3', timeout=300, startup_timeout=120, resources={'metadata': {'path': str(place)}}
    ).execute()  # raises the error of a cell
    printed, written = outputs(run, 'stdout'), outputs(stored, 'stdout')
    assert [*map(in_words, printed)] == [*map(in_words, written)]
    for new, old in zip(printed, written, strict=True):
        assert in_numbers(new) == pytest.approx(in_numbers(old), abs=TOLERANCE)
    assert len([number for text in written for number in in_numbers(text)]) > 60
    assert [*place.iterdir()] == []
    assert not m2m_home.exists()
