"""The report on a dataset as text, figure and page, from the command line."""

import html.parser
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from m2m_benchmarks.data import manifest
from m2m_benchmarks.report.pages.data import picture
from m2m_benchmarks.testing import damaged, write_sessions

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

#: A name that a page, a terminal or a figure could take for more than text.
HOSTILE = '<script>alert(1)</script>&"\x1b[31m\nmaüs $x_1$ \u202eabc'


def with_an_odd_session(responses, neuroids):
    """A session with a short window, a hostile animal, and missing trials."""
    odd = (neuroids['session'] == 'VISl 0').to_numpy()
    neuroids.loc[odd, 'window_end_ms'] = 60.0
    neuroids.loc[odd, 'animal'] = HOSTILE
    responses[2:, 3, odd] = np.nan
    responses[:, 4, odd] = np.nan


class Page(html.parser.HTMLParser):
    """Elements of a page by name, with their attributes; and its text."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.text = {}, ''
        self.feed(content)

    def handle_starttag(self, tag, attributes):
        self.elements.setdefault(tag, []).append(dict(attributes))

    def handle_data(self, data):
        self.text += data


def test_all_outputs_of_recordings_with_an_odd_session(m2m, m2m_home, tmp_path, monkeypatch):
    write_sessions('Lab2026', change=with_an_odd_session)
    monkeypatch.setenv('COLUMNS', '80')
    files = {name: tmp_path / name for name in ('pages/new', 'report.svg', 'report.json')}
    options = [text for pair in zip(('--html', '--figure', '--json'), files.values(), strict=True) for text in pair]
    done = m2m('data', 'report', 'Lab2026', *options)
    assert done.code == 0, done.err
    path = files['pages/new'] / 'index.html'
    assert done.err.split() == ['page:', str(path)]

    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    text = ' '.join(done.out.split())
    assert '\x1b' not in text and '\u202e' not in text and '\\x1b[31m\\nmaüs' in text
    assert '1 of 8 recordings stands out' in text
    assert '10 ms; median of the others of VISl: 200 ms' in text
    assert re.search(r'72\s+10\s+1\s+1\s+0$', done.out, re.M)  # presentations, missing, never and rarely shown
    assert re.search(r'^image_04\s+1\s+42$', done.out, re.M)

    document = json.loads(files['report.json'].read_text())
    assert [(own['animal'], own['measure']) for own in document['stand_outs']] == [(HOSTILE, 'response window')]
    drawn = ElementTree.fromstring(files['report.svg'].read_text())
    assert not drawn.findall('.//{*}script')

    page = Page(path.read_text(encoding='utf-8'))
    assert len(page.elements['script']) == 1 and not page.elements['script'][0]  # that of the theme
    assert '<script>alert(1)</script>&"\\x1b[31m\\nmaüs $x_1$ \\u202eabc' in page.text
    assert len(page.elements['svg']) == 6 and all(own['role'] == 'img' for own in page.elements['svg'])
    ids = [own['id'] for elements in page.elements.values() for own in elements if 'id' in own]
    assert len(ids) == len(set(ids))
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', path.read_text(encoding='utf-8'))
    assert {first or second for first, second in used} <= set(ids)
    pictures = page.elements['img']
    assert len(pictures) == 2 * 2 * 3 and all(own['src'].startswith('data:image/jpeg;base64,') for own in pictures)
    sources = [own[name] for elements in page.elements.values() for own in elements for name in ('src',) if name in own]
    assert all(source.startswith('data:') for source in sources)
    assert "default-src 'none'" in page.elements['meta'][-1]['content']


def test_a_picture_is_small(tmp_path):
    path = tmp_path / 'image.png'
    Image.fromarray(np.zeros((900, 1200), dtype=np.uint8)).save(path)
    assert len(picture(path)) < 3000


def test_the_simulated_mouse_says_so(m2m, simulated_home):
    done = m2m('data', 'report', 'SimulatedMouse')
    assert 'these numbers say nothing about any mouse' in done.out
    assert 'none stands out' in done.out.splitlines()[0]


def test_json_alone(m2m, m2m_home):
    write_sessions('Lab2026', areas=('VISp',), n_sessions=1)
    assert json.loads(m2m('data', 'report', 'Lab2026', '--json', '-').out)['animals'] == 1


def test_an_area_without_reliable_neuroids_and_one_repetition(m2m, m2m_home):
    def change(responses, neuroids):
        noise = (neuroids['region'] == 'VISl').to_numpy()
        responses[:, :, noise] = np.random.default_rng(0).standard_normal((*responses.shape[:2], noise.sum()))
        responses[:, :, -1] = np.nan

    write_sessions('Lab2026', change=change)
    done = m2m('data', 'report', 'Lab2026')
    assert done.code == 0 and 'Lab2026.VISl has' in done.out and 'none of 12 neuroids is reliable' in done.out
    write_sessions('One2026', n_repetitions=1)
    done = m2m('data', 'report', 'One2026')
    assert done.code == 0 and 'One repetition leaves no ceiling of the trials' in done.out


def test_names_without_recordings(m2m, m2m_home, make_domain):
    make_domain('Letters')
    for name, message in {
        'SimulatedMous': 'Did you mean SimulatedMouse',
        '../data': "unknown dataset '../data'",
        'Siegle2021': 'm2m data fetch Siegle2021',
        'MNIST': 'MNIST has images of digits',
        'Letters': 'Letters has images of digits',
    }.items():
        done = m2m('data', 'report', name)
        assert done.code == 1 and message in done.err and done.out == ''


def test_files_that_cannot_be_written_or_read(m2m, m2m_home, tmp_path):
    write_sessions('Lab2026', areas=('VISp',))
    (tmp_path / 'file').touch()
    for options in (('--html', tmp_path / 'file'), ('--figure', 'report.txt'), ('--json', tmp_path)):
        done = m2m('data', 'report', 'Lab2026', *options)
        assert done.code == 1 and 'cannot' in done.err and done.out == ''
    entry = manifest.read('Lab2026')
    path = manifest.path_of('Lab2026', entry, entry['assembly'])
    ((_, content),) = damaged(path.read_bytes(), n_flips=1, n_cuts=0)
    path.write_bytes(content)
    done = m2m('data', 'report', 'Lab2026')
    assert done.code == 1 and 'is damaged' in done.err
