"""What libraries that ship inside a page would cost the leaderboard: `python perf/page_libraries.py [NAME ...]`.

Needs `uv pip install itables plotly bokeh vl-convert-python playwright axe-playwright-python`, in an environment of its
own. Prints for each its bytes, whether it works under the policy of our pages (no code from text), and for DataTables
(of itables), all rows in the page, how long 600 x 60 scores take to show and to sort, and what axe finds; for Plotly,
the same for a scatter of 600 points with intervals.
"""

import gzip
import importlib.util
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import vl_convert
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trial</title>
<meta http-equiv="Content-Security-Policy" content="POLICY"></head><body><main><h1>Trial</h1>BODY</main>
<script type="module">const started = performance.now();
LOAD
const loaded = performance.now();
USE
document.body.getBoundingClientRect();
window.shown = [Math.round(loaded - started), Math.round(performance.now() - loaded)];
</script></body></html>"""
N_ROWS, N_COLUMNS = 600, 60
SCORES = f"""
const random = (i, j) => ((Math.sin(i * 127.1 + j * 311.7) * 43758.5453) % 1 + 1) % 1;
const data = Array.from({{length: {N_ROWS}}}, (_, i) => [`model ${{i}}`,
  ...Array.from({{length: {N_COLUMNS}}}, (_, j) => random(i, j).toFixed(3))]);"""
TABLE = (
    SCORES
    + """
const titles = ['model', ...Array.from({length: 60}, (_, j) => `benchmark ${j}`)];
window.table = new LIBRARY('#table', {data, columns: titles.map((title) => ({title})),
  paging: false, scrollX: true, scrollY: '80vh'});"""
)
SORT = """() => { const started = performance.now(); window.table.order([5, 'desc']).draw();
  document.body.getBoundingClientRect(); return Math.round(performance.now() - started); }"""
SCATTER = (
    SCORES
    + """
const of = (j) => data.map((row) => Number(row[j]));
await Plotly.newPlot('plot', [{x: of(1), y: of(2), mode: 'markers', type: 'scatter',
  error_x: {value: 0.05, type: 'constant'}, error_y: {value: 0.05, type: 'constant'}}]);"""
)
VEGA = """
await vegaEmbed('#plot', {data: {values: [{x: 1, y: 2}]}, mark: 'point',
  transform: [{calculate: 'datum.x + 1', as: 'z'}],
  encoding: {x: {field: 'z', type: 'quantitative'}, y: {field: 'y', type: 'quantitative'}}});"""


def file_of(package: str, path: str) -> str:
    spec = importlib.util.find_spec(package)
    return (Path(spec.submodule_search_locations[0]) / path).read_text(encoding='utf-8')


def exported(bundle: str, name: str) -> str:
    """Name inside a bundle of what it exports as `name`."""
    names = re.findall(r'export\s*\{[^}]*\}', bundle)[-1]
    return re.search(rf'[{{,]\s*([\w$]+) as {name}\s*[,}}]', names)[1]


def trial(browser: Browser, body: str, library: str, use: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'trial.html'
        library = library.replace('</script', '<\\/script')
        parts = {'POLICY': POLICY, 'BODY': body, 'LOAD': library, 'USE': use}
        text = re.sub('POLICY|BODY|LOAD|USE', lambda match: parts[match[0]], PAGE)
        path.write_text(text, encoding='utf-8')
        page = browser.new_page(viewport={'width': 1400, 'height': 900})
        faults: list[str] = []
        page.on('console', lambda message: faults.append(message.text[:140]))
        page.on('pageerror', lambda error: faults.append(str(error)[:140]))
        page.goto(path.as_uri())
        page.wait_for_timeout(3000)
        shown = page.evaluate('window.shown || null')
        print('   ms to load it and to show:', json.dumps(shown), *sorted(set(faults))[:2], sep=' | ')
        if shown and page.evaluate('Boolean(window.table)'):
            print('   ms to sort:', sorted(page.evaluate(SORT) for _ in range(3)))
        if shown:
            findings = Axe().run(page).response['violations']
            print('   axe:', [f'{one["id"]} ({one["impact"]}, {len(one["nodes"])})' for one in findings])
        page.close()


def main() -> None:
    datatables = file_of('itables', 'html/dt_bundle.js')
    plotly = file_of('plotly', 'package_data/plotly.min.js')
    bokeh = ''.join(file_of('bokeh', f'server/static/js/{name}.min.js') for name in ('bokeh', 'bokeh-tables'))
    vega = vl_convert.javascript_bundle()
    for name, text in (('DataTables', datatables), ('Plotly', plotly), ('Bokeh with tables', bokeh), ('Vega', vega)):
        print(f'{name}: {len(text.encode()):,} bytes, {len(gzip.compress(text.encode())):,} as gzip')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        table = TABLE.replace('LIBRARY', exported(datatables, 'default'))
        trials = {
            'DataTables': ('<table id="table"></table>', datatables, table),
            'Plotly': ('<div id="plot"></div>', plotly, SCATTER),
            'Vega': ('<div id="plot"></div>', vega, VEGA),
        }
        for name in sys.argv[1:] or trials:
            print(name, flush=True)
            trial(browser, *trials[name])
        browser.close()


if __name__ == '__main__':
    main()
