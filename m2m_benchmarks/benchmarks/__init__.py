"""Benchmark plugins, one folder per dataset, and their shared modules."""
