"""Scores many models on many benchmarks, in several processes or on several machines."""
