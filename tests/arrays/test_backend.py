import numpy as np
import pytest
import torch

from m2m_benchmarks.arrays import (
    cross_predict,
    gram_reduce,
    kernel,
    kfold,
    predict_with_influence,
    ridge,
    shuffle_splits,
)
from m2m_benchmarks.arrays.backend import BACKENDS, VARIABLE, get_backend, namespace, set_backend, to_backend, to_numpy
from m2m_benchmarks.arrays.kernels import decompose
from m2m_benchmarks.arrays.noise_corrected import noise_corrected_pls
from m2m_benchmarks.arrays.pls import pls_predict
from m2m_benchmarks.errors import M2MError, UnknownNameError

NO_CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason='PyTorch finds no graphics card with CUDA')
#: Backends beside numpy.
OTHERS = ['torch', pytest.param('torch_cuda', marks=NO_CARD)]


@pytest.fixture(autouse=True)
def default(monkeypatch):
    """No backend is named, and none is left named."""
    monkeypatch.setenv(VARIABLE, 'numpy')
    monkeypatch.delenv(VARIABLE)


def simulated(n_stimuli=30, n_features=75, n_neurons=40):
    """Float32 features, one of them constant, and neurons that follow some of their directions."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n_stimuli, 6))
    features = latent @ rng.normal(size=(6, n_features)) + rng.normal(size=(n_stimuli, n_features))
    features[:, 3] = 0.1
    responses = latent @ rng.normal(size=(6, n_neurons)) + 2 * rng.normal(size=(n_stimuli, n_neurons))
    return features.astype(np.float32), responses


def inner_products(features, _):
    reduced = gram_reduce(features)
    return reduced @ reduced.T


def one_ridge(features, responses):
    predictions, chosen = ridge(kernel(features), responses, kfold(len(features))[0])
    return np.vstack([predictions, chosen])


def noise_corrected(features, responses):
    trials = responses + np.random.default_rng(1).normal(size=(6, *responses.shape))
    return noise_corrected_pls(features, trials, shuffle_splits(len(features), train_size=0.5)[:2], 2).values


#: Functions of features and responses that use the backend.
FUNCTIONS = {
    'kernel': lambda features, _: kernel(features),
    'gram_reduce': inner_products,
    'ridge': one_ridge,
    'cross_predict': lambda features, responses: cross_predict(features, responses, kfold(len(features))),
    'one penalty': lambda features, responses: cross_predict(features, responses, kfold(len(features)), [1.0], False),
    'influence': lambda features, responses: predict_with_influence(features, responses, kfold(len(features))),
    'pls': lambda features, responses: pls_predict(features, responses, kfold(len(features))),
    'noise-corrected pls': noise_corrected,
}
#: More features than stimuli and fewer, more neurons and fewer, one neuron, and so many stimuli that no decomposition
#: is kept.
SHAPES = [(30, 75, 40), (30, 8, 3), (30, 24, 1), (260, 300, 20)]


@pytest.mark.parametrize('backend', OTHERS)
@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('name', FUNCTIONS)
def test_equals_numpy_and_is_computed_by_the_backend(name, shape, backend):
    function, arrays = FUNCTIONS[name], simulated(*shape)
    with torch.autograd.profiler.profile() as by_numpy:
        expected = np.array(function(*arrays))
    set_backend(backend)
    with torch.autograd.profiler.profile() as by_torch:
        values = np.array(function(*arrays))
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())
    products = {'aten::mm', 'aten::bmm', 'aten::matmul'}
    assert not products & {event.name for event in by_numpy.function_events}
    small = name == 'gram_reduce' and shape[1] <= shape[0]  # it returns its input
    assert small != bool(products & {event.name for event in by_torch.function_events})


@pytest.mark.parametrize('backend', OTHERS)
@pytest.mark.parametrize('name', ['cross_predict', 'influence', 'pls'])
def test_constant_features_and_neurons(name, backend):
    features, responses = simulated()
    responses[:, 2] = 1.3
    cases = [(np.ones_like(features), responses), (features, responses), (features, np.ones_like(responses))]
    expected = [FUNCTIONS[name](*case) for case in cases]
    set_backend(backend)
    for case, values in zip(cases, expected, strict=True):
        np.testing.assert_allclose(FUNCTIONS[name](*case), values, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('backend', OTHERS)
def test_decompositions_of_one_backend_are_not_used_by_another(backend):
    arrays = simulated()
    first = FUNCTIONS['cross_predict'](*arrays)
    set_backend(backend)
    FUNCTIONS['cross_predict'](*arrays)
    fold = decompose(kernel(arrays[0]), kfold(30)[0])
    assert fold.vectors.device.type == ('cuda' if backend == 'torch_cuda' else 'cpu')
    set_backend('numpy')
    np.testing.assert_array_equal(FUNCTIONS['cross_predict'](*arrays), first)


@pytest.mark.parametrize('backend', OTHERS)
def test_errors_are_those_of_numpy(backend):
    set_backend(backend)
    features, responses = simulated()
    features[2, 3] = np.nan
    with pytest.raises(ValueError, match='the features contain NaN'):
        kernel(features)
    with pytest.raises(ValueError, match='the features contain NaN'):
        gram_reduce(features)
    with pytest.raises(ValueError, match='at least 3 training stimuli'):
        ridge(np.eye(4), responses[:4], (np.array([0, 1]), np.array([2, 3])))


@pytest.mark.parametrize('backend', ['numpy', *OTHERS])
@pytest.mark.parametrize(
    'values',
    [
        np.arange(6, dtype=np.float16).reshape(2, 3),
        np.arange(6.0)[::-1],
        np.zeros((0, 4)),
        np.broadcast_to(1.0, (2, 3)),
    ],
    ids=['float16', 'backwards', 'empty', 'read-only'],
)
@pytest.mark.filterwarnings('error')
def test_there_and_back(backend, values):
    set_backend(backend)
    moved = to_backend(values)
    assert isinstance(moved, np.ndarray if backend == 'numpy' else torch.Tensor)
    back = to_numpy(moved)
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, values)


class TestNames:
    def test_numpy_is_the_default(self, monkeypatch):
        assert (get_backend(), namespace()) == ('numpy', np)
        monkeypatch.setenv(VARIABLE, '')
        assert get_backend() == 'numpy'

    def test_the_environment_variable(self, monkeypatch):
        monkeypatch.setenv(VARIABLE, 'torch')
        assert (get_backend(), namespace()) == ('torch', torch)

    def test_unknown(self, monkeypatch):
        with pytest.raises(UnknownNameError, match=r"unknown array backend 'troch'\. .*torch"):
            set_backend('troch')
        assert get_backend() == BACKENDS[0]
        monkeypatch.setenv(VARIABLE, 'jax')
        with pytest.raises(UnknownNameError, match="unknown array backend 'jax'"):
            kernel(np.eye(3))

    @pytest.mark.skipif(torch.cuda.is_available(), reason='PyTorch finds a graphics card with CUDA')
    def test_no_graphics_card(self):
        with pytest.raises(M2MError, match=r'finds no graphics card with CUDA, .* choose numpy or torch'):
            set_backend('torch_cuda')
        assert get_backend() == 'numpy'
