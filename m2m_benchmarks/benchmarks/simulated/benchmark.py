"""Simulated recordings, known in closed form."""

from m2m_benchmarks.benchmarks.neural import AreaBenchmark, MeanBenchmark

DATASET = 'SimulatedMouse'

BIBTEX = ''


def area(region: str, kind: str) -> AreaBenchmark:
    """One area with one metric."""
    return AreaBenchmark(DATASET, region, kind, BIBTEX)


def mean(kind: str) -> MeanBenchmark:
    """Mean over areas with one metric."""
    return MeanBenchmark(DATASET, kind, BIBTEX)
