"""Page of a model's report: whole, without requests, with every figure described, and names as text."""

import dataclasses
import html
import re
from html.parser import HTMLParser

import pytest

from m2m_benchmarks.analysis.model_report import ModelReport
from m2m_benchmarks.analysis.shown_responses import Responses
from m2m_benchmarks.report.model_sections import sections_of
from m2m_benchmarks.report.pages.model import model_page, write_report
from m2m_benchmarks.testing import whole_result

WHOLE = whole_result()
NEURAL = dataclasses.replace(WHOLE, targets=None, in_domain=None, raw=0.4, ceiling=0.8)
NASTY = '<script>alert(1)</script>"\x1b[31m\n☃'


class Elements(HTMLParser):
    """Collects the elements of a page with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def report(*results, notes=()):
    return ModelReport('net', list(results), {}, [], Responses([], [], []), list(notes))


def test_a_page_stands_alone():
    page = model_page([('net', sections_of(report(NEURAL, WHOLE, notes=['A note.'])))])
    elements = Elements(page).elements
    for tag, attributes in elements:
        for name in ('src', 'href', 'action', 'data'):
            value = attributes.get(name, '#')
            assert value.startswith(('#', 'data:image/svg+xml;base64,')), (tag, value)
    assert "default-src 'none'" in page
    images = [attributes for tag, attributes in elements if tag == 'img']
    assert len(images) == 2 and all(len(attributes['alt']) > 20 for attributes in images)
    assert page.count('A note.') == 1
    ids = [attributes['id'] for _, attributes in elements if 'id' in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        if tag == 'a' and attributes['href'].startswith('#'):
            assert attributes['href'][1:] in ids
    assert all(attributes.get('scope') for tag, attributes in elements if tag == 'th')
    assert page.count('Lab2026-rdm</th>') == 2  # a heading above the rows of a table, not in each of them


def test_a_folder_has_the_files_that_the_page_links_to(tmp_path):
    path = write_report('net', sections_of(report(NEURAL, WHOLE)), tmp_path / 'new' / 'folder')
    assert path == tmp_path / 'new' / 'folder' / 'index.html'
    links = {
        attributes['href']
        for tag, attributes in Elements(path.read_text()).elements
        if tag == 'a' and 'download' in attributes
    }
    assert {link.rpartition('.')[2] for link in links} == {'png', 'svg', 'csv'}
    assert links == {file.name for file in path.parent.iterdir()} - {'index.html'}
    assert len(links) == 6


@pytest.mark.parametrize('field', ['model', 'benchmark', 'notes'])
def test_names_are_text(field):
    value = [NASTY] if field == 'notes' else NASTY
    own = dataclasses.replace(NEURAL, **{field: value})
    page = model_page([(NASTY, sections_of(report(own, notes=[NASTY])))])
    assert '<script>alert' not in page and '\x1b' not in page
    assert 'alert(1)' in html.unescape(page)
    assert len(re.findall('<script', page)) == 1  # the switch of the theme


def test_several_candidates_are_on_one_page():
    page = model_page([('A', sections_of(report(NEURAL))), ('B', sections_of(report(WHOLE)))])
    ids = re.findall(r' id="(s\d-\d)"', page)
    assert len(ids) == len(set(ids)) and {'s0-0', 's1-0'} <= set(ids)
    assert page.index('<h2>A</h2>') < page.index('<h2>B</h2>')


def test_confusion_matrices_are_drawn_where_a_result_has_them():
    confused = dataclasses.replace(WHOLE.in_domain, n_images=8, confusion=[[3, 1], [2, 2]])
    drawn = [sections_of(report(own))[0].drawings for own in (WHOLE, dataclasses.replace(WHOLE, in_domain=confused))]
    assert [[drawing.name.partition('_')[0] for drawing in each] for each in drawn] == [
        ['domains'],
        ['domains', 'confusions'],
    ]


def test_sections_without_content_are_left_out():
    assert [section.title for section in sections_of(report(WHOLE))] == [
        'Domain generalization',
        'Where the numbers are from',
    ]
    assert [section.title for section in sections_of(report(NEURAL))] == ['Scores', 'Where the numbers are from']
