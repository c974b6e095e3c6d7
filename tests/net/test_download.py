"""Downloads from a local server with all the faults that real servers have."""

import contextlib
import errno
import hashlib
import random
import socket
import ssl
import tracemalloc
from pathlib import Path

import certifi
import pytest

from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.net import client
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import ServerUnreachable
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.storage import file_lock
from m2m_benchmarks.testing import Clock
from m2m_benchmarks.testing.file_server import cut, drip, send, serve, silent, status

pytestmark = pytest.mark.network

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def site(site):
    site.files['/file'] = CONTENT
    site.validators = {'ETag': '"1"'}
    return site


def requested(site):
    return [(request['path'], request['range']) for request in site.requests]


def bytes_sent(site):
    return [request['sent'] for request in site.requests]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'place' / 'file'


@pytest.fixture
def get(site, path):
    """Download /file; get.slept lists the waits between attempts."""

    def run(*names, md5=MD5, **options):
        slept = []
        run.slept = slept
        urls = [name if '://' in name else f'{site.address}/{name}' for name in names or ('file',)]
        policy = {name: options.pop(name) for name in ('tries', 'timeout_s', 'clock') if name in options}
        return download(urls, path, md5, retry=RetryPolicy(sleep=slept.append, **policy), **options)

    return run


def leftovers(path):
    """List the names beside a file, without its lock."""
    return sorted(other.name for other in path.parent.iterdir() if other.name not in (path.name, f'.{path.name}.lock'))


def test_a_file(site, get, path):
    reported = []
    assert get(progress=lambda *what: reported.append(what)) == path
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == []
    assert requested(site) == [('/file', None)]
    assert get.slept == []
    assert {what for what, _, _ in reported} == {'file'}
    assert [done for _, done, _ in reported] == sorted(done for _, done, _ in reported)
    assert reported[-1][1:] == (len(CONTENT), len(CONTENT))


def test_a_damaged_file_is_downloaded_again(site, get, path, capsys):
    """Without a published hash, a file has that of its download."""
    get(md5=None)
    get(md5=None)
    assert len(site.requests) == 1
    path.write_bytes(CONTENT[:1000] + b'?' + CONTENT[1001:])
    get(md5=None)
    assert path.read_bytes() == CONTENT
    assert len(site.requests) == 2
    assert f'note: {path} is damaged (another SHA-256 than when it was downloaded)' in capsys.readouterr().err


def test_a_file_without_a_note_is_noted(site, get, path):
    path.parent.mkdir()
    path.write_bytes(b'of version 0.1')
    get(md5=None)
    assert path.read_bytes() == b'of version 0.1'
    assert site.requests == []
    path.write_bytes(b'of version 0.2')
    get(md5=None)
    assert path.read_bytes() == CONTENT


def test_a_file_that_has_changed_at_its_source(site, get, path, capsys):
    get(md5=None)
    path.unlink()
    get(md5=None)
    assert capsys.readouterr().err == ''
    path.unlink()
    site.files['/file'] = CONTENT[::-1]
    get(md5=None)
    assert capsys.readouterr().err.startswith('note: file differs from its earlier download: SHA-256 ')
    assert path.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(
    ('change', 'begin'),
    [
        (lambda part: part[:50_000] + b'?' + part[50_001:], None),
        (lambda part: part[:-1], None),
        (lambda part: part + b'written before it was killed', 100_000),
    ],
)
def test_a_part_that_was_changed(site, get, path, capsys, change, begin):
    """An interrupted download has the SHA-256 of its part."""
    site.faults = [cut(100_000)]
    with pytest.raises(DataError, match='could not be downloaded'):
        get(md5=None, tries=1)
    part = path.with_name('file.part')
    part.write_bytes(change(part.read_bytes()))
    get(md5=None)
    assert path.read_bytes() == CONTENT
    assert requested(site)[1:] == [('/file', begin and f'bytes={begin}-')]
    assert ('file.part is damaged' in capsys.readouterr().err) == (begin is None)


def test_what_a_killed_process_left_is_removed(site, get, path):
    get(md5=None)
    path.with_name('file.part.from').write_text('left')
    get(md5=None)
    assert leftovers(path) == ['file.json']


@pytest.mark.parametrize('validators', [{'ETag': '"1"'}, {'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT'}])
def test_a_lost_connection_is_resumed(site, get, path, validators):
    site.validators = validators
    site.faults = [cut(100_000), cut(50_000)]
    get()
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == []
    assert requested(site) == [('/file', None), ('/file', 'bytes=100000-'), ('/file', 'bytes=150000-')]
    assert {request['if_range'] for request in site.requests[1:]} == set(validators.values())
    assert bytes_sent(site) == [100_000, 50_000, 150_000]  # nothing moved twice
    assert get.slept == [1, 2]


@pytest.mark.parametrize('seed', range(5))
def test_connections_lost_anywhere(site, get, path, seed):
    rng = random.Random(seed)
    site.faults = [cut(rng.choice([0, 1, rng.randrange(100_000)])) for _ in range(rng.randrange(1, 7))]
    get(tries=8)
    assert path.read_bytes() == CONTENT
    assert site.sent == len(CONTENT)


def test_a_later_call_resumes(site, get, path):
    def stop(what, done, total):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(progress=stop)
    assert not path.exists()
    assert leftovers(path) == ['file.part', 'file.part.from']
    have = (path.parent / 'file.part').stat().st_size
    assert have > 100_000
    get()
    assert path.read_bytes() == CONTENT
    assert bytes_sent(site)[-1] == len(CONTENT) - have
    assert leftovers(path) == []


@pytest.mark.parametrize('validators', [{}, {'ETag': 'W/"1"'}, {'ETag': '"\xe9"'}])
def test_without_a_validator_it_starts_over(site, get, path, validators):
    site.validators = validators
    site.faults = [cut(100_000)]
    get()
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/file', None)] * 2


@pytest.mark.parametrize('honours_if_range', [True, False])
def test_a_file_that_changes_between_tries(site, get, path, honours_if_range):
    site.honours_if_range = honours_if_range

    def changed(handler, site):
        site.files['/file'], site.validators = CONTENT[::-1], {'ETag': '"2"'}
        serve(handler, site)

    site.faults = [cut(100_000), changed]
    get(md5=None)
    assert path.read_bytes() == CONTENT[::-1]
    assert site.requests[1]['range'] == 'bytes=100000-'
    # Either the answer to the range is the whole new file, or a further request fetches it.
    assert bytes_sent(site)[-1] == len(CONTENT)
    assert len(site.requests) == (2 if honours_if_range else 3)


def test_a_part_of_another_mirror_is_not_resumed(site, get, path):
    site.files['/other'] = CONTENT[::-1]
    site.faults = [cut(100_000), status(404)]
    get('file', 'other', md5=None)
    assert path.read_bytes() == CONTENT[::-1]
    assert requested(site) == [('/file', None), ('/file', 'bytes=100000-'), ('/other', None)]


@pytest.mark.parametrize('note', [None, '', '\x00\xff', 'http://elsewhere/file\n"1"\n'])
def test_a_part_with_an_unusable_note(site, get, path, note):
    path.parent.mkdir()
    (path.parent / 'file.part').write_bytes(b'x' * 400_000)
    if note is not None:
        (path.parent / 'file.part.from').write_bytes(note.encode('latin-1'))
    get(md5=None)
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/file', None)]


def make_part(site, path, content):
    path.parent.mkdir()
    (path.parent / 'file.part').write_bytes(content)
    (path.parent / 'file.part.from').write_text(f'{site.address}/file\n"1"\n')


def test_a_part_that_is_complete(site, get, path):
    make_part(site, path, CONTENT)
    get()
    assert path.read_bytes() == CONTENT
    assert bytes_sent(site) == [0]  # 416: there is nothing after it
    assert leftovers(path) == []


def test_a_part_that_is_too_long(site, get, path):
    make_part(site, path, CONTENT + b'x')
    get()
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/file', f'bytes={len(CONTENT) + 1}-'), ('/file', None)]


@pytest.mark.parametrize('part', [b'x' * 1000, b'x' * len(CONTENT)])
def test_pieces_that_do_not_fit_are_fetched_in_one(site, get, path, part):
    make_part(site, path, part)
    get()
    assert path.read_bytes() == CONTENT
    assert requested(site)[1:] == [('/file', None)]


def test_a_range_that_ends_early(site, get, path):
    def some(handler, site):
        headers = {**site.validators, 'Content-Range': f'bytes 100000-100999/{len(CONTENT)}'}
        send(handler, 206, CONTENT[100_000:101_000], **headers)

    site.faults = [cut(100_000), some]
    get()
    assert path.read_bytes() == CONTENT
    assert site.sent == len(CONTENT)


def test_another_range_than_requested(site, get, path):
    def other(handler, site):
        headers = {**site.validators, 'Content-Range': f'bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}'}
        send(handler, 206, CONTENT[5:], **headers)

    site.faults = [cut(100_000), other]
    get(md5=None)
    assert path.read_bytes() == CONTENT
    site.faults = [other]
    path.unlink()
    with pytest.raises(DataError, match='the server answered 206 Partial Content'):
        get(md5=None)


def test_a_range_though_none_was_requested(site, get, path):
    path.parent.mkdir()
    (path.parent / 'file.part').write_bytes(b'x' * 1000)  # of unknown origin

    def ranged(handler, site):
        send(handler, 206, CONTENT, **{'Content-Range': f'bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}'})

    site.faults = [ranged]
    get('file', 'file', md5=None)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize('code', [408, 429, 500, 502, 503])
def test_servers_that_are_busy(site, get, path, code):
    site.faults = [status(code)] * 3
    get()
    assert path.read_bytes() == CONTENT
    assert get.slept == [1, 2, 4]


@pytest.mark.parametrize(('retry_after', 'slept'), [('7', 7), ('100000', 60), ('0', 1), ('soon', 1), ('-5', 1)])
def test_the_wait_that_a_server_requests(site, get, path, retry_after, slept):
    site.faults = [status(503, Retry_After=retry_after)]
    get()
    assert get.slept == [slept]


def test_a_server_that_stays_busy(site, get, path):
    site.faults = [status(503)] * 4
    with pytest.raises(DataError, match=f'{site.address}/file: the server answered 503 Service Unavailable') as caught:
        get()
    assert 'run this again' in str(caught.value)
    assert len(site.requests) == 4
    assert get.slept == [1, 2, 4]
    assert not path.exists()


@pytest.mark.parametrize('code', [401, 403, 404, 410, 204, 304])
def test_a_missing_file_is_fetched_from_the_next_mirror(site, get, path, code):
    site.faults = [status(code)]
    get('gone', 'file')
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/gone', None), ('/file', None)]
    assert get.slept == []


def test_mirrors_are_all_named_when_none_has_it(site, get, path):
    with pytest.raises(DataError) as caught:
        get('a', 'b', 'ftp://elsewhere/file', 'http://[bad/file')
    message = str(caught.value)
    for part in (
        f'{site.address}/a: the server answered 404',
        f'{site.address}/b: the server answered 404',
        'ftp://',
        'http://[bad/file: ',
    ):
        assert part in message
    assert '\n' not in message


def test_a_redirect(site, get, path):
    site.faults = [status(302, Location='/file'), cut(100_000), status(307, Location='/file')]
    get('old')
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/old', None), ('/file', None), ('/old', 'bytes=100000-'), ('/file', 'bytes=100000-')]


def test_a_redirect_that_never_ends(site, get, path):
    site.faults = [status(302, Location='/old')] * 21
    get('old', 'file')
    assert path.read_bytes() == CONTENT
    assert get.slept == []


def test_a_wrong_md5(site, get, path):
    site.files['/wrong'] = CONTENT[::-1]
    get('wrong', 'file')
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('/wrong', None), ('/file', None)]
    path.unlink()
    wrong = hashlib.md5(CONTENT[::-1]).hexdigest()
    with pytest.raises(DataError, match=f'the file has the MD5 {wrong}; expected {MD5}'):
        get('wrong')
    assert not path.exists()
    assert leftovers(path) == []


def test_an_answer_without_a_length(site, get, path):
    def chunked(handler, site):
        send(handler, 200, **{'Content-Length': None, 'Transfer-Encoding': 'chunked'})
        for start in range(0, len(CONTENT), 70_000):
            piece = CONTENT[start : start + 70_000]
            handler.wfile.write(f'{len(piece):x}\r\n'.encode() + piece + b'\r\n')
        handler.wfile.write(b'0\r\n\r\n')

    reported = []
    for options in ({'md5': MD5}, {'md5': None, 'unmeasured': True}):
        site.faults = [chunked]
        path.unlink(missing_ok=True)
        get(**options, progress=lambda *what: reported.append(what))
        assert path.read_bytes() == CONTENT
        assert reported[-1] == ('file', len(CONTENT), 0)
    # Without a way to check it, the file may be incomplete.
    path.unlink()
    site.faults = [chunked]
    get(md5=None, progress=lambda *what: reported.append(what))
    assert path.read_bytes() == CONTENT
    assert reported[-1] == ('file', len(CONTENT), len(CONTENT))
    path.unlink()
    site.faults = [chunked] * 4
    with pytest.raises(DataError, match='does not say how long the file is'):
        get(md5=None)
    assert not path.exists()


def test_a_slow_answer_without_content(site, get, path):
    """Between the chunks of an answer a server can send any number of bytes."""

    def endless(handler, site):
        send(handler, 200, **{'Content-Length': None, 'Transfer-Encoding': 'chunked'})
        with contextlib.suppress(OSError):
            handler.wfile.write(b'5;')
            while True:
                handler.wfile.write(b'x')
                site.sleep(5)

    site.faults = [endless]
    clock = Clock()
    site.sleep = clock.sleep
    get(timeout_s=30, clock=clock)
    assert path.read_bytes() == CONTENT
    assert clock() < 100


def test_attempts_that_make_progress_are_continued(site, get, path):
    site.files['/file'] = random.Random(1).randbytes(12 * 2**20)
    site.faults = [cut(after=3 * 2**19)] * 7
    get(md5=None)
    assert path.read_bytes() == site.files['/file']
    assert get.slept == [1] * 7
    # Attempts with little progress are limited.
    path.unlink()
    site.faults = [cut(after=1000)] * 9
    with pytest.raises(DataError, match='could not be downloaded'):
        get(md5=None)
    assert len(site.faults) == 5


def test_no_server_at_all(get, path):
    with pytest.raises(ServerUnreachable, match='could not be downloaded'):
        get('http://127.0.0.1:9/file', tries=1)


def test_an_empty_file(site, get, path):
    site.files['/file'] = b''
    get(md5=None)
    assert path.read_bytes() == b''


def test_a_compressed_file_stays_compressed(site, get, path):
    site.validators = {'Content-Encoding': 'gzip'}
    get()
    assert path.read_bytes() == CONTENT
    assert site.requests[0]['encoding'] == 'identity'


@pytest.mark.parametrize(('what', 'message'), [('body', 'the server sent only'), ('headers', 'timed out')])
def test_a_server_that_sends_a_byte_now_and_then(site, get, path, what, message):
    site.faults = [drip(what)] * 2
    clock = Clock()
    site.sleep = clock.sleep
    with pytest.raises(DataError, match=message):
        get(tries=2, timeout_s=30, clock=clock)
    assert clock() <= 2 * (2 * 30 + 2 * 5) + 1  # the whole file would take two weeks
    assert not path.exists()
    get()  # despite the leftovers
    assert path.read_bytes() == CONTENT


def test_a_silent_server(site, get, path):
    site.faults = [silent] * 2
    with pytest.raises(DataError, match='timed out'):
        get(tries=2, timeout_s=0.2)
    assert site.faults == []


def test_a_port_without_a_server(site, get, path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        closed_port = f'http://127.0.0.1:{free.getsockname()[1]}/file'
    with pytest.raises(DataError, match=f'{closed_port}: .*refused'):
        get(closed_port)
    assert get.slept == [1, 2, 4]
    get(closed_port, 'file')
    assert path.read_bytes() == CONTENT


def test_a_file_that_exists_already(site, get, path):
    get()
    get()
    get(md5=None)
    assert len(site.requests) == 1
    path.write_bytes(CONTENT[:-1])
    get()
    assert path.read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_wrong_file_stays_until_the_right_one_is_there(site, get, path):
    path.parent.mkdir()
    path.write_bytes(b'wrong')
    site.faults = [status(404)]
    with pytest.raises(DataError):
        get()
    assert path.read_bytes() == b'wrong'


def test_a_full_disk(site, get, path, monkeypatch):
    real = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, content):
            if self.file.tell() + len(content) > 100_000:
                raise OSError(errno.ENOSPC, 'No space left on device')
            return self.file.write(content)

    with monkeypatch.context() as patch:
        patch.setattr(
            Path, 'open', lambda self, mode='r', **o: (Full if mode == 'ab' else lambda f: f)(real(self, mode, **o))
        )
        with pytest.raises(StorageError, match=r'cannot write file to .*: No space left on device \(.* MB free\)'):
            get()
    assert len(site.requests) == 1  # not tried again
    get()
    assert path.read_bytes() == CONTENT
    assert site.requests[1]['range']


def test_a_folder_that_cannot_be_made(site, get, path):
    path.parent.write_text('')
    with pytest.raises(StorageError, match='cannot write to'):
        get()
    assert site.requests == []


def test_two_at_once(site, get, path):
    path.parent.mkdir()
    with (
        file_lock(path.parent / '.file.lock', 'another'),
        pytest.raises(StorageError, match='downloading file is already running in another process'),
    ):
        get()
    assert site.requests == []


def test_a_proxy(site, get, path, monkeypatch):
    monkeypatch.setenv('HTTP_PROXY', site.address)
    get('http://elsewhere.invalid/file')
    assert path.read_bytes() == CONTENT
    assert requested(site) == [('http://elsewhere.invalid/file', None)]


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_a_proxy_that_requires_a_password(site, get, path, monkeypatch, scheme):
    monkeypatch.setenv(f'{scheme}_proxy', site.address)
    site.faults = [status(407)]
    with pytest.raises(DataError, match='the proxy requires a login') as caught:
        get(f'{scheme}://elsewhere.invalid/file')
    assert 'http://USER:PASSWORD@HOST:PORT' in str(caught.value)
    assert get.slept == []


@pytest.mark.parametrize(
    ('name', 'value'), [('HTTPS_PROXY', 'gopher://somewhere:70'), ('SSL_CERT_FILE', '/nowhere/certificates.pem')]
)
def test_wrong_settings(site, get, path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(DataError, match=f'proxy or certificates has a wrong value: .*{name}'):
        get()


def test_certificates_are_loaded_once(site, get, path, monkeypatch, tmp_path):
    """Loading them takes longer than downloading an image; other certificates are loaded anew."""
    own = tmp_path / 'certificates.pem'
    own.write_bytes(Path(certifi.where()).read_bytes())
    loaded, load = [], ssl.create_default_context
    monkeypatch.setattr(ssl, 'create_default_context', lambda **files: loaded.append(files) or load(**files))
    client._certificates.cache_clear()
    for name in ('SSL_CERT_FILE', 'SSL_CERT_DIR'):
        monkeypatch.delenv(name, raising=False)
    for _ in range(3):
        get()
        path.unlink()
    assert loaded == [{'cafile': certifi.where()}]
    monkeypatch.setenv('SSL_CERT_FILE', str(own))
    get()
    assert loaded[1:] == [{'cafile': str(own)}]


def test_memory_stays_bounded(site, get, path):
    piece, pieces = bytes(100_000), 400

    def big(handler, site):
        send(handler, 200, **{'Content-Length': str(len(piece) * pieces)})
        for _ in range(pieces):
            handler.wfile.write(piece)

    site.faults = [big]
    tracemalloc.start()
    try:
        get(md5=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size == 40_000_000
    assert peak < 4_000_000
