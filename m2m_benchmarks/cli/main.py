"""The command `m2m`."""

import signal
import sys
import warnings

import typer

from m2m_benchmarks.cli import benchmarks, compare, data, doctor, export, models, results, score, train
from m2m_benchmarks.cli.groups import TopGroup
from m2m_benchmarks.errors import M2MError

app = typer.Typer(
    name='m2m',
    cls=TopGroup,
    help='How mouse-like is a vision model, and how well does it hold when the domain shifts?',
    epilog='Try it without any data:  m2m score torchvision:squeezenet1_1 SimulatedMouse-rdm --weights none',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={'help_option_names': ['-h', '--help']},
)
app.command('doctor')(doctor.doctor)
app.add_typer(models.app, name='models')
app.command('benchmarks')(benchmarks.benchmarks)
app.add_typer(data.app, name='data')
app.command('score')(score.score)
app.add_typer(results.app, name='results')
app.command('train')(train.train)
app.command('compare')(compare.compare)
app.command('export')(export.export)


def main() -> None:
    """Run the command line; what a user can mend ends with a message and exit code 1, without a traceback."""
    # Brain-Score's own classes, at every import; nothing a user could do about it.
    warnings.filterwarnings('ignore', message='xarray subclass Score should explicitly define __slots__')
    # How a plugin of somebody else's calls torchvision.
    warnings.filterwarnings('ignore', category=UserWarning, module='torchvision')
    try:
        app()
    except M2MError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print('Aborted.', file=sys.stderr)
        sys.exit(1)


def run() -> None:
    """`main` as a process of its own."""
    try:
        main()
    finally:
        # All is done or undone by now: a late Ctrl-C must not end Python's own shutdown with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == '__main__':
    run()
