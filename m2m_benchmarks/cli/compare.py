"""m2m compare."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import check_json, progress, stdout, write_json
from m2m_benchmarks.cli.train import require_training
from m2m_benchmarks.storage import home, writable

if TYPE_CHECKING:
    from m2m_benchmarks.training.comparison import Comparison


def compare(
    first: Annotated[str, typer.Argument(metavar='MODEL', help='Such as neurn_digitnet; or run:PATH.')],
    second: Annotated[str, typer.Argument(metavar='MODEL', help='Such as plain_digitnet; or run:PATH.')],
    benchmark: Annotated[list[str], typer.Option(help='From `m2m benchmarks`; more than one may be given.')],
    seeds: Annotated[str, typer.Option(help='Of training, or of untrained weights.')] = '0,1,2',
    source: Annotated[
        str | None, typer.Option(help='Train on this domain, for benchmarks that do not ask for it themselves.')
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Of models that are not trained for this: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    steps: Annotated[int | None, typer.Option(help='Of training; 10,000 in the protocol.')] = None,
    batch_size: Annotated[int | None, typer.Option(help='Of training; 32 in the protocol.')] = None,
    lr: Annotated[float | None, typer.Option(help='Of training; 1e-4 in the protocol.')] = None,
    limit: Annotated[int | None, typer.Option(help='Training images; 10,000 in the protocol.')] = None,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='Draw it: .png, .svg or .pdf.')] = None,
    json: Annotated[
        str | None, typer.Option('--json', metavar='FILE', help="Write the result as JSON; '-' prints it instead.")
    ] = None,
) -> None:
    """Compare two models, paired over seeds: the paper's claim as one command.

    For benchmarks that are for models trained on their source (…-accuracy), both are trained on it with each seed, by
    the single-source protocol; runs that are there already, or were broken off, are used. Models with ImageNet weights
    have no seeds: they are compared on the same bootstrap draws.

    \b
    Examples
    --------
      m2m compare neurn_digitnet plain_digitnet --benchmark SklearnDigits-accuracy --steps 300 --figure twins.png
      m2m compare neurn_digitnet plain_digitnet --benchmark Qazi2025.MNIST-accuracy --seeds 0,1
      m2m compare neurn_resnet18 plain_resnet18 --benchmark SimulatedMouse-rdm --weights none
    """  # noqa: D301, D411 - the mark keeps these lines as they are
    chosen = _seeds(seeds)
    if figure is not None and len(benchmark) > 1:
        raise typer.BadParameter('a figure shows one benchmark', param_hint='--figure')
    require_training()
    writable(home())
    if json not in (None, '-'):
        check_json(json)
    asked = {'steps': steps, 'batch_size': batch_size, 'learning_rate': lr, 'limit': limit}
    training = {key: value for key, value in asked.items() if value is not None}
    found = []
    with progress() as report:
        report('loading', 0, 1)
        from m2m_benchmarks.report.comparison import check_figure, write_figure
        from m2m_benchmarks.training.comparison import compare as compared

        if figure is not None:
            check_figure(figure)
        report('loading', 1, 1)
        # torch.hub says on stdout what it downloads; there, results alone are expected.
        with contextlib.redirect_stdout(sys.stderr):
            for name in benchmark:
                found.append(compared(first, second, name, chosen, weights, source, training, report))
        if figure is not None:
            write_figure(found[0], figure)
    documents = [each.document() for each in found]
    if json is not None:
        write_json(documents[0] if len(documents) == 1 else documents, json)
    if json != '-':
        for each in found:
            _print(each)
        if figure is not None:
            print(figure)


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(',')]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise typer.BadParameter(f'{text!r}: expected different whole numbers, such as 0,1,2', param_hint='--seeds')
    return seeds


def _print(comparison: 'Comparison') -> None:
    import numpy as np
    from rich.markup import escape
    from rich.table import Table

    from m2m_benchmarks.benchmarks.identifiers import DERIVED_DIGITS

    def shown(values: list[float]) -> str:
        if len(values) == 1:
            return f'{values[0]:.3f}'
        return f'{np.mean(values):.3f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.3f}'

    table = Table(box=None, header_style='bold', title=comparison.benchmark, title_justify='left')
    table.add_column('')
    for model in comparison.models:  # on a narrow terminal names are folded, numbers are not
        table.add_column(escape(model), justify='right', overflow='fold', min_width=len('0.000 ± 0.000'))
    for column in ('difference ±', '95 % interval'):
        table.add_column(column, justify='right', no_wrap=True)
    for row in comparison.rows:
        low, high = row.interval
        table.add_row(
            row.name,
            shown(row.first),
            shown(row.second),
            f'{row.difference:+.3f} ± {row.error:.3f}',
            f'{low:+.3f} to {high:+.3f}',
            style='bold' if row.name == 'score' else None,
        )
    console = stdout()
    console.print(table)
    seeds = '' if comparison.seeds is None else f' Seeds: {", ".join(map(str, comparison.seeds))}.'
    console.print(f'{comparison.method}; ± is a standard error.{seeds}', soft_wrap=True, highlight=False)
    first: dict[str, Any] = comparison.results[0]
    if first.get('chance') is not None:
        console.print(f'Shares of correct labels; chance is {first["chance"]}.')
    if first.get('source') == DERIVED_DIGITS:
        console.print("SklearnDigits are scikit-learn's digits and domains derived from them, not those of the paper.")
    if first['simulated']:
        console.print('SimulatedMouse is simulated: these numbers say nothing about any mouse.')
