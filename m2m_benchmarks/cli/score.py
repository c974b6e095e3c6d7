"""m2m score."""

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.benchmarks.selection import expand_benchmarks
from m2m_benchmarks.cli.console import check_json, progress, stdout, write_json
from m2m_benchmarks.scoring.specs import check_candidate, parse_candidates
from m2m_benchmarks.storage import home, writable

if TYPE_CHECKING:
    from rich.table import Table

    from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier


def score(
    model: Annotated[
        str,
        typer.Argument(help='A name from `m2m models`, torchvision:NAME, timm:NAME, run:PATH, or a plugin folder.'),
    ],
    benchmarks: Annotated[list[str], typer.Argument(metavar='BENCHMARK...', help='Names from `m2m benchmarks`.')],
    weights: Annotated[
        str, typer.Option(help="Weights: 'default', 'none' (untrained, from --seed), or a .pth or .safetensors file.")
    ] = 'default',
    layer: Annotated[
        str | None,
        typer.Option(help='Layer to score on all neuroids. Without it, the layer is chosen on half of them.'),
    ] = None,
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.')] = 0,
    json: Annotated[
        str | None, typer.Option('--json', metavar='FILE', help="Write the results as JSON; '-' prints them instead.")
    ] = None,
) -> None:
    """Score a model on one or more benchmarks.

    With --json, one benchmark gives an object and several give a list.

    \b
    Examples
    --------
      m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --weights none
      m2m score torchvision:resnet18 Siegle2021.VISp-rdm --layer layer2.1 --json -
      m2m score neurn_resnet18 SklearnDigits-readout_accuracy
    """  # noqa: D301, D411 - the mark keeps these lines as they are
    writable(home())
    if json not in (None, '-'):
        check_json(json)
    (spec,) = parse_candidates([model], weights)
    check_candidate(spec)
    names = expand_benchmarks(benchmarks)
    with progress('Finished benchmarks and responses are kept: the same command goes on from there.') as report:
        report('loading torch', 0, 1)
        from m2m_benchmarks.scoring.candidates import load_candidate
        from m2m_benchmarks.scoring.score import score_candidate

        # torch.hub says on stdout what it downloads; there, results alone are expected.
        with contextlib.redirect_stdout(sys.stderr):
            candidate = load_candidate(spec.name, weights=spec.weights, seed=seed)
        report('loading torch', 1, 1)
        results = [each.attrs['result'] for each in score_candidate(candidate, names, layer, report)]
    if json is not None:
        write_json(results[0] if len(results) == 1 else results, json)
    if json != '-':
        _print(results)


def _print(results: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    console = stdout()
    first = results[0]
    console.print(f'[bold]{escape(first["model"])}[/bold]  weights: {escape(first["weights"])}', soft_wrap=True)
    generalization = [result for result in results if 'targets' in result]
    results = [result for result in results if 'targets' not in result]
    for result in generalization:
        _print_generalization(result)
    if not results:
        return
    if any(result['simulated'] for result in results):
        console.print('SimulatedMouse is simulated: these numbers say nothing about any mouse.')
    console.print(_table(results))
    for text in _explained(results):
        console.print(text, markup=False, soft_wrap=True)
    chosen = {result['commitment'] for result in results for result in [result, *result.get('areas', {}).values()]}
    if any(how and how.startswith('chosen') for how in chosen):
        console.print('Each layer was chosen on one half of the neuroids and scored on the other.')


def _explained(results: list[dict[str, Any]]) -> list[str]:
    """What the numbers of the table are: a line for each comparison, and one for all."""
    from m2m_benchmarks.benchmarks.comparisons import load_comparison
    from m2m_benchmarks.benchmarks.datasets import RECORDINGS

    texts = []
    own = [name for name in map(_neural, (result['benchmark'] for result in results)) if name is not None]
    for name in dict.fromkeys(name.comparison for name in own):
        comparison = load_comparison(name)
        described = comparison.description
        texts.append(f'-{name}: score = {described.formula}; ± by {comparison.settings["error"]}.')
        texts += [f'Note: {described.caveat}.'] if described.caveat else []
    foreign = {result['formula'] for result in results if _neural(result['benchmark']) is None}
    texts += [f'score = {formula}' for formula in sorted(foreign)]
    texts.append('score: 1 is the ceiling, 0 is chance. ±: standard error. neuroids: reliable ones that are scored.')
    # The methods of a comparison are the same in every folder: recordings that were imported have none of their own.
    folders = dict.fromkeys(RECORDINGS[name.dataset].folder if name.dataset in RECORDINGS else '*' for name in own)
    methods = ', '.join(f'm2m_benchmarks/benchmarks/{folder}/METHODS.md' for folder in folders)
    return [*texts, *([f'raw and ceiling: see {methods}.'] if methods else [])]


def _neural(benchmark: str) -> 'NeuralIdentifier | None':
    """Name of a benchmark that compares with recordings by one of this library's comparisons; None for others."""
    from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
    from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse

    name = parse(benchmark)
    return name if isinstance(name, NeuralIdentifier) and name.comparison in COMPARISONS else None


def _print_generalization(result: dict[str, Any]) -> None:
    from rich.table import Table

    from m2m_benchmarks.benchmarks.identifiers import DERIVED_DIGITS, PROTOCOLS

    table = Table(box=None, header_style='bold', title=result['benchmark'], title_justify='left')
    for column in ('domain', 'accuracy', '95 % interval', 'images', 'clusters'):
        table.add_column(column, justify='left' if column == 'domain' else 'right', no_wrap=True)
    for name, part in [(f'{result["source"]} (source)', result['in_domain']), *result['targets'].items()]:
        low, high = part['interval']
        counts = (f'{part["n_images"]:,}', f'{part["n_clusters"]:,}')
        table.add_row(name, f'{part["accuracy"]:.3f}', f'{low:.3f} to {high:.3f}', *counts)
    console = stdout()
    console.print(table)
    layer = f' ({result["layer"]})' if result['protocol'] == 'readout_accuracy' and result['layer'] else ''
    console.print(
        f'score {result["score"]:.3f} ± {result["error"]:.3f}: {result["formula"]}.\n'
        f'gap {result["generalization_gap"]:+.3f}: accuracy on the source less the score. '
        f'Compared: {PROTOCOLS[result["protocol"]]}{layer}.',
        soft_wrap=True,
        markup=False,
    )
    if result['source'] == DERIVED_DIGITS:
        console.print("SklearnDigits are scikit-learn's digits and domains derived from them, not those of the paper.")


def _table(results: list[dict[str, Any]]) -> 'Table':
    from rich.table import Table

    table = Table(box=None, header_style='bold', pad_edge=False)
    for column in ('benchmark', 'layer'):  # on a narrow terminal names are folded, numbers are not
        table.add_column(column, overflow='fold')
    for column in ('neuroids', 'raw', 'ceiling', 'score', '±'):
        table.add_column(column, justify='right', no_wrap=True)
    for result in results:
        name = f'{result["benchmark"]} (simulated)' if result['simulated'] else result['benchmark']
        for area, part in result.get('areas', {}).items():
            table.add_row(f'  {area}', str(part['layer']), *_numbers(part))
        layer = '' if 'areas' in result else str(result['layer'])
        table.add_row(name, layer, *_numbers(result), style='bold')
    return table


def _numbers(result: dict[str, Any]) -> list[str]:
    numbers = [result[key] for key in ('raw', 'ceiling', 'score', 'error')]
    n = result['n_neuroids']
    return ['' if n is None else f'{n:,}', *('' if number is None else f'{number:.3f}' for number in numbers)]
