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
#: Relative depths of the layers for primate regions: this project has no primate recordings to choose layers with.
DEPTHS = {'V1': 0.2, 'V2': 0.4, 'V4': 0.6, 'IT': 0.8}
#: Recordings with which the maps in region_layer_map were made, for the mouse areas.
CALIBRATED_ON = 'Siegle2021'
#: Batch size for Brain-Score, which pads the last batch: larger ones waste time and memory.
BATCH_SIZE = 8

BIBTEX = """@article{jalil2025neurn,
  title={NeuRN: Neuro-inspired Domain Generalization for Image Classification},
  author={Jalil, Hamd and Qazi, Ahmed and Iqbal, Asim},
  journal={arXiv preprint arXiv:2505.06881},
  year={2025}
}"""


def _parse_variant(identifier: str) -> Variant:
    variant = parse(identifier)
    if variant is None:
        raise ValueError(f'{identifier!r} is not neurn_BACKBONE or plain_BACKBONE with one of {", ".join(BACKBONES)}')
    return variant


class Network(nn.Module):
    """Images in [0, 1], NeuRN (or not), normalisation, backbone.

    Parameters
    ----------
    backbone : nn.Module
        Network of a library, whose module names get the prefix `backbone.`.
    mean, std : sequence of float
        Mean and standard deviation of each channel.
    neurn : NeuRN, optional
        Layer; None for a plain network.
    after : str
        Module of the backbone after which NeuRN is placed; '' for the input.

    Raises
    ------
    ValueError
        When the backbone has no such module; the message has the nearest names.
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
        # Not persistent: the weights are those of the backbone, with or without NeuRN.
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
            actual = f'shape {tuple(output.shape)}' if torch.is_tensor(output) else f'a {type(output).__name__}'
            raise ValueError(
                f'NeuRN cannot be placed after {self.after!r}: expected feature maps of shape (n, channels, height, '
                f'width), got {actual}'
            )
        contrast: torch.Tensor = self.neurn(output)
        return contrast

    def forward(self, images: torch.Tensor) -> Any:
        """Compute the backbone's output for images of shape (n, 3, height, width) in [0, 1]."""
        if self.neurn is not None and not self.after:
            images = self.neurn(images)
        return self.backbone((images - self.mean) / self.std)


def network(identifier: str, weights: str = 'default', seed: int = 0, n_classes: int | None = None) -> Network:
    """Build a network of the family.

    Parameters
    ----------
    identifier : str
        Name of the network, such as 'neurn_resnet18', 'plain_resnet18' or 'neurn_resnet18_k5_after_stem'.
    weights : {'default', 'none'}
        ImageNet weights that the backbone's library downloads and checks, or untrained ones.
    seed : int
        Random seed of untrained weights; twins with the same seed have the same weights.
    n_classes : int, optional
        Number of outputs, if it differs from the backbone's.

    Raises
    ------
    ValueError
        When the identifier isn't one of the family, or the backbone doesn't run on the image size it names.
    """
    variant = _parse_variant(identifier)
    try:
        backbone = build(variant.row, weights, seed, n_classes)
    except Exception as error:
        if weights == 'default' and (url := weights_url(variant.row)):
            # Downloaders rarely name the URL.
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
    """List the layers of a network of the family, in the order in which they run."""
    return [f'backbone.{layer}' for layer in _parse_variant(identifier).row.layers]


def regions(identifier: str) -> dict[str, str]:
    """Map regions to layers: from `region_layer_map` if there is a map, else primate regions by depth."""
    path = _map_path(identifier)
    if path.is_file():
        calibrated: dict[str, str] = json.loads(path.read_text(encoding='utf-8'))
        return calibrated
    return regions_by_depth(layers(identifier))


def regions_by_depth(listed: list[str]) -> dict[str, str]:
    """Map Brain-Score's primate regions to layers by depth."""
    return {region: listed[round(depth * (len(listed) - 1))] for region, depth in DEPTHS.items()}


def _map_path(identifier: str) -> Path:
    return Path(__file__).parent / 'region_layer_map' / f'{identifier}.json'


def brain_model(
    identifier: str, weights: str = 'default', seed: int = 0, classes: Sequence[str] | None = None
) -> ModelCommitment:
    """Build a network of the family as a Brain-Score model; see `network`.

    `classes`, the class of each output, are given for a network that was trained on them. It then answers the task
    `label` with them, and has no layers for mouse areas, which were chosen with ImageNet weights. The outputs of
    digitnet are the digits by default.
    """
    built = network(identifier, weights, seed, None if classes is None else len(classes))
    # Brain-Score stores activations under this name, so other weights need another name.
    name = identifier if weights == 'default' else f'{identifier}-seed{seed}'
    return as_brain_model(identifier, built, name, classes)


def as_brain_model(
    identifier: str, built: Network, stored_as: str, classes: Sequence[str] | None = None
) -> ModelCommitment:
    """Make a Brain-Score model of a network of the family, with any weights; see `brain_model`.

    `stored_as` is the name under which Brain-Score stores its activations; networks with other weights have another.
    """
    row, size = _parse_variant(identifier).row, _parse_variant(identifier).image_size
    preprocessing = functools.partial(
        load_preprocess_images,
        image_size=size,
        normalize_mean=(0.0, 0.0, 0.0),
        normalize_std=(1.0, 1.0, 1.0),
    )
    wrapper = PytorchWrapper(identifier=stored_as, model=built, preprocessing=preprocessing, batch_size=BATCH_SIZE)
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
    # Scores on these recordings don't use the map, which was made with them.
    model.calibrated_on = CALIBRATED_ON if classes is None and _map_path(identifier).is_file() else None
    return model


def variant_factory(identifier: str) -> Callable[..., ModelCommitment] | None:
    """Factory for a network of the family: `brain_model` with this identifier; None for other identifiers.

    Raises
    ------
    ValueError
        See `parse`.
    """
    return None if parse(identifier) is None else functools.partial(brain_model, identifier)
