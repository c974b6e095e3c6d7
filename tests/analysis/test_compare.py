"""Comparisons of candidates: pairs, seeds, draws, and the runs that are trained for them."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from m2m_benchmarks import score
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.benchmarks.estimates import estimate
from m2m_benchmarks.errors import BenchmarkError, ModelError, TrainingError, UnknownNameError
from m2m_benchmarks.scoring.runs import read_run
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.train import train

THIN = 'SklearnDigits.thin-accuracy'
VISP = 'SimulatedMouse.VISp-rdm'
NEURN, PLAIN = 'neurn_squeezenet1_1_at32', 'plain_squeezenet1_1_at32'
TWINS = [NEURN, PLAIN]
TRAINING = {'steps': 3, 'batch_size': 8, 'interval': 1, 'learning_rate': 1e-3}
SAME_DRAWS = 'one score each; bootstrap, the same draws for both'
UNPAIRED = 'means over seeds, not paired; bootstrap, the same draws for both, and variance between seeds'
TWO_FACTORS = 'bootstrap over animals and stimuli, the same draws for both'


def run_settings(model, seed=0, **options):
    return Settings(model, 'SklearnDigits', seed, **{**TRAINING, **options})


def fresh_score(model, benchmark, **options):
    """Score with bootstrap draws, which stored results do not have."""
    return score(model, benchmark, fresh=True, **options)


def on(benchmark, candidates=TWINS, seeds=(0, 1, 2), **options):
    """Compare on one benchmark."""
    (comparison,) = compare(candidates, [benchmark], seeds, **options)
    return comparison


def results(comparison):
    return [result for candidate in comparison.candidates for result in candidate.results]


def without_clock(comparison):
    clock = ('seconds', 'created', 'peak_memory_mb')
    return comparison.rows, [{k: v for k, v in result.items() if k not in clock} for result in results(comparison)]


@pytest.fixture(autouse=True)
def draws(request):
    """Take few draws, but for the real recordings, whose errors are compared with the README's."""
    if not request.node.get_closest_marker('shared'):
        request.getfixturevalue('few_draws')


@pytest.fixture(scope='module')
def trained(digits_home, tmp_path_factory):
    """M2M_HOME with the runs of two models and three seeds, their comparison, and its progress reports."""
    home = tmp_path_factory.mktemp('compared') / 'm2m_home'
    home.mkdir()
    (home / 'data').symlink_to(digits_home / 'data')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        # One run is finished, and one was interrupted after its second step.
        train(run_settings(NEURN, 1))

        def stop(what, done, total):
            if what.startswith('training') and done == 3:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            train(run_settings(PLAIN, 0), progress=stop)
        written = read_run(run_settings(NEURN, 1).folder()).weights.stat().st_mtime_ns
        reports = []
        comparison = on(THIN, training=TRAINING, progress=lambda *report: reports.append(report))
        assert read_run(run_settings(NEURN, 1).folder()).weights.stat().st_mtime_ns == written
    return home, comparison, reports


@pytest.fixture
def runs(trained, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(trained[0]))
    return trained[0] / 'runs'


@pytest.mark.seconds
@pytest.mark.slow
def test_finished_runs_are_used_and_interrupted_ones_are_resumed(trained, runs):
    _, comparison, reports = trained
    steps = {}
    for what, done, _ in reports:
        if what.endswith('training: steps'):
            steps.setdefault(what.split(':')[0], []).append(done)
    all_steps = [1, 2, 3]
    assert steps == {
        **{f'{NEURN}, seed {seed}': all_steps for seed in (0, 2)},
        **{f'{PLAIN}, seed {seed}': all_steps for seed in (1, 2)},
        f'{PLAIN}, seed 0': [3],
    }
    assert [done for what, done, total in reports if what == 'models and seeds'] == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in runs.iterdir()} == {
        run_settings(model, seed).folder().name for model in TWINS for seed in (0, 1, 2)
    }
    again = []
    second = on(THIN, training=TRAINING, progress=lambda *report: again.append(report[0]))
    assert not [what for what in again if 'training' in what]
    assert without_clock(second) == without_clock(comparison)


@pytest.mark.seconds
@pytest.mark.slow
def test_trained_candidates_are_paired_over_seeds(trained, runs):
    _, comparison, _ = trained
    assert [(candidate.label, candidate.seeds) for candidate in comparison.candidates] == [
        (NEURN, [0, 1, 2]),
        (PLAIN, [0, 1, 2]),
    ]
    assert (comparison.benchmark, comparison.methods) == (THIN, {"paired over 3 seeds, Student's t": [(0, 1)]})
    scores = [[fresh_score(f'run:{run_settings(model, seed).folder()}', THIN) for seed in (0, 1, 2)] for model in TWINS]
    assert [result['seed'] for result in results(comparison)] == [0, 1, 2] * 2
    assert [result['model'] for result in results(comparison)] == [NEURN] * 3 + [PLAIN] * 3
    values = {
        'in-domain': [[seed.attrs['in_domain']['accuracy'] for seed in seeds] for seeds in scores],
        # The only target is the score.
        'score': [[float(seed) for seed in seeds] for seeds in scores],
    }
    assert [row.name for row in comparison.rows] == list(values)
    for row in comparison.rows:
        assert row.values == values[row.name]
        assert row.spreads == pytest.approx(np.std(row.values, axis=1, ddof=1).tolist())
        (pair,) = row.differences
        differences = np.subtract(*row.values)
        assert (pair.first, pair.second, pair.paired) == (0, 1, True)
        assert pair.value == pytest.approx(differences.mean())
        assert pair.error == pytest.approx(np.std(differences, ddof=1) / 3**0.5)
        # Student's t with two degrees of freedom.
        assert pair.interval[1] - pair.value == pytest.approx(4.30265273 * pair.error)
        assert pair.p_adjusted == pair.p
    document = json.loads(json.dumps(comparison.document(), allow_nan=False))
    assert document['rows'][1]['differences'][0]['value'] == comparison.rows[1].differences[0].value
    assert document['candidates'][1]['seeds'] == [0, 1, 2]


@pytest.mark.seconds
@pytest.mark.slow
def test_two_seeds_have_no_interval(runs):
    comparison = on(THIN, seeds=(0, 1), training=TRAINING)
    assert list(comparison.methods) == ["paired over 2 seeds, Student's t; no interval: it needs 3 seeds or more"]
    for row in comparison.rows:
        (pair,) = row.differences
        differences = np.subtract(*row.values)
        assert pair.value == pytest.approx(differences.mean())
        assert pair.error == pytest.approx(abs(differences[0] - differences[1]) / 2)
        assert (pair.interval, pair.p, pair.p_adjusted) == (None, None, None)
        assert row.ranks == [(1, 2), (1, 2)]
    json.dumps(comparison.document(), allow_nan=False)


def bootstrap(first, second):
    """Difference, error and interval of two scores, from their draws."""
    draws = first.attrs['draws'] - second.attrs['draws']
    if draws.ndim == 1:
        interval = tuple(np.percentile(draws, [2.5, 97.5]))
        value, error = float(first) - float(second), np.std(draws, ddof=1)
    else:
        value = first.attrs['uncut'] - second.attrs['uncut']
        expected = estimate(value, draws, first.attrs['n_animals'], first.attrs['n_stimuli'])
        error, interval = expected.error, expected.interval
    return pytest.approx(value), pytest.approx(error), pytest.approx(interval)


def numbers(row):
    return [(pair.value, pair.error, pair.interval) for pair in row.differences]


@pytest.mark.slow
@pytest.mark.seconds
def test_a_single_seed_and_two_runs_are_compared_on_the_same_draws(runs):
    paths = [f'run:{run_settings(model, 1).folder()}' for model in TWINS]
    expected = bootstrap(*(fresh_score(path, THIN) for path in paths))
    single = on(THIN, seeds=[1], training=TRAINING)
    named = on(THIN, paths)
    mixed = on(THIN, [paths[0], f'run:{run_settings(PLAIN, 1).folder().name}'], (5, 6))
    for comparison in (single, named, mixed):
        assert list(comparison.methods) == [SAME_DRAWS]
        assert numbers(comparison.rows[-1]) == [expected]
        assert comparison.rows[-1].spreads == [None, None]
    assert [candidate.seeds for candidate in (*single.candidates, *named.candidates)] == [[1], [1], None, None]


@pytest.mark.slow
@pytest.mark.seconds
def test_a_run_against_a_model_that_is_trained(runs):
    """The mean over seeds of one, the single value of the other, on the same bootstrap draws of images."""
    comparison = on(THIN, [f'run:{run_settings(NEURN, 0).folder()}', PLAIN], training=TRAINING)
    assert [result['seed'] for result in results(comparison)] == [0, 0, 1, 2]
    assert list(comparison.methods) == [UNPAIRED]
    run, *others = (
        fresh_score(f'run:{run_settings(*named).folder()}', THIN)
        for named in [(NEURN, 0), *((PLAIN, i) for i in range(3))]
    )
    draws = run.attrs['draws'] - np.mean([other.attrs['draws'] for other in others], axis=0)
    row = comparison.rows[-1]
    (pair,) = row.differences
    assert pair.value == pytest.approx(float(run) - np.mean([float(other) for other in others]))
    spread = np.std([float(other) for other in others], ddof=1)
    assert pair.error == pytest.approx((np.var(draws, ddof=1) + spread**2 / 3) ** 0.5)
    assert pair.interval[0] + pair.interval[1] == pytest.approx(2 * pair.value)
    assert row.spreads == [None, pytest.approx(spread)]
    assert not pair.paired


@pytest.mark.slow
@pytest.mark.seconds
def test_trained_models_on_what_a_mouse_saw(runs):
    """A candidate with named weights is not trained: trained against untrained is one command."""
    candidates = [*TWINS, f'{NEURN}@none']
    comparison = on(VISP, candidates, source='sklearn-digits', training=TRAINING)
    for seed, result in enumerate(comparison.candidates[0].results):
        assert result['weights'].startswith(
            f'run {run_settings(NEURN, seed).folder().name}: SklearnDigits, seed {seed}'
        )
    assert [result['weights'] for result in comparison.candidates[2].results] == [f'none (seed {i})' for i in range(3)]
    assert [row.name for row in comparison.rows] == ['score']
    # A seed determines the batches of the trained ones, and the initial weights of all three.
    assert list(comparison.methods.values()) == [[(0, 1), (0, 2), (1, 2)]]


@pytest.mark.seconds
@pytest.mark.slow
def test_untrained_twins_are_paired_over_seeds_and_strangers_are_not(digits):
    candidates = ['neurn_digitnet', 'plain_digitnet', f'{PLAIN}@none']
    comparison = on(VISP, candidates, (0, 3, 4), weights='none')
    assert [result['weights'] for result in results(comparison)] == [f'none (seed {i})' for i in (0, 3, 4)] * 3
    (row,) = comparison.rows
    last = [float(fresh_score(model, VISP, weights='none', seed=3)) for model in candidates[:2]]
    assert [values[1] for values in row.values[:2]] == last
    assert row.values[0][0] != row.values[0][1]
    assert comparison.methods == {
        f'paired over 3 seeds; {TWO_FACTORS}, and variance between seeds': [(0, 1)],
        f'means over seeds, not paired; {TWO_FACTORS}, and variance between seeds': [(0, 2), (1, 2)],
    }
    scores = [[fresh_score(name.split('@')[0], VISP, weights='none', seed=i) for i in (0, 3, 4)] for name in candidates]
    draws = [np.mean([own.attrs['draws'] for own in seeds], axis=0) for seeds in scores]
    sizes = scores[0][0].attrs['n_animals'], scores[0][0].attrs['n_stimuli']
    between = [np.var(np.subtract(*row.values[:2]), ddof=1), row.spreads[0] ** 2 + row.spreads[2] ** 2]
    for pair, seeds in zip(row.differences, between, strict=False):
        sampled = estimate(0.0, draws[pair.first] - draws[pair.second], *sizes).error ** 2
        assert pair.error == pytest.approx((sampled + seeds / 3) ** 0.5)
    assert row.errors[0] == pytest.approx((estimate(0.0, draws[0], *sizes).error ** 2 + row.spreads[0] ** 2 / 3) ** 0.5)
    assert not (digits / 'runs').exists()


@pytest.mark.slow
@pytest.mark.seconds
def test_areas_have_a_row_each(digits):
    comparison = on('SimulatedMouse-rdm', ['neurn_digitnet', 'plain_digitnet'], [2], weights='none')
    assert [row.name for row in comparison.rows] == ['VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'score']
    assert comparison.rows[-1].values[0][0] == pytest.approx(np.mean([row.means[0] for row in comparison.rows[:-1]]))
    areas = [
        fresh_score(model.label, 'SimulatedMouse.VISal-rdm', weights='none', seed=2) for model in comparison.candidates
    ]
    assert numbers(comparison.rows[2]) == [bootstrap(*areas)]


@pytest.mark.seconds
@pytest.mark.slow
def test_several_candidates_on_several_benchmarks(digits):
    """All pairs have the same numbers as each pair alone, and p values adjusted over all pairs."""
    candidates = ['neurn_digitnet@none', f'{PLAIN}@none', 'pixels_64']
    benchmarks = [VISP, 'SimulatedMouse.VISl-rdm']
    comparisons = compare(candidates, benchmarks, [1])
    assert [comparison.benchmark for comparison in comparisons] == benchmarks
    for comparison in comparisons:
        assert [candidate.label for candidate in comparison.candidates] == candidates
        assert [candidate.seeds for candidate in comparison.candidates] == [[1], [1], None]
        scores = [fresh_score('neurn_digitnet', comparison.benchmark, weights='none', seed=1)]
        scores += [
            fresh_score(PLAIN, comparison.benchmark, weights='none', seed=1),
            fresh_score('pixels_64', comparison.benchmark),
        ]
        (row,) = comparison.rows
        assert [(pair.first, pair.second) for pair in row.differences] == [(0, 1), (0, 2), (1, 2)]
        assert numbers(row) == [bootstrap(*pair) for pair in itertools.combinations(scores, 2)]
        assert row.errors == [pytest.approx(scored.attrs['error']) for scored in scores]
        smallest = min(row.differences, key=lambda pair: pair.p)
        assert smallest.p_adjusted == pytest.approx(min(1, 3 * smallest.p))
    assert not (digits / 'runs').exists()


@pytest.mark.seconds
def test_wrong_names_are_refused_before_anything_is_trained(digits, tmp_path):
    def refused(error, message, *candidates, benchmark=THIN, **options):
        with pytest.raises(error, match=message):
            on(benchmark, candidates or TWINS, **{'training': TRAINING, **options})
        assert not (digits / 'runs').exists()

    refused(TrainingError, 'plain_nonet cannot be trained here', NEURN, 'plain_nonet')
    refused(ModelError, 'there is no run nowhere', NEURN, 'run:nowhere')
    refused(
        UnknownNameError, "unknown benchmark 'SklearnDigits.thim-accuracy'", benchmark='SklearnDigits.thim-accuracy'
    )
    refused(BenchmarkError, 'has the source SklearnDigits, not usps; leave --source out', source='usps')
    refused(BenchmarkError, 'there are no seeds', seeds=[])
    refused(TrainingError, 'steps is 0', training={'steps': 0})
    refused(UnknownNameError, "unknown source 'mnits'", benchmark=VISP, source='mnits')
    refused(BenchmarkError, 'needs two models or more, got 1', NEURN)
    refused(BenchmarkError, f'{NEURN} is named twice; name different models, or .*{NEURN}@none', NEURN, PLAIN, NEURN)
    refused(BenchmarkError, f'{NEURN}@none is named twice', f'{NEURN}@none', f'{NEURN}@none', benchmark=VISP)


@pytest.mark.seconds
def test_the_same_weights_by_two_names_are_one_candidate(digits):
    with pytest.raises(BenchmarkError, match=f'{NEURN}@none is named twice'):
        on(VISP, [NEURN, f'{NEURN}@none'], weights='none')


@pytest.mark.seconds
@pytest.mark.slow
def test_runs_that_do_not_belong_to_the_comparison(runs, make_images, tmp_path):
    images = make_images(tmp_path / 'images', '0123456789', 1)
    other = train(Settings(PLAIN, f'imagefolder:{images}', steps=1, batch_size=2), tmp_path / 'other')
    before = sorted(runs.iterdir())
    with pytest.raises(
        BenchmarkError, match=r'the run other was trained on imagefolder:images; .* for models trained on'
    ):
        on(THIN, [NEURN, f'run:{other.folder}'], training={'steps': 1})
    assert sorted(runs.iterdir()) == before
    # A run in the folder of another.
    named = run_settings(NEURN, 4).folder()
    shutil.copytree(run_settings(NEURN, 0).folder(), named)
    with pytest.raises(TrainingError, match='holds a run whose settings differ from its name: seed'):
        on(THIN, seeds=[4], training=TRAINING)
    (named / 'metrics.csv').write_text('')
    with pytest.raises(ModelError, match='was changed after the run ended'):
        on(THIN, seeds=[4], training=TRAINING)
    shutil.rmtree(named)


@pytest.mark.slow
@pytest.mark.seconds
def test_runs_of_other_digits_are_not_used(m2m_home, make_domain):
    benchmark = 'Qazi2025.MNIST.USPS-accuracy'
    make_domain('MNIST', train=60, test=20)
    make_domain('USPS', train=0, test=20, seed=1)
    first = on(benchmark, seeds=[0], training=TRAINING)
    assert on(benchmark, seeds=[0], training=TRAINING).rows == first.rows
    make_domain('USPS', train=0, test=20, seed=2)  # another version of a target does not matter
    on(benchmark, seeds=[0], training=TRAINING)
    make_domain('MNIST', train=60, test=20, seed=3)
    with pytest.raises(TrainingError, match=r'another version of MNIST than the one on this machine\. Move it'):
        on(benchmark, seeds=[0], training=TRAINING)


@pytest.fixture
def weights(shared):
    """Folder of the real ImageNet weights."""
    return shared / 'weights'


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.seconds
def test_trained_and_untrained_and_another_network_on_real_recordings(siegle, weights):
    """The difference is clearer than the scores, which both have a standard error of .04 to .05."""
    squeeze, shuffle = 'torchvision:squeezenet1_1', 'torchvision:shufflenet_v2_x0_5'
    candidates = [
        f'{squeeze}@{weights / "squeezenet1_1.pth"}',
        f'{squeeze}@none',
        f'{shuffle}@{weights / "shufflenet_v2_x0_5.pth"}',
    ]
    comparison = on('Siegle2021-rdm', candidates)
    assert [candidate.label for candidate in comparison.candidates] == [
        f'{squeeze}@squeezenet1_1.pth',
        f'{squeeze}@none',
        f'{shuffle}@shufflenet_v2_x0_5.pth',
    ]
    row = comparison.rows[-1]
    assert row.means[0::2] == pytest.approx([0.460, 0.382], abs=2e-3)
    assert row.errors[0::2] == pytest.approx([0.045, 0.048], abs=2e-3)
    pair = row.differences[1]
    assert (pair.first, pair.second) == (0, 2)
    assert (pair.value, pair.error) == pytest.approx((0.078, 0.024), abs=2e-3)
    assert pair.interval == pytest.approx((0.031, 0.125), abs=4e-3)
    assert pair.p_adjusted < 0.01
    # Three untrained seeds differ so much that Welch's test does not tell them from the trained network.
    assert row.ranks == [(1, 2), (1, 3), (2, 3)]
    assert row.spreads[0] is None
    assert 0 < row.spreads[1] < 0.1


WITHOUT_LIGHTNING = """
import json, sys
import pytest
sys.modules['lightning'] = None
for name, value in json.loads(sys.argv[1]).items():
    pytest.MonkeyPatch().setattr(name, value)
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.benchmarks.estimates import estimate
(comparison,) = compare(['plain_digitnet@none', 'pixels_64'], ['SimulatedMouse.VISp-rdm'], [0])
training = [name for name in sys.modules if name.startswith('m2m_benchmarks.training')]
print(json.dumps([comparison.rows[0].means, training]))
"""


@pytest.mark.process
@pytest.mark.seconds
@pytest.mark.slow
def test_a_comparison_on_recordings_needs_no_lightning(digits, settings_of_few_draws):
    command = [sys.executable, '-W', 'ignore', '-c', WITHOUT_LIGHTNING, json.dumps(settings_of_few_draws)]
    means, training = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert means[1] == pytest.approx(float(fresh_score('pixels_64', VISP)))
    assert training == []
