"""Similarity of architectures: the paper's families, shortlists, own modules, refusals, the command."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from m2m_benchmarks.analysis.architectures import Architecture, architectures, compare_architectures, trace
from m2m_benchmarks.analysis.paper_networks import LEFT_OUT, PAPER_NETWORKS
from m2m_benchmarks.errors import BenchmarkError
from m2m_benchmarks.report.architectures import architecture_table, draw_architectures
from m2m_benchmarks.report.tables import to_lines

pytestmark = pytest.mark.seconds


@pytest.fixture(scope='module')
def paper():
    return architectures()


def test_the_paper_s_networks(paper):
    assert len(PAPER_NETWORKS) + len(LEFT_OUT) == 44
    assert [network.name for network in paper.networks] == list(PAPER_NETWORKS)
    assert paper.left_out == LEFT_OUT
    assert len(paper.medoids) == len(set(paper.clusters)) == 13
    difference, p = paper.families
    assert difference > 0.5 and p < 0.01


@pytest.mark.parametrize(('family', 'size'), [('vgg', 3), ('efficientnet', 8)])
@pytest.mark.parametrize('values', ['similarity', 'adjusted'])
def test_a_family_is_nearer_itself_than_any_other(paper, family, size, values):
    own = [index for index, network in enumerate(paper.networks) if network.family == family]
    others = [index for index in range(len(paper.networks)) if index not in own]
    assert len(own) == size
    matrix = getattr(paper, values)
    within = min(matrix[pair] for pair in itertools.combinations(own, 2))
    assert within > matrix[np.ix_(own, others)].max() + 0.05
    assert len({paper.clusters[index] for index in own}) == 1


def test_planted_clusters_have_their_medoids():
    rng = np.random.default_rng(0)
    networks = []
    for family in 'AB':
        centre = rng.choice(list('cbral'), 80)
        networks.append(Architecture(f'{family}0', family, centre.tolist()))
        for number in range(1, 4):
            changed = np.where(rng.random(80) < 0.2, rng.choice(list('cbral'), 80), centre)
            networks.append(Architecture(f'{family}{number}', family, changed.tolist()))
    compared = compare_architectures(networks, 2)
    assert compared.clusters[:4] == [compared.clusters[0]] * 4 != compared.clusters[4:]
    assert sorted(networks[index].name for index in compared.medoids) == ['A0', 'B0']
    assert compared.families[0] > 0.3 and compared.families[1] < 0.05


def test_own_and_registered_networks(tmp_path, m2m_home):
    file = tmp_path / 'own.py'
    file.write_text('from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())\n')
    assert trace(f'{file}:make') == ('Sequential', ['convolution', 'relu'])
    family, types = trace('plain_digitnet')
    assert family == 'digitnet' and {'convolution', 'max pool', 'linear'} <= set(types)
    assert len(trace('neurn_digitnet')[1]) > len(types)  # NeuRN's operations


def test_two_libraries_build_the_same_network():
    assert trace('timm:resnet18') == ('resnet', trace('torchvision:resnet18')[1])


def test_a_network_that_needs_values_to_be_built():
    family, types = trace('torchvision:regnet_y_400mf')  # not on the device meta
    assert family == 'regnet' and types[:3] == ['convolution', 'batch_norm', 'relu']


def test_the_command(m2m, tmp_path, m2m_home):
    files = [tmp_path / name for name in ('f.png', 'f.csv', 'f.json')]
    outputs = [
        word for option, file in zip(('--figure', '--csv', '--json'), files, strict=True) for word in (option, file)
    ]
    names = ['torchvision:vgg11', 'torchvision:vgg13', 'timm:resnet18', 'torchvision:resnet34']
    ran = m2m('analyze', 'architectures', *names, '--clusters', 2, *outputs)
    assert ran.code == 0
    assert 'chance' in ran.out and 'perfect' in ran.out
    document, pairs = json.loads(files[2].read_text()), pd.read_csv(files[1])
    assert [network['cluster'] for network in document['networks']] in ([1, 1, 2, 2], [2, 2, 1, 1])
    pd.testing.assert_frame_equal(pairs, pd.DataFrame(document['pairs']))
    assert len(pairs) == 6
    again = architectures(names, n_clusters=2)
    networks = pd.read_csv(tmp_path / 'f_networks.csv')
    pd.testing.assert_frame_equal(networks, again.table())
    assert sorted(networks['network']) == sorted(names)
    assert networks['medoid'].sum() == 2
    assert dict(zip(networks['network'], networks['family'], strict=True))['timm:resnet18'] == 'resnet'
    assert json.loads(json.dumps(again.document())) == document
    assert draw_architectures(again).axes[0].get_yticklabels()[0].get_text().startswith('▶')
    assert 'vgg11' in '\n'.join(line.plain for line in to_lines(architecture_table(again), 100))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['pixels_64', 'torchvision:vgg11'], 'layers of pixels_64 cannot be traced'),
        (['pixels', 'torchvision:vgg11'], 'pixels is not a PyTorch network'),
        (['torchvision:vgg11'], 'needs two networks or more, got 1'),
        (['torchvision:vgg11', 'torchvision:vgg11'], 'torchvision:vgg11 is named twice'),
        (['torchvision:vgg11', 'torchvision:vgg13', '--clusters', '3'], '2 networks cannot form 3 clusters'),
        (['torchvision:vgg11', 'torchvision:vgg13', '--match', '-1'], 'a match scores -1'),
        (['torchvision:vgg11', 'torchvision:vgg13', '--gap', '-inf'], '1, -1 and -inf; expected finite numbers'),
        (['torchvision:vgg11', 'torchvision:vgg13', '--match', 'nan'], 'nan, -1 and 0; expected finite numbers'),
    ],
)
def test_refusals(m2m, m2m_home, arguments, message):
    ran = m2m('analyze', 'architectures', *arguments)
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    assert message in ' '.join(ran.err.split())


@pytest.mark.parametrize(('n', 'n_clusters'), [(2, 1), (3, 2), (26, 13), (38, 13)])
def test_clusters_by_default(n, n_clusters):
    rng = np.random.default_rng(n)
    networks = [Architecture(f'net{number}', 'family', list(rng.choice(list('abcd'), 30))) for number in range(n)]
    assert len(compare_architectures(networks).medoids) == n_clusters


def test_a_single_model_may_be_a_text(m2m_home):
    with pytest.raises(BenchmarkError, match='two networks or more, got 1'):
        architectures('torchvision:vgg11')


def test_networks_that_do_not_run(m2m, m2m_home, tmp_path):
    file = tmp_path / 'own.py'
    file.write_text('import torch\nfrom torch import nn\ndef make():\n    return torch.jit.script(nn.ReLU())\n')
    ran = m2m('analyze', 'architectures', f'{file}:make', 'torchvision:vgg11')
    assert (ran.code, 'Traceback' in ran.err) == (1, False)
    with pytest.raises(BenchmarkError, match='two networks or more, got 0'):
        compare_architectures([])
