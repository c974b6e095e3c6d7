"""Data plugins, one folder per dataset, and the store that they read from."""
