"""Servers that mean harm, and passwords in addresses."""

import base64
import itertools
import logging
import os
import stat

import httpx
import pytest

from m2m_benchmarks.acquisition.allen.tables import Tables
from m2m_benchmarks.acquisition.pipeline.whole_file import whole_file
from m2m_benchmarks.errors import DataError, M2MError
from m2m_benchmarks.net import download as downloads
from m2m_benchmarks.net.client import HttpClient
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import RemoteFileChanged, RequestFailed, without_password
from m2m_benchmarks.net.remote_file import RemoteFile, open_remote_hdf5
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.net.sizes import file_sizes
from m2m_benchmarks.testing.file_server import cut, send

RETRY = RetryPolicy(tries=2, sleep=lambda seconds: None)
CONTENT = bytes(range(256)) * 1000
PASSWORD = 'p%40ss'


@pytest.fixture
def site(site):
    site.files['/file'] = CONTENT
    return site


@pytest.fixture
def login(site):
    """Address of the server with a name and a password."""
    return site.address.replace('://', f'://me:{PASSWORD}@')


def leftovers(path):
    return sorted(other.name for other in path.parent.iterdir() if not other.name.endswith('.lock'))


def through(*answers):
    """Client that gets answers, each (status, headers), and the requests that it sends."""
    requests = []

    def handle(request):
        requests.append(request)
        code, headers = answers[min(len(requests), len(answers)) - 1]
        return httpx.Response(code, headers=headers)

    client = HttpClient()
    client._client = httpx.Client(transport=httpx.MockTransport(handle))
    return client, requests


def fetched(client, url):
    with client.answer('GET', url, float('inf')) as response:
        return response.status_code


@pytest.mark.parametrize(
    'locations', [['http://here/file'], ['https://there/file', 'http://there/file'], ['//here/b', 'http://here/c']]
)
def test_no_redirect_from_https_to_http(locations):
    client, requests = through(*((302, {'Location': location}) for location in locations), (200, {}))
    with pytest.raises(RequestFailed, match=r'redirects from https to http, .*here, which is not followed') as failure:
        fetched(client, 'https://here/file')
    assert not failure.value.retryable
    assert {request.url.scheme for request in requests} == {'https'}


@pytest.mark.parametrize('code', [301, 302, 303, 307, 308])
def test_other_redirects_are_followed(code):
    client, requests = through((code, {'Location': 'https://there/file'}), (code, {'Location': '/b'}), (200, {}))
    assert fetched(client, 'http://here/file') == 200
    assert [str(request.url) for request in requests] == ['http://here/file', 'https://there/file', 'https://there/b']


def test_another_server_gets_no_login_and_no_cookie():
    cookie = {'Set-Cookie': 'session=secret'}
    client, requests = through(
        (302, {'Location': '/b', **cookie}), (302, {'Location': 'https://there/c', **cookie}), (200, {})
    )
    assert fetched(client, f'https://me:{PASSWORD}@here/a') == 200
    basic = 'Basic ' + base64.b64encode(b'me:p@ss').decode()
    assert [request.headers.get('Authorization') for request in requests] == [basic, basic, None]
    assert [request.headers.get('Cookie') for request in requests] == [None, 'session=secret', None]
    assert all(request.url.userinfo == b'' for request in requests)


@pytest.mark.parametrize(
    ('address', 'shown'),
    [
        ('https://here/a@b', 'https://here/a@b'),
        ('http://here:80/a@b', 'http://here:80/a@b'),
        ('https://me:secret@here/a', 'https://me:***@here/a'),
        ('https://secret@here/a', 'https://***@here/a'),
        ('https://:secret@here/a', 'https://:***@here/a'),
        ('https://me:sec@secret@here:80/a', 'https://me:***@here:80/a'),
        ('https://me:sec/secret@here/a', 'https://me:***@here/a'),
        ('https://me:1secret#@here/a', 'https://me:***@here/a'),
        ('', ''),
    ],
)
def test_shown_addresses(address, shown):
    assert without_password(address) == shown


@pytest.mark.network
def test_no_password_reaches_messages_notes_or_logs(site, login, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / 'file'
    site.files['/table'] = b'<html>'
    messages = []

    def fails(function):
        with pytest.raises(M2MError) as error:
            function()
        messages.append(str(error.value))

    site.faults = [cut(1000)] * 2
    fails(lambda: download([f'{login}/file'], path, retry=RETRY))
    assert leftovers(path) == ['file.part', 'file.part.from']
    fails(lambda: download([f'{login}/nothing', 'http://me:p/ss@x/y'], tmp_path / 'nothing', retry=RETRY))
    fails(lambda: Tables(tmp_path, RETRY).records(f'{login}/table', 'table.json'))
    fails(lambda: Tables(tmp_path, RETRY).csv(f'{login}/table', 'table.csv', ('a',)))
    site.faults = [None, cut(1000)] * 2
    checks = (lambda path: None, lambda path, url: None)
    fails(lambda: whole_file([f'{login}/file'], tmp_path / 'whole', *checks, retry=RETRY))
    assert 'whole.new.from' in leftovers(path)

    def read_hdf5():
        with open_remote_hdf5([f'{login}/file'], retry=RETRY):
            pass

    fails(read_hdf5)
    with RemoteFile([f'{login}/file'], retry=RETRY, block_bytes=1000) as file:
        site.files['/file'] = CONTENT[1:]
        file.seek(100_000)
        with pytest.raises(RemoteFileChanged) as error:
            file.read(10)
        messages.append(str(error.value))
    notes = [other.read_text() for other in tmp_path.iterdir() if other.suffix in ('.from', '.json')]
    for text in (*messages, *notes, caplog.text):
        assert 'p%40ss' not in text
        assert 'p@ss' not in text
        assert 'p/ss' not in text
    assert sum('me:***@' in text for text in (*messages, *notes)) >= 8


@pytest.mark.network
def test_a_download_with_a_password_is_resumed(site, login, tmp_path):
    site.faults = [cut(1000)] * 2
    with pytest.raises(DataError):
        download([f'{login}/file'], tmp_path / 'file', retry=RETRY)
    download([f'{login}/file'], tmp_path / 'file', retry=RETRY)
    assert site.requests[-1]['range'] == 'bytes=2000-' or site.requests[-1]['range'] == 'bytes=1000-'
    assert (tmp_path / 'file').read_bytes() == CONTENT


@pytest.mark.network
@pytest.mark.parametrize('mask', [0o022, 0o077, 0o002])
def test_nobody_else_reads_unfinished_files(site, tmp_path, mask):
    path = tmp_path / 'file'
    before = os.umask(mask)
    try:
        site.faults = [cut(1000)] * 2
        with pytest.raises(DataError):
            download([f'{site.address}/file'], path, retry=RETRY)
        modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in leftovers(path)}
        assert modes == {'file.part': 0o600, 'file.part.from': 0o600}
        download([f'{site.address}/file'], path, retry=RETRY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


def endless(code=200, **headers):
    """Answer without a length and without an end."""

    def fault(handler, site):
        send(handler, code, **{'Content-Length': None, 'Transfer-Encoding': 'chunked', **headers})
        for _ in itertools.repeat(None, 10_000):  # 1 GB, should a client not stop
            handler.wfile.write(b'186a0\r\n' + bytes(100_000) + b'\r\n')

    return fault


@pytest.mark.network
@pytest.mark.parametrize('md5', [None, '0' * 32])
def test_content_without_an_end(site, tmp_path, monkeypatch, md5):
    monkeypatch.setattr(downloads, 'MOST_UNMEASURED', 500_000)
    site.faulty['/table'] = endless()
    with pytest.raises(DataError, match='does not say how long the file is, and sends more than 500,000 bytes'):
        download([f'{site.address}/table'], tmp_path / 'table', md5, unmeasured=True, retry=RETRY)
    assert leftovers(tmp_path / 'table') == []
    assert len(site.requests) == 1


@pytest.mark.network
@pytest.mark.parametrize('md5', [None, '0' * 32])
@pytest.mark.parametrize('resumed', [False, True])
def test_a_file_that_is_said_to_be_too_large(site, tmp_path, md5, resumed):
    def huge(handler, server):
        first = 1000 if resumed else 0
        span = {'Content-Range': f'bytes {first}-{10**13 - 1}/{10**13}'} if resumed else {}
        headers = {'Content-Length': str(10**13 - first), **span, **server.validators}
        send(handler, 206 if resumed else 200, bytes(1000), close=True, **headers)

    site.faults = [cut(1000), huge] if resumed else [huge]
    with pytest.raises(
        DataError, match=r'has 10,000,000,000,000 bytes; expected at most 8,000,000,000\..*M2M_MAX_GB'
    ) as error:
        download([f'{site.address}/file'], tmp_path / 'file', md5, retry=RETRY)
    assert leftovers(tmp_path / 'file') == []
    assert len(site.requests) == 1 + resumed
    assert 'kept' not in str(error.value)


@pytest.mark.network
def test_a_range_without_an_end(site, tmp_path):
    headers = {'Content-Range': f'bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}', **site.validators}
    site.faults = [cut(1000), endless(206, **headers)]
    download([f'{site.address}/file'], tmp_path / 'file', retry=RetryPolicy(sleep=lambda seconds: None))
    assert (tmp_path / 'file').read_bytes() == CONTENT
    assert leftovers(tmp_path / 'file') == ['file', 'file.json']


@pytest.mark.network
def test_a_redirect_with_content_without_an_end(site, tmp_path):
    site.faults = [endless(302, Location='/file')]
    download([f'{site.address}/file'], tmp_path / 'file', retry=RETRY)
    assert (tmp_path / 'file').read_bytes() == CONTENT


@pytest.mark.network
@pytest.mark.parametrize('kind', ['one long header', 'many headers'])
def test_headers_without_an_end(site, tmp_path, kind):
    def bomb(handler, site):
        handler.wfile.write(b'HTTP/1.1 200 OK\r\n' + (b'X: ' if kind == 'one long header' else b''))
        for number in range(1000):
            handler.wfile.write(b'x' * 10_000 if kind == 'one long header' else b'X-%d: %s\r\n' % (number, b'x' * 9000))

    site.faulty['/file'] = bomb
    with pytest.raises(DataError) as error:
        download([f'{site.address}/file'], tmp_path / 'file', retry=RETRY)
    assert len(str(error.value)) < 700
    assert leftovers(tmp_path / 'file') == []


@pytest.mark.network
@pytest.mark.parametrize(('code', 'shown'), [(404, '404 Not Found'), (418, "418 I'm a Teapot"), (599, '599.')])
def test_a_servers_own_words_are_not_shown(site, tmp_path, code, shown):
    def worded(handler, site):
        handler.send_response(code, '\x1b]0;owned\x07\x1b[31m' + 'x' * 1000)
        handler.send_header('Content-Length', '0')
        handler.end_headers()

    site.faulty['/file'] = worded
    with pytest.raises(DataError, match=shown) as error:
        download([f'{site.address}/file'], tmp_path / 'file', retry=RETRY)
    assert '\x1b' not in str(error.value)
    assert 'xxx' not in str(error.value)


@pytest.mark.parametrize('name', ['HTTPS_PROXY', 'ALL_PROXY'])
@pytest.mark.parametrize(
    'address', ['http://me:sec#ret@proxy:80', 'socks9://me:secret@proxy:80', 'http://me:sec/ret@proxy']
)
def test_no_password_of_a_proxy_is_shown(name, address, monkeypatch):
    monkeypatch.setenv(name, address)
    try:
        HttpClient().close()
    except DataError as error:
        assert 'secret' not in str(error)
        assert 'ret@' not in str(error)
        assert "'sec'" not in str(error)


@pytest.mark.network
@pytest.mark.parametrize('header', ['Content-Length', 'Retry-After', 'Content-Range'])
def test_numbers_of_thousands_of_digits(site, tmp_path, header):
    number = '9' * 5000

    def huge(handler, site):
        code, value = {'Content-Length': (200, number), 'Retry-After': (503, number)}.get(
            header, (206, f'bytes 0-{number}/{number}')
        )
        handler.send_response(code)
        handler.send_header(header, value)
        if header != 'Content-Length':
            handler.send_header('Content-Length', '0')
        handler.end_headers()
        handler.close_connection = True

    site.faulty['/file'] = huge
    with pytest.raises(DataError):
        download([f'{site.address}/file'], tmp_path / 'file', retry=RETRY)
    with pytest.raises(DataError):
        RemoteFile([f'{site.address}/file'], retry=RETRY)
    with pytest.raises(DataError):
        file_sizes({'file': [f'{site.address}/file']}, retry=RETRY)
