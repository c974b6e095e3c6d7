"""Names for several benchmarks: patterns and suites. This module imports nothing heavy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, OF_MAPS, PROTOCOLS, in_table
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier, NeuralIdentifier, dotted_name, matches, parse
from m2m_benchmarks.benchmarks.names import check_benchmark, needs_of, own_benchmarks, part_is_here
from m2m_benchmarks.data import manifest, populations
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.data.made_here import MADE_HERE
from m2m_benchmarks.errors import BenchmarkError, DataNotFoundError, UnknownNameError
from m2m_benchmarks.messages import say

#: Prefix of the name of a suite.
SUITE = 'suite:'
#: Name of each suite to its description and benchmarks.
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
    """Expand the patterns and suites among names of benchmarks, and check the names.

    Parameters
    ----------
    names : sequence of str
        Names of benchmarks; patterns, such as 'Siegle2021.*-rdm', in which a star matches any characters but a dot; and
        suites, such as 'suite:paper'. Patterns and suites are expanded to the benchmarks whose data is here; the
        missing benchmarks of a suite are listed on stderr, with the commands that bring their data.

    Returns
    -------
    list of str
        Names of benchmarks in that order, each once.

    Raises
    ------
    UnknownNameError
        When a name, pattern or suite matches no benchmark; the message has the nearest names.
    DataNotFoundError
        When the data of a named benchmark, or of all benchmarks of a pattern or suite, isn't here; the message has the
        commands that bring it.
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


def under_all_comparisons(names: Sequence[str]) -> list[str]:
    """Replace benchmarks of recordings by those of the same recordings under all comparisons that score any model.

    Raises
    ------
    BenchmarkError
        When a benchmark is not of recordings.
    """
    expanded: dict[str, None] = {}
    for name in names:
        identifier = parse(name)
        if not isinstance(identifier, NeuralIdentifier):
            raise BenchmarkError(f'{name} has no other comparisons; name benchmarks of recordings.')
        expanded |= {
            str(replace(identifier, comparison=comparison)): None
            for comparison in COMPARISONS
            if comparison not in OF_MAPS
        }
    return list(expanded)


def under_protocol(protocol: str, names: Sequence[str]) -> list[str]:
    """Replace benchmarks of recordings by those of the same recordings with the settings of a publication.

    Raises
    ------
    UnknownNameError
        When there is no such protocol.
    BenchmarkError
        When it has no settings for a benchmark.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError('protocol', protocol, PROTOCOLS)
    under = []
    for name in names:
        identifier = parse(name) if isinstance(name, str) else None  # from Python, it may be an object
        if not isinstance(identifier, NeuralIdentifier) or identifier.comparison not in PROTOCOLS[protocol]:
            known = ' or '.join(f'-{comparison}' for comparison in PROTOCOLS[protocol])
            raise BenchmarkError(
                f'{protocol} has no settings for {name}; name benchmarks of recordings that end in {known}.'
            )
        under.append(str(replace(identifier, comparison=f'{protocol}_{identifier.comparison}')))
    return under


@dataclass(frozen=True)
class SmallPopulation:
    """Population of an area with too few reliable neuroids, `n_reliable`, for a benchmark."""

    dataset: str
    area: str
    name: str
    n_reliable: int

    def __str__(self) -> str:
        return f'{dotted_name(self.dataset, self.area, self.name)} ({self.n_reliable})'


def population_benchmarks() -> tuple[list[str], list[SmallPopulation]]:
    """List the benchmarks of populations of the recordings on this machine, without those with a damaged manifest.

    Returns
    -------
    names : list of str
        Names of the benchmarks.
    too_few : list of SmallPopulation
        Populations that are too small for one.
    """
    names: list[str] = []
    too_few: list[SmallPopulation] = []
    damaged = manifest.damaged()
    for dataset in manifest.names():
        if dataset in damaged or manifest.holds_digits(dataset):
            continue
        summary = manifest.require(dataset)['summary']
        areas = summary['areas']
        for area in order_areas(areas):
            for population in populations.recorded_populations(summary).values():
                counted = areas[area].get('reliable_by', {}).get(population.column, {})
                n = sum(number for value, number in counted.items() if value in population.values)
                if n >= populations.MIN_POPULATION_SIZE:
                    names += [
                        str(NeuralIdentifier(dataset, area, population.name, comparison)) for comparison in COMPARISONS
                    ]
                elif n:
                    too_few.append(SmallPopulation(dataset, area, population.name, n))
    return names, too_few


def _matching(pattern: str) -> list[str]:
    """List the benchmarks that match a pattern and whose data is on this machine."""
    known = _with_options([*own_benchmarks(), *population_benchmarks()[0]], pattern.rpartition('-')[2])
    same_parts = [name for name in known if name.count('.') == pattern.count('.')]
    matching = [name for name in known if matches(name, pattern)]
    if not matching:
        hint = "A star stands for any characters but a dot, as in 'Siegle2021.*-rdm'."
        raise UnknownNameError('pattern of benchmarks', pattern, same_parts or known, hint)
    here = [name for name in matching if not _absent(name)]
    if not here:
        raise DataNotFoundError(f'no data of {pattern} is on this machine. Bring with:{_commands(matching)}')
    return here


def _with_options(names: list[str], comparison: str) -> list[str]:
    """Replace the names of benchmarks by those with options, where a comparison has some; listings have no such."""
    listed = in_table(comparison)
    if listed == comparison:
        return names
    parsed = [name for name in map(parse, names) if isinstance(name, NeuralIdentifier) and name.comparison == listed]
    return [str(replace(name, comparison=comparison)) for name in parsed]


def _suite(name: str) -> list[str]:
    if name.removeprefix(SUITE) not in SUITES:
        raise UnknownNameError('suite of benchmarks', name, [f'{SUITE}{suite}' for suite in SUITES])
    _, benchmarks = SUITES[name.removeprefix(SUITE)]
    left_out = [benchmark for benchmark in benchmarks if _absent(benchmark)]
    if left_out:
        say(
            f'note: {name} goes without {", ".join(left_out)}, whose data is not on this machine. '
            f'Bring with:{_commands(left_out)}'
        )
    return [benchmark for benchmark in benchmarks if benchmark not in left_out]


def _absent(benchmark: str) -> list[str]:
    """Datasets of a benchmark of this library that aren't on this machine, or lack the benchmark's area or split."""
    name = parse(benchmark)
    assert isinstance(name, NeuralIdentifier | DigitsIdentifier)
    return list(
        dict.fromkeys(
            dataset for dataset, part in needs_of(name) if dataset not in MADE_HERE and not part_is_here(dataset, part)
        )
    )


def _commands(benchmarks: Sequence[str]) -> str:
    """List the commands that bring the data of benchmarks, one per line."""
    absent = dict.fromkeys(dataset for benchmark in benchmarks for dataset in _absent(benchmark))
    return ''.join(f'\n  {command}' for command in dict.fromkeys(map(manifest.import_command, absent)))
