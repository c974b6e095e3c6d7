"""Comparisons of stored results, by the bootstrap draws that are stored with them."""

from brainscore_core.metrics import Score

from m2m_benchmarks.analysis.comparison import Comparison, Scored, compare_scores
from m2m_benchmarks.analysis.entries import Entry
from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.scoring.results import score_of
from m2m_benchmarks.scoring.specs import CandidateSpec


def compare_results(first: Result, second: Result) -> Comparison:
    """Compare two stored results on one benchmark, as `m2m compare` compares scores; see `compare_scores`.

    Raises
    ------
    BenchmarkError
        When one has a raw value, but no score.
    DataError
        When they can't be compared, or the draws of one aren't stored or are damaged.
    """
    scored = [
        Scored(Entry(label(result), CandidateSpec(result.model), has_weights=True), None, None, [_with_draws(result)])
        for result in (first, second)
    ]
    return compare_scores(first.benchmark, scored, 'holm')


def _with_draws(result: Result) -> Score:
    """Make the score of a stored result with its bootstrap draws."""
    score, draws = score_of(result), store.draws(result.uid)
    parts = {'score': score}
    if result.targets is None:
        parts |= {f'{area} score': part for area, part in score.attrs.get('areas', {}).items()}
    needed = [*parts, *(['in-domain', *result.targets] if result.targets else [])]
    missing = [name for name in needed if name not in draws]
    if missing and result.score is not None:
        raise DataError(
            f'the bootstrap draws of {label(result)} on {result.benchmark} are not stored here, so the difference has '
            'no error; score it here: m2m score MODEL BENCHMARK --fresh.'
        )
    for name, part in parts.items():
        part.attrs.update(draws=draws.get(name), n_stimuli=result.n_stimuli)
    if result.targets is not None:
        score.attrs['target_draws'] = draws
    return score
