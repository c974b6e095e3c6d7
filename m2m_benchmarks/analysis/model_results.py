"""The stored results of a model: its newest on each benchmark, those of its controls, and those of its twin."""

from collections.abc import Sequence
from pathlib import Path

from m2m_benchmarks.analysis.entries import PIXELS
from m2m_benchmarks.errors import DataError, nearest
from m2m_benchmarks.models.neurn.backbones import parse as parse_variant
from m2m_benchmarks.plugins import model_in
from m2m_benchmarks.records.comparability import differences
from m2m_benchmarks.records.record import MOUSE_ACUITY, Result
from m2m_benchmarks.records.selection import label, labels, select
from m2m_benchmarks.scoring import source_files
from m2m_benchmarks.scoring.runs import find_run, weights_file
from m2m_benchmarks.scoring.specs import RUN, CandidateSpec, is_folder, run_of_weights


def label_of(spec: CandidateSpec, seed: int = 0) -> str:
    """Name a candidate as its results are labelled (`records.selection.label`), without loading it.

    Parameters
    ----------
    spec : CandidateSpec
        Candidate that exists; see `scoring.specs.check_candidate`.
    seed : int
        Random seed of untrained weights.
    """
    end = MOUSE_ACUITY if spec.mouse_acuity else ''
    run = run_of_weights(spec)
    if run is not None or spec.name.startswith(RUN):
        folder = find_run(spec.name.removeprefix(RUN)) if run is None else run.folder
        return f'{RUN}{folder.resolve().name}{end}'
    source = source_files.split(spec.name)
    name = spec.name if source is None else f'{source[0].name}:{source[1]}'
    if source is None and is_folder(spec.name):
        name = model_in(Path(spec.name))
    name = f'{spec.options.name or name}{end}'
    if spec.weights == 'default':
        return name
    if spec.weights == 'none':
        return f'{name}@none (seed {seed})'
    return f'{name}@{weights_file(find_run(spec.weights)).name}'


def newest_of(stored: Sequence[Result], name: str, benchmarks: Sequence[str] = ()) -> tuple[list[Result], list[str]]:
    """Select the newest result of a candidate on each benchmark.

    Results for a layer that the user named are taken where there are no others.

    Parameters
    ----------
    stored : sequence of Result
    name : str
        Label of the candidate; see `label_of`.
    benchmarks : sequence of str
        Names or patterns of benchmarks; all if empty.

    Returns
    -------
    results : list of Result
        One for each benchmark, by name; those on recordings first.
    notes : list of str
        What is left out: results of other weights or input sizes under the same name.

    Raises
    ------
    DataError
        When there are no results of the candidate; the message says how to get some.
    UnknownNameError
        When there are none on such a benchmark.
    """
    own = [result for result in stored if label(result) == name]
    if not own:
        known = dict.fromkeys(map(label, stored))
        raise DataError(
            f'there are no results of {name}.{nearest(name, known)} Score it first, as with: m2m score MODEL '
            'SimulatedMouse-rdm. `m2m results list` lists all results.'
        )
    own = sorted(select(own, benchmarks=benchmarks), key=lambda result: result.created)
    own = [result for result in own if result.layer_named is None] or own
    full_labels = labels(own)
    same = [result for result, each in zip(own, full_labels, strict=True) if each == full_labels[-1]]
    newest = {result.benchmark: result for result in same}
    notes = []
    if len(same) < len(own):
        others = dict.fromkeys(each for each in full_labels if each != full_labels[-1])
        notes.append(
            f'Shown are the results of {full_labels[-1]}, the newest; left out are those of {", ".join(others)}.'
        )
    return sorted(newest.values(), key=lambda result: (result.targets is not None, result.benchmark)), notes


def controls_of(result: Result, stored: Sequence[Result]) -> dict[str, list[Result]]:
    """Find the results of the controls of a score, which can be compared with it.

    Returns
    -------
    dict
        Name of a control to its newest results: of the pixels, and of the untrained network, one for each seed.
    """
    controls: dict[str, dict[int | None, Result]] = {}
    untrained = f'{result.model} untrained'
    for other in _comparable(result, stored):
        without_weights = (other.weights or '').startswith('none')
        if other.model.removesuffix(MOUSE_ACUITY) == PIXELS and other.model != result.model:
            controls.setdefault(PIXELS, {})[None] = other
        elif other.model == result.model and without_weights and not (result.weights or '').startswith('none'):
            controls.setdefault(untrained, {})[other.seed] = other
    return {name: list(controls[name].values()) for name in (untrained, PIXELS) if name in controls}


def twin_of(result: Result, stored: Sequence[Result]) -> Result | None:
    """Find the newest comparable result of the same network with NeuRN, or without it.

    Its weights are of the same origin: both untrained from one seed, or both trained with one seed, or both from one
    file, or both the default ones.
    """
    name = twin_name(result.model)
    matching = [
        other
        for other in _comparable(result, stored)
        if other.model == name and _origin(other) == _origin(result) and other.layer_named == result.layer_named
    ]
    return matching[-1] if matching else None


def twin_name(model: str) -> str | None:
    """Name the twin of a network of the family: without NeuRN, or with the default one; None for other models."""
    end = MOUSE_ACUITY if model.endswith(MOUSE_ACUITY) else ''
    try:
        variant = parse_variant(model.removesuffix(MOUSE_ACUITY))
    except ValueError:  # a model of this name with settings that this version doesn't know
        return None
    if variant is None:
        return None
    kind = 'neurn' if variant.neurn is None else 'plain'
    size = '' if variant.image_size == variant.row.image_size else f'_at{variant.image_size}'
    return f'{kind}_{variant.backbone}{size}{end}'


def _origin(result: Result) -> tuple[str, object]:
    """Kind of the weights, and what makes two networks of the kind alike: the seed, or the SHA-256 of the file."""
    kind, _, rest = (result.weights or '').partition(' ')
    return kind, rest.partition(' (SHA-256 ')[2][:64] if kind == 'file' else result.seed


def _comparable(result: Result, stored: Sequence[Result]) -> list[Result]:
    """List the results that can be compared with one, the newest last; those without a choice of layers first."""
    others = [other for other in stored if other.benchmark == result.benchmark and not differences(result, other)]
    return sorted(others, key=lambda other: (other.layer_named is None, other.created))
