"""Pages in headless Chromium."""

import shutil

import pytest


@pytest.fixture(scope='module')
def browser():
    """Return a headless Chromium; skip the test where there is none."""
    path = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
    if path is None:
        pytest.skip('no chromium on the PATH; on Debian: apt-get install chromium')
    sync_api = pytest.importorskip('playwright.sync_api')
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=['--no-sandbox', '--disable-dev-shm-usage'])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Return visit(path, hash='', **context) -> page; the page may neither ask for anything nor complain."""
    contexts, faults = [], []

    def open_page(path, hash='', **options):
        options.setdefault('viewport', {'width': 1400, 'height': 1600})  # all rows of a small board in sight
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on('console', lambda message: faults.append(f'{message.type}: {message.text}'))
        page.on('pageerror', lambda error: faults.append(str(error)))
        page.on('dialog', lambda dialog: faults.append(dialog.message))
        page.on('request', lambda request: request.url.startswith(('file:', 'blob:')) or faults.append(request.url))
        page.goto(f'{path.as_uri()}{hash and "#"}{hash}')
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
