"""Mouse scores of a network with NeuRN in front, and of its plain twin.

python examples/neurn_twins.py --backbone squeezenet1_1 --weights squeezenet1_1.pth

The error of a difference is paired: both twins are scored on the same bootstrap draws of stimuli (RSA) or neuroids
(regression).
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from m2m_benchmarks import score
from m2m_benchmarks.arrays import standard_error
from m2m_benchmarks.benchmarks.identifiers import NeuralIdentifier


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--backbone', default='squeezenet1_1', help='from `m2m models`, without neurn_ or plain_')
    parser.add_argument('--weights', default='default', help="'default', 'none', or a file")
    parser.add_argument('--dataset', default='Siegle2021', help='from `m2m data list`')
    arguments = parser.parse_args()
    table = Table(
        title=f'{arguments.backbone}, weights {Path(arguments.weights).name}, {arguments.dataset}: score ± error'
    )
    for column in ('area', 'metric', 'with NeuRN', 'plain', 'difference'):
        table.add_column(column, justify='left' if column in ('area', 'metric') else 'right')
    for kind, metric in (('rdm', 'RSA'), ('ridge', 'regression')):
        benchmark = str(NeuralIdentifier(arguments.dataset, None, None, kind))
        neurn, plain = (
            score(f'{twin}_{arguments.backbone}', benchmark, weights=arguments.weights) for twin in ('neurn', 'plain')
        )
        rows = [(area, neurn.attrs['areas'][area], plain.attrs['areas'][area]) for area in neurn.attrs['areas']]
        for area, first, second in [*rows, ('mean', neurn, plain)]:
            error = standard_error(first.attrs['draws'] - second.attrs['draws'])
            scores = [f'{float(score_):.3f} ± {score_.attrs["error"]:.3f}' for score_ in (first, second)]
            table.add_row(area, metric, *scores, f'{float(first) - float(second):+.3f} ± {error:.3f}')
        table.add_section()
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
