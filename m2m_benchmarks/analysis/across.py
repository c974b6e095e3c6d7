"""Sets the difference of two candidates under several comparisons side by side, and says what holds under them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.analysis.comparison import SCORE, Comparison, Difference
from m2m_benchmarks.analysis.statistics import ALPHA, CORRECTIONS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, dotted_name, parse, unrestricted
from m2m_benchmarks.errors import BenchmarkError


@dataclass(frozen=True)
class AcrossRow:
    """One area, or the score, under all comparisons.

    Attributes
    ----------
    name : str
        Area; 'score' for the benchmark's own score.
    differences : list of Difference or None
        Difference under each comparison; None where a candidate has no score. p values are adjusted over the
        comparisons of the score, and over all comparisons of all areas. The differences have different units: only
        their signs are compared, and their values are not averaged.
    """

    name: str
    differences: list[Difference | None]


@dataclass(frozen=True)
class Across:
    """Two candidates on the same recordings under several comparisons.

    Attributes
    ----------
    recordings : str
        Dataset, area and population: the name of the benchmarks without that of the comparison.
    candidates : list of str
        Labels of both.
    comparisons : list of str
    rows : list of AcrossRow
        Areas, and last the score.
    correction : str
        See `statistics.CORRECTIONS`.
    sentences : list of str
        Sentences on what holds under all comparisons, under some, or under none.
    """

    recordings: str
    candidates: list[str]
    comparisons: list[str]
    rows: list[AcrossRow]
    correction: str
    sentences: list[str]

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return dataclasses.asdict(self)


def set_side_by_side(comparisons: Sequence[Comparison], benchmarks: Sequence[str] = ()) -> list[Across]:
    """Set comparisons of the same two candidates side by side, for each set of recordings.

    Parameters
    ----------
    comparisons : sequence of Comparison
    benchmarks : sequence of str
        Names of all benchmarks that were to be compared: a sentence names those without a score.

    Raises
    ------
    BenchmarkError
        When there are more than two candidates, or a benchmark is not of recordings.
    """
    by_recordings: dict[str, dict[str, Comparison]] = {}
    for comparison in comparisons:
        name = parse(unrestricted(comparison.benchmark))
        if not isinstance(name, NeuralIdentifier):
            raise BenchmarkError(f'{comparison.benchmark} has no other comparisons; name benchmarks of recordings.')
        if len(comparison.candidates) != 2:
            raise BenchmarkError(f'expected two models, got {len(comparison.candidates)}.')
        own = by_recordings.setdefault(dotted_name(name.dataset, name.area, name.population), {})
        own[name.comparison] = comparison
    without: dict[str, list[str]] = {}
    for benchmark in benchmarks:
        name = parse(unrestricted(benchmark))
        assert isinstance(name, NeuralIdentifier)
        recordings = dotted_name(name.dataset, name.area, name.population)
        if name.comparison not in by_recordings.get(recordings, {}):
            without.setdefault(recordings, []).append(name.comparison)
    return [_across(recordings, own, without.get(recordings, [])) for recordings, own in by_recordings.items()]


def leader(difference: Difference | None) -> int | None:
    """Return the index of the candidate that leads: 0 or 1; None where they can't be told apart."""
    if difference is None or difference.p_adjusted is None or difference.p_adjusted > ALPHA:
        return None
    return 0 if difference.value > 0 else 1


def _across(recordings: str, compared: dict[str, Comparison], without: Sequence[str]) -> Across:
    first = next(iter(compared.values()))
    of_parts = {name: {row.name: row.differences[0] for row in own.rows} for name, own in compared.items()}
    parts = list(dict.fromkeys(part for own in of_parts.values() for part in own if part != SCORE))
    _, adjust = CORRECTIONS[first.correction]
    adjusted: dict[tuple[str, str], Difference] = {}
    for family in (parts, [SCORE]):
        cells = [(part, name) for part in family for name in compared if part in of_parts[name]]
        p_values = adjust([of_parts[name][part].p for part, name in cells])
        for (part, name), p in zip(cells, p_values, strict=True):
            adjusted[part, name] = dataclasses.replace(of_parts[name][part], p_adjusted=p)
    rows = [AcrossRow(part, [adjusted.get((part, name)) for name in compared]) for part in (*parts, SCORE)]
    labels = [candidate.label for candidate in first.candidates]
    sentences = [_verdict(labels, dict(zip(compared, map(leader, rows[-1].differences), strict=True)))]
    leaders = [leader(difference) for row in rows[:-1] for difference in row.differences if difference is not None]
    if leaders:
        sentences.append(
            f'Of {len(leaders)} differences in areas, {labels[0]} leads in {leaders.count(0)} and {labels[1]} in '
            f'{leaders.count(1)}; in {leaders.count(None)} they are not told apart.'
        )
    if without:
        sentences.append(f'Under {", ".join(without)} there is no score: the ceiling is too uncertain.')
    return Across(recordings, labels, list(compared), rows, first.correction, sentences)


def _verdict(labels: Sequence[str], leaders: dict[str, int | None]) -> str:
    """Say in a sentence under which comparisons a candidate leads."""
    n = len(leaders)
    under = {who: [name for name, own in leaders.items() if own == who] for who in (0, 1, None)}
    ties = f'; under {", ".join(under[None])} they are not told apart' if under[None] else ''
    if len(under[None]) == n:
        return f'{labels[0]} and {labels[1]} are not told apart under any of {n} comparisons ({", ".join(leaders)}).'
    if under[0] and under[1]:
        return (
            f'The order depends on the comparison: {labels[0]} leads under {", ".join(under[0])}, {labels[1]} under '
            f'{", ".join(under[1])}{ties}.'
        )
    who = 0 if under[0] else 1
    count = len(under[who])
    how_many = f'all {n}' if count == n else f'{"one" if count == 1 else count} of {n}'
    return f'{labels[who]} leads {labels[1 - who]} under {how_many} comparisons ({", ".join(under[who])}){ties}.'
