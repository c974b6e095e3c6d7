"""Tables and figure of a recovery: which model and layer a benchmark finds."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from m2m_benchmarks.analysis.recovery import Recovery
from m2m_benchmarks.analysis.simulated_experiment import Setting, Share
from m2m_benchmarks.report.tables import Column, Row, Table, count, fold, interval, number

#: What the shares mean, for readers.
UPPER_BOUND = (
    'Upper bound: the set of candidates is closed, and the neuroids of "own layer" are units of the candidates '
    'themselves, with the reliabilities, means and gains of the recorded ones. A brain that is none of them is '
    'harder to tell.'
)
_CROSS_FITTED = (
    'right model, right layer: share of the simulated recordings, with layers chosen on one half of the neuroids and '
    'scored on the other, and its 95 % interval (Wilson). all: with layers chosen and scored on all neuroids.'
)
#: Sizes that curves are drawn over, by the names of the attributes of a setting.
_SIZES = {'n_neuroids': 'neuroids', 'n_trials': 'trials', 'n_images': 'images'}


def recovery_tables(recovery: Recovery) -> list[Table]:
    """Make the tables of one benchmark: what is found in each setting, and which model is taken for which."""
    return [_settings(recovery), _models(recovery)]


def _settings(recovery: Recovery) -> Table:
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


def _models(recovery: Recovery) -> Table:
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


def draw_recoveries(recoveries: Sequence[Recovery]) -> Figure:
    """Draw for each benchmark the layers that are found for each layer, and the shares of right ones over sizes."""
    figure = Figure(figsize=(11, 4.8 * len(recoveries)), layout='constrained')
    axes = figure.subplots(len(recoveries), 2, squeeze=False, width_ratios=[1, 1])
    for (matrix, curves), recovery in zip(axes, recoveries, strict=True):
        counts = np.array(recovery.settings[0].all_neuroids.layers, dtype=float)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = matrix.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        _label_layers(matrix, recovery.layers)
        matrix.set(
            xlabel='layer found (all neuroids), share of recordings', ylabel='simulated from', title=recovery.benchmark
        )
        figure.colorbar(image, ax=matrix, shrink=0.8)
        _draw_curves(curves, recovery)
    figure.supxlabel(UPPER_BOUND.partition('. A')[0].replace(', with', ',\nwith') + '.', fontsize=7)
    return figure


def _label_layers(axes: Axes, layers: Sequence[tuple[str, str]]) -> None:
    """Label rows and columns with layers, part them by models, and name the models beside their rows."""
    models, names = zip(*layers, strict=True)
    size = min(6.0, 190 / len(names))  # as high as a row
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    for model in dict.fromkeys(models):
        first, n_layers = models.index(model), models.count(model)
        if first:
            axes.axhline(first - 0.5, color='0.6', linewidth=0.6)
            axes.axvline(first - 0.5, color='0.6', linewidth=0.6)
        axes.text(
            *(len(names) - 0.2, first + (n_layers - 1) / 2, '\n'.join(fold(model, 24))),
            fontsize=6,
            va='center',
            rotation=90,
        )


def _draw_curves(axes: Axes, recovery: Recovery) -> None:
    """Draw the shares of right models and layers for each truth, and over the sizes that vary."""
    recorded: dict[str, Setting] = {}
    for setting in recovery.settings:  # those of the recorded size come first
        recorded.setdefault(setting.truth, setting)
    _draw_shares(axes, 0, list(recorded.values()), joined=False)
    labels = list(recorded)
    for name, unit in _SIZES.items():
        curves = [_curve(recovery.settings, name, setting) for setting in recorded.values()]
        curves = [curve for curve in curves if len(curve) > 1]
        for position, curve in enumerate(curves):
            _draw_shares(axes, len(labels) + 1, curve, hollow=position > 0)
        if curves:
            labels += ['', *(f'{getattr(setting, name)} {unit}' for setting in curves[0])]
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha='right', fontsize=7)
    axes.set(ylim=(0, 1.03), ylabel='share of recordings')
    axes.spines[['top', 'right']].set_visible(False)
    named = {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    axes.legend(named.values(), named, frameon=False, fontsize=7, title='layers cross-fitted', title_fontsize=7)


def _draw_shares(
    axes: Axes, position: int, settings: Sequence[Setting], joined: bool = True, hollow: bool = False
) -> None:
    """Draw the shares of settings from a position on; hollow points are those of the units' own scale."""
    # Points of equal height stand beside one another.
    beside = 0.12 if hollow else -0.12 if joined else 0
    for colour, label, aside in (('#0072B2', 'model', -0.06), ('#D55E00', 'layer', 0.06)):
        shares: list[Share] = [getattr(setting.cross_fitted, label) for setting in settings]
        values = [share.value for share in shares]
        named = f'right {label}' + (', own scale' if hollow else '')
        axes.errorbar(
            np.arange(position, position + len(settings)) + aside + beside,
            values,
            [
                [max(0.0, share.value - share.interval[0]) for share in shares],
                [max(0.0, share.interval[1] - share.value) for share in shares],
            ],
            color=colour,
            marker='o',
            markerfacecolor='white' if hollow else colour,
            linestyle='' if not joined else '--' if hollow else '-',
            capsize=3,
            label=None if joined and not hollow else named,
        )


def _curve(settings: Sequence[Setting], name: str, recorded: Setting) -> list[Setting]:
    """Settings that differ from a recorded one in one size at most, in ascending order of it."""
    fixed = [other for other in ('truth', *_SIZES) if other != name]
    own = {
        getattr(setting, name): setting
        for setting in settings
        if all(getattr(setting, each) == getattr(recorded, each) for each in fixed)
    }
    return [own[size] for size in sorted(own)]
