"""Session files are complete or ignored, even if they are damaged or their writing is interrupted."""

import errno
import json
import os
import runpy
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from m2m_benchmarks.acquisition.allen.ecephys.settings import EcephysSettings
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.acquisition.pipeline.session_file import (
    extracted_sessions,
    fingerprint,
    read_session,
    remove_leftovers,
    write_session,
)
from m2m_benchmarks.data.courses import Courses
from m2m_benchmarks.errors import DataError, StorageError
from m2m_benchmarks.testing import Call

SETTINGS = fingerprint(EcephysSettings())


def responses(session='715093703', n_neuroids=3, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, 118, n_neuroids)).astype(np.float32)
    values[3, 7] = np.nan
    neuroids = pd.DataFrame(
        {
            'neuroid_id': [f'{session}{i}' for i in range(n_neuroids)],
            'region': 'VISp',
            'animal': '7',
            'session': session,
            'depth_um': np.linspace(0.1, 1, n_neuroids),
            'channel': np.arange(n_neuroids),
            'is odd/even': np.arange(n_neuroids) % 2 == 0,
            'läyer': [None, '2/3', 'VI'][:n_neuroids],
            'empty': np.nan,
        }
    )
    return SessionResponses(session, values, neuroids, (65, 254.5), {'n_masked': 3}, [f'{i:064x}' for i in range(118)])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip(tmp_path):
    written = responses()
    path = write_session(tmp_path / 'new' / 'folder', written, SETTINGS)
    assert path == tmp_path / 'new' / 'folder' / '715093703.npz'
    assert files(path.parent) == ['715093703.npz']
    stored = read_session(path)
    np.testing.assert_array_equal(stored.responses, written.responses)
    assert stored.responses.dtype == np.float32
    expected = written.neuroids.assign(läyer=['', '2/3', 'VI'])  # a missing text is an empty one
    pd.testing.assert_frame_equal(stored.neuroids, expected)
    for field in ('session', 'window_ms', 'counts', 'images_sha256'):
        assert getattr(stored, field) == getattr(written, field)
    with np.load(path, allow_pickle=False) as file:
        assert {'responses', 'about', 'sha256'} <= set(file.files)
        # The key of the image hashes in files of every version.
        assert json.loads(str(file['about']))['scenes_sha256'] == written.images_sha256


def test_time_courses(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 9)).astype(np.float32)
    path = write_session(tmp_path, replace(responses(), courses=Courses(values, 4)), SETTINGS)
    stored = read_session(path)
    np.testing.assert_array_equal(stored.courses.values, values)
    assert stored.courses.before == 4
    assert read_session(write_session(tmp_path, responses(), SETTINGS)).courses is None


def test_no_neuroids_and_no_images(tmp_path):
    written = replace(responses(n_neuroids=0), images_sha256=[])
    stored = read_session(write_session(tmp_path, written, SETTINGS))
    assert stored.responses.shape == (4, 118, 0)
    assert list(stored.neuroids) == list(written.neuroids)
    assert stored.images_sha256 == []


def test_same_content_same_bytes(tmp_path, monkeypatch):
    first = write_session(tmp_path / 'a', responses(), SETTINGS).read_bytes()
    later = time.time() + 3600  # a zip archive can have the times of its members
    monkeypatch.setattr(time, 'time', lambda: later)
    assert write_session(tmp_path / 'b', responses(), SETTINGS).read_bytes() == first


def test_only_files_with_the_same_settings_count(tmp_path):
    assert extracted_sessions(tmp_path / 'nowhere', SETTINGS) == {}
    others = fingerprint(EcephysSettings(window_ms=(0, 250)))
    assert others != SETTINGS
    for session in ('30', '4', '100'):
        write_session(tmp_path, responses(session), SETTINGS)
    write_session(tmp_path, responses('5'), others)
    (tmp_path / 'renamed.npz').write_bytes((tmp_path / '4.npz').read_bytes())
    (tmp_path / 'notes.txt').write_text('not a session')
    assert extracted_sessions(tmp_path, SETTINGS) == {name: tmp_path / f'{name}.npz' for name in ('100', '30', '4')}
    assert extracted_sessions(tmp_path, others) == {'5': tmp_path / '5.npz'}
    write_session(tmp_path, responses('5'), SETTINGS)  # replaces it
    assert set(extracted_sessions(tmp_path, SETTINGS)) == {'100', '30', '4', '5'}


def test_fingerprints():
    @dataclass(frozen=True)
    class Other:
        window_ms: tuple = (65, 255)

    assert fingerprint(EcephysSettings()) == fingerprint(EcephysSettings(window_ms=(65, 255)))
    assert fingerprint(EcephysSettings()) != fingerprint(EcephysSettings(amplitude_cutoff=None))
    assert fingerprint(Other()) != SETTINGS


@pytest.mark.seconds
def test_damage_anywhere(tmp_path):
    path = write_session(tmp_path, responses(), SETTINGS)
    whole = path.read_bytes()
    expected = read_session(path)
    rng = np.random.default_rng(0)
    n_refused = 0
    for place in rng.integers(0, len(whole), 300):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << rng.integers(8)]) + whole[place + 1 :])
        try:
            session = read_session(path)
        except DataError as error:
            assert '\n' not in str(error)
            assert extracted_sessions(tmp_path, SETTINGS) == {}
            n_refused += 1
        else:  # it hit something unused, such as a date
            np.testing.assert_array_equal(session.responses, expected.responses)
            pd.testing.assert_frame_equal(session.neuroids, expected.neuroids)
    assert n_refused > 280


@pytest.mark.parametrize('kept', [0, 1, 100, 0.5, -1])
def test_cut_short(tmp_path, kept):
    path = write_session(tmp_path, responses(), SETTINGS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match='extract the session again'):
        read_session(path)
    assert extracted_sessions(tmp_path, SETTINGS) == {}
    write_session(tmp_path, responses(), SETTINGS)
    assert set(extracted_sessions(tmp_path, SETTINGS)) == {'715093703'}


def test_content_that_was_exchanged(tmp_path):
    path = write_session(tmp_path, responses(), SETTINGS)
    with np.load(path) as file:
        arrays = dict(file)
    arrays['responses'][0, 0, 0] += 1
    with path.open('wb') as content:
        np.savez(content, **arrays)
    with pytest.raises(DataError, match='its content does not have its SHA-256'):
        read_session(path)


def test_other_files(tmp_path):
    (tmp_path / 'folder.npz').mkdir()
    np.savez(tmp_path / 'other.npz', a=np.arange(3))
    np.save(tmp_path / 'array.npy', np.arange(3))
    (tmp_path / 'array.npy').rename(tmp_path / 'array.npz')
    np.savez(tmp_path / 'objects.npz', sha256=np.array([{}], dtype=object))
    for path in (*tmp_path.iterdir(), tmp_path / 'missing.npz'):
        with pytest.raises(DataError):
            read_session(path)
    assert extracted_sessions(tmp_path, SETTINGS) == {}


@pytest.mark.parametrize('session', ['', '../up', 'a/b', '.hidden', 'a b', 'é'])
def test_names_that_cannot_be_files(tmp_path, session):
    with pytest.raises(DataError, match='a session cannot be called'):
        write_session(tmp_path, responses(session), SETTINGS)
    assert files(tmp_path) == []


@pytest.mark.parametrize('step', ['write', 'fsync', 'replace', 'open'])
def test_a_full_disk(tmp_path, monkeypatch, step):
    write_session(tmp_path, responses(seed=1), SETTINGS)
    earlier = (tmp_path / '715093703.npz').read_bytes()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, 'No space left on device')

    targets = {'write': (np, 'savez'), 'fsync': (os, 'fsync'), 'replace': (os, 'replace'), 'open': (Path, 'open')}
    with monkeypatch.context() as patch:
        patch.setattr(*targets[step], full)
        with pytest.raises(StorageError, match=r'No space left on device .*Nothing was changed'):
            write_session(tmp_path, responses(seed=2), SETTINGS)
    assert files(tmp_path) == ['715093703.npz']
    assert (tmp_path / '715093703.npz').read_bytes() == earlier


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StorageError, match='cannot write to'):
        write_session(tmp_path / 'file', responses(), SETTINGS)


#: Writes sessions 0, 1, 2, … to `folder`, a global variable, and prints each when it is written.
WRITER = """
from pathlib import Path
import numpy as np
import pandas as pd
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.acquisition.pipeline.session_file import write_session
values = np.zeros((50, 118, 200), dtype=np.float32)
for i in range(10_000):
    ids = [f'{i}_{n}' for n in range(200)]
    neuroids = pd.DataFrame({'neuroid_id': ids, 'region': 'VISp', 'animal': '7', 'session': str(i)})
    write_session(Path(folder), SessionResponses(str(i), values, neuroids, (0, 250), {}, []), 'mine')
    print(i, flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize('number', range(4))
@pytest.mark.several
def test_kill_at_any_time(tmp_path, number):
    script, folder = tmp_path / 'writer.py', tmp_path / 'sessions'
    script.write_text(WRITER)
    process = Call(runpy.run_path, str(script), {'folder': str(folder)})
    while len(list(folder.glob('[0-9]*.npz'))) < 3:
        assert process.returncode is None
        time.sleep(0.001)
    if number:
        time.sleep(0.01 * number**2)
    else:  # while a file is written
        while not list(folder.glob('.*.npz.*')):
            time.sleep(0.0001)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    said = out.split()
    assert process.returncode == -signal.SIGKILL
    assert len(said) >= 2  # of three
    whole = extracted_sessions(folder, 'mine')
    # All printed sessions exist, and at most one more, which it had no time to print.
    assert set(said) <= set(whole)
    assert len(whole) <= len(said) + 1
    assert all(read_session(path).responses.shape == (50, 118, 200) for path in whole.values())
    remove_leftovers(folder)
    assert set(files(folder)) == {f'{name}.npz' for name in whole}


def test_only_leftovers_are_removed(tmp_path):
    write_session(tmp_path, responses(), SETTINGS)
    (tmp_path / '.lock').write_text('')
    (tmp_path / '.715093703.npz.abcdefgh').write_bytes(b'half')
    remove_leftovers(tmp_path)
    assert files(tmp_path) == ['.lock', '715093703.npz']
    remove_leftovers(tmp_path / 'nowhere')
