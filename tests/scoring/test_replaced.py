"""Scores of datasets that are replaced at any moment: each is stored with the hashes of the data that it is of."""

import fcntl
import os

import pytest

from m2m_benchmarks import load_benchmark, score
from m2m_benchmarks.acquisition.importing import import_bundle
from m2m_benchmarks.analysis import compare
from m2m_benchmarks.data import manifest, versions
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import store
from m2m_benchmarks.scoring import candidates, requests
from m2m_benchmarks.scoring.several import score_several
from m2m_benchmarks.scoring.specs import CandidateSpec
from m2m_benchmarks.testing import write_patterns

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

NEURAL, DIGITS = 'Lab2026.VISal-ridge', 'Qazi2025.MNIST.SVHN-readout_accuracy'
PIXELS, SMALL = CandidateSpec('pixels_64'), 'plain_digitnet'


@pytest.fixture(scope='module')
def bundles(tmp_path_factory, make_bundle):
    folder = tmp_path_factory.mktemp('bundles')
    return [make_bundle(folder / str(seed), n_images=12, n_units=25 + seed, seed=seed) for seed in range(2)]


@pytest.fixture
def put(m2m_home, bundles):
    """Return put(benchmark, 0) or put(benchmark, 1), which replaces the data of the benchmark."""

    def run(benchmark, number):
        if benchmark == NEURAL:
            import_bundle('Lab2026', *bundles[number].paths, replace=True)
        else:
            write_patterns('MNIST', 60, 30, number, noise=300)
            if 'SVHN' not in manifest.names():
                write_patterns('SVHN', 60, 30, 2, noise=300)

    return run


def fresh(benchmark):
    (result,) = score_several([PIXELS], [benchmark], fresh=True)
    return result


def facts(result):
    number = result.score if result.raw is None else result.raw  # digits have no raw value
    return result.data_sha256, result.stimuli_sha256, number, result.n_neuroids


@pytest.mark.parametrize('benchmark', [NEURAL, DIGITS])
@pytest.mark.parametrize('locks', [True, False])
@pytest.mark.several
def test_replaced_at_any_moment(put, monkeypatch, benchmark, locks, request):
    """Replace the data when its manifest is read for the first time, for the second time, and so on."""
    alone = []
    for number in range(2):
        put(benchmark, number)
        alone.append(facts(fresh(benchmark)))
    assert len({score for _, _, score, _ in alone}) == 2
    request.getfixturevalue('others')
    if not locks:
        monkeypatch.setattr(versions, 'fcntl', None)
    real, left = manifest.read, 0

    def replacing(name):
        nonlocal left
        entry = real(name)
        left -= 1
        if left == 0:
            put(benchmark, 1)
        return entry

    monkeypatch.setattr(manifest, 'read', replacing)
    outcomes = []
    for number in range(1, 100):
        left = 0
        put(benchmark, 0)
        left = number
        try:
            outcomes.append(alone.index(facts(fresh(benchmark))))
        except DataError as error:
            assert not locks, number
            assert ' was replaced while it was read. Run this again.' in str(error)
            outcomes.append(None)
        ended, left = left > 0, 0
        # A request is answered only by scores of the data that are here.
        key = requests.key('pixels_64', 'default', 0, benchmark, None)
        answer = requests.answer(key)
        assert answer is None or facts(answer) == alone[0 if ended else 1], number
        if ended:
            break
    # The new version up to some moment, then the old one.
    assert outcomes[0] == 1
    assert outcomes[-1] == 0
    assert {facts(result) for result in store.results()} == set(alone)


@pytest.mark.parametrize('benchmark', [NEURAL, DIGITS])
@pytest.mark.parametrize('how', ['replaced', 'removed'])
@pytest.mark.parametrize('way', ['Windows', 'a disk without locks', 'a folder of another user'])
def test_a_reader_that_comes_too_late(m2m, put, monkeypatch, others, benchmark, how, way):
    """Where a version can't be held."""

    def refuse(*arguments):
        raise OSError(45, 'not supported')

    put(benchmark, 0)
    with monkeypatch.context() as patch:
        if way == 'Windows':
            patch.setattr(versions, 'fcntl', None)
        elif way == 'a disk without locks':
            patch.setattr(fcntl, 'flock', refuse)
        else:
            patch.setattr(versions, '_open', lambda *arguments: None)
        loaded = load_benchmark(benchmark)
    if how == 'replaced':
        put(benchmark, 1)
    else:
        assert m2m('data', 'remove', loaded.versions[0].name).code == 0
    with pytest.raises(DataError) as raised:
        score('pixels_64', loaded)
    assert str(raised.value) == f'{loaded.versions[0].name} was {how} while it was read. Run this again.'


@pytest.mark.parametrize('command', ['score', 'compare'])
def test_candidates_of_a_command_are_scored_on_the_same_data(put, others, monkeypatch, command):
    put(NEURAL, 0)
    module = {'score': candidates, 'compare': compare}[command]
    real, loaded = module.load_candidate, []

    def replacing(name, **options):
        loaded.append(name)
        if len(loaded) == 2:
            put(NEURAL, 1)
        return real(name, **options)

    monkeypatch.setattr(module, 'load_candidate', replacing)
    if command == 'score':
        results = [result.document() for result in score_several([PIXELS, CandidateSpec(SMALL, 'none')], [NEURAL])]
    else:
        (comparison,) = compare.compare(['pixels_64', f'{SMALL}@none'], [NEURAL], seeds=[0])
        results = [candidate.results[0] for candidate in comparison.candidates]
    assert len(loaded) == 2
    assert len({result['data_sha256'] for result in results}) == 1
    assert manifest.require('Lab2026')['assembly']['sha256'] != results[0]['data_sha256']


@pytest.mark.parametrize('keeps_time', [True, False])
def test_an_image_that_is_altered_after_it_was_loaded(put, keeps_time):
    put(NEURAL, 0)
    benchmark = load_benchmark(NEURAL)
    entry = manifest.require('Lab2026')
    first, second = (manifest.path_of('Lab2026', entry, file) for file in entry['stimuli'][:2])
    content, status = first.read_bytes(), first.stat()
    first.write_bytes(second.read_bytes())
    if keeps_time:
        os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DataError, match='is damaged'):
        score('pixels_64', benchmark)
    assert store.results() == []
    first.write_bytes(content)
    assert score('pixels_64', benchmark).attrs['result']['stimuli_sha256'] == manifest.stimuli_sha256(entry)
