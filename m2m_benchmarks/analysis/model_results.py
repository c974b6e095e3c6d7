"""The stored results of a model: its newest on each benchmark. This module has no slow imports."""

from collections.abc import Sequence
from pathlib import Path

from m2m_benchmarks.errors import DataError, nearest
from m2m_benchmarks.plugins import model_in
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
            f'there are no results of {name}.{nearest(name, known)} Score it on a benchmark, such as '
            'SimulatedMouse-rdm: m2m score MODEL BENCHMARK. `m2m results list` lists all results.'
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
