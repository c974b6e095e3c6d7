"""Metric plugins, one folder a metric."""
