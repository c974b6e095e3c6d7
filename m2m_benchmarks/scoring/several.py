"""Scores several candidates on several benchmarks, taking scores from the stored results where possible.

PyTorch is loaded only when a score must be computed.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from m2m_benchmarks.benchmarks.neurons import NeuronSelection, restrict
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring import requests
from m2m_benchmarks.scoring.specs import CandidateSpec

if TYPE_CHECKING:
    from brainscore_core.benchmarks import Benchmark
    from brainscore_core.metrics import Score


def score_several(
    specs: Sequence[CandidateSpec],
    benchmarks: Sequence[str],
    layer: str | None = None,
    seeds: Sequence[int] = (0,),
    fresh: bool = False,
    progress: Progress | None = None,
    show: Callable[[Result], None] | None = None,
    neurons: NeuronSelection | None = None,
) -> Iterator[Result]:
    """Score several candidates on several benchmarks.

    Parameters
    ----------
    specs : sequence of CandidateSpec
    benchmarks : sequence of str
        Identifiers, as `benchmarks.selection.expand_benchmarks` returns them.
    layer : str, optional
        Layer to score all neuroids on.
    seeds : sequence of int
        Random seeds of untrained weights; other candidates are scored once.
    fresh : bool
        Whether to compute scores that the results already have.
    progress : callable, optional
    show : callable, optional
        Called with each result in the same order, before it is stored.
    neurons : NeuronSelection, optional
        Selection of neurons that all benchmarks are restricted to.

    Yields
    ------
    Result
        Result of each benchmark, in order, for each candidate and seed, stored before it is yielded.

    Raises
    ------
    M2MError
        See `scoring.score.score`.
    StorageError
        After the last result, when some of them could not be stored.
    """
    report = progress or silent
    show = show or (lambda result: None)
    not_stored: list[str] = []
    tasks = [(spec, seed) for spec in specs for seed in (seeds if spec.weights == 'none' else seeds[:1])]
    loaded: dict[str, Benchmark] = {}  # all candidates are scored on the same data
    for number, (spec, seed) in enumerate(tasks):
        keys = {name: _key(spec, seed, name, layer, loaded.get(name), neurons) for name in benchmarks}
        known = {} if fresh else {name: requests.answer(key) for name, key in keys.items() if key is not None}
        missing = [name for name in benchmarks if known.get(name) is None]
        computed: Iterator[Result] = iter(())
        if missing:
            computed = _compute(spec, seed, missing, layer, fresh, loaded, report, show, not_stored, neurons)
        for name in benchmarks:
            result = known.get(name)
            if result is None:
                yield next(computed)
            else:
                show(result)
                yield result
        if len(tasks) > 1:
            report('candidates', number + 1, len(tasks))
    if not_stored:
        raise StorageError(describe_not_stored(not_stored))


def describe_not_stored(reasons: Sequence[str]) -> str:
    """Say how many scores could not be stored, where they are, and why, given the reason for each."""
    count = '1 score is' if len(reasons) == 1 else f'{len(reasons)} scores are'
    return (
        f'{count} not stored: printed here, and written by --json, but not listed by `m2m results`. The reason: '
        f'{reasons[-1]}'
    )


def _key(
    spec: CandidateSpec,
    seed: int,
    name: str,
    layer: str | None,
    benchmark: 'Benchmark | None',
    neurons: NeuronSelection | None,
) -> str | None:
    # The data that were loaded, or else those that are here now: a dataset may be replaced at any time.
    versions = getattr(benchmark, 'versions', None)
    options = spec.options.given()
    selected = None if neurons is None else neurons.sha256
    return requests.key(spec.name, spec.weights, seed, name, layer, options, versions, spec.mouse_acuity, selected)


def _compute(
    spec: CandidateSpec,
    seed: int,
    benchmarks: Sequence[str],
    layer: str | None,
    fresh: bool,
    loaded: 'dict[str, Benchmark]',
    report: Progress,
    show: Callable[[Result], None],
    not_stored: list[str],
    neurons: NeuronSelection | None,
) -> Iterator[Result]:
    """Score a candidate, and add the reasons why scores could not be stored to `not_stored`."""
    report('loading torch', 0, 1)
    from m2m_benchmarks.plugins import load_benchmark
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.score import score_candidate

    report('loading torch', 1, 1)
    for name in benchmarks:
        if name not in loaded:
            benchmark = load_benchmark(name)
            loaded[name] = benchmark if neurons is None else restrict(benchmark, neurons)
    keys = {name: _key(spec, seed, name, layer, loaded[name], neurons) for name in benchmarks}
    report(f'{spec.label}: loading', 0, 1)
    # torch.hub prints its downloads to stdout, which is for results only.
    with contextlib.redirect_stdout(sys.stderr):
        options = spec.options.given()
        candidate = load_candidate(
            spec.name, weights=spec.weights, seed=seed, mouse_acuity=spec.mouse_acuity, **options
        )
    report(f'{spec.label}: loading', 1, 1)

    def requested(name: str, score: 'Score') -> tuple[Result, str | None]:
        """Result of a score, and the request that is to be added to the stored one."""
        result = Result.from_document(score.attrs['result'])
        key = keys[name]
        # A weights file that was replaced since the key was computed may not be the one that was loaded.
        same = key == _key(spec, seed, name, layer, loaded[name], neurons)
        if key is None or not same or candidate.files is None or result.request == key:
            return result, None
        return dataclasses.replace(result, request=key, files=candidate.files), key

    names = iter(benchmarks)
    scores = score_candidate(
        candidate,
        [loaded[name] for name in benchmarks],
        layer,
        report,
        fresh,
        lambda score: show(requested(next(names), score)[0]),
    )
    for name, score in zip(benchmarks, scores, strict=True):
        result, key = requested(name, score)
        if 'not_stored' in score.attrs:
            not_stored.append(score.attrs['not_stored'])
        elif key is not None:
            try:
                store.set_request(result, key, candidate.files or {})
            except StorageError as error:
                say(f'note: the score is stored, but the same command may compute it again: {error}')
        yield result
