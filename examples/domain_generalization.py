"""Domain generalization on real digits: DigitNet with NeuRN and without, trained on MNIST, tested on other domains.

python examples/domain_generalization.py                      # domains of `m2m data fetch digits`
python examples/domain_generalization.py --digits FOLDER      # imports them from FOLDER first

The single-source protocol: the first 10,000 training images of MNIST, 10,000 steps of 32. Each run takes some minutes;
finished runs in M2M_HOME are reused. FOLDER holds mnist/, mnist_m/mnist_m_test.zip, usps/usps.h5 and
svhn/svhn_crops.npz, all crops of which become test images.
"""

import argparse
from pathlib import Path

from m2m_benchmarks.acquisition.digit_import import import_domain
from m2m_benchmarks.analysis.compare import compare
from m2m_benchmarks.cli.console import print_table, progress
from m2m_benchmarks.report.comparison import write_figure
from m2m_benchmarks.report.tables import Column, Row, Table, count, estimate, interval

FILES = {
    'MNIST': ('mnist', None),
    'MNISTM': ('mnist_m/mnist_m_test.zip', 'test'),
    'USPS': ('usps/usps.h5', None),
    'SVHN': ('svhn/svhn_crops.npz', 'test'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--digits', type=Path, metavar='FOLDER')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--figure', type=Path, metavar='FILE')
    arguments = parser.parse_args()
    if arguments.digits:
        for name, (file, split) in FILES.items():
            import_domain(name, arguments.digits / file, split)
    with progress() as report:
        (comparison,) = compare(
            ['neurn_digitnet', 'plain_digitnet'], ['Qazi2025.MNIST-accuracy'], arguments.seeds, progress=report
        )
    result = comparison.candidates[0].results[0]
    rows = []
    for row in comparison.rows:
        name = {'in-domain': 'MNIST', 'score': 'mean of the targets'}.get(row.name, row.name)
        part = result['in_domain'] if row.name == 'in-domain' else result['targets'].get(row.name)
        (pair,) = row.differences
        ends = pair.interval and tuple(100 * end for end in pair.interval)  # None with two seeds
        rows.append(
            Row(
                (
                    name,
                    None if part is None else part['n_images'],
                    *(tuple(100 * value for value in values) for values in row.values),
                    (100 * pair.value, 100 * pair.error),
                    ends,
                )
            )
        )
    of_seeds = {'kind': 'number', 'formats': ('.1f',) * len(arguments.seeds), 'joint': ' / '}
    print_table(
        Table(
            [
                Column('domain'),
                count('images'),
                Column('with NeuRN', **of_seeds),
                Column('plain', **of_seeds),
                estimate('difference', '+.1f'),
                interval('95 % interval', '+.1f'),
            ],
            rows,
            f'DigitNet trained on MNIST: accuracy in %, seeds {", ".join(map(str, arguments.seeds))}',
            [f'{next(iter(comparison.methods))}; ± is a standard error.'],
        )
    )
    if arguments.figure:
        write_figure([comparison], arguments.figure)


if __name__ == '__main__':
    main()
