"""Fixture of the tests of arrays: Brain-Score's metrics as oracles."""

import pytest


@pytest.fixture
def load_stock_metric(monkeypatch):
    """Brain-Score's function `load_metric`."""
    monkeypatch.setenv('BS_INSTALL_DEPENDENCIES', 'no')
    from brainscore_vision import load_metric

    return load_metric
