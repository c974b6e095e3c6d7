"""Weights from files, refused files, and the fingerprint."""

import copy
import functools
import http.server
import pickle
import urllib.request

import pytest
import safetensors.torch
import torch
from torch import nn

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.weights import apply_weights, download_weights, n_outputs, read_weights, weights_sha256
from m2m_benchmarks.storage import sha256_file
from m2m_benchmarks.testing import MakesFolder, serving


def network(seed=0, width=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))


def built(seed=0, width=4):
    module = network(seed, width)
    torch.manual_seed(seed)
    module(torch.zeros(2, 3, 8, 8))  # makes the lazy layer
    return module


def save(state, path):
    if path.suffix == '.safetensors':
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize('name', ['w.pth', 'w.pt', 'w.safetensors'])
def test_round_trip(tmp_path, name):
    original, other = built(0), built(1)
    path = save(original.state_dict(), tmp_path / name)
    apply_weights(other, read_weights(path), path, 'other')
    assert weights_sha256(other) == weights_sha256(original) != weights_sha256(built(1))
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(original.eval()(images), other.eval()(images))


def test_old_format_without_zip(tmp_path):
    state = built().state_dict()
    torch.save(state, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    assert read_weights(tmp_path / 'old.pth').keys() == state.keys()


@pytest.mark.parametrize('key', ['state_dict', 'model'])
@pytest.mark.parametrize('prefix', ['', 'module.', 'model.', 'net.encoder.', '_orig_mod.'])
def test_wrappings_of_training_scripts(tmp_path, key, prefix):
    state = built().state_dict()
    content = {key: {f'{prefix}{name}': value for name, value in state.items()}, 'epoch': 3, 'best': 0.5}
    path = save(content, tmp_path / 'checkpoint.pth')
    other = built(1)
    apply_weights(other, read_weights(path), path, 'other')
    assert weights_sha256(other) == weights_sha256(built())


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_a_network_with_a_part_called_module(tmp_path, prefix):
    def wrapped(seed):
        return nn.ModuleDict({'module': built(seed)})

    path = save({f'{prefix}{name}': value for name, value in wrapped(0).state_dict().items()}, tmp_path / 'w.pth')
    other = wrapped(1)
    apply_weights(other, read_weights(path), path, 'other')
    assert weights_sha256(other) == weights_sha256(wrapped(0))


def test_another_architecture_names_all_three_kinds_of_misfit(tmp_path):
    module = built()
    state = module.state_dict()
    del state['0.bias']
    state['head.weight'] = torch.ones(2)
    state['1.weight'] = torch.ones(7)
    before = weights_sha256(module)
    with pytest.raises(ModelError) as caught:
        apply_weights(module, state, tmp_path / 'w.pth', 'torchvision:mine')
    message = str(caught.value)
    assert f'1 of its {len(module.state_dict())} tensors are missing, such as 0.bias' in message
    assert '1 tensors do not belong to it, such as head.weight' in message
    assert '1 have another shape: 1.weight is (7,), expected (4,)' in message
    assert 'torchvision:mine' in message
    assert 'w.pth' in message
    assert weights_sha256(module) == before  # nothing was loaded in part


@pytest.mark.parametrize('misfit', ['missing', 'extra', 'reshaped'])
def test_one_misfit_is_enough(tmp_path, misfit):
    module = built()
    state = module.state_dict()
    if misfit == 'missing':
        del state['4.bias']
    elif misfit == 'extra':
        state['5.bias'] = torch.ones(2)
    else:
        state['4.bias'] = torch.ones(3)
    with pytest.raises(ModelError, match='another architecture'):
        apply_weights(module, state, tmp_path / 'w.pth', 'mine')


@pytest.mark.parametrize('name', ['w.pth', 'w.safetensors', 'old.pth'])
def test_cut_short_anywhere(tmp_path, name):
    state = built(width=64).state_dict()
    path = tmp_path / name
    if name == 'old.pth':
        torch.save(state, path, _use_new_zipfile_serialization=False)
    else:
        save(state, path)
    content = path.read_bytes()
    read_weights(path)
    for length in {0, 1, 7, 8, 9, 64, len(content) // 3, len(content) // 2, len(content) - 200, len(content) - 1}:
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match=str(path)):
            read_weights(path)


def test_other_files(tmp_path):
    for content in (
        b'<html>404 not found</html>',
        b'version https://git-lfs.github.com/spec/v1\n',
        b'\x80\x02',
        b'\0' * 99,
    ):
        for name in ('w.pth', 'w.safetensors'):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ModelError, match=name):
                read_weights(tmp_path / name)


@pytest.mark.parametrize('form', ['pickle', 'torch', 'torch without zip', 'beside weights', 'named safetensors'])
def test_code_is_not_run(tmp_path, form):
    trap = tmp_path / 'made by unpickling'
    path = tmp_path / ('w.safetensors' if form == 'named safetensors' else 'w.pth')
    if form in ('pickle', 'named safetensors'):
        path.write_bytes(pickle.dumps(MakesFolder(trap)))
    elif form == 'torch':
        torch.save(MakesFolder(trap), path)
    elif form == 'torch without zip':
        torch.save({'a': MakesFolder(trap)}, path, _use_new_zipfile_serialization=False)
    else:
        torch.save({**built().state_dict(), 'extra': MakesFolder(trap)}, path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert not trap.exists()
    assert str(path) in str(caught.value)
    if form.startswith('torch') or form == 'beside weights':  # the trap works when weights are loaded carelessly
        torch.load(path, weights_only=False)
        assert trap.exists()


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / 'w.pth')
    with pytest.raises(ModelError, match=r'model.state_dict\(\)'):
        read_weights(tmp_path / 'w.pth')


@pytest.mark.parametrize('content', [{}, {'a': 1}, {'a': torch.ones(1), 'b': 'text'}, [torch.ones(1)], torch.ones(1)])
def test_files_without_a_state_dict(tmp_path, content):
    with pytest.raises(ModelError, match='a mapping of names to tensors'):
        read_weights(save(content, tmp_path / 'w.pth'))


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / 'nowhere.pth', tmp_path):
        with pytest.raises(ModelError, match=f'no weights file {path}'):
            read_weights(path)


def test_fingerprint_covers_values_types_shapes_and_names():
    module = built()
    seen = {weights_sha256(module)}

    def changed(change):
        other = copy.deepcopy(module)
        change(other)
        sha256 = weights_sha256(other)
        assert sha256 not in seen
        seen.add(sha256)

    def nudge(other):
        other[0].weight.data[0, 0, 0, 0] = torch.nextafter(other[0].weight[0, 0, 0, 0], torch.tensor(9.0)).detach()

    def negate_zero(other):
        other[1].bias.data[0] = -0.0

    def count(other):  # buffers are part of what a network computes
        other[1].num_batches_tracked += 1

    changed(nudge)
    changed(negate_zero)
    changed(count)
    changed(lambda other: other.double())
    changed(lambda other: other[0].register_parameter('bias', nn.Parameter(other[0].bias.data[None])))
    changed(lambda other: other.add_module('9', nn.Linear(1, 1)))

    renamed = nn.Sequential()
    for name, child in module.named_children():
        renamed.add_module({'4': 'head'}.get(name, name), child)
    assert weights_sha256(renamed) not in seen


def test_fingerprint_does_not_depend_on_the_origin(tmp_path):
    module = built()
    expected = weights_sha256(module)
    for name in ('w.pth', 'w.safetensors'):
        path = save(module.state_dict(), tmp_path / name)
        other = built(5)
        apply_weights(other, read_weights(path), path, 'other')
        assert weights_sha256(other) == expected
    # nor on how they lie in memory, whether they are trained on, or in which order they were registered
    module[0].weight.data = module[0].weight.data.to(memory_format=torch.channels_last)
    module.requires_grad_(False)
    assert weights_sha256(module) == expected
    reordered = nn.Sequential()
    for name, child in reversed(list(module.named_children())):
        reordered.add_module(name, child)
    assert weights_sha256(reordered) == expected


def test_fingerprint_of_equal_bytes_of_another_type():
    first, second = nn.Module(), nn.Module()
    first.register_buffer('zeros', torch.zeros(3))
    second.register_buffer('zeros', torch.zeros(3, dtype=torch.int32))
    assert weights_sha256(first) != weights_sha256(second)


def test_fingerprint_of_types_that_numpy_lacks():
    module = built().to(torch.bfloat16)
    assert weights_sha256(module) == weights_sha256(copy.deepcopy(module)) != weights_sha256(built().half())
    assert weights_sha256(nn.ReLU()) != weights_sha256(nn.Linear(1, 1))


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that a loopback server serves, and its address; downloads go to another folder."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(urllib.request, '_opener', None)  # urllib keeps the first proxies that it reads
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / 'served'
    folder.mkdir()
    with serving(functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))) as server:
        yield folder, server.url


@pytest.mark.network
def test_downloaded_weights_are_known_by_their_hash(served):
    folder, address = served
    path = save(built().state_dict(), folder / 'w.safetensors')
    sha256 = sha256_file(path)
    url = f'{address}/w.safetensors?download=true'
    downloaded = download_weights(url, sha256)
    assert downloaded.suffix == '.safetensors'
    assert read_weights(downloaded).keys() == built().state_dict().keys()
    path.unlink()
    assert download_weights(url, sha256) == downloaded  # it is kept
    downloaded.write_bytes(b'changed')
    with pytest.raises(ModelError, match=rf'could not download weights with SHA-256 {sha256} from {address}/.*404'):
        download_weights(url, sha256)
    path.write_bytes(b'something else')
    with pytest.raises(ModelError, match='invalid hash value'):
        download_weights(url, sha256)
    with pytest.raises(ModelError, match='unknown url type'):
        download_weights('w.safetensors', sha256)


def test_the_number_of_classes():
    own = {'conv.weight': torch.zeros(4, 3, 3, 3), 'fc.weight': torch.zeros(1000, 4), 'fc.bias': torch.zeros(1000)}
    state = {**own, 'fc.weight': torch.zeros(7, 4), 'fc.bias': torch.zeros(7)}
    assert n_outputs(state, own) == 7
    assert n_outputs({f'model.{name}': value for name, value in state.items()}, own) == 7
    assert n_outputs(own, own) is None
    assert n_outputs({**state, 'fc.weight': torch.zeros(7, 5)}, own) is None  # another width before it
    assert n_outputs({**state, 'conv.weight': torch.zeros(5, 3, 3, 3)}, own) is None
    assert n_outputs({'fc.weight': torch.zeros(7, 4)}, own) is None
