"""Selection of neurons that stand for all of a dataset: UMAP of their responses, K-means, those near each centroid."""

import dataclasses
import importlib.metadata
import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from threadpoolctl import threadpool_limits

from m2m_benchmarks.arrays import compare_rdms, rdm, standardize
from m2m_benchmarks.arrays.balanced import nearest_each
from m2m_benchmarks.benchmarks.neurons import NeuronSelection
from m2m_benchmarks.benchmarks.recordings import recorded_areas, recordings
from m2m_benchmarks.data.cards import has_digits
from m2m_benchmarks.data.versions import version_of
from m2m_benchmarks.errors import BenchmarkError, DataError, M2MError
from m2m_benchmarks.plugins import load_dataset
from m2m_benchmarks.progress import Progress, silent

#: Types of neurons that a selection is balanced between.
TYPES = ('excitatory', 'inhibitory')
#: Number of random selections that one is compared with.
N_RANDOM = 100


@dataclasses.dataclass(frozen=True)
class NeuronMap:
    """Map of the neurons of a dataset, and a selection of them.

    Attributes
    ----------
    selection : NeuronSelection
    neurons : DataFrame
        One row a neuron: neuroid_id, area, cell_type ('' where unknown), x and y on the map, cluster, distance from its
        centroid, and whether it is selected.
    balanced : bool
        Whether the selection has as many neurons of each type.
    agreement : float
        Spearman correlation of the RDM of the selected neurons with that of all; 1 would be perfect.
    random_agreement : tuple of float
        Mean of the same over random selections of the same size, which is chance, and the range of 95 % of them.
    information : dict
        Adjusted mutual information of the clusters with areas and, where they are known, types: 0 is chance, 1 means
        that clusters and areas are the same.
    settings : dict
        Numbers of clusters and neurons, seed, and what the map was made with.
    """

    selection: NeuronSelection
    neurons: pd.DataFrame
    balanced: bool
    agreement: float
    random_agreement: tuple[float, float, float]
    information: dict[str, float]
    settings: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """Make the dictionary of a selection's file; see `benchmarks.neurons.read_selection`."""
        return {
            'dataset': self.selection.dataset,
            'data_sha256': self.selection.data_sha256,
            'sha256': self.selection.sha256,
            'settings': self.settings,
            'balanced': self.balanced,
            'rdm_agreement': {'selected': self.agreement, 'random': list(self.random_agreement), 'perfect': 1.0},
            'adjusted_mutual_information': {**self.information, 'chance': 0.0, 'perfect': 1.0},
            'neuroids': list(self.selection.neuroids),
        }


def select_neurons(
    dataset: str, n_neurons: int = 1000, n_clusters: int = 20, seed: int = 0, progress: Progress | None = None
) -> NeuronMap:
    """Select neurons that stand for all of a dataset.

    The responses of all reliable neurons, averaged over trials and standardised over stimuli, are laid out in two
    dimensions by UMAP and grouped there by K-means; of each cluster, the neurons nearest its centroid are selected, as
    many excitatory as inhibitory ones where the dataset has a `cell_type` (`arrays.balanced.nearest_each`).

    Parameters
    ----------
    dataset : str
    n_neurons : int
        Largest number of neurons to select. The paper has 1,000, half of each type.
    n_clusters : int
        Number of clusters. The paper keeps about 50 neurons of each, so that 20 make 1,000.
    seed : int
        Random seed of UMAP, K-means and the random selections. All runs in one thread, so that the number of threads
        changes nothing.
    progress : callable, optional

    Raises
    ------
    M2MError
        When umap-learn is not installed.
    BenchmarkError
        When there are fewer neurons than clusters, fewer to be selected than clusters, or none of a type.
    DataError
        When the recordings have no version that a selection can name.

    References
    ----------
    McInnes, Healy & Melville (2018), arXiv 1802.03426.
    """
    report = progress or silent
    if n_clusters < 2:
        raise BenchmarkError(f'{n_clusters} clusters are asked for; expected two or more.')
    if n_neurons < n_clusters:
        raise BenchmarkError(f'{n_neurons} neurons cannot be selected of {n_clusters} clusters; expected one of each.')
    responses, neurons, data_sha256 = _neurons(dataset)
    if len(neurons) <= n_clusters:
        raise BenchmarkError(
            f'{dataset} has {len(neurons)} reliable neurons, too few for {n_clusters} clusters; name fewer with '
            '--clusters.'
        )
    report('map of neurons', 0, 1)
    with threadpool_limits(1):
        points = umap_points(standardize(responses).T, seed)
    report('map of neurons', 1, 1)
    # Anew: UMAP loads further libraries with threads, and sets those of numba again.
    with threadpool_limits(1):
        # Of single precision, points would have other clusters where a processor rounds otherwise.
        means = KMeans(n_clusters, n_init=10, random_state=seed).fit(points.astype(np.float64))
    distances = np.linalg.norm(points - means.cluster_centers_[means.labels_], axis=1)
    neurons = neurons.assign(x=points[:, 0], y=points[:, 1], cluster=means.labels_, distance=distances)
    types = neurons['cell_type'].to_numpy()
    balanced = set(TYPES) <= set(types)
    candidates = np.flatnonzero(np.isin(types, TYPES)) if balanced else np.arange(len(neurons))
    groups = types[candidates] if balanced else np.zeros(len(candidates))
    chosen = candidates[nearest_each(distances[candidates], means.labels_[candidates], groups, n_neurons)]
    neurons['selected'] = np.isin(np.arange(len(neurons)), chosen)
    labels = {'area': neurons['area'], **({'cell_type': types} if len(set(types)) > 1 else {})}
    rng = np.random.default_rng(seed)
    random = [_agreement(responses, rng.choice(len(neurons), len(chosen), replace=False)) for _ in range(N_RANDOM)]
    low, high = np.percentile(random, [2.5, 97.5])
    return NeuronMap(
        selection=NeuronSelection(dataset, data_sha256, tuple(neurons['neuroid_id'].to_numpy()[chosen])),
        neurons=neurons,
        balanced=balanced,
        agreement=_agreement(responses, chosen),
        random_agreement=(float(np.mean(random)), float(low), float(high)),
        information={name: float(adjusted_mutual_info_score(values, means.labels_)) for name, values in labels.items()},
        settings={
            'n_neurons': n_neurons,
            'n_clusters': n_clusters,
            'seed': seed,
            'responses': 'mean over trials, standardised over stimuli',
            'umap-learn': importlib.metadata.version('umap-learn'),
        },
    )


def _agreement(responses: np.ndarray, chosen: np.ndarray) -> float:
    """Spearman correlation of the RDM of the chosen neurons with that of all."""
    return compare_rdms(rdm(responses[:, chosen]), rdm(responses))


def umap_points(patterns: np.ndarray, seed: int) -> np.ndarray:
    """Lay out patterns in two dimensions by UMAP with its own defaults, in one thread.

    Parameters
    ----------
    patterns : array, shape (n_patterns, n_values)
    seed : int

    Returns
    -------
    array, shape (n_patterns, 2)

    Raises
    ------
    M2MError
        When umap-learn is not installed.
    """
    try:
        import numba
        import umap
    except ImportError:
        raise M2MError(
            'maps of neurons need the package umap-learn, which is not installed: '
            "pip install 'm2m-benchmarks[analysis]'"
        ) from None
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of scikit-learn's renamed options
            n_neighbors = min(15, len(patterns) - 1)
            layout = umap.UMAP(n_neighbors=n_neighbors, random_state=seed, n_jobs=1)
            return np.asarray(layout.fit_transform(patterns.astype(np.float32)))
    finally:
        numba.set_num_threads(before)


def _neurons(dataset: str) -> tuple[np.ndarray, pd.DataFrame, str]:
    """Mean responses of all reliable neurons to the stimuli that all areas have, who they are, and their version."""
    if has_digits(dataset):
        raise DataError(f'{dataset} is a dataset of digits; name recordings from `m2m data list`.')
    assembly = load_dataset(dataset)
    version = version_of(assembly.attrs['stimulus_set'])
    if version is None:
        raise DataError(f'{dataset} is from the storage of Brain-Score and has no version here; import it first.')
    parts = [recordings(dataset, area, assembly=assembly, min_neuroids=0) for area in recorded_areas(assembly)]
    parts = [part for part in parts if part.mean.sizes['neuroid']]
    if not parts:
        raise BenchmarkError(f'{dataset} has no reliable neurons to select from.')
    stimuli = [part.mean['stimulus_id'].values.astype(str) for part in parts]
    shared = sorted(set(stimuli[0]).intersection(*stimuli[1:]))
    responses = np.concatenate(
        [part.mean.values[np.isin(names, shared)] for part, names in zip(parts, stimuli, strict=True)], axis=1
    )
    tables = []
    for part in parts:
        columns = {'neuroid_id': 'neuroid_id', 'area': 'region'}
        table = pd.DataFrame({name: part.mean[column].values.astype(str) for name, column in columns.items()})
        known = 'cell_type' in part.mean.indexes['neuroid'].names
        tables.append(table.assign(cell_type=part.mean['cell_type'].values.astype(str) if known else ''))
    neurons = pd.concat(tables, ignore_index=True)
    varying = responses.std(axis=0) > 0
    return responses[:, varying], neurons[varying].reset_index(drop=True), version.manifest['assembly']['sha256']
