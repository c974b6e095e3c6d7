"""What tests of arrays share: the metrics of Brain-Score that they are held against."""

import pytest


@pytest.fixture
def load_stock_metric(monkeypatch):
    """Brain-Score's own function `load_metric`."""
    monkeypatch.setenv('BS_INSTALL_DEPENDENCIES', 'no')
    from brainscore_vision import load_metric

    return load_metric
