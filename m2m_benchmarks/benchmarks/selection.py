"""Several benchmarks by one name: patterns and suites. This module imports nothing heavy."""

import fnmatch
import sys
from collections.abc import Sequence

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier, NeuralIdentifier, dotted_name, parse
from m2m_benchmarks.benchmarks.names import check_benchmark, datasets_of, is_here, own_benchmarks
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.errors import DataNotFoundError, UnknownNameError

#: Start of the name of a suite.
SUITE = 'suite:'
#: Suites: name to what it is, and to the benchmarks in it.
SUITES = {
    'paper': (
        'mouse RSA, mouse regression and domain generalization',
        (
            'deVries2020-rdm',
            'Siegle2021-rdm',
            'deVries2020-ridge',
            'Siegle2021-ridge',
            'Qazi2025.MNIST-readout_accuracy',
            'SklearnDigits-readout_accuracy',
        ),
    ),
}
_WILD = '*?['


def expand_benchmarks(names: Sequence[str]) -> list[str]:
    """Write out the patterns and suites among names of benchmarks, and check the names.

    Parameters
    ----------
    names : sequence of str
        Names of benchmarks; patterns of the names of those whose data is here, such as 'Siegle2021.*-rdm', in which
        a star stands for any characters but a dot; and suites, such as 'suite:paper', of which the benchmarks are
        taken whose data is here: the others are listed on stderr, with the commands that bring them.

    Returns
    -------
    list of str
        Names of benchmarks in that order, each once.

    Raises
    ------
    UnknownNameError
        With the nearest names, for a name, pattern or suite that stands for no benchmark.
    DataNotFoundError
        With the commands that bring the data, when none of what a pattern or suite stands for is here, or that of a
        benchmark which is named alone.
    """
    expanded: list[str] = []
    for name in names:
        if name.startswith(SUITE):
            expanded += _suite(name)
        elif any(character in name for character in _WILD):
            expanded += _matching(name)
        else:
            expanded.append(check_benchmark(name))
    return list(dict.fromkeys(expanded))


def population_benchmarks() -> tuple[list[str], list[str]]:
    """List the benchmarks of populations of the recordings here.

    Returns
    -------
    names, too_few : list of str
        Names of the benchmarks; the populations, with their numbers of reliable neuroids, that are too small for one.
    """
    names, too_few = [], []
    for dataset in manifest.names():
        if manifest.holds_digits(dataset):
            continue
        summary = manifest.require(dataset)['summary']
        areas = summary['areas']
        for area in order_areas(areas):
            for population in populations.recorded_populations(summary).values():
                counted = areas[area].get('reliable_by', {}).get(population.column, {})
                n = sum(number for value, number in counted.items() if value in population.values)
                if n >= populations.MIN_POPULATION_SIZE:
                    names += [str(NeuralIdentifier(dataset, area, population.name, each)) for each in COMPARISONS]
                elif n:
                    too_few.append(f'{dotted_name(dataset, area, population.name)} ({n})')
    return names, too_few


def _matching(pattern: str) -> list[str]:
    """Benchmarks that a pattern stands for and whose data is here."""
    every = [*own_benchmarks(), *population_benchmarks()[0]]
    of_its_form = [name for name in every if name.count('.') == pattern.count('.')]
    matching = [name for name in of_its_form if fnmatch.fnmatchcase(name, pattern)]
    if not matching:
        hint = "A star stands for any characters but a dot, as in 'Siegle2021.*-rdm'."
        raise UnknownNameError('pattern of benchmarks', pattern, of_its_form or every, hint)
    here = [name for name in matching if not _absent(name)]
    if not here:
        raise DataNotFoundError(f'no data of {pattern} is on this machine. Bring with:{_commands(matching)}')
    return here


def _suite(name: str) -> list[str]:
    if name.removeprefix(SUITE) not in SUITES:
        raise UnknownNameError('suite of benchmarks', name, [f'{SUITE}{each}' for each in SUITES])
    _, benchmarks = SUITES[name.removeprefix(SUITE)]
    left_out = [each for each in benchmarks if _absent(each)]
    if left_out:
        print(
            f'note: {name} goes without {", ".join(left_out)}, whose data is not on this machine. '
            f'Bring with:{_commands(left_out)}',
            file=sys.stderr,
        )
    return [each for each in benchmarks if each not in left_out]


def _absent(benchmark: str) -> list[str]:
    """Datasets of a benchmark of this library that aren't on this machine."""
    name = parse(benchmark)
    assert isinstance(name, NeuralIdentifier | DigitsIdentifier)
    return [dataset for dataset in datasets_of(name) if not is_here(dataset)]


def _commands(benchmarks: Sequence[str]) -> str:
    """The commands that bring the data of benchmarks, a line each."""
    absent = dict.fromkeys(dataset for benchmark in benchmarks for dataset in _absent(benchmark))
    return ''.join(f'\n  {command}' for command in dict.fromkeys(map(manifest.import_command, absent)))
