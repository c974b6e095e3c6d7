"""Damage of each kind of stored file, and what the code that reads it does.

    python perf/damage.py

For each kind, 50 copies with one flipped bit and 30 that are cut short are read (--flips, --cuts, --seed). A copy is
noticed (a message, or it is fetched again with one), or harmless (the same content is read). Exits with 1 if one is
silent (other content, without a message) or ends in a traceback.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from m2m_benchmarks.acquisition.archive import export_archive, import_archive
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.acquisition.pipeline.responses import SessionResponses
from m2m_benchmarks.acquisition.pipeline.session_file import extracted_sessions, read_session, write_session
from m2m_benchmarks.data import atomic, manifest
from m2m_benchmarks.data import store as store_of_data
from m2m_benchmarks.data.digits.domains import load_digits, write_domain
from m2m_benchmarks.data.digits.images import standardize
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.net.notes import is_intact, note_path, usable, write_note
from m2m_benchmarks.records import exchange, store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring import activation_store, runs
from m2m_benchmarks.storage import home
from m2m_benchmarks.testing import damaged, write_bundle


def results():
    """The file of all results: its rows, the answers of each request, and the draws of each row."""
    stored = [Result(f'model {i}', 'b', i / 7, '2026', request=f'key {i}', commitment='x' * 900) for i in range(20)]
    rng = np.random.default_rng(0)
    store.add(stored, {result.uid: {'score': rng.normal(size=(3, 200))} for result in stored})
    with store._connection():
        store._database.execute_sql('pragma wal_checkpoint(truncate)')

    def read():
        rows = [*store.results(), *(result for i in range(20) for result in store.answers(request=f'key {i}'))]
        draws = [store.draws(result.uid) for result in stored]
        return [*rows, *(arrays['score'].tobytes() if arrays else None for arrays in draws)]

    yield 'results.sqlite', store.path(), read
    exchange.write(stored, home() / 'ours.json')
    yield 'results export .json', home() / 'ours.json', lambda: exchange.read(home() / 'ours.json')


def digits():
    """A dataset: its manifest, and a file."""
    labels = np.arange(10) % 10
    images = np.random.default_rng(0).integers(256, size=(10, 32, 32), dtype=np.uint8)
    made = standardize(images, labels, None, 'digits')
    with atomic.write_lock('Mine2026'):
        entry = write_domain('Mine2026', {'test': made}, {'test': {'made_by': 'perf/damage.py'}})

    def read():
        loaded = load_digits('Mine2026', 'test')
        return manifest.require('Mine2026'), loaded.images.tobytes(), loaded.labels.tobytes()

    yield 'dataset: manifest', manifest.manifest_path('Mine2026'), read
    for file in manifest.files(entry)[:2]:
        yield f'dataset: {file["file"]}', manifest.path_of('Mine2026', entry, file), read


def recordings():
    """Recordings: the assembly, a stimulus, and the archive of both."""
    bundle = write_bundle(home() / 'bundle', n_images=12, n_units=20)
    entry = import_bundle('Lab2026', *bundle.paths)

    def read():
        store_of_data._assembly.cache_clear()  # as in another process
        assembly = store_of_data.load_assembly('Lab2026')
        stimuli = store_of_data.load_stimuli('Lab2026')
        images = [Path(stimuli.get_stimulus(stimulus)).read_bytes() for stimulus in stimuli['stimulus_id']]
        return assembly.values.tobytes(), images

    for name, file in (('assembly.nc', entry['assembly']), ('stimulus .png', entry['stimuli'][0])):
        yield f'dataset: {name}', manifest.path_of('Lab2026', entry, file), read
    archive = home() / 'lab.zip'
    export_archive('Lab2026', archive)

    def unpack():
        import_archive(archive, replace=True)
        return read()

    yield 'archive of a dataset', archive, unpack


def activations():
    """Stored responses of a layer."""
    rng = np.random.default_rng(2)
    key = {'layer': 'layer4', 'weights_sha256': 'a' * 64}
    entry = activation_store.Entry(key, rng.random((118, 119)), rng.random((5, 256)), {'model': 'm'})
    activation_store.folder().mkdir()
    activation_store.write([entry])

    def read():
        try:
            stored = activation_store.read(key)
        except activation_store.DamagedFileError as error:
            raise M2MError(str(error)) from error
        return stored.responses.tobytes(), stored.summaries.tobytes(), stored.about

    yield 'activations', activation_store.path_of(key), read


def run():
    """A training run: its checkpoint, and the files of a finished one."""
    folder = runs.runs_folder() / 'mine'
    folder.mkdir(parents=True)
    import torch

    content = io.BytesIO()
    torch.save({'state_dict': {'w': torch.arange(4000.0)}}, content)
    checkpoint = folder / runs.CHECKPOINT
    checkpoint.write_bytes(runs.sealed(content.getvalue()))

    def resume():
        if runs.checkpoint_state(checkpoint) != 'damaged':
            return torch.load(checkpoint, weights_only=True)['state_dict']['w'].tolist()
        raise M2MError('damaged')

    yield 'checkpoint.ckpt', checkpoint, resume
    runs.write_config(folder, {'model': 'm', 'dataset': 'd', 'seed': 0})
    data = {'name': 'd', 'classes': ['0'], 'sha256': 'a'}
    runs.write_run(folder, {'w': torch.arange(4000.0)}, [{'step': 1}], {'steps': 1}, data, {})
    for name in (runs.WEIGHTS, runs.RESULT, runs.CONFIG, runs.METRICS):
        yield f'run: {name}', folder / name, lambda: runs.read_run(folder)


def downloads():
    """What a fetch keeps: scenes, tables, whole files, notes and session files."""
    folder = home() / 'downloads'
    folder.mkdir()
    for name in ('scene_000.tiff', 'sessions.csv', '1_events.npz', '1.nwb'):
        path = folder / name
        path.write_bytes(np.random.default_rng(1).bytes(5000))
        write_note(path, etag='"1"')
        check = is_intact if path.suffix == '.nwb' else usable

        def read(path=path, check=check):
            if not check(path):
                raise M2MError('fetched again')
            return path.read_bytes()

        yield f'download: {name}', path, read
    whole = path.read_bytes()

    def with_note():
        path.write_bytes(whole)  # it is removed when its note is damaged
        return read()

    yield 'download: note', note_path(path), with_note
    neuroids = pd.DataFrame({'neuroid_id': list('abc'), 'region': 'VISp', 'animal': '1', 'session': '7'})
    responses = np.random.default_rng(0).random((2, 118, 3), dtype=np.float32)
    folder = folder / 'sessions'
    path = write_session(folder, SessionResponses('7', responses, neuroids, (0.0, 1.0), {}, []), 'settings')

    def session():
        if path not in extracted_sessions(folder, 'settings').values():
            raise M2MError('extracted again')
        return read_session(path).responses.tobytes()

    yield 'download: session 7.npz', path, session


def outcome(read, whole):
    """What reading does: 'noticed', 'harmless', 'SILENT' or 'TRACEBACK'."""
    noted = io.StringIO()
    store._note.cache_clear()  # a note is printed once per process, and each copy is read as by a new one
    try:
        with contextlib.redirect_stderr(noted):
            same = read() == whole
    except M2MError:
        return 'noticed'
    except Exception as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return 'TRACEBACK'
    return 'noticed' if noted.getvalue() else 'harmless' if same else 'SILENT'


def main():
    """Print a row per kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--flips', type=int, default=50)
    parser.add_argument('--cuts', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()
    columns = ('noticed', 'harmless', 'SILENT', 'TRACEBACK')
    print(f'{"kind":<28}', *(f'{column:>10}' for column in columns))
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ['M2M_HOME'] = folder
        for make in (results, digits, recordings, activations, run, downloads):
            for kind, path, read in make():
                content, whole = path.read_bytes(), read()
                counts: Counter[str] = Counter()
                for _, copy in damaged(content, arguments.flips, arguments.cuts, arguments.seed):
                    for old in path.parent.glob(f'{path.name}-*'):  # SQLite's log
                        old.unlink()
                    path.write_bytes(copy)
                    counts[outcome(read, whole)] += 1
                path.write_bytes(content)
                bad += counts['SILENT'] + counts['TRACEBACK']
                print(f'{kind:<28}', *(f'{counts[column]:>10}' for column in columns), flush=True)
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
