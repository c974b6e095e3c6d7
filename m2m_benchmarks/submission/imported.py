"""Plugin folders of imported recordings and their benchmarks, which this library has no folder for."""

from dataclasses import replace
from pathlib import Path

from m2m_benchmarks.benchmarks.comparisons import in_table, load_comparison
from m2m_benchmarks.benchmarks.datasets import RECORDINGS, RecordedDataset
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.benchmarks.names import known_benchmark
from m2m_benchmarks.benchmarks.registry import neural_identifiers, recorded_files
from m2m_benchmarks.data import manifest
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.errors import BenchmarkError

_DATA = '''"""Recordings of {name}, on each machine where `m2m data import` brought them."""

from brainscore_vision import data_registry, stimulus_set_registry

from m2m_benchmarks.data.store import load_assembly, load_stimuli

stimulus_set_registry['{name}'] = lambda: load_stimuli('{name}')

data_registry['{name}'] = lambda: load_assembly('{name}')
'''

_PACKAGING = '''"""Package {name} for Brain-Score's storage, from this machine's copy.

python package.py FOLDER
"""

import sys
from dataclasses import replace
from pathlib import Path

from m2m_benchmarks.data.packaging import package

if __name__ == '__main__':
    for written in package('{name}', Path(sys.argv[1])):
        print(written)
'''

_TEST = """import pytest
from brainscore_vision import load_dataset, load_stimulus_set


@pytest.mark.private_access
def test_assembly():
    assembly = load_dataset('{name}')
    assert assembly.dims == ('presentation', 'neuroid', 'time_bin')
    assert set(assembly['stimulus_id'].values) == set(load_stimulus_set('{name}')['stimulus_id'])
"""


def imported_dataset(name: str) -> str | None:
    """Imported recordings that a name names, or whose benchmark it names; None for other names.

    Raises
    ------
    UnknownNameError
        When there are such recordings but no such benchmark of them.
    """
    parsed = parse(name)
    dataset = parsed.dataset if isinstance(parsed, NeuralIdentifier) else name
    if dataset in RECORDINGS or dataset not in manifest.names() or manifest.holds_digits(dataset):
        return None
    if parsed is not None:
        known_benchmark(name)
    return dataset


def describe_recordings(name: str) -> RecordedDataset:
    """Describe recordings as `datasets.RECORDINGS` does: those of the table, or imported ones from their manifest."""
    if name in RECORDINGS:
        return RECORDINGS[name]
    entry = manifest.require(name)
    summary, given = entry['summary'], entry['source'].get('description', {})
    areas = {area: summary['areas'][area] for area in order_areas(summary['areas'])}
    windows = {
        round(1000 * (session['window_end_s'] - session['window_start_s']))
        for session in entry['source'].get('session_table', [])
    }
    described = given.get('description')
    return RecordedDataset(
        folder=name.lower(),
        title=_one_line(f'Recordings of {name}' + (f' ({described.rstrip(".")})' if described else '')),
        neuroids={area: counts['reliable'] for area, counts in areas.items()},
        animals={area: counts['animals'] for area, counts in areas.items()},
        all_animals=None,
        areas=tuple(areas),
        n_stimuli=summary['stimuli'],
        stimuli='images',
        datatype=_one_line(given.get('technique', 'not stated')),
        species=_one_line(given.get('species', 'mouse')),
        duration_ms=windows.pop() if len(windows) == 1 else None,
        preprocessing='responses as imported; neuroids of split-half Spearman-Brown reliability >= 0.5'
        if summary['repetitions'] > 1
        else 'responses as imported, one repetition; all neuroids that vary',
        bibtex=given.get('citation', ''),
        public=False,
    )


def write_sources(name: str, folder: Path) -> list[tuple[str, Path]]:
    """Write plugin folders that use this library, of which `copy_self_contained` makes those that don't.

    Parameters
    ----------
    name : str
        Imported recordings, or one of their benchmarks.
    folder : Path
        Empty folder.

    Returns
    -------
    list of (str, Path)
        Kind and path of each plugin folder: 'data' and, for a benchmark, 'benchmarks', with those of all areas and
        comparisons that have enough neuroids and stimuli for a score.

    Raises
    ------
    BenchmarkError
        When the benchmark has too few reliable neuroids or stimuli.
    """
    dataset = imported_dataset(name)
    assert dataset is not None
    recorded, parsed = describe_recordings(dataset), parse(name)
    listed = neural_identifiers(dataset, recorded)
    if (
        isinstance(parsed, NeuralIdentifier)
        and replace(parsed.of_area, comparison=in_table(parsed.comparison)) not in listed
    ):
        needs = load_comparison(parsed.comparison)
        raise BenchmarkError(
            f'{name} cannot be scored, so it is not exported: it needs {needs.min_neuroids} or more reliable neuroids '
            f'in an area, and {needs.min_stimuli} or more stimuli.'
        )
    templates = {'__init__.py': _DATA, 'test.py': _TEST, 'data_packaging/package.py': _PACKAGING}
    contents = {'data': {file: template.format(name=dataset) for file, template in templates.items()}}
    if parsed is not None:
        contents = {'benchmarks': recorded_files(dataset, recorded), **contents}
    written = []
    for kind, files in contents.items():
        plugin = folder / kind / recorded.folder
        for file, content in files.items():
            (plugin / file).parent.mkdir(parents=True, exist_ok=True)
            (plugin / file).write_text(content, encoding='utf-8')
        written.append((kind, plugin))
    return written


def _one_line(text: str) -> str:
    """Text that a docstring and a YAML file can hold on one line."""
    return ' '.join(text.split()).replace('"', "'").replace('\\', '/')
