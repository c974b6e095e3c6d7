"""Comparisons of scores that are stored, by the bootstrap draws that are stored with them."""

from collections.abc import Sequence

from brainscore_core.metrics import Score

from m2m_benchmarks.analysis.comparison import Comparison, Scored, compare_scores
from m2m_benchmarks.analysis.entries import Entry
from m2m_benchmarks.analysis.statistics import CORRECTIONS
from m2m_benchmarks.errors import BenchmarkError, DataError, UnknownNameError
from m2m_benchmarks.records import store
from m2m_benchmarks.records.record import Result
from m2m_benchmarks.records.selection import label, labels
from m2m_benchmarks.scoring.results import score_of
from m2m_benchmarks.scoring.specs import CandidateSpec


def compare(scores: Sequence[Score], correction: str = 'holm') -> Comparison:
    """Compare scores of two or more candidates on one benchmark, on the same bootstrap draws.

    This is `m2m compare` for scores that are there, such as those of networks in Python. Each score is a candidate of
    its own: scores over several seeds of one model are not averaged.

    Parameters
    ----------
    scores : sequence of Score
        Scores that `score` returned on one benchmark and the same data, one for each candidate.
    correction : {'holm', 'fdr'}
        Correction of the p values for several pairs; see `statistics.CORRECTIONS`.

    Returns
    -------
    Comparison
        `rows[-1]` is that of the score, the others are those of areas or domains. A row has `differences` (each with
        `value`, `error`, `interval` and `p_adjusted`), `ranks` and `groups`.

    Raises
    ------
    BenchmarkError
        When there are fewer than two scores, two are of the same candidate, or one has a raw value, but no score.
    DataError
        When scores are of different benchmarks, versions or data, or the draws of one aren't stored or are damaged.
    UnknownNameError
        When there is no such correction.
    """
    if isinstance(scores, Score) or len(scores) < 2:
        n_scores = 1 if isinstance(scores, Score) else len(scores)
        raise BenchmarkError(f'a comparison needs a list of two scores or more, got {n_scores}.')
    if correction not in CORRECTIONS:
        raise UnknownNameError('correction', correction, CORRECTIONS)
    missing = [position for position, score in enumerate(scores) if 'result' not in getattr(score, 'attrs', {})]
    if missing:
        raise BenchmarkError(f'score {missing[0]} of the list is not one that m2m_benchmarks.score returned.')
    return compare_results([Result.from_document(score.attrs['result']) for score in scores], correction)


def compare_results(results: Sequence[Result], correction: str = 'holm') -> Comparison:
    """Compare stored results on one benchmark, as `m2m compare` compares scores; see `compare` for what it raises."""
    names = [label(result) for result in results]
    if len(set(names)) < len(names):
        names = labels(results)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise BenchmarkError(
            f'two of the scores are of the same candidate, {repeated}; networks are told apart by the option name of '
            '`score`.'
        )
    scored = [
        Scored(Entry(name, CandidateSpec(result.model), has_weights=True), None, None, [_with_draws(result)])
        for name, result in zip(names, results, strict=True)
    ]
    return compare_scores(results[0].benchmark, scored, correction)


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
