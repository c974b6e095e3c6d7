"""Compares several candidates on the same benchmarks: differences, their errors, and ranks."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from brainscore_core.benchmarks import Benchmark
from brainscore_core.metrics import Score

from m2m_benchmarks.analysis.entries import Entry, check_different, parse_entries, source_of
from m2m_benchmarks.analysis.statistics import (
    FEWEST_SEEDS,
    Estimate,
    bootstrap_difference,
    holm,
    paired_difference,
    rank_ranges,
    unpaired_difference,
)
from m2m_benchmarks.arrays import standard_error
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.models.neurn.backbones import parse as parse_variant
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.runs import find_run, read_run
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.scoring.specs import RUN

if TYPE_CHECKING:
    from m2m_benchmarks.training.settings import Settings

#: Name of the row of the score itself; other rows are its parts.
SCORE = 'score'
#: Largest adjusted p value of a difference that counts for ranks.
ALPHA = 0.05


@dataclass(frozen=True)
class ComparedCandidate:
    """One candidate and its results.

    Attributes
    ----------
    label : str
        Name that the user gives it.
    seeds : list of int or None
        Random seeds; None where the candidate does not depend on a seed.
    results : list of dict
        Result for each seed.
    """

    label: str
    seeds: list[int] | None
    results: list[dict[str, Any]]


@dataclass(frozen=True)
class Difference:
    """One pair of candidates on one measure.

    Attributes
    ----------
    first, second : int
        Indices of the candidates.
    value : float
        Mean of the first minus mean of the second.
    error : float
        Standard error.
    interval : (low, high) or None
        95 % confidence interval for this pair alone; None where a candidate has two seeds, which are too few.
    p : float or None
        Two-sided p value for no difference.
    p_holm : float or None
        p value adjusted by Holm's procedure over all pairs of the measure.
    paired : bool
        Whether the seeds are paired.
    method : str
        Method of the error and the interval, in words.
    """

    first: int
    second: int
    value: float
    error: float
    interval: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    paired: bool
    method: str


@dataclass(frozen=True)
class Row:
    """One measure of all candidates.

    Attributes
    ----------
    name : str
        'score', 'in-domain', or the name of a target domain or area.
    values : list of list of float
        Values of each candidate, one for each seed.
    errors : list of float
        Standard error of each candidate's mean over seeds, by bootstrap.
    spreads : list of (float or None)
        Standard deviation of each candidate between seeds; None with a single value.
    ranks : list of (best, worst)
        Range of ranks of each candidate, from 1 for the highest; pairs with an adjusted p value above .05 are ties.
    differences : list of Difference
        Differences of all pairs.
    """

    name: str
    values: list[list[float]]
    errors: list[float]
    spreads: list[float | None]
    ranks: list[tuple[int, int]]
    differences: list[Difference]

    @property
    def means(self) -> list[float]:
        """Mean over seeds of each candidate."""
        return [float(np.mean(values)) for values in self.values]


@dataclass(frozen=True)
class Comparison:
    """Several candidates on one benchmark.

    Attributes
    ----------
    benchmark : str
    candidates : list of ComparedCandidate
    rows : list of Row
        Rows of the in-domain accuracy where there is one, of each target domain or area, and last of the score.
    """

    benchmark: str
    candidates: list[ComparedCandidate]
    rows: list[Row]

    @property
    def methods(self) -> dict[str, list[tuple[int, int]]]:
        """Pairs of candidates that each method compares."""
        methods: dict[str, list[tuple[int, int]]] = {}
        for pair in self.rows[-1].differences:
            methods.setdefault(pair.method, []).append((pair.first, pair.second))
        return methods

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class _Scored:
    """Scores of one candidate on one benchmark, one for each seed."""

    entry: Entry
    seeds: list[int] | None
    source: str | None
    scores: list[Score]


@dataclass(frozen=True)
class _Measured:
    """One measure of one candidate: a value and its bootstrap draws for each seed."""

    values: list[float]
    draws: list[np.ndarray]


def compare(
    candidates: Sequence[str],
    benchmarks: Sequence[str],
    seeds: Sequence[int] = (0, 1, 2),
    weights: str = 'default',
    source: str | None = None,
    training: dict[str, Any] | None = None,
    progress: Progress | None = None,
    show: Callable[[Score], None] | None = None,
) -> list[Comparison]:
    """Compare candidates on benchmarks.

    A candidate without named weights (`@`, `run:`) is trained if the benchmark is for models trained on its source, or
    if `source` is given; finished runs in the folder of runs are used again. Candidates that are trained or untrained
    have one score for each seed; others have one score.

    Two candidates with the same seeds are paired over them if a seed determines the same for both: the training
    batches, or the initial weights of one backbone. Other pairs are compared by bootstrap draws of stimuli, neuroids or
    images, the same for both; their scores are averaged over seeds, whose variance adds to the error.

    Parameters
    ----------
    candidates : sequence of str
        Two or more of NAME, NAME@WEIGHTS and run:PATH.
    benchmarks : sequence of str
    seeds : sequence of int
        Random seeds of the training, or of untrained weights.
    weights : str
        Weights of candidates without `@`; see `scoring.candidates.load_candidate`.
    source : str, optional
        Domain to train on, for benchmarks that are not for models trained on their source.
    training : dict, optional
        Settings of the runs that differ from the protocol: `steps`, `batch_size`, `learning_rate`, `limit`.
    progress : callable, optional
    show : callable, optional
        Called with each score before it is stored; see `score_candidate`.

    Returns
    -------
    list of Comparison
        Comparison on each benchmark.

    Raises
    ------
    M2MError
        See `parse_entries`, `check_different`, `score_candidate` and `train`.
    """
    entries = parse_entries(candidates, weights)
    loaded = {str(benchmark.identifier): benchmark for benchmark in map(load_benchmark, benchmarks)}
    sources = {name: _source_of(name, benchmark, source) for name, benchmark in loaded.items()}
    for own_source in sources.values():
        check_different(entries, own_source)
    jobs = [job for entry in entries for job in _jobs(entry, sources, list(dict.fromkeys(seeds)), training or {})]
    scored: dict[str, list[_Scored]] = {benchmark: [] for benchmark in sources}
    total = sum(len(job.models) for job in jobs)
    done = 0
    for job in jobs:
        scores: list[list[Score]] = []
        for seed, model in zip(job.seeds or [0], job.models, strict=True):
            candidate = _load(model, seed, progress)
            own_benchmarks = [loaded[name] for name in job.benchmarks]  # all candidates are scored on the same data
            scores.append(list(score_candidate(candidate, own_benchmarks, progress=progress, fresh=True, show=show)))
            done += 1
            if progress:
                progress('models and seeds', done, total)
        for benchmark, over_seeds in zip(job.benchmarks, zip(*scores, strict=True), strict=True):
            scored[benchmark].append(_Scored(job.entry, job.seeds, job.source, list(over_seeds)))
    return [_comparison(benchmark, candidate_scores) for benchmark, candidate_scores in scored.items()]


def _source_of(name: str, benchmark: Benchmark, source: str | None) -> str | None:
    """Domain that candidates without named weights are trained on for a benchmark."""
    if not isinstance(benchmark, GeneralizationBenchmark | AreaBenchmark | MeanBenchmark):
        raise BenchmarkError(
            f'{name} of brainscore_vision has no bootstrap draws; name a benchmark that `m2m benchmarks` lists.'
        )
    if source_of(name) is not None:
        if source is not None and _domain(source) != source_of(name):
            raise BenchmarkError(f'{name} has the source {source_of(name)}, not {source}; leave --source out.')
        return source_of(name)
    return None if source is None else _domain(source)


def _domain(source: str) -> str:
    from m2m_benchmarks.training.sources import domain_name

    return domain_name(source)


@dataclass(frozen=True)
class _Job:
    """Benchmarks that one candidate is scored on with the same weights for each seed."""

    entry: Entry
    source: str | None
    seeds: list[int] | None
    models: 'list[Entry | Settings]'
    benchmarks: list[str]


def _jobs(entry: Entry, sources: dict[str, str | None], seeds: list[int], training: dict[str, Any]) -> list[_Job]:
    """List the jobs of one candidate, checking all before any is trained."""
    if entry.spec.name.startswith(RUN):
        run = read_run(find_run(entry.spec.name.removeprefix(RUN)))
        for benchmark, source in sources.items():
            if source_of(benchmark) not in (None, run.data['name']):
                raise BenchmarkError(
                    f'the run {run.folder.name} was trained on {run.data["name"]}; {benchmark} is for models trained '
                    f'on {source}.'
                )
    own_sources = {benchmark: source if entry.is_trained(source) else None for benchmark, source in sources.items()}
    jobs = []
    for source in dict.fromkeys(own_sources.values()):
        own_seeds = seeds if entry.has_seeds(source) else None
        if own_seeds == []:
            raise BenchmarkError('there are no seeds; expected one or more, such as --seeds 0,1,2.')
        models = [entry if source is None else _settings(entry, source, seed, training) for seed in own_seeds or [0]]
        benchmarks = [benchmark for benchmark, own in own_sources.items() if own == source]
        jobs.append(_Job(entry, source, own_seeds, models, benchmarks))
    return jobs


def _settings(entry: Entry, source: str, seed: int, training: dict[str, Any]) -> 'Settings':
    from m2m_benchmarks.training.settings import Settings

    return Settings(entry.spec.name, source, seed, **training)


def _load(model: 'Entry | Settings', seed: int, progress: Progress | None) -> Candidate:
    if isinstance(model, Entry):
        return load_candidate(model.spec.name, weights=model.spec.weights, seed=seed)
    from m2m_benchmarks.training.reuse import trained_run

    return load_candidate(f'{RUN}{trained_run(model, progress).folder}')


def _comparison(benchmark: str, scored: list[_Scored]) -> Comparison:
    candidates = [
        ComparedCandidate(candidate.entry.label, candidate.seeds, [score.attrs['result'] for score in candidate.scores])
        for candidate in scored
    ]
    pairs = list(itertools.combinations(range(len(scored)), 2))
    methods = {(first, second): _method(scored[first], scored[second]) for first, second in pairs}
    measures = [[_measures(score) for score in candidate.scores] for candidate in scored]
    rows = []
    for name in measures[0][0]:
        parts = [
            _Measured([float(seed[name][0]) for seed in over_seeds], [seed[name][1] for seed in over_seeds])
            for over_seeds in measures
        ]
        rows.append(_row(name, parts, methods))
    return Comparison(benchmark, candidates, rows)


def _row(name: str, parts: list[_Measured], methods: dict[tuple[int, int], tuple[bool, str]]) -> Row:
    draws = [np.mean(part.draws, axis=0) for part in parts]
    means = [float(np.mean(part.values)) for part in parts]
    estimates: dict[tuple[int, int], Estimate] = {}
    for (first, second), (over_seeds, _) in methods.items():
        values, difference = (parts[first].values, parts[second].values), means[first] - means[second]
        if over_seeds:
            estimates[first, second] = paired_difference(*values)
        elif max(map(len, values)) > 1:
            estimates[first, second] = unpaired_difference(values, draws[first] - draws[second], difference)
        else:
            estimates[first, second] = bootstrap_difference(draws[first], draws[second], difference)
    adjusted = holm([estimate.p for estimate in estimates.values()])
    differences = [
        Difference(*pair, estimate.value, estimate.error, estimate.interval, estimate.p, p_holm, *methods[pair])
        for (pair, estimate), p_holm in zip(estimates.items(), adjusted, strict=True)
    ]
    better = {
        (pair.first, pair.second): pair.value > 0
        for pair in differences
        if pair.p_holm is not None and pair.p_holm <= ALPHA
    }
    return Row(
        name,
        [part.values for part in parts],
        [standard_error(candidate_draws) for candidate_draws in draws],
        [float(np.std(part.values, ddof=1)) if len(part.values) > 1 else None for part in parts],
        rank_ranges(len(parts), better),
        differences,
    )


def _method(first: _Scored, second: _Scored) -> tuple[bool, str]:
    """Whether a pair of candidates is paired over seeds, and the method in words."""
    n_seeds = [len(scored.scores) for scored in (first, second)]
    over_seeds = min(n_seeds) > 1 and _same_seeds(first, second)
    if over_seeds:
        text = f"paired over {n_seeds[0]} seeds, Student's t"
    else:
        text = 'one score each' if max(n_seeds) == 1 else 'means over seeds, not paired'
        if _neuroids(first.scores[0]) != _neuroids(second.scores[0]):
            text += '; bootstrap; they were scored on different neuroids'
        else:
            text += '; bootstrap, the same draws for both'
        text += '' if max(n_seeds) == 1 else ', and variance between seeds'
    too_few = any(1 < n < FEWEST_SEEDS for n in n_seeds)
    return over_seeds, text + (f'; no interval: it needs {FEWEST_SEEDS} seeds or more' if too_few else '')


def _same_seeds(first: _Scored, second: _Scored) -> bool:
    """Whether a seed determines the same for both: the training batches, or the initial weights of one backbone."""
    if first.source is not None and first.source == second.source:
        return True
    variants = [parse_variant(scored.entry.spec.name) for scored in (first, second)]
    backbones = [None if variant is None else (variant.backbone, variant.image_size) for variant in variants]
    return backbones[0] is not None and backbones[0] == backbones[1]


def _neuroids(score: Score) -> list[int | None]:
    """Numbers of neuroids that the benchmark and each area were scored on."""
    return [part.attrs.get('n_neuroids') for part in (score, *score.attrs.get('areas', {}).values())]


def _measures(score: Score) -> dict[str, tuple[float, np.ndarray]]:
    """Value and bootstrap draws of each part of a score, and last of the score itself."""
    measures: dict[str, tuple[float, np.ndarray]] = {}
    if 'target_draws' in score.attrs:
        domains = {'in-domain': score.attrs['in_domain'], **score.attrs['targets']}
        measures = {name: (domain['accuracy'], score.attrs['target_draws'][name]) for name, domain in domains.items()}
    measures |= {area: (float(part), part.attrs['draws']) for area, part in score.attrs.get('areas', {}).items()}
    return {**measures, SCORE: (float(score), score.attrs['draws'])}
