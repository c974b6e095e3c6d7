"""The commands `m2m models`: list, show, calibrate."""

import contextlib
import sys
from typing import Annotated, Any

import typer

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.benchmarks.names import check_benchmark
from m2m_benchmarks.cli.console import (
    Json,
    check_json,
    print_line,
    print_names,
    print_text,
    progress,
    stage,
    write_json,
)
from m2m_benchmarks.cli.groups import SearchingGroup
from m2m_benchmarks.errors import BenchmarkError, ModelError, UnknownNameError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.specs import CandidateSpec, check_candidate, is_folder, parse_candidates

app = typer.Typer(
    cls=SearchingGroup,
    help='List, show and calibrate models. `m2m models resnet` is short for `m2m models list resnet`.',
    rich_markup_mode=None,
)

_Model = Annotated[
    str,
    typer.Argument(
        help='Name from `m2m models`, torchvision:NAME, timm:NAME, FILE.py:FUNCTION, run:PATH, or ./FOLDER of a plugin.'
    ),
]


@app.command('list')
def list_(
    word: Annotated[str | None, typer.Argument(help='List the names that contain this word, such as resnet.')] = None,
    everything: Annotated[bool, typer.Option('--all', help="List brainscore_vision's models too.")] = False,
    json: Json = None,
) -> None:
    """List the models that can be scored by name.

    These are this library's; with --all or a word, brainscore_vision's too.

    \b
    Examples
    --------
      m2m models
      m2m models resnet50
      m2m models --all --json models.json
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    own = registered('model')
    others = {
        name: plugin
        for name, plugin in sorted(registered('model', BRAIN_SCORE).items(), key=lambda item: item[0].lower())
        if name not in own
    }
    short = word is None and not everything
    listed = [*own.values()] if short else [*own.values(), *others.values()]
    if word is not None:
        listed = [plugin for plugin in listed if word.lower() in plugin.identifier.lower()]
        if not listed:
            hint = '`m2m models --all` lists every name; those of other libraries are torchvision:NAME and timm:NAME.'
            raise UnknownNameError('model', word, [*own, *others], hint)
    if json is not None:
        write_json([{'identifier': p.identifier, 'library': p.library, 'plugin': p.folder} for p in listed], json)
    if json == '-':
        return
    for title, library in (('This library', OWN), ('Brain-Score', BRAIN_SCORE)):
        names = [plugin.identifier for plugin in listed if plugin.library == library]
        print_names(f'{title} ({library})', names, together=short)
    if short:
        for line in (
            f'Brain-Score ({BRAIN_SCORE}): {len(others)} more; list them with --all, search them with m2m models WORD.',
            'Other models: torchvision:NAME, timm:NAME, FILE.py:FUNCTION (which makes your network), run:PATH (a '
            'training run), or the path of a plugin folder.',
            'The settings of NeuRN are part of the name: neurn_resnet18_k5_zero_channel_after_stem.',
        ):
            print_text(line)


@app.command('show')
def show(model: _Model, json: Json = None) -> None:
    """Show a model's input, its layers and their areas.

    Default weights are not downloaded.

    \b
    Examples
    --------
      m2m models show neurn_resnet18
      m2m models show neurn_resnet18_after_layer1.0
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    check_candidate(CandidateSpec(model))
    with progress() as report, stage(report, 'loading torch'):
        entry = _describe(model)
    if json is not None:
        write_json(entry, json)
    if json == '-':
        return
    for key, value in entry.items():
        name = key.replace('_', ' ')
        if value == {}:
            print_text(f'{name}: none')
        elif isinstance(value, dict):
            print_line(f'{name}:' + ''.join(f'\n  {area}: {layer}' for area, layer in value.items()))
        elif isinstance(value, list):
            print_line(f'{name} ({len(value)}):' + ''.join(f'\n  {each}' for each in value))
        elif value is not None:
            print_text(f'{name}: {value}')


def _describe(model: str) -> dict[str, Any]:
    from m2m_benchmarks.models.neurn.backbones import weights_url
    from m2m_benchmarks.models.neurn.model import Network, parse
    from m2m_benchmarks.plugins import takes_weights
    from m2m_benchmarks.scoring.candidates import load_candidate
    from m2m_benchmarks.scoring.specs import RUN

    brings_weights = is_folder(model) or model.startswith(RUN) or source_files.split(model) is not None
    untrained = not brings_weights and (':' in model or takes_weights(model))
    candidate = load_candidate(model, weights='none' if untrained else 'default')
    network = candidate.module
    entry: dict[str, Any] = {
        'model': candidate.identifier,
        'network': None if network is None else type(getattr(network, 'backbone', network)).__name__,
        'parameters': candidate.n_parameters,
        'image_size': getattr(candidate.wrapper, 'image_size', None),
        'visual_degrees': candidate.model.visual_degrees(),
    }
    if isinstance(network, Network):
        variant = parse(candidate.identifier)
        assert variant is not None
        mean, std = variant.row.normalization
        position = f'after {variant.after}' if variant.after else 'at the input, before normalisation'
        entry['preprocessing'] = (
            f'the whole image at {variant.image_size} x {variant.image_size}, RGB in [0, 1]; '
            f'normalised by mean {mean} and standard deviation {std}'
        )
        entry['neurn'] = 'none' if network.neurn is None else f'{network.neurn} {position}'
        entry['default_weights'] = weights_url(variant.row)
    entry['layers'] = candidate.layers
    entry['region_layer_map'] = dict(candidate.committed)
    entry['mouse_areas_calibrated_on'] = candidate.calibrated_on
    return entry


@app.command('calibrate')
def calibrate(
    model: _Model,
    dataset: Annotated[str, typer.Option(help='Dataset to choose the layers on, from `m2m data list`.')],
    weights: Annotated[
        str, typer.Option(help="Weights: 'default', 'none' (untrained), or a .pth or .safetensors file.")
    ] = 'default',
    metric: Annotated[str, typer.Option(help='Comparison that ranks the layers, from `m2m benchmarks`.')] = next(
        iter(COMPARISONS)
    ),
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.')] = 0,
    json: Annotated[str, typer.Option('--json', metavar='FILE', help="File for the map; '-' prints it.")] = '-',
) -> None:
    """Choose a model's layer for each mouse area.

    The layers are chosen on all neuroids of a dataset. The map (region_layer_map) is for scores on other recordings and
    for Brain-Score; `m2m score` doesn't use it on the dataset that it was chosen on.

    Example:  m2m models calibrate neurn_squeezenet1_1 --dataset Siegle2021 --json neurn_squeezenet1_1.json
    """
    check_json(json)
    (spec,) = parse_candidates([model], weights)
    check_candidate(spec)
    check_benchmark(str(NeuralIdentifier(dataset, None, None, metric)))
    with progress('No map was written. Finished responses are kept. Run the same command again to continue.') as report:
        report('loading torch', 0, 1)
        from m2m_benchmarks.benchmarks.mean import MeanBenchmark
        from m2m_benchmarks.plugins import load_benchmark
        from m2m_benchmarks.scoring.activations import Activations
        from m2m_benchmarks.scoring.candidates import load_candidate
        from m2m_benchmarks.scoring.layer_choice import calibrate as choose_layers

        benchmark = load_benchmark(str(NeuralIdentifier(dataset, None, None, metric)))
        if not isinstance(benchmark, MeanBenchmark):
            raise BenchmarkError(f'{benchmark.identifier} has no mouse areas; name a dataset from `m2m data list`.')
        # torch.hub announces downloads on stdout, which is for the map only.
        with contextlib.redirect_stdout(sys.stderr):
            candidate = load_candidate(spec.name, weights=spec.weights, seed=seed)
        report('loading torch', 1, 1)
        if candidate.module is None:
            raise ModelError(f'{model} is not a PyTorch network in a ModelCommitment: its layers cannot be compared.')
        layers = choose_layers(candidate, Activations(candidate, report), benchmark)
    primate = {area: layer for area, layer in candidate.committed.items() if area not in layers}
    write_json({**primate, **layers}, json)
