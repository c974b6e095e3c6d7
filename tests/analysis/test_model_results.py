"""Which stored results are those of a model, of its controls and of its twin."""

import dataclasses

import pytest

from m2m_benchmarks.analysis.model_results import label_of, newest_of
from m2m_benchmarks.analysis.related_results import controls_of, twin_name, twin_of
from m2m_benchmarks.errors import DataError, UnknownNameError
from m2m_benchmarks.records.selection import label
from m2m_benchmarks.scoring.options import NetworkOptions
from m2m_benchmarks.scoring.specs import CandidateSpec
from m2m_benchmarks.testing import whole_result

WHOLE = dataclasses.replace(whole_result(), targets=None, in_domain=None, weights='default')
SHA = 'ab' * 32


def made(model, minute=0, **changes):
    created = f'2026-01-01T00:{minute:02d}:00+00:00'
    return dataclasses.replace(WHOLE, model=model, created=created, **changes)


@pytest.mark.parametrize(
    ('spec', 'result'),
    [
        (CandidateSpec('torchvision:alexnet'), made('torchvision:alexnet')),
        (CandidateSpec('pixels_64'), made('pixels_64', weights='its own')),
        (CandidateSpec('pixels_64', mouse_acuity=True), made('pixels_64+mouse_acuity', weights='its own')),
        (CandidateSpec('timm:a', options=NetworkOptions(name='mine')), made('mine')),
        (CandidateSpec('net.py:make'), made('net.py:make', weights='its own')),
        (CandidateSpec('FOLDER/net.py:make'), made('net.py:make', weights='its own')),
        (CandidateSpec('torchvision:alexnet', 'none'), made('torchvision:alexnet', weights='none (seed 3)')),
        (
            CandidateSpec('torchvision:alexnet', 'FOLDER/a.pth'),
            made('torchvision:alexnet', weights=f'file a.pth (SHA-256 {SHA})'),
        ),
    ],
)
def test_candidates_are_named_as_their_results(tmp_path, spec, result):
    (tmp_path / 'a.pth').touch()
    parts = {name: getattr(spec, name).replace('FOLDER', str(tmp_path)) for name in ('name', 'weights')}
    assert label_of(dataclasses.replace(spec, **parts), 3) == label(result)


def test_the_newest_result_on_each_benchmark_is_taken():
    stored = [
        made('net', 1, score=0.1),
        made('net', 3, score=0.3),
        made('net', 2, score=0.2),
        made('other', 4),
        made('net', 0, benchmark='Lab2026.VISp-rdm'),
        made('net', 5, benchmark='Lab2026.VISp-rdm', layer_named='conv'),
    ]
    results, notes = newest_of(stored, 'net')
    assert [(result.benchmark, result.score, result.layer_named) for result in results] == [
        ('Lab2026-rdm', 0.3, None),
        ('Lab2026.VISp-rdm', 0.5, None),
    ]
    assert notes == []
    assert len(newest_of(stored, 'net', ['*.*-rdm'])[0]) == 1
    assert newest_of(stored[-1:], 'net')[0][0].layer_named == 'conv'  # there is no other


def test_results_of_other_weights_under_one_name_are_left_out():
    stored = [made('net', 1, weights_sha256='1' * 64, benchmark='A.V-rdm'), made('net', 2, weights_sha256='2' * 64)]
    results, notes = newest_of(stored, 'net')
    assert [result.weights_sha256 for result in results] == ['2' * 64]
    assert notes == ['Shown are the results of net [222222], the newest; left out are those of net [111111].']


def test_a_model_without_results_is_refused_with_what_to_do():
    with pytest.raises(DataError, match=r'no results of nett\. Did you mean net.*m2m score MODEL BENCHMARK'):
        newest_of([made('net')], 'nett')
    with pytest.raises(DataError, match=r'no results of net\..*m2m score'):
        newest_of([], 'net')
    with pytest.raises(UnknownNameError, match='no results of it'):
        newest_of([made('net')], 'net', ['Siegle2021-rdm'])


def test_controls_are_the_pixels_and_the_untrained_network_of_each_seed():
    own = made('net')
    stored = [
        own,
        made('pixels_64', 1, weights='its own', score=0.1),
        made('pixels_64', 2, weights='its own', score=0.2),
        made('net', 3, weights='none (seed 0)', seed=0),
        made('net', 4, weights='none (seed 1)', seed=1),
        made('other', 5, weights='none (seed 0)', seed=0),
        made('net', 6, weights='none (seed 2)', seed=2, data_sha256='other recordings'),
    ]
    controls = controls_of(own, stored)
    assert {name: [result.seed for result in results] for name, results in controls.items()} == {
        'net untrained': [0, 1],
        'pixels_64': [None],
    }
    assert controls['pixels_64'][0].score == 0.2
    assert controls_of(stored[3], stored).keys() == {'pixels_64'}  # untrained itself
    assert controls_of(stored[1], stored) == {}


@pytest.mark.parametrize(
    ('model', 'twin'),
    [
        ('neurn_resnet18', 'plain_resnet18'),
        ('neurn_resnet18_at32_k5_zero_channel_after_stem', 'plain_resnet18_at32'),
        ('plain_resnet18_at32', 'neurn_resnet18_at32'),
        ('neurn_resnet18+mouse_acuity', 'plain_resnet18+mouse_acuity'),
        ('torchvision:resnet18', None),
        ('neurn_resnet18_of_a_later_version', None),
    ],
)
def test_twins(model, twin):
    assert twin_name(model) == twin


def test_a_twin_has_weights_of_the_same_origin():
    file = f'file a.pth (SHA-256 {SHA}; without fc)'
    stored = [
        made('plain_resnet18', 0, weights='none (seed 0)', seed=0),
        made('plain_resnet18', 1, weights='none (seed 1)', seed=1),
        made('plain_resnet18', 2, weights=f'file renamed.pth (SHA-256 {SHA})'),
        made('plain_resnet18', 3, weights=f'file a.pth (SHA-256 {"cd" * 32})'),
        made('plain_resnet18', 4, weights='run b: SklearnDigits, seed 0 (SHA-256 12)', seed=0),
    ]

    def created(**changes):
        twin = twin_of(made('neurn_resnet18', **changes), stored)
        return None if twin is None else twin.created[14:16]

    assert created(weights='none (seed 1)', seed=1) == '01'
    assert created(weights=file) == '02'
    assert created(weights='run a: SklearnDigits, seed 0 (SHA-256 34)', seed=0) == '04'
    assert created(weights='run a: SklearnDigits, seed 7 (SHA-256 34)', seed=7) is None
    assert created(weights='default') is None
    assert created(weights=file, version=3) is None  # of another version of the benchmark
