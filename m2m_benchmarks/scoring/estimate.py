"""Cost of a model's responses, before they are computed: memory, disk space and time.

The network is run on single images and on one batch of four. The memory includes the draws that comparisons keep; the
time of the comparisons comes on top: it depends on the recordings, and not on the size of the network.
"""

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from brainscore_core.benchmarks import Benchmark

from m2m_benchmarks.arrays import gram_reduce
from m2m_benchmarks.benchmarks.comparisons.base import FeatureForm
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.scoring.activations import WITH_SAMPLE, Activations, images_at_once, kept_units
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.layer_choice import named_layer
from m2m_benchmarks.scoring.probes import Probe
from m2m_benchmarks.scoring.results import peak_memory_bytes
from m2m_benchmarks.scoring.scratch import scratch, scratch_bytes
from m2m_benchmarks.scoring.specs import CandidateSpec
from m2m_benchmarks.storage import free_bytes, home

#: Number of images whose forward pass is timed.
_TIMED_IMAGES = 4
#: Numbers of stimuli and units of the responses whose reduction is timed.
_MOST_STIMULI, _UNITS = 512, 32_768


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Cost of the responses of a candidate's layers to the stimuli of benchmarks, none of which are stored.

    Attributes
    ----------
    model : str
    n_layers, n_stimuli : int
        Numbers of layers and of stimuli, of all datasets together.
    memory_bytes : int
        Peak memory of the process.
    scratch_bytes, free_bytes : int
        Temporary space on the disk, and how much of it is free.
    seconds : float
        Time until all responses are reduced to what is stored.
    """

    model: str
    n_layers: int
    n_stimuli: int
    memory_bytes: int
    scratch_bytes: int
    free_bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Pass:
    """A pass of the network over stimuli, which collects the responses of layers for a form."""

    stimuli: tuple[Path, ...]
    layers: list[str]
    form: FeatureForm


def estimate_cost(candidate: Candidate, benchmarks: Sequence[Benchmark], layer: str | None = None) -> Estimate:
    """Estimate the cost of the responses that scores of a candidate need.

    Parameters
    ----------
    candidate : Candidate
    benchmarks : sequence of Benchmark
        Benchmarks of recordings.
    layer : str, optional
        Layer that the user names.

    Raises
    ------
    BenchmarkError
        When a benchmark has no recordings.
    ModelError
        When the model isn't a PyTorch network, or can't be run on an image.
    """
    activations = Activations(candidate)
    passes = _passes(candidate, benchmarks, layer)
    stimuli = list(dict.fromkeys(path for each in passes for path in each.stimuli))
    activations.image_bytes(stimuli[0], passes[0].layers)  # a first run takes longer than all others
    seconds = len(stimuli) * _seconds(activations.preprocess, stimuli[1:2])
    memory, samples, space = 0, 0, 0
    for each in passes:
        n_stimuli = len(each.stimuli)
        start = time.perf_counter()
        probe = Probe(activations, each.layers, [each.stimuli[0], each.stimuli[n_stimuli // 2]])
        seconds += time.perf_counter() - start
        n_images = min(n_stimuli, images_at_once(probe, each.layers, activations.most_images))
        kept = kept_units(probe, each.layers, each.form, n_stimuli)
        few = each.stimuli[: min(n_images, _TIMED_IMAGES)]
        with scratch(home(), len(few), kept) as collected:
            seconds += n_stimuli / len(few) * _seconds(activations.collect, few, 0, collected, probe, each.form)
        if each.form is FeatureForm.ROTATION:
            seconds += sum(n_units for n_units, _ in kept.values()) * _seconds_per_unit(n_stimuli)
        samples += _sample_bytes(each, probe)
        memory = max(memory, _batch_bytes(activations, each, probe))
        space = max(space, scratch_bytes(n_stimuli, kept))
    return Estimate(
        candidate.identifier,
        len({name for each in passes for name in each.layers}),
        len(stimuli),
        max(_memory_bytes() + memory + samples + _drawn_bytes(candidate, benchmarks, layer), peak_memory_bytes() or 0),
        space,
        free_bytes(home()),
        seconds,
    )


def estimate_memory(candidate: Candidate, benchmarks: Sequence[Benchmark], layer: str | None = None) -> int:
    """Estimate the largest memory of this process during the scores of a loaded candidate, in bytes.

    What the process needed before, for other candidates, doesn't count. Parameters and errors are those of
    `estimate_cost`, which takes longer.
    """
    activations = Activations(candidate)
    memory, samples = 0, 0
    for each in _passes(candidate, benchmarks, layer):
        probe = Probe(activations, each.layers, each.stimuli[:1])
        memory, samples = max(memory, _batch_bytes(activations, each, probe)), samples + _sample_bytes(each, probe)
    return _memory_bytes() + memory + samples + _drawn_bytes(candidate, benchmarks, layer)


def estimate_several(
    specs: Sequence[CandidateSpec], benchmarks: Sequence[str], layer: str | None = None, seed: int = 0
) -> Iterator[Estimate]:
    """Estimate the cost of each of several candidates; see `estimate_cost`.

    Parameters
    ----------
    specs : sequence of CandidateSpec
    benchmarks : sequence of str
        Identifiers, as `benchmarks.selection.expand_benchmarks` returns them.
    layer : str, optional
    seed : int
        Random seed of untrained weights.
    """
    loaded = [load_benchmark(name) for name in benchmarks]
    for spec in specs:
        # torch.hub prints its downloads to stdout, which is for results only.
        with contextlib.redirect_stdout(sys.stderr):
            candidate = load_candidate(spec.name, weights=spec.weights, seed=seed, **spec.options.given())
        yield estimate_cost(candidate, loaded, layer)


def _passes(candidate: Candidate, benchmarks: Sequence[Benchmark], layer: str | None) -> list[_Pass]:
    """List the passes over stimuli that the scores need, in the order in which they are made."""
    passes: list[_Pass] = []
    known: set[tuple[tuple[Path, ...], FeatureForm, str]] = set()
    for area in _areas(benchmarks):
        named = named_layer(candidate, area, layer)
        layers = candidate.layers if named is None else [named[0]]
        stimuli = area.stimulus_set
        paths = tuple(Path(stimuli.get_stimulus(name)) for name in stimuli['stimulus_id'])
        forms = [area.comparison.features, *[FeatureForm.MANY_UNITS] * (len(area.recordings.trials) > 1)]
        for form in dict.fromkeys(forms):
            missing = [name for name in layers if (paths, form, name) not in known]
            if missing:
                passes.append(_Pass(paths, missing, form))
                made = [form, FeatureForm.UNITS, FeatureForm.MANY_UNITS] if form in WITH_SAMPLE else [form]
                known.update((paths, own, name) for name in missing for own in made)
    return passes


def _areas(benchmarks: Sequence[Benchmark]) -> list[AreaBenchmark]:
    areas: list[AreaBenchmark] = []
    for benchmark in benchmarks:
        if isinstance(benchmark, MeanBenchmark):
            areas += benchmark.areas
        elif isinstance(benchmark, AreaBenchmark):
            areas.append(benchmark)
        else:
            raise BenchmarkError(
                f'the cost of {benchmark.identifier} is not estimated: it has no recordings. Leave out --estimate, or '
                'this benchmark.'
            )
    return areas


def _batch_bytes(activations: Activations, each: _Pass, probe: Probe) -> int:
    """Memory of a forward pass over a batch of stimuli."""
    n_images = min(len(each.stimuli), images_at_once(probe, each.layers, activations.most_images))
    return n_images * activations.image_bytes(each.stimuli[0], each.layers)


def _sample_bytes(each: _Pass, probe: Probe) -> int:
    """Memory of the samples of units that are collected in a pass over stimuli and kept."""
    if each.form not in WITH_SAMPLE:
        return 0
    sampled = kept_units(probe, each.layers, FeatureForm.MANY_UNITS, len(each.stimuli)).values()
    return len(each.stimuli) * sum(n_units * dtype.itemsize for n_units, dtype in sampled)


def _drawn_bytes(candidate: Candidate, benchmarks: Sequence[Benchmark], layer: str | None) -> int:
    return sum(_kept_bytes(candidate, area, layer) for area in _areas(benchmarks))


def _kept_bytes(candidate: Candidate, area: AreaBenchmark, layer: str | None) -> int:
    """Memory of the draws that a comparison keeps: of all neuroids, or of each half."""
    n_parts = 1 if named_layer(candidate, area, layer) else 2
    return n_parts * area.comparison.kept_bytes(area.recordings.mean.sizes['presentation'])


def _seconds(function: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def _seconds_per_unit(n_stimuli: int) -> float:
    """Time that the reduction of the responses of one unit takes; it grows with the square of the stimuli."""
    n_rows = min(n_stimuli, _MOST_STIMULI)
    responses = np.random.default_rng(0).random((n_rows, _UNITS), dtype=np.float32)
    with scratch(home(), n_rows, {'timed': (_UNITS, responses.dtype)}) as layers:
        layers['timed'].write(0, responses)
        # The first reduction of a process takes up to four times as long.
        seconds = min(_seconds(gram_reduce, layers['timed']) for _ in range(2))
        return seconds / _UNITS * (n_stimuli / n_rows) ** 2


def _memory_bytes() -> int:
    """Memory of this process now, or its largest so far where the system doesn't tell."""
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
    except OSError:
        return peak_memory_bytes() or 0
    return pages * os.sysconf('SC_PAGE_SIZE')
