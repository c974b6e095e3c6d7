"""Two models on one benchmark: differences, their errors and their figure."""

import errno
import json
import os
import shutil
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats

from m2m_benchmarks import score
from m2m_benchmarks.errors import BenchmarkError, ModelError, StorageError, TrainingError, UnknownNameError
from m2m_benchmarks.report.comparison import check_figure, draw, write_figure
from m2m_benchmarks.scoring.runs import read_run
from m2m_benchmarks.training.comparison import Comparison, Row, compare, drawn, paired
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.train import train

THIN = 'SklearnDigits.thin-accuracy'
NEURN, PLAIN = 'neurn_squeezenet1_1_at32', 'plain_squeezenet1_1_at32'
TRAINING = {'steps': 3, 'batch_size': 8, 'interval': 1, 'learning_rate': 1e-3}


def asked(model, seed=0, **options):
    return Settings(model, 'SklearnDigits', seed, **{**TRAINING, **options})


def without_clock(comparison):
    results = [
        {k: v for k, v in each.items() if k not in ('seconds', 'created', 'peak_memory_mb')}
        for each in comparison.results
    ]
    return comparison.rows, results


# Numbers

VALUES = st.floats(-1, 1).map(lambda value: round(value, 6))


@settings(deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=12).filter(
        lambda pairs: np.ptp(np.subtract(*zip(*pairs, strict=True))) > 1e-4
    )
)
@pytest.mark.seconds
def test_paired_differences_are_those_of_scipy(pairs):
    first, second = zip(*pairs, strict=True)
    difference, error, interval = paired(first, second)
    expected = stats.ttest_rel(first, second)
    low, high = expected.confidence_interval(0.95)
    assert difference == pytest.approx(np.mean(first) - np.mean(second), abs=1e-9)
    assert difference / error == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)
    assert interval == pytest.approx((low, high), rel=1e-6, abs=1e-9)
    swapped = paired(second, first)
    assert swapped == (pytest.approx(-difference), pytest.approx(error), pytest.approx((-interval[1], -interval[0])))


def test_paired_differences_that_are_all_alike():
    assert paired([0.5, 0.75], [0.25, 0.5]) == (0.25, 0, (0.25, 0.25))


@settings(deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=300), VALUES)
@pytest.mark.seconds
def test_drawn_differences_are_those_of_a_slow_version(draws, difference):
    first, second = (np.array(each) for each in zip(*draws, strict=True))
    ordered = sorted(one - other for one, other in draws)

    def quantile(share):
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    mean = sum(ordered) / len(ordered)
    spread = (sum((value - mean) ** 2 for value in ordered) / (len(ordered) - 1)) ** 0.5
    found = drawn(first, second, difference)
    assert found[0] == difference
    assert found[1] == pytest.approx(spread, abs=1e-9)
    assert found[2] == pytest.approx((quantile(0.025), quantile(0.975)), abs=1e-9)


# Comparisons


@pytest.fixture(scope='module')
def trained(digits_home, tmp_path_factory):
    """M2M_HOME with four runs of each of two seeds, which were compared once; and what that gave."""
    home = tmp_path_factory.mktemp('compared') / 'm2m_home'
    home.mkdir()
    (home / 'data').symlink_to(digits_home / 'data')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('M2M_HOME', str(home))
        # One run is there, and one was broken off after its second step.
        train(asked(NEURN, 1))

        def stop(what, done, total):
            if what.startswith('training') and done == 3:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            train(asked(PLAIN, 0), progress=stop)
        there = read_run(asked(NEURN, 1).folder()).weights.stat().st_mtime_ns
        told = []
        found = compare(NEURN, PLAIN, THIN, (0, 1), training=TRAINING, progress=lambda *what: told.append(what))
        assert read_run(asked(NEURN, 1).folder()).weights.stat().st_mtime_ns == there
    return home, found, told


@pytest.fixture
def runs(trained, monkeypatch):
    monkeypatch.setenv('M2M_HOME', str(trained[0]))
    return trained[0] / 'runs'


@pytest.mark.seconds
@pytest.mark.slow
def test_runs_that_are_there_are_used_and_broken_off_ones_go_on(trained, runs):
    _, found, told = trained
    steps = {}
    for what, done, _ in told:
        if what.endswith('training: steps'):
            steps.setdefault(what.split(':')[0], []).append(done)
    assert steps == {f'{NEURN}, seed 0': [1, 2, 3], f'{PLAIN}, seed 0': [3], f'{PLAIN}, seed 1': [1, 2, 3]}
    assert [what for what in told if what[0] == 'seeds'] == [('seeds', 1, 2), ('seeds', 2, 2)]
    assert {path.name for path in runs.iterdir()} == {
        asked(model, seed).folder().name for model in (NEURN, PLAIN) for seed in (0, 1)
    }
    again = []
    second = compare(NEURN, PLAIN, THIN, (0, 1), training=TRAINING, progress=lambda *what: again.append(what[0]))
    assert not [what for what in again if 'training' in what]
    assert without_clock(second) == without_clock(found)


@pytest.mark.seconds
@pytest.mark.slow
def test_a_comparison_is_paired_over_seeds(trained, runs):
    _, found, _ = trained
    assert (found.models, found.benchmark, found.seeds) == ((NEURN, PLAIN), THIN, [0, 1])
    assert found.method == "paired over 2 seeds, Student's t"
    scores = [score(f'run:{asked(model, seed).folder()}', THIN) for model in (NEURN, PLAIN) for seed in (0, 1)]
    assert [each['seed'] for each in found.results] == [0, 1, 0, 1]
    assert [each['model'] for each in found.results] == [NEURN, NEURN, PLAIN, PLAIN]
    assert [each['score'] for each in found.results] == [float(each) for each in scores]
    values = {
        'in-domain': [each.attrs['in_domain']['accuracy'] for each in scores],
        'thin': [each.attrs['targets']['thin']['accuracy'] for each in scores],
        'score': [float(each) for each in scores],
    }
    assert [row.name for row in found.rows] == list(values)
    for row in found.rows:
        assert row.first + row.second == values[row.name]
        differences = np.subtract(row.first, row.second)
        assert row.difference == pytest.approx(differences.mean())
        assert row.error == pytest.approx(abs(differences[0] - differences[1]) / 2)  # of two
        assert row.interval[1] - row.difference == pytest.approx(12.7062047 * row.error)  # t with one degree of freedom
    text = json.dumps(found.document(), allow_nan=False)
    assert json.loads(text)['rows'][2]['name'] == 'score'


def bootstrap(first, second):
    differences = first.attrs['draws'] - second.attrs['draws']
    return (
        pytest.approx(float(first) - float(second)),
        pytest.approx(np.std(differences, ddof=1)),
        pytest.approx(tuple(np.percentile(differences, [2.5, 97.5]))),
    )


@pytest.mark.slow
@pytest.mark.seconds
def test_a_single_seed_and_two_runs_are_compared_on_the_same_draws(runs):
    paths = [f'run:{asked(model, 1).folder()}' for model in (NEURN, PLAIN)]
    expected = bootstrap(*(score(path, THIN) for path in paths))
    single = compare(NEURN, PLAIN, THIN, [1], training=TRAINING)
    named = compare(*paths, THIN)
    mixed = compare(paths[0], f'run:{asked(PLAIN, 1).folder().name}', THIN, (5, 6))
    for found in (single, named, mixed):
        assert found.method == 'one of each; bootstrap, the same draws for both'
        row = found.rows[-1]
        assert (row.difference, row.error, row.interval) == expected
    assert (single.seeds, named.seeds, mixed.seeds) == ([1], None, None)
    same = compare(paths[0], paths[0], THIN)
    assert {(row.difference, row.error, row.interval) for row in same.rows} == {(0, 0, (0, 0))}
    json.dumps(same.document(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.seconds
def test_a_run_against_a_model_that_is_trained_for_it(runs):
    found = compare(f'run:{asked(NEURN, 0).folder()}', PLAIN, THIN, training=TRAINING)
    assert [each['seed'] for each in found.results] == [0, 0]
    assert found.seeds is None


@pytest.mark.slow
@pytest.mark.seconds
def test_trained_models_on_what_a_mouse_saw(runs):
    found = compare(NEURN, PLAIN, 'SimulatedMouse.VISp-rdm', (0, 1), source='sklearn-digits', training=TRAINING)
    for seed, result in zip((0, 1), found.results[:2], strict=True):
        assert result['weights'].startswith(f'run {asked(NEURN, seed).folder().name}: SklearnDigits, seed {seed}')
    assert [row.name for row in found.rows] == ['score']


@pytest.mark.seconds
@pytest.mark.slow
def test_untrained_models_over_seeds(digits):
    found = compare('neurn_digitnet', 'plain_digitnet', 'SimulatedMouse.VISp-rdm', (0, 3), weights='none')
    assert [each['weights'] for each in found.results] == ['none (seed 0)', 'none (seed 3)'] * 2
    assert found.seeds == [0, 3]
    (row,) = found.rows
    last = [float(score(model, 'SimulatedMouse.VISp-rdm', weights='none', seed=3)) for model in found.models]
    assert [row.first[1], row.second[1]] == last
    assert row.first[0] != row.first[1]
    assert row.difference == pytest.approx(np.mean(row.first) - np.mean(row.second))
    assert not (digits / 'runs').exists()


@pytest.mark.slow
@pytest.mark.seconds
def test_areas_have_a_row_each(digits):
    found = compare('neurn_digitnet', 'plain_digitnet', 'SimulatedMouse-rdm', [2], weights='none')
    assert [row.name for row in found.rows] == ['VISp', 'VISl', 'VISal', 'VISpm', 'VISam', 'VISrl', 'score']
    assert found.rows[-1].first[0] == pytest.approx(np.mean([row.first[0] for row in found.rows[:-1]]))
    row = found.rows[2]
    areas = [score(model, 'SimulatedMouse.VISal-rdm', weights='none', seed=2) for model in found.models]
    assert (row.difference, row.error, row.interval) == bootstrap(*areas)


@pytest.mark.seconds
@pytest.mark.slow
def test_models_that_are_scored_on_other_neuroids_are_not_called_paired(digits, tmp_path):
    """One maps the area itself, so that it is scored on all of them; the other's layer is chosen on one half."""
    found = compare('plain_shufflenet_v2_x0_5', 'plain_digitnet', 'SimulatedMouse.VISp-ridge', [0], weights='none')
    assert found.results[0]['n_neuroids'] > found.results[1]['n_neuroids']
    assert found.method == 'one of each; bootstrap, unpaired: they were scored on different neuroids'


@pytest.mark.seconds
def test_what_is_wrong_is_said_before_anything_is_trained(digits, tmp_path):
    def refused(error, message, *arguments, **options):
        with pytest.raises(error, match=message):
            compare(*arguments, **{'training': TRAINING, **options})
        assert not (digits / 'runs').exists()

    refused(TrainingError, 'plain_nonet cannot be trained here', NEURN, 'plain_nonet', THIN)
    refused(ModelError, 'there is no run nowhere', NEURN, 'run:nowhere', THIN)
    refused(
        UnknownNameError, "unknown benchmark 'SklearnDigits.thim-accuracy'", NEURN, PLAIN, 'SklearnDigits.thim-accuracy'
    )
    refused(
        BenchmarkError, 'has the source SklearnDigits, not usps; leave --source out', NEURN, PLAIN, THIN, source='usps'
    )
    refused(BenchmarkError, 'there are no seeds to compare over', NEURN, PLAIN, THIN, seeds=[])
    refused(TrainingError, 'steps is 0', NEURN, PLAIN, THIN, training={'steps': 0})
    refused(UnknownNameError, "unknown source 'mnits'", NEURN, PLAIN, 'SimulatedMouse.VISp-rdm', source='mnits')


@pytest.mark.seconds
@pytest.mark.slow
def test_runs_that_do_not_belong_to_the_comparison(runs, make_images, tmp_path):
    images = make_images(tmp_path / 'images', '0123456789', 1)
    other = train(Settings(PLAIN, f'imagefolder:{images}', steps=1, batch_size=2), tmp_path / 'other')
    before = sorted(runs.iterdir())
    with pytest.raises(
        BenchmarkError, match=r'the run other was trained on imagefolder:images; .* for models trained on'
    ):
        compare(NEURN, f'run:{other.folder}', THIN, training={'steps': 1})
    assert sorted(runs.iterdir()) == before
    # One that was put where another is looked for.
    named = asked(NEURN, 4).folder()
    shutil.copytree(asked(NEURN, 0).folder(), named)
    with pytest.raises(TrainingError, match='holds a run with other settings than its name says: seed'):
        compare(NEURN, PLAIN, THIN, [4], training=TRAINING)
    (named / 'metrics.csv').write_text('')
    with pytest.raises(ModelError, match='was changed after the run ended'):
        compare(NEURN, PLAIN, THIN, [4], training=TRAINING)
    shutil.rmtree(named)


@pytest.mark.slow
@pytest.mark.seconds
def test_runs_of_other_digits_are_not_taken(m2m_home, make_domain):
    benchmark = 'Qazi2025.MNIST.USPS-accuracy'
    make_domain('MNIST', train=60, test=20)
    make_domain('USPS', train=0, test=20, seed=1)
    found = compare(NEURN, PLAIN, benchmark, [0], training=TRAINING)
    assert compare(NEURN, PLAIN, benchmark, [0], training=TRAINING).rows == found.rows
    make_domain('USPS', train=0, test=20, seed=2)  # of a target, another version is no matter
    compare(NEURN, PLAIN, benchmark, [0], training=TRAINING)
    make_domain('MNIST', train=60, test=20, seed=3)
    with pytest.raises(TrainingError, match=r'trained on another version of MNIST than is on this machine\. Move it'):
        compare(NEURN, PLAIN, benchmark, [0], training=TRAINING)


# Figures


def comparison(chance=0.1, seeds=3):
    rng = np.random.default_rng(0)
    rows = []
    for name in ('in-domain', 'thin', 'score'):
        first, second = rng.random((2, seeds)).tolist()
        rows.append(Row(name, first, second, -0.2, 0.1, (-0.45, 0.3)))
    result = {'chance': chance} if chance else {}
    return Comparison(('neurn_net', 'plain_net'), 'Bench-mark', list(range(seeds)), 'as drawn', rows, [result])


def test_a_figure_shows_every_seed_the_means_and_the_intervals():
    told = comparison()
    figure = draw(told)
    values, differences = figure.axes
    dots = {}
    for collection in values.collections:
        for x, y in collection.get_offsets():
            dots.setdefault((to_hex(collection.get_facecolor()[0]), round(float(y), 2)), []).append(round(float(x), 6))
    colours = sorted({colour for colour, _ in dots})
    assert len(colours) == 2
    for number, row in enumerate(told.rows):
        place = len(told.rows) - 1 - number  # the first on top
        shown = [
            dots[colour, round(place + offset, 2)]
            for offset in (0.12, -0.12)
            for colour in colours
            if (colour, round(place + offset, 2)) in dots
        ]
        for own, expected in zip(shown, (row.first, row.second), strict=True):
            assert own == pytest.approx([*expected, np.mean(expected)], abs=1e-5)
    assert [text.get_text() for text in values.get_yticklabels()] == ['in-domain', 'thin', 'score']
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['neurn_net', 'plain_net', 'chance']
    assert 'Bench-mark\nas drawn' in figure.get_suptitle()
    (intervals,) = differences.collections
    assert [segment[:, 0].tolist() for segment in intervals.get_segments()] == [[-0.45, 0.3]] * 3
    assert len(draw(comparison(None)).legends[0].get_texts()) == 2


@pytest.mark.seconds
@pytest.mark.parametrize(('name', 'start'), [('a.png', b'\x89PNG'), ('a.svg', b'<?xml'), ('a.PDF', b'%PDF')])
@pytest.mark.parametrize('seeds', [1, 3])
def test_figures_of_each_format(tmp_path, name, start, seeds):
    write_figure(comparison(seeds=seeds), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name == 'a.png':
        with Image.open(tmp_path / name) as image:
            assert image.width > 1000
            assert len(image.convert('RGB').getcolors(1 << 20)) > 20


@pytest.mark.parametrize('before', [None, b'an earlier one'])
@pytest.mark.seconds
def test_a_figure_is_written_whole_or_not_at_all(tmp_path, monkeypatch, before):
    path = tmp_path / 'a.png'
    if before is not None:
        path.write_bytes(before)

    def savefig(self, file, **options):
        file.write(b'half of it')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Figure, 'savefig', savefig)
    with pytest.raises(StorageError, match=r'cannot write a\.png to .*No space left on device'):
        write_figure(comparison(), path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == (before is not None)


@pytest.mark.parametrize('name', ['a.gif', 'a', 'a.png.txt', '.png', 'folder.png'])
def test_figures_that_cannot_be_drawn(tmp_path, name):
    (tmp_path / 'folder.png').mkdir()
    with pytest.raises(StorageError, match=r'expected a file that ends in \.png, \.svg, \.pdf'):
        check_figure(tmp_path / name)
    (tmp_path / 'file').touch()
    with pytest.raises(StorageError, match='Name another file after --figure'):
        check_figure(tmp_path / 'file' / 'a.png')
