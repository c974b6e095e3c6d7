"""What setup.py admits, and the versions and hashes of .ci/requirements.lock that `make` installs."""

import importlib.util
import re
import runpy
import subprocess
from pathlib import Path

import pytest
import setuptools
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / '.ci' / 'requirements.lock'

#: The last version with a published vulnerability that matters here, by package.
VULNERABLE = {
    'aiohttp': '3.13.3',  # compressed and chunked answers that fill the memory, and others (CVE-2025-69223 and on)
    'certifi': '2024.6.2',  # roots of a withdrawn authority (CVE-2024-39689)
    'distributed': '2025.12.0',  # code of a web page in the dashboard (CVE-2026-23528)
    'filelock': '3.20.2',  # a link in place of the lock (CVE-2025-68146, CVE-2026-22701)
    'h11': '0.15.0',  # chunked answers (CVE-2025-43859)
    'idna': '3.6',  # names that take for ever (CVE-2024-3651)
    'jinja2': '3.1.5',  # a way out of the sandbox (CVE-2025-27516)
    'lightning': '2.6.3',  # a release with foreign code
    'onnx': '1.20.1',  # external data through links (CVE-2026-27489)
    'pillow': '12.1.1',  # images that write out of bounds or fill the memory (CVE-2023-50447 to CVE-2026-40192)
    'pytest': '9.0.2',  # a guessable folder in /tmp (CVE-2025-71176)
    'requests': '2.32.5',  # passwords of .netrc, and files in /tmp (CVE-2024-47081, CVE-2026-25645)
    'scikit-learn': '1.4.2',  # words of the data in a fitted object (CVE-2024-5206)
    'torch': '2.9.1',  # weights-only files that run code (CVE-2025-32434, CVE-2026-24747)
    'tornado': '6.5.2',  # headers that take for ever (CVE-2025-67724 and on)
    'urllib3': '2.6.2',  # answers that unpack without an end (CVE-2025-66418, CVE-2026-21441)
}


def required(monkeypatch, extra):
    """Requirements of an extra by name, without importing what is installed."""
    given = {}
    monkeypatch.setattr(setuptools, 'setup', lambda **options: given.update(options))
    runpy.run_path(str(ROOT / 'setup.py'))
    requirements = map(Requirement, [*given['install_requires'], *given['extras_require'][extra]])
    return {requirement.name.lower(): requirement for requirement in requirements}


def locked():
    """Requirements of the lock file, and the hashes of each."""
    content = LOCK.read_text(encoding='utf-8')
    blocks = [block.replace('\\\n', ' ').split() for block in re.split(r'\n(?=\S)', content.strip())]
    return [
        (
            Requirement(' '.join(word for word in words if not word.startswith('--hash='))),
            [word for word in words if word.startswith('--hash=')],
        )
        for words in blocks
    ]


@pytest.mark.parametrize('name', VULNERABLE)
def test_no_vulnerable_version_is_admitted(name, monkeypatch):
    assert not required(monkeypatch, 'dev')[name].specifier.contains(VULNERABLE[name], prereleases=True)


def test_the_lock_has_what_setup_py_asks_for(monkeypatch):
    """`make lock` writes it anew."""
    here = {
        'python_version': '3.11',
        'python_full_version': '3.11.9',
        'sys_platform': 'linux',
        'platform_machine': 'x86_64',
    }
    versions = {
        requirement.name: str(requirement.specifier).removeprefix('==')
        for requirement, _ in locked()
        if requirement.marker is None or Marker(str(requirement.marker)).evaluate(here)
    }
    tools = [Requirement(line) for line in (ROOT / '.ci/tools.in').read_text().splitlines() if not line.startswith('#')]
    for requirement in [*required(monkeypatch, 'dev').values(), *tools]:
        version = versions.get(re.sub(r'[-_.]+', '-', requirement.name).lower())
        assert version is not None, f'{requirement.name} is not in the lock: run `make lock`'
        assert requirement.specifier.contains(version), f'{requirement.name} is {version} in the lock: run `make lock`'


def test_the_lock_has_hashes_and_names_no_host():
    for requirement, hashes in locked():
        assert re.fullmatch(r'==[^,]+', str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r'--hash=sha256:[0-9a-f]{64}', text) for text in hashes), requirement
        assert requirement.url is None
    assert '://' not in LOCK.read_text(encoding='utf-8')
    assert not re.search(r'^-', LOCK.read_text(encoding='utf-8'), re.MULTILINE)  # such as --index-url


@pytest.fixture
def audit(monkeypatch):
    """The audit, with answers of pip-audit in place of running it: its output, or its error."""
    spec = importlib.util.spec_from_file_location('audit', ROOT / '.ci' / 'audit.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*answers):
        waiting = list(answers)

        def answer(command, **options):
            out, err = waiting.pop(0)
            return subprocess.CompletedProcess(command, 1, out, err)

        monkeypatch.setattr(module.subprocess, 'run', answer)
        return module.main([])

    return run


CLEAN = '{"dependencies": [{"name": "pillow", "version": "13.0.0", "vulns": []}]}'
KNOWN = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}'
SKIPPED = '{"dependencies": [{"name": "pillow", "skip_reason": "not there"}]}'


@pytest.mark.parametrize(
    ('answers', 'code', 'message'),
    [
        ([(CLEAN, ''), (CLEAN, '')], 0, '1 looked up, 0 vulnerable'),
        ([(CLEAN, ''), (KNOWN, '')], 1, 'a 1: CVE-1, fixed in 2'),
        ([('', 'Traceback\nConnectionError: no network')], 0, 'not run: ConnectionError: no network'),
        ([(SKIPPED, '')], 0, 'not run: the registry that is set has no such data'),
        ([(CLEAN, ''), ('', '')], 0, 'not run: pip-audit printed nothing'),
    ],
)
def test_the_audit(audit, answers, code, message, capsys):
    assert audit(*answers) == code
    assert message in capsys.readouterr().out
