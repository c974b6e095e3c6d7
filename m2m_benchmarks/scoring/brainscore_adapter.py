"""Access to the internals of Brain-Score's models.

Only this module uses Brain-Score's names that start with an underscore, and attributes that it doesn't document: when
they change, it alone changes. (`models/` keeps a few of its own, because a model folder is submitted as it is and
imports nothing of this library.)
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_helpers.brain_transformation.behavior import LabelBehavior, ProbabilitiesMapping
from brainscore_vision.model_interface import BrainModel
from torch import nn

#: Methods that Brain-Score's wrapper records with; a plugin that overrides one records differently.
_RECORDING = ('get_activations', 'get_layer', 'register_hook', '_tensor_to_numpy')


def wrap(
    identifier: str, module: nn.Module, image_size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> PytorchWrapper:
    """Put a network into Brain-Score's wrapper, with Brain-Score's preprocessing.

    Parameters
    ----------
    identifier : str
    module : nn.Module
        Network that takes normalised RGB images, n x 3 x image_size x image_size.
    image_size : int
        Side of the images, in pixels.
    mean, std : tuple of float
        Normalisation of each channel.
    """
    preprocessing = functools.partial(
        load_preprocess_images, image_size=image_size, normalize_mean=mean, normalize_std=std
    )
    wrapper = PytorchWrapper(identifier=identifier, model=module, preprocessing=preprocessing)
    wrapper.image_size = image_size
    return wrapper


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
    """Read image files and preprocess them as a wrapper does, one after the other."""
    return wrapper._extractor.preprocess(list(paths))


def records_differently(wrapper: PytorchWrapper) -> bool:
    """Whether a plugin's wrapper class overrides a method that Brain-Score's records with."""
    return any(
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
