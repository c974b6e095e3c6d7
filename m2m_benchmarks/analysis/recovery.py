"""Would a benchmark find the right model? Recordings are simulated from each candidate, and all are scored on them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

from m2m_benchmarks.acquisition.images import SUFFIXES, decode_file, is_helper_file
from m2m_benchmarks.analysis.entries import Entry, check_different, parse_entries
from m2m_benchmarks.analysis.simulated_experiment import Experiment, Layer, Setting, Truth
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm, Features
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError, DataError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.progress import Progress, silent
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.storage import sha256_file

#: Share of the neuroids of a mixture of two layers that are units of the nearer one.
NEARER = 2 / 3
#: Kinds of truths: the candidates' own layers, and those that no candidate is.
OWN, OWN_SCALE, MIXTURE, SEED = 'own layer', 'own layer, own scale', 'mixture of two layers', 'another seed'


@dataclass(frozen=True)
class Recovery:
    """What one benchmark finds.

    Attributes
    ----------
    benchmark : str
    candidates : list of str
    layers : list of (candidate, layer)
    settings : list of Setting
        Settings; the first has the size of the real recordings, and the candidates' own layers as truth.
    """

    benchmark: str
    candidates: list[str]
    layers: list[tuple[str, str]]
    settings: list[Setting]

    def document(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON."""
        return dataclasses.asdict(self)


def recovery(
    models: Sequence[str],
    benchmarks: str | Sequence[str],
    *,
    weights: str = 'default',
    seed: int = 0,
    n_recordings: int = 3,
    neuroids: Sequence[int] = (),
    trials: Sequence[int] = (),
    images: str | Path | None = None,
    n_images: Sequence[int] = (),
    layers: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Recovery]:
    """Simulate recordings from each layer of each candidate, and see which candidate a benchmark finds.

    A simulated recording has units of the layer in place of the neuroids, with their reliabilities, means and gains;
    see `scoring.own_units`. The shares are an upper bound for real brains: the set of candidates is closed, and the
    truth has their own features.

    Parameters
    ----------
    models : sequence of str
        Two or more of NAME, NAME@WEIGHTS and run:PATH.
    benchmarks : str or sequence of str
        Benchmarks of recordings; that of a dataset stands for all its areas.
    weights : str
        Weights of models without `@`.
    seed : int
        Random seed of untrained weights and of the simulation.
    n_recordings : int
        Number of recordings simulated from each layer.
    neuroids, trials, n_images : sequence of int
        Further sizes, one curve each: the others stay as recorded. More neuroids than recorded repeat their
        reliabilities; more images than recorded need `images`.
    images : str or Path, optional
        Folder of further images; by default of `n_images`, the recorded and all are taken.
    layers : sequence of str
        Layers to take, of the candidates that have them; by default those that a score chooses among.
    progress : callable, optional

    Returns
    -------
    list of Recovery
        One for each benchmark of an area.

    Raises
    ------
    M2MError
        When there are fewer than two models, one isn't a network or has none of the layers, a layer is unknown, the
        recordings have one trial or too few neuroids, or an image can't be read.
    """
    entries = parse_entries(models, weights)
    check_different(entries, None)
    if n_recordings < 1 or min([*neuroids, *trials, *n_images], default=1) < 1:
        raise BenchmarkError('expected numbers of recordings, neuroids, trials and images of 1 or more.')
    areas = [
        area for name in ([benchmarks] if isinstance(benchmarks, str) else benchmarks) for area in _areas_of(str(name))
    ]
    more = [] if images is None else _image_files(Path(images))
    networks = [_network(entry, seed, layers, progress) for entry in entries]
    known = {name for names, _ in networks for name in names}
    unknown = [name for name in layers if name not in known]
    if unknown:
        raise BenchmarkError(f'none of the models has a layer {unknown[0]}; `m2m models show NAME` lists layers.')
    without = [entry.label for entry, (names, _) in zip(entries, networks, strict=True) if not names]
    if without:
        raise BenchmarkError(f'{without[0]} has none of the layers {", ".join(layers)}; name one of its own too.')
    others = [
        _network(entry, seed + 1, layers, progress) if entry.spec.weights == 'none' else None for entry in entries
    ]
    return [
        _recover(area, entries, networks, others, more, n_recordings, (neuroids, trials, n_images), seed, progress)
        for area in areas
    ]


def _areas_of(name: str) -> list[AreaBenchmark]:
    benchmark = load_benchmark(name)
    areas = benchmark.areas if isinstance(benchmark, MeanBenchmark) else [benchmark]
    for area in areas:
        if not isinstance(area, AreaBenchmark):
            raise BenchmarkError(f'{name} has no neuroids to simulate; name a benchmark of recordings.')
        if len(area.recordings.trials) == 1:
            raise BenchmarkError(
                f'{area.identifier} cannot be simulated: its recordings have one trial of each stimulus, so the noise '
                'of its neuroids is not known.'
            )
    return areas


def _network(
    entry: Entry, seed: int, layers: Sequence[str], progress: Progress | None
) -> tuple[list[str], Activations]:
    """Layers and activations of a candidate: its own choice of layers, or those of some names that it has."""
    candidate = load_candidate(entry.spec.name, weights=entry.spec.weights, seed=seed)
    activations = Activations(candidate, progress)
    return [name for name in layers if activations.has(name)] if layers else candidate.layers, activations


def _image_files(folder: Path) -> list[Path]:
    """List the images of a folder, each of which can be decoded."""
    files = sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix.lower() in SUFFIXES and not is_helper_file(path.name)
    )
    if not files:
        raise DataError(f'there are no images in {folder}; expected a folder with files such as .png or .jpg.')
    for path in files:
        decode_file(path)
    return files


def _recover(
    area: AreaBenchmark,
    entries: Sequence[Entry],
    networks: Sequence[tuple[list[str], Activations]],
    others: Sequence[tuple[list[str], Activations] | None],
    more: Sequence[Path],
    n_recordings: int,
    sizes: tuple[Sequence[int], Sequence[int], Sequence[int]],
    seed: int,
    progress: Progress | None,
) -> Recovery:
    stimuli, n_recorded = _stimuli(area, more), area.recordings.mean.sizes['presentation']
    layers = [layer for number, network in enumerate(networks) for layer in _layers(number, network, area, stimuli)]
    whole = Experiment(area, layers, len(entries), seed)
    truths = {OWN: [Truth(number, ((layer.units, 1.0),)) for number, layer in enumerate(layers)]}
    truths[OWN_SCALE] = [dataclasses.replace(truth, own_scale=True) for truth in truths[OWN]]
    truths[MIXTURE] = [
        Truth(number, ((layer.units, NEARER), (layers[neighbour].units, 1 - NEARER)))
        for number, layer in enumerate(layers)
        if (neighbour := _neighbour(layers, number)) is not None
    ]
    reseeded = {
        (number, layer.name): layer.units
        for number, network in enumerate(others)
        if network is not None
        for layer in _layers(number, network, area, stimuli)
    }
    truths[SEED] = [
        Truth(number, ((reseeded[layer.candidate, layer.name], 1.0),))
        for number, layer in enumerate(layers)
        if (layer.candidate, layer.name) in reseeded
    ]
    neuroids, trials, images = sizes
    if more and not images:
        images = [len(stimuli)]
    if max(images, default=0) > len(stimuli):
        raise BenchmarkError(
            f'{max(images)} images are asked for, and there are {len(stimuli)}; name a folder of more: --images DIR.'
        )
    n = area.recordings.mean.sizes['neuroid']
    plan: list[tuple[str, int, int | None, int]] = [
        (kind, n, None, n_recorded) for kind in (OWN, OWN_SCALE, MIXTURE, SEED)
    ]
    for kind in (OWN, OWN_SCALE):
        plan += [(kind, count, None, n_recorded) for count in neuroids]
        plan += [(kind, n, count, n_recorded) for count in trials]
        plan += [(kind, n, None, count) for count in images]
    total = n_recordings * sum(len(truths[kind]) for kind, *_ in plan)
    report, done, settings = progress or silent, 0, []

    def step() -> None:
        nonlocal done
        done += 1
        report(f'{area.identifier}: simulated recordings', done, total)

    for number, (kind, n_neuroids, n_trials, count) in enumerate(plan):
        if truths[kind]:
            size = (n_neuroids, n_trials, count)
            settings.append(whole.run(kind, truths[kind], size, n_recordings, number, step))
    labels = [entry.label for entry in entries]
    return Recovery(area.identifier, labels, [(labels[layer.candidate], layer.name) for layer in layers], settings)


def _stimuli(area: AreaBenchmark, more: Sequence[Path]) -> StimulusSet:
    """Stimuli in the order of the recordings, followed by further images."""
    recorded = area.stimulus_set
    ids = [str(name) for name in area.recordings.mean['stimulus_id'].values]
    paths = {str(name): recorded.get_stimulus(name) for name in recorded['stimulus_id']}
    paths = {name: paths[name] for name in ids} | {f'image {number}': path for number, path in enumerate(more)}
    stimuli = StimulusSet({'stimulus_id': list(paths)})
    stimuli.stimulus_paths = paths
    digest = ' '.join(sha256_file(Path(path)) for path in more)
    stimuli.identifier = f'{recorded.identifier} and {len(more)} images {digest}' if more else recorded.identifier
    return stimuli


def _layers(
    number: int, network: tuple[list[str], Activations], area: AreaBenchmark, stimuli: StimulusSet
) -> list[Layer]:
    """Responses and units of the layers of a candidate that have enough units for the comparison."""
    names, activations = network
    widths = activations.n_units(names)
    names = [name for name in names if widths[name] >= area.comparison.min_features]
    form = area.comparison.features
    compared, units = activations(stimuli, names, form), activations(stimuli, names, FeatureForm.MANY_UNITS)
    layers = []
    for name in names:
        values, own = compared[name], units[name].reshape(len(stimuli), -1)
        shape = values.shape[1:] if form is FeatureForm.MAPS else None
        features = Features(values.reshape(len(values), -1), form, shape)
        if area.comparison.objection(features) is None and (own != own[:1]).any():
            layers.append(Layer(number, name, features, own))
    return layers


def _neighbour(layers: Sequence[Layer], number: int) -> int | None:
    """Next layer of the same candidate, or the one before the last; None for a candidate of one layer."""
    for other in (number + 1, number - 1):
        if 0 <= other < len(layers) and layers[other].candidate == layers[number].candidate:
            return other
    return None
