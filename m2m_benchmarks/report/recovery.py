"""Tables and figure of a recovery: which model and layer a benchmark finds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from m2m_benchmarks.report.tables import Column, Row, Table, count, interval, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from m2m_benchmarks.analysis.recovery import Recovery, Setting, Share

#: What the shares mean, for readers.
UPPER_BOUND = (
    'Upper bound: the set of candidates is closed, and the simulated neuroids are units of the candidates themselves, '
    'with the reliabilities, means and gains of the recorded ones. A brain that is none of them is harder to tell.'
)
_CROSS_FITTED = (
    'right model, right layer: share of the simulated recordings, with layers chosen on one half of the neuroids and '
    'scored on the other, and its 95 % interval (Wilson). all: with layers chosen and scored on all neuroids.'
)
#: Sizes that curves are drawn over, by the names of the attributes of a setting.
_SIZES = {'n_neuroids': 'neuroids', 'n_trials': 'trials', 'n_images': 'images'}


def recovery_tables(recovery: 'Recovery') -> list[Table]:
    """Make the tables of one benchmark: what is found in each setting, and which model is taken for which."""
    return [_settings(recovery), _models(recovery)]


def _settings(recovery: 'Recovery') -> Table:
    columns = [
        *(Column('truth'), count('neuroids'), count('trials'), count('images'), count('recordings')),
        *(number('right model', '.2f'), interval('95 %', '.2f'), number('all', '.2f')),
        *(number('right layer', '.2f'), interval('95 %', '.2f'), number('all', '.2f')),
    ]
    rows = []
    for index, setting in enumerate(recovery.settings):
        own, whole = setting.cross_fitted, setting.all_neuroids
        cells = (
            *(setting.truth, setting.n_neuroids, setting.n_trials, setting.n_images, own.model.n),
            *(own.model.value, own.model.interval, whole.model.value),
            *(own.layer.value, own.layer.interval, whole.layer.value),
        )
        rows.append(Row(cells, strong=index == 0))
    notes = [_CROSS_FITTED, UPPER_BOUND]
    return Table(columns, rows, recovery.benchmark, notes=notes)


def _models(recovery: 'Recovery') -> Table:
    answers = recovery.settings[0].cross_fitted
    columns = [Column('simulated from')]
    for name in recovery.candidates:
        columns += [number(f'found {name}', '.2f'), interval('95 %', '.2f')]
    rows = []
    for name, counts, intervals in zip(recovery.candidates, answers.models, answers.model_intervals, strict=True):
        shares = [n_found / max(1, sum(counts)) for n_found in counts]
        cells = [cell for pair in zip(shares, intervals, strict=True) for cell in (pair[0], pair[1] or (None, None))]
        rows.append(Row((name, *cells)))
    return Table(columns, rows, notes=[f'{recovery.benchmark}, recorded size. --json has the layers.'])


def write_recovery(recoveries: Sequence['Recovery'], path: Path) -> None:
    """Draw recoveries to a file: for each benchmark the layers found for each layer, and the curves over sizes.

    Raises
    ------
    StorageError
        When the file can't be written.
    """
    import matplotlib
    import numpy as np
    from matplotlib.figure import Figure

    from m2m_benchmarks.report.comparison import check_figure
    from m2m_benchmarks.storage import user_file

    check_figure(path)
    figure = Figure(figsize=(11, 4.8 * len(recoveries)), layout='constrained')
    axes = figure.subplots(len(recoveries), 2, squeeze=False, width_ratios=[1, 1])
    for (matrix, curves), recovery in zip(axes, recoveries, strict=True):
        counts = np.array(recovery.settings[0].all_neuroids.layers, dtype=float)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = matrix.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        names = [f'{model} {layer}' for model, layer in recovery.layers]
        matrix.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
        matrix.set_yticks(range(len(names)), names, fontsize=6)
        matrix.set(xlabel='layer found (all neuroids)', ylabel='simulated from', title=recovery.benchmark)
        figure.colorbar(image, ax=matrix, shrink=0.8, label='share of recordings')
        _draw_curves(curves, recovery)
    figure.supxlabel(UPPER_BOUND.partition('. A')[0].replace(', with', ',\nwith') + '.', fontsize=7)
    # A dollar in a name doesn't begin a formula.
    with (
        user_file(path, 'Name another file after --figure.', 'wb') as file,
        matplotlib.rc_context({'text.parse_math': False}),
    ):
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)


def _draw_curves(axes: 'Axes', recovery: 'Recovery') -> None:
    """Draw the shares of right models and layers over the size that varies; recorded and further truths otherwise."""
    recorded, *others = recovery.settings
    curves = {name: _curve(recovery.settings, name) for name in _SIZES}
    position, labels = 0, []
    groups = [('truth', [recorded, *(each for each in others if each.truth != recorded.truth)])]
    groups += [(name, curve) for name, curve in curves.items() if len(curve) > 1]
    for name, settings in groups:
        positions = list(range(position, position + len(settings)))
        for colour, label in (('#0072B2', 'model'), ('#D55E00', 'layer')):
            shares: list[Share] = [getattr(setting.cross_fitted, label) for setting in settings]
            values = [share.value for share in shares]
            errors = [
                [max(0.0, share.value - share.interval[0]) for share in shares],
                [max(0.0, share.interval[1] - share.value) for share in shares],
            ]
            axes.errorbar(
                positions,
                values,
                errors,
                color=colour,
                marker='o',
                linestyle='' if name == 'truth' else '-',
                capsize=3,
                label=None if position else f'right {label}, cross-fitted',
            )
        if name == 'truth':
            labels += [setting.truth for setting in settings]
        else:
            labels += [f'{getattr(setting, name)} {_SIZES[name]}' for setting in settings]
        position += len(settings) + 1
        labels.append('')
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha='right', fontsize=7)
    axes.set(ylim=(0, 1.03), ylabel='share of recordings')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, fontsize=7)


def _curve(settings: Sequence['Setting'], name: str) -> list['Setting']:
    """Settings that differ from the recorded one in one size at most, in ascending order of it."""
    recorded = settings[0]
    fixed = [other for other in _SIZES if other != name]
    own = {
        getattr(setting, name): setting
        for setting in settings
        if setting.truth == recorded.truth and all(getattr(setting, each) == getattr(recorded, each) for each in fixed)
    }
    return [own[size] for size in sorted(own)]
