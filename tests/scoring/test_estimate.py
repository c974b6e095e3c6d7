"""Estimates of memory, disk space and time: those of the run that follows, and nothing is stored."""

import json
import os

import pytest
import torch
from torch import nn

from m2m_benchmarks import load_benchmark, results
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.scoring import activation_store
from m2m_benchmarks.scoring.candidates import load_candidate
from m2m_benchmarks.scoring.estimate import estimate_cost
from m2m_benchmarks.scoring.layers import counting_bytes
from m2m_benchmarks.scoring.score import score_candidate

pytestmark = pytest.mark.usefixtures('few_draws')

NET = """import torch


def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 6, 5, stride=3), torch.nn.ReLU(), torch.nn.Conv2d(6, 4, 3))
"""
#: Units of the layers for images of 64 x 64: 6 x 20 x 20 before and after the ReLU, and 4 x 18 x 18.
UNITS = {'0': 2400, '1': 2400, '2': 1296}


@pytest.fixture
def net(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text(NET)
    return f'{path}:make'


def test_the_bytes_of_a_forward_pass():
    net = nn.Sequential(nn.Conv2d(3, 6, 5, stride=3), nn.ReLU(inplace=True), nn.Conv2d(6, 60, 3))
    image = torch.zeros(1, 3, 64, 64)
    first, middle, last = (4 * n for n in (3 * 64 * 64, 6 * 20 * 20, 60 * 18 * 18))
    for recorded, expected in (
        ([], max(first + middle, middle + last)),
        ([net[0]], middle + max(first + middle, middle + last)),
        ([net[1], net[2]], middle + last + middle + last),
    ):
        with counting_bytes(net, recorded) as count, torch.no_grad():
            net(image)
        assert count.most == expected
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.seconds
@pytest.mark.parametrize(('layer', 'layers'), [(None, ['0', '1', '2']), ('2', ['2'])])
def test_what_the_run_takes(net, m2m_home, monkeypatch, layer, layers):
    benchmarks = [load_benchmark(f'SimulatedMouse.VISp-{kind}') for kind in ('rdm', 'ridge')]
    reserved, reserve = [], os.posix_fallocate
    monkeypatch.setattr(
        os, 'posix_fallocate', lambda file, start, size: reserved.append(size) or reserve(file, start, size)
    )
    cost = estimate_cost(load_candidate(net, image_size=64), benchmarks, layer)
    assert (cost.model, cost.n_layers, cost.n_stimuli) == ('net.py:make', len(layers), 118)
    assert 0 < cost.seconds < 60
    assert 1e8 < cost.memory_bytes < 1e11
    assert not list(activation_store.files())
    assert len(results()) == 0
    reserved.clear()
    candidate = load_candidate(net, image_size=64)
    list(score_candidate(candidate, benchmarks, layer))
    # One pass; each layer begins at a multiple of 64 bytes.
    assert reserved == [pytest.approx(sum(118 * 4 * UNITS[name] for name in layers), abs=64 * len(layers))]
    assert cost.scratch_bytes == reserved[0]


def test_benchmarks_without_recordings(net, m2m_home):
    with pytest.raises(BenchmarkError, match='SklearnDigits-readout_accuracy is not estimated: it has no recordings'):
        estimate_cost(load_candidate(net, image_size=64), [load_benchmark('SklearnDigits-readout_accuracy')])


@pytest.mark.seconds
def test_the_command(net, m2m, m2m_home):
    command = ('score', net, 'torchvision:squeezenet1_1@none', 'SimulatedMouse-rdm', '--image-size', 64, '--estimate')
    ran = m2m(*command)
    assert (ran.code, ran.err) == (0, '')
    header, first, second, *notes = ran.out.splitlines()
    assert header.split('  ')[0] == 'candidate'
    assert first.split()[:3] == ['net.py:make', '3', '118']
    assert second.split()[:3] == ['torchvision:squeezenet1_1', '14', '118']
    assert 'scratch: temporary space in M2M_HOME, where' in ' '.join(notes)
    document = json.loads(m2m(*command[:2], *command[3:], '--layer', '2', '--json', '-').out)
    assert document['scratch_bytes'] == -(-118 * 4 * UNITS['2'] // 64) * 64
    assert m2m('results').err.startswith('There are no results yet.')
