"""Ceilings on disk: read where recordings, draws, comparison and code are the same, and computed again elsewhere."""

import os
import time

import numpy as np
import pytest

from m2m_benchmarks import load_benchmark
from m2m_benchmarks.benchmarks.comparisons.ridge import Ridge
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.scoring import ceiling_store, requests
from m2m_benchmarks.scoring.ceiling_store import kept
from m2m_benchmarks.scoring.score import score
from m2m_benchmarks.storage import StorageError

pytestmark = pytest.mark.seconds
ARRAYS = ('draws', 'per_neuroid', 'per_neuroid_draws')


def fresh(name):
    """Make a benchmark that knows nothing yet."""
    made = load_benchmark(name)
    return AreaBenchmark(made.dataset, made.region, made.comparison)


def computed(benchmark):
    with kept([benchmark]):
        return benchmark.ceiling, benchmark._other_mice, benchmark.known


@pytest.fixture
def no_computing(monkeypatch):
    def refuse(*arguments):
        raise AssertionError('computed again')

    def forbid(comparison):
        for name in ('ceiling', 'further', 'other_mice'):
            monkeypatch.setattr(comparison, name, refuse)

    return forbid


@pytest.mark.parametrize('name', ['SimulatedMouse.VISp-rdm', 'SimulatedMouse.VISp-ridge', 'SimulatedMouse.VISp-cka'])
def test_another_process_reads_what_one_computed(name, m2m_home, no_computing):
    first, other_mice, before = computed(fresh(name))
    again = fresh(name)
    no_computing(again.comparison)
    second, mice_again, after = computed(again)
    assert float(first) == float(second)
    assert mice_again == other_mice
    assert first.attrs['further'] == second.attrs['further']
    assert before['ceiling'].kind == after['ceiling'].kind
    for array in ARRAYS:
        np.testing.assert_array_equal(getattr(before['ceiling'], array), getattr(after['ceiling'], array))


def test_what_determines_them(m2m_home, monkeypatch):
    benchmark = fresh('SimulatedMouse.VISp-rdm')
    computed(benchmark)
    (file,) = ceiling_store.files()
    half = benchmark.recordings.reliability > np.median(benchmark.recordings.reliability)
    others = [
        fresh('SimulatedMouse.VISp-cka'),
        fresh('SimulatedMouse.VISl-rdm'),
        benchmark.restricted_to(half),
        AreaBenchmark('SimulatedMouse', 'VISp', benchmark.comparison, sample=benchmark.sample[::-1]),
    ]
    for number, other in enumerate(others):
        computed(other)
        assert len(ceiling_store.files()) == number + 2
    changed = requests.Library('1', 'other code')
    monkeypatch.setattr(ceiling_store, 'library', lambda: changed)
    computed(fresh('SimulatedMouse.VISp-rdm'))
    assert len(ceiling_store.files()) == len(others) + 2
    assert file in ceiling_store.files()


def test_recordings_without_a_hash_and_own_comparisons_are_not_stored(m2m_home):
    class Own(Ridge):
        pass

    benchmark = fresh('SimulatedMouse.VISp-ridge')
    computed(AreaBenchmark('SimulatedMouse', 'VISp', Own()))
    simulated = benchmark.recordings[np.ones(len(benchmark.recordings.animals), dtype=bool)]
    object.__setattr__(simulated, 'sha256', '')
    computed(AreaBenchmark('SimulatedMouse', 'VISp', benchmark.comparison, selected=simulated))
    assert not ceiling_store.files()


def test_damaged_files_are_computed_anew(m2m_home, capsys):
    first, _, _ = computed(fresh('SimulatedMouse.VISp-rdm'))
    (file,) = ceiling_store.files()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert list(ceiling_store.damaged()) == [file]
    second, _, _ = computed(fresh('SimulatedMouse.VISp-rdm'))
    assert (
        'the stored ceilings of SimulatedMouse.VISp-rdm are damaged; they are computed anew' in capsys.readouterr().err
    )
    assert float(first) == float(second)
    assert not list(ceiling_store.damaged())


def test_a_store_that_cannot_be_written(m2m_home, monkeypatch, capsys):
    monkeypatch.setattr(
        ceiling_store.sealed_arrays, 'write', lambda *arguments: (_ for _ in ()).throw(OSError(28, 'x'))
    )
    assert 0 < float(computed(fresh('SimulatedMouse.VISp-rdm'))[0]) <= 1
    assert 'the ceilings of SimulatedMouse.VISp-rdm are not stored: cannot write ceilings' in capsys.readouterr().err


def test_code_that_changes_meanwhile(m2m_home, monkeypatch, capsys):
    def changed():
        raise StorageError('the code of M2M was changed while this ran. Run it again.')

    monkeypatch.setattr(ceiling_store, 'check_library', changed)
    computed(fresh('SimulatedMouse.VISp-rdm'))
    assert not ceiling_store.files()
    assert 'was changed' in capsys.readouterr().err


def test_old_files_are_removed(m2m_home):
    computed(fresh('SimulatedMouse.VISp-rdm'))
    (old,) = ceiling_store.files()
    other = old.with_name('notes.txt')
    other.write_text("the user's")
    os.utime(old, (0, time.time() - 40 * 86_400))
    computed(fresh('SimulatedMouse.VISl-rdm'))
    assert old not in ceiling_store.files()
    assert len(ceiling_store.files()) == 1
    assert ceiling_store.clear() > 0
    assert not ceiling_store.files()
    assert other.is_file()


def test_scores_are_the_same(m2m_home):
    """A score with ceilings from disk equals one that computes them."""
    results = [score('pixels_64', 'SimulatedMouse.VISp-rdm', fresh=True) for _ in range(2)]
    assert ceiling_store.files()
    documents = [{**result.attrs['result'], 'seconds': 0, 'created': '', 'peak_memory_mb': 0} for result in results]
    assert documents[0] == documents[1]
