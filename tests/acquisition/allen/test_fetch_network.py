"""Fetches over a failing network and by killed processes, and the bytes that they transfer."""

import os
import random
import signal
import time
from pathlib import Path

import allen_bucket as bucket
import pytest
from allen_warehouse import Warehouse

from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.allen.sessions import AllenSelection
from m2m_benchmarks.acquisition.pipeline.fetch import fetch_survey
from m2m_benchmarks.acquisition.surveys import SURVEYS
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.testing import Clock, Command, alive, file_server, serving_files

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.process]


SETTINGS = OphysSettings()


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    """Path to content of the server's files."""
    with serving_files(Warehouse()) as site:
        bucket.put_ophys(site, tmp_path_factory.mktemp('bucket'))
        return site.files


@pytest.fixture
def site(site, content):
    site.files.update(content)
    return site


def fetch(site, number=None, **options):
    clock = Clock()
    site.sleep = clock.sleep
    retry = RetryPolicy(sleep=clock.wait, clock=clock)
    selection = AllenSelection(
        number=number, mirror=f'{site.address}/bucket', warehouse=f'{site.address}/warehouse', retry=retry
    )
    return fetch_survey(SURVEYS['deVries2020'], selection, SETTINGS, **options)


@pytest.fixture(scope='module')
def undisturbed(content, tmp_path_factory):
    """SHA-256 of the assemblies of undisturbed fetches of one session and of all."""
    with pytest.MonkeyPatch.context() as patch, serving_files(Warehouse()) as site:
        patch.setenv('M2M_HOME', str(tmp_path_factory.mktemp('undisturbed')))
        for name in ('HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'):
            patch.delenv(name, raising=False)
        site.files.update(content)
        return {number: bucket.sha256_of(fetch(site, number)) for number in (1, None)}


def unexpected_files(home):
    """List unexpected files in the downloads folder."""
    paths = [path for path in (home / 'downloads').rglob('*') if path.is_file() and path.name != '.lock']
    kept = {'.npz', '.png', '.json', '.nwb'}
    return [path.name for path in paths if path.name.startswith('.') or path.suffix not in kept] + [
        path.name for path in (home / 'data').rglob('.tmp-*')
    ]


def cut(handler, site):
    code, content, headers = site.reply(handler)
    file_server.send(handler, code, content, only=len(content) // 2, **headers)


def short(handler, site):
    code, content, headers = site.reply(handler)
    file_server.send(handler, code, content[: len(content) // 2], **headers)


def short_without_length(handler, site):
    code, content, headers = site.reply(handler)
    file_server.send(handler, code, content[: len(content) // 2], close=True, **{**headers, 'Content-Length': None})


def redirect(handler, site):
    file_server.send(handler, 302, Location=f'{handler.path}?again')


def slow(handler, site):
    code, content, headers = site.reply(handler)
    file_server.send(handler, code, content, only=10, **headers)
    for byte in content[10:50]:
        handler.wfile.write(bytes([byte]))
        site.sleep(5)


def other_etag(handler, site):
    code, content, headers = site.reply(handler)
    file_server.send(handler, code, content, **{**headers, 'ETag': '"2"'})


def changed(handler, site):
    """Change the version of the file, but not its content."""
    site.validators = {'ETag': '"3"', 'Last-Modified': 'Wed, 21 Oct 2025 07:28:00 GMT'}
    file_server.serve(handler, site)


FAULTS = {
    'cut': cut,
    'short': short,
    'short, without a length': short_without_length,
    '500': file_server.status(500),
    '503': file_server.status(503, Retry_After='0'),
    '416': file_server.status(416),
    'redirect': redirect,
    'slow': slow,
    'other ETag': other_etag,
    'changed': changed,
    'disk full': None,
}


def spoil(site, path, names, patch, skip):
    """Answer requests of a file with faults in turn, after `skip` normal answers."""
    faults = [file_server.serve] * skip + [FAULTS[name] for name in names if FAULTS[name]]

    def fault(handler, site):
        content = handler.command == 'GET'
        (faults.pop(0) if faults and content else file_server.serve)(handler, site)

    site.faulty[path] = fault
    full = [names.count('disk full')]

    def fsync(handle):
        # Waiting for the disk takes most of the time of a small fetch, and no loss of power is tested.
        if full[0]:
            full[0] -= 1
            raise OSError(28, 'No space left on device')

    patch.setattr(os, 'fsync', fsync)


def fetch_all(site, **options):
    """Repeat a fetch until no session is missing."""
    for _ in range(4):
        try:
            fetched = fetch(site, 1, **options)
        except M2MError:
            continue
        if not fetched.failed:
            return fetched
    return pytest.fail('it goes on failing')


@pytest.mark.parametrize('first', FAULTS)
def test_faults_and_pairs_of_them(content, undisturbed, monkeypatch, tmp_path, first):
    names = list(FAULTS)
    cases = [([first], False), ([first], True)]
    cases += [([first, second], n % 2 == 1) for n, second in enumerate(names) if n >= names.index(first)]
    for number, (faults, whole_files) in enumerate(cases):
        home = tmp_path / str(number)
        with serving_files(Warehouse()) as site, monkeypatch.context() as patch:
            site.files.update(content)
            patch.setenv('M2M_HOME', str(home))
            spoil(site, bucket.ophys_path(501), faults, patch, skip=number % 3)
            fetched = fetch_all(site, whole_files=whole_files)
            assert bucket.sha256_of(fetched) == undisturbed[1], (faults, whole_files)
            assert unexpected_files(home) == [], (faults, whole_files)


def test_faults_of_the_catalogue(content, undisturbed, monkeypatch, tmp_path):
    for name, fault in FAULTS.items():
        home = tmp_path / name
        with serving_files(Warehouse()) as site, monkeypatch.context() as patch:
            site.files.update(content)
            patch.setenv('M2M_HOME', str(home))
            spoil(site, '', [name], patch, skip=0)
            site.faults = [fault] if fault else []
            assert bucket.sha256_of(fetch_all(site)) == undisturbed[1]
            assert unexpected_files(home) == []


@pytest.mark.parametrize(('whole_files', 'workers', 'n'), [(False, 1, 8), (True, 1, 8), (False, 2, 4)])
def test_killed_at_random(site, undisturbed, monkeypatch, tmp_path, whole_files, workers, n):
    places = ['--mirror', f'{site.address}/bucket', '--warehouse', f'{site.address}/warehouse']
    options = ['--workers', str(workers), *(['--whole-files'] if whole_files else [])]

    def start(home):
        monkeypatch.setenv('M2M_HOME', str(home))
        return Command('data', 'fetch', 'deVries2020', *places, *options)

    Command('--version').communicate()  # the first command starts the process that all are forked from
    rng = random.Random(whole_files)
    begin = time.monotonic()
    command = start(tmp_path / 'undisturbed')
    _, messages = command.communicate()
    assert command.returncode == 0, messages
    longest_s = time.monotonic() - begin
    for number in range(n):
        home = tmp_path / str(number)
        command = start(home)
        time.sleep(rng.uniform(0.02, longest_s))
        children = workers_of(command.pid)
        command.send_signal(signal.SIGKILL)
        command.communicate()
        end = time.monotonic() + 60  # a process that is still importing ends by then
        while any(map(alive, children)) and time.monotonic() < end:
            time.sleep(0.01)
        assert not any(map(alive, children))
        finished = len(list((home / 'downloads').rglob('50?.npz')))
        fetched = fetch(site, whole_files=whole_files)
        assert fetched.n_kept == finished
        assert bucket.sha256_of(fetched) == undisturbed[None]
        assert unexpected_files(home) == []


def workers_of(pid):
    """List the child processes of a process."""
    workers = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            parent = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            workers.append(int(folder.name))
    return workers


@pytest.mark.parametrize(
    ('name', 'share', 'put'),
    [('deVries2020', 1 / 3, bucket.put_full_ophys), ('Siegle2021', 1 / 5, bucket.put_full_ecephys)],
)
def test_bytes_of_a_session_of_full_size(site, tmp_path, m2m_home, name, share, put):
    """Measure the transfer of one session, including the images and the catalogue."""
    path = put(site, tmp_path)
    selection = AllenSelection(number=1, mirror=f'{site.address}/bucket', warehouse=f'{site.address}/warehouse')
    fetched = fetch_survey(SURVEYS[name], selection)
    assert (fetched.failed, fetched.refused) == ({}, {})
    catalogue = sum(request['sent'] for request in site.requests if is_table(request))
    assert fetched.bytes_moved == site.sent - catalogue
    print(f'{site.sent:,} of {len(site.files[path]):,} bytes, of which {fetched.image_bytes:,} are the images')
    assert fetched.image_bytes == sum(len(site.files[bucket.scene_path(number)]) for number in range(118))
    assert site.sent <= share * len(site.files[path])
    # The next session needs no images.
    assert fetched.bytes_moved - fetched.image_bytes <= 0.75 * share * len(site.files[path])


def is_table(request):
    return request['path'].endswith(('.json', '.csv')) or 'model::' in request['path']
