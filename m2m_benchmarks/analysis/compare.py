"""Scores several candidates on the same benchmarks and compares them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from brainscore_core.benchmarks import Benchmark
from brainscore_core.metrics import Score

from m2m_benchmarks.analysis.comparison import Comparison, Scored, compare_scores
from m2m_benchmarks.analysis.entries import Entry, check_different, parse_entries, source_of
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.benchmarks.neurons import NeuronSelection, restrict
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.messages import say
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.scoring.acuity import check_benchmarks
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.runs import find_run, read_run
from m2m_benchmarks.scoring.score import score_candidate
from m2m_benchmarks.scoring.specs import RUN

if TYPE_CHECKING:
    from m2m_benchmarks.training.settings import Settings


def compare(
    candidates: Sequence[str],
    benchmarks: Sequence[str],
    seeds: Sequence[int] = (0, 1, 2),
    weights: str = 'default',
    source: str | None = None,
    training: dict[str, Any] | None = None,
    progress: Progress | None = None,
    show: Callable[[Score], None] | None = None,
    correction: str = 'holm',
    mouse_acuity: bool = False,
    neurons: NeuronSelection | None = None,
) -> list[Comparison]:
    """Compare candidates on benchmarks.

    A candidate without named weights (`@`, `run:`) is trained if the benchmark is for models trained on its source, or
    if `source` is given; finished runs in the folder of runs are used again. Candidates that are trained or untrained
    have one score for each seed; others have one score.

    Candidates are compared on recordings by bootstrap draws of animals and stimuli, the same for all; their scores are
    averaged over seeds, whose variance adds to the error. Two candidates with the same seeds are paired over them if a
    seed determines the same for both: the training batches, or the initial weights of one backbone. Accuracies on
    digits that are paired over seeds have the error of the seeds alone, others that of draws of images and of seeds.

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
    correction : {'holm', 'fdr'}
        Correction of the p values for several tests; see `statistics.CORRECTIONS`.
    mouse_acuity : bool
        Whether all candidates see the stimuli as a mouse's eye passes them on; for benchmarks of recordings.
    neurons : NeuronSelection, optional
        Selection of neurons that all benchmarks are restricted to.

    Returns
    -------
    list of Comparison
        Comparison on each benchmark; one without a score, whose ceiling is too uncertain, is left out with a note.

    Raises
    ------
    M2MError
        When no benchmark has a score; see also `parse_entries`, `check_different`, `score_candidate` and `train`.
    """
    if mouse_acuity:
        check_benchmarks(benchmarks)
    entries = parse_entries(candidates, weights, mouse_acuity)
    whole = map(load_benchmark, benchmarks)
    selected = whole if neurons is None else [restrict(benchmark, neurons) for benchmark in whole]
    loaded = {str(benchmark.identifier): benchmark for benchmark in selected}
    sources = {name: _source_of(name, benchmark, source) for name, benchmark in loaded.items()}
    for own_source in sources.values():
        check_different(entries, own_source)
    jobs = [job for entry in entries for job in _jobs(entry, sources, list(dict.fromkeys(seeds)), training or {})]
    scored: dict[str, list[Scored]] = {benchmark: [] for benchmark in sources}
    total = sum(len(job.models) for job in jobs)
    done = 0
    for job in jobs:
        scores: list[list[Score]] = []
        for seed, model in zip(job.seeds or [0], job.models, strict=True):
            candidate = _load(model, seed, progress, mouse_acuity)
            own_benchmarks = [loaded[name] for name in job.benchmarks]  # all candidates are scored on the same data
            scores.append(list(score_candidate(candidate, own_benchmarks, progress=progress, fresh=True, show=show)))
            done += 1
            if progress:
                progress('models and seeds', done, total)
        for benchmark, over_seeds in zip(job.benchmarks, zip(*scores, strict=True), strict=True):
            scored[benchmark].append(Scored(job.entry, job.seeds, job.source, list(over_seeds)))
    comparisons, without_scores = [], []
    for benchmark, candidate_scores in scored.items():
        try:
            comparisons.append(compare_scores(benchmark, candidate_scores, correction))
        except BenchmarkError as error:
            without_scores.append(str(error))
    if not comparisons:
        raise BenchmarkError(without_scores[0])
    for reason in without_scores:
        say(f'note: {reason}')
    return comparisons


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


def _load(model: 'Entry | Settings', seed: int, progress: Progress | None, mouse_acuity: bool) -> Candidate:
    if isinstance(model, Entry):
        return load_candidate(model.spec.name, weights=model.spec.weights, seed=seed, mouse_acuity=mouse_acuity)
    from m2m_benchmarks.training.reuse import trained_run

    return load_candidate(f'{RUN}{trained_run(model, progress).folder}', mouse_acuity=mouse_acuity)
