"""Ranks of the rows in a column of a leaderboard, and differences of its twins, from stored draws."""

import dataclasses
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from m2m_benchmarks.analysis.board_cells import Group, compact
from m2m_benchmarks.analysis.board_columns import BoardColumn
from m2m_benchmarks.analysis.board_rows import BoardRow
from m2m_benchmarks.analysis.comparison import estimate_of
from m2m_benchmarks.analysis.letters import groups_of_each
from m2m_benchmarks.analysis.ranking import Measures, Ranking, compare_all, rank
from m2m_benchmarks.records.record import Result

#: Cells of a leaderboard by the ids of row and column.
Cells = dict[str, dict[str, dict[str, Any]]]


def read_groups(
    own: Mapping[str, Mapping[int | None, Result]],
    read_draws: Callable[[Collection[str]], Mapping[str, np.ndarray]],
) -> dict[str, Group]:
    """Join the seeds of each row of one column, with their draws."""
    draws = read_draws([result.uid for by_seed in own.values() for result in by_seed.values()])
    usable = {uid: values for uid, values in draws.items() if np.isfinite(values).all()}
    shapes = Counter(values.shape for values in usable.values()).most_common(1)
    groups = {}
    for name, by_seed in own.items():
        results = [by_seed[seed] for seed in sorted(by_seed, key=lambda seed: -1 if seed is None else seed)]
        known = [usable[result.uid] for result in results if result.uid in usable]
        # Scores whose draws are of another kind or number can't be compared by them.
        same = [values for values in known if values.shape == shapes[0][0]]
        groups[name] = Group(results, same if len(same) == len(results) else [])
    return groups


def have_same_draws(groups: Mapping[str, Group]) -> bool | None:
    """Whether the scores of a column are of the same draws of stimuli and neuroids; None where that isn't known."""
    samples = {result.sample_sha256 for group in groups.values() if group.is_ranked for result in group.results}
    return None if None in samples or not samples else len(samples) == 1


def rank_by_draws(groups: Mapping[str, Group]) -> tuple[list[str], Ranking] | None:
    """Rank the rows of one column, as `m2m compare` does; None where none can be ranked."""
    names = [name for name, group in groups.items() if group.is_ranked]
    if not names:
        return None
    measured = [groups[name].measured for name in names]
    paired = defaultdict(list)
    for index, name in enumerate(names):
        if groups[name].pairing:
            paired[groups[name].pairing].append(index)
    measures = Measures(
        [np.array([seed.uncut for seed in seeds]) for seeds in measured],
        np.stack([np.mean([seed.draws for seed in seeds], axis=0, dtype=float) for seeds in measured]),
        np.array([seeds[0].n_animals for seeds in measured]),
        np.array([seeds[0].n_stimuli for seeds in measured]),
        [pair for own in paired.values() for pair in itertools.combinations(own, 2)],
    )
    return names, rank(compare_all(measures))


def add_ranks(column: BoardColumn, ranked: tuple[list[str], Ranking] | None, method: str, cells: Cells) -> BoardColumn:
    """Write ranks and groups of ties into the cells of a column, and what could be told apart into the column."""
    if ranked is None:
        return column
    names, ranking = ranked
    letters = groups_of_each(ranking.groups, len(names))
    for name, range_, groups in zip(names, ranking.ranks, letters, strict=True):
        cells[name][column.id] |= {'rank': list(range_)}
        if groups:
            cells[name][column.id] |= {'group': ''.join(groups), 'groups': groups}
    told_apart = {'pairs': ranking.n_pairs, 'different': ranking.n_different}
    return dataclasses.replace(column, ranked=len(names), rank_method=method, told_apart=told_apart)


def add_differences(
    rows: Mapping[str, BoardRow], groups: Mapping[str, Group], column: str, differences: dict[str, dict[str, Any]]
) -> None:
    """Compare the twins of a column that differ in NeuRN."""
    for name, group in groups.items():
        twin = groups.get(rows[name].twin or '')
        if not rows[name].neurn or twin is None or group.score is None or twin.score is None:
            continue
        shown: dict[str, Any] = {'value': group.score - twin.score}
        if group.draws and twin.draws:
            paired = bool(group.pairing) and group.pairing == twin.pairing
            own = estimate_of([group.measured, twin.measured], paired=paired)
            shown = {'value': own.value, 'error': own.error, 'interval': own.interval, 'p': own.p_differs()}
        differences[name][column] = compact(shown)
