"""Similarity of architectures: alignment of the sequences of networks' layer types, clusters and their medoids."""

import dataclasses
import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from torch import nn

from m2m_benchmarks.analysis.entries import as_list
from m2m_benchmarks.analysis.paper_networks import LEFT_OUT, PAPER_NETWORKS
from m2m_benchmarks.arrays.alignment import GAP, MATCH, MISMATCH, beyond_chance, similarities, within_families
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.plugins import reporting_plugin_errors
from m2m_benchmarks.plugins.libraries import LIBRARIES
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_types import layer_types
from m2m_benchmarks.scoring.provenance import COLOURED, family_of
from m2m_benchmarks.scoring.specs import can_be_untrained, check_candidate, parse_candidate

#: Clusters by default: the paper has a shortlist of 13 networks.
N_CLUSTERS = 13
#: Side of the images in pixels for networks of torchvision, of which the types of layers don't depend on it.
_IMAGE_SIZE = 224


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network by the types of its layers.

    Attributes
    ----------
    name : str
    family : str
    types : list of str
        Types of layers in the order in which they run.
    """

    name: str
    family: str
    types: list[str]


@dataclasses.dataclass(frozen=True)
class Architectures:
    """How similar the architectures of networks are.

    Attributes
    ----------
    networks : list of Architecture
    similarity, chance, adjusted : array, shape (n, n)
        Similarity of each pair, what it would be by chance, and the former rescaled to 0 at chance and 1 where perfect.
    clusters : list of int
        Cluster of each network, from 1 on.
    order : list of int
        Networks in the order of the tree of the clusters.
    medoids : list of int
        Network of each cluster that is the most similar to the others of it: the shortlist.
    families : tuple of float or None
        Mean adjusted similarity within families minus between them, and its p value; see
        `arrays.alignment.within_families`.
    settings : dict
        Scores of alignments and the random seed.
    left_out : tuple of str
        Networks of the paper that are not available.
    """

    networks: list[Architecture]
    similarity: np.ndarray
    chance: np.ndarray
    adjusted: np.ndarray
    clusters: list[int]
    order: list[int]
    medoids: list[int]
    families: tuple[float, float] | None
    settings: dict[str, float]
    left_out: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return {
            'networks': [
                {**dataclasses.asdict(network), 'cluster': cluster}
                for network, cluster in zip(self.networks, self.clusters, strict=True)
            ],
            'shortlist': [self.networks[index].name for index in self.medoids],
            'families': self.families and {'difference': self.families[0], 'p': self.families[1], 'chance': 0.0},
            'settings': self.settings,
            'left_out': list(self.left_out),
            'pairs': self.pairs().to_dict('records'),
        }

    def table(self) -> pd.DataFrame:
        """Make the table of the networks in the order of the tree: family, layers, cluster, and whether a medoid."""
        ordered = [self.networks[index] for index in self.order]
        return pd.DataFrame(
            {
                'network': [network.name for network in ordered],
                'family': [network.family for network in ordered],
                'n_layers': [len(network.types) for network in ordered],
                'cluster': [self.clusters[index] for index in self.order],
                'medoid': [index in self.medoids for index in self.order],
            }
        )

    def pairs(self) -> pd.DataFrame:
        """Make the table of all pairs: both names, similarity, chance and adjusted."""
        rows, columns = np.triu_indices(len(self.networks), 1)
        names = np.array([network.name for network in self.networks])
        values = {name: getattr(self, name)[rows, columns] for name in ('similarity', 'chance', 'adjusted')}
        return pd.DataFrame({'first': names[rows], 'second': names[columns], **values})


def architectures(
    models: str | Sequence[str] = (),
    paper: bool = False,
    n_clusters: int | None = None,
    match: float = MATCH,
    mismatch: float = MISMATCH,
    gap: float = GAP,
    seed: int = 0,
    progress: Progress | None = None,
) -> Architectures:
    """Compare the architectures of networks.

    Parameters
    ----------
    models : str or sequence of str
        Candidates; their weights don't matter, and are not loaded where the model can be built without them.
    paper : bool
        Whether the paper's networks are compared too; they are alone where no candidate is named.
    n_clusters : int, optional
        Number of clusters; by default 13, or half as many as there are networks if these are fewer than 26.
    match, mismatch, gap : float
        Scores of alignments; see `arrays.alignment.alignment_score`.
    seed : int
        Random seed of shuffled sequences and permuted families.
    progress : callable, optional

    Raises
    ------
    M2MError
        When a model doesn't exist, isn't a network or can't be traced, or Biopython is not installed.
    BenchmarkError
        When there are fewer than two networks, or fewer than clusters.
    """
    report = progress or silent
    specs = [parse_candidate(model) for model in as_list(models)]
    for spec in specs:
        check_candidate(spec)
    with_paper = paper or not models
    named = {name: candidate for name, (candidate, _) in PAPER_NETWORKS.items()} if with_paper else {}
    candidates = [*named.items(), *((spec.name, spec.name) for spec in specs)]
    networks = []
    for done, (name, candidate) in enumerate(candidates):
        report('layers', done, len(candidates))
        family, types = trace(candidate)
        networks.append(Architecture(name, PAPER_NETWORKS[name][1] if name in named else family, types))
    report('layers', len(candidates), len(candidates))
    compared = compare_architectures(networks, n_clusters, match, mismatch, gap, seed)
    return dataclasses.replace(compared, left_out=LEFT_OUT if with_paper else ())


def compare_architectures(
    networks: Sequence[Architecture],
    n_clusters: int | None = None,
    match: float = MATCH,
    mismatch: float = MISMATCH,
    gap: float = GAP,
    seed: int = 0,
) -> Architectures:
    """Align all pairs of networks, and cluster these by average linkage of 1 minus the adjusted similarity.

    Parameters
    ----------
    networks : sequence of Architecture
    n_clusters, match, mismatch, gap, seed
        See `architectures`.

    Raises
    ------
    M2MError
        When Biopython is not installed.
    BenchmarkError
        When there are fewer than two networks, two of one name, or fewer networks than clusters, or a match scores no
        more than 0, a mismatch or a gap, or a score isn't finite.
    """
    n = len(networks)
    names = [network.name for network in networks]
    if n < 2:
        raise BenchmarkError(f'a comparison of architectures needs two networks or more, got {n}.')
    if twice := [name for name in names if names.count(name) > 1]:
        raise BenchmarkError(f'{twice[0]} is named twice; name different networks.')
    n_clusters = min(N_CLUSTERS, math.ceil(n / 2)) if n_clusters is None else n_clusters
    if not 1 <= n_clusters <= n:
        raise BenchmarkError(f'{n} networks cannot form {n_clusters} clusters; expected 1 to {n}.')
    if not np.isfinite([match, mismatch, gap]).all():
        raise BenchmarkError(f'scores of alignments are {match:g}, {mismatch:g} and {gap:g}; expected finite numbers.')
    if match <= max(0, mismatch, gap):
        raise BenchmarkError(
            f'a match scores {match:g}; expected more than 0, a mismatch ({mismatch:g}), a gap ({gap:g}).'
        )
    alphabet = {kind: number for number, kind in enumerate(sorted({kind for own in networks for kind in own.types}))}
    sequences = [np.array([alphabet[kind] for kind in network.types]) for network in networks]
    similarity, chance = similarities(sequences, match, mismatch, gap, seed)
    adjusted = beyond_chance(similarity, chance)
    tree = linkage(squareform(1 - adjusted, checks=False), 'average')
    clusters = fcluster(tree, n_clusters, 'maxclust')
    order = leaves_list(tree).tolist()
    medoids = []
    for cluster in dict.fromkeys(clusters[order]):
        own = np.flatnonzero(clusters == cluster)
        medoids.append(int(own[adjusted[np.ix_(own, own)].sum(axis=1).argmax()]))
    families = within_families(adjusted, [network.family for network in networks], seed=seed)
    settings = {'match': match, 'mismatch': mismatch, 'gap': gap, 'seed': seed}
    return Architectures(
        list(networks), similarity, chance, adjusted, clusters.tolist(), order, medoids, families, settings
    )


def trace(candidate: str) -> tuple[str, list[str]]:
    """Family of a candidate, and the types of its layers.

    Networks of torchvision and timm are built without values where they can be, on the device meta.

    Raises
    ------
    ModelError
        When the candidate isn't a PyTorch network, or can't be traced.
    """
    library, colon, name = candidate.partition(':')
    if colon and library in LIBRARIES:
        with reporting_plugin_errors(candidate, ModelError):
            network, shape = _skeleton(library, name)
        image = torch.zeros(1, *shape, device=next(network.parameters()).device)
        return family_of(network), layer_types(network, image, candidate)
    loaded = load_candidate(candidate, 'none' if can_be_untrained(candidate) else 'default')
    if loaded.module is None:
        raise ModelError(f'{candidate} is not a PyTorch network, so it has no layers to compare.')
    image = torch.as_tensor(brainscore_adapter.preprocess(loaded.wrapper, [str(COLOURED)]))
    image = image.to(brainscore_adapter.device_of(loaded.wrapper))
    return str(loaded.family), layer_types(loaded.module, image, candidate)


def _skeleton(library: str, name: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Build a network of a library without trained weights; its input has the shape (channels, height, width)."""
    if library == 'timm':
        import timm

        network = _without_values(lambda: timm.create_model(name, pretrained=False))
        return network, timm.data.resolve_model_data_config(network)['input_size']
    import torchvision

    # A network for segmentation would download the weights of the network that it contains.
    parameters = inspect.signature(torchvision.models.get_model_builder(name)).parameters
    options = {key: None for key in ('weights', 'weights_backbone') if key in parameters}
    network = _without_values(lambda: torchvision.models.get_model(name, **options))
    return network, (3, _IMAGE_SIZE, _IMAGE_SIZE)


def _without_values(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network on the device meta; with random values if it needs those of tensors, as RegNet does."""
    with warnings.catch_warnings(), torch.random.fork_rng([]):
        warnings.simplefilter('ignore')  # of the time that random values take
        try:
            with torch.device('meta'):
                return build()
        except NotImplementedError:
            return build()
