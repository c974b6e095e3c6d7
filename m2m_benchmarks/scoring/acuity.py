"""The option `--mouse-acuity`: which benchmarks it is for, and its description. It has no slow imports."""

from collections.abc import Iterable

from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier, parse
from m2m_benchmarks.data.degrees import stimulus_degrees
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.plugins import BRAIN_SCORE, registered


def check_benchmarks(names: Iterable[str]) -> None:
    """Check that stimuli can be low-passed for benchmarks, before anything is computed.

    Raises
    ------
    BenchmarkError
        When a benchmark has no recordings of mice.
    DataError
        When a dataset does not state the size of its stimuli in degrees.
    """
    for name in names:
        identifier = parse(name)
        of_brain_score = name in registered('benchmark', BRAIN_SCORE) and name not in registered('benchmark')
        if of_brain_score or not isinstance(identifier, NeuralIdentifier):
            raise not_for(name)
        stimulus_degrees(identifier.dataset)


def not_for(benchmark: str) -> BenchmarkError:
    """Error for a benchmark whose images no mouse was shown."""
    return BenchmarkError(
        f'--mouse-acuity shows models the images as a mouse sees them, and is for recordings of mice; {benchmark} has '
        'none. Leave out the option, or this benchmark.'
    )
