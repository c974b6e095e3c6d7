"""Images of 2-photon sessions that the server lacks: which sessions are read, and for how long."""

import hashlib

import allen_ophys_nwb as nwb
import h5py
import numpy as np
import pandas as pd
import pytest

from m2m_benchmarks.acquisition.allen.ophys.extraction import SOME_SCENES
from m2m_benchmarks.acquisition.allen.ophys.scenes import shown_scenes
from m2m_benchmarks.acquisition.allen.ophys.settings import OphysSettings
from m2m_benchmarks.acquisition.allen.ophys.survey import DeVries2020
from m2m_benchmarks.acquisition.allen.scenes import lock_scenes, scene_urls
from m2m_benchmarks.acquisition.allen.sessions import AllenSession
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.acquisition.pipeline.session_file import write_session
from m2m_benchmarks.acquisition.pipeline.tasks import ExtractionTask
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.net.retry import RetryPolicy
from m2m_benchmarks.progress import silent
from m2m_benchmarks.testing import Clock, file_server

pytestmark = pytest.mark.network

NUMBERS = range(1, 9)


@pytest.fixture(scope='module')
def session(tmp_path_factory):
    """A session's file and its images."""
    path = nwb.write_nwb(tmp_path_factory.mktemp('session') / 'session.nwb').path
    with h5py.File(path) as file:
        return path.read_bytes(), file[nwb.TEMPLATES][()].astype(np.uint8)


@pytest.fixture
def site(site, session):
    """A server with the sessions and without image files."""
    site.files = {f'/{number}': session[0] for number in NUMBERS}
    return site


@pytest.fixture
def read(site, session, tmp_path):
    """The function read(): the images of the sessions, all of which have been extracted; its policy is `read.retry`."""
    clock = Clock()
    site.sleep = clock.sleep
    retry = RetryPolicy(sleep=clock.wait, clock=clock)
    hashes = [''] * 118
    for number in SOME_SCENES:
        hashes[number] = hashlib.sha256(session[1][number].tobytes()).hexdigest()
    tasks, extracted = {}, {}
    for number in NUMBERS:
        listed = AllenSession(
            id=number,
            urls=(f'{site.address}/{number}',),
            areas=('VISp',),
            session_type='three_session_B',
            container=number,
            animal='1',
            cre_line='none',
            depth_um=175,
        )
        tasks[str(number)] = ExtractionTask(DeVries2020(), listed, OphysSettings(), tmp_path, True, retry=retry)
        none = np.zeros((2, 118, 0), np.float32)
        responses = SessionResponses(str(number), none, pd.DataFrame(), (0, 500), {}, hashes)
        extracted[str(number)] = write_session(tmp_path / 'sessions', responses, '')

    def run():
        return shown_scenes(tmp_path / 'scenes', scene_urls(site.address), extracted, tasks, silent, retry)

    run.retry = retry
    return run


def requested(site):
    return list(dict.fromkeys(request['path'] for request in site.requests if len(request['path']) < 5))


@pytest.mark.parametrize('fault', [file_server.drip('headers'), file_server.drip('body')])
@pytest.mark.slow
def test_unreachable_sessions_end_the_search(site, read, fault):
    site.faulty = dict.fromkeys(site.files, fault)
    with pytest.raises(DataError, match=r'cannot be read from 3 of 8 sessions\. 1: .* Check the connection'):
        read()
    assert requested(site) == ['/1', '/2', '/3']
    # Each takes the limit of a request; at either end the server is ahead of its client by at most one byte of 5 s.
    assert read.retry.clock() <= 3 * (read.retry.limit_s + read.retry.tries * 2 * 5)


def test_unreadable_sessions_are_skipped(site, read, session):
    for number in (1, 2, 4, 5):
        site.faulty[f'/{number}'] = file_server.hang_up
    for number in (3, 6):
        site.files[f'/{number}'] = b'no recording'
    paths, moved = read()
    assert requested(site) == [f'/{number}' for number in range(1, 8)]
    assert len(paths) == 118
    assert moved > 0


def test_what_a_killed_fetch_left_of_scenes(tmp_path):
    for name in ('scene_001.tiff', 'scene_001.tiff.part.from', 'scene_002.tiff.part', 'scene_002.tiff.part.from'):
        (tmp_path / name).write_text('left')
    with lock_scenes(tmp_path):
        pass
    kept = {path.name for path in tmp_path.iterdir()} - {'.lock'}
    assert kept == {'scene_001.tiff', 'scene_002.tiff.part', 'scene_002.tiff.part.from'}  # which can be resumed
