"""The networks of the family: library, input, layers and names.

This module imports torch only to build a network; names are checked without it.
"""

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
#: Minimum and maximum image size in a name.
SIZES = (8, 2048)


@dataclass(frozen=True)
class Backbone:
    """A backbone of the family: one row of the table.

    Attributes
    ----------
    library : {'torchvision', 'timm', ''}
        Library of the network; '' is this folder.
    name : str
        Name in the library; for timm with the tag of the weights.
    stem : str
        Last module of the stem, before the first block.
    layers : tuple of str
        10 to 20 modules in the order in which they run, the last one for readouts. No output of theirs is changed in
        place by a later module.
    weights : str
        Name of the default weights in torchvision. Networks of this folder have none.
    image_size : int
        Height and width of the input.
    normalization : (mean, std)
        Mean and standard deviation of each channel of images in [0, 1].
    fixed_size : bool
        Whether the network only takes images of this size.
    classes : tuple of str
        Classes of the outputs, if not ImageNet's.
    """

    library: str
    name: str
    stem: str
    layers: tuple[str, ...]
    weights: str = ''
    image_size: int = 224
    normalization: tuple[tuple[float, ...], tuple[float, ...]] = _IMAGENET
    fixed_size: bool = False
    classes: tuple[str, ...] = ()


def _numbered(pattern: str, *counts: int, first: int = 0) -> tuple[str, ...]:
    """Name the blocks of stages: '{}.{}' with counts (2, 3) gives 0.0, 0.1, 1.0, 1.1, 1.2."""
    return tuple(pattern.format(stage + first, block) for stage, count in enumerate(counts) for block in range(count))


def _named(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in names.split())


#: To add a backbone, add its row here and its literal line in the __init__.py of this folder and of baselines.
BACKBONES = {
    'vgg11': Backbone(
        'torchvision',
        'vgg11',
        'features.2',
        (*_named('features.', '2 5 7 10 12 15 17 20'), 'classifier.1', 'classifier.4'),
        'IMAGENET1K_V1',
    ),
    'vgg16': Backbone(
        'torchvision',
        'vgg16',
        'features.4',
        (*_named('features.', '1 4 6 9 11 13 16 18 20 23 25 27 30'), 'classifier.1', 'classifier.4'),
        'IMAGENET1K_V1',
    ),
    'vgg19': Backbone(
        'torchvision',
        'vgg19',
        'features.4',
        (*_named('features.', '1 4 6 9 11 13 15 18 20 22 24 27 29 31 33 36'), 'classifier.1', 'classifier.4'),
        'IMAGENET1K_V1',
    ),
    'resnet18': Backbone(
        'torchvision',
        'resnet18',
        'maxpool',
        ('relu', 'maxpool', *_numbered('layer{}.{}', 2, 2, 2, 2, first=1), 'avgpool'),
        'IMAGENET1K_V1',
    ),
    'resnet50': Backbone(
        'torchvision',
        'resnet50',
        'maxpool',
        ('maxpool', *_numbered('layer{}.{}', 3, 4, 6, 3, first=1), 'avgpool'),
        'IMAGENET1K_V2',
    ),
    'resnetv2_50': Backbone(
        'timm',
        'resnetv2_50.a1h_in1k',
        'stem',
        ('stem', *_numbered('stages.{}.blocks.{}', 3, 4, 6, 3), 'head.global_pool'),
        normalization=_HALF,
    ),
    'densenet121': Backbone(
        'torchvision',
        'densenet121',
        'features.pool0',
        (
            *_named('features.', 'relu0 pool0 denseblock1 transition1 denseblock2 transition2'),
            *_named('features.', 'denseblock3 transition3 denseblock4'),
            'classifier',
        ),
        'IMAGENET1K_V1',
    ),
    'mobilenet_v1': Backbone(
        'timm',
        'mobilenetv1_100.ra4_e3600_r224_in1k',
        'bn1',
        ('bn1', *_numbered('blocks.{}.{}', 1, 2, 2, 6, 2), 'global_pool'),
        normalization=_HALF,
    ),
    'mobilenet_v2': Backbone(
        'torchvision',
        'mobilenet_v2',
        'features.0',
        (*(f'features.{block}' for block in range(19)), 'classifier.0'),
        'IMAGENET1K_V2',
    ),
    'efficientnet_b0': Backbone(
        'torchvision',
        'efficientnet_b0',
        'features.0',
        ('features.0', *_numbered('features.{}.{}', 1, 2, 2, 3, 3, 4, 1, first=1), 'features.8', 'avgpool'),
        'IMAGENET1K_V1',
    ),
    'nasnet': Backbone(
        'timm',
        'nasnetalarge.tf_in1k',
        'conv0',
        (
            *_named('', 'conv0 cell_stem_0 cell_stem_1 cell_0 cell_2 cell_4 cell_5 reduction_cell_0'),
            *_named('cell_', '6 8 10 11'),
            'reduction_cell_1',
            *_named('cell_', '12 14 16'),
            'act',
            'global_pool',
        ),
        image_size=331,
        normalization=_HALF,
    ),
    'xception': Backbone(
        'timm',
        'legacy_xception.tf_in1k',
        'act2',
        ('act2', *(f'block{block}' for block in range(1, 13)), 'act3', 'act4', 'global_pool'),
        image_size=299,
        normalization=_HALF,
    ),
    'inception_v3': Backbone(
        'torchvision',
        'inception_v3',
        'maxpool1',
        (
            *_named('', 'Conv2d_1a_3x3 Conv2d_2b_3x3 maxpool1 Conv2d_4a_3x3 maxpool2'),
            *_named('Mixed_', '5b 5c 5d 6a 6b 6c 6d 6e 7a 7b 7c'),
            'avgpool',
        ),
        'IMAGENET1K_V1',
        image_size=299,
        normalization=_HALF,
    ),
    'inception_resnet_v2': Backbone(
        'timm',
        'inception_resnet_v2.tf_in1k',
        'maxpool_3a',
        (
            *_named('', 'conv2d_2b maxpool_3a maxpool_5a mixed_5b repeat.4 repeat.9 mixed_6a'),
            *_named('repeat_1.', '3 7 11 15 19'),
            *_named('', 'mixed_7a repeat_2.2 repeat_2.5 repeat_2.8 block8 conv2d_7b global_pool'),
        ),
        image_size=299,
        normalization=_HALF,
    ),
    'squeezenet1_1': Backbone(
        'torchvision',
        'squeezenet1_1',
        'features.2',
        (*(f'features.{block}' for block in range(1, 13)), 'classifier.2', 'classifier.3'),
        'IMAGENET1K_V1',
    ),
    'shufflenet_v2_x0_5': Backbone(
        'torchvision',
        'shufflenet_v2_x0_5',
        'maxpool',
        ('conv1', 'maxpool', *_numbered('stage{}.{}', 4, 8, 4, first=2), 'conv5', 'fc'),
        'IMAGENET1K_V1',
    ),
    'vit_b_16': Backbone(
        'torchvision',
        'vit_b_16',
        'conv_proj',
        (
            'conv_proj',
            *(f'encoder.layers.encoder_layer_{block}' for block in range(12)),
            'encoder.ln',
            'heads.head',
        ),
        'IMAGENET1K_V1',
        fixed_size=True,
    ),
    'digitnet': Backbone(
        '',
        'digitnet',
        'pool1',
        (*_named('', 'conv1 relu1 pool1 conv2 relu2 pool2 fc1 relu3 fc2 relu4'),),
        image_size=32,
        normalization=_HALF,
        fixed_size=True,
        classes=tuple('0123456789'),
    ),
}


@dataclass(frozen=True)
class Variant:
    """A network of the family, as its identifier describes it.

    Attributes
    ----------
    backbone : str
        Key of `BACKBONES`.
    neurn : dict or None
        Parameters of the layer; None for a plain twin.
    after : str
        Module after which the layer is placed; '' for the input, before normalisation.
    image_size : int
    """

    backbone: str
    neurn: dict[str, Any] | None
    after: str
    image_size: int

    @property
    def row(self) -> Backbone:
        """Row of the backbone in the table."""
        return BACKBONES[self.backbone]

    @property
    def identifier(self) -> str:
        """Unique name: the kind, the backbone, and settings that differ from the default."""
        parts = ['plain' if self.neurn is None else 'neurn', self.backbone]
        if self.image_size != self.row.image_size:
            parts.append(f'at{self.image_size}')
        if self.neurn is not None:
            if self.neurn['kernel_size'] != 3:
                parts.append(f'k{self.neurn["kernel_size"]}')
            parts += [self.neurn[name] for name in ('padding', 'scope') if self.neurn[name] not in ('edge', 'image')]
        if self.after:
            parts.append(f'after_{"stem" if self.after == self.row.stem else self.after}')
        return '_'.join(parts)


#: (neurn|plain)_BACKBONE, then settings that differ from the default, in this order: _at64 (image size), _k5 (kernel),
#: _zero or _reflect (padding), _channel (scope), _after_MODULE (placement; 'stem' is the backbone's stem).
_IDENTIFIER = re.compile(
    rf'(?P<kind>neurn|plain)_(?P<backbone>{"|".join(sorted(BACKBONES, key=len, reverse=True))})'
    r'(?:_at(?P<size>\d+))?(?:_k(?P<kernel>-?\d+))?(?:_(?P<padding>edge|zero|reflect))?(?:_(?P<scope>image|channel))?'
    r'(?:_after_(?P<after>[^@]+))?'
)


def parse(identifier: str) -> Variant | None:
    """Parse an identifier of the family; None for other identifiers.

    Raises
    ------
    ValueError
        When it names a backbone of the family with unknown settings, or with a setting that is the default.
    """
    start = _IDENTIFIER.match(identifier)
    if start is None:
        return None
    rest = identifier[start.end() :]
    plain = start['kind'] == 'plain'
    if rest or (plain and any(start[part] for part in ('kernel', 'padding', 'scope', 'after'))):
        expected = 'image size (_at64)'
        if not plain:
            expected += (
                ', kernel (_k5), padding (_zero, _reflect), scope of the maximum (_channel), placement (_after_stem, '
                '_after_MODULE), in this order'
            )
        raise ValueError(
            f'{identifier}: after {start["kind"]}_{start["backbone"]}, expected nothing or {expected}'
            + (f'; got {rest!r}' if rest else '')
        )
    row = BACKBONES[start['backbone']]
    after = row.stem if start['after'] == 'stem' else start['after'] or ''
    image_size = int(start['size'] or row.image_size)
    if row.fixed_size and image_size != row.image_size:
        raise ValueError(
            f'{start["backbone"]} takes images of {row.image_size} x {row.image_size} only, got {image_size}'
        )
    if not SIZES[0] <= image_size <= SIZES[1]:
        raise ValueError(f'{identifier}: expected images of {SIZES[0]} to {SIZES[1]} pixels a side, got {image_size}')
    layer: dict[str, Any] | None = None
    if not plain:
        layer = {
            'kernel_size': int(start['kernel'] or 3),
            'padding': start['padding'] or 'edge',
            'scope': start['scope'] or 'image',
        }
        kernel = layer['kernel_size']
        if not after and kernel > image_size:
            raise ValueError(
                f'{identifier}: the kernel of {kernel} x {kernel} is larger than the images of '
                f'{image_size} x {image_size}'
            )
    variant = Variant(start['backbone'], layer, after, image_size)
    if variant.identifier != identifier:
        raise ValueError(f'{identifier} is called {variant.identifier}: defaults are left out of names')
    return variant


def build(backbone: Backbone, weights: str = 'default', seed: int = 0, n_classes: int | None = None) -> 'nn.Module':
    """Build a network as its library defines it.

    Parameters
    ----------
    backbone : Backbone
    weights : {'default', 'none'}
        ImageNet weights, which the library downloads and checks, or untrained ones.
    seed : int
        Random seed of untrained weights.
    n_classes : int, optional
        Number of outputs, if it differs from that of the default weights; the last layer is then untrained.

    Returns
    -------
    nn.Module
        Network for normalised images of shape (n, 3, image_size, image_size).

    Raises
    ------
    ValueError
        When `weights` has another value, or is 'default' for a network that has none; or the file of the default
        weights holds code or is not what its name says.
    """
    if weights not in ('default', 'none'):
        raise ValueError(f"weights are {weights!r}, expected 'default' or 'none'")
    if weights == 'default' and not has_default_weights(backbone):
        raise ValueError(
            f'{backbone.name} has no default weights: train it (m2m train), or take --weights none or a file'
        )
    import torch

    from .digitnet import DigitNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if not backbone.library:
            return DigitNet(n_classes or len(backbone.classes))
        outputs: dict[str, Any] = {} if n_classes is None else {'num_classes': n_classes}
        if backbone.library == 'timm':
            import timm

            with _loading(backbone, weights):
                network: nn.Module = timm.create_model(backbone.name, pretrained=weights == 'default', **outputs)
            return network
        import torchvision

        trained_weights = None
        if weights == 'default':
            trained_weights = torchvision.models.get_model_weights(backbone.name)[backbone.weights]
        # Without this option, untrained Inception warns that its own, slow initialization may change.
        options: dict[str, Any] = {}
        if backbone.name == 'inception_v3' and trained_weights is None:
            options = {'init_weights': True}
        if trained_weights is None:
            options.update(outputs)
        with _loading(backbone, weights):
            network = torchvision.models.get_model(backbone.name, weights=trained_weights, **options)
        if trained_weights is not None and outputs:
            # With weights, torchvision doesn't allow another number of outputs: only the last layer stays untrained.
            trained = network.state_dict()
            options = {'init_weights': False} if backbone.name == 'inception_v3' else {}
            network = torchvision.models.get_model(backbone.name, weights=None, **outputs, **options)
            own = network.state_dict()
            network.load_state_dict({**own, **{n: v for n, v in trained.items() if v.shape == own[n].shape}})
    if backbone.name == 'inception_v3':
        # Otherwise it converts ImageNet's normalisation to its own, which the table already has.
        network.transform_input = False  # type: ignore[assignment]
    return network


def _loading(backbone: Backbone, weights: str) -> contextlib.AbstractContextManager[None]:
    from .downloads import loading

    url = weights_url(backbone) if weights == 'default' else None
    return contextlib.nullcontext() if url is None else loading(url)


def has_default_weights(backbone: Backbone) -> bool:
    """Whether there are weights to download."""
    return bool(backbone.library)


def weights_url(backbone: Backbone) -> str | None:
    """URL of the default weights; None if there are none."""
    if not has_default_weights(backbone):
        return None
    if backbone.library == 'timm':
        from .downloads import timm_url

        return timm_url(backbone.name)
    import torchvision

    return str(torchvision.models.get_model_weights(backbone.name)[backbone.weights].url)
