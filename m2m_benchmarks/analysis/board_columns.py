"""Columns of a leaderboard: benchmarks of one version each, and means over those of a dataset."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m2m_benchmarks.benchmarks.ceilings import CEILINGS
from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, in_table
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.identifiers import (
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    dotted_name,
    parse,
    unrestricted,
)
from m2m_benchmarks.data.areas import AREAS
from m2m_benchmarks.records.record import Result

MOUSE, GENERALIZATION, MEAN, OTHER = 'mouse', 'generalization', 'mean', 'other'
MODEL_PER_ANIMAL, OTHER_MICE = 'model_per_animal', 'other_mice'


@dataclass(frozen=True)
class BoardColumn:
    """One column.

    Attributes
    ----------
    id : str
        Benchmark, with its version, data or settings where the board has several.
    benchmark : str or None
        Identifier; None for a mean that no benchmark computes.
    benchmark_version : int or None
    dataset, area, population, comparison : str or None
        Parts of the identifier; for digits, the source with the target, and the protocol.
    kind : str
        'mouse' for an area or population; 'generalization' for digits; 'mean' over areas or benchmarks;
        'model_per_animal' and 'other_mice' for values on one animal; 'other' for benchmarks of other libraries.
    mean_of : list of str or None
        Ids of the columns that a mean is of.
    of : str or None
        Id of the column that values on one animal belong to.
    what : str
        Sentence.
    ceiling : dict or None
        'value', in units of raw, and its 95 % 'interval' or None.
    other_mice : float or None
        Raw value that all other animals reach as a model of one.
    citation : str
        BibTeX of the data.
    ranked : int
        Number of rows that have a rank.
    rank_method : str or None
        'draws' of stimuli and animals, as in `m2m compare`; 'benchmarks', which are drawn for a mean; None without
        ranks.
    told_apart : dict or None
        Numbers of 'pairs' of ranked rows, and of 'different' ones, whose order is known.
    same_draws : bool or None
        Whether all results have the same draws; None where that isn't known.
    recovery : dict or None
        What `m2m analyze recovery` measured on the benchmark.
    """

    id: str
    benchmark: str | None
    benchmark_version: int | None
    dataset: str | None
    area: str | None
    population: str | None
    comparison: str | None
    kind: str
    mean_of: list[str] | None
    of: str | None
    what: str
    ceiling: dict[str, Any] | None = None
    other_mice: float | None = None
    citation: str = ''
    ranked: int = 0
    rank_method: str | None = None
    told_apart: dict[str, int] | None = None
    same_draws: bool | None = None
    recovery: dict[str, Any] | None = None


def make_columns(of_columns: Mapping[str, Sequence[Result]]) -> list[BoardColumn]:
    """Make the columns from the results of each, by its id: those of a dataset together, its means first."""
    columns = [_column(name, results) for name, results in of_columns.items()]
    by_benchmark: dict[tuple[str | None, str | None], list[BoardColumn]] = defaultdict(list)
    for column in columns:
        if column.kind == MOUSE and column.population is None:
            by_benchmark[column.dataset, column.comparison].append(column)
    columns = [
        dataclasses.replace(column, mean_of=[part.id for part in by_benchmark[column.dataset, column.comparison]])
        if column.kind == MEAN
        else column
        for column in columns
    ]
    newest: dict[str, tuple[str, str]] = {}
    for name, results in of_columns.items():
        own = (max(result.created for result in results), name)
        newest[results[-1].benchmark] = max(own, newest.get(results[-1].benchmark, own))
    current = {name for _, name in newest.values()}
    columns += _means([column for column in columns if column.id in current])
    columns.sort(key=_place)
    return [each for column in columns for each in (column, *_of_animals(column))]


def _place(column: BoardColumn) -> tuple[Any, ...]:
    """Order of columns: recordings first, those of a dataset together, means first, areas in their order."""
    area = AREAS.index(column.area) if column.area in AREAS else len(AREAS)
    parts = (column.comparison or '', column.area is not None, area, column.area or '', column.population or '')
    return column.kind in (GENERALIZATION, OTHER), column.dataset or '', *parts, column.id


def _column(name: str, results: Sequence[Result]) -> BoardColumn:
    example = results[-1]
    ceiling = None
    scaled = [result for result in results if has_ceiling(result)]
    if scaled:
        # Candidates whose layers are chosen on halves of the neuroids have another one than those with layers.
        (value, interval), _ = Counter(
            (result.ceiling, None if result.ceiling_interval is None else tuple(result.ceiling_interval))
            for result in scaled
        ).most_common(1)[0]
        ceiling = {'value': value, 'interval': None if interval is None else list(interval)}
    mice = Counter(result.other_mice for result in results if result.other_mice is not None).most_common(1)
    common: dict[str, Any] = {
        'id': name,
        'benchmark': example.benchmark,
        'benchmark_version': example.version or 1,
        'mean_of': None,
        'of': None,
        'ceiling': ceiling,
        'other_mice': mice[0][0] if mice else None,
    }
    identifier = parse(unrestricted(example.benchmark))
    if isinstance(identifier, DigitsIdentifier):
        collection = DIGITS.get(identifier.collection)
        return BoardColumn(
            dataset=identifier.collection,
            area=dotted_name(identifier.source, identifier.target),
            population=None,
            comparison=identifier.protocol,
            kind=GENERALIZATION,
            what=f'Share of correct labels, {PROTOCOLS.get(identifier.protocol, identifier.protocol)}: '
            f'{identifier.target or "mean over the targets"} after {identifier.source}; chance is {example.chance}.',
            citation=collection.bibtex if collection else '',
            **common,
        )
    if isinstance(identifier, NeuralIdentifier):
        recordings = RECORDINGS.get(identifier.dataset)
        return BoardColumn(
            dataset=identifier.dataset,
            area=identifier.area,
            population=identifier.population,
            comparison=identifier.comparison,
            kind=MEAN if identifier.area is None else MOUSE,
            what=_what(identifier, example),
            citation=recordings.bibtex if recordings else '',
            **common,
        )
    parts: dict[str, Any] = dict.fromkeys(('dataset', 'area', 'population', 'comparison'))
    return BoardColumn(kind=OTHER, what=f'{example.benchmark} of another library.', **{**parts, **common})


def has_ceiling(result: Result) -> bool:
    """Whether 1 is a ceiling that was measured; digits have all labels, and one repetition gives none."""
    kind = result.ceiling_kind or ''
    return result.ceiling is not None and result.targets is None and not kind.startswith('none')


def _what(identifier: NeuralIdentifier, example: Result) -> str:
    comparison = COMPARISONS.get(in_table(identifier.comparison), identifier.comparison)
    where = dotted_name(identifier.area, identifier.population) or 'mean over the areas'
    data = f'{identifier.dataset}{" (simulated)" if example.simulated else ""}'
    kind = (example.ceiling_kind or '').partition(',')[0]
    scale = f'; {CEILINGS[kind]}' if kind in CEILINGS else ''
    return f'{comparison[:1].upper()}{comparison[1:]}: {where} of {data}{scale}.'


def _means(columns: Sequence[BoardColumn]) -> list[BoardColumn]:
    """Mean columns of datasets with several benchmarks: over areas where there are any, else over stored means.

    `columns` has one column for each benchmark: that of its newest result.
    """
    datasets: dict[tuple[str | None, bool], list[BoardColumn]] = defaultdict(list)
    for column in columns:
        if column.dataset is not None and column.population is None:
            datasets[column.dataset, column.kind == GENERALIZATION].append(column)
    means = []
    for (dataset, _), own in datasets.items():
        with_areas = {column.comparison for column in own if column.kind == MOUSE}
        parts = [column for column in own if column.kind != MEAN or column.comparison not in with_areas]
        if len(parts) > 1:
            means.append(
                BoardColumn(
                    id=f'{dataset} mean',
                    benchmark=None,
                    benchmark_version=None,
                    dataset=dataset,
                    area=None,
                    population=None,
                    comparison=None,
                    kind=MEAN,
                    mean_of=[column.id for column in parts],
                    of=None,
                    what=f'Mean of the scores on {len(parts)} benchmarks of {dataset}, of rows that have all of them.',
                    citation=parts[0].citation,
                )
            )
    return means


def _of_animals(column: BoardColumn) -> list[BoardColumn]:
    """Columns of values on one animal, beside their benchmark."""
    if column.other_mice is None:
        return []
    sentences = {
        MODEL_PER_ANIMAL: f'Raw value of the model on one animal, mean over animals: {column.id}.',
        OTHER_MICE: f'Raw value that all other animals reach as a model of one: {column.id}. The mark to pass.',
    }
    return [
        dataclasses.replace(
            column, id=f'{column.id} {kind}', kind=kind, mean_of=None, of=column.id, what=what, ceiling=None
        )
        for kind, what in sentences.items()
    ]
