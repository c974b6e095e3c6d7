"""Queries of results: filters, the newest of each, models x benchmarks, and contradictions."""

import fnmatch
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from m2m_benchmarks.benchmarks.identifiers import matches
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.records.comparability import columns
from m2m_benchmarks.records.record import MOUSE_ACUITY, Result

if TYPE_CHECKING:
    import pandas as pd

#: Largest difference of two scores that do not contradict each other: different processors differ by less.
TOLERANCE = 1e-3


def label(result: Result) -> str:
    """Name a candidate in a table: its model, and its weights unless they are the model's own.

    Weights are written as on the command line, `@none` or `@FILE`, and untrained ones with their seed.
    """
    origin, _, rest = (result.weights or '').partition(' ')
    if origin == 'file':
        return f'{result.model}@{rest.partition(" (SHA-256")[0]}'
    if origin == 'run':
        return f'run:{rest.partition(":")[0]}{MOUSE_ACUITY if result.mouse_acuity else ""}'
    if origin == 'none':
        return f'{result.model}@none {rest}'
    return result.model


def labels(results: Sequence[Result]) -> list[str]:
    """Name the candidates of results, so that those that differ have different names.

    Other layers than the chosen ones are part of a name. Where candidates of one name have different weights or input
    sizes, the first digits of the hash of their weights, or the size, are added. Untrained weights are those of their
    seed, though their last bits differ between processors.
    """
    names = [
        f'{label(result)} layer {result.layer_named}' if result.layer_named else label(result) for result in results
    ]
    weights: dict[str, set[str]] = defaultdict(set)
    sizes: dict[str, set[str]] = defaultdict(set)
    for name, result in zip(names, results, strict=True):
        weights[name] |= _weights(result)
        sizes[name] |= _size(result)
    for index, (name, result) in enumerate(zip(names.copy(), results, strict=True)):
        if len(weights[name]) > 1:
            names[index] += ''.join(f' [{sha256[:6]}]' for sha256 in _weights(result))
        if len(sizes[name]) > 1:
            names[index] += ''.join(f' at {size}' for size in _size(result))
    return names


def _weights(result: Result) -> set[str]:
    """Hash of the weights, if a result has one that tells candidates of one name apart."""
    untrained = (result.weights or '').startswith('none')
    return set() if result.weights_sha256 is None or untrained else {result.weights_sha256}


def _size(result: Result) -> set[str]:
    """Size of the input, if a result has one; those of version 0.1 don't."""
    return set() if result.input is None else {'x'.join(map(str, result.input.shape[1:]))}


def find_results(results: Iterable[Result], uids: Sequence[str]) -> list[Result]:
    """Find results by the first characters of their ids.

    Raises
    ------
    DataError
        When the characters are those of several ids, or none are given.
    UnknownNameError
        When there is no such id; the message lists the nearest.
    """
    by_uid = {result.uid: result for result in results}
    selected: dict[str, Result] = {}
    for uid in uids:
        matching = [known for known in by_uid if known.startswith(uid)]
        if not matching:
            raise UnknownNameError('result', uid, by_uid, '`m2m results list --each` lists the ids.')
        if not uid or len(matching) > 1:
            raise DataError(f'{len(matching)} ids begin with {uid!r}; give more characters of one of them.')
        selected[matching[0]] = by_uid[matching[0]]
    return list(selected.values())


def select(results: Iterable[Result], models: Sequence[str] = (), benchmarks: Sequence[str] = ()) -> list[Result]:
    """Filter results.

    Parameters
    ----------
    results : iterable of Result
    models, benchmarks : sequence of str
        Names, or patterns such as 'neurn_*', of the model or the label of a candidate; all if empty. A star in a
        pattern of benchmarks stands for any characters but a dot.

    Raises
    ------
    UnknownNameError
        When a name or pattern matches nothing; the message lists the nearest names.
    """
    everything = selected = list(results)
    filters: tuple[tuple[str, Sequence[str], Callable[[Result], tuple[str, ...]], Callable[[str, str], bool]], ...] = (
        ('model', models, lambda result: (result.model, label(result)), fnmatch.fnmatchcase),
        ('benchmark', benchmarks, lambda result: (result.benchmark,), matches),
    )
    for noun, patterns, names, match in filters:
        for pattern in patterns:
            known = list(dict.fromkeys(name for result in everything for name in names(result)))
            if not any(match(name, pattern) for name in known):
                raise UnknownNameError(
                    noun, pattern, known, '`m2m results list` lists them.', 'there are no results of it'
                )
        if patterns:
            selected = [
                result
                for result in selected
                if any(match(name, pattern) for name in names(result) for pattern in patterns)
            ]
    return selected


def newest(results: Iterable[Result]) -> list[Result]:
    """Keep the newest result of each candidate, by its label, in each column; see `comparability.columns`.

    Of results made at the same time, the first one is kept: an imported copy doesn't take the place of the result here.
    """
    in_order = sorted(results, key=lambda result: result.created)
    kept: dict[tuple[str, str], Result] = {}
    for *key, result in zip(labels(in_order), columns(in_order), in_order, strict=True):
        before = kept.get((key[0], key[1]))
        if before is None or result.created > before.created:
            kept[key[0], key[1]] = result
    return list(kept.values())


def find_contradictions(results: Iterable[Result]) -> set[str]:
    """Find the uids of results whose scores differ although they have the same candidate, data and code."""
    repeated: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        repeated[result.model, result.benchmark].append(result)
    by_claim: dict[str, list[Result]] = defaultdict(list)
    for own in repeated.values():
        for result in own if len(own) > 1 else ():  # a claim takes long to compute
            if (claim := result.claim) is not None:
                by_claim[claim].append(result)
    contradictions = set()
    for claimed in by_claim.values():
        scores = [result.score for result in claimed if result.score is not None]
        if scores and max(scores) - min(scores) > TOLERANCE:
            contradictions |= {result.uid for result in claimed}
    return contradictions


@dataclass(frozen=True)
class Matrix:
    """Scores of candidates on benchmarks.

    Attributes
    ----------
    labels : list of str
        Candidates, the best first. They are ordered by the share of the other candidates with a lower score, averaged
        over the benchmarks that they were scored on.
    benchmarks : list of str
        Benchmarks in alphabetical order; one whose results can't all be compared has several columns.
    cells : dict
        Newest result for each (label, benchmark).
    """

    labels: list[str]
    benchmarks: list[str]
    cells: dict[tuple[str, str], Result]


def matrix(results: Iterable[Result]) -> Matrix:
    """Arrange the newest results as candidates x benchmarks."""
    shown = newest(results)
    keys = zip(labels(shown), columns(shown), strict=True)
    cells = dict(zip(keys, shown, strict=True))
    benchmarks = sorted({benchmark for _, benchmark in cells})
    shares: dict[str, list[float]] = defaultdict(list)
    for benchmark in benchmarks:
        column = {
            name: -math.inf if result.score is None else result.score  # behind all with a score
            for (name, scored), result in cells.items()
            if scored == benchmark
        }
        for name, score in column.items():
            others = [other for key, other in column.items() if key != name]
            beaten = sum((score > other) + 0.5 * (score == other) for other in others)
            shares[name].append(beaten / len(others) if others else 0.5)
    best_first = sorted(shares, key=lambda name: (-sum(shares[name]) / len(shares[name]), name))
    return Matrix(best_first, benchmarks, cells)


def results(
    models: str | Sequence[str] = (), benchmarks: str | Sequence[str] = (), each: bool = False
) -> 'pd.DataFrame':
    """List the results on this machine as a table.

    Parameters
    ----------
    models, benchmarks : str or sequence of str
        Names, or patterns such as 'Siegle2021.*-rdm'; all if empty.
    each : bool
        Whether the table has a row for each result, newest first, instead of candidates x benchmarks.

    Returns
    -------
    DataFrame
        Newest scores, candidates (the best first) x benchmarks; NaN where there is none. With `each`, the fields of
        each result, its `uid`, and whether it `contradicts` another.

    Raises
    ------
    UnknownNameError
        When a name or pattern matches no result; the message lists the nearest names.
    StorageError
        When the file of results can't be read.
    """
    import pandas as pd

    from m2m_benchmarks.records import store

    stored = sorted(store.results(), key=lambda result: result.created)
    texts = [[names] if isinstance(names, str) else list(names) for names in (models, benchmarks)]
    selected = select(stored, *texts) if stored else []
    if each:
        contradictions = find_contradictions(stored)
        rows = [
            {
                'uid': result.uid,
                'candidate': name,
                **result.document(),
                'contradicts': result.uid in contradictions,
            }
            for name, result in zip(labels(selected)[::-1], selected[::-1], strict=True)
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
