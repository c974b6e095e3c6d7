"""Which results may be compared: those of one version of a benchmark, on the same data, with the same settings."""

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.records.record import Result


def check_comparable(results: Sequence[Result]) -> None:
    """Check that the scores of results on one benchmark can be compared.

    Raises
    ------
    DataError
        When two results have different benchmarks, versions of it, data, stimuli or settings; the message names what
        differs.
    """
    for first, other in itertools.combinations(results, 2):
        different = differences(first, other)
        if different:
            raise DataError(
                f'the scores of {first.model} and {other.model} on {first.benchmark} cannot be compared: '
                f'{"; ".join(different)}. Score both again on the same benchmark and data.'
            )


def differences(first: Result, second: Result) -> list[str]:
    """Name what keeps two results from being compared, in words; empty where nothing does.

    What only one of them knows, as results of version 0.1 know less, is not compared.
    """
    return [
        f'{name}: {_short(of_first)} and {_short(of_second)}'
        for (name, of_first), (_, of_second) in zip(_conditions(first), _conditions(second), strict=True)
        if of_first is not None and of_second is not None and of_first != of_second
    ] + _different_settings(first.choices or {}, second.choices or {})


def columns(results: Sequence[Result]) -> list[str]:
    """Name the column of each result in a table, so that those of one column can be compared.

    It is the benchmark; where its results have several versions, kinds of data, stimuli or settings, these are added.

    Parameters
    ----------
    results : sequence of Result

    Returns
    -------
    list of str
    """
    names = [result.benchmark for result in results]
    of_results = [(*_conditions(result), ('settings', _sha256_of(result.choices))) for result in results]
    for position in range(1, len(of_results[0]) if results else 0):
        known: dict[str, set[Any]] = defaultdict(set)
        conditions = [of_result[position] for of_result in of_results]
        for name, (_, value) in zip(names, conditions, strict=True):
            known[name] |= {value} - {None}
        names = [
            f'{name} [{kind} {_short(value)}]' if len(known[name]) > 1 and value is not None else name
            for name, (kind, value) in zip(names, conditions, strict=True)
        ]
    return names


def _conditions(result: Result) -> tuple[tuple[str, str | int | None], ...]:
    """List what a score depends on besides the candidate, the benchmark first."""
    return (
        ('benchmark', result.benchmark),
        ('version', result.version or 1),  # results of earlier formats have none
        ('data', result.data_sha256),
        ('stimuli', result.stimuli_sha256),
    )


def _different_settings(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    if not first or not second:
        return []
    return [
        f'{name}: {first.get(name)} and {second.get(name)}'
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _sha256_of(settings: dict[str, Any] | None) -> str | None:
    """SHA-256 of settings; None where they aren't known."""
    return None if not settings else hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _short(value: str | int | None) -> str:
    """Shorten a hash to its first digits."""
    text = str(value)
    return text[:6] if len(text) == 64 else text
