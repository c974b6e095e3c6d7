"""Feature maps of all layers of a network, and the layers that neuroids are matched to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from m2m_benchmarks.arrays.representation import Halves, image_halves, resize
from m2m_benchmarks.benchmarks.comparisons.rmse import RMSE, Distances, shape_objection
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.layer_model import stimulus_order

#: Layers whose maps are taken: every convolution that runs, or those that a score chooses among.
Layers = Literal['convolutional', 'scored']


@dataclass(frozen=True)
class FeatureMaps:
    """Maps of the layers of a network, from each half of the images.

    Attributes
    ----------
    layers : list of str
        Layers in the order in which they run.
    halves : pair of arrays, shape (n_maps, n_pixels)
        Maps of all layers, in the same range.
    layer_of : array of int, shape (n_maps,)
        Number of the layer of each map.
    """

    layers: list[str]
    halves: Halves
    layer_of: np.ndarray


@dataclass(frozen=True)
class LayerMatches:
    """Layers of the maps that neuroids are matched to.

    Attributes
    ----------
    layers : list of str
    matched : array of int, shape (2, n_neuroids)
        Number of the layer of the map that each half of the images is compared with.
    shuffled : array, shape (n_neuroids, n_layers)
        Share of the matches to each layer with shuffled stimuli, which is chance.
    """

    layers: list[str]
    matched: np.ndarray
    shuffled: np.ndarray

    @classmethod
    def joined(cls, parts: 'Sequence[LayerMatches]') -> 'LayerMatches':
        """Join the neuroids of several areas."""
        matched = np.concatenate([part.matched for part in parts], axis=1)
        return cls(parts[0].layers, matched, np.concatenate([part.shuffled for part in parts]))

    def best(self, mask: np.ndarray) -> tuple[str, float, float]:
        """Layer that most neuroids of a mask are matched to, its share of their matches, and that by chance."""
        shares = np.bincount(self.matched[:, mask].ravel(), minlength=len(self.layers)) / (2 * mask.sum())
        best = int(shares.argmax())
        return self.layers[best], float(shares[best]), float(self.shuffled[mask, best].mean())


def feature_maps(
    label: str, activations: Activations, layers: Sequence[str] | None, area: AreaBenchmark, comparison: RMSE
) -> FeatureMaps:
    """Average the maps of layers over each half of the images of a benchmark, at the size and range of a comparison.

    Only the small means are kept, whatever the size and number of the layers.

    Parameters
    ----------
    label : str
        Name of the network, for messages.
    activations : Activations
    layers : sequence of str or None
        Layers to take, of which those without maps are left out; None for every convolution (`torch.nn.Conv2d`) that
        runs. Of one that runs several times, the last response counts.
    area : AreaBenchmark
    comparison : RMSE

    Raises
    ------
    BenchmarkError
        When no layer has maps that vary.
    """
    names = list(activations.convolutions() if layers is None else layers)
    if not names:
        raise BenchmarkError(
            f'{label} has no feature maps to compare: no convolution (torch.nn.Conv2d) runs in it. If it calls '
            'convolutions as functions, --layers scored compares the maps of its scored layers.'
        )
    objections = {name: shape_objection(shape) for name, shape in activations.shapes(names).items()}
    usable = [name for name in names if objections[name] is None]
    if not usable:
        raise BenchmarkError(f'{label} has no feature maps to compare: its layer {names[0]} {objections[names[0]]}.')
    order = stimulus_order(area)
    weights = np.zeros((2, len(order)))
    for half, own in enumerate(image_halves(len(order))):
        weights[half, order[own]] = 1 / len(own)
    size = comparison.size

    def small(maps: np.ndarray) -> np.ndarray:
        return resize(maps, size).reshape(*maps.shape[:2], size**2)

    means = activations.means(area.stimulus_set, usable, weights, small)
    varying, halves = comparison.ranged(np.concatenate([means[name] for name in usable], axis=1))
    if not varying.any():
        raise BenchmarkError(f'{label} has no feature maps to compare: those of all its layers are uniform.')
    layer_of = np.repeat(np.arange(len(usable)), [means[name].shape[1] for name in usable])
    return FeatureMaps(usable, halves, layer_of[varying])


def layer_matches(maps: FeatureMaps, distances: Distances) -> LayerMatches:
    """Count the layers of the maps that neuroids are matched to."""
    assert distances.shuffled_maps is not None
    n_neuroids, n_layers = len(distances.rmse), len(maps.layers)
    shuffled = maps.layer_of[distances.shuffled_maps]
    counts = np.bincount((np.arange(n_neuroids) * n_layers + shuffled).ravel(), minlength=n_neuroids * n_layers)
    shares = counts.reshape(n_neuroids, n_layers) / (shuffled.size / n_neuroids)
    return LayerMatches(maps.layers, maps.layer_of[distances.maps], shares)
