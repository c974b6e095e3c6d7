"""Differences of candidates on one benchmark, their errors, and ranks."""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brainscore_core.metrics import Score

from m2m_benchmarks.analysis.entries import Entry
from m2m_benchmarks.analysis.statistics import (
    ALPHA,
    CORRECTIONS,
    FEWEST_SEEDS,
    Estimate,
    estimate,
    groups_of_ties,
    holm,
    percentile_estimate,
    rank_ranges,
    variance_of_draws,
    variance_of_seeds,
)
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.models.neurn.backbones import parse as parse_variant
from m2m_benchmarks.records.comparability import check_comparable
from m2m_benchmarks.records.record import Result

#: Name of the row of the score itself; other rows are its parts.
SCORE = 'score'


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
    p_adjusted : float or None
        p value adjusted over all pairs of the measure.
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
    p_adjusted: float | None
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
        Standard error of each candidate's mean over seeds.
    intervals : list of (low, high) or None
        95 % confidence interval of each candidate's mean; None where it has two seeds, which are too few.
    spreads : list of (float or None)
        Standard deviation of each candidate between seeds; None with a single value.
    p_chance : list of (float or None)
        p value of each candidate for a true value of at most `chance`, adjusted over the candidates.
    p_ceiling : list of (float or None)
        Two-sided p value of each candidate for a true value at the ceiling, adjusted over the candidates; None where
        the recordings have no ceiling, and for accuracies.
    ranks : list of (best, worst)
        Range of ranks of each candidate, from 1 for the highest, from pairs that differ by Holm's procedure: together
        the ranges hold all true ranks with a confidence of 95 %.
    groups : list of list of int
        Indices of candidates that can't be told apart; see `statistics.groups_of_ties`.
    differences : list of Difference
        Differences of all pairs, computed before scores below 0 are cut off.
    chance : float
        Value at chance.
    ceiling_interval : (low, high) or None
        95 % confidence interval of the ceiling in units of the score, whose ceiling is 1: of all candidates together.
    model_per_animal : list of (float or None)
        Raw value of each candidate on one animal, mean over animals.
    other_mice : float or None
        Raw value that all other animals reach as a model of one, mean over the same animals.
    """

    name: str
    values: list[list[float]]
    errors: list[float]
    intervals: list[tuple[float, float] | None]
    spreads: list[float | None]
    p_chance: list[float | None]
    p_ceiling: list[float | None]
    ranks: list[tuple[int, int]]
    groups: list[list[int]]
    differences: list[Difference]
    chance: float = 0.0
    ceiling_interval: tuple[float, float] | None = None
    model_per_animal: list[float | None] = dataclasses.field(default_factory=list)
    other_mice: float | None = None

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
    correction : str
        Correction of the p values for several tests, from `statistics.CORRECTIONS`.
    left_out : dict
        Areas that some candidate has no score for, and the reasons.
    """

    benchmark: str
    candidates: list[ComparedCandidate]
    rows: list[Row]
    correction: str = 'holm'
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)

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
class Scored:
    """Scores of one candidate on one benchmark, one for each seed."""

    entry: Entry
    seeds: list[int] | None
    source: str | None
    scores: list[Score]


@dataclass(frozen=True)
class Measured:
    """One measure of one candidate and seed.

    Attributes
    ----------
    value, uncut : float
        Score, and the score before a negative one is cut off.
    draws : array, shape (3, n_draws) or (n_draws,), or None
        Bootstrap draws: of both factors, animals and stimuli; or of a single factor. None without a score.
    n_animals, n_stimuli : int
        Numbers of units that were drawn: of neuroids in place of animals where there is one animal.
    attrs : mapping
        Attributes of the score.
    """

    value: float
    uncut: float
    draws: np.ndarray
    n_animals: int
    n_stimuli: int
    attrs: Mapping[str, Any]


def compare_scores(benchmark: str, scored: list[Scored], correction: str) -> Comparison:
    """Compare the scores of several candidates on one benchmark.

    Raises
    ------
    BenchmarkError
        When a candidate has a raw value, but no score.
    DataError
        When the scores are of different versions of the benchmark, or on different data.
    """
    candidates = [
        ComparedCandidate(candidate.entry.label, candidate.seeds, [score.attrs['result'] for score in candidate.scores])
        for candidate in scored
    ]
    check_comparable([Result.from_document(result) for candidate in candidates for result in candidate.results])
    pairs = list(itertools.combinations(range(len(scored)), 2))
    methods = {(first, second): _method(scored[first], scored[second]) for first, second in pairs}
    measures = [[_measures(score) for score in candidate.scores] for candidate in scored]
    rows, left_out = [], {}
    for name in measures[0][0]:
        parts = [[seed[name] for seed in over_seeds] for over_seeds in measures]
        unscored = next((seed for part in parts for seed in part if not math.isfinite(seed.value)), None)
        if unscored is None:
            rows.append(_row(name, parts, methods, correction))
        else:
            left_out[name] = f'the ceiling is too uncertain for a score: {_text_of_ceiling(unscored.attrs)}'
    if not rows or rows[-1].name != SCORE:
        raise BenchmarkError(f'{benchmark} cannot compare these models: {left_out[SCORE]}')
    return Comparison(benchmark, candidates, rows, correction, left_out)


def _text_of_ceiling(attrs: Mapping[str, Any]) -> str:
    interval = attrs.get('ceiling_interval')
    text = f'{float(attrs["ceiling"]):.2f}'
    return f'{text} ({interval[0]:.2f} to {interval[1]:.2f})' if interval else text


def _row(
    name: str, parts: list[list[Measured]], methods: dict[tuple[int, int], tuple[bool, str]], correction: str
) -> Row:
    _, adjust = CORRECTIONS[correction]
    estimates = [estimate_of([part]) for part in parts]
    pairs = {
        pair: estimate_of([parts[pair[0]], parts[pair[1]]], paired=over_seeds)
        for pair, (over_seeds, _) in methods.items()
    }
    p_values = [own.p_differs() for own in pairs.values()]
    differences = [
        Difference(*pair, own.value, own.error, own.interval, p, p_adjusted, *methods[pair])
        for (pair, own), p, p_adjusted in zip(pairs.items(), p_values, adjust(p_values), strict=True)
    ]
    # Ranks need a correction of the family-wise error, whichever the p values have.
    strict = dict(zip(pairs, holm(p_values), strict=True))
    better = {pair: own.value > 0 for pair, own in pairs.items() if _is_small(strict[pair])}
    different = [(pair.first, pair.second) for pair in differences if _is_small(pair.p_adjusted)]
    attrs = [part[0].attrs for part in parts]
    chance = attrs[0].get('chance', 0.0)
    bounded = all('ceiling' in own and not own.get('ceiling_kind', '').startswith('none') for own in attrs)
    animals = [_mean_of([seed.attrs.get('model_per_animal') for seed in part]) for part in parts]
    return Row(
        name,
        [[seed.value for seed in part] for part in parts],
        [own.error for own in estimates],
        [own.interval for own in estimates],
        [float(np.std([seed.value for seed in part], ddof=1)) if len(part) > 1 else None for part in parts],
        adjust([own.p_above(chance) for own in estimates]),
        adjust([own.p_differs(1.0) if bounded else None for own in estimates]),
        rank_ranges(len(parts), better),
        groups_of_ties([own.value for own in estimates], different),
        differences,
        chance,
        _ceiling_interval(attrs),
        animals,
        attrs[0].get('other_mice'),
    )


def _is_small(p: float | None) -> bool:
    return p is not None and p <= ALPHA


def estimate_of(parts: list[list[Measured]], paired: bool = False) -> Estimate:
    """Estimate the mean over seeds of one candidate, or the difference of the means of two."""
    signs = (1, -1)[: len(parts)]
    value = sum(sign * float(np.mean([seed.uncut for seed in part])) for sign, part in zip(signs, parts, strict=True))
    draws: np.ndarray = sum(
        sign * np.mean([seed.draws for seed in part], axis=0) for sign, part in zip(signs, parts, strict=True)
    )
    if paired:
        first, second = ([seed.uncut for seed in part] for part in parts)
        seeds = [variance_of_seeds(np.subtract(first, second))]
    else:
        seeds = [variance_of_seeds([seed.uncut for seed in part]) for part in parts if len(part) > 1]
    if draws.ndim == 1 and paired:
        return estimate(value, seeds)
    if draws.ndim == 1 and not seeds:
        return percentile_estimate(value, draws)
    example = parts[0][0]
    return estimate(value, [variance_of_draws(draws, example.n_animals, example.n_stimuli), *seeds])


def _mean_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _ceiling_interval(attrs: list[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Interval of the ceiling over that ceiling, from the lowest to the highest of all candidates."""
    known = [own for own in attrs if own.get('ceiling_interval') is not None]
    ends = [[end / float(own['ceiling']) for end in own['ceiling_interval']] for own in known]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def _method(first: Scored, second: Scored) -> tuple[bool, str]:
    """Whether a pair of candidates is paired over seeds, and the method in words."""
    n_seeds = [len(scored.scores) for scored in (first, second)]
    over_seeds = min(n_seeds) > 1 and _same_seeds(first, second)
    factors = _factors(first.scores[0])
    if over_seeds:
        text = f"paired over {n_seeds[0]} seeds, Student's t" if factors is None else f'paired over {n_seeds[0]} seeds'
    else:
        text = 'one score each' if max(n_seeds) == 1 else 'means over seeds, not paired'
    if factors is not None or not over_seeds:
        text += f'; bootstrap{f" over {factors}" if factors else ""}'
        if _neuroids(first.scores[0]) != _neuroids(second.scores[0]):
            text += '; they were scored on different neuroids'
        else:
            text += ', the same draws for both'
        text += '' if max(n_seeds) == 1 else ', and variance between seeds'
    too_few = any(1 < n < FEWEST_SEEDS for n in n_seeds)
    return over_seeds, text + (f'; no interval: it needs {FEWEST_SEEDS} seeds or more' if too_few else '')


def _factors(score: Score) -> str | None:
    """Name the two factors of the draws; None for draws of one factor."""
    if np.ndim(score.attrs['draws']) == 1:
        return None
    return 'animals and stimuli' if score.attrs['n_animals'] > 1 else 'neuroids of one animal and stimuli'


def _same_seeds(first: Scored, second: Scored) -> bool:
    """Whether a seed determines the same for both: the training batches, or the initial weights of one backbone."""
    if first.source is not None and first.source == second.source:
        return True
    backbones = [backbone_of(scored.entry.spec.name) for scored in (first, second)]
    return backbones[0] is not None and backbones[0] == backbones[1]


def backbone_of(model: str) -> tuple[str, int] | None:
    """Backbone and image size of a model of the family; a seed determines the same initial weights for both twins."""
    variant = parse_variant(model)
    return None if variant is None else (variant.backbone, variant.image_size)


def _neuroids(score: Score) -> list[int | None]:
    """Numbers of neuroids that the benchmark and each area were scored on."""
    return [part.attrs.get('n_neuroids') for part in (score, *score.attrs.get('areas', {}).values())]


def _measures(score: Score) -> dict[str, Measured]:
    """Measure each part of a score, and last the score itself, which a single target is."""
    measures: dict[str, Measured] = {}
    if 'target_draws' in score.attrs:
        targets = score.attrs['targets'] if len(score.attrs['targets']) > 1 else {}
        for name, domain in {'in-domain': score.attrs['in_domain'], **targets}.items():
            accuracy, draws = domain['accuracy'], score.attrs['target_draws'][name]
            measures[name] = Measured(accuracy, accuracy, draws, 0, 0, {'chance': score.attrs['chance']})
        score_attrs = {'chance': score.attrs['chance']}
        return {**measures, SCORE: Measured(float(score), float(score), score.attrs['draws'], 0, 0, score_attrs)}
    measures = {area: _measured(part) for area, part in score.attrs.get('areas', {}).items()}
    return {**measures, SCORE: _measured(score)}


def _measured(score: Score) -> Measured:
    attrs = score.attrs
    units = attrs['n_animals'] if attrs['n_animals'] > 1 else attrs['n_neuroids']
    uncut = attrs.get('uncut', float(score))
    value = math.nan if uncut is None else float(uncut)  # without a score, where the ceiling is too uncertain
    return Measured(float(score), value, attrs['draws'], units, attrs['n_stimuli'], attrs)
