"""The command `m2m compare`."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m2m_benchmarks.cli.console import (
    Json,
    MouseAcuity,
    Neurons,
    check_distinct,
    check_json,
    print_line,
    print_table,
    print_tables,
    progress,
    terminal_width,
    write_json,
)
from m2m_benchmarks.cli.seeds import parse_seeds
from m2m_benchmarks.cli.train import require_training
from m2m_benchmarks.errors import StorageError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import ensure_writable, home

if TYPE_CHECKING:
    from brainscore_core.metrics import Score

    from m2m_benchmarks.analysis.comparison import Comparison
    from m2m_benchmarks.analysis.entries import Entry

#: Corrections for several tests; `analysis.statistics.CORRECTIONS` has their functions.
_CORRECTIONS = ('holm', 'fdr')
#: What is printed after Ctrl-C.
_AFTER_INTERRUPT = (
    'Finished scores are in `m2m results`; responses of layers and training checkpoints are kept. Run the same command '
    'again to continue: it uses them, and computes the scores anew.'
)


def compare(
    models: Annotated[
        list[str],
        typer.Argument(metavar='MODEL...', help='Two or more: NAME, NAME@none, NAME@default, NAME@FILE or run:PATH.'),
    ],
    benchmark: Annotated[
        list[str], typer.Option(help='Name from `m2m benchmarks`, pattern or suite; may be repeated.')
    ],
    seeds: Annotated[
        str, typer.Option(help='Random seeds of training and of untrained weights, such as 0,1,2 or 0-4.')
    ] = '0-2',
    source: Annotated[str | None, typer.Option(help='Domain to train on, for benchmarks that do not name one.')] = None,
    weights: Annotated[
        str, typer.Option(help="Weights of models without @: 'default', 'none' (untrained), or a file.")
    ] = 'default',
    steps: Annotated[int | None, typer.Option(help='Training steps; 10,000 in the protocol.')] = None,
    batch_size: Annotated[int | None, typer.Option(help='Images in a training step; 32 in the protocol.')] = None,
    lr: Annotated[float | None, typer.Option(help='Learning rate of training; 1e-4 in the protocol.')] = None,
    limit: Annotated[int | None, typer.Option(help='Training images; 10,000 in the protocol.')] = None,
    correction: Annotated[
        str, typer.Option(metavar='holm|fdr', help='Correction of p values for several tests: family-wise, or FDR.')
    ] = 'holm',
    controls: Annotated[
        bool, typer.Option('--controls', help='Add pixels_64 and the untrained twin of each model with weights.')
    ] = False,
    across: Annotated[
        str | None,
        typer.Option(metavar='comparisons', help='Set two models side by side under all comparisons.'),
    ] = None,
    mouse_acuity: MouseAcuity = False,
    neurons: Neurons = None,
    figure: Annotated[Path | None, typer.Option(metavar='FILE', help='File for a figure: .png, .svg or .pdf.')] = None,
    json: Json = None,
) -> None:
    """Compare models on the same benchmarks: all pairs, with ranks.

    Models are compared on the same bootstrap draws. Untrained models are scored once per seed; twins with and without
    NeuRN are paired over seeds. For benchmarks of trained models (…-accuracy), models without @ are trained on the
    source domain with each seed; finished runs are reused and interrupted ones are continued.

    \b
    Examples
    --------
      m2m compare torchvision:squeezenet1_1 torchvision:squeezenet1_1@none pixels_64 --benchmark SimulatedMouse-rdm
      m2m compare torchvision:squeezenet1_1 --controls --benchmark SimulatedMouse-rdm --correction fdr
      m2m compare torchvision:squeezenet1_1 pixels_64 --benchmark SimulatedMouse-rdm --across comparisons
      m2m compare torchvision:squeezenet1_1 pixels_64 --benchmark SimulatedMouse-rdm --mouse-acuity
      m2m compare neurn_digitnet plain_digitnet --benchmark SklearnDigits-accuracy --steps 300 --figure twins.png
      m2m compare neurn_digitnet plain_digitnet --benchmark Qazi2025.MNIST-accuracy --seeds 0-4
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    seed_list = parse_seeds(seeds)
    if correction not in _CORRECTIONS:
        raise typer.BadParameter(f'expected {" or ".join(_CORRECTIONS)}, got {correction}', param_hint='--correction')
    if across not in (None, 'comparisons'):
        raise typer.BadParameter(f'expected comparisons, got {across}', param_hint='--across')
    if across is not None and (len(models) != 2 or controls):
        raise typer.BadParameter('it is for two models, without --controls', param_hint='--across')
    if len(models) < 2 and not controls:
        raise typer.BadParameter(f'expected two models or more, got {models[0]} alone', param_hint='MODEL...')
    from m2m_benchmarks.analysis.entries import check_different, parse_entries, source_of, with_controls
    from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
    from m2m_benchmarks.benchmarks.neurons import read_selection
    from m2m_benchmarks.benchmarks.selection import expand_benchmarks, under_all_comparisons
    from m2m_benchmarks.scoring.acuity import check_benchmarks
    from m2m_benchmarks.scoring.several import describe_not_stored
    from m2m_benchmarks.scoring.specs import check_candidate

    benchmarks = expand_benchmarks(benchmark)
    if across is not None:
        benchmarks = under_all_comparisons(benchmarks)
    if controls:
        if not all(isinstance(parse(name), NeuralIdentifier) for name in benchmarks):
            raise typer.BadParameter('controls are for benchmarks of recordings', param_hint='--controls')
        models = with_controls(models, weights)
    if mouse_acuity:
        check_benchmarks(benchmarks)
    selection = None if neurons is None else read_selection(neurons)
    if selection is not None:
        for each in benchmarks:
            selection.check(each)
    entries = parse_entries(models, weights)
    for entry in entries:
        check_candidate(entry.spec)
    sources = {source_of(name, source) for name in benchmarks}
    for domain in sources:
        check_different(entries, domain)
    trained = [entry for entry in entries for domain in sources if entry.is_trained(domain)]
    if trained:
        require_training()
    _check_used(entries, trained, weights, {'--steps': steps, '--batch-size': batch_size, '--lr': lr, '--limit': limit})
    ensure_writable(home())
    check_distinct(figure=figure, json=json)
    check_json(json)
    options = {'steps': steps, 'batch_size': batch_size, 'learning_rate': lr, 'limit': limit}
    training = {key: value for key, value in options.items() if value is not None}
    scores: list[Score] = []
    try:
        with progress(_AFTER_INTERRUPT) as report:
            report('loading', 0, 1)
            from m2m_benchmarks.analysis.compare import compare as compare_models

            if figure is not None:
                from m2m_benchmarks.report.comparison import check_figure

                check_figure(figure)
            report('loading', 1, 1)
            # torch.hub announces downloads on stdout, which is for results only.
            with contextlib.redirect_stdout(sys.stderr):
                comparisons = compare_models(
                    models,
                    benchmarks,
                    seed_list,
                    weights,
                    source,
                    training,
                    report,
                    scores.append,
                    correction=correction,
                    mouse_acuity=mouse_acuity,
                    neurons=selection,
                )
    except BaseException:
        if scores:
            _show_scores(scores, json)
        raise
    with contextlib.ExitStack() as outputs:  # each is written, even if another can't be
        if across is not None:
            _show_across(comparisons, benchmarks, figure, json, outputs)
        else:
            documents = [comparison.document() for comparison in comparisons]
            if figure is not None:
                outputs.callback(_draw, comparisons, figure, json != '-')
            if json is not None:
                outputs.callback(write_json, documents[0] if len(documents) == 1 else documents, json)
            if json != '-':
                _print_comparisons(comparisons)
    reasons = [score.attrs['not_stored'] for score in scores if 'not_stored' in score.attrs]
    if reasons:
        raise StorageError(describe_not_stored(reasons))


def _show_across(
    comparisons: Sequence['Comparison'],
    benchmarks: Sequence[str],
    figure: Path | None,
    json: str | None,
    outputs: contextlib.ExitStack,
) -> None:
    """Print and write comparisons side by side."""
    from m2m_benchmarks.analysis.across import set_side_by_side
    from m2m_benchmarks.report.across import across_table, draw_across

    several = set_side_by_side(comparisons, benchmarks)
    if figure is not None:
        outputs.callback(_draw, several, figure, json != '-', draw_across)
    if json is not None:
        document = {
            'across': [across.document() for across in several],
            'comparisons': [comparison.document() for comparison in comparisons],
        }
        outputs.callback(write_json, document, json)
    if json != '-':
        print_tables(map(across_table, several))


def _print_comparisons(comparisons: Sequence['Comparison']) -> None:
    from m2m_benchmarks.report.comparison_tables import comparison_tables

    print_tables(table for comparison in comparisons for table in comparison_tables(comparison))


def _draw(content: Any, figure: Path, say_where: bool, *draw: Callable[[Any], Any]) -> None:
    from m2m_benchmarks.report.comparison import write_figure

    write_figure(content, figure, *draw)
    if say_where:
        print_line(str(figure))


def _show_scores(scores: Sequence['Score'], json: str | None) -> None:
    """Show the scores of a comparison that has failed or was stopped."""
    from m2m_benchmarks.records.record import Result
    from m2m_benchmarks.report.scores import matrix_table

    results = [Result.from_document(score.attrs['result']) for score in scores]
    say(f'The comparison is not finished; scores so far: {len(results)}.')
    if json == '-':
        write_json([result.document() for result in results], json)
    else:
        print_table(matrix_table(results, terminal_width()))


def _check_used(
    entries: Sequence['Entry'], trained: Sequence['Entry'], weights: str, training: dict[str, float | None]
) -> None:
    """Refuse options that no candidate would use."""
    for option, value in training.items():
        if value is not None and not trained:
            raise typer.BadParameter('no model is trained for this comparison; leave it out', param_hint=option)
    if weights == 'default':
        return
    if trained:
        raise typer.BadParameter(
            f'{trained[0].label} is trained for this comparison; to use weights for models that are not, as '
            f'{trained[0].spec.name}@{weights}',
            param_hint='--weights',
        )
    if not any(entry.spec.weights == weights and not entry.has_weights for entry in entries):
        raise typer.BadParameter('it is for models without @ that have a choice of weights', param_hint='--weights')
