"""m2m models: list, show, calibrate."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier
from m2m_benchmarks.benchmarks.names import check_benchmark
from m2m_benchmarks.cli.console import check_json, progress, stage, stdout, write_json
from m2m_benchmarks.errors import BenchmarkError, ModelError
from m2m_benchmarks.plugins import BRAIN_SCORE, OWN, registered
from m2m_benchmarks.scoring.specs import CandidateSpec, check_candidate, parse_candidates

app = typer.Typer(help='Models that can be scored by name.', rich_markup_mode=None)

_Json = Annotated[bool, typer.Option('--json', help='Print JSON.')]
_Model = Annotated[
    str, typer.Argument(help='A name from `m2m models`, torchvision:NAME, timm:NAME, or a plugin folder.')
]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json: _Json = False) -> None:
    """List the models that can be scored by name: this library's, then brainscore_vision's.

    Example:  m2m models | grep -i resnet
    """
    if context.invoked_subcommand is not None:
        return
    own, others = registered('model'), registered('model', BRAIN_SCORE)
    if json:
        listed = [*own.values(), *(plugin for name, plugin in others.items() if name not in own)]
        content = [{'identifier': p.identifier, 'library': p.library, 'plugin': p.folder} for p in listed]
        write_json(content, '-')
        return
    # Plain text: hundreds of lines, read by eye or by grep.
    lines = []
    for title, library, names in (
        ('This library', OWN, list(own)),
        ('Brain-Score', BRAIN_SCORE, sorted(set(others) - set(own), key=str.lower)),
    ):
        lines += [f'{title} ({library}): {len(names)}', *(f'  {name}' for name in names)]
    lines.append('Also: torchvision:NAME, timm:NAME, the path of a plugin folder, or your own network from Python.')
    lines.append('What NeuRN can be set to is part of the name: neurn_resnet18_k5_zero_channel_after_stem.')
    print('\n'.join(lines))


@app.command('show')
def show(model: _Model, json: _Json = False) -> None:
    """Show a model: its input, its layers, and which of them stand for which areas. Downloads no default weights.

    \b
    Examples
    --------
      m2m models show neurn_resnet18
      m2m models show neurn_resnet18_after_layer1.0
    """  # noqa: D301, D411 - the mark keeps these lines as they are
    check_candidate(CandidateSpec(model))
    with progress() as report, stage(report, 'loading torch'):
        entry = _described(model)
    if json:
        write_json(entry, '-')
        return
    console = stdout()
    for key, value in entry.items():
        name = key.replace('_', ' ')
        if value == {}:
            console.print(f'{name}: none')
        elif isinstance(value, dict):
            console.print(f'{name}:', *(f'\n  {area}: {layer}' for area, layer in value.items()), sep='', markup=False)
        elif isinstance(value, list):
            console.print(f'{name} ({len(value)}):', *(f'\n  {each}' for each in value), sep='', markup=False)
        elif value is not None:
            console.print(f'{name}: {value}', markup=False, soft_wrap=True)


def _described(model: str) -> dict[str, Any]:
    from m2m_benchmarks.models.neurn.backbones import weights_url
    from m2m_benchmarks.models.neurn.model import Network, parse
    from m2m_benchmarks.plugins import takes_weights
    from m2m_benchmarks.scoring.candidates import load_candidate

    folder = '/' in model or Path(model).is_dir()
    untrained = not folder and (':' in model or takes_weights(model))
    candidate = load_candidate(model, weights='none' if untrained else 'default')
    network = candidate.module
    entry: dict[str, Any] = {
        'model': candidate.identifier,
        'network': None if network is None else type(getattr(network, 'backbone', network)).__name__,
        'parameters': None if network is None else sum(parameter.numel() for parameter in network.parameters()),
        'image_size': getattr(candidate.wrapper, 'image_size', None),
        'visual_degrees': candidate.model.visual_degrees(),
    }
    if isinstance(network, Network):
        variant = parse(candidate.identifier)
        assert variant is not None
        mean, std = variant.row.normalization
        place = f'after {variant.after}' if variant.after else 'at the input, before normalisation'
        entry['preprocessing'] = (
            f'the whole image at {variant.image_size} x {variant.image_size}, RGB in [0, 1]; '
            f'normalised by mean {mean} and standard deviation {std}'
        )
        entry['neurn'] = 'none' if network.neurn is None else f'{network.neurn} {place}'
        entry['default_weights'] = weights_url(variant.row)
    entry['layers'] = candidate.layers
    entry['region_layer_map'] = dict(candidate.committed)
    entry['mouse_areas_calibrated_on'] = candidate.calibrated_on
    return entry


@app.command('calibrate')
def calibrate(
    model: _Model,
    dataset: Annotated[str, typer.Option(help='Recordings to choose with, from `m2m data list`.')],
    weights: Annotated[
        str, typer.Option(help="Weights: 'default', 'none' (untrained), or a .pth or .safetensors file.")
    ] = 'default',
    metric: Annotated[str, typer.Option(help='Comparison that layers are compared by, from `m2m benchmarks`.')] = 'rdm',
    seed: Annotated[int, typer.Option(help='Random seed of untrained weights.')] = 0,
    json: Annotated[str, typer.Option('--json', metavar='FILE', help="Where the map is written; '-' prints it.")] = '-',
) -> None:
    """Choose the layer of each mouse area on all neuroids of a dataset, for a model's region_layer_map.

    Such a map is for scores on other recordings, and for Brain-Score; `m2m score` doesn't use it on the same ones.

    Example:  m2m models calibrate neurn_squeezenet1_1 --dataset Siegle2021 --json neurn_squeezenet1_1.json
    """
    if json != '-':
        check_json(json)
    (spec,) = parse_candidates([model], weights)
    check_candidate(spec)
    check_benchmark(str(NeuralIdentifier(dataset, None, None, metric)))
    with progress('No map was written. Responses are kept: the same command goes on from there.') as report:
        report('loading torch', 0, 1)
        from m2m_benchmarks.benchmarks.neural import MeanBenchmark
        from m2m_benchmarks.plugins import load_benchmark
        from m2m_benchmarks.scoring.activations import Activations
        from m2m_benchmarks.scoring.candidates import load_candidate
        from m2m_benchmarks.scoring.layer_choice import calibrate as chosen_layers

        benchmark = load_benchmark(str(NeuralIdentifier(dataset, None, None, metric)))
        if not isinstance(benchmark, MeanBenchmark):
            raise BenchmarkError(f'{benchmark.identifier} has no mouse areas; expected a dataset from `m2m data list`.')
        # torch.hub says on stdout what it downloads; there, the map alone is expected.
        with contextlib.redirect_stdout(sys.stderr):
            candidate = load_candidate(spec.name, weights=spec.weights, seed=seed)
        report('loading torch', 1, 1)
        if candidate.module is None:
            raise ModelError(f'{model} is not a PyTorch network in a ModelCommitment: its layers cannot be compared.')
        chosen = chosen_layers(candidate, Activations(candidate, report), benchmark)
    primate = {area: layer for area, layer in candidate.committed.items() if area not in chosen}
    write_json({**primate, **chosen}, json)
