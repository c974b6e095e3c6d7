"""Weights from files, refused files, and the fingerprint."""

import argparse
import copy
import datetime
import functools
import http.server
import pickle
import re
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.scoring.weights import (
    apply_weights,
    download_weights,
    read_checkpoint,
    read_weights,
    weights_sha256,
)
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
@pytest.mark.parametrize(
    'prefix', ['', 'module.', 'model.', 'net.encoder.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.model.']
)
@pytest.mark.seconds
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


@pytest.mark.parametrize(
    ('convert', 'words'),
    [
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), 'is quantized'),
        (lambda x: x.to_sparse(), 'is a sparse tensor'),
        (lambda x: x.to('meta'), 'is on the meta device'),
        (lambda x: x.to(torch.complex64), 'is of complex numbers'),
    ],
)
def test_tensors_that_are_no_plain_numbers(tmp_path, convert, words):
    module = built()
    state = module.state_dict()
    state['0.bias'] = convert(state['0.bias'])
    before = weights_sha256(module)
    with pytest.raises(ModelError, match=rf'w\.pth: 0\.bias {words}.*; mine has plain numbers there'):
        apply_weights(module, state, tmp_path / 'w.pth', 'mine')
    assert weights_sha256(module) == before


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


def test_a_compiled_part_of_a_network(tmp_path):
    original, other = built(0), built(1)
    state = {name.replace('1.', '1._orig_mod.', 1): value for name, value in original.state_dict().items()}
    assert '1._orig_mod.weight' in state
    apply_weights(other, state, tmp_path / 'w.pth', 'other')
    assert weights_sha256(other) == weights_sha256(original)


def test_parts_of_a_training_module_beside_the_network(tmp_path):
    original, other = built(0), built(1)
    state = {f'encoder.{name}': value for name, value in original.state_dict().items()}
    beside = {'projector.0.weight': torch.ones(2, 2), 'loss.scale': torch.ones(1)}
    assert apply_weights(other, {**state, **beside}, tmp_path / 'w.pth', 'other') == ['projector', 'loss']
    assert weights_sha256(other) == weights_sha256(original)
    twins = {f'{part}.{name}': value for part in ('student', 'teacher') for name, value in built().state_dict().items()}
    with pytest.raises(ModelError, match='holds several networks of this kind: student, teacher'):
        apply_weights(other, twins, tmp_path / 'w.pth', 'other')


def test_names_of_older_versions(tmp_path):
    """Those that PyTorch (counters of batches), torchvision (MLPs) and its builders (DenseNets) know themselves."""
    original, other = built(0), built(1)
    state = {name: value for name, value in original.state_dict().items() if 'num_batches' not in name}
    apply_weights(other, state, tmp_path / 'w.pth', 'other')
    assert all(torch.equal(other.state_dict()[name], state[name]) for name in state)

    torch.manual_seed(0)
    blocks = [torchvision.models.vision_transformer.MLPBlock(4, 8, 0.0) for _ in range(2)]
    state = blocks[0].state_dict()
    old = {
        name.replace('0.', 'linear_1.', 1) if name[0] == '0' else name.replace('3.', 'linear_2.', 1): value
        for name, value in state.items()
    }
    assert set(old) == {'linear_1.weight', 'linear_1.bias', 'linear_2.weight', 'linear_2.bias'}
    apply_weights(blocks[1], old, tmp_path / 'w.pth', 'block')
    assert weights_sha256(blocks[1]) == weights_sha256(blocks[0])

    layers = [torchvision.models.densenet._DenseLayer(4, 2, 2, 0.0) for _ in range(2)]
    nets = [nn.ModuleDict({'denselayer1': layer, 'fc': nn.Linear(1, 1)}) for layer in layers]
    old = {re.sub(r'(norm|conv)([12])', r'\1.\2', name): value for name, value in nets[0].state_dict().items()}
    assert 'denselayer1.norm.1.weight' in old
    apply_weights(nets[1], old, tmp_path / 'w.pth', 'densenet')
    assert weights_sha256(nets[1]) == weights_sha256(nets[0])


def classifier(n_classes=5, head=None, auxiliary=False):
    torch.manual_seed(n_classes)
    parts = {'body': nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4))}
    if auxiliary:
        parts['aux'] = nn.Linear(4, n_classes)
    return nn.ModuleDict({**parts, 'fc': head or nn.Linear(4, n_classes)})


@pytest.mark.parametrize(
    ('network', 'other', 'left_out'),
    [
        (classifier(), classifier(9), []),  # other classes
        (classifier(auxiliary=True), classifier(9, auxiliary=True), []),
        (classifier(5, nn.Conv2d(4, 5, 1)), classifier(9, nn.Conv2d(4, 9, 1)), []),
        (classifier(), classifier(9, nn.Identity()), ['fc']),  # none
        (classifier(), classifier(9, nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 9))), ['fc']),
        (classifier(5, nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5))), classifier(9, nn.Identity()), ['fc']),
    ],
)
def test_another_head_or_none(tmp_path, network, other, left_out):
    state = {f'model.{name}': value for name, value in other.state_dict().items()}
    assert apply_weights(network, state, tmp_path / 'w.pth', 'mine') == left_out
    assert torch.equal(network['body'][2].weight, other['body'][2].weight)
    if left_out:
        assert isinstance(network['fc'], nn.Identity)
    else:
        assert weights_sha256(network) == weights_sha256(other)
        assert network['fc'].weight.shape[0] == 9 == getattr(network['fc'], 'out_features', 9)


def test_a_projector_in_the_place_of_a_head(tmp_path):
    state = {**classifier(9, nn.Identity()).state_dict(), 'projector.0.weight': torch.ones(3, 3)}
    assert apply_weights(classifier(), state, tmp_path / 'w.pth', 'mine') == ['fc']


@pytest.mark.parametrize('kind', ['deeper', 'wider', 'a layer less', 'bare head weight'])
def test_a_difference_below_the_head_is_another_architecture(tmp_path, kind):
    network = classifier()
    state = classifier(9).state_dict()
    if kind == 'deeper':  # as the weights of a ResNet-34 for a ResNet-18
        state['body.3.weight'] = torch.ones(4, 4)
    elif kind == 'wider':
        state['body.2.weight'] = torch.ones(5, 4)
    elif kind == 'a layer less':
        del state['body.2.weight'], state['body.2.bias']
    else:
        del state['fc.bias']
    before = weights_sha256(network)
    with pytest.raises(ModelError, match='a different architecture from mine'):
        apply_weights(network, state, tmp_path / 'w.pth', 'mine')
    assert weights_sha256(network) == before


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
    with pytest.raises(ModelError, match='a different architecture'):
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


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'<!DOCTYPE html><html>404 not found</html>', 'is a page (HTML or XML)'),
        (b'\n <?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'is a page (HTML or XML)'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n', 'is a git-lfs pointer'),
        (b'\x89HDF\r\n\x1a\n' + bytes(99), 'is an HDF5 file'),
        (b'\x1f\x8b\x08' + bytes(99), 'is compressed by gzip'),
        (b'{"weight_map": {"a": "part-1.safetensors"}}', 'is JSON text, such as the index of weights in several files'),
        (b'model: resnet18\nlr: 0.1\n', 'is neither a file of torch.save nor of safetensors'),
        (b'\x08\x08\x12\x07pytorch', 'is neither a file of torch.save nor of safetensors'),  # ONNX
        (b'', 'is empty'),
        (b'\x80\x02', ''),
        (bytes(99), ''),
    ],
)
@pytest.mark.parametrize('name', ['w.pth', 'w.safetensors'])
def test_files_that_are_something_else(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f'{path} {words}')


def test_archives_that_are_no_state_dict(tmp_path):
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / 'program.pth')
    with pytest.raises(ModelError, match=r'program\.pth is a TorchScript program'):
        read_weights(tmp_path / 'program.pth')
    with zipfile.ZipFile(tmp_path / 'packed.pth', 'w') as archive:
        archive.writestr('w.pth', b'0')
    with pytest.raises(ModelError, match=r'packed\.pth is a zip archive that torch\.save did not write'):
        read_weights(tmp_path / 'packed.pth')
    np.savez(tmp_path / 'arrays.npz', a=np.ones(2))
    with pytest.raises(ModelError, match=r'arrays\.npz is an \.npz of numpy'):
        read_weights(tmp_path / 'arrays.npz')
    path = save(built().state_dict(), tmp_path / 'w.pth')
    with tarfile.open(tmp_path / 'packed.tar', 'w') as tar:
        tar.add(path, 'w.pth')
    with pytest.raises(ModelError, match=r'packed\.tar is a tar archive'):
        read_weights(tmp_path / 'packed.tar')


@pytest.mark.parametrize('zipped', [True, False])
def test_arguments_and_numbers_beside_a_state_dict(tmp_path, zipped):
    content = {
        'model': built().state_dict(),
        'args': argparse.Namespace(lr=0.1, output_dir=Path('runs')),
        'best': np.float64(0.7),
        'steps': np.int64(3),
    }
    torch.save(content, tmp_path / 'w.pth', _use_new_zipfile_serialization=zipped)
    state, origin = read_checkpoint(tmp_path / 'w.pth')
    assert origin == 'model'
    assert state.keys() == content['model'].keys()


def test_a_refused_object_is_named(tmp_path):
    path = save({'model': built().state_dict(), 'when': datetime.timedelta(1)}, tmp_path / 'w.pth')
    with pytest.raises(ModelError, match=r'Python objects \(datetime\.timedelta\), which are not loaded'):
        read_weights(path)


class Counts(nn.Linear):
    """Layer that saves more than its tensors."""

    calls = 0

    def get_extra_state(self):
        return {'calls': self.calls}

    def set_extra_state(self, state):
        self.calls = state['calls']


def test_what_modules_save_beside_their_tensors(tmp_path):
    first, second = (nn.Sequential(Counts(2, 2)) for _ in range(2))
    first[0].calls = 5
    path = save({'state_dict': first.state_dict()}, tmp_path / 'w.pth')
    apply_weights(second, read_weights(path), path, 'mine')
    assert second[0].calls == 5
    assert torch.equal(second[0].weight, first[0].weight)


@pytest.mark.parametrize(
    ('taken', 'others', 'left_out'),
    [
        ('module.encoder_q.', {'module.encoder_k.': True, 'module.queue': False}, ['encoder_k', 'queue']),
        ('model.', {'ema_model.': True}, ['ema_model']),
        ('net.online.', {'net.target_encoder.': True}, ['net.target_encoder']),
        ('teacher.backbone.', {'teacher.dino_head.weight': False}, ['teacher.dino_head']),
    ],
)
def test_averages_of_the_network_beside_it(tmp_path, taken, others, left_out):
    first, average = built(0).state_dict(), built(1).state_dict()
    state = {f'{taken}{name}': value for name, value in first.items()}
    for start, whole in others.items():
        state |= {f'{start}{name}': value for name, value in average.items()} if whole else {start: torch.ones(2)}
    other = built(2)
    assert apply_weights(other, state, tmp_path / 'w.pth', 'mine') == left_out
    assert weights_sha256(other) == weights_sha256(built(0))


def test_names_that_say_something_else(tmp_path):
    state = built().state_dict()
    safetensors.torch.save_file(state, tmp_path / 'pytorch_model.bin')
    torch.save(state, tmp_path / 'w.safetensors')
    for name in ('pytorch_model.bin', 'w.safetensors'):
        read = read_weights(tmp_path / name)
        assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ('content', 'origin'),
    [
        (lambda a, b: a, ''),
        (lambda a, b: {'net': a, 'epoch': 3}, 'net'),
        (lambda a, b: {'anything': a, 'acc': 0.5}, 'anything'),
        (lambda a, b: {'model_state_dict': a, 'optimizer_state_dict': {'state': {0: {'step': torch.ones(1)}}}}, None),
        (lambda a, b: {'state_dict': a, 'state_dict_ema': b}, 'state_dict, not state_dict_ema'),
        (lambda a, b: {'state_dict_ema': b, 'params': a}, 'params, not state_dict_ema'),
        (lambda a, b: {'student': b, 'teacher': a}, 'teacher, not student'),
        (lambda a, b: {'ema': {'module': a}, 'epoch': 1}, 'ema.module'),
    ],
)
def test_the_state_dict_of_several_is_named(tmp_path, content, origin):
    first, second = built(0).state_dict(), built(1).state_dict()
    path = save(content(first, second), tmp_path / 'w.pth')
    state, taken = read_checkpoint(path)
    assert taken == ('model_state_dict' if origin is None else origin)
    assert all(torch.equal(state[name], first[name]) for name in first)


def test_state_dicts_without_a_usual_key(tmp_path):
    state = built().state_dict()
    with pytest.raises(ModelError, match='holds 2 state dicts: generator, discriminator'):
        read_weights(save({'generator': state, 'discriminator': state}, tmp_path / 'w.pth'))


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


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({'a': torch.ones(1), 'epoch': 3}, 'but epoch is a int'),
        ({'fc._packed_params.dtype': torch.qint8, 'a': torch.ones(1)}, r'is a dtype \(as in quantised networks\)'),
    ],
)
def test_what_is_no_tensor_is_named(tmp_path, content, words):
    with pytest.raises(ModelError, match=words):
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
