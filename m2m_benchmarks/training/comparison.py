"""Two models on one benchmark: the same seeds, or the same images, for both."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brainscore_core.metrics import Score
from scipy import stats

from m2m_benchmarks.arrays import standard_error
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.errors import BenchmarkError, TrainingError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.candidates import Candidate, load_candidate
from m2m_benchmarks.scoring.runs import RESULT, find_run, read_run
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.sources import domain_name, source_sha256
from m2m_benchmarks.training.train import train

_RUN = 'run:'


@dataclass(frozen=True)
class Row:
    """One measure of both models.

    Attributes
    ----------
    name : str
        'score', 'in-domain', or the name of a target domain or area.
    first, second : list of float
        One value for each seed.
    difference : float
        Mean of first - second.
    error : float
        Its standard error.
    interval : (low, high)
        Of 95 %.
    """

    name: str
    first: list[float]
    second: list[float]
    difference: float
    error: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Two models on one benchmark.

    Attributes
    ----------
    models : (first, second)
    benchmark : str
    seeds : list of int or None
        None where there are no seeds to pair over.
    method : str
        How errors and intervals come about.
    rows : list of Row
        Each target domain or area, in-domain accuracy where there is one, and the score last.
    results : list of dict
        All results, the first model's seeds, then the second's.
    """

    models: tuple[str, str]
    benchmark: str
    seeds: list[int] | None
    method: str
    rows: list[Row]
    results: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return dataclasses.asdict(self)


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, tuple[float, float]]:
    """Mean difference of pairs, its standard error, and its 95 % interval by Student's t.

    Parameters
    ----------
    first, second : sequence of float
        Two pairs or more.

    Returns
    -------
    difference, error, (low, high)
    """
    differences = np.subtract(first, second)
    error = float(stats.sem(differences))
    half = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    mean = float(differences.mean())
    return mean, error, (mean - half, mean + half)


def drawn(first: np.ndarray, second: np.ndarray, difference: float) -> tuple[float, float, tuple[float, float]]:
    """A difference, its standard error, and its 95 % interval, from bootstrap draws of both scores.

    Parameters
    ----------
    first, second : array, shape (n_draws,)
        Scores over the same draws of images, stimuli or neuroids.
    difference : float
        Of the scores themselves.

    Returns
    -------
    difference, error, (low, high)
        Percentiles of the differences of the draws.
    """
    differences = first - second
    low, high = np.percentile(differences, [2.5, 97.5])
    return difference, standard_error(differences), (float(low), float(high))


def compare(
    first: str,
    second: str,
    benchmark: str,
    seeds: Sequence[int] = (0, 1, 2),
    weights: str = 'default',
    source: str | None = None,
    training: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two models on a benchmark.

    Where the benchmark is for models trained on its source, or `source` is given, the runs of each seed are taken from
    the folder of runs, and those that aren't there are trained. With untrained weights, each seed gives others. Then
    the interval is over seeds; elsewhere, or with a single seed, it is by bootstrap, with the same draws for both.

    Parameters
    ----------
    first, second : str
        Names of models, or `run:PATH`.
    benchmark : str
    seeds : sequence of int
    weights : str
        As for `scoring.candidates.load_candidate`; of models that aren't trained for this.
    source : str, optional
        Domain to train on, for benchmarks that ask for no training themselves.
    training : dict, optional
        Settings of the runs other than the protocol's: `steps`, `batch_size`, `learning_rate`, `limit`.
    progress : callable, optional

    Returns
    -------
    Comparison

    Raises
    ------
    M2MError
        As `score_candidate` and `train` do.
    """
    found = load_benchmark(benchmark)
    benchmark = found.identifier
    if not isinstance(found, GeneralizationBenchmark | AreaBenchmark | MeanBenchmark):
        raise BenchmarkError(
            f'{benchmark} of brainscore_vision has no bootstrap draws; compare on one that `m2m benchmarks` lists.'
        )
    if isinstance(found, GeneralizationBenchmark) and found.protocol == 'accuracy':
        if source is not None and domain_name(source) != found.source:
            raise BenchmarkError(f'{benchmark} has the source {found.source}, not {source}; leave --source out.')
        source = found.source
        for model in (first, second):
            run = read_run(find_run(model.removeprefix(_RUN))) if model.startswith(_RUN) else None
            if run is not None and run.data['name'] != source:
                raise BenchmarkError(
                    f'the run {run.folder.name} was trained on {run.data["name"]}; {benchmark} is for models trained '
                    f'on {source}.'
                )
    single = first.startswith(_RUN) or second.startswith(_RUN) or (source is None and weights != 'none')
    chosen: list[int | None] = [None] if single else list(dict.fromkeys(seeds))
    if not chosen:
        raise BenchmarkError('there are no seeds to compare over; expected one or more, such as --seeds 0,1,2.')
    wanted = [[_wanted(model, seed, source, training or {}) for model in (first, second)] for seed in chosen]
    scores: tuple[list[Score], list[Score]] = ([], [])
    for number, (seed, pair) in enumerate(zip(chosen, wanted, strict=True)):
        candidates = [_candidate(each, seed or 0, weights, progress) for each in pair]
        for candidate, own in zip(candidates, scores, strict=True):
            own += score_candidate(candidate, [benchmark], progress=progress, fresh=True)
        if progress and len(chosen) > 1:
            progress('seeds', number + 1, len(chosen))
    by_seeds = len(chosen) > 1
    rows = []
    measured = [[_measures(score) for score in own] for own in scores]
    for name in measured[0][0]:
        one, other = ([float(each[name][0]) for each in own] for own in measured)
        if by_seeds:
            difference = paired(one, other)
        else:
            difference = drawn(measured[0][0][name][1], measured[1][0][name][1], one[0] - other[0])
        rows.append(Row(name, one, other, *difference))
    if by_seeds:
        method = f"paired over {len(chosen)} seeds, Student's t"
    elif _neuroids(scores[0][0]) == _neuroids(scores[1][0]):
        method = 'one of each; bootstrap, the same draws for both'
    else:
        method = 'one of each; bootstrap, unpaired: they were scored on different neuroids'
    return Comparison(
        (first, second),
        benchmark,
        None if single else [seed for seed in chosen if seed is not None],
        method,
        rows,
        [score.attrs['result'] for own in scores for score in own],
    )


def _wanted(model: str, seed: int | None, source: str | None, training: dict[str, Any]) -> str | Settings:
    """A model's name, or what it is to be trained by; what is wrong with either is said before anything is trained."""
    if model.startswith(_RUN):
        read_run(find_run(model.removeprefix(_RUN)))
        return model
    return model if source is None else Settings(model, domain_name(source), seed or 0, **training)


def _candidate(wanted: str | Settings, seed: int, weights: str, progress: Progress | None) -> Candidate:
    if isinstance(wanted, str):
        return load_candidate(wanted) if wanted.startswith(_RUN) else load_candidate(wanted, weights=weights, seed=seed)
    folder = wanted.folder()
    if (folder / RESULT).is_file():
        run, settings = read_run(folder), wanted.document()
        differing = [key for key in settings if run.config.get(key) != settings[key]]
        if differing:
            raise TrainingError(
                f'{folder} holds a run with other settings than its name says: {", ".join(differing)}. Move it.'
            )
        if source_sha256(wanted.dataset) not in (None, run.data['sha256']):
            raise TrainingError(
                f'{folder} holds a run that was trained on another version of {wanted.dataset} than is on this '
                'machine. Move it, so that it is trained again.'
            )
        return load_candidate(f'{_RUN}{folder}')

    def report(what: str, done: int, total: int) -> None:
        if progress:
            progress(f'{wanted.model}, seed {seed}: {what}', done, total)

    # A run that was broken off goes on.
    return load_candidate(f'{_RUN}{train(wanted, resume=True, progress=report).folder}')


def _neuroids(score: Score) -> list[int | None]:
    """How many the whole and each area were scored on."""
    return [part.attrs.get('n_neuroids') for part in (score, *score.attrs.get('areas', {}).values())]


def _measures(score: Score) -> dict[str, tuple[float, np.ndarray]]:
    """Value and bootstrap draws of each part of a score, the whole last."""
    found: dict[str, tuple[float, np.ndarray]] = {}
    if 'target_draws' in score.attrs:
        domains = {'in-domain': score.attrs['in_domain'], **score.attrs['targets']}
        found = {name: (domain['accuracy'], score.attrs['target_draws'][name]) for name, domain in domains.items()}
    found |= {area: (float(part), part.attrs['draws']) for area, part in score.attrs.get('areas', {}).items()}
    return {**found, 'score': (float(score), score.attrs['draws'])}
