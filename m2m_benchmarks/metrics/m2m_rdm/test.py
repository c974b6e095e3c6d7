import numpy as np
import pytest
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_vision import load_metric


def _assembly(values):
    n_stimuli, n_neuroids = values.shape
    return NeuroidAssembly(
        values,
        coords={
            'stimulus_id': ('presentation', [f's{i}' for i in range(n_stimuli)]),
            'stimulus_index': ('presentation', np.arange(n_stimuli)),
            'neuroid_id': ('neuroid', np.arange(n_neuroids)),
            'region': ('neuroid', ['VISp'] * n_neuroids),
        },
        dims=['presentation', 'neuroid'],
    )


def test_equals_stock_rdm():
    rng = np.random.default_rng(0)
    source, target = _assembly(rng.standard_normal((30, 40))), _assembly(rng.standard_normal((30, 25)))
    assert float(load_metric('m2m_rdm')(source, target)) == pytest.approx(
        float(load_metric('rdm')(source, target)), abs=1e-9
    )


def test_identical_is_one():
    assembly = _assembly(np.random.default_rng(0).standard_normal((20, 15)))
    assert float(load_metric('m2m_rdm')(assembly, assembly)) == pytest.approx(1)
