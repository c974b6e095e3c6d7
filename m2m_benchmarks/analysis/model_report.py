"""All that a report on a model shows: its results, those of its controls, the difference by NeuRN, its responses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from m2m_benchmarks.analysis.comparison import Comparison
from m2m_benchmarks.analysis.model_responses import measure_responses
from m2m_benchmarks.analysis.related_results import controls_of, twin_name, twin_of
from m2m_benchmarks.analysis.shown_responses import Responses
from m2m_benchmarks.analysis.stored_comparison import compare_results
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.progress import Progress
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.scoring.candidate import Candidate


@dataclass(frozen=True)
class ModelReport:
    """What a report shows of one candidate.

    Attributes
    ----------
    name : str
        Label of the candidate.
    results : list of Result
        One on each benchmark.
    controls : dict
        Benchmark to the results of each control; see `related_results.controls_of`.
    comparisons : list of Comparison
        The network with NeuRN and its twin without it, in this order, on each benchmark that both have results of.
    responses : Responses
    notes : list of str
        What is left out, and why.
    """

    name: str
    results: list[Result]
    controls: dict[str, dict[str, list[Result]]]
    comparisons: list[Comparison]
    responses: Responses
    notes: list[str]


def model_report(
    name: str,
    results: Sequence[Result],
    stored: Sequence[Result],
    load: Callable[[], Candidate],
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> ModelReport:
    """Put together all that a report shows of a candidate.

    Parameters
    ----------
    name : str
        Label of the candidate.
    results : sequence of Result
        Its results, one on each benchmark.
    stored : sequence of Result
        All stored results, for controls and the twin.
    load : callable
        Function that loads the candidate, for its responses.
    notes : sequence of str
        What is left out so far.
    progress : callable, optional
    """
    neural = [result for result in results if result.targets is None]
    controls = {result.benchmark: controls_of(result, stored) for result in neural}
    comparisons, left_out = _by_neurn(results, stored)
    without = [benchmark for benchmark, known in controls.items() if not known]
    own_notes = [*notes, *left_out]
    if without:
        own_notes.append(
            f'No results of controls can be compared with those on {", ".join(without)}. `m2m score pixels_64 '
            'BENCHMARK` and the model with @none give some.'
        )
    responses = measure_responses(load, neural, progress)
    return ModelReport(name, list(results), controls, comparisons, responses, [*own_notes, *responses.notes])


def _by_neurn(results: Sequence[Result], stored: Sequence[Result]) -> tuple[list[Comparison], list[str]]:
    """Compare each result with that of the twin, and say where there is none."""
    comparisons, notes = [], []
    missing: dict[str, list[str]] = {}
    for result in results:
        name, twin = twin_name(result.model), twin_of(result, stored)
        if twin is None:
            if name is not None:
                missing.setdefault(name, []).append(result.benchmark)
            continue
        pair = (result, twin) if result.model.startswith('neurn_') else (twin, result)
        try:
            comparisons.append(compare_results(pair))
        except M2MError as error:
            notes.append(f'No difference by NeuRN on {result.benchmark}: {error}')
    notes += [
        f'No difference by NeuRN on {", ".join(benchmarks)}: no result of {name} with weights of the same origin can '
        'be compared. Score it, too.'
        for name, benchmarks in missing.items()
    ]
    return comparisons, notes
