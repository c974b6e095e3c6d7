"""Write the registry lines, metadata, methods and tests of the benchmarks' plugin folders, from one table.

    python -m m2m_benchmarks.benchmarks.registry            write what differs
    python -m m2m_benchmarks.benchmarks.registry --check    exit with 1 where something differs

Brain-Score reads registry lines and metadata as literal text, so they can't be generated at run time. The table is
`datasets.RECORDINGS` and `datasets.DIGITS` by `comparisons.COMPARISONS` and `identifiers.PROTOCOLS`. Benchmarks of
populations, which depend on the columns of the recordings, have no line; exports of them do. The registry lines of the
stimulus sets of digits are written from `data.digit_names`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, in_table, load_comparison
from m2m_benchmarks.benchmarks.comparisons.base import TRANSFORMATIONS
from m2m_benchmarks.benchmarks.comparisons.options import NAMES, OPTIONS_IN_WORDS
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS, DigitsCollection, RecordedDataset
from m2m_benchmarks.benchmarks.generalization import READOUT_IMAGES
from m2m_benchmarks.benchmarks.identifiers import PROTOCOLS, DigitsIdentifier, NeuralIdentifier
from m2m_benchmarks.benchmarks.neural import VERSION, VERSIONS
from m2m_benchmarks.data.digit_names import DERIVED, DERIVED_DIGITS, DOMAINS, SPLITS, stimulus_set_name
from m2m_benchmarks.data.populations import MIN_POPULATION_SIZE
from m2m_benchmarks.storage import atomic_write

_WIDTH = 120
_FOLDER = Path(__file__).parent
_SCRIPT = '`python -m m2m_benchmarks.benchmarks.registry`'
_WRITTEN = f'Written by {_SCRIPT}; edit the table or the comparison instead.'


def identifiers(dataset: str) -> list[NeuralIdentifier] | list[DigitsIdentifier]:
    """List the names of a dataset's registered benchmarks, in their order."""
    return _digits_identifiers(dataset) if dataset in DIGITS else neural_identifiers(dataset, RECORDINGS[dataset])


def neural_identifiers(dataset: str, recorded: RecordedDataset) -> list[NeuralIdentifier]:
    """List the benchmarks of recordings with enough neuroids and stimuli for the comparison, and their means."""
    return [
        NeuralIdentifier(dataset, area, None, comparison)
        for comparison in COMPARISONS
        if (areas := _areas(recorded, comparison))
        for area in (*areas, None)
    ]


def _areas(recorded: RecordedDataset, comparison: str) -> tuple[str, ...]:
    """Areas with enough neuroids for a comparison, where their number is known; none for too few stimuli."""
    needs = load_comparison(comparison)
    if recorded.n_stimuli < needs.min_stimuli:
        return ()
    return tuple(
        area for area in recorded.areas if recorded.neuroids.get(area, needs.min_neuroids) >= needs.min_neuroids
    )


def _digits_identifiers(dataset: str) -> list[DigitsIdentifier]:
    collection = DIGITS[dataset]
    means = [(source, None) for source in collection.domains]
    pairs = [(source, target) for source in collection.domains for target in collection.targets if source != target]
    return [
        DigitsIdentifier(dataset, source, target, protocol)
        for protocol in PROTOCOLS
        for source, target in [*means, *pairs]
    ]


def line(name: NeuralIdentifier | DigitsIdentifier) -> str:
    """Write the registry line of a benchmark, wrapped as by ruff if it is longer than `_WIDTH`."""
    if isinstance(name, DigitsIdentifier):
        function, arguments = 'digits_benchmark', [repr(str(name))]
    else:
        comparison = _expression(name.comparison)
        if name.area is None:
            function, arguments = 'MeanBenchmark', [repr(name.dataset), comparison, 'BIBTEX', 'AREAS']
        else:
            population = [] if name.population is None else [repr(name.population)]
            function, arguments = (
                'AreaBenchmark',
                [repr(name.dataset), repr(name.area), comparison, 'BIBTEX', *population],
            )
    start = f'benchmark_registry[{str(name)!r}] = lambda: {function}('
    text = f'{start}{", ".join(arguments)})'
    return text if len(text) <= _WIDTH else f'{start}\n    {", ".join(arguments)}\n)'


def _expression(comparison: str) -> str:
    """Write what a comparison is in a registry line; its module is imported by the name in the table."""
    listed = in_table(comparison)
    if listed == comparison:
        return f'{comparison}.COMPARISON'
    own = load_comparison(comparison)
    return f'{listed}.{type(own).__name__}({", ".join(map(repr, NAMES[comparison][1:]))})'


def metadata(name: NeuralIdentifier, dataset: RecordedDataset, population_column: str = '') -> dict[str, Any]:
    """Write the entry of a benchmark of recordings in Brain-Score's metadata.

    Parameters
    ----------
    name : NeuralIdentifier
    dataset : RecordedDataset
    population_column : str
        Column that defines the population, for a benchmark of one.
    """
    comparison = load_comparison(name.comparison)
    if name.area is None:
        counted = [dataset.neuroids.get(area, 0) for area in _areas(dataset, name.comparison)]
        n_neuroids, n_animals = sum(counted) or None, dataset.all_animals
    elif name.population is None:
        n_neuroids, n_animals = dataset.neuroids.get(name.area), dataset.animals.get(name.area)
    else:
        n_neuroids, n_animals = None, None
    only = '' if name.population is None else f'; {name.population} alone, by {population_column}'
    return _entry(
        stimuli={'num_stimuli': dataset.n_stimuli, 'stimuli_subtype': dataset.stimuli},
        data={
            'benchmark_type': 'neural',
            'region': name.area or 'mean over areas',
            'num_recording_sites': n_neuroids,
            'duration_ms': dataset.duration_ms,
            'species': dataset.species,
            'datatype': dataset.datatype,
            'num_subjects': n_animals,
            'pre_processing': dataset.preprocessing + only,
            'data_publicly_available': dataset.public,
        },
        metric={'type': comparison.metric, 'extra_notes': f'score = {comparison.description.formula}'},
    )


def _digits_metadata(name: DigitsIdentifier) -> dict[str, Any]:
    collection = DIGITS[name.collection]
    readout = name.protocol == 'readout_accuracy'
    counts = [collection.n_test[target] for target in collection.targets_of(name)]
    n_train = f'first {READOUT_IMAGES}' if collection.n_train is None else collection.n_train
    fitted = f'; a linear readout is fitted to the {n_train} training images of the source'
    return _entry(
        stimuli={
            'num_stimuli': sum(min(count, READOUT_IMAGES) if readout else count for count in counts),
            'stimuli_subtype': 'digits',
        },
        data={
            'benchmark_type': 'engineering',
            'task': 'object classification',
            'datatype': 'labels',
            'pre_processing': '32 x 32 RGB' + (fitted if readout else ''),
        },
        metric={'type': 'accuracy', 'extra_notes': 'share of correct labels, mean over the targets; chance is 0.1'},
    )


def _entry(stimuli: dict[str, Any], data: dict[str, Any], metric: dict[str, Any]) -> dict[str, Any]:
    """Fill in all fields of Brain-Score's metadata; those that aren't given are empty."""
    no_stimuli = ('num_stimuli', 'datatype', 'stimuli_subtype', 'total_size_mb', 'brainscore_link', 'extra_notes')
    no_data = (
        *(
            'benchmark_type',
            'task',
            'region',
            'hemisphere',
            'num_recording_sites',
            'duration_ms',
            'species',
            'datatype',
        ),
        *('num_subjects', 'pre_processing', 'brainscore_link', 'extra_notes', 'data_publicly_available'),
    )
    no_metric = ('type', 'reference', 'public', 'brainscore_link', 'extra_notes')
    return {
        'stimulus_set': {**dict.fromkeys(no_stimuli), 'datatype': 'image', **stimuli},
        'data': {**dict.fromkeys(no_data), 'data_publicly_available': True, **data},
        'metric': {**dict.fromkeys(no_metric), 'public': True, **metric},
    }


def files() -> dict[Path, str]:
    """Generate the content of all files, by path."""
    content: dict[Path, str] = {}
    for dataset, recorded in RECORDINGS.items():
        for file, text in recorded_files(dataset, recorded).items():
            content[_FOLDER / recorded.folder / file] = text
    for dataset, collection in DIGITS.items():
        entries = {str(name): _digits_metadata(name) for name in _digits_identifiers(dataset)}
        for file, text in {
            '__init__.py': _digits_init(dataset, collection),
            'metadata.yaml': _metadata_file(entries),
            'METHODS.md': _digits_methods(dataset),
            'test.py': _digits_test(dataset, collection),
        }.items():
            content[_FOLDER / collection.folder / file] = text
    data = _FOLDER.parent / 'data'
    domains = [stimulus_set_name(domain, split) for domain in DOMAINS for split in SPLITS]
    content[data / 'digits' / '__init__.py'] = _stimuli_init(
        f'Domains of digits, {", ".join(DOMAINS)}, as 32 x 32 RGB images',
        'load_digit_stimuli',
        {name: name for name in domains},
    )
    content[data / 'sklearn_digits' / '__init__.py'] = _stimuli_init(
        "scikit-learn's 8 x 8 digits, and domains that this package derives from them, without any download",
        'load_sklearn_stimuli',
        {stimulus_set_name(DERIVED_DIGITS, split): split for split in (*SPLITS, *DERIVED)},
    )
    return content


def recorded_files(dataset: str, recorded: RecordedDataset) -> dict[str, str]:
    """Generate the content of the files in the plugin folder of the benchmarks of recordings, by name."""
    entries = {str(name): metadata(name, recorded) for name in neural_identifiers(dataset, recorded)}
    return {
        '__init__.py': _neural_init(dataset, recorded),
        'metadata.yaml': _metadata_file(entries),
        'METHODS.md': _neural_methods(dataset, recorded),
        'test.py': _neural_test(dataset, recorded),
    }


def _metadata_file(entries: dict[str, dict[str, Any]]) -> str:
    return yaml.safe_dump({'benchmarks': entries}, sort_keys=False, width=1000, indent=4)


def _neural_init(dataset: str, recorded: RecordedDataset) -> str:
    names = neural_identifiers(dataset, recorded)
    comparisons = list(dict.fromkeys(name.comparison for name in names))
    text = f'"""{recorded.title}, per area and over all areas.\n\n{_WRITTEN}\n"""\n\n'
    text += 'from brainscore_vision import benchmark_registry\n\n'
    text += _import('m2m_benchmarks.benchmarks.comparisons', sorted(comparisons))
    text += 'from m2m_benchmarks.benchmarks.mean import MeanBenchmark\n'
    text += 'from m2m_benchmarks.benchmarks.neural import AreaBenchmark\n\n'
    text += f'AREAS = {recorded.areas!r}\n\n'
    bibtex = recorded.bibtex.replace('\\', '\\\\').replace('"', '\\"')
    text += f'BIBTEX = """{bibtex}"""\n' if bibtex else "BIBTEX = ''\n"
    for comparison in comparisons:
        lines = [line(name) for name in names if name.comparison == comparison]
        text += '\n' + '\n'.join(lines) + '\n'
    return text


def _import(module: str, names: Sequence[str]) -> str:
    """Write an import as ruff formats it."""
    text = f'from {module} import {", ".join(names)}'
    if len(text) <= _WIDTH:
        return f'{text}\n'
    return f'from {module} import (\n' + ''.join(f'    {name},\n' for name in names) + ')\n'


def _digits_init(dataset: str, collection: DigitsCollection) -> str:
    text = f'"""{collection.title}: fitted to one domain, scored on others.\n\n{_WRITTEN}\n"""\n\n'
    text += 'from brainscore_vision import benchmark_registry\n\n'
    text += 'from m2m_benchmarks.benchmarks.generalization import digits_benchmark\n'
    for protocol in PROTOCOLS:
        lines = [line(name) for name in _digits_identifiers(dataset) if name.protocol == protocol]
        text += '\n' + '\n'.join(lines) + '\n'
    return text


def _stimuli_init(title: str, function: str, arguments: Mapping[str, str]) -> str:
    """Write the module that registers stimulus sets of digits: the name of each, and what the function is given."""
    text = f'"""{title}.\n\nWritten by {_SCRIPT}; edit `data/digit_names.py` instead.\n"""\n\n'
    text += 'import functools\n\nfrom brainscore_vision import stimulus_set_registry\n\n'
    text += f'from .domains import {function}\n\n'
    for name, argument in arguments.items():
        text += f'stimulus_set_registry[{name!r}] = functools.partial({function}, {argument!r})\n'
    return text


def _neural_test(dataset: str, recorded: RecordedDataset) -> str:
    mark = '' if recorded.simulated else '@pytest.mark.private_access\n'
    name = NeuralIdentifier(dataset, '{area}', None, '{comparison}')
    least = '<' if dataset in RECORDINGS else '<='  # a laboratory's may be too noisy for a score by some comparison
    areas = {comparison: own for comparison in COMPARISONS if (own := _areas(recorded, comparison))}
    listed = '\n'.join(f'    {comparison!r}: {own!r},' for comparison, own in areas.items())
    return f"""import pytest
from brainscore_vision import load_benchmark

AREAS = {{
{listed}
}}


{mark}@pytest.mark.parametrize(('comparison', 'area'), [(name, area) for name, own in AREAS.items() for area in own])
def test_ceiling(comparison, area):
    benchmark = load_benchmark(f'{name}')
    assert 0 {least} float(benchmark.ceiling) <= 1
    assert benchmark.region == area
"""


def _digits_test(dataset: str, collection: DigitsCollection) -> str:
    mark = '' if collection.same_digits else '@pytest.mark.private_access\n'
    name = DigitsIdentifier(dataset, '{source}', None, '{protocol}')
    return f"""import pytest
from brainscore_vision import load_benchmark

TARGETS = ({', '.join(map(repr, collection.targets))})


{mark}@pytest.mark.parametrize('source', [{', '.join(map(repr, collection.domains))}])
@pytest.mark.parametrize('protocol', [{', '.join(map(repr, PROTOCOLS))}])
def test_targets(source, protocol):
    benchmark = load_benchmark(f'{name}')
    assert benchmark.source == source
    assert benchmark.targets == [name for name in TARGETS if name != source]
    assert float(benchmark.ceiling) == 1
"""


def _neural_methods(dataset: str, recorded: RecordedDataset) -> str:
    lines = [f'# Methods of {dataset}', '', f'*{_WRITTEN}*', '']
    lines += [
        '## Data',
        '',
        f'{recorded.title}: responses to {recorded.n_stimuli} images ({recorded.stimuli.replace("_", " ")}). '
        f'{recorded.preprocessing[0].upper()}{recorded.preprocessing[1:]}.',
        '',
        'Models see the whole image: it is not cropped to a few visual degrees.',
        '',
        '## Neuroids',
        '',
    ]
    if recorded.neuroids:
        lines += ['| area | reliable neuroids | animals |', '|---|---|---|']
        lines += [f'| {area} | {recorded.neuroids[area]} | {recorded.animals[area]} |' for area in recorded.areas]
    else:
        lines += [
            f'Areas {", ".join(recorded.areas)}; the number of neuroids depends on the sessions that are fetched.'
        ]
    lines += [
        '',
        f'`{dataset}.AREA.POPULATION-COMPARISON` scores on the neuroids of one population, a value of a column of the '
        f'recordings, where {MIN_POPULATION_SIZE} or more are reliable.',
    ]
    for name, title in COMPARISONS.items():
        comparison = load_comparison(name)
        description = comparison.description
        lines += ['', f'## `-{name}`: {title}', '']
        lines += [f'- Raw: {description.raw}.', f'- Ceiling: {description.ceiling}.']
        lines += [f"- Score: {description.formula}. The mean over areas is that of the areas' scores."]
        perfect = f'- A layer that recordings were simulated from scores {description.perfect}.'
        lines += [perfect] if description.perfect else []
        lines += [f'- Options: {OPTIONS_IN_WORDS}.'] if name == 'rdm' else []
        lines += [f'- Invariant to {"; ".join(TRANSFORMATIONS[name] for name in sorted(comparison.invariant_to))}.']
        lines += [f'- {key.capitalize()}: {value}.' for key, value in comparison.settings.items()]
        lines += [f'- Note: {description.caveat}.'] if description.caveat else []
        lines += [f'- Reference: {description.reference}.'] if description.reference else []
    lines += ['', '## Versions', '', 'Scores of different versions are not comparable.', '']
    lines += [
        f'- Version {version}{" (this one)" * (version == VERSION)}: {text}.' for version, text in VERSIONS.items()
    ]
    lines += ['', '## Citation', '']
    lines += ['```bibtex', recorded.bibtex, '```'] if recorded.bibtex else ['None: this package makes the data.']
    return '\n'.join(lines) + '\n'


def _digits_methods(dataset: str) -> str:
    collection = DIGITS[dataset]
    n_train = f'first {READOUT_IMAGES:,}' if collection.n_train is None else f'{collection.n_train:,}'
    lines = [f'# Methods of {dataset}', '', f'*{_WRITTEN}*', '', '## Data', '', f'{collection.title}, 32 x 32 RGB.', '']
    lines += ['| target | test images |', '|---|---|']
    lines += [f'| {target} | {collection.n_test[target]:,} |' for target in collection.targets]
    images = {
        'accuracy': 'The model labels each test image of the targets.',
        'readout_accuracy': f'For any model. The readout is fitted to the {n_train} training images and tested on up '
        f'to {READOUT_IMAGES:,} test images of each target.',
    }
    for protocol, title in PROTOCOLS.items():
        lines += ['', f'## `-{protocol}`: {title}', '', images[protocol]]
    lines += [
        '',
        '## Score',
        '',
        'Share of correct labels, mean over the targets. The ceiling is 1, chance is 0.1. Error: bootstrap over images '
        '(over photos where images share one).',
        '',
        '## Citation',
        '',
    ]
    lines += ['```bibtex', collection.bibtex, '```'] if collection.bibtex else ['None: this package makes the data.']
    return '\n'.join(lines) + '\n'


def main(arguments: list[str] | None = None) -> int:
    """Write the files that differ from the table, or only list them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='write nothing; exit with 1 where something differs')
    check = parser.parse_args(arguments).check
    differing = {
        path: text for path, text in files().items() if not path.is_file() or path.read_text(encoding='utf-8') != text
    }
    for path, text in differing.items():
        print(f'{"differs" if check else "written"}: {path.relative_to(_FOLDER.parent.parent)}')
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(text)
    return int(check and bool(differing))


if __name__ == '__main__':
    sys.exit(main())
