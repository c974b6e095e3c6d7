"""RMSE between the representations of neuroids and the feature maps of a network."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from m2m_benchmarks.arrays import Sample, half_means
from m2m_benchmarks.arrays.representation import (
    MAP_SIZE,
    N_SHUFFLES,
    N_TRIAL_SPLITS,
    Halves,
    Matches,
    Range,
    attainable_rmse,
    drawn_rmse,
    image_halves,
    in_range,
    match,
    ranged_halves,
    representation_reliability,
    resize,
    stimulus_orders,
)
from m2m_benchmarks.benchmarks.comparisons.base import Ceiling, Comparison, Description, FeatureForm, Features, Raw
from m2m_benchmarks.benchmarks.recordings import AreaRecordings
from m2m_benchmarks.data.trials import MIN_RELIABILITY
from m2m_benchmarks.errors import BenchmarkError

_RANGES = {'standard': 'mean 0 and standard deviation 1', 'minmax': '0 to 1'}


@dataclass(frozen=True)
class Distances:
    """RMSE of each neuroid's representation, in units of the range of the maps.

    Attributes
    ----------
    rmse : array, shape (n_neuroids,)
        RMSE from the best map, matched on the other half of the images.
    floor : array, shape (n_neuroids,)
        The same with shuffled stimuli.
    ceiling : array, shape (n_neuroids,)
        The same if the true representations of all neuroids were the maps (`attainable_rmse`).
    reliability : array, shape (n_neuroids,)
        Share of the variance of each representation that isn't noise of the trials.
    maps : array of int, shape (2, n_neuroids)
        Number of the map that each half is compared with.
    mean_match, mean_floor : array, shape (n_neuroids,)
        RMSE averaged over all maps, and the same with shuffled stimuli.
    shuffled : array, shape (n_shuffles,)
        Mean over neuroids of `rmse` for each order of the stimuli.
    shuffled_maps : array of int, shape (n_shuffles, 2, n_neuroids), or None
        `maps` for each order of the stimuli.
    drawn : array, shape (n_draws, n_neuroids), or None
        `rmse` on draws of the stimuli, with the same map.
    """

    rmse: np.ndarray
    floor: np.ndarray
    ceiling: np.ndarray
    reliability: np.ndarray
    maps: np.ndarray
    mean_match: np.ndarray
    mean_floor: np.ndarray
    shuffled: np.ndarray
    shuffled_maps: np.ndarray | None = None
    drawn: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: 'Sequence[Distances]') -> 'Distances':
        """Join the distances of different neuroids to the same stimuli, which were shuffled alike."""

        def all_of(name: str) -> np.ndarray:
            return np.concatenate([getattr(part, name) for part in parts], axis=-1)

        names = ['rmse', 'floor', 'ceiling', 'reliability', 'maps', 'mean_match', 'mean_floor']
        if parts[0].drawn is not None:
            names.append('drawn')
        shuffled = np.average([part.shuffled for part in parts], axis=0, weights=[len(part.rmse) for part in parts])
        return cls(**{name: all_of(name) for name in names}, shuffled=shuffled)

    @property
    def span(self) -> float:
        """Distance of the ceiling from the floor, means over neuroids."""
        return float(np.mean(self.floor - self.ceiling))

    @property
    def p_shuffled(self) -> float:
        """Probability that shuffled stimuli give as small an RMSE: the rank of the mean among the shuffled ones."""
        n_smaller = np.count_nonzero(self.shuffled <= self.rmse.mean())
        return float((n_smaller + 1) / (len(self.shuffled) + 1))


@dataclass(frozen=True)
class MatchedRaw(Raw):
    """Raw value, and the distances that it is computed from."""

    distances: Distances | None = None


class RMSE(Comparison):
    """Share of the way from the floor, shuffled stimuli, to the ceiling, true maps and the noise of the trials.

    Parameters
    ----------
    size : int
        Height and width of the maps.
    kind : {'standard', 'minmax'}
        Range of the maps.
    centred : bool
        Whether responses are centred.

    Raises
    ------
    BenchmarkError
        When the size or the range is another.
    """

    name = 'rmse'
    metric = 'rmse'
    invariant_to = frozenset({'scaling'})
    features = FeatureForm.MAPS
    n_draws = 200
    min_stimuli = 8  # four in each half
    needs_trials = True

    def __init__(self, size: int = MAP_SIZE, kind: Range = 'standard', centred: bool = True) -> None:
        if kind not in _RANGES:
            raise BenchmarkError(f'the range of the maps is {kind!r}; expected one of {", ".join(_RANGES)}.')
        if not float(size).is_integer() or size < 1:
            raise BenchmarkError(f'the size of the maps is {size}; expected a whole number of pixels, 1 or more.')
        self.size, self.kind, self.centred = int(size), kind, centred

    @property
    def description(self) -> Description:  # type: ignore[override]
        """The comparison in words."""
        responses = 'centred' if self.centred else 'uncentred'
        return Description(
            raw='(floor - RMSE) / (floor - attainable RMSE), means over neuroids. RMSE is that of the pixels of a '
            "neuroid's representation, the sum of the stimuli weighted by its trial-averaged responses, and of a "
            "channel's feature map, its mean over the stimuli; the channel is matched on one half of the images and "
            'compared on the other. The floor is the same with shuffled stimuli, the attainable RMSE the same with the '
            'true representations of all neuroids as maps, from halves of the trials',
            ceiling='1: a model with the true representations among its maps',
            formula='raw / ceiling',
            perfect='1.00 to 1.03, if its maps are the true representations, of reliability 0.6 or more '
            '(perf/representation.py)',
            caveat='a feature map is no receptive field: the units of a layer score far below 1, too (own_units)',
            reference='Qazi, Jalil & Iqbal (2025), arXiv 2505.06886; floor, ceiling and halves of the images are added',
            settings={
                'maps': f'{self.size} x {self.size} pixels, range {_RANGES[self.kind]}',
                'responses': responses,
                'floor': f'{N_SHUFFLES} orders of the stimuli, seed 1',
                'attainable RMSE': f'{N_TRIAL_SPLITS} splits of the trials, seed 0',
            },
        )

    def objection(self, features: Features) -> str | None:
        """Say that a layer has no maps, or none that vary."""
        usual = super().objection(features)
        if usual is not None:
            return usual
        if features.shape is None:
            return 'has no known shape; expected maps of shape (channels, height, width)'
        no_maps = shape_objection(features.shape)
        if no_maps is not None:
            return no_maps
        if not self.feature_maps(features)[0].size:
            return f'has no channel whose {features.shape[1]} x {features.shape[2]} map varies'
        return None

    def distances(self, maps: Halves, recordings: AreaRecordings) -> Distances:
        """Compute the distances of each neuroid's representation from maps.

        Parameters
        ----------
        maps : pair of arrays, shape (n_maps, n_pixels)
            Maps of a layer or of several, from each half of the images; see `feature_maps`.
        recordings : AreaRecordings

        Raises
        ------
        BenchmarkError
            When the images are smaller than the maps.
        """
        stimuli, responses = stimulus_maps(recordings, self.size), recordings.mean.values
        halves = image_halves(len(stimuli))

        def matched(order: np.ndarray | slice) -> Matches:
            return match(ranged_halves(responses[order], stimuli, halves, self.kind, self.centred), maps)

        observed = matched(slice(None))
        shuffled = [matched(order) for order in stimulus_orders(len(stimuli))]
        ceiling, reliability = _noise(self, recordings)
        return Distances(
            rmse=observed.best,
            floor=np.mean([each.best for each in shuffled], axis=0),
            ceiling=ceiling,
            reliability=reliability,
            maps=observed.maps,
            mean_match=observed.mean,
            mean_floor=np.mean([each.mean for each in shuffled], axis=0),
            shuffled=np.array([each.best.mean() for each in shuffled]),
            shuffled_maps=np.array([each.maps for each in shuffled]),
        )

    def feature_maps(self, features: Features) -> tuple[np.ndarray, Halves]:
        """Resize the maps of a layer, and average and range them over halves of the images.

        Channels whose map has equal pixels in a half have no range, and are left out.

        Returns
        -------
        maps : array, shape (n_stimuli, n_channels, n_pixels)
            Maps of each image.
        halves : pair of arrays, shape (n_channels, n_pixels)
        """
        assert features.shape is not None
        shape = (len(features.values), features.shape[0], self.size**2)
        maps = resize(features.values.reshape(-1, *features.shape), self.size).reshape(shape)
        varying, halves = self.ranged([maps[half].mean(axis=0) for half in image_halves(len(maps))])
        return maps[:, varying], halves

    def ranged(self, means: Sequence[np.ndarray]) -> tuple[np.ndarray, Halves]:
        """Bring mean maps over both halves of the images, shape (n_channels, n_pixels) each, to the same range.

        Returns
        -------
        varying : array of bool, shape (n_channels,)
            Channels whose map has a range in both halves.
        halves : pair of arrays
            Maps of these.
        """
        first, second = (in_range(mean, self.kind) for mean in means)
        varying: np.ndarray = first.any(axis=1) & second.any(axis=1)
        return varying, (first[varying], second[varying])

    def raw(self, features: Features, recordings: AreaRecordings, sample: Sample | None = None) -> MatchedRaw:
        """Compute the share of the way from floor to ceiling.

        `details` has means over neuroids: of the RMSE, its floor and ceiling, and of the RMSE averaged over all maps
        and its floor; and the probability of such an RMSE for shuffled stimuli.

        Raises
        ------
        BenchmarkError
            When the layer has no maps, the images are smaller than the maps, or the representations are mostly noise.
        """
        objection = self.objection(features)
        if objection is not None:
            raise BenchmarkError(f'{self.name} cannot compare this layer, which {objection}.')
        of_image, maps = self.feature_maps(features)
        distances = self.distances(maps, recordings)
        if sample is not None:
            distances = replace(distances, drawn=self._drawn(of_image, distances.maps, recordings, sample))
        return _summary(distances, sample)

    def join(self, raws: Sequence[Raw], sample: Sample) -> Raw:
        """Join the neuroids of two halves."""
        if len(raws) == 1:
            return raws[0]
        parts = [raw.distances for raw in raws if isinstance(raw, MatchedRaw) and raw.distances is not None]
        return _summary(Distances.joined(parts), sample)

    def ceiling(self, recordings: AreaRecordings, sample: Sample | None = None) -> Ceiling:
        """1, since raw is relative to the noise of the trials."""
        return Ceiling(1.0, kind='population')

    def join_ceilings(self, ceilings: Sequence[Ceiling], sample: Sample) -> Ceiling:
        """1 for two halves, too."""
        return ceilings[0]

    def per_animal(self, features: Features, recordings: AreaRecordings, raw: Raw) -> dict[str, float]:
        """Average over each animal's neuroids, which are matched independently."""
        assert raw.per_neuroid is not None
        return {
            str(animal): float(raw.per_neuroid[recordings.animals == animal].mean())
            for animal in np.unique(recordings.animals)
        }

    def _drawn(
        self, of_image: np.ndarray, matched: np.ndarray, recordings: AreaRecordings, sample: Sample
    ) -> np.ndarray:
        """RMSE on draws of the stimuli, with the maps that are matched on all: shape (n_draws, n_neuroids)."""
        stimuli, responses = stimulus_maps(recordings, self.size), recordings.mean.values
        drawn = []
        for half, own in zip(image_halves(len(stimuli)), matched, strict=True):
            counts = _with_any(sample.stimuli[:, half])
            arrays = (responses[half], stimuli[half], of_image[half], own, counts)
            drawn.append(drawn_rmse(*arrays, self.kind, self.centred))
        return np.asarray(np.mean(drawn, axis=0))


def shape_objection(shape: tuple[int, ...]) -> str | None:
    """Say why responses of a shape are no maps, as the end of a sentence about their layer; None if they are."""
    if len(shape) == 3:
        return None
    return f'is not convolutional: it has responses of shape {shape}; expected (channels, height, width)'


def _with_any(counts: np.ndarray) -> np.ndarray:
    """Draw each stimulus of a half once in the draws without any of them, which only a handful of stimuli have."""
    return np.where(counts.any(axis=1, keepdims=True), counts, 1)


def _summary(distances: Distances, sample: Sample | None) -> MatchedRaw:
    reliability = float(distances.reliability.mean())
    if reliability < MIN_RELIABILITY:
        raise BenchmarkError(
            f'rmse cannot score these neuroids: {1 - reliability:.0%} of the variance of their representations is '
            f'noise of the trials; expected at most {1 - MIN_RELIABILITY:.0%}, above which it is not known what a '
            'perfect model would get. More trials are needed, or more reliable neuroids.'
        )
    span = distances.span
    per_neuroid = (distances.floor - distances.rmse) / span
    value = float(per_neuroid.mean())
    means = {name: float(getattr(distances, name).mean()) for name in ('rmse', 'floor', 'mean_match', 'mean_floor')}
    details = {**means, 'rmse_ceiling': float(distances.ceiling.mean()), 'p_shuffled': distances.p_shuffled}
    if sample is None:
        return MatchedRaw(value, per_neuroid=per_neuroid, details=details, distances=distances)
    assert distances.drawn is not None
    # A ratio of means, linear around their values: for draws of few animals the span may be near 0. The floor, a mean
    # over orders of the stimuli, is that of all stimuli on every draw.
    residual = per_neuroid - value * (distances.floor - distances.ceiling) / span
    moved = (distances.rmse - distances.drawn) / span
    counts = sample.neuroids / sample.neuroids.sum(axis=1, keepdims=True)
    draws = value + np.array([(counts * (residual + moved)).sum(axis=1), counts @ residual, moved.mean(axis=1)])
    return MatchedRaw(value, draws, per_neuroid, per_neuroid + moved, details, distances=distances)


@functools.lru_cache(maxsize=24)
def _noise(comparison: RMSE, recordings: AreaRecordings) -> tuple[np.ndarray, np.ndarray]:
    """Attainable RMSE and reliability of representations; they are kept for the next layer and candidate."""
    stimuli = stimulus_maps(recordings, comparison.size)
    halves = image_halves(len(stimuli))
    attainable = attainable_rmse(recordings.trials, stimuli, halves, comparison.kind, comparison.centred)
    return attainable, representation_reliability(half_means(recordings.trials, N_TRIAL_SPLITS), stimuli, halves)


def stimulus_maps(recordings: AreaRecordings, size: int) -> np.ndarray:
    """Read the stimuli of recordings as grey images of a size, one row each in the order of the responses.

    Raises
    ------
    BenchmarkError
        When an image is smaller.
    """
    stimuli = recordings.stimuli
    paths = [Path(stimuli.get_stimulus(name)) for name in recordings.mean['stimulus_id'].values]
    return _stimulus_maps(tuple((path, path.stat().st_mtime_ns) for path in paths), size)


@functools.lru_cache(maxsize=8)
def _stimulus_maps(files: Sequence[tuple[Path, int]], size: int) -> np.ndarray:
    from brainscore_vision.model_helpers.activations.pytorch import load_images  # imports torch

    rows = []
    for path, _ in files:
        (image,) = load_images([path])  # as models see it
        pixels = np.asarray(image.convert('L'), dtype=float) / 255
        if min(pixels.shape) < size:
            raise BenchmarkError(
                f'{path.name} has {pixels.shape[0]} x {pixels.shape[1]} pixels, fewer than maps of {size} x {size}; '
                'expected larger images, or a smaller size of the maps.'
            )
        rows.append(resize(pixels, size).ravel())
    return np.array(rows)


COMPARISON = RMSE()
