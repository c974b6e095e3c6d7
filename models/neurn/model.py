"""Networks with NeuRN, and their plain twins, as Brain-Score models."""

import difflib
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from brainscore_vision.model_helpers.activations.pytorch import PytorchWrapper, load_preprocess_images
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_interface import BrainModel
from torch import nn

from .backbones import BACKBONES, Variant, build, parse, weights_url
from .labels import OutputLabels
from .neurn import NeuRN

VISUAL_DEGREES = 8
#: Regions of primates follow depth: there is no primate recording in this project to choose layers with.
DEPTHS = {'V1': 0.2, 'V2': 0.4, 'V4': 0.6, 'IT': 0.8}
#: Recordings that the maps in region_layer_map were made with, for the mouse areas.
CALIBRATED_ON = 'Siegle2021'
#: Images that Brain-Score runs at once; it fills up the last batch, so a large one costs time and memory for nothing.
BATCH_SIZE = 8

BIBTEX = """@article{jalil2025neurn,
  title={NeuRN: Neuro-inspired Domain Generalization for Image Classification},
  author={Jalil, Hamd and Qazi, Ahmed and Iqbal, Asim},
  journal={arXiv preprint arXiv:2505.06881},
  year={2025}
}"""


def _parsed(identifier: str) -> Variant:
    variant = parse(identifier)
    if variant is None:
        raise ValueError(f'{identifier!r} is not neurn_BACKBONE or plain_BACKBONE with one of {", ".join(BACKBONES)}')
    return variant


class Network(nn.Module):
    """Images in [0, 1], NeuRN (or not), normalisation, backbone.

    Parameters
    ----------
    backbone : nn.Module
        Its modules are named as in its library, after `backbone.`.
    mean, std : sequence of float
        Mean and standard deviation of each channel.
    neurn : NeuRN, optional
    after : str
        Module of the backbone whose output goes through NeuRN; '' puts it at the input.

    Raises
    ------
    ValueError
        When the backbone has no such module, with the nearest names.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        backbone: nn.Module,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        neurn: NeuRN | None = None,
        after: str = '',
    ) -> None:
        super().__init__()
        # Not part of the weights: they are those of the backbone, whatever stands in front of it.
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.neurn = neurn
        self.backbone = backbone
        self.after = after
        if after:
            known = [name for name, _ in backbone.named_modules() if name]
            if after not in known:
                nearest = ', '.join(difflib.get_close_matches(after, known, 5, 0.3)) or ', '.join(known[:5])
                raise ValueError(
                    f'unknown placement of NeuRN: the backbone has no module {after!r} (nearest: {nearest}); the '
                    'placement comes last in a name'
                )
            backbone.get_submodule(after).register_forward_hook(self._contrast)

    def _contrast(self, _module: nn.Module, _inputs: Any, output: Any) -> torch.Tensor:
        assert self.neurn is not None
        if not torch.is_tensor(output) or output.dim() != 4:
            came = f'shape {tuple(output.shape)}' if torch.is_tensor(output) else f'a {type(output).__name__}'
            raise ValueError(
                f'NeuRN cannot sit after {self.after!r}: expected feature maps of shape (n, channels, height, width), '
                f'got {came}'
            )
        contrast: torch.Tensor = self.neurn(output)
        return contrast

    def forward(self, images: torch.Tensor) -> Any:
        """What the backbone makes of images of shape (n, 3, height, width) in [0, 1]."""
        if self.neurn is not None and not self.after:
            images = self.neurn(images)
        return self.backbone((images - self.mean) / self.std)


def network(identifier: str, weights: str = 'default', seed: int = 0, n_classes: int | None = None) -> Network:
    """Build a network of the family.

    Parameters
    ----------
    identifier : str
        Such as 'neurn_resnet18', 'plain_resnet18', 'neurn_resnet18_k5_after_stem'.
    weights : {'default', 'none'}
        ImageNet weights that the backbone's library downloads and checks, or untrained ones.
    seed : int
        Random seed of untrained weights; twins with the same seed have the same.
    n_classes : int, optional
        Number of outputs, where it isn't the backbone's own.

    Raises
    ------
    ValueError
        When the identifier isn't one of the family, or the backbone doesn't run on the image size it names.
    """
    variant = _parsed(identifier)
    try:
        backbone = build(variant.row, weights, seed, n_classes)
    except Exception as error:
        if weights == 'default' and (url := weights_url(variant.row)):
            # Downloaders rarely say what they were after.
            error.add_note(f'Its weights are downloaded from {url}')
        raise
    try:
        layer = None if variant.neurn is None else NeuRN(**variant.neurn)
        built = Network(backbone, *variant.row.normalization, neurn=layer, after=variant.after)
    except ValueError as error:
        raise ValueError(f'{identifier}: {error}') from error
    if variant.after or variant.image_size != variant.row.image_size:
        size = variant.image_size
        try:
            with torch.no_grad():
                built.eval()(torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)))
        except (RuntimeError, ValueError) as error:
            raise ValueError(f'{identifier} cannot be shown images of {size} x {size}: {error}') from error
    return built


def layers(identifier: str) -> list[str]:
    """Layers of a network of the family, in the order in which they run."""
    return [f'backbone.{layer}' for layer in _parsed(identifier).row.layers]


def regions(identifier: str) -> dict[str, str]:
    """Layer of each region: from `region_layer_map` where there is a map, else primate regions by depth only."""
    path = _map_path(identifier)
    if path.is_file():
        calibrated: dict[str, str] = json.loads(path.read_text(encoding='utf-8'))
        return calibrated
    return regions_by_depth(layers(identifier))


def regions_by_depth(listed: list[str]) -> dict[str, str]:
    """Layers of the primate regions of Brain-Score."""
    return {region: listed[round(depth * (len(listed) - 1))] for region, depth in DEPTHS.items()}


def _map_path(identifier: str) -> Path:
    return Path(__file__).parent / 'region_layer_map' / f'{identifier}.json'


def brain_model(
    identifier: str, weights: str = 'default', seed: int = 0, classes: Sequence[str] | None = None
) -> ModelCommitment:
    """A network of the family as a Brain-Score model; see `network`.

    With `classes`, what each output stands for, it is one that was trained on them: it answers the task `label` with
    them, and the layers of mouse areas, which were chosen with ImageNet weights, are left open. The outputs of digitnet
    stand for the digits without being told.
    """
    built = network(identifier, weights, seed, None if classes is None else len(classes))
    row, size = _parsed(identifier).row, _parsed(identifier).image_size
    preprocessing = functools.partial(
        load_preprocess_images,
        image_size=size,
        normalize_mean=(0.0, 0.0, 0.0),
        normalize_std=(1.0, 1.0, 1.0),
    )
    # Brain-Score keeps activations under this name: other weights need another.
    name = identifier if weights == 'default' else f'{identifier}-seed{seed}'
    wrapper = PytorchWrapper(identifier=name, model=built, preprocessing=preprocessing, batch_size=BATCH_SIZE)
    wrapper.image_size = size
    model = ModelCommitment(
        identifier=identifier,
        activations_model=wrapper,
        layers=layers(identifier),
        region_layer_map=regions(identifier) if classes is None else regions_by_depth(layers(identifier)),
        visual_degrees=VISUAL_DEGREES,
    )
    known = classes or row.classes
    if known:
        model.behavior_model.mapping[BrainModel.Task.label] = OutputLabels(identifier, wrapper, known)
    # Scores on these recordings don't use the map that was made with them.
    model.calibrated_on = CALIBRATED_ON if classes is None and _map_path(identifier).is_file() else None
    return model


def variant_factory(identifier: str) -> Callable[..., ModelCommitment] | None:
    """Factory of a network of the family, `brain_model` for this identifier; None for any other identifier.

    Raises
    ------
    ValueError
        See `parse`.
    """
    return None if parse(identifier) is None else functools.partial(brain_model, identifier)
