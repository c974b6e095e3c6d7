"""Benchmarks of mouse recordings: one area or a population of it with one metric, and the mean over areas."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from brainscore_core.metrics import Score
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet
from brainscore_vision.benchmarks import BenchmarkBase
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks.arrays import (
    half_means,
    median_draws,
    rdm,
    rsa_draws,
    spearman,
    spearman_brown,
    standard_error,
    upper_triangle,
)
from m2m_benchmarks.benchmarks.recordings import LEAST_NEUROIDS, Recordings, recordings
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.data.populations import Population
from m2m_benchmarks.data.trials import RELIABLE
from m2m_benchmarks.errors import BenchmarkError, UnknownNameError
from m2m_benchmarks.plugins import load_metric

N_SPLITS = 100


class AreaBenchmark(BenchmarkBase):
    """One area of a dataset, or a population of its cells, with one metric.

    Parameters
    ----------
    dataset : str
    area : str
    kind : {'rdm', 'ridge'}
    bibtex : str
    population : Population, optional
        Only its neuroids.
    found : Recordings, optional
        Some of these neuroids, in place of all reliable ones.
    """

    def __init__(
        self,
        dataset: str,
        area: str,
        kind: str,
        bibtex: str = '',
        population: Population | None = None,
        found: Recordings | None = None,
    ) -> None:
        part = area if population is None else f'{area}.{population.name}'
        super().__init__(
            identifier=f'{dataset}.{part}-{kind}',
            ceiling_func=None,
            version=1,
            parent=f'{dataset}-{kind}' if population is None else f'{dataset}.{area}-{kind}',
            bibtex=bibtex,
        )
        self.dataset = dataset
        self.region = area
        self.kind = kind
        self.population = population
        self.recordings = recordings(dataset, area, population) if found is None else found
        self.timebins = self.recordings.timebins

    @property
    def stimulus_set(self) -> StimulusSet:
        """What a model is shown."""
        return self.recordings.stimuli

    def __call__(self, candidate: BrainModel) -> Score:
        """Score a model that maps this area to a layer.

        Returns
        -------
        Score
            Scalar, 1 at the ceiling. Attributes: `raw` and `ceiling` (Scores), `error`, `draws` (bootstrap draws of
            the score), `formula`, `noise_corrected`, `per_animal`, `inter_animal`, `n_neuroids`, `n_stimuli`,
            `n_animals`, `choices`.
        """
        source = self.look(candidate)
        raw = load_metric(f'm2m_{self.kind}')(source, self.recordings.mean)
        return _SCORES[self.kind](self, source, raw)

    def look(self, candidate: BrainModel) -> NeuroidAssembly:
        """Responses of a model to the stimuli.

        The stimuli are not placed on a screen of some visual degrees: the mouse's screen covered 120 degrees, and
        cropping it to a model's few would show that model a patch of the scene. Models see the whole scene.
        """
        candidate.start_recording(self.region, time_bins=self.timebins)
        return candidate.look_at(self.stimulus_set, number_of_trials=1)

    def similarity(self, candidate: BrainModel) -> float:
        """The raw score alone, for comparing layers."""
        metric = load_metric(f'm2m_{self.kind}', n_bootstraps=0)
        return float(metric(self.look(candidate), self.recordings.mean))

    def halves(self) -> tuple['AreaBenchmark', 'AreaBenchmark', str]:
        """Two benchmarks on different neuroids, one to choose a layer with and one to score it on.

        Returns
        -------
        selection, scoring : AreaBenchmark
        how : str
            'animal' where there are two or more, dealt from the one with the most neuroids on, each to the half that
            has fewer; else 'neuroid', by a hash of neuroid_id.

        Raises
        ------
        BenchmarkError
            When a half is too small.
        """
        animals = self.recordings.animals
        names, counts = np.unique(animals, return_counts=True)
        if len(names) > 1:
            how, sizes, first = 'animal', [0, 0], []
            for count, name in sorted(zip(-counts, names, strict=True)):
                half = int(sizes[1] < sizes[0])
                sizes[half] -= int(count)
                if half == 0:
                    first.append(name)
            mask = np.isin(animals, first)
        else:
            how = 'neuroid'
            ids = self.recordings.mean['neuroid_id'].values
            mask = np.array([hashlib.sha256(str(name).encode()).digest()[0] % 2 == 0 for name in ids])
        least = min(mask.sum(), (~mask).sum())
        if least < LEAST_NEUROIDS:
            raise BenchmarkError(
                f'{self.identifier} has too few reliable neuroids to choose a layer on one half and score on the '
                f'other ({int(mask.sum())} and {int((~mask).sum())}). Name the layer: --layer NAME.'
            )
        selection, scoring = (
            AreaBenchmark(self.dataset, self.region, self.kind, self.bibtex, self.population, self.recordings[half])
            for half in (mask, ~mask)
        )
        return selection, scoring, how

    @functools.cached_property
    def ceiling(self) -> Score:
        """How well the best possible model can score on these recordings; see `ceilings`.

        Raises
        ------
        BenchmarkError
            When the recordings don't agree with themselves.
        """
        ceiling = _CEILINGS[self.kind](self.recordings)
        if not float(ceiling) > 0:
            raise BenchmarkError(
                f'{self.identifier} has a ceiling of {float(ceiling):.3f}: the two halves of its trials do not agree, '
                'so no model can be scored on it.'
            )
        return ceiling

    @functools.cached_property
    def inter_animal(self) -> float | None:
        """Mean over animals of the raw score that all other animals get as a model of it; None for fewer than three.

        For RSA this is the lower bound of Nili et al. (2014), PLoS Computational Biology 10(4), e1003553.
        """
        animals = self.recordings.animals
        names = np.unique(animals)
        if len(names) < 3:
            return None
        metric = load_metric(f'm2m_{self.kind}', n_bootstraps=0)
        scores = []
        for name in names:
            own, others = (
                self.recordings.mean.isel(neuroid=np.flatnonzero(m)) for m in (animals == name, animals != name)
            )
            if self.kind == 'ridge' or own.sizes['neuroid'] >= 2:
                scores.append(float(metric(others, own)))
        return float(np.mean(scores)) if scores else None

    def describe(self, score: Score) -> Score:
        """Attach what every result of this benchmark says about its data and choices."""
        found = self.recordings
        score.attrs.update(
            benchmark_identifier=self.identifier,
            inter_animal=self.inter_animal,
            n_neuroids=int(found.mean.sizes['neuroid']),
            n_stimuli=int(found.mean.sizes['presentation']),
            n_animals=len(np.unique(found.animals)),
            choices={
                'metric': f'm2m_{self.kind}',
                'reliability_threshold': RELIABLE,
                'split_halves': N_SPLITS,
                'flat_neuroids_dropped': found.n_flat,
                'unreliable_neuroids_dropped': found.n_unreliable,
                'stimuli': 'whole scene, no placement on a screen',
                'folds': '10 shuffled, seed 1; alpha per neuroid by leave-one-out' if self.kind == 'ridge' else None,
                'error': f'bootstrap over {"neuroids" if self.kind == "ridge" else "stimuli"}, 1000 draws',
            },
        )
        return score


def _rdm_ceiling(found: Recordings) -> Score:
    """Correlation that the noise-free RDM would have with the measured one: sqrt of its reliability.

    The reliability is the Spearman-Brown corrected correlation of the RDMs of two halves of the trials, averaged
    over the same splits as the neuroids' reliabilities. A measured RDM correlates with the noise-free one at most
    with the square root of it, so that a perfect model scores 1.
    """
    pairs = [(rdm(first), rdm(second)) for first, second in half_means(found.trials, N_SPLITS)]
    reliability = float(
        np.mean([spearman_brown(spearman(upper_triangle(first), upper_triangle(second))) for first, second in pairs])
    )
    # A few draws of stimuli a split: their spread over draws and splits is an upper bound of the mean's error.
    draws = np.concatenate([rsa_draws(first, second, 4, seed) for seed, (first, second) in enumerate(pairs)])
    ceiling = Score(np.sqrt(max(reliability, 0.0)))
    ceiling.attrs['error'] = standard_error(np.sqrt(spearman_brown(draws).clip(0)))
    ceiling.attrs['rdm_reliability'] = reliability
    return ceiling


def _ridge_ceiling(found: Recordings) -> Score:
    """Median split-half reliability of the neuroids: the share of variance that a model can explain."""
    reliability = found.reliability
    ceiling = Score(float(np.median(reliability)))
    ceiling.attrs['error'] = standard_error(median_draws(reliability))
    ceiling.attrs[Score.RAW_VALUES_KEY] = Score(
        reliability, coords={'neuroid_id': ('neuroid', found.mean['neuroid_id'].values)}, dims=['neuroid']
    )
    return ceiling


def _rdm_score(benchmark: AreaBenchmark, source: NeuroidAssembly, raw: Score) -> Score:
    found, ceiling = benchmark.recordings, benchmark.ceiling
    score = Score(float(raw) / float(ceiling))
    score.attrs[Score.RAW_VALUES_KEY] = raw
    score.attrs['ceiling'] = ceiling
    score.attrs['draws'] = raw.attrs['draws'] / float(ceiling)
    score.attrs['error'] = standard_error(score.attrs['draws'])
    score.attrs['formula'] = 'raw / ceiling'
    score.attrs['noise_corrected'] = float(raw) / float(ceiling)
    metric = load_metric('m2m_rdm', n_bootstraps=0)
    per_animal = {}
    for animal in np.unique(found.animals):
        own = np.flatnonzero(found.animals == animal)
        if len(own) >= 2:  # one neuroid has no pattern
            per_animal[str(animal)] = float(metric(source, found.mean.isel(neuroid=own)))
    score.attrs['per_animal'] = per_animal
    return benchmark.describe(score)


def _ridge_score(benchmark: AreaBenchmark, source: NeuroidAssembly, raw: Score) -> Score:
    found, ceiling = benchmark.recordings, benchmark.ceiling
    r = raw.attrs[Score.RAW_VALUES_KEY].values
    reliability = found.reliability

    def explained(r: Any, reliability: Any) -> Any:
        # A model that predicts worse than the mean explains nothing; its square must not count for it.
        return np.maximum(r, 0) ** 2 / reliability

    score = Score(float(explained(float(raw), float(ceiling))))
    score.attrs[Score.RAW_VALUES_KEY] = raw
    score.attrs['ceiling'] = ceiling
    score.attrs['draws'] = explained(*median_draws(np.stack([r, reliability])))
    score.attrs['error'] = standard_error(score.attrs['draws'])
    score.attrs['formula'] = 'max(raw, 0)**2 / ceiling'
    score.attrs['noise_corrected'] = float(np.median(r / np.sqrt(reliability)))
    score.attrs['per_animal'] = {
        str(animal): float(np.median(r[found.animals == animal])) for animal in np.unique(found.animals)
    }
    return benchmark.describe(score)


_CEILINGS: dict[str, Callable[[Recordings], Score]] = {'rdm': _rdm_ceiling, 'ridge': _ridge_ceiling}
_SCORES: dict[str, Callable[[AreaBenchmark, NeuroidAssembly, Score], Score]] = {
    'rdm': _rdm_score,
    'ridge': _ridge_score,
}
KINDS = tuple(_SCORES)


class MeanBenchmark(BenchmarkBase):
    """Mean over the areas of a dataset.

    Areas with fewer than three reliable neuroids, or none recorded, are left out and named in the result.

    Parameters
    ----------
    dataset : str
    kind : {'rdm', 'ridge'}
    bibtex : str
    """

    def __init__(self, dataset: str, kind: str, bibtex: str = '') -> None:
        super().__init__(identifier=f'{dataset}-{kind}', ceiling_func=None, version=1, parent=None, bibtex=bibtex)
        self.dataset = dataset
        self.kind = kind
        self.areas: list[AreaBenchmark] = []
        self.left_out: dict[str, str] = {}
        for area in AREAS:
            try:
                self.areas.append(AreaBenchmark(dataset, area, kind, bibtex))
            except (UnknownNameError, BenchmarkError) as error:
                self.left_out[area] = str(error)
        if not self.areas:
            raise BenchmarkError(f'{dataset} has no area that can be scored: {"; ".join(self.left_out.values())}')

    def __call__(self, candidate: BrainModel) -> Score:
        """Mean of the areas' scores; see `combine`."""
        return self.combine([benchmark(candidate) for benchmark in self.areas])

    @property
    def ceiling(self) -> Score:
        """Mean of the areas' ceilings."""
        ceilings = [benchmark.ceiling for benchmark in self.areas]
        return Score(float(np.mean([float(ceiling) for ceiling in ceilings])))

    def combine(self, scores: list[Score]) -> Score:
        """Mean over areas.

        The error is that of the mean: RSA draws take the same stimuli in every area, so they are averaged draw by
        draw; regression draws take other neuroids in every area.

        Parameters
        ----------
        scores : list of Score
            Of each area in `areas`.

        Returns
        -------
        Score
            With the areas' scores in the attribute `areas`.
        """

        def mean(key: str) -> float:
            return float(np.mean([float(score.attrs[key]) for score in scores]))

        score = Score(float(np.mean([float(score) for score in scores])))
        score.attrs[Score.RAW_VALUES_KEY] = Score(mean(Score.RAW_VALUES_KEY))
        score.attrs['ceiling'] = Score(mean('ceiling'))
        score.attrs['draws'] = np.mean([score.attrs['draws'] for score in scores], axis=0)
        score.attrs['error'] = standard_error(score.attrs['draws'])
        inter_animal = [score.attrs['inter_animal'] for score in scores]
        animals = {name for benchmark in self.areas for name in benchmark.recordings.animals}
        score.attrs.update(
            benchmark_identifier=self.identifier,
            formula=f'mean over areas of {scores[0].attrs["formula"]}',
            noise_corrected=mean('noise_corrected'),
            inter_animal=None if None in inter_animal else float(np.mean(inter_animal)),
            n_neuroids=sum(score.attrs['n_neuroids'] for score in scores),
            n_stimuli=scores[0].attrs['n_stimuli'],
            n_animals=len(animals),
            areas={benchmark.region: score for benchmark, score in zip(self.areas, scores, strict=True)},
            left_out=self.left_out,
        )
        return score
