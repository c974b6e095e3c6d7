"""Data plugins, one folder a dataset, and the store they read from."""
