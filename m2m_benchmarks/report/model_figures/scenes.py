"""Figure of the scenes that are predicted best and worst, as pictures."""

from matplotlib.figure import Figure

from m2m_benchmarks.analysis.shown_responses import Predictions, Scenes
from m2m_benchmarks.report.model_figures.drawing import WIDTH, Drawing, colour, file_name, short, style
from m2m_benchmarks.report.tables import Column, Row, Table, number

_OF_GEOMETRY = (
    'Mean agreement of the ranks of a scene’s distances from all others, in the RDM of the neuroids and in that of the '
    'model: the product of both standardised ranks. Its mean over scenes is the raw value of the area.'
)
_OF_PREDICTIONS = (
    'Correlation over neuroids of the predicted and the recorded responses to a scene, each relative to the mean and '
    'standard deviation of its neuroid. The scene was held out of the fit that predicts it.'
)


def scenes_figure(scenes: Scenes) -> Drawing:
    """Draw the scenes that a model predicts best and worst."""
    by_neuroids = isinstance(scenes, Predictions)
    sign = 'r' if by_neuroids else 'agreement'
    rows = {'best': scenes.best, 'worst': scenes.worst}
    n = max(map(len, rows.values()))
    with style():
        figure = Figure(figsize=(WIDTH, 2.0), layout='constrained')
        grid = figure.subplots(2, n, squeeze=False)
        for own_axes, (name, shown), number_ in zip(grid, rows.items(), range(2), strict=True):
            for axes, index in zip(own_axes, shown, strict=True):
                stimulus = scenes.stimulus_ids[index]
                axes.imshow(scenes.pictures[stimulus], interpolation='none')
                axes.set(xticks=[], yticks=[])
                axes.set_title(f'{short(stimulus, 14)}\n{scenes.values[index]:+.2f}', fontsize=6)
                axes.spines[:].set(color=colour(number_), linewidth=1.5)
            own_axes[0].set_ylabel(name, color=colour(number_))
    described = [
        f'{name}: {", ".join(f"{scenes.stimulus_ids[index]} ({scenes.values[index]:+.2f})" for index in shown)}'
        for name, shown in rows.items()
    ]
    what = 'predicted' if by_neuroids else 'matched'
    return Drawing(
        file_name('scenes', scenes.benchmark, scenes.area),
        f'Scenes that are {what} best and worst in {scenes.area}',
        _OF_PREDICTIONS if by_neuroids else _OF_GEOMETRY,
        f'Pictures of scenes, {sign} in {scenes.area}. {"; ".join(described)}.',
        figure,
        Table(
            (Column('area'), Column('stimulus'), number(sign)),
            [
                Row((scenes.area, stimulus, float(value)))
                for stimulus, value in zip(scenes.stimulus_ids, scenes.values, strict=True)
            ],
        ),
    )
