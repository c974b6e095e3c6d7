"""Several candidates on several benchmarks, and scores taken from the stored results."""

import dataclasses
import errno
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
import torchvision

from m2m_benchmarks import load_benchmark, load_stimulus_set, score
from m2m_benchmarks.arrays.backend import VARIABLE, set_backend
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import BenchmarkError, ModelError, StorageError, UnknownNameError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring import activation_store, candidates, requests, several
from m2m_benchmarks.scoring.several import score_several
from m2m_benchmarks.scoring.specs import CandidateSpec
from m2m_benchmarks.testing import SmallNetwork

pytestmark = [pytest.mark.seconds, pytest.mark.usefixtures('few_draws')]

BENCHMARK = 'SimulatedMouse.VISp-rdm'
#: A network that takes a moment.
SMALL = 'plain_squeezenet1_1_at32'
PIXELS = CandidateSpec('pixels_64')


@pytest.fixture(autouse=True)
def home(m2m_home):
    load_stimulus_set('SimulatedMouse')
    return m2m_home


def scored(*specs, benchmarks=(BENCHMARK,), **options):
    return list(score_several(specs, benchmarks, **options))


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError('a candidate is loaded')

    monkeypatch.setattr(candidates, 'load_candidate', refuse)


def test_a_repeated_score_is_answered(request):
    first = scored(PIXELS, CandidateSpec(SMALL, 'none'), benchmarks=[BENCHMARK, 'SimulatedMouse.VISl-ridge'])
    assert [result.model for result in first] == ['pixels_64', 'pixels_64', SMALL, SMALL]
    assert store.results() == first
    request.getfixturevalue('nothing_is_loaded')
    again = scored(PIXELS, CandidateSpec(SMALL, 'none'), benchmarks=['SimulatedMouse.VISl-ridge', BENCHMARK])
    assert again == [first[1], first[0], first[3], first[2]]
    assert store.results() == first


@pytest.mark.slow
def test_scores_from_python_and_on_new_data_are_answered_too(m2m_home, monkeypatch, request):
    """The first score of a home makes the simulated data; one from Python has no request."""
    monkeypatch.setenv('M2M_HOME', str(m2m_home / 'new'))
    (first,) = scored(PIXELS)
    assert first.request is not None
    other = score(SMALL, BENCHMARK, weights='none').attrs['result']
    assert scored(CandidateSpec(SMALL, 'none'))[0].uid == Result.from_document(other).uid
    assert len(store.results()) == 2
    request.getfixturevalue('nothing_is_loaded')
    assert scored(PIXELS, CandidateSpec(SMALL, 'none')) == store.results()


@pytest.mark.slow
def test_some_neuroids_are_other_data():
    whole = load_benchmark(BENCHMARK)
    half = whole.restricted_to(np.arange(len(whole.recordings.animals)) % 2 == 0)
    documents = [score('pixels_64', benchmark).attrs['result'] for benchmark in (whole, half, whole, half)]
    assert documents[:2] == documents[2:]
    assert documents[0]['data_sha256'] != documents[1]['data_sha256']
    assert documents[0]['n_neuroids'] > documents[1]['n_neuroids']


@pytest.mark.slow
def test_what_is_missing_is_computed(monkeypatch):
    (first,) = scored(PIXELS)
    computed = []
    real = several._compute
    monkeypatch.setattr(several, '_compute', lambda *arguments: computed.append(arguments[2]) or real(*arguments))
    results = scored(PIXELS, benchmarks=['SimulatedMouse.VISl-rdm', BENCHMARK, 'SimulatedMouse.VISl-ridge'])
    assert computed == [['SimulatedMouse.VISl-rdm', 'SimulatedMouse.VISl-ridge']]
    assert results[1] == first
    assert [result.benchmark for result in results] == [
        'SimulatedMouse.VISl-rdm',
        BENCHMARK,
        'SimulatedMouse.VISl-ridge',
    ]


@pytest.mark.slow
def test_computed_anew(monkeypatch):
    (first,) = scored(PIXELS)
    (fresh,) = scored(PIXELS, fresh=True)
    assert fresh.score == first.score
    assert fresh.seconds != first.seconds  # it was computed again
    assert store.results() == [first]  # the same number is not stored twice


@pytest.mark.slow
def test_seeds_are_of_untrained_weights():
    results = scored(PIXELS, CandidateSpec(SMALL, 'none'), seeds=[3, 0])
    assert [(result.model, result.seed) for result in results] == [('pixels_64', None), (SMALL, 3), (SMALL, 0)]
    assert results[1].weights_sha256 != results[2].weights_sha256
    assert score(SMALL, BENCHMARK, weights='none', seed=3).attrs['result'] == results[1].document()


def key(**changes):
    request = {'model': 'torchvision:alexnet', 'weights': 'none', 'seed': 0, 'benchmark': BENCHMARK, 'layer': None}
    return requests.key(**{**request, **changes})


@pytest.mark.parametrize(
    'change',
    [
        {'model': 'torchvision:vgg11'},
        {'seed': 1},
        {'weights': 'default'},
        {'layer': 'features.0'},
        {'benchmark': 'SimulatedMouse.VISl-rdm'},
    ],
)
def test_another_request_has_another_key(change):
    assert key() == key()
    assert None not in (key(), key(**change))
    assert key(**change) != key()


@pytest.mark.parametrize('name', ['OMP_NUM_THREADS', 'ATEN_CPU_CAPABILITY', 'CUDA_VISIBLE_DEVICES'])
def test_the_machine_is_part_of_the_key(monkeypatch, name):
    before = key()
    monkeypatch.setenv(name, '7')
    assert key() != before


def test_the_backend_of_the_arrays_is_part_of_the_key(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    default = key()
    monkeypatch.setenv(VARIABLE, 'numpy')
    assert key() == default
    set_backend('torch')
    assert key() != default


def test_a_result_names_the_backend_of_the_arrays(monkeypatch):
    monkeypatch.setenv(VARIABLE, 'numpy')
    (by_numpy,) = scored(PIXELS, benchmarks=['SimulatedMouse.VISl-ridge'])
    assert 'arrays' not in by_numpy.versions
    monkeypatch.setenv(VARIABLE, 'torch')
    (by_torch,) = scored(PIXELS, benchmarks=['SimulatedMouse.VISl-ridge'])
    assert by_torch.versions == {**by_numpy.versions, 'arrays': 'torch'}
    assert by_torch.identity != by_numpy.identity
    assert by_torch.score == pytest.approx(by_numpy.score, rel=1e-9)
    assert store.results() == [by_numpy, by_torch]
    monkeypatch.setenv(VARIABLE, 'jax')
    with pytest.raises(UnknownNameError, match="unknown array backend 'jax'"):
        scored(PIXELS, benchmarks=['SimulatedMouse.VISl-ridge'])


def test_the_library_is_part_of_the_key(monkeypatch):
    before = key()
    other = requests.Library('0.1.0', 'other')
    monkeypatch.setattr(requests, 'library', lambda: other)
    assert key() != before


def test_the_maps_of_layers_and_the_code_are_part_of_the_library(tmp_path, monkeypatch):
    models = tmp_path / 'models'
    (models / 'neurn').mkdir(parents=True)
    real = requests.plugins_folder
    monkeypatch.setattr(requests, 'plugins_folder', lambda own, room: models if room == 'models' else real(own, room))
    hashes = []
    for name, text in (('model.py', '1'), ('model.py', '2'), ('map.json', '{}'), ('map.json', '{"VISp": "fc"}')):
        (models / 'neurn' / name).write_text(text)
        hashes.append(requests.library.__wrapped__().code_sha256)
    assert len(set(hashes)) == 4


def test_the_data_is_part_of_the_key(home):
    before = key()
    path = home / 'data' / 'SimulatedMouse' / 'ledger.json'
    manifest.write('SimulatedMouse', {**manifest.require('SimulatedMouse'), 'more': 2})
    assert manifest.require('SimulatedMouse')['more'] == 2
    assert key() != before
    path.unlink()
    assert key() is None


def test_a_weights_file_is_known_by_its_content(tmp_path):
    first, second = tmp_path / 'first.pth', tmp_path / 'second.pth'
    first.write_bytes(b'1')
    before = key(weights=str(first))
    assert before is not None
    first.write_bytes(b'2')
    assert key(weights=str(first)) != before
    second.write_bytes(b'1')
    assert key(weights=str(second)) != before  # the result has its name
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'first.pth').write_bytes(b'1')
    assert key(weights=str(tmp_path / 'elsewhere' / 'first.pth')) == before


@pytest.mark.parametrize('model', ['./a_folder', 'alexnet', 'torchvision:alexnet'])
def test_what_a_request_does_not_determine(model):
    benchmark = 'MajajHong2015public.IT-pls' if ':' in model else BENCHMARK
    assert requests.key(model, 'default', 0, benchmark, None) is None


@pytest.mark.slow
def test_default_weights_that_were_replaced(cached_weights):
    official = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    states = [torchvision.models.squeezenet1_1().state_dict() for _ in range(2)]
    path = cached_weights(official, states[0])
    results = [*scored(CandidateSpec(SMALL)), *scored(CandidateSpec(SMALL))]
    torch.save(states[1], path)  # other weights under the same name
    with pytest.raises(ModelError, match='damaged or was replaced'):
        scored(CandidateSpec(SMALL))
    path.unlink()
    cached_weights(official, states[1])
    results += scored(CandidateSpec(SMALL))
    assert results[0] == results[1]
    (file,) = results[0].files
    assert results[0].files[file].startswith(file.rpartition('-')[2].removesuffix('.pth'))
    assert results[0].training_set == 'IMAGENET1K_V1'
    assert results[2].weights_sha256 != results[0].weights_sha256
    assert results[2].score != results[0].score
    assert len(store.results()) == 2


INIT = """from brainscore_vision import model_registry

from .model import build

model_registry['edited'] = build
"""
MODEL = """import functools

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment


def build():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride={stride}), torch.nn.ReLU())
    preprocessing = functools.partial(load_preprocess_images, image_size={size})
    wrapper = PytorchWrapper(net, preprocessing, identifier='edited')
    return ModelCommitment('edited', wrapper, layers=['1'], region_layer_map={{}}, visual_degrees=8)
"""


def test_an_edited_plugin_is_never_answered_with_the_old_number(tmp_path):
    folder = tmp_path / 'plugin'
    folder.mkdir()
    (folder / '__init__.py').write_text(INIT)
    documents = []
    for options in ({'stride': 2, 'size': 32}, {'stride': 3, 'size': 32}, {'stride': 2, 'size': 40}):
        (folder / 'model.py').write_text(MODEL.format(**options))
        documents.append(score(folder, BENCHMARK).attrs['result'])
        again = score(folder, BENCHMARK)
        assert again.attrs['result'] == documents[-1]
        assert 'draws' not in again.attrs  # from the stored results
    assert len({document['score'] for document in documents}) == 3
    assert len({document['weights_sha256'] for document in documents}) == 1
    assert [document.document() for document in store.results()] == documents
    (folder / 'model.py').write_text(MODEL.format(stride=2, size=32))
    assert score(folder, BENCHMARK).attrs['result'] == documents[0]


@pytest.mark.parametrize(
    ('right', 'wrong'),
    [
        ('torch.nn.ReLU())', 'torch.nn.Flatten(), torch.nn.Linear(7, 3))'),
        ('load_preprocess_images, image_size', 'load_preprocess_images, size'),
    ],
)
@pytest.mark.slow
def test_a_plugin_that_fails_on_every_image(m2m, tmp_path, right, wrong):
    """Its network takes images of another size, or its preprocessing has another option."""
    folder = tmp_path / 'plugin'
    folder.mkdir()
    (folder / '__init__.py').write_text(INIT)
    assert right in MODEL
    (folder / 'model.py').write_text(MODEL.replace(right, wrong).format(stride=2, size=32))
    ran = m2m('score', folder, BENCHMARK)
    assert (ran.code, ran.out) == (1, '')
    assert re.match(r'error: edited(: the network fails on images| does not work here: )', ran.err)
    assert ran.err.count('\n') == 1


@pytest.mark.slow
def test_a_network_from_python():
    first = score(SmallNetwork(), BENCHMARK, image_size=64)
    again = score(SmallNetwork(), BENCHMARK, image_size=64)
    assert again.attrs['result'] == first.attrs['result']
    assert float(again) == float(first)
    for name in ('raw', 'ceiling', 'error', 'layer', 'per_animal', 'n_neuroids'):
        assert again.attrs[name] == first.attrs[name]
    assert score(SmallNetwork(), BENCHMARK, image_size=72).attrs['result'] != first.attrs['result']
    assert score(SmallNetwork(seed=1), BENCHMARK, image_size=64).attrs['result'] != first.attrs['result']
    assert score(SmallNetwork(), BENCHMARK, image_size=64, layer='hidden').attrs['result'] != first.attrs['result']
    assert len(store.results()) == 4
    fresh = score(SmallNetwork(), BENCHMARK, image_size=64, fresh=True)
    assert 'draws' in fresh.attrs
    assert len(store.results()) == 4


@pytest.mark.slow
def test_a_setting_that_is_no_weight():
    class Scaled(SmallNetwork):
        power = 1.0

        def forward(self, images):
            return super().forward(images) ** self.power

    network = Scaled()
    first = score(network, BENCHMARK, image_size=64).attrs['result']
    network.power = 3.0
    assert score(network, BENCHMARK, image_size=64).attrs['result']['code_sha256'] != first['code_sha256']


@pytest.mark.slow
def test_a_mean_is_answered_with_its_areas():
    first = score(SmallNetwork(), 'SimulatedMouse-rdm', image_size=64)
    again = score(SmallNetwork(), 'SimulatedMouse-rdm', image_size=64)
    assert {area: float(part) for area, part in again.attrs['areas'].items()} == {
        area: float(part) for area, part in first.attrs['areas'].items()
    }
    assert again.attrs['areas']['VISp'].attrs['layer'] == first.attrs['areas']['VISp'].attrs['layer']


@pytest.mark.slow
def test_a_network_that_answers_at_random_is_computed_each_time():
    class Random(SmallNetwork):
        def __init__(self):
            super().__init__()
            self.noise = torch.nn.Identity()

        def forward(self, images):
            noise = np.random.default_rng().normal(0, 0.1, images.shape)  # without a seed
            return super().forward(self.noise(images + torch.tensor(noise, dtype=images.dtype)))

    first, second = (score(Random(), BENCHMARK, image_size=64).attrs['result'] for _ in range(2))
    assert first['response_sha256'] != second['response_sha256']
    assert len(store.results()) == 2


AGAIN = """
import sys
from m2m_benchmarks.cli.main import main
sys.argv = ['m2m', 'score', {model!r}, 'pixels_64', '--benchmark', {benchmark!r}, '--seeds', '0-1', '--json', '-']
try:
    main()
finally:
    print([name for name in ('torch', 'brainscore_vision', 'xarray', 'pandas') if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.process
def test_an_answer_needs_no_torch(home, monkeypatch):
    model = f'{SMALL}@none'
    # The process below needs the settings of this one.
    results = scored(CandidateSpec(SMALL, 'none'), PIXELS, seeds=[0, 1])
    monkeypatch.setenv('M2M_HOME', str(home))
    script = AGAIN.format(model=model, benchmark=BENCHMARK)
    process = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script], capture_output=True, text=True, check=False, env=os.environ
    )
    assert process.stderr == '[]\n'
    assert json.loads(process.stdout) == [result.document() for result in results]


def test_several_on_the_command_line(m2m):
    ran = m2m('score', f'{SMALL}@none', 'pixels_64', BENCHMARK, 'SimulatedMouse.VISl-rdm', '--seeds', '0,1')
    assert ran.code == 0
    labels = [f'{SMALL}@none (seed {seed})' for seed in (0, 1)] + ['pixels_64']
    for label in labels:
        assert sum(line.startswith(label) for line in ran.out.splitlines()) == 1
    (mean,) = [line for line in ran.out.splitlines() if line.startswith(f'{SMALL}@none mean of 2 seeds')]
    scores = [result.score for result in store.results() if (result.model, result.benchmark) == (SMALL, BENCHMARK)]
    assert f'{sum(scores) / 2:.3f} ± {abs(scores[0] - scores[1]) / 2**0.5:.3f}' in mean
    assert m2m('results', 'list').out.splitlines()[1:5] == ran.out.splitlines()[1:5]


def test_a_failure_does_not_lose_the_scores_before(m2m, monkeypatch):
    def refuse(name, **options):
        if name == SMALL:
            raise ModelError('no room for it')
        return real(name, **options)

    real = candidates.load_candidate
    monkeypatch.setattr(candidates, 'load_candidate', refuse)
    ran = m2m('score', 'pixels_64', SMALL, BENCHMARK, '--weights', 'none')
    assert ran.code == 1
    assert 'VISp' in ran.out
    assert 'Finished scores: 1 of 2\n  pixels_64: SimulatedMouse.VISp-rdm\nRun the same ' in ran.err
    assert ran.err.endswith('error: no room for it\n')
    assert [result.model for result in store.results()] == ['pixels_64']


def test_a_score_is_shown_before_it_is_stored(m2m, tmp_path, capsys, monkeypatch):
    path, seen = tmp_path / 'score.json', []

    def locked(results, draws):
        seen.append((capsys.readouterr().out, json.loads(path.read_text())['score']))
        raise StorageError('the file is locked')

    monkeypatch.setattr(store, 'add', locked)
    ran = m2m('score', 'pixels_64', BENCHMARK, '--json', path)
    ((out, number),) = seen
    assert f'{number:.3f}' in out
    assert ran.code == 1
    note, *progress, error = ran.err.splitlines()
    assert progress[:2] == ['Finished scores: 1 of 1', f'  pixels_64: {BENCHMARK}']
    assert note == f'note: the score of pixels_64 on {BENCHMARK} is computed, but not stored: the file is locked'
    assert error.startswith('error: 1 score is not stored: printed here, and written by --json, but not listed by ')
    assert error.endswith(' The reason: the file is locked')


def test_code_that_is_changed_meanwhile(m2m, monkeypatch):
    assert requests.library() == requests._library_now()
    other = dataclasses.replace(requests.library(), code_sha256='0' * 64)
    monkeypatch.setattr(requests, '_library_now', lambda: other)
    ran = m2m('score', f'{SMALL}@none', BENCHMARK, '--json', '-')
    assert ran.code == 1
    assert json.loads(ran.out)['raw'] is not None  # it is not lost
    assert ran.err.count('the code of M2M was changed while this ran') >= 2  # of the activations and of the score
    assert store.results() == []
    assert not list(activation_store.folder().rglob('*.safetensors'))


def test_a_locked_store_does_not_end_the_run(m2m, tmp_path, monkeypatch):
    monkeypatch.setattr(store, 'WAIT_S', 0.1)
    monkeypatch.setattr(store, 'answers', lambda **_options: [])
    store.add([])
    holder = sqlite3.connect(store.path(), isolation_level=None)
    holder.execute('begin immediate')
    try:
        ran = m2m('score', 'pixels_64', BENCHMARK, 'SimulatedMouse.VISl-rdm', '--json', '-')
    finally:
        holder.close()
    assert ran.code == 1
    assert len(json.loads(ran.out)) == 2
    assert 'error: 2 scores are not stored: printed here, and written by --json, ' in ran.err
    assert 'Another program holds it' in ran.err


@pytest.mark.parametrize(
    ('error', 'code'),
    [
        (BenchmarkError('the second one fails'), 1),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 1),
        (OSError(errno.ENOSPC, 'No space left on device'), 1),
        (ZeroDivisionError('a mistake of the library'), None),
    ],
)
def test_what_is_done_is_shown_whatever_fails_later(m2m, tmp_path, monkeypatch, capsys, error, code):
    def fails_later(candidate, activations, benchmark, *others):
        if benchmark.identifier != BENCHMARK:
            during.append(json.loads(path.read_text()))
            raise error
        return real(candidate, activations, benchmark, *others)

    scoring = sys.modules['m2m_benchmarks.scoring.score']
    real, path, during = scoring._score, tmp_path / 'scores.json', []
    monkeypatch.setattr(scoring, '_score', fails_later)
    arguments = ('score', 'pixels_64', BENCHMARK, 'SimulatedMouse.VISl-rdm', '--json', path)
    if code is None:
        with pytest.raises(ZeroDivisionError):
            m2m(*arguments)
        out = capsys.readouterr().out
    else:
        ran = m2m(*arguments)
        assert ran.code == code
        assert f'Finished scores: 1 of 2\n  pixels_64: {BENCHMARK}\nRun the same ' in ran.err or code == 1
        out = ran.out
    (document,) = json.loads(path.read_text())
    assert during == [[document]]
    assert f'{document["score"]:.3f}' in out
    assert [result.benchmark for result in store.results()] == [BENCHMARK]


def test_a_stdout_that_cannot_be_written(m2m, tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, 'No space left on device')

    path = tmp_path / 'score.json'
    monkeypatch.setattr(sys, 'stdout', Full())
    ran = m2m('score', 'pixels_64', BENCHMARK, '--json', path)
    assert ran.code == 1
    assert ran.err.startswith('Finished scores: 1 of 1\n')
    assert ran.err.endswith(
        'error: cannot write to stdout: No space left on device. Send it to a file or a pipe that can be written.\n'
    )
    assert [result.score for result in store.results()] == [json.loads(path.read_text())['score']]


def test_json_into_a_pipe_is_written_once(m2m, tmp_path):
    path, texts = tmp_path / 'pipe', []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: texts.append(path.read_text()))
    reader.start()
    assert m2m('score', 'pixels_64', BENCHMARK, 'SimulatedMouse.VISl-rdm', '--json', path).code == 0
    reader.join()
    assert len(json.loads(texts[0])) == 2


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['pixels_64', 'pixels_64', BENCHMARK], 2, 'pixels_64 is named twice'),
        ([f'{SMALL}@none', SMALL, BENCHMARK, '--weights', 'none'], 2, f'{SMALL}@none is named twice'),
        (['pixels_64', SMALL], 2, 'no benchmark is named'),
        (['pixels_46', BENCHMARK], 1, "unknown model 'pixels_46'. Did you mean pixels_64"),
        (['pixels_64', 'SimulatedMouse.VISP-rmd'], 1, "unknown benchmark 'SimulatedMouse.VISp-rmd'"),
        (['pixels_64', 'torchvision:squeezenet1_2@none', BENCHMARK], 1, 'Did you mean squeezenet1_1'),
        (
            ['pixels_64', 'SimulatedMouse.*-rmd'],
            1,
            "unknown pattern of benchmarks 'SimulatedMouse.*-rmd'. Did you mean",
        ),
        (['pixels_64', BENCHMARK, '--seeds', '2-1'], 2, 'expected different whole numbers or ranges'),
        (['pix\nels', BENCHMARK], 1, "unknown model 'pix\\nels'"),
        ([f'{SMALL}@', BENCHMARK], 1, 'names no weights'),
    ],
)
def test_bad_names(m2m, arguments, code, message):
    ran = m2m('score', *arguments)
    assert ran.code == code
    assert message in ' '.join(ran.err.replace('│', ' ').split())
    assert ran.out == ''
    assert store.results() == []
