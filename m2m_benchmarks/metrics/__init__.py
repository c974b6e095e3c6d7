"""Metric plugins, one folder each."""
