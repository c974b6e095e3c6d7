"""Benchmarks without a registry line: of imported recordings and digits, of populations, and with options."""

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark, digits_benchmark
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier
from m2m_benchmarks.benchmarks.mean import MeanBenchmark
from m2m_benchmarks.benchmarks.names import known_benchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark


def unregistered_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark:
    """Make a benchmark that has no registry line.

    Parameters
    ----------
    identifier : str
        Name of a benchmark of imported or fetched recordings, of a population, of a comparison with options, or of
        digits; see
        `benchmarks.identifiers`. Aliases of the six areas, such as V1, are allowed.

    Raises
    ------
    UnknownNameError
        When the name doesn't follow the grammar, or the dataset, area, population, comparison, domain or protocol
        doesn't exist.
    DataNotFoundError
        When the data isn't here; the message has the command that brings it.
    """
    name = known_benchmark(identifier)
    if isinstance(name, DigitsIdentifier):
        return digits_benchmark(name)
    comparison = load_comparison(name.comparison)
    declared = RECORDINGS.get(name.dataset)
    bibtex, areas = (declared.bibtex, declared.areas) if declared else ('', ())
    if name.area is None:
        return MeanBenchmark(name.dataset, comparison, bibtex, areas)
    return AreaBenchmark(name.dataset, name.area, comparison, bibtex, name.population)
