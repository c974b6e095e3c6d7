"""The retry policy: what it tries again, and that nothing takes longer than it says."""

import importlib.util
import socket
import time
from pathlib import Path

import pytest

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.download import download
from m2m_benchmarks.net.failures import (
    FileMissing,
    FileUnusable,
    RemoteFileChanged,
    RemoteFileNotFound,
    RequestFailed,
    ServerUnreachable,
)
from m2m_benchmarks.net.remote_file import RemoteFile
from m2m_benchmarks.net.retry import RetryPolicy

pytestmark = pytest.mark.network

SPEC = importlib.util.spec_from_file_location('loopback', Path(__file__).with_name('warehouse.py'))
loopback = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(loopback)

#: Of a policy whose longest time is short, and in which nobody waits between tries.
TIMEOUT_S, TRIES = 0.1, 2
#: For starting threads and the like, on a machine that does other things too.
SPARE_S = 1.5


def stall_in(what):
    """A server that brings headers or content a byte at a time, each long before a read would time out."""

    def fault(handler, site):
        if what == 'nothing':
            time.sleep(4 * TIMEOUT_S)
        else:
            loopback.drip(what)(handler, site)
        handler.close_connection = True

    return fault


@pytest.fixture
def site():
    with loopback.serving() as found:
        found.files['/file'] = bytes(5000)
        yield found


def test_the_longest_time_is_a_number():
    """By hand: four tries of 2 x 30 s for headers and 2 x 30 s for content, and three waits of a minute."""
    assert RetryPolicy().longest_s() == 4 * 120 + 3 * 60
    assert RetryPolicy(tries=1).longest_s() == 120
    assert RetryPolicy(tries=2, timeout_s=1).longest_s(n_mirrors=3, n_requests=5) == 3 * (2 * 5 * 4 + 60)
    # The wait doubles: from the eighth try on it is longer than a server may ask for.
    assert RetryPolicy(tries=9, timeout_s=0).longest_s() == 6 * 60 + 64 + 128


@pytest.mark.parametrize('what', ['nothing', 'headers'])
@pytest.mark.parametrize('n_mirrors', [1, 2])
def test_a_server_that_stalls_takes_no_longer(site, tmp_path, what, n_mirrors):
    site.faulty['/file'] = stall_in(what)
    slept = []
    retry = RetryPolicy(TRIES, TIMEOUT_S, sleep=slept.append)
    begin = time.monotonic()
    with pytest.raises(ServerUnreachable):
        download([f'{site.address}/file?{number}' for number in range(n_mirrors)], tmp_path / 'file', retry=retry)
    # Waits that nobody waited for count as if they had been.
    took = time.monotonic() - begin + sum(slept)
    waits = n_mirrors * (TRIES - 1) * 60
    assert len(slept) == n_mirrors * (TRIES - 1)
    assert took <= retry.longest_s(n_mirrors) - waits + sum(slept) + SPARE_S
    assert sum(slept) <= waits


def test_content_that_stalls_takes_no_longer(site, tmp_path):
    def stalls(handler, site):
        loopback.send(handler, 200, bytes(5000), only=0)
        time.sleep(6 * TIMEOUT_S)

    site.faulty['/file'] = stalls
    retry = RetryPolicy(TRIES, TIMEOUT_S, sleep=float)
    begin = time.monotonic()
    with pytest.raises(ServerUnreachable):
        download([f'{site.address}/file'], tmp_path / 'file', retry=retry)
    assert time.monotonic() - begin <= retry.longest_s() - 60 + SPARE_S


def test_a_request_with_a_limit_takes_no_longer_than_it(site):
    site.faulty['/file'] = stall_in('headers')
    retry = RetryPolicy(tries=1000, timeout_s=5, limit_s=0.5, sleep=float)
    begin = time.monotonic()
    with pytest.raises(ServerUnreachable):
        RemoteFile([f'{site.address}/file'], retry=retry)
    assert time.monotonic() - begin <= 0.5 + SPARE_S


def test_a_host_that_does_not_answer_has_no_more_time_than_is_left():
    """Connections end with the request's time, though each alone could take the whole of the timeout."""
    with socket.socket() as full:
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:  # until no more are taken, nor refused
                each.setblocking(False)
                each.connect_ex(address)
            retry = RetryPolicy(tries=1, timeout_s=60, limit_s=0.5, sleep=float)
            begin = time.monotonic()
            with pytest.raises(ServerUnreachable):
                RemoteFile([f'http://127.0.0.1:{address[1]}/file'], retry=retry)
            assert time.monotonic() - begin <= 0.5 + SPARE_S
        finally:
            for each in waiting:
                each.close()


def failing(*reasons):
    """A try that fails for each reason in turn, and then gives 7."""
    left = list(reasons)

    def attempt(url, end):
        if left:
            raise left.pop(0)
        return 7

    return attempt


def test_what_is_tried_again():
    slept = []
    retry = RetryPolicy(sleep=slept.append)
    passing = [RequestFailed('busy', retryable=True) for _ in range(3)]
    assert retry.run(['a'], failing(*passing)) == 7
    assert slept == [1, 2, 4]
    slept.clear()
    assert retry.run(['a'], failing(RequestFailed('busy', retryable=True, wait_s=50))) == 7
    assert slept == [50]
    # Another mirror is asked at once.
    assert retry.run(['a', 'b'], failing(RequestFailed('no', retryable=False))) == 7
    assert retry.run(['a', 'b'], failing(FileUnusable('of no use'))) == 7
    assert slept == [50]


def test_tries_that_get_on_are_not_counted():
    here = [0]

    def attempt(url, end):
        here[0] += 2**20
        if here[0] < 20 * 2**20:
            raise RequestFailed('lost', retryable=True)
        return 'whole'

    assert RetryPolicy(tries=2, sleep=float).run(['a'], attempt, progress=lambda: here[0]) == 'whole'


def test_what_is_said_when_nothing_helps():
    retry = RetryPolicy(tries=1, sleep=float)
    with pytest.raises(ServerUnreachable, match=r'a: busy\. b: no\. Check .* run this again: it is kept\.'):
        retry.run(
            ['a', 'b'],
            failing(RequestFailed('busy', retryable=True), RequestFailed('no', retryable=False)),
            kept=': it is kept',
        )
    with pytest.raises(RemoteFileNotFound, match=r'no server has the file\. a: 404\.'):
        retry.run(['a'], failing(FileMissing('404', retryable=False)))
    with pytest.raises(DataError, match=r'^it is a web page\.$'):
        retry.run(['a'], failing(FileUnusable('it is a web page.')))


def test_what_is_no_failure_of_a_request_ends_the_tries():
    """A file that changed is read again from its start, not from another mirror."""
    asked = []

    def attempt(url, end):
        asked.append(url)
        raise RemoteFileChanged('changed')

    with pytest.raises(RemoteFileChanged):
        RetryPolicy().run(['a', 'b'], attempt)
    assert asked == ['a']


def test_a_file_that_changes_is_read_once_more():
    readings = []

    def reading():
        readings.append(1)
        if len(readings) < 2:
            raise RemoteFileChanged('changed')
        return 'content'

    assert RetryPolicy().read(reading) == 'content'

    def always():
        readings.append(1)
        raise RemoteFileChanged('changed')

    readings.clear()
    with pytest.raises(RemoteFileChanged):
        RetryPolicy().read(always)
    assert len(readings) == 2
