"""The example of published 2-photon matrices: planted models, the order of areas, files of another size."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from m2m_benchmarks.errors import DataError
from m2m_benchmarks.plugins import load_benchmark
from m2m_benchmarks.scoring.specs import parse_candidate

FILE = Path(__file__).parents[1] / 'examples' / 'twophoton.py'
MODEL, OTHER = 'plain_digitnet@none', 'pixels_64'

pytestmark = pytest.mark.seconds


@pytest.fixture(scope='module')
def example():
    spec = importlib.util.spec_from_file_location('twophoton_example', FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, rdms):
    """Write matrices as they are published."""
    matrices = {name: np.pad(1 - values, (0, 1)) for name, values in rdms.items()}
    np.savez(folder / 'similarity_matrices.npz', **matrices)
    with (folder / 'noise_ceilings.csv').open('w') as file:
        writer = csv.writer(file)
        writer.writerow(['area', 'layer', 'mean', 'sem'])
        writer.writerows([*name.split('_'), 0.9, 0.01] for name in rdms)


@pytest.mark.usefixtures('simulated_home')
def test_a_planted_model_is_found(example, tmp_path):
    benchmark = load_benchmark('SimulatedMouse-rdm')
    layers = list(example.layer_rdms(parse_candidate(MODEL), benchmark.areas[0]).values())
    order = np.random.default_rng(0).permutation(len(layers[0]))
    areas = [area.region for area in benchmark.areas]
    rdms = {f'{area}_layer4': layers[number % len(layers)] for number, area in enumerate(areas)}
    write(tmp_path, rdms | {'VISp_layer5': layers[0][np.ix_(order, order)]})
    table, of_areas = example.compare([MODEL, OTHER], tmp_path, 'SimulatedMouse')
    assert [column.title for column in table.columns[-2:]] == [MODEL, OTHER]
    *planted, shuffled = [row.cells for row in table.rows]
    assert [cells[:2] for cells in planted] == [(area, 'layer4') for area in areas]
    assert all(cells[2:5:2] == (0.9, pytest.approx(1)) for cells in planted)
    assert max(cells[5] for cells in planted) < 0.9
    assert abs(shuffled[4]) < 0.2
    assert of_areas.rows[-1].cells[0] == 'mean'
    of_visp = next(row.cells for row in of_areas.rows if row.cells[0] == 'VISp')
    assert of_visp[1] == pytest.approx((1 + shuffled[4]) / 2)


@pytest.mark.usefixtures('simulated_home')
def test_matrices_of_other_images(example, tmp_path):
    write(tmp_path, {'VISp_layer4': np.zeros((5, 5))})
    with pytest.raises(DataError, match=r'has no matrix VISp_layer4 of .* images and the blank screen'):
        example.compare([OTHER], tmp_path, 'SimulatedMouse')


def test_files_that_cannot_be_read(example, tmp_path, m2m_home, monkeypatch):
    write(tmp_path, {'VISp_layer4': np.zeros((119, 119))})
    ceilings, matrices = tmp_path / 'noise_ceilings.csv', tmp_path / 'similarity_matrices.npz'
    for file, content in ((ceilings, 'area,mean\nVISp,.9\n'), (ceilings, None), (matrices, 'PK'), (matrices, None)):
        file.unlink() if content is None else file.write_text(content)
        with pytest.raises(DataError, match=r'has no published matrices that can be read \(\w+: '):
            example.published(tmp_path, 118)
    monkeypatch.setattr(sys, 'argv', ['twophoton.py', OTHER, '--matrices', str(tmp_path)])
    with pytest.raises(SystemExit, match=r'^error: Siegle2021 is not on this machine'):
        example.main()


def test_layers_are_chosen_on_the_other_half(example):
    rng = np.random.default_rng(1)
    target, *layers = (rng.random((40, 40)) for _ in range(3))
    target, first, second = (each + each.T for each in (target, *layers))
    halves = [np.ix_(half, half) for half in (np.arange(20), np.arange(20, 40))]
    first[halves[0]], second[halves[1]] = target[halves[0]], target[halves[1]]
    assert abs(example.cross_fitted(target, {'a': first, 'b': second}, halves)) < 0.2


def test_real_matrices(example, shared, siegle):
    table, of_areas = example.compare([OTHER], shared / 'allen' / 'twophoton')
    assert len(table.rows) == 21 and len(of_areas.rows) == 7
    # The images are in the same order: the neurons of Neuropixels have similar RDMs.
    assert np.mean([row.cells[3] for row in table.rows]) > 0.25
    assert 0 < of_areas.rows[-1].cells[1] < 0.2
