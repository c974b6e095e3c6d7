"""Seconds and memory of our metrics over the numbers of neuroids, features and stimuli: a table and a picture.

Run it, with this library installed, as

    python perf/scaling.py                                             # measures, prints, and draws docs/scaling.png
    python perf/scaling.py --points FILE                               # goes on where an earlier run stopped
    python perf/scaling.py --axes stimuli --seconds-at-most 5 --picture picture.png  # a quick look

One number varies, the others are 118 stimuli, 4,096 features and 1,000 neuroids. Each point is measured in a process of
its own. Seconds are without imports and the start of threads; memory is the most that the process has had, with its
imports and its data: features in single precision, as networks give them, and responses in double precision.

A point that is expected to take longer than `--seconds-at-most` is left out, and so are the larger ones of its curve.
The time is expected to go on as the power of the number that the last two points show, between 1 and 3: no metric takes
longer than cubic time.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from side_by_side import peak_mb

#: Points of each axis, in the order of the panels.
AXES = {
    'neuroids': (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000),
    'features': (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    'stimuli': (118, 250, 500, 1_000, 2_500, 5_000),
}
#: Numbers that are written at an axis of few powers of ten.
TICKS = {'stimuli': (118, 1_000, 5_000)}
BASE = {'neuroids': 1_000, 'features': 4_096, 'stimuli': 118}
#: Numbers of the data that are computed with before the clock starts.
TINY = {'neuroids': 5, 'features': 40, 'stimuli': 60}
PICTURE = Path(__file__).parents[1] / 'docs' / 'scaling.png'
#: Features of which the signal is added at a time, so that the data are in memory once.
_CHUNK = 16_384


def ridge_one_alpha(features: np.ndarray, responses: np.ndarray) -> None:
    from m2m_benchmarks.arrays import held_out_correlations

    held_out_correlations(features, responses, [1.0], relative=False)


def ridge_default(features: np.ndarray, responses: np.ndarray) -> None:
    from m2m_benchmarks.arrays import held_out_correlations

    held_out_correlations(features, responses)


def pls(features: np.ndarray, responses: np.ndarray) -> None:
    from m2m_benchmarks.arrays import kfold, pearson
    from m2m_benchmarks.arrays.pls import pls_predict

    pearson(pls_predict(features, responses, kfold(len(responses))), responses)


def rdm(features: np.ndarray, responses: np.ndarray) -> None:
    from m2m_benchmarks.arrays.comparators import RSA

    rsa = RSA()
    rsa.compare(rsa.rdm(features), rsa.rdm(responses))


def debiased_cka(features: np.ndarray, responses: np.ndarray) -> None:
    from m2m_benchmarks.arrays.cka import cka

    cka(features, responses)


@dataclass(frozen=True)
class Curve:
    """A metric, and how it is drawn, in colours that colour-blind people can distinguish (Okabe & Ito)."""

    compute: Callable[[np.ndarray, np.ndarray], None]
    colour: str
    marker: str


CURVES = {
    'PLS, 25 components': Curve(pls, '#D55E00', 's'),
    'ridge, 13 alphas': Curve(ridge_default, '#0072B2', 'o'),
    'ridge, 1 alpha': Curve(ridge_one_alpha, '#56B4E9', '^'),
    'RDM + Spearman': Curve(rdm, '#009E73', 'D'),
    'CKA': Curve(debiased_cka, '#000000', 'v'),
}


@dataclass(frozen=True)
class Point:
    """A point of a curve: seconds and MB where it was measured, the seconds that were expected where it wasn't."""

    curve: str
    axis: str
    number: int
    seconds: float
    mb: float | None


def simulate(numbers: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Simulate features and noisy neuroids that follow a few directions of them, with little memory beside them."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(numbers['stimuli'], 12))

    def follow(n: int, noise: float, kind: type) -> np.ndarray:
        values = rng.standard_normal((numbers['stimuli'], n), dtype=kind)
        values *= noise
        for start in range(0, n, _CHUNK):
            part = values[:, start : start + _CHUNK]
            part += latent @ rng.normal(size=(12, part.shape[1]))
        return values

    return follow(numbers['features'], 2, np.float32), follow(numbers['neuroids'], 4, np.float64)


def measure_here(curve: str, axis: str, number: int) -> dict[str, float]:
    """Measure a point in this process."""
    compute = CURVES[curve].compute
    compute(*simulate(TINY))  # imports and thread pools are not timed
    data = simulate({**BASE, axis: number})
    start = time.perf_counter()
    compute(*data)
    return {'seconds': time.perf_counter() - start, 'mb': peak_mb()}


def measure(curve: str, axis: str, number: int) -> Point:
    """Measure a point in a process of its own.

    Raises
    ------
    RuntimeError
        When the process fails; with the end of what it wrote.
    """
    command = [sys.executable, '-W', 'ignore', __file__, '--point', curve, axis, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = ''.join(done.stderr.strip().splitlines()[-1:])
        raise RuntimeError(f'{curve}, {number:,} {axis}: the process ended with status {done.returncode}: {said}')
    return Point(curve, axis, number, **json.loads(done.stdout))


def expected_seconds(measured: list[Point], number: int) -> float:
    """Expect the seconds of the next point of a curve: see the description of this script."""
    if not measured:
        return 0.0
    last, power = measured[-1], 1.0
    if len(measured) > 1:
        before = measured[-2]
        shown = np.log(last.seconds / before.seconds) / np.log(last.number / before.number)
        power = float(np.clip(shown, 1, 3))
    return last.seconds * (number / last.number) ** power


def measured_curve(curve: str, axis: str, known: dict[tuple[str, str, int], Point], most_s: float) -> Iterator[Point]:
    """Yield the points of a curve, up to the first that is expected to take too long; those known aren't measured."""
    points: list[Point] = []
    for number in AXES[axis]:
        point = known.get((curve, axis, number))
        if point is None:
            expected = expected_seconds(points, number)
            if expected > most_s:
                yield Point(curve, axis, number, expected, None)
                return
            point = measure(curve, axis, number)
        points.append(point)
        yield point


def kept_points(path: Path | None) -> list[Point]:
    """Read the points of earlier runs."""
    if path is None or not path.exists():
        return []
    return [Point(**json.loads(written)) for written in path.read_text().splitlines()]


def line(point: Point) -> str:
    """Write a point as a row of the table."""
    name = f'{point.curve:20}{point.number:>10,} {point.axis:9}'
    if point.mb is None:
        return f'{name}   left out, with larger ones: about {point.seconds:,.0f} s'
    return f'{name}{point.seconds:12.4f}{point.mb:12,.0f}'


def draw(points: list[Point], path: Path) -> None:
    """Draw the curves: a row for each axis, seconds on the left and memory on the right."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    axes = [axis for axis in AXES if any(point.axis == axis for point in points)]
    with plt.rc_context({'font.size': 7, 'axes.linewidth': 0.6}):
        # As wide as a column of a paper.
        figure, panels = plt.subplots(
            len(axes),
            2,
            figsize=(3.4, 0.4 + 1.4 * len(axes)),
            sharex='row',
            sharey='col',
            squeeze=False,
            layout='constrained',
        )
        for row, axis in zip(panels, axes, strict=True):
            for panel, label in zip(row, ('time (s)', 'peak memory (GB)'), strict=True):
                for name, curve in CURVES.items():
                    own = [p for p in points if (p.curve, p.axis) == (name, axis) and p.mb is not None]
                    values = [p.seconds if label == 'time (s)' else p.mb / 1000 for p in own]
                    style = {'color': curve.colour, 'marker': curve.marker, 'markersize': 3, 'linewidth': 1}
                    panel.loglog([p.number for p in own], values, label=name, **style)
                panel.set_xlabel(f'number of {axis}')
                panel.xaxis.set_major_locator(LogLocator(numticks=10))
                if axis in TICKS:
                    panel.set_xticks(TICKS[axis], [f'{number:,}' for number in TICKS[axis]])
                panel.set_ylabel(label)
                for ticks in (panel.xaxis, panel.yaxis):
                    ticks.set_minor_formatter(NullFormatter())
                panel.tick_params(labelleft=True)
                panel.grid(color='0.9', linewidth=0.5)
                panel.spines[['top', 'right']].set_visible(False)
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc='outside upper center', ncols=3, frameon=False)
        figure.savefig(path, dpi=300)
        plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--axes', nargs='+', choices=list(AXES), default=list(AXES))
    parser.add_argument('--seconds-at-most', type=float, default=120, metavar='SECONDS')
    parser.add_argument(
        '--points', type=Path, metavar='FILE', help='keep measured points here, and do not measure again'
    )
    parser.add_argument('--picture', type=Path, default=PICTURE, metavar='FILE')
    parser.add_argument('--point', nargs=3, metavar=('CURVE', 'AXIS', 'NUMBER'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point is not None:
        print(json.dumps(measure_here(args.point[0], args.point[1], int(args.point[2]))))
        return 0
    known = {(point.curve, point.axis, point.number): point for point in kept_points(args.points)}
    print(', '.join(f'{number:,} {what}' for what, number in BASE.items()))
    print(f'{"":40}{"seconds":>12}{"peak MB":>12}', flush=True)
    points: list[Point] = []
    failures = []
    for axis in args.axes:
        for curve in CURVES:
            try:
                for point in measured_curve(curve, axis, known, args.seconds_at_most):
                    print(line(point), flush=True)
                    points.append(point)
                    if args.points is not None and point.mb is not None and point not in known.values():
                        with args.points.open('a') as file:
                            file.write(json.dumps(asdict(point)) + '\n')
            except RuntimeError as error:
                failures.append(str(error))
    draw(points, args.picture)
    for failure in failures:
        print(f'FAILED: {failure}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
