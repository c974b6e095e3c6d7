"""The leaderboard page as people use it; every test also fails for a request, a console message or an error."""

import csv
import io
import json
from urllib.parse import urlencode

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from m2m_benchmarks.report.pages import leaderboard
from m2m_benchmarks.testing import ODD_NAMES, make_board

pytestmark = [pytest.mark.process, pytest.mark.seconds]

FIRST = 'Mouse0.VISp-rdm'
MEAN = 'Mouse0 mean'
DIGITS = 'Digits-single_source'
PHONE = {'viewport': {'width': 390, 'height': 844}, 'has_touch': True}
VIEWS = ('table', 'scatter', 'profile', 'versus', 'pairs', 'benchmarks')


@pytest.fixture(scope='module')
def board():
    return make_board(30, 25)


@pytest.fixture(scope='module')
def path(board, tmp_path_factory):
    return leaderboard.write(board, tmp_path_factory.mktemp('page'))


def names(page):
    return page.eval_on_selector_all('#grid tbody.rows span.name', 'all => all.map((one) => one.textContent)')


def head(page, title):
    return page.locator('#grid thead button').filter(has_text=title).first


def by_score(board, column, rows=None):
    """Ids of rows from high to low; those without a score are last, by name."""
    rows = rows or [row['id'] for row in board['rows']]
    return sorted(
        (row for row in rows if column in board['cells'][row]), key=lambda row: -board['cells'][row][column]['score']
    )


def mulberry32(seed):
    """Mulberry32, the generator of the page, with Python's integers."""
    while True:
        seed = (seed + 0x6D2B79F5) % 2**32
        t = (seed ^ seed >> 15) * (1 | seed) % 2**32
        t = (t + ((t ^ t >> 7) * (61 | t) % 2**32)) % 2**32 ^ t
        yield (t ^ t >> 14) / 2**32


def test_rows_are_sorted_by_the_first_column_and_by_any_other(board, path, visit):
    page = visit(path)
    whole = by_score(board, MEAN)
    assert names(page)[: len(whole)] == whole
    assert set(names(page)[len(whole) :]) == {'ceiling', 'other mice'}
    head(page, 'single_source').click()
    assert names(page)[: len(whole)] == by_score(board, DIGITS)
    head(page, 'single_source').click()
    assert names(page)[: len(whole)] == by_score(board, DIGITS)[::-1]  # rows without a score stay last
    assert page.locator('th[aria-sort="ascending"]').inner_text().startswith('single_source')
    head(page, 'Parameters').click()
    sizes = {row['id']: row['parameters'] for row in board['rows'] if row['parameters']}
    assert names(page)[: len(sizes)] == sorted(sizes, key=lambda name: -sizes[name])


def test_ranks_and_groups_are_those_of_the_board(board, path, visit):
    page = visit(path)
    for name, text in zip(names(page), page.locator('#grid tbody.rows td.rank').all_inner_texts(), strict=True):
        cell = board['cells'][name].get(MEAN)
        if cell is None:
            assert text == '–'
            continue
        low, high = cell['rank']
        letters = cell['groups'] if len(cell['groups']) <= 4 else [cell['groups'][0], '…', cell['groups'][-1]]
        assert text.split() == [str(low) if low == high else f'{low}–{high}', *letters]


@pytest.mark.parametrize(
    ('fields', 'keeps'),
    [
        ({'#search': 'NETWORK1 plain'}, lambda row: 'network1' in row['id'] and 'plain' in row['id']),
        ({'#family': 'vit'}, lambda row: row['family'] == 'vit'),
        ({'#least': '2', '#most': '30'}, lambda row: row['parameters'] and 2e6 <= row['parameters'] <= 3e7),
        ({'#trained': 'yes', '#neurn': 'no'}, lambda row: row['trained'] and not row['neurn']),
    ],
)
def test_filters(board, path, visit, fields, keeps):
    page = visit(path)
    for field, value in fields.items():
        if page.locator(field).evaluate('(field) => field.tagName') == 'SELECT':
            page.select_option(field, value)
        else:
            page.fill(field, value)
    others = {'ceiling', 'other mice'}
    assert set(names(page)) == {row['id'] for row in board['rows'] if row['id'] in others or keeps(row)}
    page.uncheck('#kinds [value=ceiling]')
    page.uncheck('#kinds [value="other mice"]')
    assert set(names(page)) == {row['id'] for row in board['rows'] if row['id'] not in others and keeps(row)}
    page.get_by_role('button', name='Reset all').click()
    assert len(names(page)) == len(board['rows'])


def test_columns_are_chosen(board, path, visit):
    page = visit(path)
    page.click('#picker-summary')
    page.get_by_role('button', name='All columns').click()
    titles = page.locator('#grid thead th.score').all_inner_texts()
    assert len(titles) == len(board['columns'])
    assert {'VISp rdm, model on one animal', 'VISp rdm, other mice'} <= set(titles)
    page.get_by_role('button', name='As at first').click()
    page.get_by_label('VISal ridge', exact=True).check()
    assert page.locator('#grid thead th.score').all_inner_texts() == ['mean ▼', 'VISal ridge', 'single_source']


def test_weighted_mean_and_its_ranks(board, path, visit):
    columns = [column['id'] for column in board['columns'] if column['kind'] == 'mouse'][:5]
    weights = np.array([1, 2, 1, 0.5, 1])
    page = visit(path)
    page.click('#picker-summary')
    for column, weight in zip(columns, weights, strict=True):
        page.get_by_label(f'Weight of {column.replace(".", " ").replace("-", " ")}', exact=True).fill(f'{weight:g}')
    page.keyboard.press('Tab')
    rows = [row['id'] for row in board['rows'] if row['kind'] in ('candidate', 'control')]
    scores = np.array([[board['cells'][row][column]['score'] for column in columns] for row in rows])
    means = dict(zip(rows, scores @ weights / weights.sum(), strict=True))
    shown = [name for name in names(page) if name in means]
    assert shown == sorted(means, key=lambda row: -means[row])
    texts = page.locator('#grid tbody.rows tr td.score:nth-child(3)').all_inner_texts()
    expected = {**means, 'ceiling': 1.0}
    for name, text in zip(names(page), texts, strict=True):
        assert text == (f'{expected[name]:.3f}' if name in expected else '–')

    random = mulberry32(0)
    ranks, draws = [], []
    for _ in range(500):
        drawn = [int(next(random) * 5) for _ in columns]
        draws.append(scores[:, drawn] @ weights[drawn] / weights[drawn].sum())
        ranks.append(rankdata(-draws[-1].round(12), method='min'))
    low, high = np.sort(ranks, axis=0)[[12, 487]].astype(int)  # of 500, floor(.025 * 499) and ceil(.975 * 499)
    cells = dict(page.evaluate('() => [...Weighting.cells(View.state().weights)]'))
    assert [cells[row]['rank'] for row in rows] == [[a, b] for a, b in zip(low, high, strict=True)]
    np.testing.assert_allclose([cells[row]['interval'] for row in rows], np.sort(draws, axis=0)[[12, 487]].T)
    assert 'middle 95 % over 500 draws' in page.locator('#weights-note').inner_text()
    page.get_by_label('Weight of Mouse0 VISp rdm', exact=True).fill('0')
    page.keyboard.press('Tab')
    assert 'without an interval' in page.locator('#weights-note').inner_text()


def test_tooltips_on_hover_and_on_keyboard_focus(board, path, visit):
    page = visit(path)
    best = by_score(board, MEAN)[0]
    cell = page.locator('#grid tbody.rows td.score').first
    cell.hover()
    text = page.locator('#tooltip').inner_text()
    layer = board['cells'][best][MEAN]['layer']
    for part in (best, f'±{0.03:.3f}', layer, '1,234 neuroids', '5 animals'):
        assert part in text
    page.keyboard.press('Escape')
    assert page.locator('#tooltip').is_hidden()
    head(page, 'mean').focus()
    page.keyboard.press('ArrowDown')
    assert page.locator('#tooltip').is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == 'tooltip'


def test_details_by_keyboard_and_back(board, path, visit):
    page = visit(path, urlencode({'columns': FIRST}))
    name = by_score(board, FIRST)[0]
    head(page, 'VISp rdm').focus()
    page.keyboard.press('ArrowDown')
    page.keyboard.press('ArrowDown')  # below the ceiling, which has 1
    page.keyboard.press('Enter')
    panel = page.locator('#details')
    second = by_score(board, FIRST)[1]
    assert (name, panel.locator('h2').inner_text()) == ('ceiling', f'{second}: Mouse0 VISp rdm')
    cell = board['cells'][second][FIRST]
    for part in (f'{cell["raw"]:.3f}', cell['layer'], cell['uid'], cell['measured_by']):
        assert part in panel.inner_text()
    page.keyboard.press('Escape')
    assert not panel.is_visible()
    assert page.evaluate("document.activeElement.matches('td.score')")
    page.keyboard.press('Home')
    page.keyboard.press('Enter')
    assert panel.locator('h2').inner_text() == second
    panel.get_by_role('button', name='Mouse0 VISl ridge').click()
    assert panel.locator('h2').inner_text() == f'{second}: Mouse0 VISl ridge'


def test_history_has_the_reason_of_each_change(board, path, visit):
    page = visit(path, urlencode({'row': 'plain_network0', 'column': FIRST}))
    rows = page.locator('#details [aria-label="History"] tbody tr').all_inner_texts()
    assert len(rows) == 2
    assert '0.200\tfirst result' in rows[0]
    assert 'the data have changed' in rows[1]


def test_arrow_keys_reach_all_rows_of_a_long_table(tmp_path, visit):
    page = visit(leaderboard.write(make_board(150, 3), tmp_path))
    assert len(names(page)) < 100
    head(page, 'Model').focus()
    page.keyboard.press('Control+End')
    assert page.evaluate('document.activeElement.parentElement.ariaRowIndex') == str(153 + 2)
    page.keyboard.press('Control+Home')
    assert page.evaluate("document.activeElement.closest('th').classList.contains('name')")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert len(names(page)) == 153
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert len(names(page)) < 100


def test_arrow_keys_reach_all_columns_of_a_wide_table(board, path, visit):
    page = visit(path, 'columns=all')
    n = 2 + len(board['columns']) + 3
    head(page, 'Model').focus()
    page.keyboard.press('ArrowDown')
    page.keyboard.press('ArrowRight')
    read = "document.activeElement.ariaColIndex + ' ' + document.activeElement.innerText"
    name = names(page)[0]
    expected = [
        cell['score'] if cell else None for cell in (board['cells'][name].get(c['id']) for c in board['columns'])
    ]
    for j in range(2, n):
        page.keyboard.press('ArrowRight')
        index, text = page.evaluate(read).split(' ', 1)
        assert int(index) == j + 1
        if j < n - 3:
            score = expected[j - 2]
            assert text.split()[0] == ('–' if score is None else f'{score:.3f}')
    page.keyboard.press('Home')
    assert page.evaluate('document.activeElement.innerText').startswith(name)


def test_theme(path, visit):
    page = visit(path, color_scheme='dark')
    colour = 'getComputedStyle(document.body).backgroundColor'
    dark = page.evaluate(colour)
    button = page.get_by_role('button', name='Dark')
    assert button.get_attribute('aria-pressed') == 'true'
    button.click()
    assert page.evaluate(colour) == 'rgb(255, 255, 255)' != dark
    page.reload()
    assert page.evaluate(colour) == 'rgb(255, 255, 255)'  # kept


def test_a_view_can_be_linked(board, path, visit):
    page = visit(path)
    page.fill('#search', 'plain')
    page.select_option('#trained', 'yes')
    page.click('#picker-summary')
    page.get_by_label('VISal ridge', exact=True).check()
    page.get_by_label('Weight of Digits single_source', exact=True).fill('2')
    page.uncheck('#kinds [value=control]')
    head(page, 'VISal ridge').click()
    page.select_option('#show', 'rank')
    address = page.evaluate('location.hash')
    other = visit(path, address[1:])
    assert names(other) == names(page)
    read = "() => document.querySelector('#grid table').innerText"
    assert other.evaluate(read) == page.evaluate(read)
    assert other.locator('#search').input_value() == 'plain'
    assert other.get_by_label('Weight of Digits single_source', exact=True).input_value() == '2'
    other.evaluate("location.hash = 'view=scatter'")
    other.locator('#scatter-figure svg.plot[role=group]').wait_for()


def test_an_address_of_other_results_is_harmless(board, path, visit):
    odd = [('view', 'none'), ('sort', '__proto__'), ('columns', 'gone'), ('weight', 'x~y'), ('weight', '-1~' + FIRST)]
    page = visit(path, urlencode([*odd, ('row', '<img src=x onerror=alert(1)>'), ('least', 'x'), ('hidden', 'all')]))
    assert len(names(page)) == len(board['rows'])
    assert page.locator('#details').is_hidden()


def test_scatter(board, path, visit):
    page = visit(path, 'view=scatter')
    assert page.locator('#scatter-x').input_value() == MEAN  # mouse against domain generalization first
    assert page.locator('#scatter-y').input_value() == DIGITS
    both = by_score(board, MEAN)
    assert page.locator('#scatter-figure .point').count() == len(both)
    assert page.locator('#scatter-figure .point text').count() == (len(both) if len(both) <= 12 else 0)
    rho = spearmanr(*([board['cells'][row][column]['score'] for row in both] for column in (MEAN, DIGITS)))[0]
    assert f'correlation is {rho:.2f}.' in page.locator('#scatter-figure figcaption').inner_text()
    page.locator('#scatter-figure .point').first.focus()
    page.keyboard.press('ArrowRight')
    name = both[-2]  # from low to high
    assert name in page.locator('#tooltip').inner_text()
    page.keyboard.press('Enter')
    assert page.locator('#details h2').inner_text() == name


def test_spearman_with_ties(path, visit):
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 5, (2, 40)).tolist()
    page = visit(path)
    assert page.evaluate('([a, b]) => Plot.spearman(a, b)', [one, two]) == pytest.approx(spearmanr(one, two)[0])
    assert page.evaluate('Plot.spearman([1, 1], [1, 2])') is None


def test_two_models_under_every_comparison(board, path, visit):
    first, second = 'plain_network0', 'neurn_network0'
    page = visit(path, urlencode({'view': 'versus', 'model': first, 'other': second}))
    lines = page.locator('#versus-tables tbody tr').all_inner_texts()
    columns = [column['id'] for column in board['columns'] if column['kind'] in ('mouse', 'mean', 'generalization')]
    assert len(lines) == len(columns)
    counts = dict.fromkeys(('first is higher', 'second is higher', 'tied'), 0)
    for line, column in zip(lines, columns, strict=True):
        a, b = (board['cells'][row][column] for row in (first, second))
        order = 'first is higher' if a['score'] > b['score'] else 'second is higher'
        order = 'tied' if set(a['groups']) & set(b['groups']) else order
        assert line.endswith(order)
        assert f'{abs(a["score"] - b["score"]):.3f} ±0.020' in line  # twins have an error of their difference
        counts[order] += column != MEAN
    text = page.locator('#versus-tables > p').inner_text()
    assert f'is higher on {counts["first is higher"]}, ' in text
    assert f'tied on {counts["tied"]} of {len(columns) - 1} benchmarks' in text


def test_neurn_pairs(board, path, visit):
    page = visit(path, urlencode({'view': 'pairs', 'pair': DIGITS}))
    lines = page.locator('#pairs-table tbody tr').all_inner_texts()
    pairs = sorted(board['pairs'], key=lambda pair: -pair['differences'][DIGITS]['value'])
    assert len(lines) == len(pairs) > 0
    for line, pair in zip(lines, pairs, strict=True):
        value = pair['differences'][DIGITS]['value']
        assert line.startswith(pair['plain'])
        assert f'{"+" if value >= 0 else "−"}{abs(value):.3f} ±0.020' in line
    page.get_by_role('button', name='all benchmarks').first.click()
    assert page.locator('#versus-model').input_value() == pairs[0]['neurn']


def test_profile(board, path, visit):
    page = visit(path, urlencode({'view': 'profile', 'model': 'neurn_network3'}))
    figures = page.locator('#profile-figures figure')
    assert figures.count() == 4 + len(board['columns']) - 2  # comparisons over areas; all columns but two have layers
    assert figures.first.locator('circle').count() == 6
    assert figures.last.locator('rect').count() == 1  # the chosen layer


def test_benchmarks_say_what_they_tell_apart(board, path, visit):
    page = visit(path, 'view=benchmarks')
    assert page.locator('#benchmarks-table > div > table > tbody > tr').count() == len(board['columns']) - 2
    page.locator('#benchmarks-table summary').first.click()
    assert 'accuracy: 0.75' in page.locator('#benchmarks-table details').first.inner_text()
    assert '4 of 10 pairs' in page.locator('#benchmarks-table tbody tr').first.inner_text()


def downloaded(page, name):
    with page.expect_download() as download:
        page.get_by_role('button', name=name).click()
    text = open(download.value.path(), encoding='utf-8', newline='').read()  # noqa: PTH123, SIM115
    return download.value.suggested_filename, text


def test_downloads(board, path, visit):
    page = visit(path, urlencode({'neurn': 'yes'}), accept_downloads=True)
    name, text = downloaded(page, 'CSV')
    lines = list(csv.DictReader(io.StringIO(text, newline='')))
    assert name == 'leaderboard.csv'
    assert [line['model'].removeprefix("'") for line in lines] == names(page)
    for line in lines:
        cell = board['cells'][line['model'].removeprefix("'")].get(DIGITS)
        if cell:
            assert float(line[DIGITS]) == cell['score']
            assert [float(line[f'{DIGITS} {end}']) for end in ('low', 'high')] == cell['interval']
            assert line[f'{DIGITS} group'].split() == cell['groups']
    name, text = downloaded(page, 'JSON')
    assert (name, json.loads(text)) == ('leaderboard.json', board)
    assert downloaded(page, 'BibTeX') == ('leaderboard.bib', board['bibtex'])


def test_odd_names_are_intact_and_do_nothing(path, visit):
    page = visit(path)
    assert set(ODD_NAMES) <= set(names(page))
    for name in ODD_NAMES:
        page.evaluate('(row) => View.set({ row, column: "" })', name)
        assert page.locator('#details-title').evaluate('(title) => title.textContent') == name
    csv_text = page.evaluate('Downloads.csv(View.state())')
    written = [line['model'] for line in csv.DictReader(io.StringIO(csv_text, newline=''))]
    assert {f"'{name}" if name.startswith('=') else name for name in ODD_NAMES} <= set(written)


def test_without_results(tmp_path, visit):
    empty = make_board(3, 2) | {'columns': [], 'rows': [], 'cells': {}, 'pairs': []}
    made = leaderboard.write(empty, tmp_path)
    page = visit(made)
    assert 'No model has a score yet' in page.locator('main').inner_text()
    for view in VIEWS:
        page.locator(f'#views button[value={view}]').click()


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_axe_has_no_findings(path, visit, theme):
    axe = pytest.importorskip('axe_playwright_python.sync_playwright').Axe()
    page = visit(path, color_scheme=theme)

    def findings():
        return axe.run(page).response['violations']

    for view in VIEWS:
        page.locator(f'#views button[value={view}]').click()
        if view == 'table':
            page.click('#picker-summary')
            page.select_option('#show', 'rank')
        assert findings() == []
    page.evaluate('(column) => View.set({ row: "plain_network0", column })', FIRST)
    assert findings() == []
    page.evaluate("document.querySelector('#details').append(document.createElement('input'))")
    assert [one['id'] for one in findings()] == ['label']  # axe does look


def test_a_phone_has_nothing_to_scroll_sideways_but_tables(path, visit):
    page = visit(path, **PHONE)
    for view in VIEWS:
        page.evaluate('(view) => View.set({ view })', view)
        assert page.evaluate('document.documentElement.scrollWidth') <= 390, view
    page.evaluate("() => View.set({ view: 'table' })")
    page.locator('#grid td.score').first.tap()
    assert page.locator('#details').is_visible()
    assert page.evaluate("document.getElementById('details').scrollWidth") <= 390


def test_600_models_and_60_benchmarks(tmp_path, visit):
    page = visit(leaderboard.write(make_board(600, 60), tmp_path), 'columns=all')
    # The limits of the machine that this is written for are 2 s and .2 s (perf/leaderboard_page.py).
    assert page.evaluate('Number(document.documentElement.dataset.ready)') < 15_000
    head(page, 'VISal rdm').click()
    assert page.locator('th[aria-sort]').inner_text().startswith('VISal rdm')
    assert page.evaluate("Number(document.getElementById('grid').dataset.milliseconds)") < 3000
