"""Leaderboards of made-up scores, of any size, for tests of the pages that show them."""

import string
from typing import Any

import numpy as np

_AREAS = ('VISp', 'VISl', 'VISal', 'VISpm', 'VISrl', 'VISam')
_COMPARISONS = ('rdm', 'ridge', 'cka', 'pls', 'rdm_spearman', 'procrustes', 'rmse', 'svcca')
_FAMILIES = ('resnet', 'vgg', 'vit', 'convnext', 'squeezenet')
#: Names that are markup, control characters, or a spreadsheet's formula.
ODD_NAMES = ('<script>alert(1)</script>', '\x1b[31mred\x1b[0m', 'two\nlines, and "quotes"', '=1+1', 'naïve 模型 \u202eabc')


def make_board(n_models: int = 12, n_benchmarks: int = 12, seed: int = 0) -> dict[str, Any]:
    """Make the document of a leaderboard with scores from a random generator.

    Parameters
    ----------
    n_models : int
        Number of candidates; every second one has NeuRN and is the twin of the one before. The last have `ODD_NAMES`.
    n_benchmarks : int
        Number of benchmarks of mouse areas and digits, of which the last is of digits; columns of means, of the model
        on one animal and of other mice are added.
    seed : int
        Random seed.

    Returns
    -------
    dict
        Document as `m2m_benchmarks.report.pages.leaderboard.write` takes it.
    """
    rng = np.random.default_rng(seed)
    columns = _columns(n_benchmarks)
    rows = _rows(n_models, rng)
    cells: dict[str, dict[str, Any]] = {row['id']: {} for row in rows}
    for column in columns:
        _fill(column, rows, cells, rng)
    pairs = [
        {'neurn': row['id'], 'plain': row['twin'], 'differences': _differences(row['id'], row['twin'], columns, cells)}
        for row in rows
        if row['neurn'] and row['twin']
    ]
    return {
        'title': 'Leaderboard of made-up scores',
        'version': '0.0',
        'created': '2026-01-01T00:00:00+00:00',
        'columns': columns,
        'rows': rows,
        'cells': cells,
        'pairs': pairs,
        'notes': ['These scores are made up.'],
        'bibtex': '@article{made, title={Made up}}\n',
    }


def _columns(n_benchmarks: int) -> list[dict[str, Any]]:
    singles = []
    for number in range(n_benchmarks - 1):
        rest, area = divmod(number, len(_AREAS))
        dataset, comparison = divmod(rest, len(_COMPARISONS))
        singles.append(
            _column(f'Mouse{dataset}.{_AREAS[area]}-{_COMPARISONS[comparison]}', f'Mouse{dataset}', 'mouse')
            | {'area': _AREAS[area], 'comparison': _COMPARISONS[comparison]}
        )
    first = singles[0]
    other = [
        _column(f'{first["id"]} {kind}', first['dataset'], kind)
        | {'area': first['area'], 'comparison': first['comparison'], 'of': first['id']}
        for kind in ('model_per_animal', 'other_mice')
    ]
    by_dataset: dict[str, list[dict[str, Any]]] = {}
    for column in singles:
        by_dataset.setdefault(column['dataset'], []).append(column)
    columns = []
    for dataset, members in by_dataset.items():
        mean = _column(f'{dataset} mean', dataset, 'mean')
        columns += [mean | {'mean_of': [column['id'] for column in members], 'benchmark': None}, *members]
    digits = _column('Digits-single_source', 'Digits', 'generalization')
    return [*columns, *other, digits | {'comparison': 'single_source', 'ceiling': None}]


def _column(name: str, dataset: str, kind: str) -> dict[str, Any]:
    return {
        'id': name,
        'benchmark': name,
        'benchmark_version': 1,
        'dataset': dataset,
        'area': None,
        'population': None,
        'comparison': None,
        'kind': kind,
        'mean_of': None,
        'weights': None,
        'of': None,
        'what': f'A made-up benchmark, {name}.',
        'ceiling': {'value': 0.7, 'interval': [0.65, 0.75]},
        'other_mice': 0.31,
        'ranked': 0,
        'rank_method': 'draws',
        'told_apart': {'pairs': 10, 'different': 4},
        'citation': '',
        'recovery': {'accuracy': 0.75, 'pairs': [{'different': True}]} if kind == 'mouse' else None,
    }


def _rows(n_models: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for i in range(n_models):
        plain, twin = i - i % 2, i + 1 - 2 * (i % 2)
        name = f'{"neurn" if i % 2 else "plain"}_network{plain // 2}'
        other = f'{"plain" if i % 2 else "neurn"}_network{plain // 2}' if twin < n_models else None
        odd = i - (n_models - len(ODD_NAMES))
        if n_models > 2 * len(ODD_NAMES) and odd >= 0:
            name, other = ODD_NAMES[odd], None
        elif other and n_models > 2 * len(ODD_NAMES) and twin >= n_models - len(ODD_NAMES):
            other = None
        rows.append(
            _row(name, 'candidate')
            | {
                'family': _FAMILIES[(i // 2) % len(_FAMILIES)],
                'parameters': int(10 ** rng.uniform(5.5, 8.5)),
                'trained': i % 3 != 0,
                'neurn': bool(i % 2),
                'twin': other,
            }
        )
    return [*rows, _row('pixels_64', 'control'), _row('ceiling', 'ceiling'), _row('other mice', 'other mice')]


def _row(name: str, kind: str) -> dict[str, Any]:
    return {
        'id': name,
        'label': name,
        'kind': kind,
        'model': name,
        'weights': None,
        'family': None,
        'parameters': None,
        'trained': False,
        'neurn': False,
        'twin': None,
        'untrained': None,
        'weights_sha256': None,
        'seeds': [],
        'mouse_acuity': False,
        'training_set': None,
    }


def _fill(column: dict[str, Any], rows: list[dict[str, Any]], cells: dict[str, Any], rng: np.random.Generator) -> None:
    """Add the cells of a column: those of a mean are the means of its parts."""
    key = column['id']
    if column['kind'] == 'other_mice':
        cells['other mice'][key] = {'score': 0.31}
        return
    ranked = [row['id'] for row in rows if row['kind'] in ('candidate', 'control')]
    if column['kind'] == 'model_per_animal':
        for row in ranked:
            cells[row][key] = {'score': float(round(rng.uniform(0, 0.4), 6))}
        return
    for i, row in enumerate(ranked):
        score = float(round(rng.beta(3, 5), 6))
        values = (score * rng.uniform(0.6, 1, 6)).round(6).tolist()
        layers = {f'layer{j}': value for j, value in enumerate(values)}
        cells[row][key] = {
            'score': score,
            'uncut': score,
            'error': 0.03,
            'interval': [round(score - 0.06, 6), round(score + 0.06, 6)],
            'raw': round(score * 0.7, 6),
            'ceiling': 0.7,
            'layer': max(layers, key=layers.__getitem__),
            'layer_scores': layers,
            'n_neuroids': 1234,
            'n_stimuli': 118,
            'n_animals': 5,
            'measured_by': 'another lab' if i % 7 == 3 else 'here',
            'machine': 'x86_64',
            'created': '2026-01-01T00:00:00+00:00',
            'uid': f'{i:08x}',
        }
    _rank(ranked, key, cells, spread=3 / len(ranked))
    column['ranked'] = len(ranked)
    if column['kind'] == 'mouse':
        cells['ceiling'][key] = {'score': 1.0, 'raw': 0.7, 'interval': [0.93, 1.07]}
        cells[ranked[0]][key]['history'] = [
            _change('2025-01-01', 0.2, '1' * 64, None),
            _change('2026-01-01', cells[ranked[0]][key]['score'], '2' * 64, 'the data have changed'),
        ]


def _change(created: str, score: float, data_version: str, reason: str | None) -> dict[str, Any]:
    return {
        'score': score,
        'created': f'{created}T00:00:00+00:00',
        'uid': created,
        'data_version': data_version,
        'code': '0.0',
        'benchmark_version': 1,
        'reason': reason,
    }


def _rank(names: list[str], key: str, cells: dict[str, Any], spread: float) -> None:
    """Add ranks and groups, where scores that are less than `spread` apart are tied."""
    names = sorted(names, key=lambda name: -cells[name][key]['score'])
    scores = np.array([cells[name][key]['score'] for name in names])
    first = np.searchsorted(-scores, -scores - spread, 'right')
    last = np.searchsorted(-scores, -scores + spread, 'left')
    starts = [i for i in range(len(names)) if i == 0 or last[i] > last[i - 1]]
    for i, name in enumerate(names):
        groups = [_letter(g) for g, start in enumerate(starts) if start <= i < last[start]]
        cells[name][key] |= {'rank': [int(first[i]) + 1, int(last[i])], 'group': ''.join(groups), 'groups': groups}


def _letter(number: int) -> str:
    turn, letter = divmod(number, 26)
    return string.ascii_lowercase[letter] + (str(turn) if turn else '')


def _differences(neurn: str, plain: str, columns: list[dict[str, Any]], cells: dict[str, Any]) -> dict[str, Any]:
    """Differences of twins in all columns that both have scores in."""
    return {
        column['id']: {
            'value': round(cells[neurn][column['id']]['score'] - cells[plain][column['id']]['score'], 6),
            'error': 0.02,
            'interval': [
                round(cells[neurn][column['id']]['score'] - cells[plain][column['id']]['score'] + sign * 0.04, 6)
                for sign in (-1, 1)
            ],
            'p': None,
        }
        for column in columns
        if column['kind'] in ('mouse', 'generalization', 'mean')
    }
