"""Default weights in the caches of torch.hub and Hugging Face: no code is run, and no other content is loaded."""

import hashlib
import os
import socket
import time
import urllib.request

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
import torchvision

from m2m_benchmarks import load_model
from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.models.neurn import downloads
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.testing import MakesFolder

pytestmark = pytest.mark.seconds

DEFAULT = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
LOADERS = {
    'a candidate of the family': lambda: load_candidate('plain_squeezenet1_1'),
    'torchvision': lambda: load_candidate('torchvision:squeezenet1_1'),
    'load_model': lambda: load_model('neurn_squeezenet1_1'),
    'training': lambda: family.network('plain_squeezenet1_1', 'default', n_classes=10),
}


@pytest.mark.parametrize('loader', LOADERS)
def test_code_in_the_cache_is_not_run(loader, cached_weights, offline, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')  # a user's setting for other programs
    path = cached_weights(DEFAULT, {'a': MakesFolder(tmp_path / 'ran')})
    with pytest.raises((ModelError, ValueError), match=rf'{path} holds code or Python objects, .*\. Delete it'):
        LOADERS[loader]()
    path.write_bytes(path.read_bytes() + b' ')  # with another hash, it is not even read
    with pytest.raises((ModelError, ValueError), match=rf'{path} is damaged or was replaced: its SHA-256 begins with'):
        LOADERS[loader]()
    assert not (tmp_path / 'ran').exists()
    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


@pytest.mark.parametrize('loader', ['torchvision', 'load_model'])
def test_other_weights_under_the_name_of_the_default_ones(loader, cached_weights, offline):
    torch.manual_seed(0)
    path = cached_weights(DEFAULT, torchvision.models.squeezenet1_1(weights=None).state_dict())
    LOADERS[loader]()
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    with pytest.raises(ModelError, match=r'Delete it, so that it is downloaded again; to load other weights, .*FILE\)'):
        LOADERS[loader]()


@pytest.fixture
def timm_blob(tmp_path, monkeypatch):
    """File of default weights of timm's mobilenetv1_100 in a cache of Hugging Face, whose server is not there."""
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setattr('huggingface_hub.constants.ENDPOINT', 'http://127.0.0.1:1')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
    for variable in ('http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'):
        monkeypatch.delenv(variable, raising=False)
    folder, version = tmp_path / 'models--timm--mobilenetv1_100.ra4_e3600_r224_in1k', '0' * 40
    for part in ('refs', 'blobs', f'snapshots/{version}'):
        (folder / part).mkdir(parents=True)
    (folder / 'refs' / 'main').write_text(version)
    content = safetensors.torch.save(timm.create_model('mobilenetv1_100').state_dict())
    blob = folder / 'blobs' / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    (folder / 'snapshots' / version / 'model.safetensors').symlink_to(blob)
    return blob


def test_weights_of_timm_are_known_by_the_name_of_their_blob(timm_blob):
    assert load_candidate('timm:mobilenetv1_100').weights == 'default'
    content = timm_blob.read_bytes()
    timm_blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=f'{timm_blob} is damaged or was replaced'):
        load_candidate('timm:mobilenetv1_100')


def test_a_server_of_hugging_face_that_is_not_there_is_asked_once(timm_blob, monkeypatch):
    def asked(*arguments, **options):
        raise AssertionError('asked again later')

    monkeypatch.setattr('time.sleep', asked)
    assert load_candidate('timm:mobilenetv1_100').weights == 'default'
    assert not huggingface_hub.constants.HF_HUB_OFFLINE
    with pytest.raises(
        ModelError,
        match=r'a file that could not be downloaded \(ConnectionError: 127\.0\.0\.1 cannot be reached: .*refused; '
        r'https://huggingface\.co/timm/mobilenetv2_050.*\)\. Connect to the network',
    ):
        load_candidate('timm:mobilenetv2_050')


@pytest.fixture
def silent_proxy(tmp_path, monkeypatch):
    """Set a proxy that takes connections and never answers; no weights are in the caches."""
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    for variable in ('no_proxy', 'NO_PROXY'):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(('127.0.0.1', 0)) as server:
        for variable in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
            monkeypatch.setenv(variable, 'http://127.0.0.1:{1}'.format(*server.getsockname()))
        huggingface_hub.utils.close_session()  # the next one takes the proxy
        monkeypatch.setattr(urllib.request, '_opener', None)
        yield
    huggingface_hub.utils.close_session()


@pytest.mark.network
@pytest.mark.parametrize('model', ['timm:mobilenetv2_050', 'torchvision:squeezenet1_1', 'plain_squeezenet1_1'])
def test_a_proxy_that_does_not_answer_is_not_waited_for(silent_proxy, monkeypatch, model):
    monkeypatch.setattr(downloads, '_SECONDS', 0.3)
    monkeypatch.setattr(downloads, '_SECONDS_WITHOUT_DATA', 0.3)
    start = time.perf_counter()
    with pytest.raises(ModelError, match=r'could not be downloaded \(.*timed out.*; https://.*\)\. Connect to the'):
        load_candidate(model)
    assert time.perf_counter() - start < 20
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize('file', ['resnet_600e.pth', 'vit-600e.pth.tar', 'net-20ab.pth'])
def test_names_without_a_hash(file, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    path = tmp_path / 'hub' / 'checkpoints' / file
    path.parent.mkdir(parents=True)
    torch.save({'a': MakesFolder(tmp_path / 'ran')}, path)
    url = f'https://example.org/{file}'
    with pytest.raises(ValueError, match='holds code'), downloads.loading(url):
        torch.load(path, weights_only=False)  # as torchvision and others do
    assert not (tmp_path / 'ran').exists()


def test_a_file_that_the_block_downloads_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    path = tmp_path / 'hub' / 'checkpoints' / 'net-01234567.pth'
    path.parent.mkdir(parents=True)
    with (
        pytest.raises(ValueError, match='its name says 01234567'),
        downloads.loading(f'https://example.org/{path.name}'),
    ):
        path.write_bytes(b'something')


def test_addresses_of_all_default_weights():
    """Every published file of torchvision's classifiers has its hash in its name."""
    for name in torchvision.models.list_models(torchvision.models):
        for weights in torchvision.models.get_model_weights(name):
            assert downloads._NAMED.search(weights.url), weights.url
    assert downloads.timm_url('mobilenetv1_100').startswith('https://huggingface.co/timm/mobilenetv1_100.')
    assert downloads.timm_url('gcvit_tiny').endswith('gcvit_tiny_224_nvidia-ac783954.pth')
