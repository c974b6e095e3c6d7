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


def test_equals_stock_ridge():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 60))
    source = _assembly(features)
    target = _assembly(features @ rng.standard_normal((60, 12)) + rng.standard_normal((40, 12)))
    mine = load_metric('m2m_ridge', alphas=[1], relative=False, protocol='brain-score')(source, target)
    stock = load_metric('ridge', crossvalidation_kwargs={'stratification_coord': None})(source, target)
    assert float(mine) == pytest.approx(float(stock), abs=1e-6)
    assert mine.attrs['error'] == pytest.approx(float(stock.attrs['error']), abs=1e-6)


def test_linear_readout_is_predicted():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 8))
    score = load_metric('m2m_ridge')(_assembly(features), _assembly(features @ rng.standard_normal((8, 20))))
    assert float(score) == pytest.approx(1, abs=0.01)
    assert score.attrs['raw'].dims == ('neuroid',)
