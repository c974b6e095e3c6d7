"""Options of a network that comes without Brain-Score's wrapper: its name, its input, and how it is run.

This module imports nothing heavy.
"""

import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.errors import ModelError

#: Options of the built-in preprocessing.
_INPUT = ('mean', 'std', 'channels', 'image_size')


@dataclass(frozen=True)
class NetworkOptions:
    """Options of a network; None for the default.

    Attributes
    ----------
    name : str or None
        Name in the results; by default the name of its class.
    preprocessing : callable or None
        Function of an RGB image (PIL) that returns a tensor of channels x height x width, instead of the four options
        below.
    mean, std : float, sequence of float, or None
        Mean and standard deviation that the values of each channel, from 0 to 1, are normalised with. By default those
        of ImageNet; for one channel, their means 0.449 and 0.226.
    channels : {1, 3} or None
        Number of channels: 3 for RGB, the default, or 1 for grey (luma of ITU-R 601).
    image_size : int or None
        Side of the images in pixels, by default 224.
    layers : sequence of str or None
        Layers to choose from; by default the network's blocks (`layers.default_layers`).
    batch_size : int or None
        Largest number of images in a forward pass.
    device : str or None
        Device to run on, such as 'cpu' or 'cuda:1'; by default a GPU where there is one.

    Raises
    ------
    ModelError
        When an option has another type or value, or options contradict each other.
    """

    name: str | None = None
    preprocessing: Callable[[Any], Any] | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    channels: int | None = None
    image_size: int | None = None
    layers: Sequence[str] | None = None
    batch_size: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.name is not None and not (isinstance(self.name, str) and self.name.strip()):
            raise ModelError(f'name={self.name!r}: expected the name of the network in the results.')
        if self.preprocessing is not None:
            both = [option for option in _INPUT if getattr(self, option) is not None]
            if both:
                raise ModelError(f'preprocessing makes the whole input; leave out {" and ".join(both)}.')
            if not callable(self.preprocessing):
                raise ModelError(
                    f'preprocessing is a {type(self.preprocessing).__name__}; expected a function of an RGB image.'
                )
        for option in ('image_size', 'batch_size'):
            value = getattr(self, option)
            if value is not None and not (_is_whole(value) and value > 0):
                raise ModelError(f'{option}={value!r}: expected a positive whole number.')
        if self.channels not in (None, 1, 3):
            raise ModelError(f'channels={self.channels!r}: expected 3 for RGB, or 1 for grey.')
        if (self.mean is None) != (self.std is None):
            raise ModelError('mean and std belong together; name both, as the network was trained with.')
        for option in ('mean', 'std'):
            if getattr(self, option) is not None:
                object.__setattr__(self, option, self._for_channels(option))
        if self.layers is not None:
            object.__setattr__(self, 'layers', layer_names(self.layers))

    def _for_channels(self, option: str) -> tuple[float, ...]:
        value, channels = getattr(self, option), self.channels or 3
        try:
            values = tuple(float(each) for each in value) if isinstance(value, Iterable) else (float(value),)
        except (TypeError, ValueError):
            values = ()
        # A mean above 1 is that of values from 0 to 255, with which all images would be nearly the same.
        valid = all(0 <= number <= 1 if option == 'mean' else 0 < number < math.inf for number in values)
        if len(values) not in (1, channels) or isinstance(value, str) or not valid:
            kind = 'number from 0 to 1' if option == 'mean' else 'positive number'
            raise ModelError(
                f'{option}={value!r}: expected a {kind}, or one for each of {channels} channels, for values from 0 to '
                '1; 0.5 and 0.5 make them -1 to 1.'
            )
        return values * channels if len(values) == 1 else values

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of each channel; None for the default."""
        return None if self.mean is None else (self._for_channels('mean'), self._for_channels('std'))

    def given(self) -> dict[str, Any]:
        """Options that aren't None, by name."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def check_options(identifier: str, options: NetworkOptions) -> None:
    """Check that no option is given for a model that defines its own input.

    Raises
    ------
    ModelError
        When one is.
    """
    if options.given():
        raise ModelError(
            f'{identifier} defines its own input and layers; {", ".join(options.given())} can be chosen for a network '
            'from Python, FILE.py:FUNCTION, torchvision:NAME and timm:NAME.'
        )


def layer_names(layers: Any) -> tuple[str, ...]:
    """Check a list of layers; numbers are the names of the parts of an nn.Sequential.

    Raises
    ------
    ModelError
        When it is empty, names a layer twice, or is not a list of names.
    """
    names = () if isinstance(layers, str) or not isinstance(layers, Iterable) else tuple(map(layer_name, layers))
    if not names or len(set(names)) < len(names):
        raise ModelError(f"layers={layers!r}: expected a list of different names, such as ['conv1', 'fc'].")
    return names


def layer_name(layer: Any) -> str:
    """Check the name of a layer; a number is that of a part of an nn.Sequential.

    Raises
    ------
    ModelError
        When it is neither.
    """
    if _is_whole(layer):
        return str(layer)
    if not isinstance(layer, str):
        raise ModelError(f'layer {layer!r} is a {type(layer).__name__}; expected the name of a layer.')
    return layer


def check_seed(seed: Any) -> int:
    """Check a random seed of untrained weights.

    Raises
    ------
    ModelError
        When it is not a whole number of 64 bits.
    """
    if not _is_whole(seed) or not -(2**63) <= seed < 2**63:
        raise ModelError(f'seed={seed!r}: expected a whole number of at most 64 bits, from -2**63 to 2**63 - 1.')
    return int(seed)


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
