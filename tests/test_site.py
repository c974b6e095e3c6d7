"""The documentation site: a wrong link is an error, and pages ask nothing of other servers."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [
    pytest.mark.process,
    pytest.mark.seconds,
    pytest.mark.skipif(importlib.util.find_spec('furo') is None, reason='Sphinx comes with the extras docs and dev'),
]


def built(folder, text):
    """Build a site of two pages with the settings of docs/, as `make docs` does."""
    source = folder / 'docs'
    source.mkdir(parents=True)
    shutil.copy(ROOT / 'docs' / 'conf.py', source)
    (source / 'index.md').write_text(f'# One\n\n{text}\n\n```{{toctree}}\nother\n```\n', encoding='utf-8')
    (source / 'other.md').write_text('# Other\n\n## A section\n\nText\n', encoding='utf-8')
    command = [
        sys.executable,
        '-m',
        'sphinx',
        '-W',
        '--keep-going',
        '-q',
        '-b',
        'html',
        str(source),
        str(folder / 'site'),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_a_right_link_and_no_request_to_other_servers(tmp_path):
    done = built(tmp_path, '[a section](other.md#a-section), [outside](https://example.org)')
    assert (done.returncode, done.stderr) == (0, '')
    pages = [path.read_text(encoding='utf-8') for path in (tmp_path / 'site').glob('*.html')]
    assert any('href="other.html#a-section"' in page for page in pages)
    loaded = [tag for page in pages for tag in re.findall(r'<(?:script|link|img)\b[^>]*>', page)]
    assert len(loaded) > 5
    assert [tag for tag in loaded if '//' in re.sub(r'xmlns="[^"]*"', '', tag)] == []
    styles = [path.read_text(encoding='utf-8') for path in (tmp_path / 'site' / '_static').rglob('*.css')]
    assert [
        found for style in styles for found in re.findall(r'@import[^;]*|url\(["\']?(?:https?:)?//[^)]*\)', style)
    ] == []


@pytest.mark.parametrize('link', ['other.md#no-section', 'no_page.md'])
def test_a_wrong_link_is_an_error(link, tmp_path):
    done = built(tmp_path, f'[wrong]({link})')
    assert done.returncode == 1
    assert 'index.md:3: WARNING' in done.stderr
    assert 'xref_missing' in done.stderr
