"""Benchmark plugins, one folder a dataset, and what they share."""
