"""m2m export: the files it writes, Brain-Score's tests of them, and refusals."""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision

from m2m_benchmarks import score
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.submission import export as exporting
from m2m_benchmarks.submission.export import Weights, export_tree, export_zip
from m2m_benchmarks.testing import QuietHandler, serving

pytestmark = pytest.mark.seconds

DEFAULT = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
PASSED = 'All rules are kept, and all {} tests passed'

INIT = """from brainscore_vision import model_registry

from .model import build

model_registry['{name}'] = build
"""
MODEL = """import functools

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment


def build():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=4), torch.nn.ReLU())
    preprocessing = functools.partial(load_preprocess_images, image_size=32)
    wrapper = PytorchWrapper(network, preprocessing, identifier='{name}')
    wrapper.image_size = 32
    regions = {regions!r}
    return ModelCommitment(
        '{name}', wrapper, layers=['1'], region_layer_map=regions, visual_degrees={visual_degrees}
    )
"""


def plugin(folder, name='mini', regions=('V1', 'V2', 'V4', 'IT'), visual_degrees=8, test='def test():\n    pass\n'):
    """The folder of a small model."""
    folder.mkdir(parents=True)
    (folder / '__init__.py').write_text(INIT.format(name=name))
    regions = dict.fromkeys(regions, '1')
    (folder / 'model.py').write_text(MODEL.format(name=name, regions=regions, visual_degrees=visual_degrees))
    (folder / 'test.py').write_text(test)
    return folder


def squeezenet(path, seed=0):
    """Write random weights of SqueezeNet 1.1; return the path and the weights."""
    torch.manual_seed(seed)
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    return path, state


@pytest.fixture
def default_squeezenet(offline, cached_weights):
    """Cached default weights of SqueezeNet 1.1: the file and its state dict."""
    torch.manual_seed(0)
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    return cached_weights(DEFAULT, state), state


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def assert_nothing_left(work):
    assert list(work.iterdir()) == []
    # Brain-Score creates that one, once in a process.
    left = [path.name for path in (work.parent / 'temporary').iterdir()]
    assert [name for name in left if not name.startswith('brainscore-resolution-probe-')] == []


# Archives for the website.


@pytest.mark.process
def test_a_zip_passes(m2m, work, unpacked, offline):
    ran = m2m('export', 'neurn_resnet18', '--to', 'zip', '--weights', 'none', '--check')
    assert ran.code == 0, ran.err
    archive = work / 'neurn_resnet18.zip'
    assert ran.out.splitlines()[0] == str(archive)
    # Brain-Score's five, one for the layers, one for each region.
    assert PASSED.format(10) in ran.out
    assert archive.stat().st_size < 50_000_000
    with zipfile.ZipFile(archive) as file:
        names = file.namelist()
    assert names[:3] == [f'neurn_resnet18/{folder}' for folder in ('', 'models/', 'models/neurn_resnet18/')]
    assert not any('pycache' in name or name.startswith('.') or 'draft' in name for name in names)
    folder = unpacked(archive, work / 'unpacked')
    assert not any(
        'm2m_benchmarks' in path.read_text() for path in folder.rglob('*.py') if 'import' in path.read_text()
    )
    assert (folder / 'requirements.txt').read_text() == 'huggingface-hub\nsafetensors\ntimm\n'
    stored = safetensors.torch.load_file(folder / 'weights.safetensors')
    assert same(stored, family.network('neurn_resnet18', 'none', 0).backbone.state_dict())
    assert [path.name for path in work.iterdir() if path != folder.parents[2]] == ['neurn_resnet18.zip']


def test_default_weights_are_in_the_archive(m2m, work, unpacked, default_squeezenet):
    _, state = default_squeezenet
    ran = m2m('export', 'plain_squeezenet1_1', 'sent.zip', '--to', 'zip')
    assert (ran.code, ran.out) == (0, f'{work / "sent.zip"}\n')
    folder = unpacked(work / 'sent.zip', work / 'unpacked')
    assert same(safetensors.torch.load_file(folder / 'weights.safetensors'), state)
    assert 'http' not in (folder / '__init__.py').read_text()
    # The map of the layers that were chosen on recordings is there, too.
    chosen = Path(family.__file__).parent / 'region_layer_map' / 'plain_squeezenet1_1.json'
    assert json.loads((folder / 'region_layer_map' / chosen.name).read_text()) == json.loads(chosen.read_text())
    assert list((folder / 'region_layer_map').iterdir()) == [folder / 'region_layer_map' / chosen.name]


@pytest.mark.parametrize('destination', ['sent.zip', 'new/folder/sent.zip'])
def test_default_weights_that_cannot_be_downloaded(destination, m2m, work, offline):
    ran = m2m('export', 'plain_squeezenet1_1', destination, '--to', 'zip')
    assert (ran.code, ran.out) == (1, '')  # torch.hub's messages are on stderr
    assert 'plain_squeezenet1_1 needs a file that could not be downloaded' in ran.err
    assert 'https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth). Connect to the network' in ran.err
    assert_nothing_left(work)


CLEAN = """
import json
import torch
from brainscore_vision import load_model
from torchvision.models import SqueezeNet1_1_Weights

SqueezeNet1_1_Weights.IMAGENET1K_V1.value.url = sys.argv[2]
images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
for identifier in sys.argv[3:]:
    model = load_model(identifier)
    assert model.identifier == identifier
    wrapper = model.activations_model
    with torch.no_grad():
        output = wrapper._model.eval()(images)
    torch.save([wrapper._model.state_dict(), output], f'{sys.argv[1]}/{identifier}.pt')
    print(json.dumps([identifier, wrapper.identifier, model.layer_model.region_layer_map]))
"""


@pytest.mark.process
@pytest.mark.slow
def test_exported_models_are_the_same_in_a_clean_process(m2m, work, unpacked, default_squeezenet, in_tree):
    plain, twin, dotted = 'plain_squeezenet1_1', 'neurn_squeezenet1_1', 'neurn_squeezenet1_1_after_features.3'
    # Weights in the folder; downloaded by torchvision; a model whose name has a dot, which its folder cannot have.
    assert m2m('export', plain, '--to', 'zip').code == 0
    assert m2m('export', twin, 'tree', '--to', 'brainscore-tree').code == 0
    assert m2m('export', dotted, '--to', 'zip', '--weights', 'none', '--seed', 4).code == 0
    assert not list(work.glob('tree/brainscore_vision/models/*/weights*'))
    folders = [
        unpacked(work / f'{plain}.zip', work / 'a'),
        work / 'tree' / 'brainscore_vision' / 'models' / twin,
        unpacked(work / f'{dotted}.zip', work / 'b'),
    ]
    out = in_tree(dict.fromkeys(folders, 'models'), CLEAN, work, DEFAULT.url, plain, twin, dotted)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    stored = set()
    for line, options in zip(out.splitlines(), ({}, {}, {'weights': 'none', 'seed': 4}), strict=True):
        identifier, stored_as, regions = json.loads(line)
        network = family.network(identifier, **options).eval()
        state, output = torch.load(work / f'{identifier}.pt')
        assert same(state, network.state_dict())
        with torch.no_grad():
            torch.testing.assert_close(output, network(images), rtol=0, atol=1e-6)
        assert regions == family.regions(identifier)
        stored.add(stored_as)
    # Brain-Score stores activations under a name that depends on the weights.
    assert len(stored) == 3
    assert all(name.startswith((plain, twin)) for name in stored)


# Weights that are too large for an archive.


@pytest.fixture
def host():
    """Server of one file; `served` is whole, changed, cut, missing or closed."""

    class Handler(QuietHandler):
        def do_GET(self):  # noqa: N802
            if self.path.startswith('/as/'):
                server.served = self.path.removeprefix('/as/')
                content = b''
            elif server.served == 'closed':
                return
            elif server.served == 'missing':
                self.send_error(404)
                return
            else:
                content = server.content
                server.n_requests += 1
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            if content and server.served == 'changed':
                content = content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:]
            self.wfile.write(content[: len(content) // 2] if server.served == 'cut' else content)

    with serving(Handler) as server:
        server.served, server.content, server.n_requests = 'whole', b'', 0
        yield server


DOWNLOADS = """
import json, os
from pathlib import Path
from urllib.request import urlopen
import torch
from brainscore_vision import load_model, model_registry

identifier, host, file, home = sys.argv[1:]
expected = torch.load(file)
try:
    load_model(identifier)  # registers it
except Exception as error:
    pass
for served, folder in (
    ('closed', 'a'), ('missing', 'a'), ('changed', 'a'), ('cut', 'a'), ('whole', 'a'), ('missing', 'a'), ('whole', 'b'),
):
    urlopen(f'{host}/as/{served}').read()
    os.environ['TORCH_HOME'] = f'{home}/{folder}'
    kept = Path(home, folder, 'hub', 'checkpoints')
    if folder == 'b':  # a file that was damaged later
        kept.mkdir(parents=True)
        (good,) = Path(home, 'a', 'hub', 'checkpoints').iterdir()
        (kept / good.name).write_bytes(good.read_bytes()[:-1] + b'!')
    try:
        own = model_registry[identifier]().activations_model._model.backbone.state_dict()
        result = 'same' if all(torch.equal(own[name], expected[name]) for name in expected) else 'other weights'
    except Exception as error:
        result = f'{type(error).__module__}: {error}'
    files = {path.name: path.stat().st_size for path in kept.iterdir()} if kept.is_dir() else {}
    print(json.dumps([served, result, files]))
"""


@pytest.mark.network
@pytest.mark.process
@pytest.mark.slow
def test_too_large_weights_are_downloaded_and_checked(
    m2m, work, unpacked, offline, host, monkeypatch, in_tree, tmp_path
):
    monkeypatch.setattr(exporting, 'MOST_BYTES', 1_000_000)
    file, _ = squeezenet(tmp_path / 'mine.pth', seed=5)
    host.content = file.read_bytes()
    url, sha256 = f'{host.url}/files/mine.pth', hashlib.sha256(host.content).hexdigest()
    options = ('--weights', file, '--weights-url', url)
    ran = m2m('export', 'neurn_squeezenet1_1', '--to', 'zip', *options)
    assert ran.code == 0, ran.err
    assert (work / 'neurn_squeezenet1_1.zip').stat().st_size < 100_000
    assert host.n_requests == 0  # an export downloads nothing
    folder = unpacked(work / 'neurn_squeezenet1_1.zip', work / 'unpacked')
    init = (folder / '__init__.py').read_text()
    assert f"URL = '{url}'" in init
    assert f"SHA256 = '{sha256}'" in init
    # For a pull request, the code is the same.
    assert m2m('export', 'neurn_squeezenet1_1', 'tree', '--to', 'brainscore-tree', *options).code == 0
    assert (work / 'tree/brainscore_vision/models/neurn_squeezenet1_1/__init__.py').read_text() == init

    out = in_tree({folder: 'models'}, DOWNLOADS, 'neurn_squeezenet1_1', host.url, file, tmp_path / 'homes')
    ran = [json.loads(line) for line in out.splitlines()]
    for served, result, files in ran[:4]:
        assert f'could not download weights with SHA-256 {sha256} from {url}: ' in result, served
        assert result.startswith('brainscore_vision.models.neurn_squeezenet1_1.m2m.errors: ')
        assert files == {}, served  # neither a wrong file nor an incomplete one
    assert 'HTTP Error 404' in ran[1][1]
    kept = {f'{sha256[:16]}-mine.pth': len(host.content)}
    assert ran[4:] == [['whole', 'same', kept], ['missing', 'same', kept], ['whole', 'same', kept]]


@pytest.mark.slow
def test_too_large_weights_without_an_address(m2m, work, offline, monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, 'MOST_BYTES', 1_000_000)
    file, _ = squeezenet(tmp_path / 'mine.pth')
    for to in (('--to', 'zip'), ('tree', '--to', 'brainscore-tree')):
        ran = m2m('export', 'plain_squeezenet1_1', *to, '--weights', file)
        assert ran.code == 1
        assert (
            ' MB with its weights, but the limit is 50 MB; upload the file and name its address: --weights FILE '
            in ran.err
        )
        ran = m2m('export', 'plain_squeezenet1_1', *to, '--weights', 'none')
        assert ran.code == 1
        assert 'save the untrained weights to a file, upload the file and name its address' in ran.err
    assert_nothing_left(work)


def test_too_large_default_weights_have_the_address_of_their_library(
    m2m, work, unpacked, default_squeezenet, monkeypatch
):
    monkeypatch.setattr(exporting, 'MOST_BYTES', 1_000_000)
    file, _ = default_squeezenet
    assert m2m('export', 'plain_squeezenet1_1', '--to', 'zip').code == 0
    init = (unpacked(work / 'plain_squeezenet1_1.zip', work / 'unpacked') / '__init__.py').read_text()
    assert f"URL = 'https://download.pytorch.org/models/{file.name}'" in init
    assert hashlib.sha256(file.read_bytes()).hexdigest() in init


@pytest.mark.slow
def test_too_large_default_weights_of_timm(m2m, work, unpacked, offline, monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, 'MOST_BYTES', 1_000_000)
    # As after a download.
    version = '0' * 40
    hub = tmp_path / 'hub' / 'models--timm--mobilenetv1_100.ra4_e3600_r224_in1k'
    for folder in (hub / 'refs', hub / 'snapshots' / version):
        folder.mkdir(parents=True)
    (hub / 'refs' / 'main').write_text(version)
    file = hub / 'snapshots' / version / 'model.safetensors'
    safetensors.torch.save_file(family.network('plain_mobilenet_v1', 'none').backbone.state_dict(), file)
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    assert m2m('export', 'plain_mobilenet_v1', '--to', 'zip').code == 0
    init = (unpacked(work / 'plain_mobilenet_v1.zip', work / 'unpacked') / '__init__.py').read_text()
    name = 'timm/mobilenetv1_100.ra4_e3600_r224_in1k'
    assert f"URL = 'https://huggingface.co/{name}/resolve/main/model.safetensors'" in init
    assert hashlib.sha256(file.read_bytes()).hexdigest() in init


def test_a_file_with_other_weights_than_the_model_is_refused(m2m, work, default_squeezenet, monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, 'MOST_BYTES', 1_000_000)
    other, _ = squeezenet(tmp_path / 'other.pth', seed=1)
    monkeypatch.setattr(exporting.models, 'cached_file', lambda url: other)
    ran = m2m('export', 'plain_squeezenet1_1', '--to', 'zip')
    assert ran.code == 1
    assert 'other.pth does not hold exactly the weights of plain_squeezenet1_1' in ran.err
    assert_nothing_left(work)


@pytest.mark.parametrize('prefix', ['', 'backbone.', 'module.', 'module.backbone.'])
@pytest.mark.several
def test_files_by_url_may_be_of_the_whole_model(prefix, work, offline, monkeypatch, tmp_path):
    _, state = squeezenet(tmp_path / 'mine.pth')
    torch.save({prefix + name: value for name, value in state.items()}, tmp_path / 'mine.pth')
    weights = Weights(str(tmp_path / 'mine.pth'), url='https://example.org/mine.pth')
    (folder,) = export_tree('neurn_squeezenet1_1', work / 'tree', weights)
    assert "URL = 'https://example.org/mine.pth'" in (folder / '__init__.py').read_text()


def test_names_with_quotes_and_backslashes(work, offline, tmp_path):
    file, _ = squeezenet(tmp_path / 'a """ \\N $x \' b.pth')
    url = "https://example.org/it's.pth?a=$url&b=\\"
    (folder,) = export_tree('plain_squeezenet1_1', work / 'tree', Weights(str(file), url=url))
    compile((folder / '__init__.py').read_text(), '__init__.py', 'exec')
    assert f'URL = {url!r}' in (folder / '__init__.py').read_text()


# Folders for a pull request.

SCORES = """
import json
from brainscore_vision import load_benchmark, load_model

benchmark = load_benchmark(sys.argv[1])
assert type(benchmark).__module__ == f'brainscore_vision.benchmarks.{sys.argv[2]}.m2m.benchmarks_neural'
result = benchmark(load_model('pixels_64'))
print(json.dumps([float(value) for value in (result, *(result.attrs[name] for name in ('raw', 'ceiling', 'error')))]))
"""
PACKAGES = """
import runpy
from pathlib import Path
import brainscore_vision
sys.argv[1:] = sys.argv[3:]
script = Path(brainscore_vision.__file__).parent / 'data' / 'simulated' / 'data_packaging' / 'package.py'
runpy.run_path(str(script), run_name='__main__')
try:
    load_benchmark('Siegle2021.VISp-rdm')
except Exception as error:
    print(type(error).__name__, error)
"""


def assert_scores_equal(line, benchmark):
    mine = score('pixels_64', benchmark)
    expected = [float(mine), *(float(mine.attrs[name]) for name in ('raw', 'ceiling', 'error'))]
    assert json.loads(line) == pytest.approx(expected, abs=1e-6)


@pytest.mark.process
@pytest.mark.slow
def test_a_benchmark_with_its_data_and_metrics(m2m, m2m_home, work, exported, in_tree, monkeypatch):
    # The check ignores pytest options of the user's environment.
    monkeypatch.setenv('PYTEST_ADDOPTS', '--no-such-option')
    ran = m2m('export', 'SimulatedMouse.VISp-rdm', 'tree', '--to', 'brainscore-tree', '--check')
    assert ran.code == 0, ran.err
    names = ['benchmarks/simulated', 'data/simulated', 'metrics/m2m_rdm']
    assert ran.out.splitlines()[:3] == [f'tree/brainscore_vision/{name}' for name in names]
    # Six ceilings of each comparison, one test of the assembly, two of the metric.
    assert PASSED.format(3 + 6 * len(COMPARISONS)) in ran.out
    assert sorted(path.name for path in (work / 'tree').rglob('.*')) == []
    assert m2m('export', 'pixels_64', 'tree', '--to', 'brainscore-tree').code == 0
    # The first tree already has the metrics, so another benchmark is exported to a second one.
    assert m2m('export', 'Siegle2021.VISp-rdm', 'second', '--to', 'brainscore-tree').code == 0
    folders = exported(work / 'tree') | {
        folder: kind for folder, kind in exported(work / 'second').items() if folder.name == 'siegle2021'
    }
    assert sorted(folders.values()) == ['benchmarks', 'benchmarks', 'data', 'data', 'metrics', 'models']
    (work / 'packaged').mkdir()
    out = in_tree(folders, SCORES + PACKAGES, 'SimulatedMouse.VISp-rdm', 'simulated', work / 'packaged')
    lines = out.splitlines()
    assert_scores_equal(lines[0], 'SimulatedMouse.VISp-rdm')
    assert len(list((work / 'packaged').iterdir())) == 3  # csv, zip and netCDF
    assert 'DataNotFoundError Siegle2021 is not on this machine' in out


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.shared
def test_a_benchmark_of_real_recordings(m2m, siegle, work, exported, in_tree):
    ran = m2m('export', 'Siegle2021.VISp-rdm', 'tree', '--to', 'brainscore-tree')
    assert ran.code == 0, ran.err
    assert m2m('export', 'pixels_64', 'tree', '--to', 'brainscore-tree').code == 0
    out = in_tree(exported(work / 'tree'), SCORES, 'Siegle2021.VISp-rdm', 'siegle2021')
    assert_scores_equal(out.splitlines()[0], 'Siegle2021.VISp-rdm')


@pytest.mark.parametrize(
    ('name', 'folders'),
    [
        ('m2m_ridge', ['metrics/m2m_ridge']),
        ('SimulatedMouse', ['data/simulated']),
        # A benchmark is exported with its metric if it is this library's.
        ('deVries2020-ridge', ['benchmarks/devries2020', 'data/devries2020', 'metrics/m2m_ridge']),
        ('Siegle2021.VISp-rdm', ['benchmarks/siegle2021', 'data/siegle2021', 'metrics/m2m_rdm']),
        ('Siegle2021.VISp-cka', ['benchmarks/siegle2021', 'data/siegle2021']),
        ('pixels_64', ['models/pixels_64']),
        ('plain_vgg11', ['models/plain_vgg11']),
    ],
)
@pytest.mark.several
def test_folders_for_a_pull_request(name, folders, m2m, work, offline):
    (work / 'brainscore_vision' / 'models').mkdir(parents=True)  # as in a checkout
    ran = m2m('export', name, '.', '--to', 'brainscore-tree')
    assert ran.code == 0
    assert ran.out.splitlines() == [f'brainscore_vision/{folder}' for folder in folders]
    written = [path.relative_to(work / 'brainscore_vision').as_posix() for path in work.glob('brainscore_vision/*/*')]
    assert sorted(written) == folders
    for folder in folders:
        plugin_folder = work / 'brainscore_vision' / folder
        assert {'__init__.py', 'test.py'} <= {path.name for path in plugin_folder.iterdir()}
        assert (plugin_folder / 'metadata.yaml').is_file() == folder.startswith('benchmarks')


# A user's model plugin.

ALONE = """
import importlib
from pathlib import Path

import brainscore_vision
import pytest
from brainscore_vision import load_model


def test_alone():
    models = Path(brainscore_vision.__file__).parent / 'models'
    assert [path.name for path in models.iterdir() if path.is_dir()] == ['mini']
    with pytest.raises(Exception, match='alexnet'):
        load_model('alexnet')
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('m2m_benchmarks')
"""


@pytest.mark.process
@pytest.mark.slow
def test_a_users_plugin_passes_alone(m2m, work):
    folder = plugin(work / 'my-net.v2', test=ALONE)
    (folder / 'metadata.yaml').write_text('models:\n')  # needed in a pull request, refused by the website
    ran = m2m('export', './my-net.v2', '--to', 'zip', '--check')
    assert ran.code == 0, ran.err
    assert PASSED.format(6) in ran.out
    with zipfile.ZipFile(work / 'mini.zip') as file:
        assert file.namelist()[2] == 'mini/models/mini/'
        assert not any('metadata' in name for name in file.namelist())
    assert (folder / 'metadata.yaml').is_file()
    # For a pull request it keeps its name, except for the dot, which would be a package.
    ran = m2m('export', './my-net.v2', 'tree', '--to', 'brainscore-tree')
    assert (ran.code, ran.out) == (0, 'tree/brainscore_vision/models/my-net_v2\n')


@pytest.mark.slow
@pytest.mark.process
def test_check_names_failing_tests(m2m, work):
    models = work / 'tree' / 'brainscore_vision' / 'models'
    plugin(models / 'far', 'far', regions=['V2', 'VISp'], visual_degrees=9001)
    hidden = "import importlib\n\nimportlib.import_module('m2m_' + 'benchmarks.errors')\n"
    with (plugin(models / 'sneaky', 'sneaky') / 'model.py').open('a') as file:
        file.write(hidden)
    data = work / 'tree' / 'brainscore_vision' / 'data' / 'empty'
    data.mkdir(parents=True)
    (data / '__init__.py').write_text("data_registry = {}\ndata_registry['empty'] = None\n")
    (data / 'test.py').write_text('def helper():\n    pass\n')
    ran = m2m('export', 'tree', '--check')
    assert (ran.code, ran.out) == (1, '')
    announced, *lines = ran.err.splitlines()
    assert announced.startswith('The check runs the code of tree, with an environment and a home of its own, and ')
    assert lines[:3] == [
        'error: 4 of the rules and tests of Brain-Score failed:',
        "  Brain-Score's generic test test_visual_degrees[far]: assert 9001 < 9000",
        "  Brain-Score's generic test test_look_at_neural_V1[far]: KeyError: 'V1'",
    ]
    assert lines[3].startswith('  test of models/sneaky ')
    assert lines[3].endswith("ModuleNotFoundError: No module named 'm2m_benchmarks'")
    assert lines[4].startswith('  the tests of data/empty run: no tests ran')
    assert len(lines) == 5


FAILING = """
import pytest


def test_wrong():
    assert 1 == 2, 'not so'


@pytest.fixture
def broken():
    1 / 0


def test_set_up(broken):
    pass


@pytest.mark.skip
def test_skipped():
    pass
"""


@pytest.mark.process
@pytest.mark.slow
def test_check_names_failing_tests_of_a_plugin(m2m, work):
    folder = work / 'tree' / 'metrics' / 'mine'
    folder.mkdir(parents=True)
    (folder / '__init__.py').write_text("metric_registry = {}\nmetric_registry['mine'] = None\n")
    (folder / 'test.py').write_text(FAILING)
    ran = m2m('export', 'tree', '--check')
    assert ran.code == 1
    assert ran.err.splitlines()[1:] == [
        'error: 2 of the rules and tests of Brain-Score failed:',
        '  test of metrics/mine test_wrong: AssertionError: not so',
        '  test of metrics/mine test_set_up: failed on setup with "ZeroDivisionError: division by zero"',
    ]
    # Skipped tests do not count.
    (folder / 'test.py').write_text('import pytest\n\n\n@pytest.mark.skip\ndef test_skipped():\n    pass\n')
    ran = m2m('export', 'tree', '--check')
    assert ran.code == 1
    assert 'the tests of metrics/mine run' in ran.err


# Refusals, which leave nothing behind.


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('SimulatedMouse.VISp-rdm', '--to', 'zip'), 'is not a model; submit it by pull request: --to brainsc'),
        (('m2m_rdm', '--to', 'zip'), 'is not a model'),
        (('SimulatedMouse', 'new/sent.zip', '--to', 'zip'), 'is not a model'),
        (('torchvision:resnet18', '--to', 'zip'), 'is not a plugin. Export plain_NAME or neurn_NAME'),
        (('timm:resnet18', 'new', '--to', 'brainscore-tree'), 'is not a plugin'),
        (('nets/mine.py:make', '--to', 'zip'), 'mine.py:make is not a plugin. Write a plugin folder'),
        (('alexnet', '--to', 'zip'), 'alexnet is a model of brainscore_vision, so it has already been submitted'),
        (('alexnet', 'new', '--to', 'brainscore-tree'), 'already been submitted'),
        (('pixel_64', '--to', 'zip'), 'Did you mean pixels_64?'),
        (('Siegle2021.VISp-rdn', 'new', '--to', 'brainscore-tree'), 'Did you mean Siegle2021.VISp-rdm'),
        (('neurn_squeezenet1_1_k3', '--to', 'zip'), 'is called neurn_squeezenet1_1'),
        (('neurn_resnet18_after_nowhere', 'new/a.zip', '--to', 'zip', '--weights', 'none'), "no module 'nowhere'"),
        (('./nowhere', '--to', 'zip'), 'nowhere is not a model plugin: there is no such folder'),
        (('pixels_64', '--to', 'zip', '--weights', 'none'), 'pixels_64 brings its own weights'),
        (('pixels_64', 'new', '--to', 'brainscore-tree', '--seed', 1), 'pixels_64 brings its own weights'),
        (('m2m_rdm', 'new', '--to', 'brainscore-tree', '--weights-url', 'https://a.b/c'), 'brings its own weights'),
        (('plain_vgg11', 'new/a.zip', '--to', 'zip', '--weights', 'no.pth'), 'there is no weights file no.pth'),
        (('plain_vgg11', 'new', '--to', 'brainscore-tree', '--weights', 'no.pth'), 'there is no weights file no.pth'),
        (
            ('plain_vgg11', '--to', 'zip', '--weights-url', 'https://a.b/c.pth'),
            'name the same file on this machine: --weights FILE',
        ),
        (
            ('plain_vgg11', 'new', '--to', 'brainscore-tree', '--weights', 'no.pth', '--weights-url', 'c.pth'),
            "--weights-url is 'c.pth'; expected an address that begins with https://",
        ),
        (('pixels_64', 'sent', '--to', 'zip'), 'name a file whose name ends in .zip'),
        (('pixels_64', 'new/sent.tar', '--to', 'zip'), 'name a file whose name ends in .zip'),
        (('pixels_64', 'my sent.zip', '--to', 'zip'), 'ends in .zip and has no spaces'),
        (('pixels_64', '/proc/no/sent.zip', '--to', 'zip'), 'cannot write to /proc/no: '),
        (('pixels_64', '/proc/no', '--to', 'brainscore-tree'), 'cannot write to /proc/no/brainscore_vision/models: '),
        (('nowhere.zip', '--check'), 'there is no nowhere.zip; expected a zip archive'),
        (('.', '--check'), 'no plugin folder to check'),
    ],
)
def test_refusals(arguments, message, m2m, m2m_home, work, offline):
    ran = m2m('export', *arguments)
    assert ran.code == 1
    assert ran.err.startswith('error: ')
    assert message in ran.err
    assert ran.out == ''
    assert_nothing_left(work)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('pixels_64', '--to', 'tar'), "expected zip or brainscore-tree, got 'tar'"),
        (('pixels_64',), 'give --to zip, --to brainscore-tree or --check'),
        (('pixels_64', '--to', 'brainscore-tree'), 'brainscore-tree needs a folder to write to'),
        ((), 'Missing argument'),
    ],
)
def test_wrong_usage(arguments, message, m2m, work):
    ran = m2m('export', *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert_nothing_left(work)


@pytest.mark.slow
def test_destinations_that_exist(m2m, work):
    (work / 'folder.zip').mkdir()
    (work / 'file').write_text('mine')
    ran = m2m('export', 'pixels_64', 'folder.zip', '--to', 'zip')
    assert ran.code == 1
    assert 'name a file whose name ends in .zip' in ran.err
    for destination, to in (('file/sent.zip', 'zip'), ('file', 'brainscore-tree')):
        ran = m2m('export', 'pixels_64', destination, '--to', to)
        assert ran.code == 1
        assert f'cannot write to {work / "file" if to == "zip" else "file"}' in ran.err
    # One of a benchmark's three folders exists, so the others are not written.
    (work / 'tree' / 'brainscore_vision' / 'metrics' / 'm2m_rdm').mkdir(parents=True)
    ran = m2m('export', 'SimulatedMouse-rdm', 'tree', '--to', 'brainscore-tree')
    assert ran.code == 1
    assert 'tree/brainscore_vision/metrics/m2m_rdm already exists and differs; remove it' in ran.err
    assert sorted(path.relative_to(work).as_posix() for path in work.rglob('*')) == [
        'file',
        'folder.zip',
        'tree',
        'tree/brainscore_vision',
        'tree/brainscore_vision/metrics',
        'tree/brainscore_vision/metrics/m2m_rdm',
    ]


def test_other_names_of_areas(m2m, work):
    ran = m2m('export', 'Siegle2021.v1-cka', 'tree', '--to', 'brainscore-tree')
    assert ran.code == 0
    assert ran.err.splitlines()[0].endswith(': Siegle2021.v1-cka as Siegle2021.VISp-cka.')
    assert [Path(line).name for line in ran.out.splitlines()] == ['siegle2021', 'siegle2021']


@pytest.mark.slow
def test_two_benchmarks_share_their_metrics(m2m, work):
    for name in ('SimulatedMouse-rdm', 'Siegle2021.VISp-rdm', 'SimulatedMouse.VISp-ridge'):
        assert m2m('export', name, 'tree', '--to', 'brainscore-tree').code == 0
    plugins = sorted(path.relative_to(work / 'tree' / 'brainscore_vision') for path in work.glob('tree/*/*/*'))
    assert [str(plugin) for plugin in plugins] == [
        'benchmarks/siegle2021',
        'benchmarks/simulated',
        'data/siegle2021',
        'data/simulated',
        'metrics/m2m_rdm',
        'metrics/m2m_ridge',
    ]


def test_an_archive_is_replaced(m2m, work):
    (work / 'sent.zip').write_bytes(b'older')
    assert m2m('export', 'pixels_64', 'sent.zip', '--to', 'zip').code == 0
    assert zipfile.is_zipfile(work / 'sent.zip')
    assert [path.name for path in work.iterdir()] == ['sent.zip']


@pytest.mark.parametrize(
    ('files', 'message'),
    [
        ({'__init__.py': 'x = 1\n'}, "has 0 lines of the form model_registry['identifier'] = …; expected one"),
        (
            {'__init__.py': INIT.format(name='a') + "model_registry['b'] = 1\n"},
            "has 2 lines of the form model_registry['identifier'] = …: a, b; expected one",
        ),
        ({'__init__.py': INIT.format(name='a-1')}, 'no hyphen in the identifier: a-1'),
        ({'__init__.py': INIT.format(name='a 1')}, "no spaces in names: 'a 1/"),
        ({'__init__.py': INIT.format(name='a/b')}, "registers 'a/b', which cannot be the name of a folder"),
        ({'__init__.py': INIT.format(name='../../b')}, 'cannot be the name of a folder'),
        ({'test.py': None}, 'a test.py in the plugin folder: mini/ has none'),
        ({'my notes.txt': ''}, "no spaces in names: 'mini/models/mini/my notes.txt'"),
        ({'maps/metadata.yaml': ''}, 'no metadata.yaml: mini/models/mini/maps/metadata.yaml'),
        ({'model.py': 'x = (\n'}, "own/model.py is not Python that can be parsed: '(' was never closed"),
        ({'model.py': 'from ..other import x\n'}, 'own/model.py, line 1 imports from outside the plugin'),
        ({'model.py': 'import m2m_benchmarks.errors\n'}, 'own/model.py, line 1: write `from m2m_benchmarks'),
    ],
)
@pytest.mark.several
def test_folders_that_cannot_be_submitted(files, message, m2m, work):
    folder = plugin(work.parent / 'own')
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).unlink() if content is None else (folder / name).write_text(content)
    ran = m2m('export', folder, 'new/sent.zip', '--to', 'zip')
    assert ran.code == 1
    assert message in ran.err
    assert ran.out == ''
    assert_nothing_left(work)


@pytest.mark.slow
def test_a_folder_of_51_mb(m2m, work):
    folder = plugin(work.parent / 'own')
    (folder / 'weights.bin').write_bytes(torch.randint(256, (51_000_000,), dtype=torch.uint8).numpy().tobytes())
    ran = m2m('export', folder, '--to', 'zip')
    assert ran.code == 1
    assert 'at most 50 MB: mini.zip has 51.0 MB' in ran.err
    assert_nothing_left(work)


def test_into_the_folder_that_is_exported(m2m, work):
    folder = plugin(work / 'own')
    before = sorted(work.rglob('*'))
    ran = m2m('export', folder, folder / 'tree', '--to', 'brainscore-tree')
    assert ran.code == 1
    assert 'the folder to copy; name another folder' in ran.err
    assert sorted(work.rglob('*')) == before


# Interruptions.


def interrupt(after=0):
    """Decorator of a function that is interrupted after `after` calls."""

    def decorate(function):
        calls = []

        def call(*arguments, **options):
            calls.append(1)
            if len(calls) > after:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return call

    return decorate


@pytest.mark.parametrize(
    ('where', 'name'),
    [
        (exporting, 'load_candidate'),
        (exporting.models, 'copy_self_contained'),
        (exporting.models.safetensors.torch, 'save_file'),
        (exporting, '_archive'),
        (exporting, 'check_folder'),
        (exporting.shutil, 'copyfileobj'),
        (Path, 'replace'),
    ],
)
@pytest.mark.several
def test_an_interrupted_zip(where, name, m2m, work, monkeypatch):
    arguments = ('export', 'plain_squeezenet1_1', 'new/sent.zip', '--to', 'zip', '--weights', 'none')
    with monkeypatch.context() as patch:
        if name == 'copyfileobj':  # in the middle of the archive itself
            patch.setattr(exporting.shutil, name, cut_short)
        else:
            patch.setattr(where, name, interrupt()(getattr(where, name)))
        ran = m2m(*arguments)
        assert (ran.code, ran.out) == (130, '')
        assert_nothing_left(work)
        (work / 'new').mkdir()
        (work / 'new' / 'sent.zip').write_bytes(b'older')
        assert m2m(*arguments).code == 130
    assert [path.read_bytes() for path in (work / 'new').iterdir()] == [b'older']


def cut_short(source, target, length=0):
    target.write(source.read(100))
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ('where', 'name'), [(exporting, 'copy_self_contained'), (Path, 'rename'), (tempfile, 'mkstemp')]
)
@pytest.mark.parametrize('after', [0, 1, 2])
@pytest.mark.several
@pytest.mark.slow
def test_an_interrupted_tree(where, name, after, m2m, work, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(where, name, interrupt(after)(getattr(where, name)))
        ran = m2m('export', 'SimulatedMouse-rdm', 'new/tree', '--to', 'brainscore-tree')
    assert (ran.code, ran.out) == (130, '')
    assert_nothing_left(work)
    assert m2m('export', 'SimulatedMouse-rdm', 'new/tree', '--to', 'brainscore-tree').code == 0


def test_a_disk_that_is_full(m2m, work, monkeypatch):
    def full(*_, **__):
        raise OSError(28, 'No space left on device')

    for arguments in (('new/sent.zip', '--to', 'zip'), ('new', '--to', 'brainscore-tree')):
        with monkeypatch.context() as patch:
            patch.setattr(Path, 'rename', full)
            patch.setattr(Path, 'replace', full)
            ran = m2m('export', 'pixels_64', *arguments)
        assert ran.code == 1
        assert 'No space left on device' in ran.err
        assert_nothing_left(work)


def test_from_python(work):
    assert export_zip('pixels_64') == work / 'pixels_64.zip'
    assert export_tree('m2m_rdm', work / 'tree') == [work / 'tree' / 'brainscore_vision' / 'metrics' / 'm2m_rdm']
