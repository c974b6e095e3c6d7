"""Results: what a score is on record, what its number rests on, and the file that keeps all of them.

The room is called `records` because `m2m_benchmarks.results` is the function that returns them.
"""
