"""Benchmarks that no plugin registers by a line of its own: of imported recordings and digits, and of populations."""

from m2m_benchmarks.benchmarks.comparisons import load_comparison
from m2m_benchmarks.benchmarks.datasets import RECORDINGS
from m2m_benchmarks.benchmarks.generalization import GeneralizationBenchmark, digits_benchmark
from m2m_benchmarks.benchmarks.identifiers import DigitsIdentifier
from m2m_benchmarks.benchmarks.names import known_benchmark
from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark


def unregistered_benchmark(identifier: str) -> AreaBenchmark | MeanBenchmark | GeneralizationBenchmark:
    """Make a benchmark that no plugin registers by a line of its own.

    Parameters
    ----------
    identifier : str
        Name that follows the grammar of `benchmarks.identifiers`: of recordings that were imported or fetched, of a
        population of their neuroids, or of digits. Other names of the six areas, such as V1, are understood.

    Raises
    ------
    UnknownNameError
        For a name of another grammar, and for a dataset, area, population, comparison, domain or protocol that doesn't
        exist.
    DataNotFoundError
        With the command that brings the dataset, for one that this library knows.
    """
    name = known_benchmark(identifier)
    if isinstance(name, DigitsIdentifier):
        return digits_benchmark(name)
    # Those that this library knows have their lines; areas beside the declared ones, and populations, come here.
    comparison = load_comparison(name.comparison)
    if name.area is None:
        return MeanBenchmark(name.dataset, comparison)
    declared = RECORDINGS.get(name.dataset)
    return AreaBenchmark(name.dataset, name.area, comparison, declared.bibtex if declared else '', name.population)
