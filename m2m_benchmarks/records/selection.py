"""Questions to the results: which there are, the newest of each, models by benchmarks, and what contradicts what."""

import fnmatch
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from m2m_benchmarks.errors import UnknownNameError
from m2m_benchmarks.records.record import Result

if TYPE_CHECKING:
    import pandas as pd

#: Difference of two scores above which they contradict each other: other processors differ by less.
TOLERANCE = 1e-3


def label(result: Result) -> str:
    """Name of a candidate in a table: its model, with the weights where they aren't those that it comes with.

    Weights are written as on the command line, `@none` or `@FILE`, and untrained ones with their seed.
    """
    kind, _, rest = (result.weights or '').partition(' ')
    if kind == 'file':
        return f'{result.model}@{rest.partition(" (SHA-256")[0]}'
    if kind == 'run':
        return f'run:{rest.partition(":")[0]}'
    if kind == 'none':
        return f'{result.model}@none {rest}'
    return result.model


def select(
    results: Iterable[Result], models: Sequence[str] = (), benchmarks: Sequence[str] = (), uids: Sequence[str] = ()
) -> list[Result]:
    """Filter results.

    Parameters
    ----------
    results : iterable of Result
    models, benchmarks : sequence of str
        Names, or patterns such as 'neurn_*'; a candidate is known by its model and by its label. All, where there are
        none.
    uids : sequence of str
        Beginnings of uids.

    Raises
    ------
    UnknownNameError
        With the nearest names, for one that nothing fits.
    """
    selected = list(results)
    wanted: tuple[tuple[str, Sequence[str], Callable[[Result], tuple[str, ...]]], ...] = (
        ('scored model', models, lambda result: (result.model, label(result))),
        ('scored benchmark', benchmarks, lambda result: (result.benchmark,)),
        ('result', [f'{uid}*' for uid in uids], lambda result: (result.uid,)),
    )
    everything = selected
    for kind, patterns, names in wanted:
        for pattern in patterns:
            known = list(dict.fromkeys(name for result in everything for name in names(result)))
            if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
                raise UnknownNameError(kind, pattern.removesuffix('*'), known, '`m2m results list` lists them.')
        if patterns:
            selected = [
                result
                for result in selected
                if any(fnmatch.fnmatchcase(name, pattern) for name in names(result) for pattern in patterns)
            ]
    return selected


def newest(results: Iterable[Result]) -> list[Result]:
    """Keep the newest result of each candidate, by its label, on each benchmark."""
    kept: dict[tuple[str, str], Result] = {}
    for result in sorted(results, key=lambda result: result.created):
        kept[label(result), result.benchmark] = result
    return list(kept.values())


def contradicting(results: Iterable[Result]) -> set[str]:
    """Uids of results that claim another number for what another result claims: same candidate, data and code."""
    by_claim: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.claim is not None:
            by_claim[result.claim].append(result)
    contradictions = set()
    for claimed in by_claim.values():
        scores = [result.score for result in claimed]
        if max(scores) - min(scores) > TOLERANCE:
            contradictions |= {result.uid for result in claimed}
    return contradictions


@dataclass(frozen=True)
class Matrix:
    """Scores of candidates on benchmarks.

    Attributes
    ----------
    labels : list of str
        Candidates, the best first: by the mean, over the benchmarks that they were scored on, of the share of the other
        candidates whose score is lower.
    benchmarks : list of str
        In alphabetical order.
    cells : dict
        (label, benchmark) to the newest result.
    """

    labels: list[str]
    benchmarks: list[str]
    cells: dict[tuple[str, str], Result]


def matrix(results: Iterable[Result]) -> Matrix:
    """Arrange the newest results as candidates x benchmarks."""
    cells = {(label(result), result.benchmark): result for result in newest(results)}
    benchmarks = sorted({benchmark for _, benchmark in cells})
    shares: dict[str, list[float]] = defaultdict(list)
    for benchmark in benchmarks:
        column = {name: result.score for (name, scored), result in cells.items() if scored == benchmark}
        for name, score in column.items():
            others = [other for key, other in column.items() if key != name]
            beaten = sum((score > other) + 0.5 * (score == other) for other in others)
            shares[name].append(beaten / len(others) if others else 0.5)
    labels = sorted(shares, key=lambda name: (-sum(shares[name]) / len(shares[name]), name))
    return Matrix(labels, benchmarks, cells)


def results(
    models: str | Sequence[str] = (), benchmarks: str | Sequence[str] = (), each: bool = False
) -> 'pd.DataFrame':
    """Results on this machine, as a table.

    Parameters
    ----------
    models, benchmarks : str or sequence of str
        Names, or patterns such as 'Siegle2021.*-rdm'. All, where there are none.
    each : bool
        Whether to give a row for each result, newest first, in place of candidates x benchmarks.

    Returns
    -------
    DataFrame
        Scores, candidates (the best first) x benchmarks, the newest of each; NaN where there is none. With `each`, the
        fields of each result, its `uid`, and whether it `contradicts` another.

    Raises
    ------
    UnknownNameError
        With the nearest names, for a name or pattern that nothing was scored of.
    StorageError
        When the file of results can't be read.
    """
    import pandas as pd

    from m2m_benchmarks.records import store

    stored = store.results()
    texts = [[names] if isinstance(names, str) else list(names) for names in (models, benchmarks)]
    selected = select(stored, *texts) if stored else []
    if each:
        contradictions = contradicting(stored)
        rows = [
            {
                'uid': result.uid,
                'candidate': label(result),
                **result.document(),
                'contradicts': result.uid in contradictions,
            }
            for result in reversed(selected)
        ]
        return pd.DataFrame(rows)
    arranged = matrix(selected)
    missing = float('nan')
    values = [
        [
            arranged.cells[name, benchmark].score if (name, benchmark) in arranged.cells else missing
            for benchmark in arranged.benchmarks
        ]
        for name in arranged.labels
    ]
    return pd.DataFrame(values, index=pd.Index(arranged.labels, name='candidate'), columns=arranged.benchmarks)
