"""Time the metrics of other packages and ours on the same data, each side in a process of its own: `make perf`.

Run it, with this library installed, as

    python perf/side_by_side.py
    python perf/side_by_side.py --rows 'pls|cka'                                        # those whose names match
    python perf/side_by_side.py --features 512 --neuroids 200 --layers 2 --population 2000  # a quick look

The others are Brain-Score's metrics, scikit-learn, himalaya and rsatoolbox. The sides run one after the other. Seconds
are without imports and the start of threads; memory is the most that a process has had, with its imports and its data.
A difference is that of the largest of all results: of correlations and scores as it is, of numbers above 1 as a part
of the largest one.

himalaya and rsatoolbox need newer packages than this library allows: they have an environment of their own, in a
temporary folder, or in that of `--environment`, which is made where there is none and stays.

Of noise-corrected PLS, scikit-learn computes a hundredth, and its seconds are multiplied. Iterations of its PLS stop
before they have converged, which changes the scores: rows "as it stops" have no bound on the difference, and ours is
compared with the same iterations run to convergence.

A row that fails doesn't end the table. The exit status is 1 when a row fails, two results differ or, at the sizes that
are the default, ours is slower or larger than `ROWS` says.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

PEERS = ('rsatoolbox==0.3.2', 'himalaya==0.4.8')
ALPHAS = np.logspace(-1, 6, 20)
#: Penalty of the rows of a single one.
ALPHA = 1e4
N_FOLDS = 10
#: Divisions of the trials, and those of them that scikit-learn fits.
TRIAL_SPLITS, FEW_SPLITS = 100, 1
#: scikit-learn's iterations for a component otherwise end at a tolerance of 1e-6, or after 500 of them.
CONVERGED = {'tol': 1e-18, 'max_iter': 100_000}
#: Neuroids that scikit-learn's PLS is run to convergence for.
FEW_NEUROIDS = 200
#: A side that takes less than so many seconds runs in so many processes; the median counts.
SHORT_S, N_PROCESSES = 1.0, 3

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sizes:
    """Numbers of stimuli, of features of a layer, and so on; `population` is that of the rows of ours alone."""

    stimuli: int = 118
    features: int = 4096
    neuroids: int = 4000
    layers: int = 20
    areas: int = 6
    population: int = 100_000


#: Sizes of the data that both sides compute with before the clock starts.
TINY = Sizes(stimuli=60, features=40, neuroids=5, layers=1, areas=1, population=5)


def simulate(sizes: Sizes) -> Arrays:
    """Simulate features, noisy neuroids that follow a few directions of them, trials, layers, areas, a population."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(sizes.stimuli, 12))

    def follow(n: int, noise: float) -> np.ndarray:
        return latent @ rng.normal(size=(12, n)) + noise * rng.normal(size=(sizes.stimuli, n))

    test = np.zeros((N_FOLDS, sizes.stimuli), dtype=bool)
    for number, part in enumerate(np.array_split(rng.permutation(sizes.stimuli), N_FOLDS)):
        test[number, part] = True
    features, responses = follow(sizes.features, 2), follow(sizes.neuroids, 4)
    vectors, lengths, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    specimen = responses[:, :1000]
    return {
        'features': features,
        'reduced': (vectors * lengths)[:, : sizes.stimuli - 1],
        'responses': responses,
        'trials': specimen + 4 * rng.normal(size=(20, *specimen.shape)),
        'test': test,
        'layers': np.stack([follow(sizes.features, 2) for _ in range(sizes.layers)]),
        'areas': np.stack([follow(max(sizes.neuroids // 10, 2), 4) for _ in range(sizes.areas)]),
        'population': follow(sizes.population, 4),
    }


def folds(arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in arrays['test']]


def assembly(values: np.ndarray, prefix: str) -> Any:
    from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly

    n_stimuli, n_neuroids = values.shape
    return NeuroidAssembly(
        values,
        coords={
            'stimulus_id': ('presentation', [f'stimulus{i:05}' for i in range(n_stimuli)]),
            'object_name': ('presentation', ['object'] * n_stimuli),
            'neuroid_id': ('neuroid', [f'{prefix}{i:07}' for i in range(n_neuroids)]),
            'region': ('neuroid', [prefix] * n_neuroids),
        },
        dims=['presentation', 'neuroid'],
    )


def assemblies(arrays: Arrays) -> dict[str, Any]:
    return {name: assembly(arrays[name], name) for name in ('features', 'responses')}


def stock(metric: str, **options: Any) -> Callable[[dict[str, Any]], Arrays]:
    """Make the function that scores assemblies by a metric of Brain-Score."""

    def score(labelled: dict[str, Any]) -> Arrays:
        from brainscore_vision import load_metric

        return {'score': np.array(float(load_metric(metric, **options)(labelled['features'], labelled['responses'])))}

    return score


def our_stock_ridge(arrays: Arrays) -> Arrays:
    """Compute the stock metric with our functions: same splits, penalty and aggregation."""
    from m2m_benchmarks.arrays import kernel, pearson, ridge, shuffle_splits

    products, medians = kernel(arrays['features']), []
    for train, test in shuffle_splits(len(products)):
        predictions, _ = ridge(products, arrays['responses'], (train, test), [1.0], relative=False)
        medians.append(np.median(pearson(predictions, arrays['responses'][test])))
    return {'score': np.mean(medians)}


def our_stock_pls(arrays: Arrays) -> Arrays:
    """Compute the stock metric with our functions: same splits and aggregation."""
    from m2m_benchmarks.arrays import kernel, pearson, shuffle_splits
    from m2m_benchmarks.arrays.pls import pls

    products, medians = kernel(arrays['features']), []
    for train, test in shuffle_splits(len(products)):
        predictions = pls(products, arrays['responses'], (train, test))
        medians.append(np.median(pearson(predictions, arrays['responses'][test])))
    return {'score': np.mean(medians)}


def our_stock_rdm(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays.comparators import RSA

    rsa = RSA()
    return {'score': np.array(rsa.compare(rsa.rdm(arrays['features']), rsa.rdm(arrays['responses'])))}


def our_cka(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays.cka import cka

    return {'score': np.array(cka(arrays['features'], arrays['responses']))}


def stock_cka(arrays: Arrays) -> Arrays:
    from brainscore_vision.metrics.cka.metric import unbiased_linear_CKA

    return {'score': np.array(unbiased_linear_CKA(arrays['features'], arrays['responses']))}


def ridge_cv(arrays: Arrays, name: str) -> Arrays:
    from sklearn.linear_model import RidgeCV

    x, y = arrays[name], arrays['responses']
    predictions, chosen = np.empty_like(y), []
    for train, test in folds(arrays):
        fit = RidgeCV(ALPHAS, alpha_per_target=True, gcv_mode='eigen').fit(x[train], y[train])
        predictions[test] = fit.predict(x[test])
        chosen.append(np.searchsorted(ALPHAS, fit.alpha_))
    return {'predictions': predictions, 'chosen': np.array(chosen)}


def our_ridge_cv(arrays: Arrays, name: str) -> Arrays:
    from m2m_benchmarks.arrays import kernel, ridge

    y, products = arrays['responses'], kernel(arrays[name])
    predictions, chosen = np.empty_like(y), []
    for train, test in folds(arrays):
        predictions[test], own = ridge(products, y, (train, test), ALPHAS, relative=False)
        chosen.append(np.searchsorted(ALPHAS, own))
    return {'predictions': predictions, 'chosen': np.array(chosen)}


def himalaya_ridge(arrays: Arrays) -> Arrays:
    from himalaya.kernel_ridge import KernelRidge

    x, y = arrays['features'], arrays['responses']
    predictions = np.empty_like(y)
    for train, test in folds(arrays):
        mean, level = x[train].mean(axis=0), y[train].mean(axis=0)
        fit = KernelRidge(alpha=ALPHA, kernel='linear').fit(x[train] - mean, y[train] - level)
        predictions[test] = fit.predict(x[test] - mean) + level
    return {'predictions': predictions}


def our_ridge(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays import cross_predict

    return {
        'predictions': cross_predict(arrays['features'], arrays['responses'], folds(arrays), [ALPHA], relative=False)
    }


def of_few(arrays: Arrays) -> Arrays:
    """Keep the first neuroids: with all of them, convergence takes hours."""
    return {**arrays, 'responses': arrays['responses'][:, :FEW_NEUROIDS]}


def pls_regression(arrays: Arrays, **until: float) -> Arrays:
    """Predict by scikit-learn, whose iterations go on `until` a tolerance."""
    from sklearn.cross_decomposition import PLSRegression

    from m2m_benchmarks.arrays import pearson

    x, y = arrays['features'], arrays['responses']
    predictions = np.empty_like(y)
    for train, test in folds(arrays):
        predictions[test] = PLSRegression(25, scale=False, **until).fit(x[train], y[train]).predict(x[test])
    return {'score': np.median(pearson(predictions, y))}


def our_pls(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays import pearson
    from m2m_benchmarks.arrays.pls import pls_predict

    predictions = pls_predict(arrays['features'], arrays['responses'], folds(arrays))
    return {'score': np.median(pearson(predictions, arrays['responses']))}


def noise_corrected(arrays: Arrays, **until: float) -> Arrays:
    """Compute mouse-vision's formula by scikit-learn, whose iterations go on `until` a tolerance."""
    from sklearn.cross_decomposition import PLSRegression

    from m2m_benchmarks.arrays import half_means, pearson, shuffle_splits, spearman_brown

    features, values = arrays['features'], []
    for first, second in half_means(arrays['trials'], FEW_SPLITS):
        for train, test in shuffle_splits(len(features), train_size=0.5):
            fits = [
                PLSRegression(25, scale=False, **until).fit(features[train], half[train]) for half in (first, second)
            ]
            predictions = [fit.predict(features[test]) for fit in fits]
            reliabilities = [spearman_brown(pearson(*predictions)), spearman_brown(pearson(first[test], second[test]))]
            product = np.where(np.minimum(*reliabilities) > 0, reliabilities[0] * reliabilities[1], np.nan)
            values.append(pearson(predictions[0], second[test]) / np.sqrt(product))
    return {'score': np.median(np.nanmean(values, axis=0))}


def our_noise_corrected(arrays: Arrays) -> Arrays:
    """Compute all, and the part of it whose score is compared: the seconds are of both."""
    from m2m_benchmarks.arrays import shuffle_splits
    from m2m_benchmarks.arrays.noise_corrected import noise_corrected_pls

    splits = shuffle_splits(len(arrays['features']), train_size=0.5)
    _, few = (noise_corrected_pls(arrays['features'], arrays['trials'], splits, n) for n in (TRIAL_SPLITS, FEW_SPLITS))
    return {'score': np.median(few.values)}


def rsatoolbox_rdms(arrays: Arrays) -> Arrays:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    layers, areas = (
        calc_rdm([Dataset(values) for values in arrays[name]], method='correlation') for name in ('layers', 'areas')
    )
    return {'correlations': compare(layers, areas, method='spearman')}


def our_rdms(arrays: Arrays) -> Arrays:
    from m2m_benchmarks.arrays.comparators import RSA
    from m2m_benchmarks.arrays.threads import map_in_threads

    rsa = RSA()

    def prepared(name: str) -> list[Any]:
        return [rsa.comparator.draw(rdm, None) for rdm in map_in_threads(rsa.rdm, arrays[name])]

    areas, layers = prepared('areas'), prepared('layers')
    return {'correlations': np.array([[rsa.comparator.compare(layer, area) for area in areas] for layer in layers])}


def population_ridge(arrays: Arrays, **options: Any) -> Arrays:
    """Score all layers on a population."""
    from m2m_benchmarks.arrays import held_out_correlations

    scores = [np.median(held_out_correlations(layer, arrays['population'], **options)) for layer in arrays['layers']]
    return {'scores': np.array(scores)}


@dataclass(frozen=True)
class Row:
    """A computation of another package and ours, or of ours alone.

    Attributes
    ----------
    name, package : str
    inputs : tuple of str
        Names of the simulated arrays that the sides are given.
    theirs, ours : callable
        Function of arrays by name that returns results by name. `theirs` is None where nothing is compared.
    ratio : float or None
        How many times faster ours has to be.
    difference : float or None
        Largest difference of the results; see the description of this script.
    labelled : bool
        Whether theirs takes assemblies, which are made before the clock starts.
    own_environment : bool
        Whether the package runs in an environment of its own.
    share : float
        Part of the work that theirs does. Its seconds are divided by it.
    seconds, gigabytes : float or None
        Most time and memory of ours.
    """

    name: str
    package: str
    inputs: tuple[str, ...]
    theirs: Callable[[Any], Arrays] | None
    ours: Callable[[Arrays], Arrays]
    ratio: float | None = None
    difference: float | None = None
    labelled: bool = False
    own_environment: bool = False
    share: float = 1
    seconds: float | None = None
    gigabytes: float | None = None


def rows() -> list[Row]:
    """List the rows of the table, with what each has to show."""
    pair, both = ('features', 'responses'), ('features', 'responses', 'test')
    unstratified = {'crossvalidation_kwargs': {'stratification_coord': None}}
    folded = Row('PLS, 25 components, 10 folds', 'scikit-learn, as it stops', both, pls_regression, our_pls, ratio=1)
    corrected = Row(
        'noise-corrected PLS, 100 x 10 splits',
        'scikit-learn, as it stops',
        ('features', 'trials'),
        noise_corrected,
        our_noise_corrected,
        ratio=50,
        share=FEW_SPLITS / TRIAL_SPLITS,
    )
    population = Row(
        'ridge, layers x population, alpha 1',
        'ours alone',
        ('layers', 'population'),
        None,
        lambda arrays: population_ridge(arrays, alphas=[1.0], relative=False),
        seconds=60,
        gigabytes=4,
    )
    return [
        Row(
            'ridge, alpha 1',
            'Brain-Score ridge',
            pair,
            stock('ridge', **unstratified),
            our_stock_ridge,
            ratio=150,
            difference=1e-6,
            labelled=True,
        ),
        Row(
            'PLS, 25 components',
            'Brain-Score pls',
            pair,
            stock('pls', **unstratified),
            our_stock_pls,
            ratio=60,
            difference=1e-4,
            labelled=True,
        ),
        Row(
            'RDM + Spearman',
            'Brain-Score rdm',
            pair,
            stock('rdm'),
            our_stock_rdm,
            ratio=1,
            difference=1e-9,
            labelled=True,
        ),
        Row('debiased CKA', 'Brain-Score cka', pair, stock_cka, our_cka, difference=1e-9),
        Row(
            'ridge, 20 alphas, reduced features',
            'scikit-learn RidgeCV',
            ('reduced', 'responses', 'test'),
            lambda arrays: ridge_cv(arrays, 'reduced'),
            lambda arrays: our_ridge_cv(arrays, 'reduced'),
            ratio=2,
            difference=1e-6,
        ),
        Row(
            'ridge, 20 alphas, raw features',
            'scikit-learn RidgeCV',
            both,
            lambda arrays: ridge_cv(arrays, 'features'),
            lambda arrays: our_ridge_cv(arrays, 'features'),
            ratio=20,
            difference=1e-6,
        ),
        Row(
            'ridge, one alpha',
            'himalaya KernelRidge',
            both,
            himalaya_ridge,
            our_ridge,
            ratio=1,
            difference=1e-6,
            own_environment=True,
        ),
        folded,
        replace(
            folded,
            name=f'PLS, 10 folds, {FEW_NEUROIDS} neuroids',
            package='scikit-learn, to convergence',
            theirs=lambda arrays: pls_regression(of_few(arrays), **CONVERGED),
            ours=lambda arrays: our_pls(of_few(arrays)),
            difference=1e-8,
        ),
        Row(
            'RDM + Spearman, layers x areas',
            'rsatoolbox',
            ('layers', 'areas'),
            rsatoolbox_rdms,
            our_rdms,
            ratio=10,
            difference=1e-10,
            own_environment=True,
        ),
        corrected,
        replace(
            corrected,
            package='scikit-learn, to convergence',
            theirs=lambda arrays: noise_corrected(arrays, **CONVERGED),
            ratio=None,
            difference=1e-4,
        ),
        population,
        replace(population, name='ridge, layers x population, 13 alphas', ours=population_ridge, seconds=180),
    ]


ROWS = rows()


def peak_mb() -> float:
    """Read the most memory that this process has had at a time, in MB: the system's figure for a child is another."""
    status = Path('/proc/self/status').read_text()
    return int(status.partition('VmHWM:')[2].split()[0]) / 1024


def run_side(folder: Path, number: int, side: str) -> None:
    """Measure one side of a row in this process; writes `side.npz` and `side.json`."""
    row = ROWS[number]
    compute = getattr(row, side)
    given = assemblies if row.labelled and side == 'theirs' else dict
    tiny = simulate(TINY)
    compute(given({name: tiny[name] for name in row.inputs}))  # imports and thread pools are not timed
    arrays = given({name: np.load(folder / f'{name}.npy') for name in row.inputs})
    start = time.perf_counter()
    results = compute(arrays)
    seconds = time.perf_counter() - start
    np.savez(folder / f'{side}.npz', **results)
    (folder / f'{side}.json').write_text(json.dumps({'seconds': seconds, 'mb': peak_mb()}))


@dataclass(frozen=True)
class Side:
    """What was measured of one side of a row."""

    seconds: float
    mb: float
    results: Arrays


def measure(folder: Path, row: Row, side: str, python: str) -> Side:
    """Measure one side of a row in processes of its own.

    Raises
    ------
    RuntimeError
        When a process fails; with the end of what it wrote.
    """
    command = [python, '-W', 'ignore', __file__, '--side', str(folder), str(ROWS.index(row)), side]
    # Otherwise Brain-Score installs a metric's requirements, and progress bars are drawn.
    environment = os.environ | {'BS_INSTALL_DEPENDENCIES': 'no', 'TQDM_DISABLE': '1'}
    measured: list[dict[str, float]] = []
    while not measured or (measured[0]['seconds'] < SHORT_S and len(measured) < N_PROCESSES):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = ''.join(done.stderr.strip().splitlines()[-1:])
            raise RuntimeError(f'the process of {side} ended with status {done.returncode}: {said}')
        measured.append(json.loads((folder / f'{side}.json').read_text()))
    with np.load(folder / f'{side}.npz') as file:
        results = dict(file)
    seconds, mb = (float(np.median([each[name] for each in measured])) for name in ('seconds', 'mb'))
    return Side(seconds / (row.share if side == 'theirs' else 1), mb, results)


def apart(theirs: Arrays, ours: Arrays) -> float:
    """Largest difference of two sides; of numbers above 1 relative to the largest one."""
    return max(float(np.abs(ours[name] - theirs[name]).max() / max(np.abs(theirs[name]).max(), 1)) for name in theirs)


def misses(row: Row, ours: Side, ratio: float | None, difference: float | None, default: bool) -> list[str]:
    """Say what a row should show and doesn't; bounds on time and memory are for the default sizes."""
    missed = []
    if row.difference is not None and difference is not None and not difference <= row.difference:
        missed.append(f'the results differ by {difference:.2g}, {row.difference:g} at most is expected')
    if default and row.ratio is not None and ratio is not None and ratio < row.ratio:
        missed.append(f'{ratio:.1f} times faster, {row.ratio:g} are required')
    if default and row.seconds is not None and ours.seconds > row.seconds:
        missed.append(f'{ours.seconds:.1f} s, {row.seconds:g} at most are allowed')
    if default and row.gigabytes is not None and ours.mb > 1000 * row.gigabytes:
        missed.append(f'{ours.mb / 1000:.1f} GB, {row.gigabytes:g} at most are allowed')
    return missed


HEAD = (
    f'{"":39}{"against":30}{"theirs, s":>10}{"ours, s":>9}{"ratio":>8}{"required":>9}'
    f'{"theirs, MB":>11}{"ours, MB":>9}{"difference":>11}{"allowed":>8}'
)


def run_row(row: Row, folder: Path, peers: str | None, default: bool) -> list[str]:
    """Measure a row and print it; what is missed or fails."""
    ratio = difference = None
    theirs = None
    try:
        if row.theirs is not None:
            if row.own_environment and peers is None:
                raise RuntimeError('there is no environment with its package')
            theirs = measure(folder, row, 'theirs', peers if row.own_environment and peers else sys.executable)
        ours = measure(folder, row, 'ours', sys.executable)
    except RuntimeError as error:
        print(f'{row.name:39}{row.package:30}failed', flush=True)
        return [str(error)]
    if theirs is not None:
        ratio, difference = theirs.seconds / ours.seconds, apart(theirs.results, ours.results)
    package = row.package if theirs else f'at most {row.seconds:g} s, {row.gigabytes:g} GB'

    def cell(value: float | None, width: int, form: str) -> str:
        return ' ' * width if value is None else f'{value:{width}{form}}'

    print(
        f'{row.name:39}{package:30}'
        + cell(theirs and theirs.seconds, 10, '.3f')
        + cell(ours.seconds, 9, '.3f')
        + cell(ratio, 8, '.1f')
        + cell(row.ratio, 9, 'g')
        + cell(theirs and theirs.mb, 11, '.0f')
        + cell(ours.mb, 9, '.0f')
        + cell(difference, 11, '.1e')
        + cell(row.difference, 8, 'g'),
        flush=True,
    )
    return misses(row, ours, ratio, difference, default)


def environment_of_peers(folder: Path) -> str:
    """Install the packages that need an environment of their own, where the folder has none; its Python.

    uv takes seconds; where there is none, or it fails, as an index may be among pip's settings alone, pip does it.

    Raises
    ------
    OSError, RuntimeError
        When the folder can't be written, or the packages can't be installed.
    """
    python = folder / 'bin' / 'python'
    wanted = folder / 'peers.txt'
    if wanted.exists() and wanted.read_text().split() == list(PEERS):
        return str(python)
    print(f'installing {", ".join(PEERS)} into {folder}', file=sys.stderr, flush=True)
    venv.create(folder)
    options = ['install', '--quiet', *PEERS]
    commands = [[sys.executable, '-m', 'pip', '--python', str(python), *options]]
    uv = shutil.which('uv') or shutil.which('uv', path=str(Path(sys.executable).parent))
    if uv is not None:
        commands.insert(0, [uv, 'pip', options[0], '--python', str(python), *options[1:]])
    if all(subprocess.run(command, check=False, stdout=sys.stderr).returncode for command in commands):
        raise RuntimeError(f'{", ".join(PEERS)} cannot be installed into {folder}')
    wanted.write_text('\n'.join(PEERS))
    return str(python)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in asdict(Sizes()).items():
        parser.add_argument(f'--{name}', type=int, default=number)
    parser.add_argument('--rows', default='', metavar='PATTERN', help='a regular expression, of names and packages')
    parser.add_argument('--environment', type=Path, metavar='FOLDER', help='keep that of himalaya and rsatoolbox here')
    parser.add_argument('--side', nargs=3, metavar=('FOLDER', 'ROW', 'SIDE'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side is not None:
        run_side(Path(args.side[0]), int(args.side[1]), args.side[2])
        return 0
    wanted = [row for row in ROWS if re.search(args.rows, f'{row.name}, {row.package}', re.IGNORECASE)]
    if not wanted:
        parser.error('--rows matches none of:\n' + '\n'.join(f'{row.name}, {row.package}' for row in ROWS))
    sizes = Sizes(**{name: getattr(args, name) for name in asdict(Sizes())})
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = None
        if any(row.own_environment for row in wanted):
            try:
                peers = environment_of_peers(args.environment or folder / 'environment')
            except (OSError, RuntimeError) as error:
                failures.append(f'himalaya and rsatoolbox: {error}')
        for array, values in simulate(sizes).items():
            np.save(folder / array, values)
        print(', '.join(f'{number:,} {what}' for what, number in asdict(sizes).items()))
        print(HEAD, flush=True)
        for row in wanted:
            missed = run_row(row, folder, peers, sizes == Sizes())
            failures += [f'{row.name}, {row.package}: {what}' for what in missed]
    for failure in failures:
        print(f'FAILED: {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
