"""Benchmarks that no plugin registers by a line of its own: of imported recordings and digits, and of populations."""

from m2m_benchmarks.benchmarks.comparisons import COMPARISONS, load_comparison
from m2m_benchmarks.benchmarks.datasets import DIGITS, RECORDINGS
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark, digits_benchmark
from m2m_benchmarks.benchmarks.identifiers import (
    DERIVED_DIGITS,
    GRAMMAR,
    PAPER_DIGITS,
    PROTOCOLS,
    DigitsIdentifier,
    NeuralIdentifier,
    parse,
)
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark
from m2m_benchmarks.data import ledger
from m2m_benchmarks.data.areas import order_areas
from m2m_benchmarks.errors import UnknownNameError


def unregistered_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark | None:
    """Make a benchmark that no plugin registers by a line of its own.

    Parameters
    ----------
    identifier : str
        Name that follows the grammar of `benchmarks.identifiers`: of recordings that were imported or fetched, of a
        population of their neuroids, or of digits.

    Returns
    -------
    AreaBenchmark, MeanBenchmark, GeneralizationBenchmark, or None
        None when the identifier is of another grammar, or of a dataset that is neither on this machine nor one of those
        that this library knows.

    Raises
    ------
    UnknownNameError
        For an area, population, comparison, domain or protocol that doesn't exist.
    DataNotFoundError
        With the command that brings the dataset, for one that this library knows.
    """
    name = parse(identifier)
    if isinstance(name, DigitsIdentifier) and name.collection in DIGITS:
        return _digits(name)
    if isinstance(name, DigitsIdentifier):  # a protocol of digits in the place of a comparison
        name = NeuralIdentifier(name.collection, name.source, name.target, name.protocol)
    if name is None or not _known(name.dataset):
        return None
    return _neural(name)


def _known(dataset: str) -> bool:
    if dataset in RECORDINGS:
        return True
    return dataset in ledger.names() and not ledger.holds_digits(dataset)


def _neural(name: NeuralIdentifier) -> AreaBenchmark | MeanBenchmark:
    declared = RECORDINGS.get(name.dataset)
    # Those that this library knows have their lines; areas beside the declared ones, and populations, come here.
    entry = ledger.require(name.dataset) if declared is None else ledger.read(name.dataset)
    recorded = list(entry['summary']['areas']) if entry else []
    areas = order_areas([*recorded, *(declared.areas if declared else ())])
    if name.comparison not in COMPARISONS or (name.area is not None and name.area not in areas):
        known = [
            str(NeuralIdentifier(name.dataset, area, None, each)) for area in (*areas, None) for each in COMPARISONS
        ]
        if name.population is not None:
            known = [
                str(NeuralIdentifier(name.dataset, area, name.population, each))
                for area in areas
                for each in COMPARISONS
            ]
        raise UnknownNameError('benchmark', str(name), known, f'Names are {GRAMMAR}.')
    comparison = load_comparison(name.comparison)
    if name.area is None:
        return MeanBenchmark(name.dataset, comparison)
    return AreaBenchmark(name.dataset, name.area, comparison, declared.bibtex if declared else '', name.population)


def _digits(name: DigitsIdentifier) -> GeneralizationBenchmark | None:
    if name.collection != PAPER_DIGITS:
        return None  # derived digits have a line each
    known = [*DIGITS[PAPER_DIGITS].domains, *(each for each in ledger.names() if ledger.holds_digits(each))]
    known = list(dict.fromkeys([*known, DERIVED_DIGITS]))
    unknown = [each for each in (name.source, name.target) if each is not None and each not in known]
    if name.protocol not in PROTOCOLS or unknown:
        hint = '`m2m benchmarks` lists them.'
        if name.protocol in PROTOCOLS:
            hint += f' A domain of your own comes by `m2m data import digits-domain {unknown[0]} --from PATH`.'
        names = [
            str(DigitsIdentifier(PAPER_DIGITS, source, None if source == target else target, protocol))
            for source in known
            for target in known
            for protocol in PROTOCOLS
        ]
        raise UnknownNameError('benchmark', str(name), names, hint)
    return digits_benchmark(name)
