"""The retry policy: which requests it repeats, and the longest time they take."""

import socket
import time

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
from m2m_benchmarks.testing import Clock, file_server

pytestmark = pytest.mark.network


@pytest.fixture
def site(site):
    site.files['/file'] = bytes(5000)
    return site


@pytest.fixture
def clock(site):
    clock = Clock()
    site.sleep = clock.sleep
    return clock


def test_the_longest_time_is_a_number():
    """Four attempts of 2 x 30 s for headers and 2 x 30 s for content, and three waits of a minute."""
    assert RetryPolicy().longest_s() == 4 * 120 + 3 * 60
    assert RetryPolicy(tries=1).longest_s() == 120
    assert RetryPolicy(tries=2, timeout_s=1).longest_s(n_mirrors=3, n_requests=5) == 3 * (2 * 5 * 4 + 60)
    # The wait doubles: from the seventh on it is longer than a server may ask for.
    assert RetryPolicy(tries=9, timeout_s=0).longest_s() == 6 * 60 + 64 + 128


@pytest.mark.parametrize('what', ['headers', 'body'])
@pytest.mark.parametrize('n_mirrors', [1, 2])
@pytest.mark.several
def test_a_server_that_stalls_takes_no_longer(site, clock, tmp_path, what, n_mirrors):
    site.faulty['/file'] = file_server.drip(what)
    retry = RetryPolicy(sleep=clock.wait, clock=clock)
    with pytest.raises(ServerUnreachable):
        download([f'{site.address}/file?{number}' for number in range(n_mirrors)], tmp_path / 'file', retry=retry)
    # The longest time, but for the waits: a server could ask for a minute each, and this one does not.
    waits = n_mirrors * (1 + 2 + 4)
    assert sum(clock.slept) == waits
    n_tries = n_mirrors * retry.tries
    longest_s = retry.longest_s(n_mirrors) - n_mirrors * 3 * 60 + waits
    # At either end of an attempt the server is ahead of its client by at most one byte, which takes 5 s.
    assert 0.2 * longest_s < clock() <= longest_s + n_tries * 2 * 5


def test_a_silent_server(site, tmp_path):
    """Only the operating system notices silence, after the policy's timeout."""
    site.faulty['/file'] = file_server.silent
    retry = RetryPolicy(tries=3, timeout_s=0.1, sleep=float)
    with pytest.raises(ServerUnreachable, match='timed out'):
        download([f'{site.address}/file'], tmp_path / 'file', retry=retry)
    assert len(site.requests) == 3


def test_a_request_with_a_limit_takes_no_longer_than_it(site, clock):
    site.faulty['/file'] = file_server.drip('headers')
    retry = RetryPolicy(tries=1000, limit_s=100, sleep=clock.wait, clock=clock)
    with pytest.raises(ServerUnreachable):
        RemoteFile([f'{site.address}/file'], retry=retry)
    assert 60 < clock() <= 100 + 4 * 5


def test_a_host_that_does_not_answer_has_no_more_time_than_is_left():
    """A connection ends with the time of its request, even if its own timeout is longer."""
    with socket.socket() as full:
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for connection in waiting:  # until the server neither accepts nor refuses more
                connection.setblocking(False)
                connection.connect_ex(address)
            retry = RetryPolicy(tries=1, timeout_s=600, limit_s=0.5, sleep=float)
            begin = time.monotonic()
            with pytest.raises(ServerUnreachable):
                RemoteFile([f'http://127.0.0.1:{address[1]}/file'], retry=retry)
            assert time.monotonic() - begin < 300  # the operating system's time-out, however slow this machine is
        finally:
            for connection in waiting:
                connection.close()


def failing(*reasons):
    """Make an attempt that fails for each reason in turn, and then returns 7."""
    remaining = list(reasons)

    def attempt(url, end):
        if remaining:
            raise remaining.pop(0)
        return 7

    return attempt


def test_which_failures_are_retried():
    slept = []
    retry = RetryPolicy(sleep=slept.append)
    passing = [RequestFailed('busy', retryable=True) for _ in range(3)]
    assert retry.run(['a'], failing(*passing)) == 7
    assert slept == [1, 2, 4]
    slept.clear()
    assert retry.run(['a'], failing(RequestFailed('busy', retryable=True, wait_s=50))) == 7
    assert slept == [50]
    # The next mirror is tried at once.
    assert retry.run(['a', 'b'], failing(RequestFailed('no', retryable=False))) == 7
    assert retry.run(['a', 'b'], failing(FileUnusable('of no use'))) == 7
    assert slept == [50]


def test_attempts_that_make_progress_do_not_count():
    transferred = [0]

    def attempt(url, end):
        transferred[0] += 2**20
        if transferred[0] < 20 * 2**20:
            raise RequestFailed('lost', retryable=True)
        return 'whole'

    assert RetryPolicy(tries=2, sleep=float).run(['a'], attempt, progress=lambda: transferred[0]) == 'whole'


def test_messages_when_all_attempts_fail():
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


def test_another_error_ends_the_attempts():
    """A file that changed is read again from its start, not from another mirror."""
    tried = []

    def attempt(url, end):
        tried.append(url)
        raise RemoteFileChanged('changed')

    with pytest.raises(RemoteFileChanged):
        RetryPolicy().run(['a', 'b'], attempt)
    assert tried == ['a']


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
