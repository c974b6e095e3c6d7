"""Access to the internals of Brain-Score's models.

Only this module uses Brain-Score's names that start with an underscore, attributes that it doesn't document, and the
names of its modules that store responses: when they change, it alone changes. docs/architecture.md lists the
exceptions.
"""

import contextlib
import functools
import inspect
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from brainscore_vision.model_helpers.activations import core, pytorch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_helpers.brain_transformation.behavior import LabelBehavior, ProbabilitiesMapping
from brainscore_vision.model_interface import BrainModel
from torch import nn

from m2m_benchmarks.errors import ModelError
from m2m_benchmarks.plugins.environment import environment_variable
from m2m_benchmarks.scoring import resized_images
from m2m_benchmarks.scoring.layers import input_dtype, responses, submodules
from m2m_benchmarks.scoring.provenance import COLOURED

#: Methods that Brain-Score's wrapper records with; a plugin that overrides one records differently.
_RECORDING = ('get_activations', 'get_layer', 'register_hook', '_tensor_to_numpy')

#: Functions of Brain-Score whose stored results depend on models.
_MODEL_CACHES = (
    'brainscore_vision.model_helpers',
    'brainscore_vision.models',
    'brainscore_vision.benchmark_helpers.properties_common',
)


class NetworkWrapper(PytorchWrapper):
    """Brain-Score's wrapper, which also records single tensors in a tuple and the network's own output."""

    def get_activations(self, images: Sequence[Any], layer_names: Sequence[str]) -> OrderedDict[str, np.ndarray]:
        """Record the responses of layers to one batch of preprocessed images."""
        if 'logits' in layer_names:  # Brain-Score's name for the last layer
            recorded: OrderedDict[str, np.ndarray] = super().get_activations(images, layer_names)
            return recorded
        batch = torch.stack([torch.as_tensor(image) for image in images])
        batch = batch.to(self._device, input_dtype(self._model, batch.dtype))
        layers = submodules(self._model, layer_names, self.identifier)
        return OrderedDict(responses(self._model, batch, layers, self._forward_kwargs))


def wrap(
    identifier: str,
    module: nn.Module,
    preprocessing: Callable[[Sequence[str]], Any],
    image_size: int | None,
    batch_size: int | None = None,
    device: str | None = None,
) -> NetworkWrapper:
    """Put a network into Brain-Score's wrapper.

    Parameters
    ----------
    identifier : str
    module : nn.Module
    preprocessing : callable
        Function of the paths of image files that returns the network's input.
    image_size : int or None
        Side of the images in pixels, where it is known.
    batch_size : int, optional
        Largest number of images in a forward pass.
    device : str, optional
        Device of the network; by default a GPU where there is one.

    Raises
    ------
    ModelError
        When this machine has no such device, or the network can't be moved to it.
    """
    options = {} if batch_size is None else {'batch_size': batch_size}
    wrapper = NetworkWrapper(module, preprocessing, identifier, **options)
    if device is not None:
        try:
            wrapper._device = torch.device(device)
            module.to(torch.empty(0, device=wrapper._device).device)
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f'device={device!r} does not work on this machine: {reason}') from error
    wrapper.image_size = image_size
    return wrapper


@contextlib.contextmanager
def own_probe_image() -> Iterator[None]:
    """Let Brain-Score measure the input size of models that are made in the block on an image of this library.

    It would write an image of the same shape to a temporary folder, and leave it there.
    """
    before = core._probe_image_path
    core._probe_image_path = str(COLOURED)
    try:
        yield
    finally:
        core._probe_image_path = before


@contextlib.contextmanager
def no_stored_activations() -> Iterator[None]:
    """Keep Brain-Score from reusing stored responses of models.

    Its store knows a model's name and input shape, not its weights, so a changed model would get old activations.
    Ceilings, which don't depend on models, are still stored.
    """
    before = os.environ.get('RESULTCACHING_DISABLE') or '0'  # an empty prefix would match everything
    value = before if before == '1' else ','.join([before, *_MODEL_CACHES])
    with environment_variable('RESULTCACHING_DISABLE', value):
        yield


@contextlib.contextmanager
def put_back(model: object) -> Iterator[None]:
    """Put a user's network back on exit: into the mode of each module, and onto the device of each tensor.

    The random numbers that it draws don't change those of the user.

    Parameters
    ----------
    model : object
        Network, Brain-Score model with one, or anything else, which is left alone.
    """
    if isinstance(model, BrainModel):
        wrapper = wrapper_of(model)
        model = None if wrapper is None else network_in(wrapper)
    if not isinstance(model, nn.Module):
        yield
        return
    # TorchScript that is frozen has no mode.
    modes = [(module, module.training) for module in model.modules() if hasattr(module, 'training')]
    devices = [(tensor, tensor.device) for tensor in (*model.parameters(), *model.buffers())]
    try:
        with torch.random.fork_rng([]):
            yield
    finally:
        for module, mode in modes:
            if module.training != mode:
                module.training = mode
        for tensor, device in devices:
            if tensor.device != device:
                tensor.data = tensor.data.to(device)


def wrapper_of(model: BrainModel) -> PytorchWrapper | None:
    """Brain-Score's wrapper around the network of a model; None for a model of another kind."""
    wrapper = getattr(model, 'activations_model', None)
    # Brain-Score's proxy, which switches off its cache, holds the wrapper.
    wrapper = getattr(wrapper, '_wrapper', wrapper)
    return wrapper if isinstance(wrapper, PytorchWrapper) else None


def network_in(wrapper: PytorchWrapper) -> nn.Module | None:
    """Network in a wrapper; None where a plugin's own wrapper keeps it elsewhere."""
    return getattr(wrapper, '_model', None)


def device_of(wrapper: PytorchWrapper) -> torch.device:
    """Device that a wrapper runs its network on."""
    device: torch.device = wrapper._device
    return device


def forward_options(wrapper: PytorchWrapper) -> Mapping[str, Any]:
    """Keyword arguments, besides the images, that a wrapper passes to its network."""
    options: Mapping[str, Any] = wrapper._forward_kwargs
    return options


def preprocess(wrapper: PytorchWrapper, paths: Sequence[str]) -> Any:
    """Read image files and preprocess them as a wrapper does, one after the other.

    For Brain-Score's usual preprocessing, images are decoded and resized once for all networks of an input size.
    """
    function = wrapper._extractor.preprocess
    if isinstance(function, functools.partial) and function.func is pytorch.load_preprocess_images:
        function = functools.partial(resized_images.load_preprocess_images, *function.args, **function.keywords)
    return function(list(paths))


def records_differently(wrapper: PytorchWrapper) -> bool:
    """Whether a plugin's wrapper class overrides a method that Brain-Score's records with."""
    return not isinstance(wrapper, NetworkWrapper) and any(
        inspect.getattr_static(type(wrapper), name) is not inspect.getattr_static(PytorchWrapper, name)
        for name in _RECORDING
    )


def apply_hooks(wrapper: PytorchWrapper, responses: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Apply a plugin's hooks, such as a PCA, to the responses to one batch, by layer."""
    hooks: dict[Any, Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]] = (
        wrapper._extractor._batch_activations_hooks.copy()
    )
    for hook in hooks.values():
        responses = hook(responses)
    return responses


def is_commitment(model: BrainModel) -> bool:
    """Whether a model is a ModelCommitment, or built like one."""
    return hasattr(model, 'layer_model')


def region_layers(model: BrainModel) -> Mapping[str, Any]:
    """Layer or layers of each area that a model maps; empty for a model that maps none."""
    return getattr(getattr(model, 'layer_model', None), 'region_layer_map', None) or {}


def readout_layers(model: BrainModel) -> list[str]:
    """Layers that a model's readout of class probabilities uses; empty for a model of another kind."""
    return list(getattr(_behavior(model, BrainModel.Task.probabilities), 'readout', []))


def readout_of(identifier: str, wrapper: PytorchWrapper, layer: str) -> BrainModel:
    """Brain-Score's readout of class probabilities from one layer of a network."""
    return ProbabilitiesMapping(identifier, wrapper, layer)


def answers_for_imagenet_only(model: BrainModel) -> bool:
    """Whether a model answers the task `label` as Brain-Score does, for ImageNet's 1,000 outputs only."""
    return type(_behavior(model, BrainModel.Task.label)) is LabelBehavior


def _behavior(model: BrainModel, task: BrainModel.Task) -> Any:
    return getattr(getattr(model, 'behavior_model', None), 'mapping', {}).get(task)


@contextlib.contextmanager
def reset_to_passive(model: BrainModel) -> Iterator[None]:
    """Return a ModelCommitment to the passive task on exit: with another task it does not record for benchmarks."""
    try:
        yield
    finally:
        if isinstance(model, ModelCommitment):
            model.start_task(BrainModel.Task.passive)
