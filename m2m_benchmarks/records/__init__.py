"""Results: the record of a score and of everything its number depends on, and the file that stores them.

The package is called `records` because `m2m_benchmarks.results` is the function that returns them.
"""
