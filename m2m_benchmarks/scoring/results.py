"""The result of a score, which is stored, and the score of a stored result."""

import contextlib
import dataclasses
import datetime
import math
import sys
from typing import Any

import numpy as np
from brainscore_core.benchmarks import Benchmark
from brainscore_core.metrics import Score

from m2m_benchmarks.benchmarks.comparisons import KNOWN
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark
from m2m_benchmarks.data import manifest
from m2m_benchmarks.errors import M2MError
from m2m_benchmarks.records.record import FORMAT, Domain, Part, Result
from m2m_benchmarks.scoring import brainscore_adapter
from m2m_benchmarks.scoring.activations import Activations
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.provenance import input_of, machine, responses_of
from m2m_benchmarks.scoring.repeatability import irregularities
from m2m_benchmarks.scoring.requests import library, versions

try:
    import resource
except ModuleNotFoundError:  # on Windows
    resource = None  # type: ignore[assignment]

#: Attributes of a score that are copied to its result under the same name.
_COPIED = (
    *('formula', 'layer', 'layer_scores', 'n_neuroids', 'n_stimuli', 'n_animals', 'noise_corrected', 'per_animal'),
    *('commitment', 'ceiling_kind', 'uncut', 'errors', 'halves', 'own_units', 'model_per_animal', 'other_mice'),
    'sample_sha256',
)
#: Further numbers of comparisons that have a field of their own in a result; others are among its `details`.
_FURTHER = ('trial_ceiling', 'animal_ceiling', 'animal_bounds')
#: Intervals, which JSON has as lists.
_INTERVALS = ('interval', 'raw_interval', 'ceiling_interval', 'own_units_interval')
#: Further ones of domain generalization.
_GENERALIZATION = ('source', 'protocol', 'generalization_gap', 'chance', 'n_seeds')


def facts_of(candidate: Candidate, activations: Activations | None, layer: str | None) -> Result:
    """Fields of a result that are the same for all benchmarks, with a placeholder for benchmark and score."""
    device = None if candidate.wrapper is None else str(brainscore_adapter.device_of(candidate.wrapper))
    model_input = responses = None
    notes: list[str] = []
    if activations is not None:
        layers = list(dict.fromkeys([*candidate.known_layers, *([] if layer is None else [layer])]))
        with contextlib.suppress(M2MError):  # it is reported when the candidate is scored
            model_input = input_of(activations)
            responses = responses_of(activations, layers)
            notes = irregularities(activations, layers)
    return Result(
        model=candidate.identifier,
        benchmark='',
        score=0.0,
        created='',
        format=FORMAT,
        seed=candidate.seed,
        weights=candidate.weights,
        family=candidate.family,
        n_parameters=candidate.n_parameters,
        training_set=candidate.training_set,
        weights_sha256=candidate.weights_sha256,
        code_sha256=candidate.code_sha256,
        response_sha256=responses,
        input=model_input,
        preprocessing=candidate.input,
        notes=notes or None,
        layer_named=layer,
        library=library(),
        machine=machine(device),
        versions=versions(),
        device=device,
    )


def benchmark_fields(benchmark: Benchmark) -> dict[str, Any]:
    """Fields of a result that depend only on the benchmark and its data."""
    fields: dict[str, Any] = {'benchmark': benchmark.identifier}
    if isinstance(benchmark, GeneralizationBenchmark):
        fields.update(source=benchmark.source, data_sha256=benchmark.sha256, stimuli_sha256=benchmark.sha256)
        fields['benchmark_sha256'] = library().code_sha256
    elif isinstance(benchmark, AreaBenchmark | MeanBenchmark):
        entry = next((version.manifest for version in benchmark.versions), None)
        area = benchmark.areas[0] if isinstance(benchmark, MeanBenchmark) else benchmark
        fields.update(
            data_sha256=area.recordings.sha256 or None,
            stimuli_sha256=None if entry is None else manifest.stimuli_sha256(entry),
            # Settings that the responses were extracted with, where the user chose them.
            data_settings=None if entry is None else entry['source'].get('settings'),
            simulated=entry is not None and manifest.is_simulated(entry),
            benchmark_sha256=library().code_sha256 if benchmark.comparison.name in KNOWN else None,
            choices=benchmark.choices,
            version=benchmark.version,
            caveat=benchmark.comparison.description.caveat or None,
            mouse_acuity=getattr(area.stimulus_set.stimulus_paths, 'description', None),
        )
    return fields


def result_of(facts: Result, benchmark: Benchmark, score: Score, seconds: float) -> Result:
    """Make the result of a score that took some seconds, from what is known of its candidate and benchmark."""
    attrs = score.attrs
    fields = {key: attrs.get(key) for key in _COPIED}
    fields |= {key: _listed(attrs.get(key)) for key in _INTERVALS}
    further = attrs.get('further') or {}
    fields |= {key: further.get(key) for key in _FURTHER}
    others = {key: value for key, value in further.items() if key not in _FURTHER}
    fields['details'] = {**(attrs.get('details') or {}), **others} or None
    if 'areas' in attrs:
        fields['areas'] = {area: _part(part) for area, part in attrs['areas'].items()}
        fields['left_out'] = attrs['left_out']
    if isinstance(benchmark, GeneralizationBenchmark):
        fields.update({key: attrs[key] for key in _GENERALIZATION})
        fields['ceiling_kind'] = 'all labels are known'
        fields['in_domain'] = Domain(**attrs['in_domain'])
        fields['targets'] = {name: Domain(**part) for name, part in attrs['targets'].items()}
    peak = peak_memory_bytes()
    return dataclasses.replace(
        facts,
        score=_number(score),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
        raw=_number(attrs.get(Score.RAW_VALUES_KEY)),
        ceiling=_number(attrs.get('ceiling')),
        error=_number(attrs.get('error')),
        raw_error=_number(getattr(attrs.get(Score.RAW_VALUES_KEY), 'attrs', {}).get('error')),
        seconds=round(seconds, 3),
        peak_memory_mb=None if peak is None else round(peak / 2**20, 1),
        **fields,
    )


def _part(score: Score) -> Part:
    attrs = {**score.attrs, **score.attrs['further']}
    copied = {field.name: attrs.get(field.name) for field in dataclasses.fields(Part)}
    copied |= {key: _listed(attrs.get(key)) for key in _INTERVALS}
    copied.update(
        score=_number(score),
        raw=_number(attrs[Score.RAW_VALUES_KEY]),
        ceiling=_number(attrs['ceiling']),
        details=attrs['details'] or None,
    )
    return Part(**copied)


def draws_of(score: Score) -> dict[str, np.ndarray]:
    """Bootstrap draws of a score, as they are stored; see `records.store.draws`.

    Those of its raw value, ceiling, areas and domains are in the score alone: they would take twenty times the space.
    """
    draws = score.attrs.get('draws')
    return {} if draws is None else {'score': draws}


def score_of(result: Result) -> Score:
    """Make a score from a stored result, with the attributes that the result has."""
    score = _from_numbers(result, result.document())
    if result.areas is not None:
        score.attrs['areas'] = {
            name: _from_numbers(part, dataclasses.asdict(part)) for name, part in result.areas.items()
        }
    score.attrs['result'] = result.document()
    return score


def _from_numbers(numbers: Result | Part, fields: dict[str, Any]) -> Score:
    score = Score(math.nan if numbers.score is None else numbers.score)
    score.attrs.update({name: value for name, value in fields.items() if name not in ('score', 'areas')})
    for name in (Score.RAW_VALUES_KEY, 'ceiling'):
        if fields.get(name) is not None:
            score.attrs[name] = Score(fields[name])
    return score


def _number(value: Any) -> float | None:
    """Convert a Score to a number; None where it is NaN, or a stock benchmark has one value per neuroid or none."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def _listed(interval: Any) -> list[float] | None:
    return None if interval is None else list(interval)


def peak_memory_bytes() -> int | None:
    """Largest memory of this process so far, in bytes; None on Windows, which doesn't count it."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 2**10
